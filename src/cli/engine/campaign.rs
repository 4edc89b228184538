//! Runs of one folder or of several in one order: one runner, one place for Ctrl-C, a recorder for each folder.

use std::collections::BTreeSet;
use std::mem;
use std::rc::Rc;

use super::super::diagnostic::Fault;
use super::super::interrupt;
use super::super::progress::Sink;
use super::Executed;
use super::station::{Station, Terms, Working};
use crate::event::RunEvent;
use crate::runner::{self, Interrupts, RunSpec};
use crate::sampler::{Machine, Sampler};

/// The runs of some folders, made in one order.
pub(in crate::cli) struct Campaign<'a> {
    folders: Vec<Working<'a>>,
    sampler: &'a Sampler,
    sink: &'a mut dyn Sink,
    interrupts: Interrupts,
}

/// A session that several folders share.
pub(in crate::cli) struct Shared<'a> {
    /// Its name.
    pub(in crate::cli) session: &'a str,
    /// Runs of which it is not known yet whether they will be made.
    pub(in crate::cli) later: BTreeSet<String>,
}

impl<'a> Campaign<'a> {
    /// Writes the manifests, and listens to Ctrl-C from now on. `shared`: what is told of no single folder.
    pub(in crate::cli) fn begin(
        stations: Vec<Station<'a>>,
        shared: Option<Shared<'_>>,
        sampler: &'a Sampler,
        sink: &'a mut dyn Sink,
    ) -> Result<Self, Fault> {
        let (session, later) =
            shared.map_or((None, BTreeSet::new()), |shared| (Some(shared.session), shared.later));
        let terms = Terms {
            machine: Rc::new(Machine::read()),
            created: jiff::Timestamp::now().to_string(),
            session,
            later,
        };
        let begun: Result<Vec<_>, _> =
            stations.into_iter().map(|station| station.begin(&terms)).collect();
        let (folders, warnings): (Vec<_>, Vec<_>) = begun?.into_iter().unzip();
        say_once(&warnings, sink);
        let interrupts = Interrupts::default();
        let raised = interrupts.clone();
        interrupt::listen(move || raised.raise())?;
        Ok(Self { folders, sampler, sink, interrupts })
    }

    /// Makes these runs one after the other; each goes to the folder of this place.
    pub(in crate::cli) fn work(&mut self, queue: Vec<(usize, RunSpec)>) -> Result<(), Fault> {
        let (places, mut specs): (Vec<_>, Vec<_>) = queue.into_iter().unzip();
        for (index, spec) in specs.iter_mut().enumerate() {
            spec.index = index;
        }
        let (folders, sink) = (&mut self.folders, &mut *self.sink);
        let mut both = |event: RunEvent| {
            let folder = &mut folders[places[event.index]];
            // A display that fails loses nothing; a record that fails ends the run.
            let event = show(event, folder.title(), sink);
            folder.recorder.event(&event)
        };
        runner::execute(&specs, self.sampler, &self.interrupts, &mut both).map_err(|error| {
            Fault::new(format!("{error}; the run in flight was ended"))
                .hint("what had finished is kept: `perftune report` rebuilds its reports, --resume runs the rest")
        })
    }

    /// Now it is known that all runs will be made.
    pub(in crate::cli) fn promise_all(&mut self) -> Result<(), Fault> {
        self.folders.iter_mut().try_for_each(Working::promise_all)
    }

    /// Whether the user has ended it.
    pub(in crate::cli) fn interrupted(&self) -> bool {
        self.interrupts.raised()
    }

    /// What became of each folder's order.
    pub(in crate::cli) fn end(self) -> Result<Vec<Executed>, Fault> {
        let interrupted = self.interrupted();
        let ended: Result<Vec<_>, _> =
            self.folders.into_iter().map(|folder| folder.end(interrupted)).collect();
        let (executed, warnings): (Vec<_>, Vec<_>) = ended?.into_iter().unzip();
        say_once(&warnings, self.sink);
        Ok(executed)
    }
}

/// Says what several folders may have to say alike.
fn say_once(warnings: &[Option<String>], sink: &mut dyn Sink) {
    let said: BTreeSet<&String> = warnings.iter().flatten().collect();
    for warning in said {
        sink.warn(warning);
    }
}

/// Shows an event under the title of its folder.
fn show(mut event: RunEvent, title: Option<&str>, sink: &mut dyn Sink) -> RunEvent {
    let Some(title) = title else {
        sink.event(&event);
        return event;
    };
    let shown = format!("{title}/{}", event.run);
    let run = mem::replace(&mut event.run, shown);
    sink.event(&event);
    event.run = run;
    event
}
