//! The heartbeat of every second: a file in the guest, and a report to the host, which writes the same
//! file where its tools look for it (protocol section 19.1).

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use msb_protocol::heartbeat::{ActivityCounters, Heartbeat as Report};

use super::activity::Activity;
use crate::memory::Memory;

/// Time between two beats.
const INTERVAL: Duration = Duration::from_secs(1);

/// Sessions that are open at a beat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenSessions {
    /// Processes.
    pub exec: usize,
    /// File streams, both ways.
    pub fs: usize,
    /// TCP streams.
    pub tcp: usize,
}

/// Writes the file when its time has come.
#[derive(Debug)]
pub struct Heartbeat {
    folder: PathBuf,
    sequence: u64,
    next: Instant,
}

impl Heartbeat {
    /// First beat one interval after `now`.
    #[must_use]
    pub fn new(folder: PathBuf, now: Instant) -> Self {
        Self {
            folder,
            sequence: 0,
            next: now + INTERVAL,
        }
    }

    /// When the next beat is due.
    #[must_use]
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Writes the file when it is due, and says what the host should know. A file that cannot be
    /// written is of no consequence.
    pub fn beat(
        &mut self,
        now: Instant,
        activity: &Activity,
        open: OpenSessions,
    ) -> Option<Report> {
        if now < self.next {
            return None;
        }
        self.next = now + INTERVAL;
        self.sequence += 1;
        let mut report = report(self.sequence, SystemTime::now(), activity, open);
        let _ = self.write(&render(&report));
        let memory = Memory::now();
        (report.memory_total, report.memory_available) = (memory.total, memory.available);
        (report.upper_used, report.upper_free) = root_usage().unwrap_or_default();
        Some(report)
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let temporary = self.folder.join("heartbeat.tmp");
        std::fs::write(&temporary, text)?;
        std::fs::rename(temporary, self.folder.join("heartbeat.json"))
    }
}

fn report(sequence: u64, now: SystemTime, activity: &Activity, open: OpenSessions) -> Report {
    let count = |sessions| u32::try_from(sessions).unwrap_or(u32::MAX);
    Report {
        heartbeat_seq: sequence,
        activity_seq: activity.sequence,
        timestamp: rfc3339(now),
        last_activity: rfc3339(activity.last),
        active_exec_sessions: count(open.exec),
        active_fs_streams: count(open.fs),
        active_tcp_streams: count(open.tcp),
        activity_counters: ActivityCounters {
            host_messages: activity.host_messages,
            guest_messages: activity.guest_messages,
            exec_output_bytes: activity.exec_output_bytes,
            fs_bytes: activity.fs_bytes,
            tcp_bytes: activity.tcp_bytes,
        },
        ..Report::default()
    }
}

fn render(report: &Report) -> String {
    let counters = report.activity_counters;
    format!(
        concat!(
            r#"{{"heartbeat_seq":{},"activity_seq":{},"timestamp":"{}","last_activity":"{}","#,
            r#""active_exec_sessions":{},"active_fs_streams":{},"active_tcp_streams":{},"#,
            r#""activity_counters":{{"host_messages":{},"guest_messages":{},"#,
            r#""exec_output_bytes":{},"fs_bytes":{},"tcp_bytes":{}}}}}"#
        ),
        report.heartbeat_seq,
        report.activity_seq,
        report.timestamp,
        report.last_activity,
        report.active_exec_sessions,
        report.active_fs_streams,
        report.active_tcp_streams,
        counters.host_messages,
        counters.guest_messages,
        counters.exec_output_bytes,
        counters.fs_bytes,
        counters.tcp_bytes,
    )
}

/// Used and free bytes of the root file system. An overlay answers for the file system of its
/// writable part.
fn root_usage() -> Option<(u64, u64)> {
    let usage = rustix::fs::statvfs("/").ok()?;
    let used = usage.f_blocks.saturating_sub(usage.f_bfree);
    let bytes = |blocks: u64| blocks.saturating_mul(usage.f_frsize);
    Some((bytes(used), bytes(usage.f_bavail)))
}

/// `time` in UTC with nanoseconds. Times before 1970 read as 1970.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (
        second_of_day / 3600,
        second_of_day / 60 % 60,
        second_of_day % 60,
    );
    let nanos = since.subsec_nanos();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Year, month and day of a number of days since 1970. Counts in 400-year eras that begin in
/// March, so that the leap day is the last day of its year.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, nanos: u32) -> SystemTime {
        UNIX_EPOCH + Duration::new(seconds, nanos)
    }

    #[test]
    fn times_are_rfc3339() {
        assert_eq!(rfc3339(at(0, 0)), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(
            rfc3339(at(951_782_400, 1)),
            "2000-02-29T00:00:00.000000001Z"
        );
        assert_eq!(
            rfc3339(at(1_700_000_000, 123_456_789)),
            "2023-11-14T22:13:20.123456789Z"
        );
        assert_eq!(
            rfc3339(at(4_107_542_399, 0)),
            "2100-02-28T23:59:59.000000000Z"
        );
        assert_eq!(
            rfc3339(at(4_107_542_400, 0)),
            "2100-03-01T00:00:00.000000000Z"
        );
    }

    #[test]
    fn the_file_is_the_json_that_hosts_read() {
        let mut activity = Activity {
            last: at(1, 0),
            ..Activity::new()
        };
        activity.sequence = 7;
        activity.exec_output_bytes = 9;
        let open = OpenSessions {
            exec: 1,
            fs: 2,
            tcp: 3,
        };
        assert_eq!(
            render(&report(4, at(2, 5), &activity, open)),
            concat!(
                r#"{"heartbeat_seq":4,"activity_seq":7,"timestamp":"1970-01-01T00:00:02.000000005Z","#,
                r#""last_activity":"1970-01-01T00:00:01.000000000Z","active_exec_sessions":1,"#,
                r#""active_fs_streams":2,"active_tcp_streams":3,"activity_counters":"#,
                r#"{"host_messages":0,"guest_messages":0,"exec_output_bytes":9,"fs_bytes":0,"tcp_bytes":0}}"#
            )
        );
    }
}
