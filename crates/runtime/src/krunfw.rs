//! Guest kernels inside libkrunfw, a shared library that is nothing but a kernel and its addresses.
//!
//! The library is parsed, never loaded, so that none of its code runs here. The bytes are the symbol
//! `KERNEL_BUNDLE`; load address, entry and size are the constants that `krunfw_get_kernel(u64 *load,
//! u64 *entry, size_t *size)` stores through its three arguments.

use object::{Object, ObjectSection, ObjectSymbol};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Both known builds are about 22 MB.
const MAX_LIBRARY_BYTES: u64 = 256 << 20;
const MIN_LOAD_ADDRESS: u64 = 1 << 20;
const MAX_ADDRESS: u64 = 1 << 32;

const PAGE: u64 = 4096;

/// Bytes of a guest kernel and where they lie in guest memory.
#[derive(Debug, PartialEq, Eq)]
pub struct Kernel {
    pub image: Vec<u8>,
    pub load_address: u64,
    pub entry_address: u64,
    pub pvh_entry_address: u64,
}

/// Why a file gives no kernel.
#[derive(Debug, thiserror::Error)]
pub enum KrunfwError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the file has {0} bytes, more than a libkrunfw can have")]
    TooLarge(u64),
    #[error("not an ELF file: {0}")]
    NotElf(#[from] object::Error),
    #[error("built for {0:?}, which this project does not start yet")]
    Architecture(object::Architecture),
    #[error("symbol {0} is missing: not a libkrunfw")]
    MissingSymbol(&'static str),
    #[error("symbol {0} does not lie in the file")]
    SymbolOutside(&'static str),
    #[error("krunfw_get_kernel has an unknown form")]
    UnknownCode,
    #[error("kernel of {size} bytes at {load:#x} with entry {entry:#x} makes no sense")]
    Nonsense { load: u64, entry: u64, size: u64 },
}

/// Reads the file and takes the kernel out of it.
pub fn read_kernel(path: &Path) -> Result<Kernel, KrunfwError> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > MAX_LIBRARY_BYTES {
        return Err(KrunfwError::TooLarge(size));
    }
    let mut library = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // The limit holds also when the file grows while it is read, or is none (a FIFO, a device).
    file.by_ref()
        .take(MAX_LIBRARY_BYTES)
        .read_to_end(&mut library)?;
    parse_library(&library)
}

/// Takes the kernel out of a library's bytes.
pub fn parse_library(library: &[u8]) -> Result<Kernel, KrunfwError> {
    let elf = object::File::parse(library)?;
    if elf.architecture() != object::Architecture::X86_64 {
        return Err(KrunfwError::Architecture(elf.architecture()));
    }
    let code = symbol_bytes(&elf, "krunfw_get_kernel")?;
    let bundle = symbol_bytes(&elf, "KERNEL_BUNDLE")?;
    let (load, entry, size) = stored_constants(code).ok_or(KrunfwError::UnknownCode)?;
    let sensible = load >= MIN_LOAD_ADDRESS
        && load % PAGE == 0
        && size > PAGE
        && size <= bundle.len() as u64
        && load + size < MAX_ADDRESS
        && (load..load + size).contains(&entry);
    if !sensible {
        return Err(KrunfwError::Nonsense { load, entry, size });
    }
    let image = &bundle[..size as usize];
    Ok(Kernel {
        image: image.to_vec(),
        load_address: load,
        entry_address: entry,
        pvh_entry_address: pvh_entry(image)
            .filter(|address| (load..load + size).contains(address))
            .unwrap_or(load),
    })
}

fn symbol_bytes<'data>(
    elf: &object::File<'data>,
    name: &'static str,
) -> Result<&'data [u8], KrunfwError> {
    let symbol = elf
        .dynamic_symbols()
        .chain(elf.symbols())
        .find(|symbol| symbol.is_definition() && symbol.name() == Ok(name))
        .ok_or(KrunfwError::MissingSymbol(name))?;
    let outside = KrunfwError::SymbolOutside(name);
    let Some(index) = symbol.section_index() else {
        return Err(outside);
    };
    let section = elf.section_by_index(index)?;
    match section.data_range(symbol.address(), symbol.size())? {
        Some(bytes) if bytes.len() as u64 == symbol.size() => Ok(bytes),
        _ => Err(outside),
    }
}

