//! What is said while a grid runs, on the standard error: a live display on a terminal, plain lines elsewhere.
//!
//! The texts come from pure functions ([`board`], [`mod@line`]); here they are only drawn. A standard error that nobody
//! reads any more is no reason to stop measuring, so failures to write are ignored.

pub mod board;
pub mod line;

use std::io;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::board::Board;
use self::line::Teller;
use super::interrupt;
use super::options::{ProgressMode, Verbosity};
use super::output::{Screen, stderr_height, stderr_width};
use crate::app::summary::{Asked, summaries};
use crate::app::{Expected, Fault, Interrupts, Observer};
use crate::clock::{Clock, MonotonicClock};
use crate::event::{RunEvent, RunEventKind, RunRecord};
use crate::report::cells::rows_so_far;
use crate::report::so_far::SoFar;

/// Shortest time between two drawings, in nanoseconds: more often than this nobody reads.
const REDRAW_NS: u64 = 100_000_000;

/// Does `work` while its progress is shown; with what came of it the seconds that it took.
pub fn watch<T>(
    mode: ProgressMode,
    verbosity: Verbosity,
    screen: Screen,
    work: impl FnOnce(&mut dyn Observer) -> Result<T, Fault>,
) -> Result<(T, f64), Fault> {
    let mut progress = Progress::new(mode, verbosity, screen, MonotonicClock);
    let done = work(&mut progress);
    progress.finish();
    Ok((done?, progress.elapsed_s()))
}

/// The progress display.
struct Progress<C> {
    clock: C,
    started_ns: u64,
    drawn_ns: u64,
    board: Board,
    teller: Teller,
    screen: Screen,
    bar: Option<ProgressBar>,
    /// The table so far, where the terminal has the lines for it.
    table: String,
}

impl<C: Clock> Progress<C> {
    /// A display for `screen`; the time counts from now.
    fn new(mode: ProgressMode, verbosity: Verbosity, screen: Screen, clock: C) -> Self {
        let live = mode == ProgressMode::Auto && screen.live && verbosity != Verbosity::Quiet;
        let lines = match mode {
            ProgressMode::Auto if live => line::Lines::Ends,
            ProgressMode::Auto | ProgressMode::Plain => line::Lines::StartsAndEnds,
            ProgressMode::None => line::Lines::None,
        };
        let started_ns = clock.now_ns();
        Self {
            clock,
            started_ns,
            drawn_ns: 0,
            board: Board::default(),
            teller: Teller::new(verbosity, lines),
            screen,
            bar: live.then(bar),
            table: String::new(),
        }
    }

    /// Seconds since the display was made.
    fn elapsed_s(&self) -> f64 {
        self.clock.now_ns().saturating_sub(self.started_ns) as f64 / 1e9
    }

    /// Takes the live display away.
    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            // The table comes next.
            self.screen.say("\n");
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.screen.say(text)),
            None => self.screen.say(text),
        }
    }

    fn draw(&mut self, at_once: bool) {
        let Some(bar) = &self.bar else { return };
        let now = self.clock.now_ns();
        if at_once || now.saturating_sub(self.drawn_ns) >= REDRAW_NS {
            self.drawn_ns = now;
            let lines = self.board.lines(width(), self.elapsed_s());
            bar.set_message(self.table.clone() + &lines.join("\n"));
        }
    }
}

impl<C: Clock> Observer for Progress<C> {
    fn expect(&mut self, expected: Expected) {
        self.board.expect(expected);
        self.teller.expect(expected);
    }

    fn warn(&mut self, what: &str) {
        if let Some(text) = self.teller.warn(what) {
            self.say(&text);
        }
    }

    fn event(&mut self, event: &RunEvent) {
        self.board.event(event, self.elapsed_s());
        if let Some(text) = self.teller.tell(event) {
            self.say(&text);
        }
        self.draw(matches!(event.kind, RunEventKind::Started { .. } | RunEventKind::Ended(_)));
    }

    fn follows(&self) -> bool {
        self.bar.is_some()
    }

    fn stands(&mut self, records: &[RunRecord], asked: &Asked) {
        let table = rows_so_far(records, &summaries(records, asked), width());
        // The lines of the board, a line between, and one for the cursor.
        let fits = table.lines().count() + self.board.height() + 2 <= stderr_height();
        self.table = if fits { table + "\n" } else { String::new() };
        self.draw(true);
    }

    fn found(&mut self, so_far: &SoFar) {
        self.board.found(so_far);
        self.draw(true);
    }

    fn begin(&mut self, interrupts: &Interrupts) -> io::Result<()> {
        let interrupts = interrupts.clone();
        interrupt::listen(move || interrupts.raise()).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen to signals on a thread: {error}"))
        })
    }
}

/// Shows all but how a run ended, which a summary says.
pub struct Summarised<'a>(pub &'a mut dyn Observer);

impl Observer for Summarised<'_> {
    fn expect(&mut self, expected: Expected) {
        self.0.expect(expected);
    }

    fn warn(&mut self, what: &str) {
        self.0.warn(what);
    }

    fn event(&mut self, event: &RunEvent) {
        if !matches!(event.kind, RunEventKind::Ended(_)) {
            self.0.event(event);
        }
    }

    fn follows(&self) -> bool {
        self.0.follows()
    }

    fn stands(&mut self, records: &[RunRecord], asked: &Asked) {
        self.0.stands(records, asked);
    }

    fn found(&mut self, so_far: &SoFar) {
        self.0.found(so_far);
    }

    fn begin(&mut self, interrupts: &Interrupts) -> io::Result<()> {
        self.0.begin(interrupts)
    }
}

/// Characters in a line. One column stays free: many terminals wrap when the last one is written.
fn width() -> usize {
    stderr_width().saturating_sub(1)
}

fn bar() -> ProgressBar {
    // The terminal is drawn to by the thread that gets the events: no ticker of its own, which would cost CPU time
    // beside the run that is measured.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::report::fixtures::completed;

    #[test]
    fn a_display_that_is_not_on_a_terminal_draws_nothing_and_counts_its_time() {
        let screen = Screen { live: false, coloured: false };
        let clock = ManualClock::default();
        let mut progress =
            Progress::new(ProgressMode::Auto, Verbosity::Quiet, screen, clock.clone());
        assert!(progress.bar.is_none());
        progress.expect(Expected::InAll(1));
        clock.advance(1_500_000_000);
        progress.event(&RunEvent {
            run: "mlp-digits".to_owned(),
            index: 0,
            kind: RunEventKind::Ended(Box::new(completed())),
        });
        assert!((progress.elapsed_s() - 1.5).abs() < 1e-9);
        progress.finish();
    }
}
