//! CRC32C (Castagnoli, reflected), chained from a seed and not inverted at the end: the form that EROFS stores.

const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Checksum of `bytes`; only superblocks are checked by it, so bit by bit is quick enough.
pub fn crc32c(bytes: &[u8], seed: u32) -> u32 {
    bytes.iter().fold(seed, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    #[test]
    fn the_check_value_of_the_algorithm() {
        assert_eq!(!crc32c(b"123456789", !0), 0xe306_9283);
    }
}
