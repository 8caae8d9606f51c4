//! How things stand out on the screen.

use ratatui::style::{Color, Modifier, Style};

pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
pub(super) const DIM: Style = Style::new().add_modifier(Modifier::DIM);
pub(super) const ALARM: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
pub(super) const FLOW: Style = Style::new().fg(Color::Cyan);
