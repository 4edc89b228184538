//! One results folder and the runs that go to it: checked, opened, resumed.
//!
//! In which order runs are made is left to the session. Invariant: a run that is whole is not made again, and until a
//! session begins nothing is changed but what the request asks for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::checks;
use super::earlier::Earlier;
use super::machines::Machines;
use super::maker::Maker;
use super::manifest::{AllRuns, manifest};
use super::recorder::Recorder;
use super::request::{Executed, Prepared, RunRequest, Shared};
use super::search::Planner;
use super::standing::{firsts, front_so_far, states};
use crate::app::environment::{self, SessionIdentity};
use crate::app::summary::Asked;
use crate::app::{Fault, datasets, launch, programs};
use crate::event::{Cut, Feasibility, RunRecord, RunStatus, Vendor};
use crate::report::front::FrontReport;
use crate::report::so_far::SoFar;
use crate::runner::{Launch, RunSpec};
use crate::sampler::{self, Machine, Sampler};
use crate::schedule::Visit;
use crate::store::json::sealed;
use crate::store::{DataRows, EARLIER, Existing, MachineHead, ManifestHead, Results};

/// The most cells whose figures are followed while they are measured.
const FOLLOWED: usize = 100;

/// A request in which nothing is known to be wrong: its runs are ready to be started.
pub struct Checked {
    prepared: Vec<Prepared>,
    maker: Maker,
    /// Which program does the work, and how.
    pub launch: Launch,
    /// What the user should know before anything is run.
    pub warnings: Vec<String>,
}

impl Checked {
    /// Says everything that can be known to be wrong; nothing is written.
    pub fn new(request: &RunRequest<'_>) -> Result<Self, Fault> {
        datasets::check(request.runs)?;
        programs::startable(request.runs)?;
        let launch = launch::of_runs(request.runs, &request.plan.worker, request.program)?;
        checks::devices(request, &launch)?;
        let mut warnings = checks::scripts(request, &launch)?;
        let sampler = Sampler::new(request.plan.sampler);
        // Lanes are alike.
        let lane = request.plan.lanes.first();
        let sampler = lane.map_or_else(|| sampler.clone(), |lane| sampler.in_lane(lane));
        warnings.extend(checks::metrics(request, &sampler)?);
        let means = sampler::limit_means();
        warnings.extend(checks::watched_limits(request, &means));
        let maker = Maker::new(launch.clone(), means);
        let runs = request.runs.iter();
        let prepared = runs.map(|run| maker.prepare(request, run)).collect::<Result<_, _>>()?;
        Ok(Self { prepared, maker, launch, warnings })
    }
}

/// A results folder that is open, and what is known of its runs. Until a session begins nothing in it is changed but what
/// the request says.
pub struct OpenFolder<'a> {
    request: &'a RunRequest<'a>,
    results: Results,
    prepared: Vec<Prepared>,
    maker: Maker,
    /// The records of runs that are whole, each beside its place in `prepared`.
    kept: Vec<Option<RunRecord>>,
    /// The data sets of its runs.
    datasets: BTreeMap<String, DataRows>,
}

impl<'a> OpenFolder<'a> {
    /// Opens the folder, and finds out which runs are whole.
    pub fn open(request: &'a RunRequest<'a>, checked: Checked) -> Result<Self, Fault> {
        let results = Results::open(request.folder, request.existing)?;
        let Checked { prepared, maker, .. } = checked;
        let finished = |run: &Prepared| results.finished(&run.spec.run, &run.recorded.tree());
        let kept: Result<Vec<_>, _> = prepared.iter().map(finished).collect();
        let kept = kept?;
        let datasets = datasets::rows(request.runs);
        if let Some(head) = results.manifest()? {
            same_data(&head.datasets, &datasets, kept.iter().flatten())?;
        }
        Ok(Self { request, results, prepared, maker, kept, datasets })
    }

