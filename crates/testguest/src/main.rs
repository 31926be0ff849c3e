//! A guest of a few kilobytes that proves a VMM binding: it prints one JSON line about the machine it finds
//! itself in (command line, memory, processors, initramfs, virtio devices) on the first serial port, and
//! resets.
//!
//! It runs where KVM can execute a virtual processor but not boot an operating system. Entry is that of the
//! Linux 64-bit boot protocol: long mode, the first gigabyte mapped to itself, `rsi` = boot parameters.

#![no_std]
#![no_main]

mod boot_params;
mod json;
mod mp_table;
mod paging;
mod serial;
mod virtio;

use boot_params::BootParams;
use core::arch::global_asm;
use json::Json;

global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    "_start:",
    "lea rsp, [rip + {stack} + {size}]",
    "mov rdi, rsi",
    "call {main}",
    "hlt",
    stack = sym STACK,
    size = const STACK_BYTES,
    main = sym main,
);

const STACK_BYTES: usize = 16 * 1024;

/// Of the initramfs; some hosts interpret every instruction, and megabytes would take seconds there.
const SUMMED_BYTES: usize = 8 * 1024;

#[repr(align(16))]
#[allow(dead_code)]
struct Stack([u8; STACK_BYTES]);
static mut STACK: Stack = Stack([0; STACK_BYTES]);

extern "sysv64" fn main(boot_params: *const u8) -> ! {
    paging::map_low_4_gib();
    let boot = BootParams::at(boot_params);
    let mut out = Json::default();
    out.open(b'{');
    out.key("command_line").text(boot.command_line());
    out.key("memory_kib").number(boot.memory_bytes() / 1024);
    out.key("cpus").number(mp_table::processors());
    out.key("initramfs");
    match boot.initramfs() {
        Some(bytes) => {
            out.open(b'{');
            out.key("bytes").number(bytes.len() as u64);
            out.key("sum").number(
                bytes
                    .iter()
                    .take(SUMMED_BYTES)
                    .map(|byte| u64::from(*byte))
                    .sum(),
            );
            out.close(b'}');
        }
        None => out.null(),
    }
    out.key("devices").open(b'[');
    for location in virtio::locations(boot.command_line()) {
        virtio::describe(location, &mut out);
    }
    out.close(b']');
    out.close(b'}');
    out.line_end();
    if has_word(boot.command_line(), b"testguest.hold") {
        hold()
    }
    reset()
}

fn has_word(line: &[u8], word: &[u8]) -> bool {
    line.split(|byte| *byte == b' ').any(|part| part == word)
}

/// Stays, without using the processor, so that somebody can look at the machine from outside.
fn hold() -> ! {
    loop {
        // No interrupt ever wakes it.
        unsafe { core::arch::asm!("cli", "hlt") }
    }
}

/// Pulses the reset line through the keyboard controller; a VMM takes this as the end of the machine.
fn reset() -> ! {
    serial::out_byte(0x64, 0xfe);
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    serial::write(b"{\"error\":\"guest panicked\"}\n");
    reset()
}
