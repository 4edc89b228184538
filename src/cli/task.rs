//! `perftune __engine-task`: what a job script starts. No help and no completion offers it.
//!
//! What a task does is left to `app`. Invariant: from the first moment the signals of Slurm end it in order.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::exit::ExitStatus;
use super::interrupt::{self, Told};
use super::options::{ProgressMode, Verbosity};
use super::output::Screen;
use super::progress;
use crate::app::summary::Asked;
use crate::app::tasks::{self, AttemptEnd, Place, TaskRequest};
use crate::app::{Expected, Fault, Interrupts, Observer};
use crate::event::{RunEvent, RunRecord};

/// Runs the task that these words name.
pub fn run(words: &[OsString], screen: Screen) -> Result<ExitStatus, Fault> {
    let told = interrupt::told()?;
    let [folder, submission, nonce] = words else {
        return Err(Fault::new("a task is started by its job script"));
    };
    let (folder, nonce) = (PathBuf::from(folder), nonce.to_string_lossy());
    let submission = submission.to_string_lossy().parse::<u32>()?;
    let place = Place::of_environment()?;
    screen.say(&format!(
        "task {}_{} on {}, started {} times before\n",
        place.job, place.task, place.node, place.restart
    ));
    let request = TaskRequest { folder: &folder, submission, nonce: &nonce, place: &place };
    let (end, _) = progress::watch(ProgressMode::Plain, Verbosity::Normal, screen, |progress| {
        let mut observer = Warned { inner: progress, told: told.clone() };
        tasks::task(&request, &|| told.out_of_time.load(Ordering::SeqCst), &mut observer)
    })?;
    let Some(end) = end else {
        screen.note(&["the results of this unit are there already: nothing is run"]);
        return Ok(ExitStatus::Ok);
    };
    Ok(said(&end, screen))
}

/// Says how it ended, for its log and for Slurm.
fn said(end: &AttemptEnd, screen: Screen) -> ExitStatus {
    let (text, status) = match end {
        AttemptEnd::Published => ("done: its results are published", ExitStatus::Ok),
        AttemptEnd::Beaten => {
            ("another attempt was first: its results are used, these are kept", ExitStatus::Ok)
        }
        AttemptEnd::Failed { .. } => {
            ("runs have failed: --engine slurm --resume makes them again", ExitStatus::RunFailed)
        }
        AttemptEnd::TimedOut => ("out of time: what is whole is kept", ExitStatus::Interrupted),
        AttemptEnd::Interrupted => {
            ("ended before its time: what is whole is kept", ExitStatus::Interrupted)
        }
        AttemptEnd::TooOften { .. } => {
            ("started again too often: `max_restarts` in [engine]", ExitStatus::Usage)
        }
        AttemptEnd::Refused { .. } => ("nothing was run", ExitStatus::Usage),
    };
    screen.note(&[text]);
    status
}

/// Also ends the session when its time is nearly over.
struct Warned<'a> {
    inner: &'a mut dyn Observer,
    told: Told,
}

impl Observer for Warned<'_> {
    fn expect(&mut self, expected: Expected) {
        self.inner.expect(expected);
    }

    fn warn(&mut self, what: &str) {
        self.inner.warn(what);
    }

    fn event(&mut self, event: &RunEvent) {
        self.inner.event(event);
    }

    fn begin(&mut self, interrupts: &Interrupts) -> io::Result<()> {
        self.inner.begin(interrupts)?;
        let heard = interrupts.clone();
        interrupt::listen_to_warning(move || heard.raise())?;
        // It may have come before anybody listened.
        if [&self.told.out_of_time, &self.told.to_end]
            .iter()
            .any(|told| told.load(Ordering::SeqCst))
        {
            interrupts.raise();
        }
        Ok(())
    }

    fn follows(&self) -> bool {
        self.inner.follows()
    }

    fn stands(&mut self, records: &[RunRecord], asked: &Asked) {
        self.inner.stands(records, asked);
    }
}
