//! Numeric fields of tar headers.

/// Octal digits between spaces, ended by a NUL or the end of the field, or GNU's base-256 (high bit of the first byte
/// set; two's complement). None when it holds no number. Fields have at most twelve bytes.
pub fn number(field: &[u8]) -> Option<i128> {
    if field[0] & 0x80 != 0 {
        Some(base256(field))
    } else {
        octal(field).map(i128::from)
    }
}

/// A numeric field that can only be octal.
pub fn octal(field: &[u8]) -> Option<u64> {
    let text = skip_spaces(field);
    let is_digit = |byte: &&u8| (b'0'..=b'7').contains(*byte);
    let digits = text.iter().take_while(is_digit).count();
    let (digits, rest) = text.split_at(digits);
    let rest = skip_spaces(rest);
    let is_number = !digits.is_empty() && (rest.is_empty() || rest[0] == 0);
    let value = |value, digit: &u8| value * 8 + u64::from(digit - b'0');
    is_number.then(|| digits.iter().fold(0, value))
}

fn skip_spaces(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| **byte == b' ').count();
    &text[spaces..]
}

/// Big-endian; the two top bits of the first byte are the mark and the sign.
fn base256(field: &[u8]) -> i128 {
    let sign = if field[0] & 0x40 != 0 { 0x40 } else { 0 };
    let first = i128::from(field[0] & 0x3f) - sign;
    field[1..]
        .iter()
        .fold(first, |value, byte| value * 256 + i128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn octal_and_base256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   12 \0x"), Some(0o12));
        assert_eq!(number(b"77777777"), Some(0o7777_7777));
        assert_eq!(number(b"12x\0\0\0\0\0"), None);
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), None);
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 1, 2]), Some(258));
        assert_eq!(number(&[0xff; 12]), Some(-1));
    }
}
