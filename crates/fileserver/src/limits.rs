//! Bounds of everything that a guest can make large.

/// Largest piece of data in one request or reply, in bytes.
pub const MAX_DATA: usize = 1 << 20;

/// The same in pages of 4 KiB, as the protocol counts.
pub const MAX_PAGES: u16 = 256;

/// Largest request: data with its header, arguments and two names.
pub const MAX_REQUEST: usize = MAX_DATA + 4096;

/// Largest value of an extended attribute, and largest list of their names, in bytes (`xattr(7)`).
pub const MAX_XATTR: usize = 64 << 10;

/// Longest name of one path component, in bytes.
pub const MAX_NAME: usize = 255;

/// Longest target of a symbolic link, in bytes.
pub const MAX_TARGET: usize = 4095;

/// Files that the guest may know at once.
pub const MAX_INODES: usize = 4 << 20;

/// Deepest path whose folders are opened again.
pub const MAX_DEPTH: usize = 4096;

/// Open files and folders of one share, and as many descriptors kept for known files; both less where the process
/// may have few.
pub const MAX_OPEN: usize = 16_384;

/// Memory for listings of open folders, in bytes.
pub const MAX_LISTING_BYTES: usize = 256 << 20;

/// Bytes copied by one request; more is copied by the next.
pub const MAX_COPY: u64 = 64 << 20;

/// Threads that answer one share.
pub const MAX_WORKERS: usize = 3;

/// The same with those that are stuck because the host's file system hangs; when all are, the share waits with them.
pub const MAX_THREADS: usize = 32;

/// How long the guest may trust names and attributes, in seconds.
pub const CACHE_SECONDS: u64 = 5;
