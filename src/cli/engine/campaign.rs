//! Runs of one folder or of several in one order: one runner, one place for Ctrl-C, a recorder for each folder.

use std::mem;

use super::super::diagnostic::Fault;
use super::super::interrupt;
use super::super::progress::Sink;
use super::Executed;
use super::station::{Station, Working};
use crate::event::RunEvent;
use crate::runner::{self, Interrupts, RunSpec};
use crate::sampler::{Machine, Sampler};

/// The runs of these folders, made in one order.
pub(in crate::cli) struct Campaign<'a> {
    folders: Vec<Working>,
    sampler: &'a Sampler,
    interrupts: Interrupts,
}

impl<'a> Campaign<'a> {
    /// Writes the manifests, for a session of this name, and listens to Ctrl-C from now on.
    pub(in crate::cli) fn begin(
        stations: Vec<Station<'_>>,
        session: &str,
        sampler: &'a Sampler,
    ) -> Result<Self, Fault> {
        let machine = Machine::read();
        let created = jiff::Timestamp::now().to_string();
        let begun = stations.into_iter();
        let folders: Result<Vec<_>, _> = begun.map(|one| one.begin(&machine, &created, session)).collect();
        let interrupts = Interrupts::default();
        let raised = interrupts.clone();
        interrupt::listen(move || raised.raise())?;
        Ok(Self {
            folders: folders?,
            sampler,
            interrupts,
        })
    }

    /// Makes these runs one after the other; each goes to the folder of this place.
    pub(in crate::cli) fn work(
        &mut self,
        queue: Vec<(usize, RunSpec)>,
        sink: &mut dyn Sink,
    ) -> Result<(), Fault> {
        let (places, mut specs): (Vec<_>, Vec<_>) = queue.into_iter().unzip();
        for (index, spec) in specs.iter_mut().enumerate() {
            spec.index = index;
        }
        let folders = &mut self.folders;
        let mut both = |event: RunEvent| {
            let folder = &mut folders[places[event.index]];
            // A display that fails loses nothing; a record that fails ends the run.
            let event = show(event, folder.title, sink);
            folder.recorder.event(&event)
        };
        runner::execute(&specs, self.sampler, &self.interrupts, &mut both).map_err(|error| {
            Fault::new(format!("{error}; the run in flight was ended"))
                .hint("what had finished is kept: `perftune report` rebuilds its reports, --resume runs the rest")
        })
    }

    /// Whether the user has ended it.
    pub(in crate::cli) fn interrupted(&self) -> bool {
        self.interrupts.raised()
    }

    /// What became of each folder's order.
    pub(in crate::cli) fn end(self) -> impl Iterator<Item = Executed> {
        let interrupted = self.interrupted();
        self.folders.into_iter().map(move |folder| {
            let (results, records) = folder.recorder.end();
            Executed {
                records,
                planned: folder.planned,
                interrupted,
                results,
            }
        })
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
