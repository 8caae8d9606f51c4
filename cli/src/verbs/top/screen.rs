//! A frame on the terminal.
//!
//! ```text
//! name 2.15.2  up 3h  3.0 % CPU  14.2 MiB                      http://127.0.0.1:8222  every 1s
//! in    1.20k msg/s   150 KiB/s ▁▂▃▅▇    3 connections (of 17 ever), 12 subscriptions
//! out   12.0k msg/s  1.46 MiB/s ▁▂▃▅▇    0 slow consumers
//!  1 Connections  2 Slow readers  3 Subjects
//! CID    NAME …
//! q quit  1 2 3 view  s order …
//! ```

use ratatui::Frame as Canvas;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline, Tabs};

use super::state::{State, View};
use super::style::{ALARM, DIM, FLOW, STRONG};
use super::table;
use crate::text::{counted, short_name, show_amount, show_bytes, show_duration};

/// Draws what there is to see.
pub(super) fn draw(state: &mut State, canvas: &mut Canvas<'_>) {
    let areas = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(1),
    ]);
    let [title, input, output, tabs, body, foot] = areas.areas(canvas.area());
    draw_title(state, canvas, title);
    draw_flow(state, canvas, input, true);
    draw_flow(state, canvas, output, false);
    let names = [View::Connections, View::Slow, View::Subjects].map(View::title);
    let names = Tabs::new(names)
        .select(state.view as usize)
        .style(DIM)
        .highlight_style(STRONG);
    canvas.render_widget(names, tabs);
    table::draw(state, canvas, body);
    draw_foot(state, canvas, foot);
}

fn draw_title(state: &State, canvas: &mut Canvas<'_>, area: Rect) {
    let right = format!("{}  every {}", state.place, show_duration(state.interval));
    let width = u16::try_from(right.chars().count()).unwrap_or(u16::MAX);
    let [left, place] =
        Layout::horizontal([Constraint::Min(1), Constraint::Length(width)]).areas(area);
    let line = match (&state.frame, &state.complaint) {
        (_, Some(complaint)) => Line::styled(complaint.clone(), ALARM),
        (None, None) => Line::styled("looking …", DIM),
        (Some(frame), None) => {
            let server = &frame.server;
            let memory = show_bytes(server.memory_bytes as f64);
            let facts = format!("  up {}  {:.1} % CPU  {memory}", server.uptime, server.cpu);
            let name = format!("{} {}", short_name(&server.name), server.version);
            Line::from(vec![Span::styled(name, STRONG), Span::raw(facts)])
        }
    };
    canvas.render_widget(Paragraph::new(line), left);
    canvas.render_widget(Paragraph::new(right).style(DIM), place);
}

/// One direction: rates, how they were, and what else belongs there.
fn draw_flow(state: &State, canvas: &mut Canvas<'_>, area: Rect, is_input: bool) {
    let areas = Layout::horizontal([
        Constraint::Length(31),
        Constraint::Length(30),
        Constraint::Min(1),
    ]);
    let [rates, line, facts] = areas.areas(area);
    let Some(frame) = &state.frame else { return };
    let (server, now) = (&frame.server, &frame.rates);
    let (name, messages, bytes, history) = match is_input {
        true => ("in ", now.in_messages, now.in_bytes, &state.in_history),
        false => ("out", now.out_messages, now.out_bytes, &state.out_history),
    };
    let (messages, bytes) = (show_amount(messages.round()), show_bytes(bytes.round()));
    let text = format!("{name} {messages:>7} msg/s {bytes:>10}/s");
    canvas.render_widget(Paragraph::new(text), rates);
    let shown = history.len().saturating_sub(usize::from(line.width));
    let history: Vec<u64> = history.iter().skip(shown).copied().collect();
    canvas.render_widget(Sparkline::default().data(history).style(FLOW), line);
    let text = match is_input {
        true => format!(
            "  {} (of {} ever), {}",
            counted(server.connections, "connection"),
            server.connections_ever,
            counted(server.subscriptions, "subscription")
        ),
        false => format!("  {} cut", counted(server.slow_consumers, "slow consumer")),
    };
    let style = match !is_input && server.slow_consumers > 0 {
        true => ALARM,
        false => Style::new(),
    };
    canvas.render_widget(Paragraph::new(text).style(style), facts);
}

fn draw_foot(state: &State, canvas: &mut Canvas<'_>, area: Rect) {
    let order = format!("s order: {}", state.order.name());
    let pause = if state.is_paused {
        "p go on"
    } else {
        "p pause"
    };
    let keys = ["q quit", "1 2 3 view", &order, "↑ ↓ scroll", pause];
    canvas.render_widget(Paragraph::new(keys.join("   ")).style(DIM), area);
}
