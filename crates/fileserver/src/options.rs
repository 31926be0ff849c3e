//! What is shared, and how.

use std::path::PathBuf;

use rustix::io::Errno;
use thiserror::Error;

/// How owner, mode and type of files appear in the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatVirt {
    /// As the guest set them, kept beside each file; refused where that cannot be stored.
    #[default]
    Strict,
    /// The same where it can be stored.
    Relaxed,
    /// As on the host.
    Off,
}

/// Modes of files on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostPerms {
    /// For their owner only, whatever the guest sets.
    #[default]
    Private,
    /// As the guest sets them.
    Mirror,
}

/// One share.
#[derive(Debug, Clone, Default)]
pub struct ShareOptions {
    /// Absolute path of the folder.
    pub path: PathBuf,
    /// The only name in the folder that exists for the guest.
    pub file: Option<String>,
    /// Nothing can be changed.
    pub read_only: bool,
    /// Owner, mode and type in the guest.
    pub stat_virt: StatVirt,
    /// Modes on the host.
    pub host_perms: HostPerms,
    /// Bytes by which the share may grow.
    pub quota_bytes: Option<u64>,
    /// Whether `path` may lead through symbolic links.
    pub follow_root_symlinks: bool,
    /// The guest may keep writes back. Only for folders that nobody else changes: the guest then trusts its own idea
    /// of a file's size as long as it knows the file.
    pub writeback: bool,
}

/// Why a folder cannot be shared.
#[derive(Debug, Error)]
pub enum ShareError {
    /// The folder cannot be opened.
    #[error("{path}: {reason}")]
    Root {
        /// The folder.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The file system cannot hold what `strict` needs.
    #[error("xattr not supported on root filesystem and stat_virtualization is Strict")]
    NoXattr,
    /// No thread could be started.
    #[error("thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl ShareError {
    /// Error about the share's own folder.
    pub(crate) fn root(options: &ShareOptions, errno: Errno) -> Self {
        let reason = match errno {
            Errno::LOOP => "the path leads through a symbolic link".to_owned(),
            other => std::io::Error::from(other).to_string(),
        };
        Self::Root {
            path: options.path.display().to_string(),
            reason,
        }
    }
}
