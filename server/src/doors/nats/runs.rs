//! Publishes that follow each other to the same subject, gathered and handed on together.
//!
//! In: operations, one after another. A run ends with whatever is no plain publish to its subject,
//! with the input, or when it is long; until then nothing of it has been carried out, and nothing
//! behind it is. What is verbose, pedantic, asks for answers or is counted one by one never runs.

use std::time::Instant;

use dunlin_protocol::ClientOp;

use super::session::{REST_AFTER, TextSession};
use crate::link::Wakes;
use crate::peer::{Denied, Piece, RUN_MAX, Run};

/// How much a run may queue for its readers, in bytes: well within a round. A guess.
const QUEUED_MAX: usize = 1024 * 1024;
/// A longer message goes alone: it may be shared instead of copied.
const PIECE_MAX: usize = 4 * 1024;

impl TextSession {
    /// Takes `op` into the run, or says that it cannot be.
    pub(super) fn gather<'a>(
        &mut self,
        op: &ClientOp<'a>,
        run: &mut Run<'a>,
        wakes: &mut Wakes,
    ) -> bool {
        let ClientOp::Publish(publish) = op else {
            return false;
        };
        let Some(verbatim) = publish.verbatim.filter(|it| it.len() <= PIECE_MAX) else {
            return false;
        };
        if publish.reply.is_some() || publish.header_size.is_some() {
            return false;
        }
        if !run.is_empty() && publish.subject != run.subject {
            self.end_run(run, wakes);
        }
        if run.is_empty() && (self.mood.is_verbose || self.mood.is_pedantic || !self.peer.may_run())
        {
            return false;
        }
        let payload = publish.payload();
        run.push(publish.subject, Piece { verbatim, payload });
        if run.len() >= self.run_max {
            self.end_run(run, wakes);
        }
        true
    }

    /// Publishes what has been gathered.
    pub(super) fn end_run(&mut self, run: &mut Run<'_>, wakes: &mut Wakes) {
        if run.is_empty() {
            return;
        }
        self.pings.note_activity();
        let queued = wakes.queued_bytes();
        match self.peer.admit(run.subject, None, run.at()) {
            Ok(admitted) => admitted.publish_run(run, wakes),
            Err(refusal) => {
                self.reader.party.count_run_in(run.len(), run.size());
                // The first of them has been counted as denied.
                let (subject, others) = (run.subject, run.len() - 1);
                self.peer.note_denials(Denied::Publish, subject, others);
                for _ in run.pieces() {
                    self.refuse_publish(refusal, run.subject, None, run.at(), wakes);
                }
            }
        }
        let each = (wakes.queued_bytes() - queued) / run.len();
        self.run_max = (QUEUED_MAX / each.max(1)).clamp(1, RUN_MAX);
        self.note_published(run.at());
        run.clear();
    }

    /// Remembers that the connection publishes.
    pub(super) fn note_published(&mut self, now: Instant) {
        if self.rest_at.is_none() {
            self.rest_at = Some(now + REST_AFTER);
        }
    }
}
