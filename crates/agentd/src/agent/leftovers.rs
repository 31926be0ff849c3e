//! Outputs that outlive their session.
//!
//! A background process may hold the output pipe of a command that ended long ago. Closing our end
//! would kill it with SIGPIPE at its next line, so what it writes is read and thrown away.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

/// Beyond this many the oldest is closed after all.
const MAX_LEFTOVERS: usize = 256;

/// Pipes that are read for nobody.
#[derive(Debug, Default)]
pub struct Leftovers(Vec<OwnedFd>);

impl Leftovers {
    /// Takes `pipes` over.
    pub fn adopt(&mut self, pipes: Vec<OwnedFd>) {
        self.0.extend(pipes);
        let excess = self.0.len().saturating_sub(MAX_LEFTOVERS);
        self.0.drain(..excess);
    }

    /// The pipes to watch.
    #[must_use]
    pub fn fds(&self) -> &[OwnedFd] {
        &self.0
    }

    /// Reads the pipe at `index` once; an ended one is dropped, which moves those behind it.
    pub fn discard(&mut self, index: usize, buffer: &mut [u8]) {
        let Some(fd) = self.0.get(index) else {
            return;
        };
        let read = rustix::io::read(fd, buffer);
        if !matches!(read, Ok(1..) | Err(Errno::AGAIN | Errno::INTR)) {
            self.0.remove(index);
        }
    }
}
