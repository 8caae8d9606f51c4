//! The connections that are open, each in a place whose number is its name on this side.

use std::sync::Arc;

use crate::link::Outbox;

/// A list with holes, which are filled first: 16 bytes a connection, and no hashing.
#[derive(Default)]
pub(super) struct Open {
    places: Vec<Option<Arc<Outbox>>>,
    /// Holes, and perhaps places behind the end.
    holes: Vec<u32>,
    count: usize,
}

impl Open {
    /// Takes `outbox` in; tells its place.
    pub(super) fn insert(&mut self, outbox: Arc<Outbox>) -> u32 {
        self.count += 1;
        while let Some(hole) = self.holes.pop() {
            if let Some(place) = self.places.get_mut(hole as usize) {
                *place = Some(outbox);
                return hole;
            }
        }
        self.places.push(Some(outbox));
        (self.places.len() - 1) as u32 // There are fewer descriptors than that.
    }

    /// Takes out what is at `place`; gives memory back.
    pub(super) fn remove(&mut self, place: u32) {
        let known = self.places.get_mut(place as usize).and_then(Option::take);
        self.count -= usize::from(known.is_some());
        self.holes.push(place);
        while self.places.pop_if(|place| place.is_none()).is_some() {}
        if self.places.is_empty() {
            *self = Self::default();
        } else if self.places.len() < self.places.capacity() / 8 {
            self.places.shrink_to(self.places.len() * 2);
            self.holes
                .retain(|hole| (*hole as usize) < self.places.len());
            self.holes.shrink_to_fit();
        }
    }

    pub(super) fn get(&self, place: u32) -> Option<Arc<Outbox>> {
        self.places.get(place as usize)?.clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Arc<Outbox>> {
        self.places.iter().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};

    use super::*;
    use crate::link::Wire;

    struct Nowhere;

    impl Wire for Nowhere {
        fn try_write(&self, _bufs: &[IoSlice<'_>]) -> io::Result<usize> {
            Ok(0)
        }
    }

    fn outbox() -> Arc<Outbox> {
        Arc::new(Outbox::new(Nowhere, 0))
    }

    #[test]
    fn holes_are_filled_and_the_end_is_given_back() {
        let mut open = Open::default();
        let places: Vec<u32> = (0..1000).map(|_| open.insert(outbox())).collect();
        assert_eq!(places, (0..1000).collect::<Vec<_>>());
        open.remove(7);
        assert_eq!(open.insert(outbox()), 7);
        (10..1000).for_each(|place| open.remove(place));
        assert!(open.places.capacity() < 200 && open.holes.len() < 200);
        assert_eq!((open.all().len(), open.insert(outbox())), (10, 10));
        (0..11).for_each(|place| open.remove(place));
        assert!(open.is_empty() && open.get(3).is_none());
        assert_eq!(open.places.capacity() + open.holes.capacity(), 0);
    }
}
