//! A picture in SVG, light or dark as its reader likes it.

use std::fmt::Write;

/// One colour for each server, the same in every picture; the first is ours.
const COLOURS: [&str; 6] = [
    "#0b7a75", "#d1603d", "#7a5ea8", "#b8860b", "#5577aa", "#888888",
];

/// A picture under way.
pub(crate) struct Picture {
    width: f64,
    body: String,
}

/// Which end of a text stands at its place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

pub(crate) fn colour(server: usize) -> &'static str {
    COLOURS[server % COLOURS.len()]
}

impl Picture {
    pub(crate) fn new(width: f64) -> Self {
        Self {
            width,
            body: String::new(),
        }
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = self.body.write_fmt(element);
        self.body.push('\n');
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>"
        ));
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.put(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>"
        ));
    }

    pub(crate) fn dot(&mut self, at: (f64, f64), radius: f64, server: usize) {
        let ((x, y), fill) = (at, colour(server));
        self.put(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{fill}\"/>"
        ));
    }

    pub(crate) fn curve(&mut self, points: &[(f64, f64)], server: usize) {
        let points = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}"));
        let (points, stroke) = (points.collect::<Vec<_>>().join(" "), colour(server));
        self.put(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"2\"/>"
        ));
    }

    /// The names of the servers with their dots, in one row.
    pub(crate) fn legend(&mut self, names: &[String], mut x: f64, y: f64) {
        for (server, name) in names.iter().enumerate() {
            self.dot((x, y - 4.0), 4.5, server);
            self.text(x + 9.0, y, Anchor::Start, "label", name);
            x += 34.0 + 6.6 * name.chars().count() as f64;
        }
    }

    /// The whole file; `title` for those who cannot see it.
    pub(crate) fn finish(self, height: f64, title: &str) -> String {
        let Self { width, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\">\n<title>{title}</title>\n<style>\n\
             .page {{ fill: #fff }} text {{ font: 12px ui-sans-serif, system-ui, sans-serif; \
             fill: #24303a }}\n\
             .small {{ font-size: 10.5px; fill: #66747f }} .head {{ font-weight: 600 }}\n\
             .grid {{ stroke: #e3e8ec }} .one {{ stroke: #9aa7b1 }}\n\
             @media (prefers-color-scheme: dark) {{ .page {{ fill: #11181f }} \
             text {{ fill: #d8e1e8 }} .small {{ fill: #8b99a5 }}\n\
             .grid {{ stroke: #25313b }} .one {{ stroke: #6b7f92 }} }}\n</style>\n\
             <rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n{body}</svg>\n"
        )
    }
}
