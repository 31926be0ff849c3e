//! One header record.

use super::number::{number, octal};
use super::{MAX_NUMBER, RECORD_BYTES};
use crate::failure::Failure;

const DEFAULT_MODE: u64 = 0o644;
/// Magic and version of POSIX headers.
const USTAR: &[u8] = b"ustar\x0000";

#[derive(Debug)]
pub struct Header {
    pub name: Vec<u8>,
    pub link_name: Vec<u8>,
    /// Type flag.
    pub flag: u8,
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    /// Bytes of body that follow.
    pub size: u64,
    pub mtime: i64,
    pub device_major: u32,
    pub device_minor: u32,
}

/// Decodes a record; refuses a wrong checksum, and a size that is none.
pub fn decode(record: &[u8; RECORD_BYTES]) -> Result<Header, Failure> {
    if octal(&record[148..156]) != Some(checksum(record)) {
        return Err(Failure::refused("archive header checksum mismatch"));
    }
    let name = name(record);
    let size = size(record, &name)?;
    let mode = octal(&record[100..108]).unwrap_or(DEFAULT_MODE) & 0o7777;
    Ok(Header {
        name,
        link_name: text(&record[157..257]).to_owned(),
        flag: record[156],
        mode: mode as u16,
        uid: id(&record[108..116]),
        gid: id(&record[116..124]),
        size,
        mtime: time(&record[136..148]),
        device_major: id(&record[329..337]),
        device_minor: id(&record[337..345]),
    })
}

/// Sum of all bytes, those of the checksum field counted as spaces.
fn checksum(record: &[u8; RECORD_BYTES]) -> u64 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    u64::from(sum(&record[..148]) + 8 * u32::from(b' ') + sum(&record[156..]))
}

/// POSIX headers have a second field for the front of long names; GNU's keep other things there.
fn name(record: &[u8; RECORD_BYTES]) -> Vec<u8> {
    let name = text(&record[..100]);
    if record[345] == 0 || &record[257..265] != USTAR {
        return name.to_owned();
    }
    [text(&record[345..500]), name].join(&b'/')
}

/// What comes before the first NUL.
pub fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

fn size(record: &[u8; RECORD_BYTES], name: &[u8]) -> Result<u64, Failure> {
    let field = &record[124..136];
    let value = number(field);
    if value.is_none() && field[0] != 0 {
        return Err(Failure::about(
            "numeric field was not a number: size of",
            name,
        ));
    }
    u64::try_from(value.unwrap_or(0))
        .ok()
        .filter(|bytes| *bytes <= MAX_NUMBER)
        .ok_or_else(|| Failure::about("file too large:", name))
}

/// Ids are cut to 32 bits; an unreadable one is root's.
fn id(field: &[u8]) -> u32 {
    number(field).unwrap_or(0) as u32
}

fn time(field: &[u8]) -> i64 {
    let limit = i128::from(MAX_NUMBER);
    number(field).unwrap_or(0).clamp(-limit, limit) as i64
}
