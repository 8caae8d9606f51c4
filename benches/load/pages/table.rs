//! Figures as tables that read well both on a terminal and on a page.

use crate::amount::{grouped, in_unit};
use crate::figures::Key;
use crate::outcome::{Comparison, Line, Study};

/// Everything that a comparison has shown.
pub(crate) fn all(comparison: &Comparison) -> String {
    let mut text = format!(
        "Medians of {} alternating rounds, {}. Servers: {}.\n\n",
        comparison.rounds,
        comparison.machine,
        comparison.servers()
    );
    text.push_str(&aligned(&key_rows(comparison)));
    text.push('\n');
    text.push_str(&means(comparison));
    text.push_str("\n\nThe rest of the same runs:\n\n");
    text.push_str(&aligned(&other_rows(comparison)));
    text.push_str("\n`*`: the load generator used a whole core, and was the limit.\n");
    for failure in &comparison.failures {
        text.push_str(&format!("\nNot done: {failure}.\n"));
    }
    text.push_str(&format!("\n    load {}\n", comparison.command));
    text
}

/// What stands below the plot.
pub(crate) fn caption(comparison: &Comparison) -> String {
    format!(
        "![what a delivery costs each server, in nats-server's](docs/pictures/compare.svg)\n\n\
         {} Medians of {} alternating rounds, {}. Servers: {}.",
        means(comparison),
        comparison.rounds,
        comparison.machine,
        comparison.servers()
    )
}

fn means(comparison: &Comparison) -> String {
    let mean = |other, is_quick| {
        let mean = comparison.mean_ratio(other, is_quick);
        mean.map_or("-".to_owned(), |mean| format!("{mean:.2}"))
    };
    let means = (1..comparison.names.len()).map(|other| {
        let name = &comparison.names[other];
        format!(
            "{name} {} (short set {})",
            mean(other, false),
            mean(other, true)
        )
    });
    format!(
        "Geometric mean of {}'s CPU time by that of: {}.",
        comparison.names[0],
        means.collect::<Vec<_>>().join(", ")
    )
}

/// What each row is about, by server, and the ratio of the first two.
fn key_rows(comparison: &Comparison) -> Vec<Vec<String>> {
    let names = &comparison.names;
    let mut head = vec!["work".to_owned(), names[0].clone()];
    if let Some(second) = names.get(1) {
        head.extend([second.clone(), "ratio".to_owned(), "±".to_owned()]);
    }
    head.extend(names.iter().skip(2).cloned());
    let mut rows = vec![head];
    for line in &comparison.lines {
        let cell = |server| figure_of(line, server, line.row.key);
        let mut row = vec![line.row.name.to_owned(), cell(0)];
        if names.len() > 1 {
            let ratio = line
                .ratio(1)
                .map_or("-".to_owned(), |it| format!("{it:.2}"));
            let spread = line
                .spread()
                .map_or("-".to_owned(), |it| format!("{:.0} %", it * 100.0));
            row.extend([cell(1), ratio, spread]);
        }
        row.extend((2..names.len()).map(cell));
        rows.push(row);
    }
    rows
}

/// Throughput, delays and memory of the same runs, all servers in one cell.
fn other_rows(comparison: &Comparison) -> Vec<Vec<String>> {
    let title = |what: &str| format!("{what}: {}", comparison.names.join(" · "));
    let head = vec![
        "work".to_owned(),
        title("a second"),
        "p50 µs".into(),
        "p99 µs".into(),
        "memory".into(),
    ];
    let mut rows = vec![head];
    for line in &comparison.lines {
        let cell = |key| {
            let all = (0..comparison.names.len()).map(|server| figure_of(line, server, key));
            let all: Vec<String> = all.collect();
            match all.iter().all(|text| text == "-") {
                true => "-".to_owned(),
                false => all.join(" · "),
            }
        };
        let keys = [Key::Rate, Key::P50, Key::P99, Key::Memory];
        let mut row = vec![line.row.name.to_owned()];
        row.extend(keys.map(cell));
        if row[1..].iter().any(|text| text != "-") && line.row.result == 0 {
            rows.push(row);
        }
    }
    rows
}

fn figure_of(line: &Line, server: usize, key: Key) -> String {
    if line.failed(server) {
        return "failed".to_owned();
    }
    let Some(figure) = line.get(server, key) else {
        return "-".to_owned();
    };
    let is_bound = key == Key::Rate && line.is_driver_bound(server);
    format!(
        "{}{}",
        in_unit(figure, key),
        if is_bound { "\\*" } else { "" }
    )
}

/// How costs grow.
pub(crate) fn study(study: &Study) -> String {
    let mut text = format!(
        "Each point the median of {} alternating rounds, {}.\n",
        study.rounds, study.machine
    );
    for panel in &study.panels {
        let mut head = vec![panel.axis.to_owned()];
        head.extend(
            study
                .names
                .iter()
                .map(|name| format!("{name}, {}", panel.figure)),
        );
        let mut rows = vec![head];
        for (at, x) in panel.xs.iter().enumerate() {
            let mut row = vec![grouped(*x)];
            for server in &panel.ys {
                row.push(server[at].map_or("-".to_owned(), |y| in_unit(y, panel.key)));
            }
            rows.push(row);
        }
        text.push_str(&format!("\n**{}**\n\n{}", panel.title, aligned(&rows)));
    }
    text.push_str(&format!("\n    load {}\n", study.command));
    text
}

/// Rows as a table, the first of them its head.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let room = widths[column];
            match column {
                0 => text.push_str(&format!("| {cell:<room$} ")),
                _ => text.push_str(&format!("| {cell:>room$} ")),
            }
        }
        text.push_str("|\n");
        if at == 0 {
            for (column, width) in widths.iter().enumerate() {
                let end = if column == 0 { "-" } else { ":" };
                text.push_str(&format!("|{}{end}", "-".repeat(width + 1)));
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up() {
        let rows = [["work", "µs"], ["a", "12.5"]].map(|row| row.map(str::to_owned).to_vec());
        let table = "| work |   µs |\n|------|-----:|\n| a    | 12.5 |\n";
        assert_eq!(aligned(&rows), table);
    }
}
