//! Who decides which visits come next: rounds over all cells, or a search among them.
//!
//! What is next is decided by `schedule` and `search`; here the axes of a plan become a space, its objectives and limits aims,
//! and its records what was told. Invariant: all of it follows from the plan and the records, so that `--resume` goes on.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::aims::{self, aims, reading};
use super::bars;
use crate::config::plan::{Plan, PlannedRun};
use crate::event::{
    AxisDef, AxisList, AxisValue, Bar, Constraint, Feasibility, JobSpec, RunRecord, RunStatus,
    StopReason,
};
use crate::metric::MetricId;
use crate::report::found::{Choice, Found, Nearest, Slice, SlicePoint};
use crate::report::front::{FrontReport, Mark};
use crate::schedule::{CellState, Policy, Repeats, Rounds, Visit};
use crate::search::{self, Aims, Axis, Search, SearchPolicy, Space, Told, UNSET};

/// Who decides which visits come next: rounds over all cells, unless a search chooses among them.
pub(super) struct Planner {
    rounds: Rounds,
    search: Option<Searcher>,
    /// The number of the one visit to each cell, where somebody else has chosen it.
    only: Option<u32>,
    /// Time for all of it.
    budget: Option<Duration>,
}

/// What ends the visits at the latest, where that is known before.
pub(super) enum Most {
    Runs(u32),
    Time(Duration),
    Unknown,
}

impl Planner {
    /// As the plan says, for the cells of these runs; `earlier`: what a search knows from the start.
    pub(super) fn of(plan: &Plan, runs: &[PlannedRun], earlier: Vec<RunRecord>) -> Self {
        let cells: Vec<&PlannedRun> = runs.iter().filter(|run| run.repeat == 1).collect();
        Self {
            rounds: Rounds { repeats: plan.repeats, seed: plan.seed },
            search: plan.search.map(|policy| Searcher::new(plan, policy, &cells, earlier)),
            only: None,
            budget: plan.budget_s.and_then(|budget_s| Duration::try_from_secs_f64(budget_s).ok()),
        }
    }

    /// This visit to each cell and no other.
    pub(super) fn only(plan: &Plan, repeat: u32) -> Self {
        let rounds = Rounds { repeats: plan.repeats, seed: plan.seed };
        Self { rounds, search: None, only: Some(repeat), budget: None }
    }

    /// The next visits.
    pub(super) fn next(&self, records: &[RunRecord], states: &[CellState]) -> Vec<Visit> {
        if let Some(repeat) = self.only {
            let open = states.iter().enumerate().filter(|(_, of)| !of.made.contains(&repeat));
            return open.map(|(cell, _)| Visit { cell, repeat }).collect();
        }
        match &self.search {
            Some(searcher) => {
                let told = searcher.told_by(records);
                searcher.search(&told, &[]).next(states)
            }
            None => self.rounds.next(states),
        }
    }

    /// So many visits of a search that may be made at the same time, at most; `pending`: cells that are visited already.
    pub(super) fn batch(
        &self,
        records: &[RunRecord],
        states: &[CellState],
        pending: &[String],
        most: usize,
    ) -> Vec<Visit> {
        let Some(searcher) = &self.search else { return Vec::new() };
        let told = searcher.told_by(records);
        let place = |cell: &String| searcher.places.get(cell).copied();
        let mut pending: Vec<usize> = pending.iter().filter_map(place).collect();
        let mut visits = Vec::new();
        while visits.len() < most {
            let next = searcher.search(&told, &pending).next(states);
            let Some(visit) = next.into_iter().next() else { break };
            pending.push(visit.cell);
            visits.push(visit);
        }
        visits
    }

    /// What the accuracy of the next visit to a cell with these limits must reach to decide anything; nothing where that ends no
    /// run.
    pub(super) fn bars(
        &self,
        records: &[RunRecord],
        cell: usize,
        limits: &[Constraint],
    ) -> Vec<Bar> {
        let searcher = self.search.as_ref().filter(|searcher| searcher.policy.prunes);
        searcher.map_or_else(Vec::new, |searcher| searcher.bars(records, cell, limits))
    }

