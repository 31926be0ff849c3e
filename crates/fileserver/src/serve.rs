//! The threads of a share. They take turns at the stream: who has read a request does it and answers. What takes long is
//! done while the next thread reads on; what does not is done first, since waking a thread costs more than most requests.
//! A quiet share costs threads that sleep.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, send, shutdown};

use crate::abi::{Header, Reply};
use crate::filesystem::Filesystem;
use crate::limits::MAX_WORKERS;
use crate::ops::{self, Outcome};
use crate::options::{ShareError, ShareOptions};
use crate::stream::{Requests, StreamError};

const STACK_BYTES: usize = 256 << 10;

/// Buffers that grew for one large request are given back when they are larger than this.
const KEPT_BYTES: usize = 2 << 20;

/// Answers that are sent together, in bytes.
const MAX_UNSENT: usize = 16 << 10;

struct Share {
    fs: Filesystem,
    socket: OwnedFd,
    requests: Mutex<Requests>,
    replies: Mutex<()>,
    outcome: Mutex<Option<String>>,
}

/// A share that is served until its stream ends or [`ShareServer::close`] is called.
#[derive(Clone)]
pub struct ShareServer(Arc<Share>);

/// Serves `options` on `socket`, a connected stream socket. `on_end` is called once, from a thread of the share,
/// with the reason where the stream did not just end.
///
/// # Errors
/// [`ShareError`] when the folder cannot be shared as asked.
///
/// # Example
/// ```
/// use msb_fileserver::{ShareOptions, StatVirt, serve};
/// let (host, _guest) = std::os::unix::net::UnixStream::pair()?;
/// let options = ShareOptions { path: "/usr".into(), stat_virt: StatVirt::Off, read_only: true, ..Default::default() };
/// let server = serve(host.into(), &options, |reason| assert_eq!(reason, None))?;
/// server.close();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn serve(
    socket: OwnedFd,
    options: &ShareOptions,
    on_end: impl FnOnce(Option<String>) + Send + 'static,
) -> Result<ShareServer, ShareError> {
    let share = Arc::new(Share {
        fs: Filesystem::open(options)?,
        socket,
        requests: Mutex::new(Requests::new()),
        replies: Mutex::default(),
        outcome: Mutex::default(),
    });
    let workers = thread::available_parallelism()
        .map_or(1, usize::from)
        .clamp(1, MAX_WORKERS);
    let last = Arc::new(EndNotice {
        share: Arc::clone(&share),
        on_end: Mutex::new(Some(Box::new(on_end))),
    });
    for index in 0..workers {
        let last = Arc::clone(&last);
        thread::Builder::new()
            .name(format!("share-{index}"))
            .stack_size(STACK_BYTES)
            .spawn(move || last.share.work())?;
    }
    Ok(ShareServer(share))
}

impl ShareServer {
    /// Ends the share; requests under way are finished, their answers lost.
    pub fn close(&self) {
        // Fails only when the other side is gone already.
        let _ = shutdown(&self.0.socket, Shutdown::Both);
    }

    /// From now on the host's own files belong to this user of the guest.
    pub fn set_default_owner(&self, uid: u32, gid: u32) {
        self.0.fs.set_default_owner(uid, gid);
    }
}

type OnEnd = Box<dyn FnOnce(Option<String>) + Send>;

/// Held by all threads; the last one that lets go tells of the end.
struct EndNotice {
    share: Arc<Share>,
    on_end: Mutex<Option<OnEnd>>,
}

impl Drop for EndNotice {
    fn drop(&mut self) {
        let on_end = self
            .on_end
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let reason = self
            .share
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(on_end) = on_end {
            on_end(reason);
        }
    }
}

/// What is left to a thread that does not read any more.
enum Rest {
    /// A request that takes long.
    Request(Header),
    /// Descriptors to be closed.
    Unused,
    /// Nothing: the stream has ended.
    Nothing,
}

/// What a thread works with, used again and again.
struct Desk {
    arguments: Vec<u8>,
    reply: Reply,
    /// Answers to be sent with the next one.
    unsent: Vec<u8>,
}

impl Share {
    fn work(&self) {
        let mut desk = Desk {
            arguments: Vec::new(),
            reply: Reply::new(),
            unsent: Vec::new(),
        };
        let ended = loop {
            let done = match self.serve(&mut desk) {
                Ok(Rest::Request(header)) => self.perform(&header, &mut desk, false),
                Ok(Rest::Unused) => Ok(()),
                Ok(Rest::Nothing) => break Ok(()),
                Err(error) => break Err(error),
            };
            if let Err(error) = done {
                break Err(error);
            }
            self.fs.unused.close();
        };
        self.end(ended.err());
    }

    /// Does requests in the order in which they come, up to what takes long. Those that came together are answered
    /// together: each message wakes the guest. @returns what takes long, to be done while others read
    fn serve(&self, desk: &mut Desk) -> Result<Rest, StreamError> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(header) = requests.next(&self.socket, &mut desk.arguments)? {
            if ops::takes_long(&header, &desk.arguments) {
                self.send(&std::mem::take(&mut desk.unsent))?;
                return Ok(Rest::Request(header));
            }
            let more = requests.has_next();
            self.perform(&header, desk, more)?;
            if !more && !self.fs.unused.is_empty() {
                return Ok(Rest::Unused);
            }
        }
        Ok(Rest::Nothing)
    }

    /// Does what a request asks and answers it, when there is `more` to come together with the next.
    fn perform(&self, header: &Header, desk: &mut Desk, more: bool) -> Result<(), StreamError> {
        let Desk {
            arguments,
            reply,
            unsent,
        } = desk;
        reply.clear();
        // A fault of ours must not take the sandbox down with it.
        let done = catch_unwind(AssertUnwindSafe(|| {
            ops::handle(&self.fs, header, arguments, reply)
        }));
        let bytes = match done.unwrap_or(Err(Errno::IO)) {
            Ok(Outcome::Silence) => &[],
            Ok(Outcome::Answer) => reply.finish(header.unique, 0),
            Err(errno) => reply.finish(header.unique, errno.raw_os_error()),
        };
        if more && unsent.len() + bytes.len() <= MAX_UNSENT {
            unsent.extend_from_slice(bytes);
        } else if unsent.is_empty() {
            self.send(bytes)?;
        } else {
            unsent.extend_from_slice(bytes);
            self.send(unsent)?;
            unsent.clear();
        }
        if arguments.capacity() > KEPT_BYTES {
            *arguments = Vec::new();
        }
        Ok(())
    }

    fn send(&self, mut bytes: &[u8]) -> Result<(), Errno> {
        let _turn = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            match send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends all threads; the first reason counts. That the other side is gone is none.
    fn end(&self, error: Option<StreamError>) {
        if let Some(error) = error.filter(|error| *error != StreamError::System(Errno::PIPE)) {
            self.outcome
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error.to_string());
        }
        let _ = shutdown(&self.socket, Shutdown::Both);
    }
}
