//! POSIX shared memory as atomic words; the second place with `unsafe`.
//!
//! Why it is sound: the mapping lives as long as the value, every access is checked to lie inside it and to be
//! aligned, and all of it is atomic, because other processes write to the same memory at the same time. A process
//! of the same user that shrinks the object can end ours (SIGBUS); it could as well send a signal.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Whom an object is for: its user only.
const MODE: libc::c_uint = 0o600;

/// A named object that is open but not mapped.
pub struct SharedObject(File);

impl SharedObject {
    /// Creates it; an error of kind `AlreadyExists` when it is there.
    pub fn create(name: &str) -> io::Result<Self> {
        Self::open_with(name, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL)
    }

    /// Opens one that is there. One that another user made under this name is refused.
    pub fn open(name: &str) -> io::Result<Self> {
        let object = Self::open_with(name, libc::O_RDWR)?;
        let own = unsafe { libc::geteuid() };
        if object.0.metadata()?.uid() == own {
            Ok(object)
        } else {
            Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{name} belongs to another user"),
            ))
        }
    }

    fn open_with(name: &str, flags: i32) -> io::Result<Self> {
        let name = CString::new(name)?;
        let fd = unsafe { libc::shm_open(name.as_ptr(), flags, MODE) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // Just opened, and nobody else's.
        Ok(Self(File::from(unsafe { OwnedFd::from_raw_fd(fd) })))
    }

    pub fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|metadata| metadata.len())
    }

    pub fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    /// Descriptor, for `flock`.
    pub fn fd(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Maps the first `len` bytes for reading and writing.
    pub fn map(&self, len: usize) -> io::Result<SharedMemory> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                protection,
                libc::MAP_SHARED,
                self.fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(address.cast())
            .map(|start| SharedMemory { start, len })
            .ok_or_else(|| io::Error::other("mapped at address zero"))
    }
}

/// Mapped memory, as words at offsets in bytes.
pub struct SharedMemory {
    start: NonNull<u8>,
    len: usize,
}

// Nothing but atomics is ever handed out.
unsafe impl Send for SharedMemory {}
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// # Panics
    /// When the word is not inside or not aligned: offsets are this crate's, never a user's.
    pub fn u32(&self, offset: usize) -> &AtomicU32 {
        unsafe { AtomicU32::from_ptr(self.at(offset, size_of::<u32>()).cast()) }
    }

    /// # Panics
    /// Like [`SharedMemory::u32`].
    pub fn u64(&self, offset: usize) -> &AtomicU64 {
        unsafe { AtomicU64::from_ptr(self.at(offset, size_of::<u64>()).cast()) }
    }

    fn at(&self, offset: usize, size: usize) -> *mut u8 {
        assert!(offset % size == 0 && offset + size <= self.len);
        unsafe { self.start.as_ptr().add(offset) }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Whether a process with this pid exists, dead ones that nobody waited for included.
pub fn process_exists(pid: i32) -> bool {
    pid > 0
        && (unsafe { libc::kill(pid, 0) } == 0
            || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH))
}

/// Removes an object; the registry itself never does.
#[cfg(test)]
pub fn unlink_for_tests(name: &str) {
    if let Ok(name) = CString::new(name) {
        unsafe { libc::shm_unlink(name.as_ptr()) };
    }
}
