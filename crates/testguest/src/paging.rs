//! Page tables of our own: the loader maps one gigabyte, and devices lie above it.

use core::arch::asm;
use core::ptr::addr_of_mut;

const PRESENT_WRITABLE: u64 = 0b11;
const LARGE: u64 = 1 << 7;
const ENTRIES: usize = 512;
const GIGABYTES: usize = 4;

#[repr(align(4096))]
struct Table([u64; ENTRIES]);

static mut TOP: Table = Table([0; ENTRIES]);
static mut DIRECTORIES: Table = Table([0; ENTRIES]);
static mut PAGES: [Table; GIGABYTES] = [const { Table([0; ENTRIES]) }; GIGABYTES];

/// Maps the first 4 GiB to themselves in pages of 2 MiB.
pub fn map_low_4_gib() {
    // SAFETY: one processor runs, before anything else uses these tables; the new mapping contains the old one.
    unsafe {
        let top = addr_of_mut!(TOP.0);
        let directories = addr_of_mut!(DIRECTORIES.0);
        let pages = addr_of_mut!(PAGES);
        (*top)[0] = directories as u64 | PRESENT_WRITABLE;
        for gigabyte in 0..GIGABYTES {
            let table = addr_of_mut!((*pages)[gigabyte].0);
            (*directories)[gigabyte] = table as u64 | PRESENT_WRITABLE;
            for entry in 0..ENTRIES {
                let address = ((gigabyte * ENTRIES + entry) as u64) << 21;
                (*table)[entry] = address | PRESENT_WRITABLE | LARGE;
            }
        }
        asm!("mov cr3, {}", in(reg) top, options(nostack));
    }
}
