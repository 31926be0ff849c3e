//! The thread that touches files.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, ReadDir};
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};

use msb_protocol::constants::MAX_FRAME_SIZE;
use msb_protocol::payload::{FsEntryInfo, FsOp, FsPath, FsResponseData};

use super::handles::{Handles, Open, OpenFile, OpenFolder};
use super::info::{entry_info, listed};
use super::operations as ops;
use super::reply::{FsEvent, FsResult, Prefix, response};
use crate::held_ids::HeldIds;
use crate::waker::Waker;

/// Bytes of a file in one frame. Less than the protocol allows: other frames get in between.
const READ_CHUNK: usize = 256 * 1024;

/// Entries of one `ReadDir` when the client does not say.
const DEFAULT_BATCH: u32 = 128;

/// Bytes that one `ReadDir` answer is to stay below.
const BATCH_BYTES: usize = 1024 * 1024;

/// What one entry costs in an answer besides its path, at most.
const ENTRY_BYTES: usize = 176;

/// What the loop asks for.
#[derive(Debug)]
pub enum Command {
    /// An operation.
    Request(FsOp),
    /// A piece for a write stream; empty is its end.
    Data(Vec<u8>),
    /// All ids from this command's up to this one belong to nobody any more.
    Disconnected(u32),
    /// Reads of all ids from this command's up to `end` wait, or go on.
    Flow {
        /// First id behind them.
        end: u32,
        /// Whether they wait.
        held: bool,
    },
}

/// A command with its id and the bytes it occupies while it waits.
pub type Order = (u32, Command, usize);

/// What loop and worker both see.
#[derive(Debug, Default)]
pub struct Shared {
    /// Bytes of commands that wait.
    pub waiting: AtomicUsize,
    /// Streams that are open.
    pub streams: AtomicUsize,
}

struct ReadStream {
    id: u32,
    file: Rc<File>,
    offset: u64,
    left: Option<u64>,
}

struct WriteStream {
    file: Rc<File>,
    offset: u64,
    written: u64,
    expected: Option<u64>,
}

/// Where events go, and how the loop hears of them.
pub struct Outlet {
    /// Bounded: the worker waits while the loop cannot send.
    pub events: SyncSender<(u32, FsEvent)>,
    /// The loop's.
    pub waker: Waker,
}

/// The loop is gone, so there is nothing left to do.
struct Abandoned;

impl Outlet {
    fn send(&self, id: u32, event: FsEvent) -> Result<(), Abandoned> {
        self.events.send((id, event)).map_err(|_| Abandoned)?;
        self.waker.wake();
        Ok(())
    }
}

/// State of the thread.
pub struct Worker {
    orders: Receiver<Order>,
    outlet: Outlet,
    shared: Arc<Shared>,
    handles: Handles,
    readers: VecDeque<ReadStream>,
    writers: BTreeMap<u32, WriteStream>,
    /// Clients that do not take what they read.
    held: HeldIds,
}

impl Worker {
    /// A worker without open files.
    #[must_use]
    pub fn new(orders: Receiver<Order>, outlet: Outlet, shared: Arc<Shared>) -> Self {
        let (handles, readers, writers, held) = Default::default();
        Self {
            orders,
            outlet,
            shared,
            handles,
            readers,
            writers,
            held,
        }
    }

    /// Works until the loop is gone.
    pub fn run(mut self) {
        while self.step().is_ok() {}
    }

    /// One command, then one chunk of one read stream.
    fn step(&mut self) -> Result<(), Abandoned> {
        let order = if self.next_reader().is_none() {
            Some(self.orders.recv().map_err(|_| Abandoned)?)
        } else {
            match self.orders.try_recv() {
                Ok(order) => Some(order),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return Err(Abandoned),
            }
        };
        if let Some((id, command, size)) = order {
            let outcome = self.obey(id, command);
            self.shared.waiting.fetch_sub(size, Ordering::Relaxed);
            self.outlet.waker.wake();
            outcome?;
        }
        let outcome = self.read_chunk();
        let streams = self.readers.len() + self.writers.len();
        self.shared.streams.store(streams, Ordering::Relaxed);
        outcome
    }

