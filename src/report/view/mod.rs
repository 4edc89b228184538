//! What `perftune view` shows: pages of lines, and what a key makes of them. No terminal and no clock is known here.
//!
//! A page is a list of lines of which as many are shown as there is room for. Invariant: whatever is pressed and however
//! small the room is, a frame has exactly as many lines as the room, none wider than it.

mod detail;
mod seen;
mod sheet;
mod spark;

pub use self::seen::Seen;

use self::sheet::{Sheet, ruled};
use super::cells;
use super::closing::Closing;
use super::html::RunSeries;
use super::layout::{harmless, wrap};
use super::summary::cells_of;
use super::table;
use crate::event::RunRecord;

/// A key, by what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A line back.
    Up,
    /// A line on.
    Down,
    /// A page back.
    PageUp,
    /// A page on.
    PageDown,
    /// To the first line.
    Home,
    /// To the last line.
    End,
    /// The run before, of a cell.
    Left,
    /// The next run, of a cell.
    Right,
    /// Into what is selected.
    Open,
    /// Out of it.
    Back,
    /// The next page.
    Tab,
    /// This page, from 1.
    Page(u8),
}

/// The pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Cells,
    Front,
    Runs,
}

const PAGES: [(Page, &str); 3] =
    [(Page::Cells, "cells"), (Page::Front, "front"), (Page::Runs, "runs")];

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As it is.
    Plain,
    /// A heading, or what the keys are.
    Strong,
    /// Where the keys work.
    Selected,
}

/// A line of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its text: nothing in it commands a terminal.
    pub text: String,
    /// How it looks.
    pub look: Look,
}

/// Columns and lines of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Characters in a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
}

/// Where somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    page: Page,
    /// The row of the page.
    selected: usize,
    /// The first line that is shown.
    top: usize,
    /// What was opened: which of the runs of a cell.
    open: Option<usize>,
    /// The first line of what was opened.
    scrolled: usize,
    /// Lines that the last frame had room for.
    lines: usize,
}

impl Default for View {
    fn default() -> Self {
        Self { page: Page::Cells, selected: 0, top: 0, open: None, scrolled: 0, lines: 1 }
    }
}

