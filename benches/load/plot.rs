//! A comparison as a picture: a row for each work, a dot for each server, in the second one's
//! figures on a scale of powers.

use crate::amount::in_unit;
use crate::figures::Key;
use crate::outcome::{Comparison, Line};
use crate::svg::{Anchor, Picture};

const WIDTH: f64 = 760.0;
/// Where the scale begins and ends, from the left.
const SCALE: (f64, f64) = (270.0, 640.0);
const TOP: f64 = 74.0;
const ROW: f64 = 21.0;
/// What stands on the scale.
const TICKS: [(f64, &str); 7] = [
    (0.03, "1/33"),
    (0.1, "1/10"),
    (0.25, "1/4"),
    (0.5, "1/2"),
    (1.0, "1"),
    (3.0, "3"),
    (10.0, "10"),
];

/// The picture of a comparison.
pub(crate) fn draw(comparison: &Comparison) -> String {
    let mut picture = Picture::new(WIDTH);
    let names = &comparison.names;
    let measure = usize::from(names.len() > 1); // Whom the others are held against.
    let lines: Vec<&Line> = comparison
        .lines
        .iter()
        .filter(|line| is_shown(line))
        .collect();
    let height = TOP + ROW * lines.len() as f64 + 34.0;
    let title = format!(
        "What each server takes, in {}'s (less is better)",
        names[measure]
    );
    picture.text(16.0, 24.0, Anchor::Start, "head", &title);
    picture.legend(names, 22.0, 46.0);
    picture.text(WIDTH - 16.0, 46.0, Anchor::End, "small", &names[0]);
    for (tick, label) in TICKS {
        let class = if tick == 1.0 { "one" } else { "grid" };
        let bottom = height - 28.0;
        picture.line((place(tick), TOP - 14.0), (place(tick), bottom), class);
        picture.text(place(tick), bottom + 14.0, Anchor::Middle, "small", label);
    }
    for (at, line) in lines.iter().enumerate() {
        let y = TOP + ROW * at as f64;
        picture.text(SCALE.0 - 14.0, y + 4.0, Anchor::End, "label", line.row.name);
        let whole = line.figure(measure);
        // Ours last, and so on top.
        for server in (0..names.len()).rev() {
            if let Some((figure, whole)) = line.figure(server).zip(whole) {
                let radius = if server == 0 { 5.5 } else { 4.0 };
                picture.dot((place(figure / whole), y), radius, server);
            }
        }
        if let Some(figure) = line.figure(0) {
            let text = in_unit(figure, line.row.key);
            picture.text(WIDTH - 16.0, y + 4.0, Anchor::End, "label", &text);
        }
    }
    let all = format!(
        "CPU time of the server for each delivery, and memory. {}",
        comparison.machine
    );
    picture.finish(height, &all)
}

/// Of the short set what can be held against another by a ratio where less is better: one screen.
fn is_shown(line: &Line) -> bool {
    let is_cost = matches!(line.row.key, Key::Cpu | Key::Memory | Key::P50);
    is_cost && line.is_quick && line.row.result == 0
}

/// Where on the scale a ratio stands; what is beyond its ends stands there.
fn place(ratio: f64) -> f64 {
    let (first, last) = (TICKS[0].0.ln(), TICKS[TICKS.len() - 1].0.ln());
    let part = (ratio.ln() - first) / (last - first);
    SCALE.0 + (SCALE.1 - SCALE.0) * part.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_one_of_powers() {
        assert_eq!(place(0.03), SCALE.0);
        assert_eq!(place(10.0), SCALE.1);
        assert_eq!(place(1e9), SCALE.1);
        let halves = (place(1.0) - place(0.5), place(0.5) - place(0.25));
        assert!((halves.0 - halves.1).abs() < 1e-9);
    }
}
