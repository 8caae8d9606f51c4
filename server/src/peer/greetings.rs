//! What parties say of themselves in CONNECT, kept once where many say the same: the connections of
//! one program differ in little, and there may be ten thousand of them.

use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

use foldhash::fast::SeedableRandomState;
use parking_lot::Mutex;

use crate::bus::Keys;

/// How many different ones are looked at to find the same again. A guess.
const PLACES: usize = 64;
/// The most of a text that CONNECT says of itself that is kept, in bytes; a guess far above any
/// real name.
const TEXT_MAX: usize = 4096;

/// What a party said of itself, and who it turned out to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) name: Box<str>,
    pub(crate) language: Box<str>,
    pub(crate) version: Box<str>,
    /// The user it was let in as; before that, and where nobody is asked, who it says it is.
    pub(crate) user: Box<str>,
}

/// The same, borrowed.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) struct Said<'a> {
    pub(crate) name: &'a str,
    pub(crate) language: &'a str,
    pub(crate) version: &'a str,
    pub(crate) user: &'a str,
}

/// The greetings of a server.
pub(super) struct Greetings {
    /// Each in the one place that its hash gives it, until another one takes it.
    places: Mutex<Vec<Weak<Greeting>>>,
    hasher: SeedableRandomState,
}

impl Greetings {
    pub(super) fn new(keys: Keys) -> Self {
        Self {
            places: Mutex::new(std::iter::repeat_with(Weak::new).take(PLACES).collect()),
            hasher: keys.fast(),
        }
    }

    /// What was said, for keeping.
    pub(super) fn keep(&self, said: Said<'_>) -> Arc<Greeting> {
        let said = said.shortened();
        let at = self.hasher.hash_one(said) as usize % PLACES;
        let mut places = self.places.lock();
        let known = places[at].upgrade();
        if let Some(known) = known.filter(|known| known.says(&said)) {
            return known;
        }
        let greeting = Arc::new(Greeting {
            name: said.name.into(),
            language: said.language.into(),
            version: said.version.into(),
            user: said.user.into(),
        });
        places[at] = Arc::downgrade(&greeting);
        greeting
    }
}

impl Greeting {
    fn says(&self, said: &Said<'_>) -> bool {
        *self.name == *said.name
            && *self.language == *said.language
            && *self.version == *said.version
            && *self.user == *said.user
    }

    /// The same of somebody who turned out to be `user`.
    pub(super) fn of_user<'a>(&'a self, user: &'a str) -> Said<'a> {
        Said {
            name: &self.name,
            language: &self.language,
            version: &self.version,
            user,
        }
    }
}

impl Said<'_> {
    fn shortened(self) -> Self {
        Self {
            name: shortened(self.name),
            language: shortened(self.language),
            version: shortened(self.version),
            user: shortened(self.user),
        }
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str) -> Said<'_> {
        Said {
            name,
            language: "rust",
            version: "1",
            user: "",
        }
    }

    #[test]
    fn what_many_say_is_kept_once_and_goes_with_the_last_of_them() {
        let greetings = Greetings::new(Keys::default());
        let first = greetings.keep(said("a"));
        let again = greetings.keep(said("a"));
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(*greetings.keep(first.of_user("u")).user, *"u");
        let gone = Arc::downgrade(&first);
        drop((first, again));
        assert!(gone.upgrade().is_none());
    }

    #[test]
    fn others_are_never_taken_for_the_same() {
        let greetings = Greetings::new(Keys::default());
        for number in 0..1000 {
            let name = number.to_string();
            assert_eq!(*greetings.keep(said(&name)).name, *name);
        }
        let long = "ä".repeat(TEXT_MAX);
        assert_eq!(greetings.keep(said(&long)).name.len(), TEXT_MAX);
    }
}