    /// What a search has found by these records.
    pub(super) fn found(
        &self,
        records: &[RunRecord],
        front: Option<&FrontReport>,
    ) -> Option<Found> {
        self.search.as_ref().map(|searcher| searcher.found(records, front))
    }

    /// Whether the first visits that it tells are all there will be.
    pub(super) fn knows_all(&self) -> bool {
        let is_fixed = self.only.is_some() || matches!(self.rounds.repeats, Repeats::Fixed(_));
        self.search.is_none() && is_fixed
    }

    /// What ends a search at the latest.
    pub(super) fn most(&self) -> Most {
        match self.search.as_ref().map(|searcher| searcher.policy.trials) {
            Some(Some(trials)) => Most::Runs(trials),
            Some(None) => self.budget.map_or(Most::Unknown, Most::Time),
            None => Most::Unknown,
        }
    }
}

/// What runs say, each in its order.
struct AllTold {
    earlier: Vec<Told>,
    own: Vec<Told>,
    /// On the scales that fit them.
    aims: Aims,
}

/// A search over the cells of a plan.
struct Searcher {
    policy: SearchPolicy,
    space: Space,
    /// The keys of its axes.
    keys: Vec<String>,
    aims: Aims,
    /// The metric of each figure of the aims.
    metrics: Vec<MetricId>,
    /// The name of each cell, and what it is.
    cells: Vec<(String, Arc<JobSpec>)>,
    places: HashMap<String, usize>,
    /// Runs of earlier grids, under the names of the cells.
    earlier: Vec<RunRecord>,
    /// The grid file, where there is one.
    file: Option<String>,
    /// What the command line made of it.
    asked: Vec<String>,
    /// The axes on which the cells of the whole grid differ.
    varying: Vec<String>,
}

impl Searcher {
    fn new(
        plan: &Plan,
        policy: SearchPolicy,
        cells: &[&PlannedRun],
        earlier: Vec<RunRecord>,
    ) -> Self {
        let (metrics, aims) = aims(plan, cells);
        let places = cells.iter().enumerate().map(|(place, run)| (run.cell.clone(), place));
        let ((space, keys), places) = (space(cells), places.collect());
        let named = cells.iter().map(|run| (run.cell.clone(), Arc::clone(&run.job))).collect();
        let file = plan.file.as_ref().map(|file| file.display().to_string());
        Self {
            policy,
            space,
            keys,
            aims,
            metrics,
            cells: named,
            places,
            earlier,
            file,
            asked: plan.asked.clone(),
            varying: plan.varying.clone(),
        }
    }

    /// What these runs say, and before them the earlier ones: but for those of which there is now a run of the same seed, which
    /// may be the same once more.
    fn told_by(&self, records: &[RunRecord]) -> AllTold {
        let own: HashSet<(&str, u64)> =
            whole(records).map(|record| (&*record.cell, record.job.seed)).collect();
        let earlier = self.earlier.iter();
        let earlier = earlier.filter(|run| !own.contains(&(&*run.cell, run.job.seed)));
        let earlier: Vec<Told> = earlier.filter_map(|record| self.told(record)).collect();
        let own: Vec<Told> = whole(records).filter_map(|record| self.told(record)).collect();
        let aims = aims::fitting(&self.aims, &earlier, &own);
        AllTold { earlier, own, aims }
    }

