//! Lines of JSON around the output of programs, many in one call.
//!
//! What a sandbox prints goes into its log as JSON strings, byte for byte as `JSON.stringify` writes them. Making a
//! JavaScript string of every piece first costs more than writing the log.

use napi::bindgen_prelude::{BufferSlice, Uint32Array};
use napi::{Error, Result};
use napi_derive::napi;

/// Puts pieces of `data` as JSON strings between a head and a tail each, into `out`.
///
/// `records` holds two numbers a piece: where it ends in `data`, and the index of its head in `frames`, which the tail
/// follows. Bytes that are no UTF-8 become U+FFFD.
///
/// Returns where each line ends. When the last one ends beyond `out`, that holds nothing of use.
#[napi]
pub fn encode_json_lines(
    data: &[u8],
    records: &[u32],
    frames: Vec<String>,
    mut out: BufferSlice,
) -> Result<Uint32Array> {
    encode(data, records, &frames, &mut out)
        .map(Uint32Array::from)
        .ok_or_else(|| Error::from_reason("invalid records"))
}

/// None when a record points outside of the data or the frames.
fn encode(data: &[u8], records: &[u32], frames: &[String], out: &mut [u8]) -> Option<Vec<u32>> {
    let mut lines = Lines { out, length: 0 };
    let mut ends = Vec::with_capacity(records.len() / 2);
    let mut start = 0;
    for record in records.chunks_exact(2) {
        let (end, frame) = (record[0] as usize, record[1] as usize);
        let piece = data.get(start..end)?;
        lines.push(frames.get(frame)?.as_bytes());
        push_json_string(&mut lines, piece);
        lines.push(frames.get(frame + 1)?.as_bytes());
        ends.push(u32::try_from(lines.length).ok()?);
        start = end;
    }
    Some(ends)
}

/// What is written, as far as there is room, and counted beyond that.
struct Lines<'a> {
    out: &'a mut [u8],
    length: usize,
}

impl Lines<'_> {
    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.out.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        }
        self.length = end;
    }
}

fn push_json_string(lines: &mut Lines, bytes: &[u8]) {
    lines.push(b"\"");
    match std::str::from_utf8(bytes) {
        Ok(text) => push_escaped(lines, text.as_bytes()),
        Err(_) => push_repaired(lines, bytes),
    }
    lines.push(b"\"");
}

/// As text, with a mark for each sequence that is none. Slower than what whole text takes.
fn push_repaired(lines: &mut Lines, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        push_escaped(lines, chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            lines.push("\u{fffd}".as_bytes());
        }
    }
}

/// Copies what needs no escape in one go each.
fn push_escaped(lines: &mut Lines, mut bytes: &[u8]) {
    loop {
        let (plain, rest) = bytes.split_at(plain_length(bytes));
        lines.push(plain);
        let Some((escaped, rest)) = rest.split_first() else {
            return;
        };
        push_escape(lines, *escaped);
        bytes = rest;
    }
}

/// How many bytes come before the first that needs an escape.
fn plain_length(bytes: &[u8]) -> usize {
    let blocks = plain_blocks::<64>(bytes);
    let words = blocks + plain_blocks::<8>(&bytes[blocks..]);
    let rest = &bytes[words..];
    let last = rest.iter().position(|byte| needs_escape(*byte));
    words + last.unwrap_or(rest.len())
}

/// Length of the whole blocks in front of the first that holds a byte to escape. Nothing branches within a block, so
/// that the compiler looks at all its bytes at once.
fn plain_blocks<const BYTES: usize>(bytes: &[u8]) -> usize {
    let is_plain = |block: &&[u8]| {
        let found = block.iter().map(|byte| u8::from(needs_escape(*byte)));
        found.fold(0, |any, one| any | one) == 0
    };
    bytes.chunks_exact(BYTES).take_while(is_plain).count() * BYTES
}

fn needs_escape(byte: u8) -> bool {
    // Without short circuits, as these would be branches.
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn push_escape(lines: &mut Lines, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
            return lines.push(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    };
    lines.push(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(bytes: &[u8]) -> String {
        let mut out = vec![0; 6 * bytes.len() + 2];
        let mut lines = Lines {
            out: &mut out,
            length: 0,
        };
        push_json_string(&mut lines, bytes);
        let length = lines.length;
        String::from_utf8(out[..length].to_vec()).unwrap_or_default()
    }

    #[test]
    fn escapes_as_json_stringify_does() {
        assert_eq!(string(b""), r#""""#);
        assert_eq!(
            string(b"plain text of some length"),
            r#""plain text of some length""#
        );
        assert_eq!(string(b"a\"b\\c\n\t\r\x08\x0c"), r#""a\"b\\c\n\t\r\b\f""#);
        assert_eq!(string(b"\x00\x1f\x7f"), "\"\\u0000\\u001f\x7f\"");
        assert_eq!(
            string("1234567\u{e9}\u{2028}\"".as_bytes()),
            "\"1234567\u{e9}\u{2028}\\\"\""
        );
    }

    #[test]
    fn finds_an_escape_at_every_place() {
        for length in 1..140 {
            for at in 0..length {
                let mut bytes = vec![b'x'; length];
                bytes[at] = b'\n';
                let expected = format!("\"{}\\n{}\"", "x".repeat(at), "x".repeat(length - at - 1));
                assert_eq!(string(&bytes), expected);
            }
        }
    }

    #[test]
    fn replaces_what_is_no_utf8() {
        assert_eq!(string(b"a\xffb\xe2\x82"), "\"a\u{fffd}b\u{fffd}\"");
    }

    #[test]
    fn frames_each_piece_and_tells_its_end() {
        let frames = ["<", ">\n", "[", "]\n"].map(String::from);
        let mut out = [0; 18];
        let ends = encode(b"abc", &[1, 0, 1, 2, 3, 2], &frames, &mut out);
        assert_eq!(ends, Some(vec![6, 11, 18]));
        assert_eq!(&out, b"<\"a\">\n[\"\"]\n[\"bc\"]\n");
    }

    #[test]
    fn tells_how_much_room_it_needs() {
        let frames = ["<", ">\n"].map(String::from);
        assert_eq!(
            encode(b"abc", &[1, 0, 3, 0], &frames, &mut [0; 12]),
            Some(vec![6, 13])
        );
    }

    #[test]
    fn refuses_records_that_point_outside() {
        let frames = ["<", ">"].map(String::from);
        for records in [[4, 0, 4, 0], [2, 0, 1, 0], [1, 1, 2, 0]] {
            assert_eq!(encode(b"abc", &records, &frames, &mut [0; 99]), None);
        }
    }
}
