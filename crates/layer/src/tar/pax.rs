//! Records of PAX extended headers (POSIX.1-2001 pax, "pax Extended Header"): `length keyword=value\n` each, the length
//! counting the whole record.

use super::MAX_NUMBER;
use crate::failure::Failure;
use std::collections::HashSet;
use std::ops::Range;

/// Longest length field: enough for any body that is accepted.
const MAX_LENGTH_DIGITS: usize = 12;
/// Longest decimal number that is looked at.
const MAX_DIGITS: usize = 19;

/// The records of one header, in order. A keyword that occurs twice has its last value; an empty value cancels what
/// earlier records said.
#[derive(Debug, Default)]
pub struct Records {
    body: Vec<u8>,
    records: Vec<(Range<usize>, Range<usize>)>,
}

impl Records {
    /// Takes a header's body apart; refuses one that is not made of records.
    pub fn parse(body: Vec<u8>) -> Result<Self, Failure> {
        let mut records = Vec::new();
        let mut at = 0;
        while at < body.len() {
            let (key, value) = record(&body, at)?;
            at = value.end + 1;
            records.push((key, value));
        }
        let mut seen = HashSet::new();
        records.reverse();
        records.retain(|(key, value)| seen.insert(&body[key.clone()]) && !value.is_empty());
        records.reverse();
        Ok(Self { body, records })
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let text = |range: &Range<usize>| &self.body[range.clone()];
        self.records
            .iter()
            .map(move |(key, value)| (text(key), text(value)))
    }

    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.iter()
            .find_map(|(name, value)| (name == key.as_bytes()).then_some(value))
    }

    /// A decimal number, or None when there is no such record.
    pub fn number(&self, key: &str) -> Result<Option<u64>, Failure> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        decimal(value, MAX_DIGITS)
            .filter(|number| *number <= MAX_NUMBER)
            .map(Some)
            .ok_or_else(|| Failure::refused(format!("failed to parse pax {key}")))
    }
}

/// The number that some digits say, at least one and at most as many as a `u64` has room for.
pub fn decimal(text: &[u8], max_digits: usize) -> Option<u64> {
    let is_number = (1..=max_digits).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    let value = |value, digit: &u8| value * 10 + u64::from(digit - b'0');
    is_number.then(|| text.iter().fold(0, value))
}

/// Keyword and value of the record at `at`; a newline follows the value.
fn record(body: &[u8], at: usize) -> Result<(Range<usize>, Range<usize>), Failure> {
    let malformed = || Failure::refused("malformed pax extension");
    let digits = body[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let length = decimal(&body[at..at + digits], MAX_LENGTH_DIGITS).ok_or_else(malformed)?;
    let key = at + digits + 1;
    let end = usize::try_from(length)
        .ok()
        .and_then(|length| (at + length).checked_sub(1))
        .filter(|end| *end >= key)
        .ok_or_else(malformed)?;
    if body.get(key - 1) != Some(&b' ') || body.get(end) != Some(&b'\n') {
        return Err(malformed());
    }
    let equals = body[key..end].iter().position(|byte| *byte == b'=');
    match equals {
        None | Some(0) => Err(malformed()),
        Some(length) => Ok((key..key + length, key + length + 1..end)),
    }
}
