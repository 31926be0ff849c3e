//! Paths of the file operations.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display, Formatter};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteBuf;

/// What agents that take paths as byte strings name in `core.ready`.
pub const BINARY_PATHS: &str = "binary-paths";

/// A path of the guest. Unix names are bytes; the protocol's are text. One that is no UTF-8 travels
/// to the agent as a byte string. From the agent it is text with replacements, as every client can
/// read, and its bytes are in a field beside it ([`FsPath::binary`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsPath(OsString);

impl FsPath {
    /// As text; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.0.to_string_lossy()
    }

    /// The bytes, when the text is not the path.
    #[must_use]
    pub fn binary(&self) -> Option<ByteBuf> {
        match self.0.to_str() {
            Some(_) => None,
            None => Some(ByteBuf::from(self.0.as_bytes())),
        }
    }

    /// Bytes of the path.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no path at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For answers: always text.
    ///
    /// # Errors
    /// Those of `serializer`.
    pub fn serialize_text<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl Display for FsPath {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

impl AsRef<Path> for FsPath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl AsRef<OsStr> for FsPath {
    fn as_ref(&self) -> &OsStr {
        &self.0
    }
}

impl From<PathBuf> for FsPath {
    fn from(path: PathBuf) -> Self {
        Self(path.into_os_string())
    }
}

impl From<String> for FsPath {
    fn from(path: String) -> Self {
        Self(path.into())
    }
}

impl From<&str> for FsPath {
    fn from(path: &str) -> Self {
        Self(path.into())
    }
}

impl From<Vec<u8>> for FsPath {
    fn from(path: Vec<u8>) -> Self {
        Self(OsString::from_vec(path))
    }
}

impl Serialize for FsPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.serialize_bytes(self.0.as_bytes()),
        }
    }
}

impl<'de> Deserialize<'de> for FsPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrBytes)
    }
}

struct TextOrBytes;

impl Visitor<'_> for TextOrBytes {
    type Value = FsPath;

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<FsPath, E> {
        Ok(text.into())
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<FsPath, E> {
        Ok(bytes.to_vec().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor::{from_slice, to_vec};

    #[test]
    fn text_travels_as_text_and_the_rest_as_bytes() {
        for (path, wire) in [
            (FsPath::from("a\u{fc}"), vec![0x63, b'a', 0xc3, 0xbc]),
            (FsPath::from(vec![b'a', 0xff]), vec![0x42, b'a', 0xff]),
        ] {
            assert_eq!(to_vec(&path).unwrap(), wire);
            assert_eq!(from_slice::<FsPath>(&wire).unwrap(), path);
        }
        assert!(from_slice::<FsPath>(&[0x01]).is_err());
    }

    #[test]
    fn only_what_is_no_text_has_bytes_of_its_own() {
        assert_eq!(FsPath::from("a").binary(), None);
        let binary = FsPath::from(vec![0xff]);
        assert_eq!(binary.binary(), Some(ByteBuf::from([0xff])));
        assert_eq!(binary.to_string(), "\u{fffd}");
    }
}
