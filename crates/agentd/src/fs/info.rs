//! Attributes of files.

use std::fs::{self, DirEntry, Metadata};
use std::os::unix::fs::MetadataExt;

use msb_protocol::payload::{FsEntryInfo, FsEntryKind, FsPath};

/// Attributes under the name `path`.
#[must_use]
pub fn entry_info(path: FsPath, metadata: &Metadata) -> FsEntryInfo {
    let kind = metadata.file_type();
    let kind = if kind.is_file() {
        FsEntryKind::File
    } else if kind.is_dir() {
        FsEntryKind::Dir
    } else if kind.is_symlink() {
        FsEntryKind::Symlink
    } else {
        FsEntryKind::Other
    };
    FsEntryInfo {
        path_bytes: path.binary(),
        path,
        kind,
        size: metadata.len(),
        mode: metadata.mode(),
        modified: Some(metadata.mtime()),
        uid: metadata.uid(),
        gid: metadata.gid(),
        atime: Some(metadata.atime()),
        mtime: Some(metadata.mtime()),
    }
}

/// Attributes of a directory entry itself. One that vanished is still listed, with nothing known.
#[must_use]
pub fn listed(entry: &DirEntry) -> FsEntryInfo {
    let path = entry.path();
    let metadata = fs::symlink_metadata(&path);
    let path = FsPath::from(path);
    match metadata {
        Ok(metadata) => entry_info(path, &metadata),
        Err(_) => FsEntryInfo {
            path_bytes: path.binary(),
            path,
            kind: FsEntryKind::Other,
            size: 0,
            mode: 0,
            modified: None,
            uid: 0,
            gid: 0,
            atime: None,
            mtime: None,
        },
    }
}
