//! System calls without the C library.
//!
//! The library keeps the error number in memory of the thread. A child that shares its memory with the agent (see
//! [`super::child`]) would change the agent's, so it calls the kernel by itself.

use core::arch::asm;

/// A Linux error number.
pub type ErrorNumber = i32;

/// Calls the kernel.
///
/// # Errors
/// The error number that it returns.
///
/// # Safety
/// As the system call demands of its arguments.
pub unsafe fn call(number: libc::c_long, arguments: [usize; 5]) -> Result<usize, ErrorNumber> {
    let [a, b, c, d, e] = arguments;
    let result: isize;
    // SAFETY: the kernel's calling convention; it changes the named registers and what the arguments point to.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    // SAFETY: the same.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e,
            options(nostack),
        );
    }
    // Negative results are errors: no call made here returns an address.
    usize::try_from(result).map_err(|_| i32::try_from(-result).unwrap_or(libc::EIO))
}
