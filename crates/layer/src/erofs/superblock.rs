//! What comes before the metadata area: superblock and device table.

use super::BLOCK_BYTES;
use crate::crc32c::crc32c;

const OFFSET: u64 = 1024;
const BYTES: u64 = 128;
const DEVICE_SLOT_BYTES: u64 = 128;
const MAGIC: u32 = 0xe0f5_e1e2;
/// Checksum present.
const COMPAT_CHECKSUM: u32 = 0x01;
/// Files in chunks; more than one device.
const INCOMPAT_CHUNKS_AND_DEVICES: u32 = 0x04 | 0x08;
const BLOCK_BITS: u8 = BLOCK_BYTES.trailing_zeros() as u8;

/// A further device of an image: where a layer is when all are read as one.
#[derive(Clone, Copy, Debug)]
pub struct DeviceSlot {
    pub blocks: u32,
    /// Its first block in the concatenation of all devices.
    pub mapped_block: u32,
}

pub struct Superblock<'a> {
    pub inodes: u64,
    /// Blocks of this image alone.
    pub blocks: u32,
    /// First block of the metadata area.
    pub metadata_block: u32,
    /// None for an image of one device.
    pub devices: Option<&'a [DeviceSlot]>,
}

/// Blocks before the metadata area.
pub fn head_blocks(devices: usize) -> u32 {
    (OFFSET + BYTES + devices as u64 * DEVICE_SLOT_BYTES).div_ceil(BLOCK_BYTES) as u32
}

/// The blocks before the metadata area. UUID, volume name and times are zero: equal trees give equal images.
pub fn encode(superblock: &Superblock) -> Vec<u8> {
    let mut head = vec![0; superblock.metadata_block as usize * BLOCK_BYTES as usize];
    let start = OFFSET as usize;
    let mut put = |at: usize, field: &[u8]| {
        head[start + at..start + at + field.len()].copy_from_slice(field);
    };
    put(0x00, &MAGIC.to_le_bytes());
    put(0x08, &COMPAT_CHECKSUM.to_le_bytes());
    put(0x0c, &[BLOCK_BITS]);
    put(0x10, &superblock.inodes.to_le_bytes());
    put(0x24, &superblock.blocks.to_le_bytes());
    put(0x28, &superblock.metadata_block.to_le_bytes());
    if let Some(devices) = superblock.devices {
        put(0x50, &INCOMPAT_CHUNKS_AND_DEVICES.to_le_bytes());
        put(0x56, &(devices.len() as u16).to_le_bytes());
        put(
            0x58,
            &(((OFFSET + BYTES) / DEVICE_SLOT_BYTES) as u16).to_le_bytes(),
        );
        for (index, device) in devices.iter().enumerate() {
            let slot = (BYTES + index as u64 * DEVICE_SLOT_BYTES) as usize;
            put(slot + 0x40, &device.blocks.to_le_bytes());
            put(slot + 0x44, &device.mapped_block.to_le_bytes());
        }
    }
    // Over the rest of block 0, the checksum's own field counted as zero.
    let checksum = crc32c(&head[start..BLOCK_BYTES as usize], u32::MAX);
    head[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
    head
}
