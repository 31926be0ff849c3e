//! The processor's time stamp counter.

/// The time stamp counter and the monotonic clock in nanoseconds, read at (nearly) the same moment.
#[cfg(target_arch = "x86_64")]
pub fn read_tsc() -> Option<(u64, u64)> {
    const ATTEMPTS: usize = 1000;
    const CLOSE_NS: u64 = 500;
    let mut best: Option<(u64, u64, u64)> = None;
    for _ in 0..ATTEMPTS {
        let before = monotonic_ns()?;
        // Every x86-64 processor has the instruction; it reads a register.
        let ticks = unsafe { core::arch::x86_64::_rdtsc() };
        let after = monotonic_ns()?;
        // Whoever was interrupted in between reads too far apart; the closest pair counts.
        let distance = after.saturating_sub(before);
        if best.is_none_or(|(closest, ..)| distance < closest) {
            best = Some((distance, ticks, before + distance / 2));
        }
        if distance < CLOSE_NS {
            break;
        }
    }
    best.map(|(_, ticks, ns)| (ticks, ns))
}

#[cfg(not(target_arch = "x86_64"))]
pub fn read_tsc() -> Option<(u64, u64)> {
    None
}

#[cfg(target_arch = "x86_64")]
fn monotonic_ns() -> Option<u64> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    super::check(unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) }).ok()?;
    Some(u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
}
