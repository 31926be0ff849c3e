//! Texts for people.

/// Longest text in an answer, in bytes. A client can put megabytes into a name; repeated in an
/// answer they would not fit a frame, and a client without an answer waits for ever.
const MAX_BYTES: usize = 2048;

/// `text`, cut when it is too long for an answer.
#[must_use]
pub fn shorten(mut text: String) -> String {
    if text.len() > MAX_BYTES {
        let end = (0..=MAX_BYTES).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_texts_are_cut_and_never_inside_a_character() {
        assert_eq!(shorten("short".to_owned()), "short");
        let cut = shorten(format!("a{}", "\u{fc}".repeat(MAX_BYTES)));
        assert_eq!(cut.len(), MAX_BYTES - 1 + "...".len());
        assert!(cut.ends_with("\u{fc}..."));
    }
}
