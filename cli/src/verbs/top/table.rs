//! The table in the middle of the screen: connections, slow readers, or subjects.

use ratatui::Frame as Canvas;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Row as TableRow, Table};

use super::frame::{Frame, Row, SubjectRow};
use super::state::{State, View};
use super::style::{ALARM, STRONG};
use crate::text::{show_amount, show_bytes};

/// Draws the rows of the chosen view, from where it is scrolled to.
pub(super) fn draw(state: &mut State, canvas: &mut Canvas<'_>, area: Rect) {
    let Some(frame) = &state.frame else { return };
    let slow = frame.slow();
    let heads: Vec<&str>;
    let (head, widths, rows): (&[&str], Vec<Constraint>, Vec<TableRow<'_>>) = match state.view {
        View::Connections => {
            let shown = shown(area.width);
            heads = shown.iter().map(|&at| CONNECTIONS[at]).collect();
            let least: Vec<u16> = shown.iter().map(|&at| CONNECTION_WIDTHS[at]).collect();
            let rows = frame.connections.iter().map(|row| {
                let cells = connection(row);
                TableRow::new(shown.iter().map(|&at| cells[at].clone()))
            });
            (&heads, widths(&least), rows.collect())
        }
        View::Slow => (
            &SLOW,
            widths(&SLOW_WIDTHS),
            slow.iter().map(|row| reader(row, frame)).collect(),
        ),
        View::Subjects => (
            &SUBJECTS,
            widths(&SUBJECT_WIDTHS),
            frame.subjects.iter().map(subject).collect(),
        ),
    };
    let room = usize::from(area.height.saturating_sub(1));
    state.first = state.first.min(rows.len().saturating_sub(room));
    let rows = rows.into_iter().skip(state.first);
    let head = head.iter().map(|name| match NUMBERS.contains(name) {
        true => right(*name),
        false => Cell::from(*name),
    });
    let table = Table::new(rows, widths).header(TableRow::new(head).style(STRONG));
    canvas.render_widget(table, area);
}

fn widths(least: &[u16]) -> Vec<Constraint> {
    let (last, others) = least.split_last().expect("a table has columns");
    let fixed = others.iter().map(|width| Constraint::Length(*width));
    fixed.chain([Constraint::Min(*last)]).collect()
}

/// The columns of connections that a screen of that width has room for.
fn shown(width: u16) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..CONNECTIONS.len()).collect();
    for left_out in LEAST_MISSED {
        let gaps = shown.len() as u16 - 1;
        let needed = shown.iter().map(|&at| CONNECTION_WIDTHS[at]).sum::<u16>() + gaps;
        if needed <= width {
            break;
        }
        shown.retain(|&at| CONNECTIONS[at] != left_out);
    }
    shown
}

/// By column of [`CONNECTIONS`].
fn connection(row: &Row) -> [Cell<'static>; 12] {
    let (connection, rates) = (&row.connection, &row.rates);
    let pending = right(show_bytes(connection.pending_bytes as f64));
    [
        right(connection.cid.to_string()),
        Cell::from(name(row)),
        right(show_amount(rates.in_messages.round())),
        right(show_bytes(rates.in_bytes.round())),
        right(show_amount(rates.out_messages.round())),
        right(show_bytes(rates.out_bytes.round())),
        match connection.pending_bytes {
            0 => pending,
            _ => pending.style(ALARM),
        },
        right(connection.subscriptions.to_string()),
        right(connection.rtt.clone()),
        right(connection.uptime.clone()),
        Cell::from(connection.address.clone()),
        Cell::from(connection.client.clone()),
    ]
}

/// How far a slow reader is from being cut.
fn reader(row: &Row, frame: &Frame) -> TableRow<'static> {
    let connection = &row.connection;
    let most = frame.server.pending_max.max(1);
    let filled = (connection.pending_bytes * BAR_MAX / most).min(BAR_MAX) as usize;
    let bar = "█".repeat(filled) + &"░".repeat(BAR_MAX as usize - filled);
    let percent = connection.pending_bytes as f64 * 100.0 / most as f64;
    TableRow::new([
        right(connection.cid.to_string()),
        Cell::from(name(row)),
        right(show_bytes(connection.pending_bytes as f64)),
        Cell::from(format!("{bar} {percent:.0} %")).style(ALARM),
        right(show_amount(row.rates.out_messages.round())),
        right(connection.subscriptions.to_string()),
        Cell::from(connection.address.clone()),
    ])
}

fn subject(row: &SubjectRow) -> TableRow<'static> {
    TableRow::new([
        Cell::from(row.subject.clone()),
        Cell::from(row.queue.clone()),
        right(row.subscriptions.to_string()),
        right(show_amount(row.rate.round())),
        right(show_amount(row.messages as f64)),
        Cell::from(""),
    ])
}

/// Numbers stand below each other by their last digit.
fn right(text: impl Into<String>) -> Cell<'static> {
    Cell::from(Line::from(text.into()).right_aligned())
}

/// The client's name for itself; the user it is where it has none.
fn name(row: &Row) -> String {
    let connection = &row.connection;
    match connection.name.is_empty() {
        true => connection.user.clone(),
        false => connection.name.clone(),
    }
}

const CONNECTIONS: [&str; 12] = [
    "CID", "NAME", "IN/s", "IN B/s", "OUT/s", "OUT B/s", "PENDING", "SUBS", "RTT", "UP", "ADDRESS",
    "CLIENT",
];
const CONNECTION_WIDTHS: [u16; 12] = [6, 20, 6, 9, 6, 9, 9, 5, 9, 7, 21, 8];
/// Which of them a narrow screen does without, the first first.
const LEAST_MISSED: [&str; 5] = ["CLIENT", "RTT", "IN B/s", "OUT B/s", "UP"];
const SLOW: [&str; 7] = [
    "CID",
    "NAME",
    "PENDING",
    "UNTIL IT IS CUT",
    "OUT/s",
    "SUBS",
    "ADDRESS",
];
const SLOW_WIDTHS: [u16; 7] = [6, 20, 9, 26, 6, 5, 10];
const SUBJECTS: [&str; 6] = ["SUBJECT", "QUEUE", "SUBS", "OUT/s", "DELIVERED", ""];
const SUBJECT_WIDTHS: [u16; 6] = [40, 16, 6, 8, 9, 1];
/// The columns that hold numbers.
const NUMBERS: [&str; 10] = [
    "CID",
    "IN/s",
    "IN B/s",
    "OUT/s",
    "OUT B/s",
    "PENDING",
    "SUBS",
    "RTT",
    "UP",
    "DELIVERED",
];
/// Characters of a full bar.
const BAR_MAX: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_screen_shows_fewer_columns_and_whole_names() {
        assert_eq!(shown(126).len(), CONNECTIONS.len());
        let narrow: Vec<&str> = shown(80).into_iter().map(|at| CONNECTIONS[at]).collect();
        assert_eq!(
            narrow,
            ["CID", "NAME", "IN/s", "OUT/s", "PENDING", "SUBS", "ADDRESS"]
        );
    }
}