    /// This repeat of this cell, and its record, if it is whole.
    pub fn find(&self, cell: &str, repeat: u32) -> Option<(&RunSpec, Option<&RunRecord>)> {
        let is_it = |run: &Prepared| run.spec.cell == cell && run.spec.repeat == repeat;
        let place = self.prepared.iter().position(is_it)?;
        Some((&self.prepared[place].spec, self.kept[place].as_ref()))
    }

    /// The runs that are not whole yet.
    pub(super) fn missing(&self) -> BTreeSet<String> {
        let runs = self.prepared.iter().zip(&self.kept);
        let missing = runs.filter(|(_, kept)| kept.is_none());
        missing.map(|(run, _)| run.spec.run.clone()).collect()
    }

    /// The runs that a search is told of before its first: what is asked for now is kept, and what was kept is told again.
    pub(super) fn earlier(&self) -> Result<Vec<RunRecord>, Fault> {
        let told = match (self.request.earlier, self.request.existing) {
            (Some(asked), _) => {
                self.results.write(EARLIER, &sealed(asked)?)?;
                Some(asked.clone())
            }
            (None, Existing::Resume) => self.results.read_sealed(EARLIER)?,
            (None, Existing::Refuse | Existing::Replace) => {
                self.results.remove(EARLIER)?;
                None
            }
        };
        Ok(told.map(Earlier::into_runs).unwrap_or_default())
    }

    /// Forgets what is kept of these runs, here and in the folder: they have to run again.
    pub fn discard(&mut self, runs: &[String]) -> Result<(), Fault> {
        for (run, kept) in self.prepared.iter().zip(&mut self.kept) {
            if runs.contains(&run.spec.run) {
                *kept = None;
                self.results.discard_run(&run.spec.run)?;
            }
        }
        Ok(())
    }

    /// Writes what is asked into the folder; from now on its runs can be recorded. With it what the user must know.
    pub(super) fn begin(
        self,
        facts: &Rc<SessionFacts>,
    ) -> Result<(ActiveFolder<'a>, Option<String>), Fault> {
        let Self { request, results, prepared, maker, kept, datasets } = self;
        let earlier = results.manifest()?;
        let before = earlier.as_ref().map(SessionIdentity::of);
        let machines = earlier.as_ref().map(ManifestHead::each_machine).unwrap_or_default();
        let all = AllRuns::new(&prepared, earlier, datasets);
        let ordered: HashSet<&str> = prepared.iter().map(|run| &*run.spec.run).collect();
        let others = all.order.iter().filter(|run| !ordered.contains(run.as_str()));
        let others = others.map(|run| results.record(run)).collect::<Result<Vec<_>, _>>()?;
        let mut kept: Vec<RunRecord> = kept.into_iter().chain(others).flatten().collect();
        let before = before.filter(|_| !kept.is_empty());
        let now = environment::fingerprint(&facts.machine, &request.plan.lanes);
        let this = MachineHead {
            machine: serde_json::to_value(&facts.machine)?,
            fingerprint: Some(now.clone()),
            runs: Vec::new(),
        };
        let machines = Machines::new(machines, &kept, this);
        let owners = machines.of_kept();
        for record in &mut kept {
            record.machine = owners.get(&*record.run).copied();
        }
        let (mut session, warning) = SessionIdentity::begin(now, before, &facts.created);
        if let Some(name) = &facts.shared.session {
            name.clone_into(&mut session.id);
        }
        session.learn(&all.specs, &kept);
        let devices = devices(request, &facts.machine);
        let mut recorder = Recorder::new(results, prepared, all.order.clone(), devices, kept);
        recorder.machine = machines.own();
        let folder = ActiveFolder {
            request,
            maker,
            facts: Rc::clone(facts),
            later: facts.shared.later.clone(),
            all,
            session,
            machines,
            recorder,
        };
        folder.write_manifest()?;
        Ok((folder, warning))
    }
}

