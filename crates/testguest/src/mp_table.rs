//! Number of processors from the MultiProcessor table (Intel MP specification 1.4, section 4).

use core::ptr;

/// Where the floating pointer may lie below 1 MiB, in steps of 16 bytes.
const SEARCH: [(usize, usize); 2] = [(0x9_f000, 0xa_0000), (0xf_0000, 0x10_0000)];

/// Length of header and entries; the count of entries at 34 is left zero by VMMs, and Linux ignores it too.
const LENGTH: usize = 4;
const HEADER: usize = 44;
const PROCESSOR: u8 = 0;
const PROCESSOR_BYTES: usize = 20;
const OTHER_BYTES: usize = 8;

/// Zero when the VMM left no table.
pub fn processors() -> u64 {
    let Some(table) = find().map(|pointer| read_u32(pointer + 4) as usize) else {
        return 0;
    };
    let end = table + (read_u32(table + LENGTH) & 0xffff) as usize;
    let mut at = table + HEADER;
    let mut count = 0;
    while at < end {
        if read_u32(at) as u8 == PROCESSOR {
            count += 1;
            at += PROCESSOR_BYTES;
        } else {
            at += OTHER_BYTES;
        }
    }
    count
}

fn find() -> Option<usize> {
    let signature = u32::from_le_bytes(*b"_MP_");
    SEARCH
        .iter()
        .flat_map(|(from, to)| (*from..*to).step_by(16))
        .find(|address| read_u32(*address) == signature)
}

fn read_u32(address: usize) -> u32 {
    // SAFETY: memory below 4 GiB is mapped; reading it has no side effect where tables lie.
    unsafe { ptr::read_unaligned(address as *const u32) }
}
