//! Why a guest could not be set up.

use std::fmt::Display;
use std::io;

use thiserror::Error;

/// Failure of one step of the set-up.
#[derive(Debug, Error)]
pub enum InitError {
    /// A file system could not be mounted.
    #[error("failed to mount {target}: {source}")]
    Mount {
        /// Where it should have appeared.
        target: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Anything else the system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The configuration asks for something impossible.
    #[error("{0}")]
    Invalid(String),
}

/// Adds what was tried to a system error.
pub trait Context<T> {
    /// Names the attempt.
    ///
    /// # Errors
    /// [`InitError::System`] for any error of the system.
    fn context(self, what: impl Display) -> Result<T, InitError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl Display) -> Result<T, InitError> {
        self.map_err(|source| InitError::System {
            what: what.to_string(),
            source: source.into(),
        })
    }
}
