//! JSON written straight to the serial port, without memory.

use crate::serial;

/// Knows only whether a comma is due.
#[derive(Default)]
pub struct Json {
    comma: bool,
}

impl Json {
    pub fn open(&mut self, bracket: u8) {
        self.separate();
        serial::write(&[bracket]);
        self.comma = false;
    }

    pub fn close(&mut self, bracket: u8) {
        serial::write(&[bracket]);
        self.comma = true;
    }

    pub fn key(&mut self, name: &str) -> &mut Self {
        self.text(name.as_bytes());
        serial::write(b":");
        self.comma = false;
        self
    }

    /// Bytes outside printable ASCII, quotes and backslashes become `\u00xx`.
    pub fn text(&mut self, bytes: &[u8]) {
        self.separate();
        serial::write(b"\"");
        for byte in bytes {
            match byte {
                b' ' | b'!' | b'#'..=b'[' | b']'..=b'~' => serial::write(&[*byte]),
                _ => {
                    serial::write(b"\\u00");
                    serial::write(&[hex(byte >> 4), hex(byte & 15)]);
                }
            }
        }
        serial::write(b"\"");
        self.comma = true;
    }

    pub fn number(&mut self, value: u64) {
        self.separate();
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        let mut rest = value;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        serial::write(&digits[at..]);
        self.comma = true;
    }

    pub fn boolean(&mut self, value: bool) {
        self.separate();
        serial::write(if value { b"true" } else { b"false" });
        self.comma = true;
    }

    pub fn null(&mut self) {
        self.separate();
        serial::write(b"null");
        self.comma = true;
    }

    pub fn line_end(&mut self) {
        serial::write(b"\n");
    }

    fn separate(&mut self) {
        if self.comma {
            serial::write(b",");
        }
    }
}

fn hex(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    }
}
