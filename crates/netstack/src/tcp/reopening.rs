use crate::packet::Acknowledgement;

/// Notices when a guest has thrown segments away.
///
/// A kernel that has no memory for what comes, though it had announced a window for it, drops it and acknowledges with
/// a window of zero. Nothing that was sent lies beyond a window that a guest closes otherwise. When it opens the window
/// again, with the same acknowledgement, what it dropped is still missing, and no segment will tell: it has to be sent
/// again at once, or a timer of a second has to end first.
#[derive(Default)]
pub struct Reopening {
    closed_at: Option<u32>,
}

impl Reopening {
    /// Whether this acknowledgement opens the window again where it was closed.
    pub fn is(&mut self, acknowledgement: Acknowledgement) -> bool {
        let was_closed_at = self.closed_at.take();
        if acknowledgement.window == 0 {
            self.closed_at = Some(acknowledgement.number);
        }
        acknowledgement.window != 0 && was_closed_at == Some(acknowledgement.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_first_window_after_none_at_the_same_place() {
        let mut reopening = Reopening::default();
        let mut is = |number, window| reopening.is(Acknowledgement { number, window });
        assert!(!is(1, 100));
        assert!(!is(1, 0));
        assert!(!is(1, 0));
        assert!(is(1, 50));
        assert!(!is(1, 100));
        assert!(!is(2, 0));
        assert!(!is(3, 100));
    }
}
