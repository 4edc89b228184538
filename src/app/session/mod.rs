//! A session: the runs of one folder or of several in one order, made by one runner and recorded in their folders.
//!
//! [`Checked`] finds what can be known to be wrong, [`OpenFolder`] what is whole already, [`Session`] makes the rest. How a
//! run is watched and stopped is the runner's; what is derived of all runs together is written by
//! [`derived`](super::derived).
//!
//! Invariant: everything that can be known to be wrong is said before anything is written.

mod checks;
mod folder;
mod manifest;
mod recorder;
mod request;

use std::collections::BTreeSet;
use std::mem;
use std::rc::Rc;

pub use self::folder::{Checked, OpenFolder};
pub use self::request::{Executed, RunRequest, Shared};
pub use crate::runner::Streams;

use self::folder::{ActiveFolder, SessionFacts};
use super::{Fault, Observer};
use crate::event::RunEvent;
use crate::runner::{self, Interrupts, RunSpec};
use crate::sampler::{Machine, Sampler};

/// The runs of some folders, made in one order.
pub struct Session<'a> {
    folders: Vec<ActiveFolder<'a>>,
    sampler: &'a Sampler,
    observer: &'a mut dyn Observer,
    interrupts: Interrupts,
}

impl<'a> Session<'a> {
    /// Writes the manifests; from now on the observer may end the session.
    pub fn begin(
        folders: Vec<OpenFolder<'a>>,
        shared: Shared,
        sampler: &'a Sampler,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, Fault> {
        let facts = Rc::new(SessionFacts {
            machine: Machine::read(),
            created: jiff::Timestamp::now().to_string(),
            shared,
        });
        let begun: Result<Vec<_>, _> =
            folders.into_iter().map(|folder| folder.begin(&facts)).collect();
        let (folders, warnings): (Vec<_>, Vec<_>) = begun?.into_iter().unzip();
        say_once(&warnings, observer);
        let interrupts = Interrupts::default();
        observer.begin(&interrupts)?;
        Ok(Self { folders, sampler, observer, interrupts })
    }

    /// Makes these runs one after the other; each goes to the folder of this place.
    pub fn work(&mut self, queue: Vec<(usize, RunSpec)>) -> Result<(), Fault> {
        let (places, mut specs): (Vec<_>, Vec<_>) = queue.into_iter().unzip();
        for (index, spec) in specs.iter_mut().enumerate() {
            spec.index = index;
        }
        // `exec` knows no going on.
        let resumes = !specs.iter().all(|spec| spec.job.work.is_unset());
        let (folders, observer) = (&mut self.folders, &mut *self.observer);
        let mut both = |event: RunEvent| {
            let folder = &mut folders[places[event.index]];
            // A display that fails loses nothing; a record that fails ends the run.
            let event = show(event, folder.title(), observer);
            folder.recorder.event(&event)
        };
        runner::execute(&specs, self.sampler, &self.interrupts, &mut both).map_err(|error| {
            let rest = if resumes { ", --resume runs the rest" } else { "" };
            Fault::new(format!("{error}; the run in flight was ended")).hint(format!(
                "what had finished is kept: `perftune report` rebuilds its reports{rest}"
            ))
        })
    }

    /// Now it is known that all runs will be made.
    pub fn promise_all(&mut self) -> Result<(), Fault> {
        self.folders.iter_mut().try_for_each(ActiveFolder::promise_all)
    }

    /// Whether the user has ended it.
    pub fn interrupted(&self) -> bool {
        self.interrupts.raised()
    }

    /// What became of each folder's request.
    pub fn end(self) -> Result<Vec<Executed>, Fault> {
        let interrupted = self.interrupted();
        let ended: Result<Vec<_>, _> =
            self.folders.into_iter().map(|folder| folder.end(interrupted)).collect();
        let (executed, warnings): (Vec<_>, Vec<_>) = ended?.into_iter().unzip();
        say_once(&warnings, self.observer);
        Ok(executed)
    }
}

/// Runs what is asked for and records it in the results folder. Everything that can be known to be wrong is said before
/// anything is written.
pub fn execute(request: &RunRequest<'_>, observer: &mut dyn Observer) -> Result<Executed, Fault> {
    let checked = Checked::new(request)?;
    for warning in &checked.warnings {
        observer.warn(warning);
    }
    let sampler = Sampler::new(request.plan.sampler);
    let folder = OpenFolder::open(request, checked)?;
    let queue: Vec<_> = folder.missing().map(|spec| (0, spec.clone())).collect();
    observer.expect(queue.len());
    let mut session = Session::begin(vec![folder], Shared::default(), &sampler, observer)?;
    session.work(queue)?;
    let executed = session.end()?.pop();
    executed.ok_or_else(|| Fault::new("no results folder is open"))
}

/// Says what several folders may have to say alike.
fn say_once(warnings: &[Option<String>], observer: &mut dyn Observer) {
    let said: BTreeSet<&String> = warnings.iter().flatten().collect();
    for warning in said {
        observer.warn(warning);
    }
}

/// Shows an event under the title of its folder.
fn show(mut event: RunEvent, title: Option<&str>, observer: &mut dyn Observer) -> RunEvent {
    let Some(title) = title else {
        observer.event(&event);
        return event;
    };
    let shown = format!("{title}/{}", event.run);
    let run = mem::replace(&mut event.run, shown);
    observer.event(&event);
    event.run = run;
    event
}
