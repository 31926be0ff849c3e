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

    /// Reads each pipe whose index is in `ready` once; ended ones are dropped.
    pub fn discard(&mut self, ready: &[usize], buffer: &mut [u8]) {
        for &index in ready.iter().rev() {
            let open = self.0.get(index).is_some_and(|fd| {
                matches!(
                    rustix::io::read(fd, &mut *buffer),
                    Ok(1..) | Err(Errno::AGAIN | Errno::INTR)
                )
            });
            if !open && index < self.0.len() {
                self.0.remove(index);
            }
        }
    }
}