    fn obey(&mut self, id: u32, command: Command) -> Result<(), Abandoned> {
        match command {
            Command::Request(op) => match self.request(id, op) {
                Some(result) => self.outlet.send(id, FsEvent::Response(response(result))),
                None => Ok(()),
            },
            Command::Data(data) => match self.write(id, &data) {
                Some(result) => self.outlet.send(id, FsEvent::Response(response(result))),
                None => Ok(()),
            },
            Command::Disconnected(end) => {
                self.handles.close_range(id, end);
                self.readers
                    .retain(|stream| !(id..end).contains(&stream.id));
                self.writers.retain(|stream, _| !(id..end).contains(stream));
                self.held.set(id..end, false);
                Ok(())
            }
            Command::Flow { end, held } => {
                self.held.set(id..end, held);
                Ok(())
            }
        }
    }

    /// The result of `op`; streams have none yet.
    fn request(&mut self, id: u32, op: FsOp) -> Option<FsResult> {
        let done = |result: Result<(), String>| Some(result.map(|()| None));
        let path = |result: Result<FsPath, String>| {
            Some(result.map(|path| Some(FsResponseData::Path(path))))
        };
        match op {
            FsOp::RealPath { path: of } => path(ops::real_path(of.as_ref())),
            FsOp::ReadLink { path: of } => path(ops::read_link(of.as_ref())),
            FsOp::Stat {
                path,
                follow_symlink,
            } => {
                Some(ops::stat(&path, follow_symlink).map(|info| Some(FsResponseData::Stat(info))))
            }
            FsOp::List { path } => Some(ops::list(path.as_ref()).and_then(checked_list)),
            FsOp::SetStat {
                path,
                follow_symlink,
                attrs,
            } => done(ops::set_stat(path.as_ref(), follow_symlink, &attrs)),
            FsOp::Symlink { target, link_path } => {
                done(ops::make_symlink(target.as_ref(), link_path.as_ref()))
            }
            FsOp::Mkdir { path, mode } => done(ops::make_folder(path.as_ref(), mode)),
            FsOp::Remove { path } => done(ops::remove(path.as_ref())),
            FsOp::RemoveDir { path, recursive } => {
                done(ops::remove_folder(path.as_ref(), recursive))
            }
            FsOp::Copy { src, dst } => done(ops::copy(src.as_ref(), dst.as_ref())),
            FsOp::Rename { src, dst } => done(ops::rename(src.as_ref(), dst.as_ref())),
            FsOp::OpenFile { path, options } => Some(self.handles.check_room(id).and_then(|()| {
                let writable = options.write || options.append;
                let file = ops::open(path.as_ref(), &options)?;
                let open = Open::File(OpenFile::new(file, path, options.read, writable));
                Ok(Some(FsResponseData::Handle(self.handles.insert(id, open))))
            })),
            FsOp::OpenDir { path } => Some(self.handles.check_room(id).and_then(|()| {
                let entries = std::fs::read_dir(&path).prefix("opendir")?;
                let open = Open::Folder(OpenFolder { entries, path });
                Ok(Some(FsResponseData::Handle(self.handles.insert(id, open))))
            })),
            FsOp::CloseHandle { handle } => done(self.handles.close(id, handle)),
            FsOp::FStat { handle } => Some(self.stat_handle(id, handle)),
            FsOp::FSetStat { handle, attrs } => done(
                self.handles
                    .file(id, handle)
                    .and_then(|open| ops::set_open_stat(&open.file, &attrs)),
            ),
            FsOp::ReadDir { handle, limit } => {
                Some(self.handles.folder(id, handle).and_then(|folder| {
                    let limit = limit.unwrap_or(DEFAULT_BATCH).max(1);
                    Ok(Some(FsResponseData::List(next_batch(
                        &mut folder.entries,
                        limit,
                    )?)))
                }))
            }
            FsOp::Read {
                handle,
                offset,
                len,
            } => match self.handles.readable(id, handle) {
                Ok(file) => {
                    self.readers.push_back(ReadStream {
                        id,
                        file,
                        offset,
                        left: len,
                    });
                    None
                }
                Err(error) => Some(Err(error)),
            },
            FsOp::Write {
                handle,
                offset,
                len,
            } => match self.handles.writable(id, handle) {
                Ok(file) => {
                    let stream = WriteStream {
                        file,
                        offset,
                        written: 0,
                        expected: len,
                    };
                    self.writers.insert(id, stream);
                    None
                }
                Err(error) => Some(Err(error)),
            },
        }
    }

