//! Names and numbers of resource limits (protocol section 6.2).

use msb_protocol::payload::ExecRlimit;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// One resource limit by its Linux number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceLimit {
    /// `RLIMIT_*`.
    pub resource: u32,
    /// Soft limit.
    pub soft: u64,
    /// Hard limit.
    pub hard: u64,
}

/// Linux order: the index is the number.
const NAMES: [&str; 16] = [
    "cpu",
    "fsize",
    "data",
    "stack",
    "core",
    "rss",
    "nproc",
    "nofile",
    "memlock",
    "as",
    "locks",
    "sigpending",
    "msgqueue",
    "nice",
    "rtprio",
    "rttime",
];

/// `RLIMIT_NOFILE`.
const NOFILE: u32 = 7;

/// Descriptors that the agent itself may have open.
const AGENT_FILES: u64 = 65_536;

/// Raises this process's own limit of open files: every session takes some. Gives back the limit
/// before, which children are to have.
#[must_use]
pub fn raise_file_limit() -> ResourceLimit {
    let before = getrlimit(Resource::Nofile);
    let limit = Rlimit {
        current: Some(AGENT_FILES),
        maximum: Some(AGENT_FILES),
    };
    // With fewer, requests fail with a limit error and nothing worse.
    let _ = setrlimit(Resource::Nofile, limit);
    ResourceLimit {
        resource: NOFILE,
        soft: before.current.unwrap_or(u64::MAX),
        hard: before.maximum.unwrap_or(u64::MAX),
    }
}

/// Number of the resource called `name`, whatever its case.
#[must_use]
pub fn resource_number(name: &str) -> Option<u32> {
    (0..)
        .zip(NAMES)
        .find(|(_, known)| known.eq_ignore_ascii_case(name))
        .map(|(number, _)| number)
}

/// The limits whose names are known; others are passed over.
#[must_use]
pub fn known_limits(limits: &[ExecRlimit]) -> Vec<ResourceLimit> {
    let known = |limit: &ExecRlimit| {
        let resource = resource_number(&limit.resource)?;
        Some(ResourceLimit {
            resource,
            soft: limit.soft,
            hard: limit.hard,
        })
    };
    limits.iter().filter_map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_linux() {
        assert_eq!(resource_number("cpu"), Some(0));
        assert_eq!(resource_number("NOFILE"), Some(NOFILE));
        assert_eq!(resource_number("as"), Some(9));
        assert_eq!(resource_number("rttime"), Some(15));
        assert_eq!(resource_number("files"), None);
    }
}
