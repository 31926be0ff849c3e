//! The guest's memory, as its kernel counts it.

use std::fs;

/// Figures of `/proc/meminfo` in bytes; 0 where they cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// What the kernel manages.
    pub total: u64,
    /// What programs could get without others losing anything.
    pub available: u64,
}

impl Memory {
    /// Reads them.
    #[must_use]
    pub fn now() -> Self {
        parse(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
    }
}

fn parse(text: &str) -> Memory {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<u64>().ok())
            .map_or(0, |kib| kib.saturating_mul(1024))
    };
    Memory {
        total: field("MemTotal:"),
        available: field("MemAvailable:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_kibibytes() {
        let text = "MemTotal:         503388 kB\nMemFree:  1 kB\nMemAvailable:     480000 kB\n";
        let expected = Memory {
            total: 503_388 << 10,
            available: 480_000 << 10,
        };
        assert_eq!(parse(text), expected);
        assert_eq!(parse("MemTotal: soon kB"), Memory::default());
    }
}
