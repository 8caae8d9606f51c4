//! What the process takes from the machine, as far as the system tells.

use std::time::Instant;

use parking_lot::Mutex;

/// The share of one core is measured over at least this long.
const SPAN_MIN_MS: u128 = 500;
/// Ticks of the system's processor clock in a second, which Linux has fixed for programs.
const TICKS: f64 = 100.0;
/// The size of a page of memory, in bytes, where Linux has not been built otherwise.
const PAGE: u64 = 4096;

/// A watch over this process.
pub(crate) struct Process {
    last: Mutex<Sample>,
}

#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    seconds: f64, // Of processor time, since the process began.
    percent: f64, // Of one core, over the span before `at`.
}

impl Process {
    pub(crate) fn new() -> Self {
        Self {
            last: Mutex::new(Sample {
                at: Instant::now(),
                seconds: processor_seconds(),
                percent: 0.0,
            }),
        }
    }

    /// How much of one core the process took since somebody asked last, or a moment before that.
    pub(crate) fn cpu_percent(&self) -> f64 {
        let mut last = self.last.lock();
        // The system's own time, not the runtime's, which a test may have stopped.
        let (now, seconds) = (Instant::now(), processor_seconds());
        let span = now - last.at;
        if span.as_millis() >= SPAN_MIN_MS {
            let percent = (seconds - last.seconds) / span.as_secs_f64() * 100.0;
            *last = Sample {
                at: now,
                seconds,
                percent: (percent * 10.0).round() / 10.0,
            };
        }
        last.percent
    }
}

/// Memory that is in use, in bytes; 0 where the system does not tell.
pub(crate) fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1);
    pages.and_then(|pages| pages.parse().ok()).unwrap_or(0) * PAGE
}

/// Files and sockets that are open; 0 where the system does not tell.
pub(crate) fn open_descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}

/// Processor time of this process, in seconds; 0 where the system does not tell.
pub(crate) fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program stands in brackets, and may hold anything.
    let Some((_, fields)) = text.rsplit_once(')') else {
        return 0.0;
    };
    let ticks = fields.split_whitespace().skip(11).take(2);
    let sum: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    sum / TICKS
}

/// How many cores there are.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}
