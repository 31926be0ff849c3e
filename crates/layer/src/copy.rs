//! Copies the bodies of files from the spool file to where an image has them, which is in another order.

use crate::failure::Failure;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// Bytes read and written at a time. Fits the processor's cache.
const BUFFER_BYTES: usize = 512 * 1024;
/// Bytes after which what was written is synced.
const SYNC_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes from which on two threads copy.
const PARALLEL_BYTES: u64 = 8 * 1024 * 1024;
/// Bodies that lie further apart are read one by one.
const NEIGHBOUR_BYTES: u64 = 4096;

/// One body and its two places.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    pub from: u64,
    pub to: u64,
    pub bytes: u64,
}

/// A file and its name.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    pub file: &'a File,
    pub path: &'a Path,
}

/// Copies bodies in their order. Those that are neighbours in both files go together, with zeros between them; zeros
/// that fill a buffer are left out of the target, which is new. Two threads copy, a half each. What was written is on the disk afterwards: it is synced
/// while the rest is being copied, so that nobody waits for it later.
pub fn copy_bodies(
    source: Named,
    target: Named,
    bodies: &[Body],
    cancelled: &AtomicBool,
) -> Result<(), Failure> {
    let failed = Failure::writing(target.path);
    thread::scope(|scope| {
        let (written, steps) = sync_channel(1);
        let syncing = thread::Builder::new()
            .name("sync".into())
            .spawn_scoped(scope, move || {
                steps.iter().try_for_each(|()| target.file.sync_data())
            })
            .map_err(&failed)?;
        let copy =
            |bodies, written| copy_all(Span::new(source, target), bodies, written, cancelled);
        let [front, back] = halves(bodies);
        let other = thread::Builder::new().name("copy".into());
        let other = other.spawn_scoped(scope, {
            let written = written.clone();
            move || copy(back, written)
        });
        let other = other.map_err(&failed)?;
        copy(front, written)?;
        let ended = |_| Err(failed(io::Error::other("the copying thread ended")));
        other.join().unwrap_or_else(ended)?;
        // The system tells a failure to the first who asks only.
        syncing
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the syncing thread ended")))
            .map_err(&failed)
    })?;
    target.file.sync_data().map_err(failed)
}

/// Cuts bodies in two parts, for a thread each: of about the same length, or all and none where that is not worth it.
fn halves(bodies: &[Body]) -> [&[Body]; 2] {
    let bytes: u64 = bodies.iter().map(|body| body.bytes).sum();
    if bytes < PARALLEL_BYTES {
        return [bodies, &[]];
    }
    let mut before = 0;
    let crosses_middle = |body: &Body| {
        before += body.bytes;
        before > bytes / 2
    };
    let middle = bodies.iter().position(crosses_middle);
    bodies.split_at(middle.unwrap_or(bodies.len())).into()
}

/// Copies, and tells after every step.
fn copy_all(
    mut span: Span,
    bodies: &[Body],
    written: SyncSender<()>,
    cancelled: &AtomicBool,
) -> Result<(), Failure> {
    let mut since_step = 0;
    for body in bodies {
        let mut done = 0;
        while done < body.bytes {
            let added = span.add(body.from + done, body.to + done, body.bytes - done)?;
            done += added;
            since_step += added;
            if since_step >= SYNC_BYTES {
                since_step = 0;
                // Whoever is still syncing sees these bytes the next time.
                let _ = written.try_send(());
                if cancelled.load(Ordering::Relaxed) {
                    return Err(Failure::Cancelled);
                }
            }
        }
    }
    span.copy()
}

/// Bytes that are copied together.
struct Span<'a> {
    source: Named<'a>,
    target: Named<'a>,
    buffer: Vec<u8>,
    from: u64,
    to: u64,
    bytes: usize,
    /// Stretches that belong to no body.
    gaps: Vec<(usize, usize)>,
}

impl<'a> Span<'a> {
    fn new(source: Named<'a>, target: Named<'a>) -> Self {
        Self {
            source,
            target,
            buffer: vec![0; BUFFER_BYTES],
            from: 0,
            to: 0,
            bytes: 0,
            gaps: Vec::new(),
        }
    }

