//! Names take time to resolve and peers to answer, so each connection is opened by a thread.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use crate::waker::Waker;

/// For the name and all its addresses together.
const LIMIT: Duration = Duration::from_secs(30);

/// What became of a connection.
pub struct Connected {
    /// Correlation id.
    pub id: u32,
    /// Tells attempts of the same id apart.
    pub attempt: u64,
    /// The connection, or a text that says why there is none.
    pub result: Result<TcpStream, String>,
}

/// Opens a connection in the background.
///
/// # Errors
/// When there is no thread to be had.
pub fn connect(
    id: u32,
    attempt: u64,
    host: String,
    port: u16,
    results: Sender<Connected>,
    waker: Waker,
) -> io::Result<()> {
    let work = move || {
        let result = open(&host, port);
        // Nobody there to hear it means that the agent is about to end.
        let _ = results.send(Connected {
            id,
            attempt,
            result,
        });
        waker.wake();
    };
    thread::Builder::new()
        .name("connect".to_owned())
        .spawn(work)
        .map(drop)
}

fn open(host: &str, port: u16) -> Result<TcpStream, String> {
    let deadline = Instant::now() + LIMIT;
    let failed = |error: &io::Error| format!("connect {host}:{port}: {error}");
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|error| failed(&error))?;
    let mut outcome = format!("connect {host}:{port}: the name has no address");
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(format!("connect {host}:{port} timed out"));
        }
        let stream = TcpStream::connect_timeout(&address, left).and_then(|stream| {
            stream.set_nonblocking(true)?;
            // Small writes of an interactive client must not wait for each other.
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        match stream {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                outcome = format!("connect {host}:{port} timed out");
            }
            Err(error) => outcome = failed(&error),
        }
    }
    Err(outcome)
}
