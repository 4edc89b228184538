//! The union of what both sides have, one entry for each metric of each stage of each cell: what can be tested, and of what is
//! certain without a test that it is missing, new, failed or not for judging.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Column, Entry, RowGap};
use super::error::GateError;
use super::fallback::fall_back;
use super::figures::{check_values, raise_floor, unit};
use super::index::{CellRuns, Short, SideIndex};
use super::policy::{GatePolicy, MetricRule, Role};
use super::reason::RowReason;
use super::side::FigureKey;
use super::verdict::{RowVerdict, WHOLE_CELL};
use crate::event::Arm;
use crate::metric::MetricName;

/// Everything that both sides have.
pub(super) struct Aligned<'i> {
    pub(super) entries: Vec<Entry<'i>>,
    /// Metrics that would be judged and that neither side has measured, with the number of places.
    pub(super) unmeasured: BTreeMap<&'i MetricName, Unmeasured<'i>>,
    /// Retired cells that are gone, with the reason.
    pub(super) retired: Vec<(&'i str, &'i str)>,
}

type Rules<'i> = BTreeMap<&'i MetricName, (MetricRule, f64)>;

/// Puts the two sides side by side.
pub(super) fn align<'i>(
    (baseline, candidate): (&'i SideIndex<'i>, &'i SideIndex<'i>),
    policy: &'i GatePolicy,
    in_turns: bool,
) -> Result<Aligned<'i>, GateError> {
    let rules = rules([baseline, candidate], policy)?;
    let mut aligned =
        Aligned { entries: Vec::new(), unmeasured: BTreeMap::new(), retired: Vec::new() };
    let cells: BTreeSet<&str> =
        [baseline, candidate].into_iter().flat_map(|side| side.cells.keys().copied()).collect();
    for cell in cells {
        let pair = Pair {
            cell,
            in_turns,
            baseline: baseline.cells.get(cell),
            candidate: candidate.cells.get(cell),
        };
        let gone = pair.candidate.is_none_or(CellRuns::is_empty);
        if let Some(reason) = policy.retired.get(cell).filter(|_| gone) {
            aligned.retired.push((cell, reason));
            continue;
        }
        let mut entries = pair.entries(&rules, &mut aligned.unmeasured)?;
        fall_back(&mut entries, policy);
        for entry in entries.iter_mut().filter(|entry| entry.is_testable()) {
            check_values(entry, [baseline.side.name.as_str(), &candidate.side.name])?;
            raise_floor(entry);
        }
        let judged = |entry: &Entry<'_>| entry.rule.role == Role::Gate && entry.has_values();
        if !entries.iter().any(judged) {
            entries.push(pair.whole_cell());
        }
        aligned.entries.extend(entries);
    }
    aligned.entries.extend(undelivered(&aligned, &rules, policy));
    Ok(aligned)
}

/// The rule and floor of every metric that a run has.
fn rules<'i>(
    sides: [&'i SideIndex<'i>; 2],
    policy: &'i GatePolicy,
) -> Result<Rules<'i>, GateError> {
    let mut rules = Rules::new();
    for side in sides {
        for run in side.cells.values().flat_map(|cell| &cell.ended) {
            for (_, metric) in run.figures.keys().copied() {
                if rules.contains_key(metric) {
                    continue;
                }
                let Some(rule) = policy.rule(metric) else {
                    return Err(GateError::UnknownMetric {
                        side: side.side.name.clone(),
                        run: run.run.run.clone(),
                        metric: metric.clone(),
                    });
                };
                let floor = policy.floor_of(metric, &rule);
                rules.insert(metric, (rule, floor));
            }
        }
    }
    Ok(rules)
}

/// Where no run of either side has a metric.
#[derive(Default)]
pub(super) struct Unmeasured<'i> {
    /// In so many stages of cells.
    pub(super) places: usize,
    /// Stage and cell of the first.
    pub(super) first: String,
    /// What is said in the first that says something.
    pub(super) note: Option<&'i str>,
}

/// A cell on both sides.
struct Pair<'i> {
    cell: &'i str,
    in_turns: bool,
    baseline: Option<&'i CellRuns<'i>>,
    candidate: Option<&'i CellRuns<'i>>,
}

