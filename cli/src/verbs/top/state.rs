//! What the screen shows, and what keys change about it.

use std::collections::VecDeque;
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::frame::{Frame, Order};

/// Everything that is drawn.
#[derive(Debug)]
pub(super) struct State {
    /// Where the monitoring is.
    pub(super) place: String,
    pub(super) interval: Duration,
    pub(super) frame: Option<Frame>,
    /// Why there is nothing newer.
    pub(super) complaint: Option<String>,
    /// Messages a second, the newest last; [`HISTORY_MAX`] at most.
    pub(super) in_history: VecDeque<u64>,
    pub(super) out_history: VecDeque<u64>,
    pub(super) view: View,
    pub(super) order: Order,
    pub(super) is_paused: bool,
    /// The first row that is seen.
    pub(super) first: usize,
}

/// What the table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Connections = 0,
    Slow = 1,
    Subjects = 2,
}

impl View {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Connections => "1 Connections",
            Self::Slow => "2 Slow readers",
            Self::Subjects => "3 Subjects",
        }
    }
}

/// What a key asks of the loop.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Quit,
    Redraw,
    Nothing,
}

impl State {
    pub(super) fn new(place: String, interval: Duration, order: Order) -> Self {
        Self {
            place,
            interval,
            frame: None,
            complaint: None,
            in_history: VecDeque::new(),
            out_history: VecDeque::new(),
            view: View::Connections,
            order,
            is_paused: false,
            first: 0,
        }
    }

    /// Takes down why there is no new frame; where that was stands on the screen already.
    pub(super) fn complain(&mut self, text: &str) {
        let text = text.strip_prefix(&self.place).unwrap_or(text);
        self.complaint = Some(text.to_owned());
    }

    /// Takes a new frame, unless somebody reads the old one.
    pub(super) fn take(&mut self, frame: Frame) {
        self.complaint = None;
        for (history, rate) in [
            (&mut self.in_history, frame.rates.in_messages),
            (&mut self.out_history, frame.rates.out_messages),
        ] {
            history.push_back(rate.round() as u64);
            if history.len() > HISTORY_MAX {
                history.pop_front();
            }
        }
        if !self.is_paused {
            self.frame = Some(frame);
        }
    }

    pub(super) fn hear(&mut self, event: &Event) -> Wish {
        match event {
            Event::Resize(..) => Wish::Redraw,
            Event::Key(key) if key.kind != KeyEventKind::Release => self.press(*key),
            _ => Wish::Nothing,
        }
    }

    fn press(&mut self, key: KeyEvent) -> Wish {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if is_control => return Wish::Quit,
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Quit,
            KeyCode::Char('1') => self.show(View::Connections),
            KeyCode::Char('2') => self.show(View::Slow),
            KeyCode::Char('3') => self.show(View::Subjects),
            KeyCode::Char('s') => self.reorder(),
            KeyCode::Char('p') => self.is_paused = !self.is_paused,
            KeyCode::Up => self.first = self.first.saturating_sub(1),
            KeyCode::Down => self.first = self.first.saturating_add(1), // Bound when drawn.
            KeyCode::PageUp => self.first = self.first.saturating_sub(PAGE),
            KeyCode::PageDown => self.first = self.first.saturating_add(PAGE),
            KeyCode::Home => self.first = 0,
            _ => return Wish::Nothing,
        }
        Wish::Redraw
    }

    fn reorder(&mut self) {
        self.order = self.order.next();
        if let Some(frame) = &mut self.frame {
            frame.sort(self.order);
        }
    }

    fn show(&mut self, view: View) {
        (self.view, self.first) = (view, 0);
    }
}

/// As wide as most screens.
const HISTORY_MAX: usize = 256;
const PAGE: usize = 20;
