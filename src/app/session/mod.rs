//! A session: the runs of one folder or of several in one order, made by one runner and recorded in their folders.
//!
//! [`Checked`] finds what can be known to be wrong, [`OpenFolder`] what is whole already, [`Session`] makes the rest. How a
//! run is watched and stopped is the runner's; what is derived of all runs together is written by
//! [`derived`](super::derived).
//!
//! Invariant: everything that can be known to be wrong is said before anything is written.

mod aims;
mod asking;
mod bars;
mod checks;
mod deadline;
mod earlier;
mod folder;
mod machines;
mod maker;
mod manifest;
mod recorder;
mod request;
mod search;
mod settings;
mod standing;

use std::collections::BTreeSet;
use std::mem;
use std::rc::Rc;

pub use self::asking::{Ask, Knowledge, ask, found};
pub use self::earlier::Earlier;
pub use self::folder::{Checked, OpenFolder};
pub use self::request::{Executed, OneVisit, RunRequest, Shared};
pub use crate::runner::Streams;

use self::deadline::Deadline;
use self::folder::{ActiveFolder, SessionFacts};
use self::search::{Most, Planner};
use self::standing::front_so_far;
use super::{Expected, Fault, Observer};
use crate::event::{Cut, Lane, RunEvent, RunEventKind, RunRecord, RunStatus};
use crate::report::ending::failure_text;
use crate::runner::{self, Cells, Interrupts, Order, RunSpec, SampledLane, VirtualTime};
use crate::sampler::{Machine, Sampler};
use crate::store::SEARCH;

