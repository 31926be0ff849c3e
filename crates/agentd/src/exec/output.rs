//! One output of a process.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::pipe;

/// Which output a piece came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// Output, or everything a terminal shows.
    Stdout,
    /// Error output.
    Stderr,
}

/// Our end of an output.
#[derive(Debug)]
pub struct Output {
    kind: OutputKind,
    fd: OwnedFd,
    /// How much it may hold.
    capacity: usize,
}

impl Output {
    /// An output of which nothing was read yet.
    #[must_use]
    pub fn new(kind: OutputKind, fd: OwnedFd) -> Self {
        Self {
            kind,
            fd,
            capacity: pipe::SIZE,
        }
    }

    /// Which one it is.
    #[must_use]
    pub fn kind(&self) -> OutputKind {
        self.kind
    }

    /// How much may be there.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// Those of the system; EIO of a terminal that nobody holds any more.
    pub fn read(&mut self, room: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let count = rustix::io::readv(&self.fd, room)?;
        let is_full = count == room.iter().map(|slice| slice.len()).sum();
        if is_full && self.capacity == pipe::SIZE {
            // A terminal has no such size, and is never as full.
            self.capacity = pipe::enlarge(&self.fd).unwrap_or(pipe::SIZE);
        }
        Ok(count)
    }

    /// Gives it up.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }
}

impl AsFd for Output {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use rustix::pipe::{PipeFlags, fcntl_getpipe_size, pipe_with};

    #[test]
    fn a_pipe_that_is_found_full_becomes_larger_and_loses_nothing() {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        let mut output = Output::new(OutputKind::Stdout, reader);
        assert_eq!(rustix::io::write(&writer, &[1; 1000]).unwrap(), 1000);
        let mut memory = vec![0; 60_000];
        assert_eq!(output.read(&mut in_two(&mut memory)).unwrap(), 1000);
        assert_eq!(output.capacity(), pipe::SIZE);
        assert_eq!(
            rustix::io::write(&writer, &[2; 80_000]).unwrap(),
            pipe::SIZE
        );
        assert_eq!(output.read(&mut in_two(&mut memory)).unwrap(), 60_000);
        assert_eq!(output.capacity(), pipe::BULK_SIZE);
        assert_eq!(fcntl_getpipe_size(&output).unwrap(), pipe::BULK_SIZE);
        assert_eq!(
            output.read(&mut in_two(&mut memory)).unwrap(),
            pipe::SIZE - 60_000
        );
        assert!(memory.iter().all(|byte| *byte == 2));
        let error = output.read(&mut in_two(&mut memory)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    fn in_two(memory: &mut [u8]) -> [IoSliceMut<'_>; 2] {
        let (first, second) = memory.split_at_mut(20_000);
        [IoSliceMut::new(first), IoSliceMut::new(second)]
    }
}
