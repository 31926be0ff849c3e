use smoltcp::socket::tcp::Socket;
use std::time::{Duration, Instant};

/// A connection whose work is done: the guest gets its last bytes and the FIN, what it still sends is thrown away.
pub struct Drain {
    deadline: Instant,
}

/// A guest that does not close its side within this time is reset.
const LIMIT: Duration = Duration::from_secs(60);

impl Drain {
    pub fn new(guest: &mut Socket, now: Instant) -> Drain {
        guest.close();
        Drain {
            deadline: now + LIMIT,
        }
    }

    pub fn pump(&self, guest: &mut Socket, now: Instant) {
        while guest.can_recv() && guest.recv(|bytes| (bytes.len(), ())).is_ok() {}
        if now >= self.deadline {
            guest.abort();
        }
    }
}
