//! Copies the bodies of files from the spool file to where an image has them, which is in another order.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// Bytes read and written at a time. Fits the processor's cache.
const BUFFER_BYTES: usize = 512 * 1024;
/// Bytes after which what was written is synced.
const SYNC_BYTES: u64 = 16 * 1024 * 1024;
/// Bodies that lie further apart are read one by one.
const NEIGHBOUR_BYTES: u64 = 4096;

/// One body and its two places.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    pub from: u64,
    pub to: u64,
    pub bytes: u64,
}

/// Why bodies were not copied.
#[derive(Debug)]
pub enum CopyFailure {
    Read(io::Error),
    Write(io::Error),
}

/// Copies bodies in their order. Those that are neighbours in both files go together, with zeros between them. What was
/// written is on the disk afterwards: it is synced while the rest is being copied, so that nobody waits for it later.
pub fn copy_bodies(source: &File, target: &File, bodies: &[Body]) -> Result<(), CopyFailure> {
    thread::scope(|scope| {
        let (written, steps) = sync_channel(1);
        let syncing = thread::Builder::new()
            .name("sync".into())
            .spawn_scoped(scope, move || {
                steps.iter().try_for_each(|()| target.sync_data())
            })
            .map_err(CopyFailure::Write)?;
        copy_all(Span::new(source, target), bodies, &written)?;
        drop(written);
        // The system tells a failure to the first who asks only.
        syncing
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the syncing thread ended")))
            .map_err(CopyFailure::Write)
    })?;
    target.sync_data().map_err(CopyFailure::Write)
}

/// Copies, and tells after every step.
fn copy_all(mut span: Span, bodies: &[Body], written: &SyncSender<()>) -> Result<(), CopyFailure> {
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
            }
        }
    }
    span.copy()
}

/// Bytes that are copied together.
struct Span<'a> {
    source: &'a File,
    target: &'a File,
    buffer: Vec<u8>,
    from: u64,
    to: u64,
    bytes: usize,
    /// Stretches that belong to no body.
    gaps: Vec<(usize, usize)>,
}

impl<'a> Span<'a> {
    fn new(source: &'a File, target: &'a File) -> Self {
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
    fn add(&mut self, from: u64, to: u64, bytes: u64) -> Result<u64, CopyFailure> {
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
    fn copy(&mut self) -> Result<(), CopyFailure> {
        let used = &mut self.buffer[..self.bytes];
        self.source
            .read_exact_at(used, self.from)
            .map_err(|error| CopyFailure::Read(named(error)))?;
        for (start, end) in self.gaps.drain(..) {
            used[start..end].fill(0);
        }
        self.target
            .write_all_at(used, self.to)
            .map_err(CopyFailure::Write)?;
        self.bytes = 0;
        Ok(())
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
        copy_bodies(&from, &to, &bodies).unwrap();
        let mut expected = vec![0; 2_000_000];
        for Body { from, to, bytes } in bodies {
            let (from, to, bytes) = (from as usize, to as usize, bytes as usize);
            expected[to..to + bytes].copy_from_slice(&source[from..from + bytes]);
        }
        assert!(content(&to) == expected);
    }

    #[test]
    fn a_source_that_is_too_short_is_a_failure() {
        let (from, to) = files("short", &[1; 100]);
        let failure = copy_bodies(&from, &to, &[body(0, 0, 101)]);
        assert!(matches!(failure, Err(CopyFailure::Read(_))));
    }
}