/// Load address, entry and size: the immediates of `mov qword [reg], imm32` in the function's code.
///
/// An optimised build stores through the argument registers (rdi, rsi, rdx); an unoptimised one loads each
/// pointer into the same register first, so there the order counts.
fn stored_constants(code: &[u8]) -> Option<(u64, u64, u64)> {
    const RDI: u8 = 7;
    const RSI: u8 = 6;
    const RDX: u8 = 2;
    let stores: Vec<(u8, u64)> = code
        .windows(7)
        .filter_map(|bytes| match *bytes {
            // REX.W C7 /0, memory operand without displacement or SIB byte; imm32 is sign-extended.
            [0x48, 0xc7, register @ (0..=3 | 6 | 7), a, b, c, d] if d < 0x80 => {
                Some((register, u64::from(u32::from_le_bytes([a, b, c, d]))))
            }
            _ => None,
        })
        .collect();
    let &[first, second, third] = stores.as_slice() else {
        return None;
    };
    let through = |register| {
        stores
            .iter()
            .find(|(r, _)| *r == register)
            .map(|(_, value)| *value)
    };
    match (through(RDI), through(RSI), through(RDX)) {
        (Some(load), Some(entry), Some(size)) => Some((load, entry, size)),
        _ => Some((first.1, second.1, third.1)),
    }
}

/// Value of the note `Xen`, type 18 (PHYS32_ENTRY), that PVH loaders start a kernel by.
fn pvh_entry(image: &[u8]) -> Option<u64> {
    const PHYS32_ENTRY: u32 = 18;
    image
        .chunks_exact(4)
        .enumerate()
        .filter(|(_, word)| *word == b"Xen\0")
        .find_map(|(i, _)| {
            let at = i * 4;
            let word = |offset: usize| {
                let bytes = image.get(offset..offset + 4)?;
                Some(u32::from_le_bytes(bytes.try_into().ok()?))
            };
            let header = at.checked_sub(12)?;
            let [name, descriptor, kind] = [word(header)?, word(header + 4)?, word(header + 8)?];
            match (name, descriptor, kind) {
                (4, 4, PHYS32_ENTRY) => word(at + 4).map(u64::from),
                (4, 8, PHYS32_ENTRY) => {
                    Some(u64::from(word(at + 4)?) | u64::from(word(at + 8)?) << 32)
                }
                _ => None,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stores_of_an_unoptimised_build_in_order() {
        let code = [
            0x55, 0x48, 0xc7, 0x00, 0, 0, 0, 1, 0x48, 0x8b, 0x45, 0xf0, 0x48, 0xc7, 0x00, 0x23, 1,
            0, 1, 0x48, 0xc7, 0x00, 0, 0, 0x49, 1, 0xc3,
        ];
        assert_eq!(
            stored_constants(&code),
            Some((0x0100_0000, 0x0100_0123, 0x0149_0000))
        );
    }

    #[test]
    fn reads_stores_of_an_optimised_build_by_register() {
        let code = [
            0x48, 0xc7, 0x02, 0, 0, 0x49, 1, 0x48, 0xc7, 0x07, 0, 0, 0, 1, 0x48, 0xc7, 0x06, 0x23,
            1, 0, 1,
        ];
        assert_eq!(
            stored_constants(&code),
            Some((0x0100_0000, 0x0100_0123, 0x0149_0000))
        );
    }

    #[test]
    fn refuses_code_with_another_number_of_stores() {
        assert_eq!(stored_constants(&[0x48, 0xc7, 0x00, 0, 0, 0, 1]), None);
        assert_eq!(stored_constants(&[]), None);
    }

    #[test]
    fn finds_the_pvh_note_among_other_notes() {
        let mut image = vec![0; 64];
        for word in [4_u32, 12, 19, u32::from_le_bytes(*b"Xen\0"), 0, 0, 0] {
            image.extend(word.to_le_bytes());
        }
        assert_eq!(pvh_entry(&image), None);
        for word in [4_u32, 8, 18, u32::from_le_bytes(*b"Xen\0"), 0x0100_0000, 0] {
            image.extend(word.to_le_bytes());
        }
        assert_eq!(pvh_entry(&image), Some(0x0100_0000));
        image.truncate(image.len() - 6);
        assert_eq!(pvh_entry(&image), None);
    }

    #[test]
    fn refuses_what_is_no_libkrunfw() {
        assert!(matches!(
            parse_library(b"not an ELF file"),
            Err(KrunfwError::NotElf(_))
        ));
        let own = std::env::current_exe().and_then(std::fs::read).unwrap();
        assert!(matches!(
            parse_library(&own),
            Err(KrunfwError::MissingSymbol(_))
        ));
    }
}
