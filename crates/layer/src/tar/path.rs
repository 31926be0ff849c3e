//! Paths of members.

use crate::failure::Failure;
use crate::limits::Limits;

/// Linux: NAME_MAX.
const MAX_COMPONENT_BYTES: usize = 255;

/// Components of a member's path below the layer's root; empty for the root itself. Leading and doubled slashes and `.`
/// components say nothing and are left out; `..`, NUL bytes and whatever Linux or the limits do not allow is refused.
pub fn components<'a>(path: &'a [u8], limits: &Limits) -> Result<Vec<&'a [u8]>, Failure> {
    if trim(path).len() > limits.path_bytes {
        return Err(Failure::about("path too long:", trim(path)));
    }
    if path.contains(&0) {
        return Err(Failure::about("NUL byte in path:", trim(path)));
    }
    let says_something = |component: &&[u8]| !component.is_empty() && *component != b".";
    let components: Vec<&[u8]> = path
        .split(|byte| *byte == b'/')
        .filter(says_something)
        .collect();
    if components.contains(&b"..".as_slice()) {
        return Err(Failure::about("path traversal in tar:", trim(path)));
    }
    if components.len() > limits.path_components {
        return Err(Failure::about("path too deep:", trim(path)));
    }
    match components
        .iter()
        .find(|name| name.len() > MAX_COMPONENT_BYTES)
    {
        Some(name) => Err(Failure::about("file name too long:", name)),
        None => Ok(components),
    }
}

/// A member's path in an error message: without what says nothing at its ends.
pub fn trim(path: &[u8]) -> &[u8] {
    let is_slash = |byte: &&u8| **byte == b'/';
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let path = &path[path.iter().take_while(is_slash).count()..];
    &path[..path.len() - path.iter().rev().take_while(is_slash).count()]
}
