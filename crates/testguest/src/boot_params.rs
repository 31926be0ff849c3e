//! The boot parameters ("zero page") of the Linux x86 boot protocol.

use core::{ptr, slice};

const E820_COUNT: usize = 0x1e8;
const RAMDISK_IMAGE: usize = 0x218;
const RAMDISK_SIZE: usize = 0x21c;
const COMMAND_LINE: usize = 0x228;
const E820_TABLE: usize = 0x2d0;
const E820_ENTRY: usize = 20;
const E820_RAM: u32 = 1;

/// Longest command line of any VMM that this guest is for.
const MAX_COMMAND_LINE: usize = 64 * 1024;

pub struct BootParams(*const u8);

impl BootParams {
    pub fn at(address: *const u8) -> Self {
        Self(address)
    }

    pub fn command_line(&self) -> &'static [u8] {
        let start = self.u32(COMMAND_LINE) as usize as *const u8;
        if start.is_null() {
            return &[];
        }
        // SAFETY: the VMM put a zero-terminated string there, inside the mapped first gigabyte.
        unsafe {
            let length = (0..MAX_COMMAND_LINE)
                .find(|i| *start.add(*i) == 0)
                .unwrap_or(MAX_COMMAND_LINE);
            slice::from_raw_parts(start, length)
        }
    }

    /// Sum of the memory map's usable ranges.
    pub fn memory_bytes(&self) -> u64 {
        // SAFETY: the count is one byte, and 128 entries fit the page.
        let count = unsafe { *self.0.add(E820_COUNT) } as usize;
        (0..count.min(128))
            .map(|i| E820_TABLE + i * E820_ENTRY)
            .filter(|entry| self.u32(entry + 16) == E820_RAM)
            .map(|entry| self.u64(entry + 8))
            .sum()
    }

    pub fn initramfs(&self) -> Option<&'static [u8]> {
        let start = self.u32(RAMDISK_IMAGE) as usize;
        let length = self.u32(RAMDISK_SIZE) as usize;
        if start == 0 || length == 0 {
            return None;
        }
        // SAFETY: the VMM placed the file there; all memory below 4 GiB is mapped.
        Some(unsafe { slice::from_raw_parts(start as *const u8, length) })
    }

    fn u32(&self, offset: usize) -> u32 {
        // SAFETY: every offset used lies in the 4 KiB page of boot parameters.
        unsafe { ptr::read_unaligned(self.0.add(offset).cast()) }
    }

    fn u64(&self, offset: usize) -> u64 {
        // SAFETY: as above.
        unsafe { ptr::read_unaligned(self.0.add(offset).cast()) }
    }
}
