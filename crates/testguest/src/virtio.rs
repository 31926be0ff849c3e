//! virtio-mmio devices as the command line announces them (virtio 1.2, section 4.2).

use crate::json::Json;
use core::ptr;

const PARAMETER: &[u8] = b"virtio_mmio.device=";

const MAGIC: usize = 0x00;
const DEVICE_ID: usize = 0x08;
const DEVICE_FEATURES: usize = 0x10;
const DEVICE_FEATURES_SELECT: usize = 0x14;
const CONFIG: usize = 0x100;
const MAGIC_VALUE: u32 = u32::from_le_bytes(*b"virt");

const NETWORK: u32 = 1;
const BLOCK: u32 = 2;
const CONSOLE: u32 = 3;
const BLOCK_READ_ONLY: u32 = 1 << 5;
const BLOCK_FLUSH: u32 = 1 << 9;

/// `<size>@<address>:<irq>`
#[derive(Clone, Copy)]
pub struct Location {
    address: usize,
    irq: u64,
}

pub fn locations(command_line: &[u8]) -> impl Iterator<Item = Location> {
    command_line
        .split(|byte| *byte == b' ')
        .filter_map(|word| word.strip_prefix(PARAMETER))
        .filter_map(parse)
}

fn parse(value: &[u8]) -> Option<Location> {
    let at = value.iter().position(|byte| *byte == b'@')? + 1;
    let colon = value.iter().position(|byte| *byte == b':')?;
    let digits = value.get(at..colon)?.strip_prefix(b"0x")?;
    let irq = value.get(colon + 1..)?;
    Some(Location {
        address: number(digits, 16)? as usize,
        irq: number(irq, 10)?,
    })
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    core::str::from_utf8(digits)
        .ok()
        .and_then(|text| u64::from_str_radix(text, radix).ok())
}

pub fn describe(Location { address, irq }: Location, out: &mut Json) {
    out.open(b'{');
    out.key("address").number(address as u64);
    out.key("irq").number(irq);
    let id = read(address + DEVICE_ID);
    out.key("id").number(u64::from(id));
    out.key("present")
        .boolean(read(address + MAGIC) == MAGIC_VALUE && id != 0);
    match id {
        BLOCK => block(address, out),
        CONSOLE => {
            let ports = read(address + CONFIG + 4);
            out.key("max_ports").number(u64::from(ports));
        }
        NETWORK => {
            out.key("mac").open(b'[');
            for offset in 0..6 {
                out.number(u64::from(read_byte(address + CONFIG + offset)));
            }
            out.close(b']');
        }
        _ => {}
    }
    out.close(b'}');
}

fn block(address: usize, out: &mut Json) {
    write(address + DEVICE_FEATURES_SELECT, 0);
    let features = read(address + DEVICE_FEATURES);
    let sectors = u64::from(read(address + CONFIG)) | u64::from(read(address + CONFIG + 4)) << 32;
    out.key("sectors").number(sectors);
    out.key("read_only")
        .boolean(features & BLOCK_READ_ONLY != 0);
    out.key("flush").boolean(features & BLOCK_FLUSH != 0);
}

fn read(address: usize) -> u32 {
    // SAFETY: a register of a device that the VMM announced; reading these has no side effect.
    unsafe { ptr::read_volatile(address as *const u32) }
}

fn read_byte(address: usize) -> u8 {
    // SAFETY: as above.
    unsafe { ptr::read_volatile(address as *const u8) }
}

fn write(address: usize, value: u32) {
    // SAFETY: the register that selects which features are shown.
    unsafe { ptr::write_volatile(address as *mut u32, value) }
}
