//! `perftune view`: a results folder on a terminal, live while runs are added to it.
//!
//! What is shown and what a key does is left to `report::view`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::args::ViewArgs;
use super::exit::ExitStatus;
use super::interrupt;
use super::keys::{Pressed, Terminal};
use crate::app::Fault;
use crate::app::view::Snapshot;
use crate::clock::{Clock, MonotonicClock};
use crate::report::html::RunSeries;
use crate::report::view::View;

/// The longest wait for a key: then the size of the terminal is looked at again.
const WAIT: Duration = Duration::from_millis(250);

/// Time between two looks at the folder, which get rarer where a look takes long.
const LOOK_NS: u64 = 1_000_000_000;

/// Shows the folder until somebody has seen enough.
pub fn view(args: &ViewArgs) -> Result<ExitStatus, Fault> {
    let snapshot = Snapshot::of(&args.dir)?;
    // Whoever ends it gets the terminal back.
    let ended = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ended);
    interrupt::listen(move || told.store(true, Ordering::Relaxed))?;
    let Some(mut terminal) = Terminal::take()? else {
        let dir = args.dir.display();
        return Err(Fault::new("the view needs a terminal on its standard input and output")
            .hint(format!("`perftune report {dir}` prints the same")));
    };
    watch(&args.dir, snapshot, &mut terminal, &ended)
}

fn watch(
    folder: &Path,
    mut snapshot: Snapshot,
    terminal: &mut Terminal,
    ended: &AtomicBool,
) -> Result<ExitStatus, Fault> {
    let mut view = View::default();
    let mut looked_ns = MonotonicClock.now_ns();
    let mut between_ns = LOOK_NS;
    let mut shown: Option<(String, Result<RunSeries, String>)> = None;
    while !ended.load(Ordering::Relaxed) {
        let seen = snapshot.seen();
        let run = view.run(&seen);
        if run.map(|run| &run.run) != shown.as_ref().map(|(name, _)| name) {
            shown = run.map(|run| (run.run.clone(), snapshot.series(run)));
        }
        let series = shown.as_ref().map(|(_, series)| series);
        terminal.draw(&view.frame(&seen, series, terminal.room()))?;
        match terminal.press(WAIT)? {
            Pressed::Quit => break,
            Pressed::Key(key) if !view.press(key, &seen) => break,
            Pressed::Key(_) | Pressed::Nothing => {}
        }
        let now_ns = MonotonicClock.now_ns();
        if now_ns - looked_ns >= between_ns {
            snapshot = Snapshot::of(folder)?;
            looked_ns = MonotonicClock.now_ns();
            between_ns = LOOK_NS.max((looked_ns - now_ns) * 10);
        }
    }
    Ok(ExitStatus::Ok)
}