/// An error where a run that is kept was made with other data than its data set has now.
fn same_data<'r>(
    before: &BTreeMap<String, DataRows>,
    now: &BTreeMap<String, DataRows>,
    kept: impl IntoIterator<Item = &'r RunRecord>,
) -> Result<(), Fault> {
    let changed = |name: &str| Some(before.get(name)?.differs(now.get(name)?));
    let found = kept.into_iter().find(|run| changed(&run.job.dataset) == Some(true));
    found.map_or(Ok(()), |run| {
        let (run, name) = (&run.run, &run.job.dataset);
        Err(Fault::new(format!(
            "the data set `{name}` has changed since {run} was measured: its files or its dataset.toml are others"
        ))
        .hint("use --fresh to replace the results, or --out for a new folder"))
    })
}

/// The accelerators that will be sampled.
fn devices(request: &RunRequest<'_>, machine: &Machine) -> Vec<(Vendor, u32)> {
    let wanted = &request.plan.sampler;
    let gpus = machine.accelerators.iter().filter(|_| wanted.gpu);
    let gpus = gpus.map(|device| (device.vendor, device.index));
    let cards = if wanted.gpu { sampler::graphics_cards() } else { Vec::new() };
    let cards = cards.iter().map(|card| (card.vendor, card.index));
    let chips = machine.tpus.iter().filter(|_| wanted.tpu);
    let tpus = (0..chips.map(|chip| chip.devices).sum()).map(|index| (Vendor::Tpu, index));
    gpus.chain(cards).chain(tpus).collect()
}

/// What all folders that are worked on together have in common.
pub(super) struct SessionFacts {
    /// Where.
    pub(super) machine: Machine,
    /// When.
    pub(super) created: String,
    /// What is told of no single folder.
    pub(super) shared: Shared,
}

/// A results folder while its runs are made, with what its manifest says of them.
pub(super) struct ActiveFolder<'a> {
    request: &'a RunRequest<'a>,
    maker: Maker,
    facts: Rc<SessionFacts>,
    all: AllRuns,
    later: BTreeSet<String>,
    session: SessionIdentity,
    machines: Machines,
    pub(super) recorder: Recorder,
}

