//! Host patterns of TLS settings (spec: network 13.4).

/// `name`, or `*.suffix`, which covers the suffix itself too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    Exact(String),
    Suffix(String),
}

impl HostPattern {
    pub fn parse(text: &str) -> HostPattern {
        let text = text.trim_end_matches('.').to_ascii_lowercase();
        match text.strip_prefix("*.") {
            Some(suffix) => HostPattern::Suffix(suffix.to_owned()),
            None => HostPattern::Exact(text),
        }
    }

    /// `name` in lower case, without trailing dot.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            HostPattern::Exact(exact) => exact == name,
            HostPattern::Suffix(suffix) => name
                .strip_suffix(suffix.as_str())
                .is_some_and(|head| head.is_empty() || head.ends_with('.')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_cover_themselves() {
        let pattern = HostPattern::parse("*.Corp.");
        assert!(pattern.matches("corp") && pattern.matches("a.b.corp"));
        assert!(!pattern.matches("acorp"));
        assert!(!HostPattern::parse("*").matches("a"));
    }
}