    /// Adds as much of a stretch as there is room for, and says how much that is.
    fn add(&mut self, from: u64, to: u64, bytes: u64) -> Result<u64, Failure> {
        let gap = match self.gap_before(from, to) {
            Some(gap) => gap,
            None => {
                self.copy()?;
                (self.from, self.to) = (from, to);
                0
            }
        };
        let start = self.bytes + gap;
        if gap > 0 {
            self.gaps.push((self.bytes, start));
        }
        let room = (BUFFER_BYTES - start) as u64;
        let added = bytes.min(room);
        self.bytes = start + added as usize;
        Ok(added)
    }

    /// Bytes between the span and a stretch that goes on with it, with room for more behind them.
    fn gap_before(&self, from: u64, to: u64) -> Option<usize> {
        let gap = from.checked_sub(self.from + self.bytes as u64)?;
        let same = to.checked_sub(self.to + self.bytes as u64)? == gap;
        let fits = gap < NEIGHBOUR_BYTES && self.bytes + (gap as usize) < BUFFER_BYTES;
        (same && fits && self.bytes > 0).then_some(gap as usize)
    }

    /// Copies what is there, and is empty then.
    fn copy(&mut self) -> Result<(), Failure> {
        let used = &mut self.buffer[..self.bytes];
        let failed = Failure::reading(self.source.path);
        self.source
            .file
            .read_exact_at(used, self.from)
            .map_err(|error| failed(named(error)))?;
        for (start, end) in self.gaps.drain(..) {
            used[start..end].fill(0);
        }
        self.bytes = 0;
        if used.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        self.target
            .file
            .write_all_at(used, self.to)
            .map_err(Failure::writing(self.target.path))
    }
}

/// A file that is too short is no failure of the system; what it is, it says itself.
fn named(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::other("it ends before its data does"),
        _ => error,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::failure::Action;

    fn copied(source: &File, target: &File, bodies: &[Body]) -> Result<(), Failure> {
        let [source, target] = [source, target].map(|file| Named {
            file,
            path: Path::new("-"),
        });
        copy_bodies(source, target, bodies, &AtomicBool::new(false))
    }

    fn files(name: &str, source: &[u8]) -> (File, File) {
        let path = std::env::temp_dir().join(format!("msb-copy-{name}-{}", std::process::id()));
        std::fs::write(&path, source).unwrap();
        let opened = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let target = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path);
        std::fs::remove_file(&path).unwrap();
        (opened, target.unwrap())
    }

    fn content(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    fn body(from: u64, to: u64, bytes: u64) -> Body {
        Body { from, to, bytes }
    }

    #[test]
    fn bodies_of_any_length_and_order_arrive_with_zeros_between_them() {
        let source: Vec<u8> = (0..2_000_000u32).map(|i| (i * 7 + 1) as u8).collect();
        let bodies = [
            body(0, 8192, 10),
            body(4096, 12_288, 4096),
            body(8192, 16_384, 1_300_000),
            body(1_310_720, 0, 5),
            body(1_310_800, 1_400_000, 600_000),
        ];
        let (from, to) = files("order", &source);
        to.set_len(2_000_000).unwrap();
        copied(&from, &to, &bodies).unwrap();
        let mut expected = vec![0; 2_000_000];
        for Body { from, to, bytes } in bodies {
            let (from, to, bytes) = (from as usize, to as usize, bytes as usize);
            expected[to..to + bytes].copy_from_slice(&source[from..from + bytes]);
        }
        assert!(content(&to) == expected);
    }

    #[test]
    fn two_threads_copy_what_is_long() {
        let source: Vec<u8> = (0..12_000_000u32).map(|at| (at % 251) as u8).collect();
        let bodies = [0, 1, 2].map(|at| body(at * 4_000_000, (2 - at) * 4_000_000, 4_000_000));
        let (from, to) = files("halves", &source);
        copied(&from, &to, &bodies).unwrap();
        assert_eq!([1, 2], halves(&bodies).map(<[Body]>::len));
        let expected: Vec<u8> = source.chunks(4_000_000).rev().flatten().copied().collect();
        assert!(content(&to) == expected);
    }

    #[test]
    fn a_source_that_is_too_short_is_a_failure() {
        let (from, to) = files("short", &[1; 100]);
        let failure = copied(&from, &to, &[body(0, 0, 101)]);
        let is_reading = |failure| {
            matches!(
                failure,
                Failure::System {
                    action: Action::Read,
                    ..
                }
            )
        };
        assert!(failure.is_err_and(is_reading));
    }
}
