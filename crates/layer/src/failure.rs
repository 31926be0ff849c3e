//! Why a layer cannot be built.

use crate::decoder::DecodeError;
use std::io;
use std::path::{Path, PathBuf};

/// What was being done with a file of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Read,
    Write,
}

/// Why a layer cannot be built. Names that strangers chose stay bytes: whoever shows them quotes them.
#[derive(Debug)]
pub enum Failure {
    /// The archive is broken or asks for more than the limits allow.
    Refused {
        reason: String,
        /// The name that it is about, to stand behind the reason.
        name: Option<Vec<u8>>,
    },
    Decode(DecodeError),
    /// A call of the operating system on a file of the host failed.
    System {
        action: Action,
        file: PathBuf,
        error: io::Error,
    },
    /// Whoever wanted the layer does not any more.
    Cancelled,
}

impl Failure {
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused {
            reason: reason.into(),
            name: None,
        }
    }

    /// A refusal that is about a name.
    pub fn about(reason: &str, name: &[u8]) -> Self {
        Self::Refused {
            reason: reason.to_owned(),
            name: Some(name.to_owned()),
        }
    }

    pub fn reading(file: &Path) -> impl Fn(io::Error) -> Self {
        Self::system(Action::Read, file)
    }

    pub fn writing(file: &Path) -> impl Fn(io::Error) -> Self {
        Self::system(Action::Write, file)
    }

    fn system(action: Action, file: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::System {
            action,
            file: file.to_owned(),
            error,
        }
    }
}
