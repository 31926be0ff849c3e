//! Takes the bodies of regular files out of a tar stream.
//!
//! What comes out is the stream with gaps: stretches of bytes as they were, and between them stretches that are in the
//! spool file. The reader puts both together and checks that a stretch in the spool is where it expects a body; so
//! this finds bodies only where nothing can be doubted. From the first doubt on (a sparse file, a size in an extension
//! header, a broken header) everything is passed on.

use crate::spool::Spool;
use crate::tar_header::{self, RECORD_BYTES};
use std::io;

/// Longest extension body that is looked into; the reader refuses longer ones.
const EXTENSION_BYTES: u64 = 1024 * 1024;

/// Bytes as they were, and then bytes that are elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Bytes that were passed on.
    pub passed: u64,
    /// Bytes after them that are in the spool file or, behind the archive's end, nowhere.
    pub elided: u64,
    /// Where in the spool file; None for bytes behind the archive's end.
    pub offset: Option<u64>,
}

enum State {
    /// In a header record, of which so many bytes are there.
    Header(usize),
    /// In bytes to pass on before the next header.
    Pass(u64),
    /// In the body of an extension header, so many bytes before its padding's end.
    Extension {
        body_left: u64,
        padding: u64,
    },
    /// In a body that goes to the spool file.
    Body {
        left: u64,
        padding: u64,
        at: u64,
    },
    Behind,
    /// Everything is passed on from here.
    Doubt,
}

pub struct Elider {
    state: State,
    record: [u8; RECORD_BYTES],
    extension: Vec<u8>,
    spool: Spool,
}

impl Elider {
    pub fn new(spool: Spool) -> Self {
        Self {
            state: State::Header(0),
            record: [0; RECORD_BYTES],
            extension: Vec::new(),
            spool,
        }
    }

    /// Takes the next bytes of the archive; what is passed on goes to `passed`, with its runs.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        passed: &mut Vec<u8>,
        runs: &mut Vec<Run>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = match self.state {
                State::Header(filled) => self.take_header(filled, bytes),
                State::Pass(left) => {
                    let taken = clamp(left, bytes);
                    self.state = pass(left - taken as u64);
                    taken
                }
                State::Extension { body_left, padding } => {
                    let taken = clamp(body_left, bytes);
                    self.extension.extend_from_slice(&bytes[..taken]);
                    self.state = match body_left - taken as u64 {
                        0 => self.extension_done(padding),
                        body_left => State::Extension { body_left, padding },
                    };
                    taken
                }
                State::Body { left, padding, at } => {
                    let taken = clamp(left, bytes);
                    self.spool.append(&bytes[..taken])?;
                    elide(runs, taken as u64, Some(at));
                    let left = left - taken as u64;
                    self.state = match left {
                        0 => pass(padding),
                        _ => State::Body {
                            left,
                            padding,
                            at: at + taken as u64,
                        },
                    };
                    bytes = &bytes[taken..];
                    continue;
                }
                State::Behind => {
                    elide(runs, bytes.len() as u64, None);
                    return Ok(());
                }
                State::Doubt => bytes.len(),
            };
            passed.extend_from_slice(&bytes[..taken]);
            keep(runs, taken as u64);
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Writes what waits for the disk.
    pub fn flush(&mut self) -> io::Result<()> {
        self.spool.flush()
    }

    fn take_header(&mut self, filled: usize, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(RECORD_BYTES - filled);
        self.record[filled..filled + taken].copy_from_slice(&bytes[..taken]);
        self.state = match filled + taken {
            RECORD_BYTES => self.after_header(),
            filled => State::Header(filled),
        };
        taken
    }

    fn after_header(&mut self) -> State {
        if self.record.iter().all(|byte| *byte == 0) {
            return State::Behind;
        }
        let Some(header) = tar_header::decode(&self.record) else {
            return State::Doubt;
        };
        let size = header.size;
        let padding = size.next_multiple_of(RECORD_BYTES as u64) - size;
        match header.kind {
            // Links, devices, directories and pipes have no body, whatever their size says.
            b'1'..=b'6' => State::Header(0),
            b'S' => State::Doubt,
            b'x' if size > EXTENSION_BYTES => State::Doubt,
            b'x' if size > 0 => {
                self.extension.clear();
                State::Extension {
                    body_left: size,
                    padding,
                }
            }
            0 | b'0' | b'7' if size > 0 => State::Body {
                left: size,
                padding,
                at: self.spool.begin(),
            },
            _ => pass(size + padding),
        }
    }

