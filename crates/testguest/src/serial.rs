//! Port I/O, and the first serial port as an output that is always ready.

use core::arch::asm;

const COM1: u16 = 0x3f8;

pub fn out_byte(port: u16, value: u8) {
    // SAFETY: port writes touch no memory; the ports used belong to the serial and keyboard controllers.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack)) }
}

pub fn write(bytes: &[u8]) {
    for byte in bytes {
        out_byte(COM1, *byte);
    }
}
