//! Growth as a picture: a panel for each thing that grows, both scales in powers.

use crate::amount::{grouped, in_unit};
use crate::outcome::{Panel, Study};
use crate::svg::{Anchor, Picture};

const WIDTH: f64 = 770.0;
const TOP: f64 = 60.0;
/// A panel with the room around it, and the room that its labels take: left, above, right, below.
const PANEL: (f64, f64) = (380.0, 210.0);
const MARGINS: (f64, f64, f64, f64) = (74.0, 26.0, 22.0, 38.0);

/// The room that a number below a panel takes.
const LABEL: f64 = 50.0;

/// The picture of a study.
pub(crate) fn draw(study: &Study) -> String {
    let mut picture = Picture::new(WIDTH);
    picture.text(16.0, 24.0, Anchor::Start, "head", "How costs grow");
    picture.legend(&study.names, 22.0, 46.0);
    for (at, panel) in study.panels.iter().enumerate() {
        let corner = (PANEL.0 * (at % 2) as f64, TOP + PANEL.1 * (at / 2) as f64);
        draw_panel(&mut picture, panel, corner);
    }
    let height = TOP + PANEL.1 * study.panels.len().div_ceil(2) as f64;
    let title = format!("What a message costs as things grow. {}", study.machine);
    picture.finish(height, &title)
}

/// A range of powers, laid over a range of the picture.
struct Axis {
    figures: (f64, f64),
    places: (f64, f64),
}

impl Axis {
    fn place(&self, figure: f64) -> f64 {
        let (first, last) = (self.figures.0.ln(), self.figures.1.ln());
        let part = (figure.ln() - first) / (last - first).max(f64::EPSILON);
        self.places.0 + (self.places.1 - self.places.0) * part
    }
}

fn draw_panel(picture: &mut Picture, panel: &Panel, (left, top): (f64, f64)) {
    let (x1, y1) = (left + MARGINS.0, top + MARGINS.1);
    let (x2, y2) = (left + PANEL.0 - MARGINS.2, top + PANEL.1 - MARGINS.3);
    let figures = || panel.ys.iter().flatten().flatten().copied();
    let least = figures().reduce(f64::min).unwrap_or(1.0);
    let most = figures().reduce(f64::max).unwrap_or(1.0);
    // Whole powers of two around everything: flat curves must look flat.
    let floor = 2f64.powf((least.log2() - 0.5).floor());
    let ceiling = 2f64.powf((most.log2() + 0.5).ceil());
    let ys = Axis {
        figures: (floor, ceiling),
        places: (y2, y1),
    };
    let ends = (panel.xs.first(), panel.xs.last());
    let xs = Axis {
        figures: (*ends.0.unwrap_or(&1.0), *ends.1.unwrap_or(&1.0)),
        places: (x1, x2),
    };
    let title = format!("{}: {}", panel.title, panel.figure);
    picture.text(left + 16.0, top + 12.0, Anchor::Start, "label", &title);
    let powers = (ceiling / floor).log2().round() as i32;
    for power in (0..=powers).step_by((powers as usize / 5).max(1)) {
        let figure = floor * 2f64.powi(power);
        let y = ys.place(figure);
        picture.line((x1, y), (x2, y), "grid");
        picture.text(
            x1 - 6.0,
            y + 4.0,
            Anchor::End,
            "small",
            &in_unit(figure, panel.key),
        );
    }
    let mut free = f64::INFINITY; // The last one is always told, others where there is room.
    for &x in panel.xs.iter().rev() {
        if xs.place(x) < free {
            picture.text(xs.place(x), y2 + 14.0, Anchor::Middle, "small", &grouped(x));
            free = xs.place(x) - LABEL;
        }
    }
    picture.text(
        (x1 + x2) / 2.0,
        y2 + 28.0,
        Anchor::Middle,
        "small",
        panel.axis,
    );
    for (server, figures) in panel.ys.iter().enumerate().rev() {
        let points = panel.xs.iter().zip(figures);
        let points = points.filter_map(|(&x, &y)| Some((xs.place(x), ys.place(y?))));
        let points: Vec<_> = points.collect();
        picture.curve(&points, server);
        points
            .iter()
            .for_each(|&point| picture.dot(point, 3.5, server));
    }
}