    /// Looks for records that change where the next member's body ends.
    fn extension_done(&self, padding: u64) -> State {
        let says = |text: &[u8]| self.extension.windows(text.len()).any(|part| part == text);
        if says(b"size=") || says(b"GNU.sparse.") {
            State::Doubt
        } else {
            pass(padding)
        }
    }
}

fn pass(left: u64) -> State {
    if left == 0 {
        State::Header(0)
    } else {
        State::Pass(left)
    }
}

fn clamp(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))
}

fn keep(runs: &mut Vec<Run>, bytes: u64) {
    match runs.last_mut() {
        Some(run) if run.elided == 0 => run.passed += bytes,
        _ => runs.push(Run {
            passed: bytes,
            ..Run::default()
        }),
    }
}

fn elide(runs: &mut Vec<Run>, bytes: u64, offset: Option<u64>) {
    match runs.last_mut() {
        Some(run) if run.elided == 0 => {
            run.elided = bytes;
            run.offset = offset;
        }
        Some(run) if run.offset.is_none() && offset.is_none() => run.elided += bytes,
        Some(run) if run.offset.map(|at| at + run.elided) == offset && offset.is_some() => {
            run.elided += bytes
        }
        _ => runs.push(Run {
            passed: 0,
            elided: bytes,
            offset,
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(kind: u8, size: usize) -> Vec<u8> {
        let mut record = vec![0; RECORD_BYTES];
        record[0] = b'a';
        record[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        record[148..156].fill(b' ');
        record[156] = kind;
        let sum: u64 = record.iter().map(|byte| u64::from(*byte)).sum();
        record[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        record
    }

    fn member(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = header(kind, body.len());
        bytes.extend_from_slice(body);
        bytes.resize(bytes.len().next_multiple_of(RECORD_BYTES), 0);
        bytes
    }

    /// What is passed on, the runs, and the spool file.
    fn elided(archive: &[u8], piece: usize) -> (Vec<u8>, Vec<Run>, Vec<u8>) {
        let name = format!(
            "msb-layer-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        );
        let path = std::env::temp_dir().join(name);
        let mut elider = Elider::new(Spool::new(&path));
        let (mut passed, mut runs) = (Vec::new(), Vec::new());
        for bytes in archive.chunks(piece) {
            elider.push(bytes, &mut passed, &mut runs).unwrap();
        }
        elider.flush().unwrap();
        let spool = std::fs::read(&path).unwrap_or_default();
        let _ = std::fs::remove_file(&path);
        (passed, runs, spool)
    }

    #[test]
    fn bodies_go_to_whole_blocks_of_the_spool_file() {
        let mut archive = member(b'0', b"one");
        archive.extend(member(0, &[7; 600]));
        archive.extend(vec![0; 2 * RECORD_BYTES]);
        archive.extend(b"behind");
        for piece in [1, 511, 4096] {
            let (passed, runs, spool) = elided(&archive, piece);
            assert_eq!(passed.len(), 3 * RECORD_BYTES + 509 + 424);
            assert_eq!(
                runs[0],
                Run {
                    passed: 512,
                    elided: 3,
                    offset: Some(0)
                }
            );
            assert_eq!(
                runs[1],
                Run {
                    passed: 509 + 512,
                    elided: 600,
                    offset: Some(4096)
                }
            );
            assert_eq!(runs[2].offset, None);
            assert_eq!(&spool[..3], b"one");
            assert_eq!(&spool[4096..], &[7; 600]);
        }
    }

    #[test]
    fn doubt_passes_everything_on() {
        let sized = member(b'x', b"12 size=600\n");
        let mut broken = member(b'0', b"one");
        broken[0] ^= 1;
        for first in [sized, broken, header(b'S', 3)] {
            let mut archive = first;
            archive.extend(member(b'0', &[7; 600]));
            let (passed, runs, spool) = elided(&archive, 1000);
            assert_eq!(passed, archive);
            assert_eq!(
                runs,
                [Run {
                    passed: archive.len() as u64,
                    elided: 0,
                    offset: None
                }]
            );
            assert!(spool.is_empty());
        }
    }

    #[test]
    fn links_have_no_body_whatever_their_size_says() {
        let mut archive = header(b'2', 600);
        archive.extend(member(b'0', b"one"));
        let (_, runs, spool) = elided(&archive, 100);
        assert_eq!(
            runs[0],
            Run {
                passed: 1024,
                elided: 3,
                offset: Some(0)
            }
        );
        assert_eq!(spool, b"one");
    }
}
