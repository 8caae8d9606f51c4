//! Subjects that were seen or typed, to complete the next one with.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// The last [`SUBJECTS_MAX`] subjects, the newest last; shared by the editor and the subscriptions.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<VecDeque<String>>);

impl Seen {
    /// Remembers `subject`. Where it is among the last few nothing changes, so that a busy subject
    /// costs little.
    pub(super) fn note(&self, subject: &str) {
        if subject.len() > SUBJECT_MAX || subject.starts_with("_INBOX.") {
            return;
        }
        let mut subjects = self.0.lock();
        if let Some(at) = subjects.iter().rposition(|known| known == subject) {
            if at + FRESH >= subjects.len() {
                return;
            }
            subjects.remove(at);
        } else if subjects.len() == SUBJECTS_MAX {
            subjects.pop_front();
        }
        subjects.push_back(subject.to_owned());
    }

    /// Those that begin with `start`, in order.
    pub(super) fn beginning_with(&self, start: &str) -> Vec<String> {
        let subjects = self.0.lock();
        let mut found: Vec<String> = subjects
            .iter()
            .filter(|subject| subject.starts_with(start))
            .cloned()
            .collect();
        found.sort();
        found
    }
}

/// More would not be looked through by anybody. A guess.
const SUBJECTS_MAX: usize = 1000;
/// Nobody types more. A guess.
const SUBJECT_MAX: usize = 256;
const FRESH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_subject_is_forgotten() {
        let seen = Seen::default();
        for number in 0..=SUBJECTS_MAX {
            seen.note(&format!("a.{number}"));
        }
        seen.note("a.1");
        seen.note("a.1");
        seen.note("_INBOX.x");
        assert!(seen.beginning_with("a.0").is_empty());
        assert_eq!(seen.beginning_with("a.1000"), ["a.1000"]);
        assert_eq!(seen.0.lock().len(), SUBJECTS_MAX);
        assert_eq!(seen.0.lock().back().map(String::as_str), Some("a.1"));
    }
}
