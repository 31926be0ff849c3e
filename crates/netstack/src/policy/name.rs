//! Domain names as rules and the hostname index compare them.

/// Why a text is no domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("domain name is empty")]
    Empty,
    #[error("invalid domain name: {0}")]
    Invalid(String),
}

const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// ASCII lower case without leading and trailing dots; underscores are allowed, other labels are not judged.
pub fn normalise_name(text: &str) -> Result<String, NameError> {
    let trimmed = text.trim_matches('.');
    if trimmed.is_empty() {
        return Err(NameError::Empty);
    }
    let label_fits = |label: &str| {
        let bytes = label.as_bytes();
        let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        !bytes.is_empty() && bytes.len() <= MAX_LABEL && bytes.iter().all(inner)
    };
    if trimmed.len() > MAX_NAME || !trimmed.split('.').all(label_fits) {
        return Err(NameError::Invalid(trimmed.chars().take(64).collect()));
    }
    Ok(trimmed.to_ascii_lowercase())
}

/// True for the suffix itself and for names below it, at a label boundary.
pub fn has_suffix(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix)
        .is_some_and(|head| head.is_empty() || head.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_without_outer_dots() {
        assert_eq!(normalise_name(".Ex_Ample.COM."), Ok("ex_ample.com".into()));
        assert_eq!(normalise_name(".."), Err(NameError::Empty));
        for bad in [
            "a..b",
            "a b",
            "bücher.de",
            &"a".repeat(64),
            &"ab.".repeat(90),
        ] {
            assert!(
                matches!(normalise_name(bad), Err(NameError::Invalid(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn suffixes_match_whole_labels() {
        assert!(has_suffix("example.com", "example.com"));
        assert!(has_suffix("a.example.com", "example.com"));
        assert!(!has_suffix("badexample.com", "example.com"));
    }
}
