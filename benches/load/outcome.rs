//! What runs have shown: rows of a comparison, curves of a study.

use serde_json::{Value, json};

use crate::figures::{Figures, Key, spread};
use crate::sets::Row;

/// Everything that a comparison has shown.
pub(crate) struct Comparison {
    pub(crate) names: Vec<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) command: String,
    pub(crate) machine: String,
    pub(crate) rounds: usize,
    pub(crate) versions: Vec<String>,
    pub(crate) failures: Vec<String>,
}

/// A row of the table: by server what its runs have shown, none where it cannot do the work.
pub(crate) struct Line {
    pub(crate) row: Row,
    pub(crate) is_quick: bool,
    pub(crate) runs: Vec<Option<Vec<Figures>>>,
}

impl Comparison {
    pub(crate) fn servers(&self) -> String {
        self.versions.join(", ")
    }

    /// What the first server's figures are in those of another one: their geometric mean over the
    /// rows about CPU time.
    pub(crate) fn mean_ratio(&self, other: usize, quick_only: bool) -> Option<f64> {
        let is_meant = |line: &&Line| line.row.key == Key::Cpu && (line.is_quick || !quick_only);
        let ratios = self
            .lines
            .iter()
            .filter(is_meant)
            .filter_map(|line| line.ratio(other));
        let (mut sum, mut count) = (0.0, 0.0);
        ratios.for_each(|ratio| {
            sum += ratio.ln();
            count += 1.0;
        });
        (count > 0.0).then(|| (sum / count).exp())
    }

    pub(crate) fn json(&self) -> Value {
        let lines = self.lines.iter().map(|line| {
            let servers = self.names.iter().zip(&line.runs).map(|(name, runs)| {
                let runs = runs.as_deref().unwrap_or_default();
                json!({
                    "server": name,
                    "median": Figures::median(runs).json(),
                    "runs": runs.iter().map(Figures::json).collect::<Vec<_>>(),
                })
            });
            json!({
                "work": line.row.name,
                "figure": line.row.key.name(),
                "servers": servers.collect::<Vec<_>>(),
                "ratios": (1..self.names.len()).map(|other| line.ratio(other)).collect::<Vec<_>>(),
            })
        });
        json!({
            "lines": lines.collect::<Vec<_>>(),
            "servers": self.versions,
            "command": self.command,
            "machine": self.machine,
            "failures": self.failures,
        })
    }
}

impl Line {
    /// A server's median of the figure that the row is about.
    pub(crate) fn figure(&self, server: usize) -> Option<f64> {
        self.get(server, self.row.key)
    }

    pub(crate) fn get(&self, server: usize, key: Key) -> Option<f64> {
        Figures::median(self.runs[server].as_deref()?).get(key)
    }

    /// The first server's figure in those of another.
    pub(crate) fn ratio(&self, other: usize) -> Option<f64> {
        let ratio = self.figure(0)? / self.figure(other)?;
        ratio
            .is_finite()
            .then_some(ratio)
            .filter(|&ratio| ratio > 0.0)
    }

    /// The larger of the first two servers' spreads.
    pub(crate) fn spread(&self) -> Option<f64> {
        let spreads = self.runs.iter().take(2).flatten();
        spreads
            .filter_map(|runs| spread(runs, self.row.key))
            .reduce(f64::max)
    }

    /// Whether a server that can do the work has not, in any round.
    pub(crate) fn failed(&self, server: usize) -> bool {
        self.runs[server].as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether this program, and not the server, was at its limit.
    pub(crate) fn is_driver_bound(&self, server: usize) -> bool {
        let runs = self.runs[server].as_deref().unwrap_or_default();
        Figures::median(runs)
            .driver
            .is_some_and(|cores| cores > 0.95)
    }
}

/// All curves.
pub(crate) struct Study {
    pub(crate) names: Vec<String>,
    pub(crate) panels: Vec<Panel>,
    pub(crate) rounds: usize,
    pub(crate) machine: String,
    pub(crate) command: String,
}

/// Something that grows, and what one figure does meanwhile.
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    /// What grows.
    pub(crate) axis: &'static str,
    /// What is shown.
    pub(crate) figure: &'static str,
    pub(crate) key: Key,
    pub(crate) xs: Vec<f64>,
    /// By server, then by x; none where it could not.
    pub(crate) ys: Vec<Vec<Option<f64>>>,
}
