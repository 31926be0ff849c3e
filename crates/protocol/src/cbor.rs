//! CBOR as the reference encoder writes it: definite lengths, shortest integers, keys in the order
//! of declaration (protocol section 3).

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// A value that could not be written as CBOR or read from it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CborError {
    /// The value has no CBOR form.
    #[error("cbor encode error: {0}")]
    Encode(String),
    /// The bytes are not CBOR, or not of the expected shape.
    #[error("cbor decode error: {0}")]
    Decode(String),
}

/// Encodes `value` as one CBOR item.
///
/// # Errors
/// [`CborError::Encode`] when the value cannot be represented.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CborError> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes)
        .map_err(|error| CborError::Encode(error.to_string()))?;
    Ok(bytes)
}

/// Decodes one CBOR item. Unknown map keys, any key order, indefinite lengths, tags in front of
/// values and `undefined` for an absent option are accepted.
///
/// # Errors
/// [`CborError::Decode`] when the bytes are not a `T`.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CborError> {
    ciborium::from_reader(bytes).map_err(|error| CborError::Decode(describe(&error)))
}

/// ciborium's `Display` is its debug form; people get to read these texts, so say it plainly.
fn describe(error: &ciborium::de::Error<std::io::Error>) -> String {
    use ciborium::de::Error;
    match error {
        Error::Io(error) => error.to_string(),
        Error::Syntax(offset) => format!("syntax error at byte {offset}"),
        Error::Semantic(Some(offset), text) => format!("{text} at byte {offset}"),
        Error::Semantic(None, text) => text.clone(),
        Error::RecursionLimitExceeded => "nested too deeply".to_owned(),
    }
}
