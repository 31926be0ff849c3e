//! Payloads of `core.fs.*` (protocol section 6.3).

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::FsPath;

/// `core.fs.request`: one file system operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsRequest {
    /// The operation.
    pub op: FsOp,
}

/// A file system operation. Paths are taken as given, by the agent as root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // Section 17 of the protocol describes each operation in one table.
pub enum FsOp {
    RealPath {
        path: FsPath,
    },
    Stat {
        path: FsPath,
        follow_symlink: bool,
    },
    SetStat {
        path: FsPath,
        follow_symlink: bool,
        attrs: FsSetAttrs,
    },
    List {
        path: FsPath,
    },
    ReadLink {
        path: FsPath,
    },
    Symlink {
        target: FsPath,
        link_path: FsPath,
    },
    Mkdir {
        path: FsPath,
        mode: Option<u32>,
    },
    Remove {
        path: FsPath,
    },
    RemoveDir {
        path: FsPath,
        recursive: bool,
    },
    Copy {
        src: FsPath,
        dst: FsPath,
    },
    Rename {
        src: FsPath,
        dst: FsPath,
    },
    OpenFile {
        path: FsPath,
        options: FsOpenOptions,
    },
    OpenDir {
        path: FsPath,
    },
    CloseHandle {
        handle: u64,
    },
    Read {
        handle: u64,
        offset: u64,
        len: Option<u64>,
    },
    Write {
        handle: u64,
        offset: u64,
        len: Option<u64>,
    },
    ReadDir {
        handle: u64,
        limit: Option<u32>,
    },
    FStat {
        handle: u64,
    },
    FSetStat {
        handle: u64,
        attrs: FsSetAttrs,
    },
}

/// Attributes to change; absent ones stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsSetAttrs {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Length in bytes.
    pub size: Option<u64>,
    /// Access time, seconds since 1970.
    pub atime: Option<i64>,
    /// Modification time, seconds since 1970.
    pub mtime: Option<i64>,
}

/// How a file is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsOpenOptions {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// Every write goes to the end.
    pub append: bool,
    /// Create when missing.
    pub create: bool,
    /// Empty it first.
    pub truncate: bool,
    /// Create, and fail when it exists.
    pub create_new: bool,
    /// Permission bits of a new file; 0666 without the umask when absent.
    pub mode: Option<u32>,
}

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FsEntryKind {
    /// Regular file.
    File,
    /// Directory.
    Dir,
    /// Symbolic link.
    Symlink,
    /// Device, socket, FIFO, or unknown.
    Other,
}

/// Attributes of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsEntryInfo {
    /// Path as the request named it; full path in listings.
    #[serde(serialize_with = "FsPath::serialize_text")]
    pub path: FsPath,
    /// Kind of file.
    pub kind: FsEntryKind,
    /// Length in bytes.
    pub size: u64,
    /// `st_mode`, type bits included.
    pub mode: u32,
    /// Same as `mtime`.
    pub modified: Option<i64>,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Access time, seconds since 1970.
    pub atime: Option<i64>,
    /// Modification time, seconds since 1970.
    pub mtime: Option<i64>,
    /// Our own: [`FsPath::binary`] of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<ByteBuf>,
}

/// Data of a successful operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FsResponseData {
    /// Attributes.
    Stat(FsEntryInfo),
    /// Directory entries.
    List(Vec<FsEntryInfo>),
    /// An open handle.
    Handle(u64),
    /// A path.
    Path(#[serde(serialize_with = "FsPath::serialize_text")] FsPath),
}

/// `core.fs.response`: always the last frame of its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsResponse {
    /// Whether it worked.
    pub ok: bool,
    /// Why not.
    #[serde(default)]
    pub error: Option<String>,
    /// Result, where the operation has one.
    #[serde(default)]
    pub data: Option<FsResponseData>,
    /// Our own: [`FsPath::binary`] of a path in `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<ByteBuf>,
}

/// `core.fs.data`: a piece of a file; from the host, empty data is the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsData {
    /// The bytes.
    pub data: ByteBuf,
}
