//! The console port that carries the frames: finding it, reading it, writing it.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use msb_protocol::constants::AGENT_PORT_NAME;
use msb_protocol::{Frame, FrameDecoder, FrameError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};

/// Bytes taken from the port at once.
const READ_SIZE: usize = 64 * 1024;

/// Bytes that one read gives at most: the kernel lends the host a page at a time.
const PIECE_SIZE: usize = 4096;

/// Bytes handed to the port at once: the kernel cuts longer writes itself.
const WRITE_SIZE: usize = 32 * 1024;

/// The kernel learns the ports' names from the host a moment after the device.
const DISCOVERY_LIMIT: Duration = Duration::from_secs(10);

/// The host side of the frames. Never blocks unless a function says so.
#[derive(Debug)]
pub struct Port {
    fd: OwnedFd,
    decoder: FrameDecoder,
}

/// What one read of the port gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// New bytes.
    Data,
    /// Nothing just now.
    Nothing,
    /// Nobody at the other end.
    Closed,
}

impl Port {
    /// Opens the port named `agent`, waiting a moment for it to appear.
    ///
    /// # Errors
    /// When it does not appear or cannot be opened.
    pub fn discover() -> io::Result<Self> {
        Self::from_fd(open_named(AGENT_PORT_NAME)?.into())
    }

    /// Uses an open descriptor, such as a socket.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        ioctl_fionbio(&fd, true)?;
        Ok(Self {
            fd,
            decoder: FrameDecoder::new(),
        })
    }

    /// Reads what is there, up to [`READ_SIZE`].
    ///
    /// # Errors
    /// When the port is broken.
    pub fn fill(&mut self) -> io::Result<Fill> {
        // A read gives one piece; of several places each is given one by the same call.
        let mut places: Vec<_> = self
            .decoder
            .room(READ_SIZE)
            .chunks_mut(PIECE_SIZE)
            .map(IoSliceMut::new)
            .collect();
        let (filled, end) = match rustix::io::readv(&self.fd, &mut places) {
            Ok(0) => (0, Fill::Closed),
            Ok(count) => (count, Fill::Data),
            Err(Errno::AGAIN | Errno::INTR) => (0, Fill::Nothing),
            Err(Errno::CONNRESET) => (0, Fill::Closed),
            Err(error) => return Err(error.into()),
        };
        self.decoder.filled(filled);
        Ok(end)
    }

    /// The next frame among the bytes read so far.
    ///
    /// # Errors
    /// [`FrameError`] for a frame outside the limits; call again to go on behind it.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        self.decoder.next_frame()
    }

    /// As [`Self::next_frame`], into the memory of an earlier frame; false until more bytes come.
    ///
    /// # Errors
    /// As [`Self::next_frame`].
    pub fn next_into(&mut self, frame: &mut Frame) -> Result<bool, FrameError> {
        self.decoder.next_into(frame)
    }

    /// Writes as much of `bytes` as fits and says how much that was.
    ///
    /// # Errors
    /// When the port is broken.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            let end = bytes.len().min(written + WRITE_SIZE);
            match rustix::io::write(&self.fd, &bytes[written..end]) {
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(written)
    }

    /// Writes all of `bytes`, waiting until `deadline`; true when it was in time.
    ///
    /// # Errors
    /// When the port is broken.
    pub fn write_all(&self, mut bytes: &[u8], deadline: Instant) -> io::Result<bool> {
        loop {
            let count = self.write(bytes)?;
            bytes = &bytes[count..];
            if bytes.is_empty() {
                return Ok(true);
            }
            if !self.wait(PollFlags::OUT, Some(deadline))? {
                return Ok(false);
            }
        }
    }

    /// Waits for one of `events`; false when `deadline` passed.
    ///
    /// # Errors
    /// When polling fails.
    pub fn wait(&self, events: PollFlags, deadline: Option<Instant>) -> io::Result<bool> {
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let timeout = left
                .map(Timespec::try_from)
                .transpose()
                .map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.fd, events)], timeout.as_ref()) {
                Ok(count) => return Ok(count > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Opens the console port `name`, waiting a moment for it to appear. It can be open once only.
///
/// # Errors
/// When it does not appear or cannot be opened.
pub fn open_named(name: &str) -> io::Result<File> {
    let deadline = Instant::now() + DISCOVERY_LIMIT;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(device) = find(Path::new("/sys/class/virtio-ports"), name) {
            let file = File::options().read(true).write(true).open(&device);
            return file.map_err(|error| {
                io::Error::new(error.kind(), format!("open {}: {error}", device.display()))
            });
        }
        if Instant::now() >= deadline {
            let text = format!("no console port is named `{name}`");
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// The device of the port `name` among the entries of `class`.
fn find(class: &Path, name: &str) -> Option<PathBuf> {
    let named = |entry: &std::fs::DirEntry| {
        std::fs::read_to_string(entry.path().join("name")).is_ok_and(|found| found.trim() == name)
    };
    let entry = std::fs::read_dir(class).ok()?.flatten().find(named)?;
    Some(Path::new("/dev").join(entry.file_name()))
}