/// The runs of some folders, made in one order.
pub struct Session<'a> {
    folders: Vec<ActiveFolder<'a>>,
    sampler: &'a Sampler,
    /// Where runs are made side by side; empty: one after the other.
    lanes: Vec<SampledLane>,
    observer: &'a mut dyn Observer,
    interrupts: Interrupts,
    /// What is run around the runs of each.
    cells: Cells,
    deadline: Option<Deadline>,
    time: VirtualTime,
    /// Runs that were ordered.
    made: usize,
    /// Whether a run that was ordered is not whole, or one that would have come was not ordered.
    left: bool,
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
        let (cells, time) = (Cells::new(interrupts.clone()), VirtualTime::default());
        let deadline = None;
        Ok(Self {
            folders,
            sampler,
            lanes: Vec::new(),
            observer,
            interrupts,
            cells,
            deadline,
            time,
            made: 0,
            left: false,
        })
    }

    /// From now on it has so many seconds, by the clock and by what is looked up; the run that is in flight then is ended.
    fn limit(&mut self, budget_s: f64) -> Result<(), Fault> {
        self.time.left_s = Some(budget_s);
        self.deadline = Some(Deadline::start(budget_s, &self.interrupts)?);
        Ok(())
    }

    /// From now on runs are made side by side on these lanes.
    fn spread(&mut self, lanes: &[Lane]) {
        let sampled =
            |lane: &Lane| SampledLane { lane: lane.clone(), sampler: self.sampler.in_lane(lane) };
        self.lanes = lanes.iter().map(sampled).collect();
    }

    /// Visits the cells of the first folder as this says, until nothing more is to be done.
    fn visit(&mut self, planner: &Planner) -> Result<(), Fault> {
        let before = self.folders[0].made();
        let mut round = 0;
        while !self.interrupted() {
            let specs = self.folders[0].next(planner)?;
            self.leave(|cell| specs.iter().any(|spec| spec.cell == cell.cell));
            if specs.is_empty() {
                break;
            }
            let ordered = self.made + specs.len();
            // One that a cell has to itself may be followed by others of the same number.
            round = specs.first().map_or(1, |spec| spec.repeat).max(round + 1);
            self.observer.expect(match planner.most() {
                Most::Runs(most) => {
                    Expected::InAll((most as usize).saturating_sub(before).max(ordered))
                }
                Most::Time(budget) => Expected::Within(budget),
                Most::Unknown if planner.knows_all() => Expected::InAll(ordered),
                Most::Unknown => Expected::InRound { round, runs: specs.len() },
            });
            self.make(specs.into_iter().map(|spec| (0, spec)).collect(), planner.knows_all())?;
            if self.observer.follows()
                && let Some(so_far) = self.folders[0].so_far(planner)?
            {
                self.observer.found(&so_far);
            }
        }
        // An end that comes when all is done ends nothing.
        self.left |= self.interrupted() && self.folders[0].is_more_to_do(planner)?;
        Ok(())
    }

    /// Makes these runs; each goes to the folder of this place.
    pub fn work(&mut self, queue: Vec<(usize, RunSpec)>) -> Result<(), Fault> {
        self.make(queue, false)
    }

    /// Cleans up the cells of which no run follows, and says what could not be.
    fn leave(&mut self, follows: impl Fn(&RunSpec) -> bool) {
        self.cells.leave(follows);
        for failure in self.cells.failures() {
            self.observer.warn(&failure_text(&failure));
        }
    }

    /// The same; `last`: no other runs of these cells will follow.
    fn make(&mut self, queue: Vec<(usize, RunSpec)>, last: bool) -> Result<(), Fault> {
        let (places, mut specs): (Vec<_>, Vec<_>) = queue.into_iter().unzip();
        let before = self.made;
        for (index, spec) in specs.iter_mut().enumerate() {
            spec.index = before + index;
        }
        self.made += specs.len();
        let ordered: Vec<String> = specs.iter().map(|spec| spec.run.clone()).collect();
        let (folders, observer) = (&mut self.folders, &mut *self.observer);
        let follows = observer.follows() && folders.len() == 1;
        let mut both = |event: RunEvent| {
            let folder = &mut folders[places[event.index - before]];
            // A display that fails loses nothing; a record that fails ends the run.
            let event = show(event, folder.title(), observer);
            folder.recorder.event(&event)?;
            if follows && matches!(event.kind, RunEventKind::Ended(_)) {
                folder.stands().inspect(|(records, asked)| observer.stands(records, asked));
            }
            Ok(())
        };
        let order = Order { interrupts: &self.interrupts, cells: &mut self.cells, last };
        let made = if self.lanes.is_empty() {
            runner::execute(&specs, self.sampler, order, &mut self.time, &mut both)
        } else {
            runner::execute_in_lanes(&specs, &self.lanes, order, &mut both)
        };
        made.map_err(|error| {
            Fault::new(format!("{error}; the run in flight was ended")).hint(
                "finished runs are kept: `perftune report` rebuilds the reports, --resume runs the rest",
            )
        })?;
        let mut ordered = places.iter().zip(&ordered);
        self.left |= !ordered.all(|(place, run)| self.folders[*place].recorder.is_whole(run));
        Ok(())
    }

    /// Now it is known that all runs will be made.
    pub fn promise_all(&mut self) -> Result<(), Fault> {
        self.folders.iter_mut().try_for_each(ActiveFolder::promise_all)
    }

    /// Whether it was ended.
    pub fn interrupted(&self) -> bool {
        self.interrupts.raised() || self.time.over
    }

    /// Who ended it before all was done, if anybody did.
    fn cut(&self) -> Option<Cut> {
        let deadline = self.deadline.as_ref().is_some_and(Deadline::is_over);
        let out_of_time = deadline || self.time.over;
        let cut = if out_of_time { Cut::Budget } else { Cut::User };
        (self.interrupted() && self.left).then_some(cut)
    }

    /// What became of each folder's request.
    pub fn end(mut self) -> Result<Vec<Executed>, Fault> {
        let cut = self.cut();
        self.leave(|_| false);
        let ended: Result<Vec<_>, _> =
            self.folders.into_iter().map(|folder| folder.end(cut)).collect();
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
    let earlier = folder.earlier()?;
    let plan = request.plan;
    // Of a search nobody knows which cells it will visit.
    let later = plan.search.map(|_| folder.missing()).unwrap_or_default();
    let shared = Shared { later, ..Shared::default() };
    let mut session = Session::begin(vec![folder], shared, &sampler, observer)?;
    session.spread(&plan.lanes);
    plan.budget_s.map(|budget_s| session.limit(budget_s)).transpose()?;
    // A part of a grid may hold no cell.
    let planner = (!request.runs.is_empty()).then(|| match request.only {
        Some(visit) => Planner::only(plan, visit.repeat),
        None => Planner::of(plan, request.runs, earlier),
    });
    planner.as_ref().map(|planner| session.visit(planner)).transpose()?;
    let executed = session.end()?.pop();
    let executed = executed.ok_or_else(|| Fault::new("no results folder is open"))?;
    let front = front_so_far(executed.results.manifest()?.as_ref(), &executed.records);
    match planner.and_then(|planner| planner.found(&executed.records, front.as_ref())) {
        Some(found) => executed.results.write(SEARCH, &serde_json::to_vec_pretty(&found)?)?,
        None => executed.results.remove(SEARCH)?,
    }
    let is_over = |run: &RunRecord| run.status != RunStatus::Cancelled;
    if executed.cut == Some(Cut::Budget) && !executed.records.iter().any(is_over) {
        let what = "the budget ran out before the first run was over: nothing was measured";
        return Err(Fault::new(what).hint("give it more time, with --budget or [run] budget"));
    }
    Ok(executed)
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
