//! Internet checksum of TCP segments (RFC 1071), many words at a time: it is most of what a segment costs.

use std::net::IpAddr;

const TCP: u16 = 6;
const CHECKSUM_AT: usize = 16;
const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;

/// Sum of 16-bit words in the machine's byte order, in which the checksum comes out right as well (RFC 1071, 2 B).
fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(4);
    let rest = match *words.remainder() {
        [a] => u64::from(u16::from_ne_bytes([a, 0])),
        [a, b] => u64::from(u16::from_ne_bytes([a, b])),
        [a, b, c] => u64::from(u16::from_ne_bytes([a, b])) + u64::from(u16::from_ne_bytes([c, 0])),
        _ => 0,
    };
    let word = |w: &[u8]| u64::from(u32::from_ne_bytes([w[0], w[1], w[2], w[3]]));
    words.map(word).sum::<u64>() + rest
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn segment_sum(source: IpAddr, destination: IpAddr, segment: &[u8]) -> u16 {
    let address = |address: IpAddr| match address {
        IpAddr::V4(v4) => sum(&v4.octets()),
        IpAddr::V6(v6) => sum(&v6.octets()),
    };
    let header = u64::from(TCP.to_be()) + u64::from((segment.len() as u16).to_be());
    fold(address(source) + address(destination) + header + sum(segment))
}

/// Whether a segment arrived as it was sent.
pub(super) fn is_intact(source: IpAddr, destination: IpAddr, segment: &[u8]) -> bool {
    segment_sum(source, destination, segment) == 0xffff
}

/// Fills in the checksum of a frame that the stack has made, when it carries TCP.
pub fn fill_tcp(frame: &mut [u8]) {
    let (source, destination, at) = match frame.get(12..14) {
        Some([0x08, 0x00]) if frame.get(23) == Some(&(TCP as u8)) => {
            let address = |at: usize| {
                frame
                    .get(at..)?
                    .first_chunk::<4>()
                    .map(|b| IpAddr::from(*b))
            };
            (address(26), address(30), ETHERNET + IPV4)
        }
        Some([0x86, 0xdd]) if frame.get(20) == Some(&(TCP as u8)) => {
            let address = |at: usize| {
                frame
                    .get(at..)?
                    .first_chunk::<16>()
                    .map(|b| IpAddr::from(*b))
            };
            (address(22), address(38), ETHERNET + IPV6)
        }
        _ => return,
    };
    let (Some(source), Some(destination)) = (source, destination) else {
        return;
    };
    if let Some(segment) = frame.get_mut(at..)
        && segment.len() > CHECKSUM_AT + 1
    {
        segment[CHECKSUM_AT..CHECKSUM_AT + 2].fill(0);
        let checksum = !segment_sum(source, destination, segment);
        segment[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&checksum.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::wire::{IpAddress, TcpPacket};

    #[test]
    fn agrees_with_the_stacks_own() {
        let pairs: [(IpAddr, IpAddr); 2] = [
            ([10, 0, 0, 1].into(), [172, 16, 255, 254].into()),
            (
                "fd42::1".parse().unwrap(),
                "2001:db8:ffff::2".parse().unwrap(),
            ),
        ];
        for (source, destination) in pairs {
            for length in 20..200 {
                let mut segment: Vec<u8> = (0..length).map(|i| (i * 37 + length) as u8).collect();
                let (from, to) = (IpAddress::from(source), IpAddress::from(destination));
                TcpPacket::new_unchecked(&mut segment[..]).fill_checksum(&from, &to);
                assert!(is_intact(source, destination, &segment), "{length}");
                segment[length / 2] ^= 4;
                assert!(!is_intact(source, destination, &segment), "{length}");
            }
        }
    }
}
