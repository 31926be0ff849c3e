//! Attributes of files.

use std::fs::{self, DirEntry, Metadata};
use std::os::unix::fs::MetadataExt;

use msb_protocol::payload::{FsEntryInfo, FsEntryKind};

/// Attributes under the name `path`.
#[must_use]
pub fn entry_info(path: String, metadata: &Metadata) -> FsEntryInfo {
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
    let name = path.to_string_lossy().into_owned();
    match fs::symlink_metadata(&path) {
        Ok(metadata) => entry_info(name, &metadata),
        Err(_) => FsEntryInfo {
            path: name,
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
