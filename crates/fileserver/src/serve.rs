//! The threads of a share. They take turns at the stream: who has read a request does it and answers. What takes long is
//! done while the next thread reads on; what does not is done first, since waking a thread costs more than most requests.
//! A thread that is stuck nevertheless, in a host's file system that hangs, loses its turn to another one.
//! A quiet share costs threads that sleep.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::{io, thread};

use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};

use crate::abi::{Header, Reply};
use crate::answers::Answers;
use crate::filesystem::Filesystem;
use crate::limits::{MAX_THREADS, MAX_WORKERS};
use crate::ops::{self, Outcome};
use crate::options::{ShareError, ShareOptions};
use crate::stream::{Requests, StreamError};
use crate::turns::{Turn, Turns};
use crate::watch::Watch;

const STACK_BYTES: usize = 256 << 10;

/// Buffers that grew for one large request are given back when they are larger than this.
const KEPT_BYTES: usize = 2 << 20;

struct Share {
    fs: Filesystem,
    socket: OwnedFd,
    requests: Mutex<Requests>,
    answers: Answers,
    turns: Turns,
    watch: Watch,
    threads: AtomicUsize,
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
    let workers = thread::available_parallelism()
        .map_or(1, usize::from)
        .clamp(1, MAX_WORKERS);
    let share = Arc::new(Share {
        fs: Filesystem::open(options)?,
        socket,
        requests: Mutex::new(Requests::new()),
        answers: Answers::default(),
        turns: Turns::new(workers - 1),
        watch: Watch::new(),
        threads: AtomicUsize::new(0),
        outcome: Mutex::default(),
    });
    let last = Arc::new(EndNotice {
        share: Arc::clone(&share),
        on_end: Mutex::new(Some(Box::new(on_end))),
    });
    for _ in 0..workers {
        start_thread(&last)?;
    }
    start_watch(&last)?;
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

/// Starts a thread that serves the share.
fn start_thread(last: &Arc<EndNotice>) -> io::Result<()> {
    let (share, last) = (Arc::clone(&last.share), Arc::clone(last));
    let number = share.threads.fetch_add(1, Ordering::Relaxed);
    let work = move || {
        last.share.work();
        last.share.threads.fetch_sub(1, Ordering::Relaxed);
    };
    spawn(&format!("share-{number}"), work).inspect_err(|_| {
        share.threads.fetch_sub(1, Ordering::Relaxed);
    })
}

/// Starts the thread that sees to it that somebody reads.
fn start_watch(last: &Arc<EndNotice>) -> io::Result<()> {
    let (share, last) = (Arc::clone(&last.share), Arc::downgrade(last));
    let work = move || share.watch.run(|| share.relieve(&last));
    spawn("share-watch", work)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.stack_size(STACK_BYTES).spawn(work)?;
    Ok(())
}

type OnEnd = Box<dyn FnOnce(Option<String>) + Send>;

/// Held by all threads; the last one that lets go tells of the end.
struct EndNotice {
    share: Arc<Share>,
    on_end: Mutex<Option<OnEnd>>,
}

impl Drop for EndNotice {
    fn drop(&mut self) {
        self.share.watch.end();
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

/// What is left to a thread when its turn is over.
enum Rest {
    /// A request that takes long.
    Request(Header),
    /// At most descriptors to be closed.
    Little,
    /// The stream has ended.
    End,
}

/// What a thread works with, used again and again.
struct Desk {
    arguments: Vec<u8>,
    reply: Reply,
}

impl Share {
    fn work(&self) {
        let mut desk = Desk {
            arguments: Vec::new(),
            reply: Reply::new(),
        };
        let ended = loop {
            let Some(turn) = self.turns.take() else {
                return;
            };
            let rest = self.serve(&turn, &mut desk);
            drop(turn);
            let done = match rest {
                Ok(Rest::Request(header)) => self.perform(&header, &mut desk, false),
                Ok(Rest::Little) => Ok(()),
                Ok(Rest::End) => break Ok(()),
                Err(error) => break Err(error),
            };
            if let Err(error) = done {
                break Err(error);
            }
            self.fs.unused.close();
        };
        self.end(ended.err());
    }

    /// Does requests in the order in which they come, up to what takes long. @returns that, to be done while others read
    fn serve(&self, turn: &Turn<'_>, desk: &mut Desk) -> Result<Rest, StreamError> {
        while turn.counts() {
            let (header, more) = {
                let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
                self.watch.reads();
                let Some(header) = requests.next(&self.socket, &mut desk.arguments)? else {
                    return Ok(Rest::End);
                };
                self.watch.took();
                (header, requests.has_next())
            };
            if ops::takes_long(&header, &desk.arguments) {
                self.answers.flush(&self.socket)?;
                return Ok(Rest::Request(header));
            }
            self.perform(&header, desk, more)?;
            if !more && !self.fs.unused.is_empty() {
                return Ok(Rest::Little);
            }
        }
        // Who reads now may have nothing to send.
        self.answers.flush(&self.socket)?;
        Ok(Rest::Little)
    }

    /// Does what a request asks and answers it, when there is `more` to come together with the next.
    fn perform(&self, header: &Header, desk: &mut Desk, more: bool) -> Result<(), StreamError> {
        let Desk { arguments, reply } = desk;
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
        self.answers.put(&self.socket, bytes, more)?;
        if arguments.capacity() > KEPT_BYTES {
            *arguments = Vec::new();
        }
        Ok(())
    }

    /// Nobody reads: lets another thread do it, a new one if need be.
    fn relieve(&self, last: &Weak<EndNotice>) {
        // Who waits for the guest to take its answers is not stuck, and the next one would wait as well.
        if !self.answers.flush_if_free(&self.socket) || self.turns.revoke() {
            return;
        }
        if self.threads.load(Ordering::Relaxed) < MAX_THREADS
            && let Some(last) = last.upgrade()
        {
            // When there can be none now, there may be one later.
            let _ = start_thread(&last);
        }
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