impl ActiveFolder<'_> {
    fn write_manifest(&self) -> Result<(), Fault> {
        let SessionFacts { machine, created, .. } = &*self.facts;
        let runs = self.all.without(&self.later);
        let in_turn = self.facts.shared.session.is_some();
        let session = &self.session;
        let machines = self.machines.listed(&runs.order);
        let manifest = manifest(self.request, &runs, machine, created, session, machines, in_turn)?;
        Ok(self.recorder.results.write("manifest.json", &manifest)?)
    }

    /// How many of its runs have been made.
    pub(super) fn made(&self) -> usize {
        self.recorder.records.len()
    }

    /// What its runs are called beside those of another folder.
    pub(super) fn title(&self) -> Option<&'static str> {
        self.request.title
    }

    /// Whether any visit comes next.
    pub(super) fn is_more_to_do(&self, planner: &Planner) -> Result<bool, Fault> {
        Ok(!self.visits(planner)?.is_empty())
    }

    /// The visits that come next, by the records so far.
    fn visits(&self, planner: &Planner) -> Result<Vec<Visit>, Fault> {
        let records = &self.recorder.records;
        let states = states(self.request.plan, self.request.runs, records, self.front()?);
        Ok(planner.next(records, &states))
    }

    /// The visits that come next; what was not promised before is from now on.
    pub(super) fn next(&mut self, planner: &Planner) -> Result<Vec<RunSpec>, Fault> {
        let visits = self.visits(planner)?;
        let first = firsts(self.request.runs);
        let known = self.recorder.prepared();
        let mut specs = Vec::new();
        let mut new = Vec::new();
        let mut promised = false;
        for visit in visits {
            let run = first[visit.cell].visit(visit.repeat);
            promised |= self.later.remove(&run.run);
            let bars = match self.request.only {
                Some(visit) => visit.bars.clone(),
                None => planner.bars(&self.recorder.records, visit.cell, &run.stop.constraints),
            };
            if let Some(known) = known.get(&*run.run) {
                specs.push(known.spec.clone().with_bars(bars));
            } else {
                let prepared = self.maker.prepare(self.request, &run)?;
                specs.push(prepared.spec.clone().with_bars(bars));
                new.push(prepared);
            }
        }
        if !new.is_empty() {
            self.all.add(&new);
            self.recorder.add(new, &self.all.order);
            promised = true;
        }
        if promised {
            self.write_manifest()?;
        }
        Ok(specs)
    }

    /// The runs so far and what was asked of them, once every cell has been run; nothing of a grid that no terminal holds.
    pub(super) fn stands(&mut self) -> Option<(&[RunRecord], Asked)> {
        let cells: BTreeSet<&str> = self.request.runs.iter().map(|run| &*run.cell).collect();
        let seen: BTreeSet<&str> = self.recorder.records.iter().map(|run| &*run.cell).collect();
        if cells.len() > FOLLOWED || !cells.is_subset(&seen) {
            return None;
        }
        self.recorder.sort();
        let runs = self.request.runs.iter();
        let within: HashMap<&str, f64> = runs.map(|run| (&*run.cell, run.stop.within)).collect();
        let records = &*self.recorder.records;
        let of_run = |run: &RunRecord| Some((run.run.clone(), *within.get(&*run.cell)?));
        Some((records, Asked(records.iter().filter_map(of_run).collect())))
    }

    /// The front by the figures so far, where there are objectives.
    fn front(&self) -> Result<Option<FrontReport>, Fault> {
        if self.request.plan.objectives.is_empty() {
            return Ok(None);
        }
        let head = self.recorder.results.manifest()?;
        Ok(front_so_far(head.as_ref(), &self.recorder.records))
    }

    /// What a search has found by the figures so far; nothing where there is none.
    pub(super) fn so_far(&self, planner: &Planner) -> Result<Option<SoFar>, Fault> {
        let records = &self.recorder.records;
        let front = self.front()?;
        let Some(found) = planner.found(records, front.as_ref()) else { return Ok(None) };
        let recommended: Vec<String> =
            found.recommended.into_iter().map(|choice| choice.cell).collect();
        let mut cells = front.into_iter().flat_map(|front| front.cells);
        let first = cells.find(|cell| recommended.first() == Some(&cell.cell));
        let whole = records.iter().filter(|run| run.status != RunStatus::Cancelled);
        let is_limited = self.request.runs.iter().any(|run| !run.stop.constraints.is_empty());
        let keeps = |run: &&RunRecord| {
            run.verdict.as_ref().is_some_and(|verdict| verdict.verdict == Feasibility::Feasible)
        };
        Ok(Some(SoFar {
            recommended,
            figures: first.map(|cell| cell.figures).unwrap_or_default(),
            runs: whole.clone().count(),
            feasible: is_limited.then(|| whole.filter(keeps).count()),
        }))
    }

    /// Now it is known that all runs will be made.
    pub(super) fn promise_all(&mut self) -> Result<(), Fault> {
        self.later.clear();
        self.write_manifest()
    }

    /// What became of it, and what the user must know.
    pub(super) fn end(mut self, cut: Option<Cut>) -> Result<(Executed, Option<String>), Fault> {
        self.recorder.sort();
        let before = self.session.clone();
        let warning = self.session.learn(&self.all.specs, &self.recorder.records);
        // Without it the folder would hold no results.
        let gone = self.recorder.results.manifest()?.is_none();
        if gone || self.session != before {
            self.write_manifest()?;
        }
        let gone = gone.then(|| {
            let folder = self.recorder.results.path().display();
            format!("{folder}/manifest.json was removed during the runs; it was written again")
        });
        let warning = warning.or(gone);
        let planned = self.all.without(&self.later).order.len();
        let Recorder { results, records, made, .. } = self.recorder;
        let kept = records.iter().filter(|record| !made.contains(&record.run)).count();
        Ok((Executed { records, planned, kept, cut, results }, warning))
    }
}
