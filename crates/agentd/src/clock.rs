//! The wall clock, set by the host (protocol section 19.3).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

/// Smaller differences are left to the guest.
const TOLERANCE: Duration = Duration::from_millis(100);

/// Sets the clock to `unix_time_nanos` unless it is close enough.
///
/// # Errors
/// When the kernel refuses.
pub fn synchronise(unix_time_nanos: u64) -> std::io::Result<()> {
    let host = Duration::from_nanos(unix_time_nanos);
    let guest = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    if guest.abs_diff(host) <= TOLERANCE {
        return Ok(());
    }
    let time = Timespec::try_from(host).map_err(std::io::Error::other)?;
    Ok(clock_settime(ClockId::Realtime, time)?)
}

/// Nanoseconds since the kernel started, sleep included.
#[must_use]
pub fn boot_time_nanos() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap_or_default()
}
