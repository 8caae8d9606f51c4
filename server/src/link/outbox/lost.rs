//! The end of an outbox: what is dropped, and for whom it was.
//!
//! What a cut or the end takes out is set aside under the lock and read without it, a part at a time,
//! by the loop of the connection; where memory is needed at once, by whoever needs it. Until then it
//! counts as held.

use std::task::Waker;

use super::{Outbox, State};
use crate::link::chunk::Chunks;
use crate::link::queue::Dropped;
use crate::link::share::Shares;
use crate::link::sync::MutexGuard;
use crate::link::tally::{Queued, ReadText};
use crate::link::wire::Wire;

impl<W: ?Sized + Wire> Outbox<W> {
    /// Does as [`Outbox::discard`], or nothing while somebody has a part of it and writes: an owner
    /// that has said why it ends is woken when they are back.
    pub(crate) fn try_discard(&self, chunks: &mut Chunks) -> bool {
        let state = self.state.lock();
        if state.is_writing {
            return false;
        }
        discard(state, chunks);
        true
    }

    /// Drops all that is queued, since nobody will read it. Where it ends for a slow reader, that is
    /// set aside for [`Outbox::count_lost`].
    pub(crate) fn discard(&self, chunks: &mut Chunks) {
        discard(self.state.lock(), chunks);
    }

    /// Reads some of what was set aside, about `messages_max` messages, or half a kibibyte of text
    /// for each of them; true if nothing is left, and nobody else reads.
    pub(crate) fn count_lost(
        &self,
        read: ReadText,
        messages_max: usize,
        chunks: &mut Chunks,
    ) -> bool {
        self.read_lost(read, messages_max, chunks);
        let state = self.state.lock();
        let rare = state.rare.as_ref();
        rare.is_none_or(|rare| rare.lost.is_empty() && rare.readers == 0)
    }

    /// Gives the memory of what was set aside back at once, and reads no more than about
    /// `messages_max` messages of it before. Tells how many those were.
    pub(crate) fn reclaim(
        &self,
        read: ReadText,
        messages_max: usize,
        chunks: &mut Chunks,
    ) -> usize {
        let messages = self.read_lost(read, messages_max, chunks);
        let mut state = self.state.lock();
        let is_discarded = state.is_discarded; // Then its owner reads, and is through soon.
        let rest = match &mut state.rare {
            Some(rare) if !is_discarded => std::mem::take(&mut rare.lost),
            _ => return messages,
        };
        drop(state);
        rest.give_to(chunks);
        messages
    }

    /// What the reader has lost; asked once, last.
    pub(crate) fn take_dropped(&self) -> Dropped {
        let mut state = self.state.lock();
        let rare = state.rare.as_mut();
        rare.map_or_else(Dropped::default, |rare| std::mem::take(&mut rare.dropped))
    }

    fn read_lost(&self, read: ReadText, messages_max: usize, chunks: &mut Chunks) -> usize {
        let mut state = self.state.lock();
        let Some(rare) = state.rare.as_mut().filter(|rare| !rare.lost.is_empty()) else {
            return 0;
        };
        rare.readers += 1;
        let pieces = rare.lost.split_pieces(messages_max);
        drop(state);
        let mut queued = Queued::default();
        let in_fronts = pieces.read(read, &mut queued, chunks);
        let messages = queued.messages as usize;
        let mut state = self.state.lock();
        let rare = state.rare();
        rare.readers -= 1;
        rare.dropped.messages += in_fronts;
        rare.dropped.note(queued);
        messages
    }
}

fn discard(mut state: MutexGuard<'_, State>, chunks: &mut Chunks) {
    state.is_discarded = true;
    let is_slow = state
        .ending()
        .is_some_and(|ending| ending.reason.is_slow_consumer());
    let mut dropped = std::mem::take(&mut state.rare().dropped);
    let mut segments = state.queue.clear(&mut dropped);
    let rare = state.rare();
    rare.dropped = dropped;
    rare.shares = Shares::default();
    let waiting = std::mem::take(&mut rare.waiting);
    if is_slow {
        rare.lost.prepend(std::mem::take(&mut segments));
    }
    state.owner = None;
    drop(state);
    waiting.into_iter().for_each(Waker::wake);
    segments.give_to(chunks);
}

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};
    use std::sync::Arc;

    use super::*;
    use crate::link::chunk::Pool;
    use crate::link::reason::Reason;

    /// Takes nothing.
    struct Shut;

    impl Wire for Shut {
        fn try_write(&self, _bufs: &[IoSlice<'_>]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    const SIZE: usize = 500;
    const MESSAGES: u64 = 400;
    const READ: ReadText = |sight, queued| {
        let messages = sight.text.len() / SIZE;
        (0..messages).for_each(|_| queued.count(b"1", SIZE, sight.age));
    };

    /// An outbox in which all messages wait, and the worker that put them there.
    fn filled(pool: &Arc<Pool>) -> (Outbox<Shut>, Chunks) {
        let (outbox, mut chunks) = (Outbox::new(Shut, usize::MAX), Chunks::new(Arc::clone(pool)));
        for _ in 0..MESSAGES {
            let appended = outbox.lock().append([&[b'x'; SIZE]], &mut chunks);
            assert!(appended.is_ok());
        }
        (outbox, chunks)
    }

    /// What was lost, and of how much of it somebody has seen for whom it was.
    fn counted(outbox: &Outbox<Shut>) -> (u64, u64) {
        let dropped = outbox.take_dropped();
        assert_eq!(dropped.bytes, dropped.messages * SIZE as u64);
        let read = dropped.by_sid.map_or(0, |queued| queued.messages);
        (dropped.messages, read)
    }

    #[test]
    fn memory_that_others_need_is_back_at_once_whatever_is_read_of_it() {
        for (messages_max, read_max) in [(0, 0), (1, 132), (100, 232), (usize::MAX, MESSAGES)] {
            let pool = Arc::<Pool>::default();
            let (outbox, mut chunks) = filled(&pool);
            assert_eq!(outbox.evict(b"", &mut chunks), 0, "nobody writes");
            assert_eq!(outbox.evictable_bytes(), usize::MAX, "it goes first");
            let read = outbox.reclaim(READ, messages_max, &mut chunks) as u64;
            assert!(read <= read_max && read >= read_max.min(messages_max as u64));
            assert_eq!(outbox.evictable_bytes(), 0);
            assert_eq!(counted(&outbox), (MESSAGES, read));
            outbox.discard(&mut chunks); // The last words.
            assert!(outbox.count_lost(READ, 1, &mut chunks));
            chunks.tell();
            assert_eq!(pool.ceiling().used(), 0);
        }
    }

    #[test]
    fn what_is_lost_at_the_end_is_counted_a_part_at_a_time() {
        let pool = Arc::<Pool>::default();
        for (reason, lost) in [
            (Reason::SlowConsumerWriteDeadline, (MESSAGES, MESSAGES)),
            (Reason::ClientClosed, (MESSAGES, 0)),
        ] {
            let (outbox, mut chunks) = filled(&pool);
            outbox.end(reason);
            assert!(outbox.try_discard(&mut chunks));
            let mut parts = 1;
            while !outbox.count_lost(READ, 1, &mut chunks) {
                parts += 1;
            }
            assert_eq!(parts > 2, lost.1 > 0, "{parts} parts, {reason}");
            assert_eq!(counted(&outbox), lost, "{reason}");
            chunks.tell();
            assert_eq!(pool.ceiling().used(), 0);
        }
    }
}
