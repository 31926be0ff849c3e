//! What PAX records say of a sparse member (GNU tar manual, "PAX Format").

use super::{SparseFile, Stretch, invalid};
use crate::failure::Failure;
use crate::tar::pax::{Records, decimal};

/// Longest number in a map.
const MAX_DIGITS: usize = 16;

/// A sparse file as a PAX header describes it; its own path is a made-up one.
pub struct PaxSparse {
    pub file: SparseFile,
    /// None when the member's path is the right one.
    pub path: Option<Vec<u8>>,
}

/// Versions 0.1, whose map is a record, and 1.0, whose map stands before the data. None when the records describe no
/// sparse file. Other versions are refused: without its map a file would be put together wrongly.
pub fn of_pax(records: &Records) -> Result<Option<PaxSparse>, Failure> {
    let text = |key: &str| records.get(&format!("GNU.sparse.{key}"));
    let number = |key| text(key).unwrap_or(b"0");
    let version = [number("major"), number("minor")].join(&b'.');
    let sized = |key: &str, map| -> Result<Option<PaxSparse>, Failure> {
        let size = records.number(&format!("GNU.sparse.{key}"))?;
        Ok(Some(PaxSparse {
            file: SparseFile {
                size: size.ok_or_else(invalid)?,
                map,
            },
            path: text("name").map(<[u8]>::to_owned),
        }))
    };
    if version == b"1.0" {
        return sized("realsize", None);
    }
    if let Some(map) = text("map") {
        let sized = sized("size", None)?;
        let map = parse_map(map)?;
        return Ok(sized.map(|mut found| {
            found.file.map = Some(map);
            found
        }));
    }
    if version != b"0.0" || text("numblocks").is_some() {
        let version: String = version.iter().map(|byte| char::from(*byte)).collect();
        return Err(Failure::refused(format!(
            "unsupported sparse format in tar: GNU.sparse {version}"
        )));
    }
    Ok(None)
}

/// `offset,length,offset,length,…`
fn parse_map(text: &[u8]) -> Result<Vec<Stretch>, Failure> {
    let numbers: Option<Vec<u64>> = text
        .split(|byte| *byte == b',')
        .map(|number| decimal(number, MAX_DIGITS))
        .collect();
    let numbers = numbers
        .filter(|numbers| numbers.len() % 2 == 0)
        .ok_or_else(invalid)?;
    let stretch = |pair: &[u64]| Stretch {
        offset: pair[0],
        length: pair[1],
    };
    Ok(numbers.chunks_exact(2).map(stretch).collect())
}
