//! How often each page has been asked for.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// By path; only paths that exist are counted, so there are as many as there are pages.
#[derive(Default)]
pub(super) struct Requests(Mutex<BTreeMap<&'static str, u64>>);

impl Requests {
    pub(super) fn count(&self, path: &'static str) {
        *self.0.lock().entry(path).or_default() += 1;
    }

    pub(super) fn all(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().clone()
    }
}
