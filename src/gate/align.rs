//! The union of what both sides have, one entry for each metric of each stage of each cell: what can be tested, and of what is
//! certain without a test that it is missing, new, failed or not for judging.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Column, Entry};
use super::error::GateError;
use super::fallback::fall_back;
use super::figures::{check_values, raise_floor, unit};
use super::index::{CellRuns, SideIndex};
use super::policy::{FEW_SAMPLES, GatePolicy, MetricRule, Role};
use super::side::FigureKey;
use super::verdict::{RowVerdict, WHOLE_CELL};
use crate::metric::MetricName;

/// Everything that both sides have.
pub(super) struct Aligned<'i> {
    pub(super) entries: Vec<Entry<'i>>,
    /// Metrics that would be judged and that neither side has measured, with the number of places.
    pub(super) unmeasured: BTreeMap<&'i MetricName, usize>,
    /// Retired cells that are gone, with the reason.
    pub(super) retired: Vec<(&'i str, &'i str)>,
}

type Rules<'i> = BTreeMap<&'i MetricName, (MetricRule, f64)>;

/// Puts the two sides side by side.
pub(super) fn align<'i>(
    (baseline, candidate): (&'i SideIndex<'i>, &'i SideIndex<'i>),
    policy: &'i GatePolicy,
) -> Result<Aligned<'i>, GateError> {
    let rules = rules([baseline, candidate], policy)?;
    let mut aligned =
        Aligned { entries: Vec::new(), unmeasured: BTreeMap::new(), retired: Vec::new() };
    let cells: BTreeSet<&str> =
        [baseline, candidate].into_iter().flat_map(|side| side.cells.keys().copied()).collect();
    for cell in cells {
        let pair =
            Pair { cell, baseline: baseline.cells.get(cell), candidate: candidate.cells.get(cell) };
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

/// A cell on both sides.
struct Pair<'i> {
    cell: &'i str,
    baseline: Option<&'i CellRuns<'i>>,
    candidate: Option<&'i CellRuns<'i>>,
}

impl<'i> Pair<'i> {
    fn entries(
        &self,
        rules: &Rules<'i>,
        unmeasured: &mut BTreeMap<&'i MetricName, usize>,
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
                *unmeasured.entry(key.1).or_default() += 1;
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
    fn settle(&self, entry: &Entry<'_>) -> Option<(RowVerdict, String)> {
        if let Some(why) = self.failure() {
            return Some((RowVerdict::Failed, why));
        }
        let (baseline, candidate) = (&entry.baseline, &entry.candidate);
        let few = |n: u64| format!("fewer than {FEW_SAMPLES} samples ({n})");
        match (baseline.count(), candidate.count()) {
            (0, 0) => (candidate.too_few.or(baseline.too_few)).map(|n| {
                let why = format!("neither side has it, for want of samples: {}", few(n));
                (RowVerdict::Inconclusive, why)
            }),
            (0, _) => Some(match baseline.too_few {
                Some(n) => (RowVerdict::Inconclusive, format!("the baseline has {}", few(n))),
                None => (
                    RowVerdict::New,
                    "the baseline has no such figure: nothing to compare with".to_owned(),
                ),
            }),
            (_, 0) => Some(match (candidate.too_few, self.candidate) {
                (Some(n), _) => (RowVerdict::Inconclusive, format!("the candidate has {}", few(n))),
                (None, Some(cell)) if !cell.is_empty() => {
                    (RowVerdict::Missing, noted(candidate.note))
                }
                _ => (RowVerdict::Missing, self.gone().to_owned()),
            }),
            _ => None,
        }
    }

    fn gone(&self) -> &'static str {
        if self.candidate.is_some() {
            "the candidate planned this cell and has no run of it"
        } else {
            "the candidate does not have this cell"
        }
    }

    /// Why the cell failed, if it did: on either side, by any of its runs.
    fn failure(&self) -> Option<String> {
        let failed = |cell: Option<&'i CellRuns<'i>>| cell.map_or(&[][..], |cell| &cell.failed);
        let (of_candidate, of_baseline) = (failed(self.candidate), failed(self.baseline));
        let (side, runs) = match of_candidate {
            [] => ("baseline", of_baseline),
            _ => ("candidate", of_candidate),
        };
        let first = runs.first()?;
        let status = first.status.map_or_else(String::new, |status| status.to_string());
        let why = if first.why.is_empty() { String::new() } else { format!(": {}", first.why) };
        let more = match runs.len() {
            1 => String::new(),
            n => format!(", and {} more", n - 1),
        };
        Some(format!("run `{}` of the {side} {status}{why}{more}", first.run))
    }

    /// Values that a run lacks and others of its side have, and runs that a cell lacks and others of its grid have.
    fn gap(&self, entry: &Entry<'_>) -> Option<String> {
        let (baseline, candidate) = (&entry.baseline, &entry.candidate);
        let of_baseline = baseline.absent_within_sessions();
        let sides = [
            ("baseline", (baseline, of_baseline), self.baseline),
            ("candidate", (candidate, candidate.absent()), self.candidate),
        ];
        sides.into_iter().find_map(|(side, (column, absent), cell)| {
            let runs = column.values.len();
            if absent > 0 {
                let why = column.note.filter(|note| !note.is_empty());
                let why = why.map_or_else(String::new, |note| format!(" ({note})"));
                return Some(format!(
                    "{absent} of {runs} runs of the {side} have no such figure{why}"
                ));
            }
            let short = cell?.short?;
            Some(format!(
                "the {side} has {} runs of this cell and {} of others",
                short.has, short.others
            ))
        })
    }

    /// Which runs are copies of others of their side: they are no evidence of their own.
    fn copied(&self) -> Option<String> {
        let sides = [("baseline", self.baseline), ("candidate", self.candidate)];
        sides.into_iter().find_map(|(side, cell)| {
            let copied = cell?.copied;
            (copied > 0).then(|| {
                let plural = if copied == 1 { "" } else { "s" };
                format!("{copied} run{plural} of the {side} repeat the figures of another one")
            })
        })
    }

    /// A row for a cell that has no row of its own to be judged: it must not vanish.
    fn whole_cell(&self) -> Entry<'i> {
        let known = |cell: Option<&CellRuns<'_>>| cell.is_some_and(|cell| !cell.is_empty());
        let (verdict, why) = if let Some(why) = self.failure() {
            (RowVerdict::Failed, why)
        } else {
            let (verdict, why) = match (known(self.baseline), known(self.candidate)) {
                (true, true) => {
                    (RowVerdict::Missing, "neither side has a figure of it that is judged")
                }
                (false, true) => (
                    RowVerdict::New,
                    "the baseline has no run of it, and it has no figure that is judged",
                ),
                (_, false) => (RowVerdict::Missing, self.gone()),
            };
            (verdict, why.to_owned())
        };
        whole(self.cell, WHOLE_CELL.into(), verdict, why)
    }
}

fn noted(note: Option<&str>) -> String {
    match note.filter(|note| !note.is_empty()) {
        Some(note) => format!("the candidate did not measure it: {note}"),
        None => "the candidate did not measure it".to_owned(),
    }
}

fn whole(cell: &str, metric: MetricName, verdict: RowVerdict, why: String) -> Entry<'_> {
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
        .map(|name| {
            let why = "the policy gates it and neither side has measured it".to_owned();
            whole(WHOLE_CELL, name.clone(), RowVerdict::Missing, why)
        })
        .collect()
}