impl View {
    /// The run whose series the next frame shows.
    pub fn run<'a>(&self, seen: &Seen<'a>) -> Option<&'a RunRecord> {
        self.open.and_then(|run| self.runs(seen).get(run).copied())
    }

    /// The runs of what is selected.
    fn runs<'a>(&self, seen: &Seen<'a>) -> Vec<&'a RunRecord> {
        if self.page == Page::Runs {
            return seen.records.get(self.selected).into_iter().collect();
        }
        let cells = cells_of(seen.records);
        let Some(first) = cells.get(self.selected) else { return Vec::new() };
        seen.records.iter().filter(|record| record.cell == first.cell).collect()
    }

    /// What a key makes of it; false: the key means to leave.
    pub fn press(&mut self, key: Key, seen: &Seen<'_>) -> bool {
        let page = self.lines.max(1);
        let last = self.count(seen).saturating_sub(1);
        let moved = |from: usize| match key {
            Key::Up => from.saturating_sub(1),
            Key::Down => from + 1,
            Key::PageUp => from.saturating_sub(page),
            Key::PageDown => from + page,
            Key::Home => 0,
            Key::End => usize::MAX,
            _ => from,
        };
        match (key, self.open) {
            (Key::Back, None) => return false,
            (Key::Back, Some(_)) => self.open = None,
            (Key::Tab, _) => self.turn((self.page as usize + 1) % PAGES.len()),
            (Key::Page(number), _) => self.turn(usize::from(number).saturating_sub(1)),
            (Key::Open, None) if self.page != Page::Front && self.count(seen) > 0 => {
                (self.open, self.scrolled) = (Some(0), 0);
            }
            (Key::Left, Some(run)) => self.open = Some(run.saturating_sub(1)),
            (Key::Right, Some(run)) => {
                self.open = Some((run + 1).min(self.runs(seen).len().saturating_sub(1)));
            }
            (_, Some(_)) => self.scrolled = moved(self.scrolled),
            (_, None) => self.selected = moved(self.selected).min(last),
        }
        true
    }

    fn turn(&mut self, page: usize) {
        if let Some((page, _)) = PAGES.get(page) {
            *self = Self { page: *page, lines: self.lines, ..Self::default() };
        }
    }

    /// Rows of the page.
    fn count(&self, seen: &Seen<'_>) -> usize {
        match self.page {
            Page::Cells => cells_of(seen.records).len(),
            Page::Front => usize::MAX,
            Page::Runs => seen.records.len(),
        }
    }

    /// What is shown in this room; `series`: of [`View::run`], or why there are none.
    pub fn frame(
        &mut self,
        seen: &Seen<'_>,
        series: Option<&Result<RunSeries, String>>,
        room: Room,
    ) -> Vec<Line> {
        let Sheet { head, rows } = match self.run(seen) {
            Some(run) => detail::sheet(seen, &self.runs(seen), run, series, room.width),
            None => self.sheet(seen, room.width),
        };
        let place = if self.open.is_some() { &mut self.scrolled } else { &mut self.selected };
        *place = (*place).min(rows.len().saturating_sub(1));
        let place = *place;
        // A line above, one below, and the heading of the page.
        let lines = room.height.saturating_sub(2 + head.len());
        self.lines = lines;
        let scrolls = self.open.is_some() || self.page == Page::Front;
        if scrolls {
            self.top = place.min(rows.len().saturating_sub(lines));
        } else {
            self.top = self.top.clamp((place + 1).saturating_sub(lines.max(1)), place);
        }
        if self.open.is_some() {
            self.scrolled = self.top;
        } else if scrolls {
            self.selected = self.top;
        }
        let line = |text: &str, look| Line { text: cut(text, room.width), look };
        let mut frame = vec![line(&self.title(seen), Look::Strong)];
        frame.extend(head.iter().map(|text| line(text, Look::Strong)));
        frame.extend(rows.iter().enumerate().skip(self.top).take(lines).map(|(at, text)| {
            let selected = !scrolls && at == place;
            line(text, if selected { Look::Selected } else { Look::Plain })
        }));
        frame.truncate(room.height.saturating_sub(1));
        frame.resize(room.height.saturating_sub(1), line("", Look::Plain));
        if room.height > 0 {
            frame.push(line(&self.keys(), Look::Strong));
        }
        frame
    }

    /// The name, the pages, and how far the runs are.
    fn title(&self, seen: &Seen<'_>) -> String {
        let pages = PAGES.iter().enumerate().map(|(at, (page, name))| {
            let number = at + 1;
            if *page == self.page {
                format!("[{number} {name}]")
            } else {
                format!(" {number} {name} ")
            }
        });
        let pages: String = pages.collect();
        let ended = seen.records.len();
        let runs = if seen.live {
            format!("{ended} of {} runs, more to come", seen.planned)
        } else {
            format!("{ended} of {} runs", seen.planned)
        };
        format!("{}  {pages}  {runs}", seen.name)
    }

    fn keys(&self) -> String {
        let of_page = match (self.open, self.page) {
            (Some(_), Page::Cells) => "up/down scroll  left/right run  esc back",
            (Some(_), _) => "up/down scroll  esc back",
            (None, Page::Front) => "up/down scroll  tab next page",
            (None, _) => "up/down select  enter open  tab next page",
        };
        format!("{of_page}  q quit")
    }

    fn sheet(&self, seen: &Seen<'_>, width: usize) -> Sheet {
        match self.page {
            _ if seen.records.is_empty() => {
                Sheet { head: Vec::new(), rows: vec!["no run has ended yet".to_owned()] }
            }
            Page::Cells => ruled(cells::of_view(seen.records, seen.summary, seen.front), width),
            Page::Runs => ruled(table::columns(seen.records, seen.front), width),
            Page::Front => Sheet { head: Vec::new(), rows: front(seen, width) },
        }
    }
}

/// What the cells are worth, and all else that stands under the table of a terminal.
fn front(seen: &Seen<'_>, width: usize) -> Vec<String> {
    let none = "nothing is compared: the grid has no [objectives]. `perftune report DIR --objectives FILE` uses those of a \
                file.";
    let none = if seen.front.is_none() { wrap(none, width, "") + "\n" } else { String::new() };
    let closing = Closing { planned: Some(seen.planned), front: seen.front, ..Closing::default() };
    let under = table::under(seen.records, &closing, "", width);
    (none + &under).lines().map(str::to_owned).collect()
}

/// The text in this width, with nothing in it that commands a terminal.
fn cut(text: &str, width: usize) -> String {
    harmless(text).chars().take(width).collect()
}

#[cfg(test)]
mod tests;