impl<'i> Pair<'i> {
    fn entries(
        &self,
        rules: &Rules<'i>,
        unmeasured: &mut BTreeMap<&'i MetricName, Unmeasured<'i>>,
    ) -> Result<Vec<Entry<'i>>, GateError> {
        let keys: BTreeSet<FigureKey<'i>> = [self.baseline, self.candidate]
            .into_iter()
            .flatten()
            .flat_map(|cell| &cell.ended)
            .flat_map(|run| run.figures.keys().copied())
            .collect();
        let mut entries = Vec::new();
        for key in keys {
            let Some((rule, floor)) = rules.get(key.1) else {
                continue;
            };
            let entry = self.entry(key, rule, *floor)?;
            // Of figures that are absent for want of samples another one may be judged.
            let few = entry.baseline.too_few.or(entry.candidate.too_few);
            let stands_in = rule.role == Role::Gate && rule.fallback.is_some() && few.is_some();
            if entry.has_values() || stands_in {
                entries.push(entry);
            } else if rule.role == Role::Gate {
                let found = unmeasured.entry(key.1).or_default();
                if found.places == 0 {
                    found.first = format!("{} of {}", key.0, self.cell);
                }
                found.places += 1;
                found.note = found.note.or(entry.candidate.note).or(entry.baseline.note);
            }
        }
        Ok(entries)
    }

    fn entry(
        &self,
        key: FigureKey<'i>,
        rule: &MetricRule,
        floor: f64,
    ) -> Result<Entry<'i>, GateError> {
        let baseline = Column::new(self.baseline, key);
        let candidate = Column::new(self.candidate, key);
        let mut entry = Entry {
            cell: self.cell,
            phase: key.0,
            metric: key.1.clone(),
            unit: "",
            rule: rule.clone(),
            floor,
            baseline,
            candidate,
            settled: None,
            gap: None,
            copied: self.copied(),
            why: Vec::new(),
        };
        entry.unit = unit(&entry)?;
        if rule.role == Role::Info {
            entry.settled = Some(RowVerdict::Info);
        } else if let Some((verdict, why)) = self.settle(&entry) {
            entry.settled = Some(verdict);
            entry.why.push(why);
        } else {
            entry.gap = self.gap(&entry);
        }
        Ok(entry)
    }

    /// What is certain of a gated row without a test.
    fn settle(&self, entry: &Entry<'_>) -> Option<(RowVerdict, RowReason)> {
        if let Some(why) = self.failure() {
            return Some((RowVerdict::Failed, why));
        }
        let (baseline, candidate) = (&entry.baseline, &entry.candidate);
        if let Some(why) = self.unfinished()
            && (baseline.count() == 0 || candidate.count() == 0)
        {
            return Some((RowVerdict::Missing, why));
        }
        let few = |side, samples| (RowVerdict::Inconclusive, RowReason::TooFew { side, samples });
        match (baseline.count(), candidate.count()) {
            (0, 0) => candidate.too_few.or(baseline.too_few).map(|n| few(None, n)),
            (0, _) => Some(match baseline.too_few {
                Some(n) => few(Some(Arm::Baseline), n),
                None => (RowVerdict::New, RowReason::NoBaseline),
            }),
            (_, 0) => Some(match (candidate.too_few, self.candidate) {
                (Some(n), _) => few(Some(Arm::Candidate), n),
                (None, Some(cell)) if !cell.is_empty() => {
                    let note = candidate.note.unwrap_or_default().to_owned();
                    (RowVerdict::Missing, RowReason::NotMeasured { note })
                }
                _ => (RowVerdict::Missing, self.gone()),
            }),
            _ => None,
        }
    }

    fn gone(&self) -> RowReason {
        if self.candidate.is_some() { RowReason::NotRun } else { RowReason::NoCell }
    }

    /// Both sides, the baseline first.
    fn sides(&self) -> [(Arm, Option<&'i CellRuns<'i>>); 2] {
        [(Arm::Baseline, self.baseline), (Arm::Candidate, self.candidate)]
    }

    /// Why the cell failed, if it did: on either side, by any of its runs. Where the sides took turns, runs that were not made
    /// leave whole blocks, which can be judged.
    fn failure(&self) -> Option<RowReason> {
        let mut failed = self.sides().into_iter().rev().filter_map(|(side, cell)| {
            let cell = cell?;
            let unfinished = cell.unfinished.iter().filter(|_| !self.in_turns);
            let mut runs = cell.failed.iter().chain(unfinished);
            Some((side, runs.next()?, runs.count()))
        });
        let (side, first, more) = failed.next()?;
        let (run, why) = (first.run.clone(), first.why.clone());
        Some(RowReason::RunFailed { side, run, status: first.status, why, more })
    }

    /// Runs of a comparison in turns that were not made.
    fn unfinished(&self) -> Option<RowReason> {
        let mut sides = self.sides().into_iter().filter(|_| self.in_turns);
        sides.find_map(|(side, cell)| {
            let runs = cell?.unfinished.len();
            (runs > 0).then_some(RowReason::Unfinished { side, runs })
        })
    }

    /// Values that a run lacks and others of its side have, and runs that a cell lacks and others of its grid have.
    fn gap(&self, entry: &Entry<'_>) -> Option<RowGap> {
        if let Some(why) = self.unfinished() {
            return Some(RowGap { why, lost: true });
        }
        let (baseline, candidate) = (&entry.baseline, &entry.candidate);
        let absent = [baseline.absent_within_sessions(), candidate.absent()];
        let columns = [baseline, candidate].into_iter().zip(absent);
        self.sides().into_iter().zip(columns).find_map(|((side, cell), (column, absent))| {
            if absent > 0 {
                let note = column.note.unwrap_or_default().to_owned();
                let counts = |column: &Column<'_>| (column.absent(), column.values.len());
                let other = if side == Arm::Baseline { candidate } else { baseline };
                let ((absent, runs), of_other) = (counts(column), counts(other));
                let unsaid = column.unsaid;
                let why = RowReason::Absent { side, absent, runs, of_other, note, unsaid };
                let short =
                    self.sides().iter().any(|(_, cell)| cell.is_some_and(|c| c.short.is_some()));
                // What the baseline says in every run and the candidate does not was there before.
                let silenced = candidate.unsaid && baseline.absent() == 0;
                let lost = short || silenced || baseline.lost || candidate.lost;
                return Some(RowGap { why, lost });
            }
            let Short { has, others } = cell?.short?;
            Some(RowGap { why: RowReason::FewerRuns { side, has, others }, lost: true })
        })
    }

    /// Which runs are copies of others of their side: they are no evidence of their own.
    fn copied(&self) -> Option<RowReason> {
        self.sides().into_iter().find_map(|(side, cell)| {
            let runs = cell?.copied;
            (runs > 0).then_some(RowReason::Copies { side, runs })
        })
    }

    /// A row for a cell that has no row of its own to be judged: it must not vanish.
    fn whole_cell(&self) -> Entry<'i> {
        let known = |cell: Option<&CellRuns<'_>>| cell.is_some_and(|cell| !cell.is_empty());
        let (verdict, why) = match self.failure() {
            Some(why) => (RowVerdict::Failed, why),
            None => match (known(self.baseline), known(self.candidate)) {
                (true, true) => (RowVerdict::Missing, RowReason::NothingJudged),
                (false, true) => (RowVerdict::New, RowReason::NewUnjudged),
                (_, false) => (RowVerdict::Missing, self.gone()),
            },
        };
        whole(self.cell, WHOLE_CELL.into(), verdict, why)
    }
}

fn whole(cell: &str, metric: MetricName, verdict: RowVerdict, why: RowReason) -> Entry<'_> {
    Entry {
        cell,
        phase: WHOLE_CELL,
        metric,
        unit: "",
        rule: MetricRule {
            direction: None,
            role: Role::Gate,
            floor: None,
            at_least: None,
            fallback: None,
        },
        floor: 0.0,
        baseline: Column::default(),
        candidate: Column::default(),
        settled: Some(verdict),
        gap: None,
        copied: None,
        why: vec![why],
    }
}

/// Metrics that the policy itself gates and no run has: it asked for something, and would look green without it.
fn undelivered<'i>(
    aligned: &Aligned<'_>,
    rules: &Rules<'_>,
    policy: &'i GatePolicy,
) -> Vec<Entry<'i>> {
    let found = |name: &MetricName| {
        rules.contains_key(name) && !aligned.unmeasured.contains_key(name)
            || aligned.entries.iter().any(|entry| entry.metric == *name)
    };
    policy
        .metrics
        .keys()
        .filter(|name| policy.wants(name) && !found(name))
        .map(|name| whole(WHOLE_CELL, name.clone(), RowVerdict::Missing, RowReason::Undelivered))
        .collect()
}