    fn search<'a>(&'a self, told: &'a AllTold, pending: &'a [usize]) -> Search<'a> {
        let AllTold { earlier, own, aims } = told;
        Search { space: &self.space, aims, earlier, told: own, pending, policy: self.policy }
    }

    fn bars(&self, records: &[RunRecord], cell: usize, limits: &[Constraint]) -> Vec<Bar> {
        let mut bars = bars::of_limits(limits);
        let told = self.told_by(records);
        let search = self.search(&told, &[]);
        for (figure, metric) in
            self.metrics.iter().enumerate().filter(|(_, id)| bars::has_bar(**id))
        {
            for bar in search.bars(figure, cell) {
                let name = &self.cells[bar.cell].0;
                let runs = whole(records).filter(|record| record.cell == *name);
                bars.extend(bars::of_cell(*metric, &bar, name, runs, &self.metrics));
            }
        }
        bars
    }

    fn found(&self, records: &[RunRecord], front: Option<&FrontReport>) -> Found {
        let told = self.told_by(records);
        let visited: BTreeSet<usize> = told.own.iter().map(|told| told.cell).collect();
        let earlier: BTreeSet<&str> = self.earlier.iter().map(|run| &*run.cell).collect();
        let search = self.search(&told, &[]);
        let recommended = self.undominated(search.recommended(), front);
        let nearest = search.nearest().filter(|_| recommended.is_empty());
        let nearest = nearest.map(|near| Nearest {
            cell: self.cells[near.cell].0.clone(),
            metric: self.metrics[near.figure].into(),
            value: near.value,
            limit: near.limit,
        });
        let chosen =
            |cell: &usize| Choice { cell: self.cells[*cell].0.clone(), axes: self.alone(*cell) };
        Found {
            runs: records.len(),
            visited: visited.len(),
            earlier: earlier.len(),
            cells: self.space.len(),
            recommended: recommended.iter().map(chosen).collect(),
            nearest,
            is_hopeless: search.is_hopeless(),
            grid: self.file.clone(),
            asked: self.asked.clone(),
            slices: recommended.first().map(|cell| self.slices(&search, *cell)).unwrap_or_default(),
        }
    }

    /// Without those that by the figures of their runs another one of them, which is on the front, dominates: the model alone would
    /// keep a cell that it believes to be as good in one objective, however much it is worse in the others.
    fn undominated(&self, recommended: Vec<usize>, front: Option<&FrontReport>) -> Vec<usize> {
        let name = |cell: &usize| &*self.cells[*cell].0;
        let names: BTreeSet<&str> = recommended.iter().map(name).collect();
        let cells = || front.into_iter().flat_map(|front| &front.cells);
        // Cells may dominate each other in a circle: one of the front stays in any case.
        let best = cells().filter(|cell| cell.mark == Mark::Front).map(|cell| &*cell.cell);
        let best: BTreeSet<&str> = best.filter(|cell| names.contains(cell)).collect();
        let dominated: BTreeSet<&str> = cells()
            .filter(|cell| cell.dominated_by.as_ref().is_some_and(|by| best.contains(&*by.cell)))
            .map(|cell| &*cell.cell)
            .collect();
        recommended.into_iter().filter(|cell| !dominated.contains(name(cell))).collect()
    }

    /// What the model says along the axes through a cell.
    fn slices(&self, search: &Search<'_>, cell: usize) -> Vec<Slice> {
        let list = AxisList::of(self.cells.iter().map(|(_, job)| &**job));
        let slice = |slice: search::Slice| {
            let key = &self.keys[slice.axis];
            let point = |point: &search::SlicePoint| {
                let (name, job) = &self.cells[point.cell];
                let level = list.defs().find(|def| def.key == **key).map(|def| def.of(job));
                SlicePoint {
                    cell: name.clone(),
                    level: level.map(|level| level.to_string()).unwrap_or_default(),
                    at: point.at,
                    middle: point.middle,
                    low: point.low,
                    high: point.high,
                }
            };
            Slice {
                axis: key.clone(),
                ordered: matches!(self.space.axes()[slice.axis], Axis::Ordered(_)),
                metric: self.metrics[slice.figure].into(),
                points: slice.points.iter().map(point).collect(),
            }
        };
        search.slices(cell).into_iter().map(slice).collect()
    }

    /// `batch_size=32` for each axis on which the cells of the grid differ, those that were not to be searched among them: what
    /// `--only` takes.
    fn alone(&self, cell: usize) -> Vec<String> {
        let list = AxisList::of(self.cells.iter().map(|(_, job)| &**job));
        let own = &self.cells[cell].1;
        let differs = |def: &&AxisDef| {
            self.varying.iter().any(|key| def.key == **key)
                || self.cells.iter().any(|(_, job)| def.of(job) != def.of(own))
        };
        let set = list.defs().filter(differs).map(|def| (def, def.of(own)));
        let set = set.filter(|(_, value)| *value != AxisValue::Unset);
        set.map(|(def, value)| format!("{}={value}", def.key)).collect()
    }

    /// What a run says; nothing if it is of no cell.
    fn told(&self, record: &RunRecord) -> Option<Told> {
        let cell = *self.places.get(&record.cell)?;
        let failed =
            record.status == RunStatus::Failed || record.stop.reason == StopReason::OutOfMemory;
        let short = bars::short(record, &self.metrics);
        let readings = self.metrics.iter().map(|metric| reading(record, metric.def())).collect();
        let verdict = record.verdict.as_ref().map(|verdict| verdict.verdict);
        let rejected = verdict == Some(Feasibility::Infeasible);
        Some(Told { cell, readings, failed, rejected, short, wall_s: record.wall_s })
    }
}