    fn stat_handle(&mut self, id: u32, handle: u64) -> FsResult {
        let info = match self.handles.get(id, handle)? {
            Open::File(open) => {
                entry_info(open.path.clone(), &open.file.metadata().prefix("fstat")?)
            }
            Open::Folder(folder) => {
                let metadata = std::fs::metadata(&folder.path).prefix("fstat")?;
                entry_info(folder.path.clone(), &metadata)
            }
        };
        Ok(Some(FsResponseData::Stat(info)))
    }

    /// Place of the stream whose turn it is.
    fn next_reader(&self) -> Option<usize> {
        self.readers
            .iter()
            .position(|stream| !self.held.contains(stream.id))
    }

    /// Reads the next chunk of the stream whose turn it is.
    fn read_chunk(&mut self) -> Result<(), Abandoned> {
        let next = self.next_reader();
        let Some(mut stream) = next.and_then(|place| self.readers.remove(place)) else {
            return Ok(());
        };
        let size = stream
            .left
            .and_then(|left| usize::try_from(left).ok())
            .unwrap_or(READ_CHUNK);
        let mut data = vec![0; size.min(READ_CHUNK)];
        let result = match read_at(&stream.file, &mut data, stream.offset) {
            Ok(0) => Ok(None),
            Ok(count) => {
                data.truncate(count);
                stream.offset += count as u64;
                stream.left = stream.left.map(|left| left - count as u64);
                self.outlet.send(stream.id, FsEvent::Data(data))?;
                self.readers.push_back(stream);
                return Ok(());
            }
            Err(error) => Err(positioned("read", &error)),
        };
        self.outlet
            .send(stream.id, FsEvent::Response(response(result)))
    }

    /// Writes a piece; at the end of the stream, or of its luck, there is a result.
    fn write(&mut self, id: u32, data: &[u8]) -> Option<FsResult> {
        let Some(stream) = self.writers.get_mut(&id) else {
            return Some(Err(format!("unknown write session: {id}")));
        };
        let result = if data.is_empty() {
            match stream.expected {
                Some(expected) if expected != stream.written => Err(format!(
                    "write length mismatch: expected {expected}, wrote {}",
                    stream.written
                )),
                _ => Ok(None),
            }
        } else {
            // Files opened for appending ignore the offset.
            match stream.file.write_all_at(data, stream.offset) {
                Ok(()) => {
                    stream.offset += data.len() as u64;
                    stream.written += data.len() as u64;
                    return None;
                }
                Err(error) => Err(positioned("write", &error)),
            }
        };
        self.writers.remove(&id);
        Some(result)
    }
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// What has no positions fails where others would seek.
fn positioned(what: &str, error: &io::Error) -> String {
    let what = if error.raw_os_error() == Some(libc::ESPIPE) {
        "seek"
    } else {
        what
    };
    format!("{what}: {error}")
}

fn next_batch(entries: &mut ReadDir, limit: u32) -> Result<Vec<FsEntryInfo>, String> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    while batch.len() < limit as usize && bytes < BATCH_BYTES {
        let Some(entry) = entries.next() else {
            break;
        };
        let info = listed(&entry.prefix("readdir")?);
        bytes += entry_bytes(&info);
        batch.push(info);
    }
    Ok(batch)
}

/// What an entry occupies in an answer, at most. A byte that is no text is replaced by three.
fn entry_bytes(info: &FsEntryInfo) -> usize {
    let path = match &info.path_bytes {
        None => info.path.len(),
        Some(bytes) => 4 * bytes.len(),
    };
    path + ENTRY_BYTES
}

/// A listing that fits no frame would leave its client waiting for ever.
fn checked_list(entries: Vec<FsEntryInfo>) -> FsResult {
    let bytes: usize = entries.iter().map(entry_bytes).sum();
    if bytes < MAX_FRAME_SIZE - 1024 {
        return Ok(Some(FsResponseData::List(entries)));
    }
    let count = entries.len();
    Err(format!(
        "readdir: {count} entries do not fit in one answer; open the directory instead"
    ))
}
