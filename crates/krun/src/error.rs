use std::ffi::c_int;
use std::io;
use std::path::PathBuf;

/// Why a machine could not be described or entered.
#[derive(Debug, thiserror::Error)]
pub enum KrunError {
    /// A libkrun function refused its argument.
    #[error("{call}({argument}): {}", io::Error::from_raw_os_error(*.errno))]
    Call {
        /// Name of the function, `krun_add_disk3`.
        call: &'static str,
        /// What it was given, in words.
        argument: String,
        errno: c_int,
    },
    /// A path or text that C cannot carry.
    #[error("{what} contains a NUL byte")]
    Nul { what: &'static str },
    /// A path that is not UTF-8, which libkrun requires.
    #[error("{what} is not valid UTF-8")]
    NotUtf8 { what: &'static str },
    /// A file of the machine that cannot be opened.
    #[error("{}: {reason}", .path.display())]
    File { path: PathBuf, reason: String },
    /// The kernel has Landlock but refused the rules.
    #[error("cannot confine the machine's process: {reason}")]
    Confine { reason: String },
}

impl KrunError {
    /// The operating system's error number, if there is one.
    #[must_use]
    pub fn errno(&self) -> Option<c_int> {
        match self {
            Self::Call { errno, .. } => Some(*errno),
            _ => None,
        }
    }
}
