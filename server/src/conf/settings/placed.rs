//! A value that remembers where it was written.

use std::ops::Deref;

use crate::conf::source::Span;

/// A value, and its place in a file if it has one. Equal to the same value elsewhere.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands; nothing when it comes from a flag.
    pub span: Option<Span>,
}

impl<T> Placed<T> {
    /// A value from elsewhere.
    pub fn nowhere(value: T) -> Self {
        Self { value, span: None }
    }
}

impl<T> Deref for Placed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Placed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Placed<T> {}
