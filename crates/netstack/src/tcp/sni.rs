//! Server name of a TLS ClientHello (RFC 8446, 4.1.2; RFC 6066, 3), also when split over several records.

use crate::policy::normalise_name;

/// What the first bytes of a connection say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hello {
    /// So far it could be a ClientHello.
    Incomplete,
    /// Not TLS, or not a well-formed ClientHello.
    NotTls,
    /// A complete ClientHello without a usable server name.
    Nameless,
    /// Server name, lower case, without trailing dot.
    Name(String),
}

const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const RECORD_HEADER: usize = 5;
const MAX_RECORD: usize = 16384;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// Reads as much of a ClientHello as there is.
pub fn read_hello(bytes: &[u8]) -> Hello {
    let Some(handshake) = handshake_bytes(bytes) else {
        return Hello::NotTls;
    };
    let Some(header) = handshake.first_chunk::<4>() else {
        return match handshake.first() {
            None | Some(&CLIENT_HELLO) => Hello::Incomplete,
            Some(_) => Hello::NotTls,
        };
    };
    if header[0] != CLIENT_HELLO {
        return Hello::NotTls;
    }
    let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
    match handshake.get(4..4 + length) {
        None => Hello::Incomplete,
        Some(body) => match server_name(body) {
            None => Hello::NotTls,
            Some(None) => Hello::Nameless,
            Some(Some(name)) => Hello::Name(name),
        },
    }
}

/// Payload of the handshake records at the start, the last one as far as it came; none for anything else.
fn handshake_bytes(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut handshake = Vec::new();
    while !bytes.is_empty() {
        let wrong_start = bytes[0] != HANDSHAKE_RECORD || bytes.get(1).is_some_and(|v| *v != 3);
        if wrong_start {
            // What follows a complete ClientHello is nobody's business here.
            return (!handshake.is_empty()).then_some(handshake);
        }
        let Some(header) = bytes.first_chunk::<RECORD_HEADER>() else {
            break;
        };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if length == 0 || length > MAX_RECORD {
            return None;
        }
        let end = (RECORD_HEADER + length).min(bytes.len());
        handshake.extend_from_slice(&bytes[RECORD_HEADER..end]);
        bytes = &bytes[end..];
    }
    Some(handshake)
}

/// Outer none: malformed. Inner none: no name.
fn server_name(body: &[u8]) -> Option<Option<String>> {
    let mut fields = Fields(body);
    fields.take(2 + 32)?;
    fields.vector8()?;
    fields.vector16()?;
    fields.vector8()?;
    if fields.0.is_empty() {
        return Some(None);
    }
    let mut extensions = Fields(fields.vector16()?);
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let data = extensions.vector16()?;
        if kind == SERVER_NAME {
            return host_name(data);
        }
    }
    Some(None)
}

fn host_name(data: &[u8]) -> Option<Option<String>> {
    let mut names = Fields(Fields(data).vector16()?);
    while !names.0.is_empty() {
        let kind = names.take(1)?[0];
        let name = names.vector16()?;
        if kind == HOST_NAME {
            let text = std::str::from_utf8(name).ok();
            return Some(text.and_then(|text| normalise_name(text).ok()));
        }
    }
    Some(None)
}

/// Cursor over length-prefixed fields.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|b| u16::from_be_bytes([b[0], b[1]]))
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(length.into())
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector16(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
    }

    /// Handshake message of a ClientHello with one other extension before the name.
    fn message(name: Option<&[u8]>) -> Vec<u8> {
        let mut extensions = [&[0, 43][..], &vector16(&[2, 3, 4])].concat();
        if let Some(name) = name {
            let entry = [&[HOST_NAME][..], &vector16(name)].concat();
            extensions.extend([&[0, 0][..], &vector16(&vector16(&entry))].concat());
        }
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0]);
        body.extend(vector16(&[0x13, 1]));
        body.extend([1, 0]);
        body.extend(vector16(&extensions));
        let length = (body.len() as u32).to_be_bytes();
        [&[CLIENT_HELLO, length[1], length[2], length[3]][..], &body].concat()
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let record = |piece: &[u8]| [&[HANDSHAKE_RECORD, 3, 1][..], &vector16(piece)].concat();
        message.chunks(size).flat_map(record).collect()
    }

    #[test]
    fn names_are_found_in_one_record_and_in_many() {
        let name = Hello::Name("www.example.com".into());
        for size in [1, 7, 100, 16384] {
            let bytes = records(&message(Some(b"WWW.Example.com.")), size);
            assert_eq!(read_hello(&bytes), name, "{size}");
            for cut in 0..bytes.len() {
                let part = read_hello(&bytes[..cut]);
                assert!(
                    part == Hello::Incomplete || part == name,
                    "{size} {cut} {part:?}"
                );
            }
            assert_eq!(read_hello(&[&bytes[..], b"rest"].concat()), name);
        }
        assert_eq!(read_hello(&records(&message(None), 99)), Hello::Nameless);
        assert_eq!(
            read_hello(&records(&message(Some(b"a b")), 99)),
            Hello::Nameless
        );
    }

    #[test]
    fn other_protocols_are_told_at_once() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"SSH-2.0",
            &[22, 2],
            &[22, 3, 1, 0, 1, 2],
        ] {
            assert_eq!(read_hello(bytes), Hello::NotTls);
        }
        assert_eq!(read_hello(&[]), Hello::Incomplete);
    }

    #[test]
    fn any_damage_is_survived() {
        let bytes = records(&message(Some(b"example.com")), 50);
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                read_hello(&damaged);
            }
        }
    }
}
