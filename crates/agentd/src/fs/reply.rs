//! Answers of the file service.

use std::fmt::Display;

use msb_protocol::payload::{FsResponse, FsResponseData};

use crate::text::shorten;

/// Something to send for a correlation id.
#[derive(Debug, PartialEq, Eq)]
pub enum FsEvent {
    /// A piece of a file.
    Data(Vec<u8>),
    /// The last word.
    Response(FsResponse),
}

/// What an operation comes to: data for the client, or a text that says why not.
pub type FsResult = Result<Option<FsResponseData>, String>;

/// The response of `result`.
#[must_use]
pub fn response(result: FsResult) -> FsResponse {
    match result {
        Ok(data) => FsResponse {
            ok: true,
            error: None,
            path_bytes: match &data {
                Some(FsResponseData::Path(path)) => path.binary(),
                _ => None,
            },
            data,
        },
        Err(error) => FsResponse {
            ok: false,
            error: Some(shorten(error)),
            data: None,
            path_bytes: None,
        },
    }
}

/// Puts the name of the operation in front of an error.
pub trait Prefix<T> {
    /// `prefix: error`.
    ///
    /// # Errors
    /// The text.
    fn prefix(self, prefix: &str) -> Result<T, String>;
}

impl<T, E: Display> Prefix<T> for Result<T, E> {
    fn prefix(self, prefix: &str) -> Result<T, String> {
        self.map_err(|error| format!("{prefix}: {error}"))
    }
}
