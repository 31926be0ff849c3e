//! Extended attributes of a member: `SCHILY.xattr.NAME` records, as GNU tar, star, buildah and docker write them.

use super::pax::Records;
use crate::failure::Failure;
use crate::tree::Xattrs;

const KEY_PREFIX: &[u8] = b"SCHILY.xattr.";
/// Families that EROFS can store and a container may use.
const FAMILIES: [&[u8]; 3] = [b"security.", b"user.", b"trusted."];
/// The overlay driver's own names: only whiteout members may say such things about a layer.
const OVERLAY_FAMILY: &[u8] = b"trusted.overlay.";

/// Linux: XATTR_NAME_MAX, XATTR_SIZE_MAX (64 KiB, but EROFS stores the size in 16 bits), and what listxattr can return.
const MAX_NAME_BYTES: usize = 255;
const MAX_VALUE_BYTES: usize = 65_535;
const MAX_TOTAL_BYTES: usize = 65_536;

pub fn xattrs(records: &Records, path: &[u8]) -> Result<Xattrs, Failure> {
    let mut xattrs = Xattrs::new();
    let mut total = 0;
    for (key, value) in records.iter() {
        let Some(name) = key.strip_prefix(KEY_PREFIX).filter(|name| is_kept(name)) else {
            continue;
        };
        total += name.len() + value.len();
        if name.len() > MAX_NAME_BYTES || value.len() > MAX_VALUE_BYTES || total > MAX_TOTAL_BYTES {
            return Err(Failure::about("extended attributes too large:", path));
        }
        xattrs.push((name.into(), value.into()));
    }
    Ok(xattrs)
}

fn is_kept(name: &[u8]) -> bool {
    let is_family = |family: &&[u8]| name.len() > family.len() && name.starts_with(family);
    FAMILIES.iter().any(is_family) && !name.starts_with(OVERLAY_FAMILY)
}