/// The runs that were not ended from outside.
fn whole(records: &[RunRecord]) -> impl Iterator<Item = &RunRecord> {
    records.iter().filter(|record| record.status != RunStatus::Cancelled)
}

/// The cells by the axes on which they differ, and the keys of these; those of one data set are compared with each other.
fn space(cells: &[&PlannedRun]) -> (Space, Vec<String>) {
    let list = AxisList::of(cells.iter().map(|run| &*run.job));
    let mut axes = Vec::new();
    let (mut columns, mut keys) = (Vec::new(), Vec::new());
    for def in list.defs() {
        let values: Vec<AxisValue> = cells.iter().map(|run| def.of(&run.job)).collect();
        let (scale, levels) = levels_of(&values);
        let differs = levels.iter().any(|level| *level != levels[0]);
        if differs {
            axes.push(scale);
            keys.push(def.key.to_string());
            columns.push(levels);
        }
    }
    let row = |cell: usize| columns.iter().map(|levels| levels[cell]).collect();
    let mut names: HashMap<&str, u32> = HashMap::new();
    let mut groups = Vec::with_capacity(cells.len());
    for run in cells {
        let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
        groups.push(*names.entry(&run.job.dataset).or_insert(next));
    }
    (Space::new(axes, (0..cells.len()).map(row).collect(), groups), keys)
}

/// An axis of these values, and the level of each: in order where all are numbers.
fn levels_of(values: &[AxisValue]) -> (Axis, Vec<u16>) {
    let set = || values.iter().filter(|value| **value != AxisValue::Unset);
    let numbers: Option<Vec<f64>> = set().map(AxisValue::number).collect();
    let place = |found: Option<usize>| found.and_then(|at| u16::try_from(at).ok()).unwrap_or(UNSET);
    if let Some(mut numbers) = numbers {
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        let level = |value: &AxisValue| {
            let number = value.number()?;
            numbers.binary_search_by(|other| other.total_cmp(&number)).ok()
        };
        let levels = values.iter().map(|value| place(level(value))).collect();
        return (Axis::ordered(&numbers), levels);
    }
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut level = |value: &AxisValue| {
        let next = known.len();
        (*value != AxisValue::Unset).then(|| *known.entry(value.to_string()).or_insert(next))
    };
    let levels = values.iter().map(|value| place(level(value))).collect();
    (Axis::Choice(known.len()), levels)
}
