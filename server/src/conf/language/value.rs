//! The tree that a configuration file means: maps, arrays and plain values, each with its place.
//!
//! Clones are cheap: a variable that is used a hundred times shares its value.

use std::collections::HashMap;
use std::sync::Arc;

use crate::conf::source::Span;

/// A value and where it was written.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands; for a variable the place of its use.
    pub span: Span,
    /// How many maps and arrays lie inside each other, this one included.
    pub(crate) depth: u32,
}

/// What a value can be.
#[derive(Debug, Clone)]
pub enum Value {
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// A whole number, its suffix multiplied in.
    Integer(i64),
    /// A number with a decimal point.
    Float(f64),
    /// Text, however it was quoted.
    Text(Arc<str>),
    /// A date and time in UTC, as written.
    Time(Arc<str>),
    /// Values in order.
    Array(Arc<[Node]>),
    /// Values by key.
    Map(Arc<Map>),
}

/// Values by key, in the order of the first definition of each.
#[derive(Debug, Default)]
pub struct Map {
    entries: Vec<Entry>,
    /// Where in `entries` a key is.
    index: HashMap<Arc<str>, usize>,
}

/// One key of a map with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key as written, without quotes.
    pub key: Arc<str>,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value: of the last definition, if there were several.
    pub node: Node,
    /// Whether a variable below referred to it.
    pub is_used: bool,
}

impl Node {
    pub(crate) fn plain(value: Value, span: Span) -> Self {
        Self {
            value,
            span,
            depth: 0,
        }
    }

    pub(crate) fn array(items: Vec<Node>, span: Span) -> Self {
        let depth = 1 + items.iter().map(|item| item.depth).max().unwrap_or(0);
        Self {
            value: Value::Array(items.into()),
            span,
            depth,
        }
    }

    pub(crate) fn map(map: Map, span: Span) -> Self {
        let below = map.entries.iter().map(|entry| entry.node.depth).max();
        Self {
            value: Value::Map(Arc::new(map)),
            span,
            depth: 1 + below.unwrap_or(0),
        }
    }
}

impl Value {
    /// What to call it in a message: its kind, with the value where that is short and no secret.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::Bool(is_on) => format!("the boolean {is_on}"),
            Self::Integer(number) => format!("the number {number}"),
            Self::Float(number) => format!("the number {number:?}"),
            Self::Text(text) if text.chars().count() <= 40 => format!("the text {text:?}"),
            Self::Text(_) => "a text".to_owned(),
            Self::Time(time) => format!("the time {time}"),
            Self::Array(_) => "an array".to_owned(),
            Self::Map(_) => "a map".to_owned(),
        }
    }
}

impl Map {
    /// Adds a key; a second definition replaces the value of the first.
    pub(crate) fn set(&mut self, entry: Entry) {
        match self.index.get(&entry.key) {
            Some(&at) => {
                let was_used = self.entries[at].is_used;
                self.entries[at] = entry;
                self.entries[at].is_used |= was_used;
            }
            None => {
                self.index
                    .insert(Arc::clone(&entry.key), self.entries.len());
                self.entries.push(entry);
            }
        }
    }

    pub(crate) fn entry_mut(&mut self, key: &str) -> Option<&mut Entry> {
        let at = *self.index.get(key)?;
        self.entries.get_mut(at)
    }

    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Every key with its value.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The value of a key, written exactly so.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.index.get(key).map(|&at| &self.entries[at].node)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
