//! As much of a tar header (POSIX ustar, GNU, V7) as tells where its member's body ends.

pub const RECORD_BYTES: usize = 512;

/// One header record.
#[derive(Debug, PartialEq, Eq)]
pub struct TarHeader {
    /// Type flag.
    pub kind: u8,
    /// Bytes of body that the header names.
    pub size: u64,
}

/// Largest size that is taken for one: more is no file's.
const MAX_SIZE: u64 = 1 << 40;

/// Decodes a record; None when there is any doubt about what it says.
pub fn decode(record: &[u8; RECORD_BYTES]) -> Option<TarHeader> {
    let sum = record.iter().enumerate().fold(0u64, |sum, (at, byte)| {
        sum + u64::from(if (148..156).contains(&at) {
            b' '
        } else {
            *byte
        })
    });
    if octal(&record[148..156])? != sum {
        return None;
    }
    let size = octal(&record[124..136]).filter(|size| *size <= MAX_SIZE)?;
    Some(TarHeader {
        kind: record[156],
        size,
    })
}

/// Octal digits between spaces, ended by a NUL or the end of the field.
fn octal(field: &[u8]) -> Option<u64> {
    let text = skip_spaces(field);
    let digits = text
        .iter()
        .take_while(|byte| (b'0'..=b'7').contains(*byte))
        .count();
    if digits == 0 {
        return None;
    }
    let rest = skip_spaces(&text[digits..]);
    if !(rest.is_empty() || rest[0] == 0) {
        return None;
    }
    Some(
        text[..digits]
            .iter()
            .fold(0, |value, digit| value * 8 + u64::from(digit - b'0')),
    )
}

fn skip_spaces(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| **byte == b' ').count();
    &text[spaces..]
}
