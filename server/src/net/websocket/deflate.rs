//! permessage-deflate without memory between messages (RFC 7692).
//!
//! Deflaters and inflaters are large (some hundred and some forty KiB), so connections do not own
//! them: one is borrowed for a message and goes back behind it. A connection can hold one for as
//! long as a message of its own is under way, never a second.

use std::io::IoSlice;
use std::sync::Arc;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use parking_lot::Mutex;

use super::status::Violation;

/// What a sender leaves out at the end of a message. RFC 7692, section 7.2.1.
const OMITTED: [u8; 4] = [0, 0, 0xff, 0xff];
/// What is put there instead: the same, and an empty last block, so that a message that was cut
/// off does not pass for a whole one.
const ENDING: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];

/// Deflaters and inflaters that nobody uses now.
pub(super) struct Pool {
    deflaters: Mutex<Vec<Compress>>,
    inflaters: Mutex<Vec<Decompress>>,
    /// How many of each are kept: as many as can be at work at a time.
    kept_max: usize,
}

impl Pool {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            deflaters: Mutex::default(),
            inflaters: Mutex::default(),
            kept_max: std::thread::available_parallelism().map_or(2, |cores| cores.get()),
        })
    }

    /// Begins a message that may become at most `max` bytes.
    pub(super) fn inflater(self: &Arc<Self>, max: u64) -> Inflater {
        let known = self.inflaters.lock().pop();
        Inflater {
            state: Some(known.unwrap_or_else(|| Decompress::new(false))),
            left: max,
            ending_used: 0,
            is_over: false,
            pool: Arc::clone(self),
        }
    }

    /// Appends the first `len` bytes of `parts` to `out`, compressed into one message.
    pub(super) fn deflate(&self, parts: &[IoSlice<'_>], len: usize, out: &mut Vec<u8>) {
        let known = self.deflaters.lock().pop();
        let mut state = known.unwrap_or_else(|| Compress::new(Compression::fast(), false));
        let mut left = len;
        for part in parts {
            let part = &part[..part.len().min(left)];
            left -= part.len();
            run(&mut state, part, FlushCompress::None, out);
        }
        run(&mut state, &[], FlushCompress::Sync, out);
        debug_assert!(out.ends_with(&OMITTED), "a flush ends with an empty block");
        out.truncate(out.len() - OMITTED.len());
        state.reset();
        let mut kept = self.deflaters.lock();
        if kept.len() < self.kept_max {
            kept.push(state);
        }
    }
}

/// Deflates `part` to the end; a flush ends when it leaves room.
fn run(state: &mut Compress, part: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
    let mut used = 0;
    loop {
        if out.capacity() - out.len() < 64 {
            out.reserve((part.len() - used) / 2 + 256);
        }
        let before = state.total_in();
        // Fails only on a stream that was ended, which is never done here.
        let _ = state.compress_vec(&part[used..], out, flush);
        used += (state.total_in() - before) as usize;
        if used == part.len() && out.len() < out.capacity() {
            return;
        }
    }
}

/// One message being inflated.
pub(super) struct Inflater {
    state: Option<Decompress>, // None only while it is dropped.
    /// How much more the message may become, in bytes.
    left: u64,
    ending_used: usize,
    /// The message said that it is over; what it says behind that is not looked at.
    is_over: bool,
    pool: Arc<Pool>,
}

impl Inflater {
    /// Takes from `input` what fits into `output`: how much was used, and how much written.
    ///
    /// # Errors
    ///
    /// It cannot be inflated, or the message becomes too large.
    pub(super) fn inflate(
        &mut self,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(usize, usize), Violation> {
        if self.is_over {
            return Ok((input.len(), 0));
        }
        let Some(state) = &mut self.state else {
            return Ok((0, 0));
        };
        if output.is_empty() {
            return Ok((0, 0));
        }
        let (used, written) = (state.total_in(), state.total_out());
        let status = state
            .decompress(input, output, FlushDecompress::None)
            .map_err(|_| Violation::Compression)?;
        let used = (state.total_in() - used) as usize;
        let written = (state.total_out() - written) as usize;
        self.left = self
            .left
            .checked_sub(written as u64)
            .ok_or(Violation::Inflated)?;
        if status == Status::StreamEnd {
            self.is_over = true;
            return Ok((input.len(), written));
        }
        if used == 0 && written == 0 && !input.is_empty() {
            return Err(Violation::Compression); // It would go round for ever.
        }
        Ok((used, written))
    }

    /// All of the message has been handed in: whether all of it has come out, and how much now.
    ///
    /// # Errors
    ///
    /// As for [`Inflater::inflate`]; also if the message is not whole.
    pub(super) fn finish(&mut self, output: &mut [u8]) -> Result<(bool, usize), Violation> {
        let mut written = 0;
        while !self.is_over {
            let room = &mut output[written..];
            if room.is_empty() {
                return Ok((false, written));
            }
            let ending = &ENDING[self.ending_used..];
            let (used, more) = self.inflate(ending, room)?;
            self.ending_used += used;
            written += more;
            if used == 0 && more == 0 && !self.is_over {
                return Err(Violation::Compression);
            }
        }
        Ok((true, written))
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        if let Some(mut state) = self.state.take() {
            let mut kept = self.pool.inflaters.lock();
            if kept.len() < self.pool.kept_max {
                state.reset(false);
                kept.push(state);
            }
        }
    }
}
