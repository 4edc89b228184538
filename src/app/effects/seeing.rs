//! The figures that effects are told of, and what the runs say of each.

use std::collections::BTreeMap;

use crate::app::distinct::distinct;
use crate::app::front::figures::{Comparison, final_row};
use crate::event::{Objective, RunRecord, RunStatus};
use crate::metric::{MetricDef, MetricId, MetricName, Source, all};
use crate::report::layout::counted;
use crate::schedule::CONFIDENCE;
use crate::search::effects::{Seeing, Sight};
use crate::search::{Reading, Scale};
use crate::stats::distribution::normal;
use crate::units::Unit;

/// Whether a run came to an end of its own.
pub(super) fn ended(record: &RunRecord) -> bool {
    matches!(record.status, RunStatus::Completed | RunStatus::Stopped)
}

/// The metrics of the runs, in the order of the catalogue: the objectives, what is limited and what was chosen; the main ones where there are
/// none of these.
pub(super) fn chosen(records: &[RunRecord], objectives: &[Objective]) -> Vec<&'static MetricDef> {
    let own = distinct(records.iter().flat_map(|record| record.job.own_metrics()));
    let verdicts = records.iter().filter_map(|record| record.verdict.as_ref());
    let limits = verdicts.flat_map(|verdict| &verdict.findings);
    let limits = limits.filter_map(|finding| Some(&finding.constraint.as_ref()?.metric));
    let rows = || records.iter().flat_map(|record| &record.metrics);
    let known = rows().filter(|row| row.known.is_some()).map(|row| &row.metric);
    let named = objectives.iter().map(|objective| &objective.metric).chain(limits).chain(known);
    let named: Vec<MetricId> = distinct(named.filter_map(MetricName::def).map(|def| def.id));
    let measured = distinct(rows().filter(|row| row.estimate.is_some()).map(|row| &row.metric));
    let main = |def: &&MetricDef| def.in_report && measured.iter().any(|name| **name == def.id);
    let is_told = |def: &&MetricDef| {
        if named.is_empty() { main(def) } else { named.contains(&def.id) }
    };
    all(&own).filter(is_told).collect()
}

/// What the runs say of a metric.
pub(super) struct Seen {
    /// The metric.
    pub(super) metric: MetricId,
    /// The stage that its figure is of.
    pub(super) phase: String,
    /// What each run says.
    pub(super) seeing: Seeing,
    /// Cells that have it.
    pub(super) cells: usize,
    /// Whether the runs of each cell agree on an accuracy of which nobody told how many samples it rests on.
    pub(super) agree: bool,
    /// Why runs lack it, each reason with how many do.
    lacks: BTreeMap<String, usize>,
    /// Runs that know a lower end of it alone.
    lower_ends: usize,
}

impl Seen {
    /// What must be said of it.
    pub(super) fn note(&self) -> Option<String> {
        let mut said = Vec::new();
        if let Some((why, _)) = self.lacks.iter().max_by_key(|(_, runs)| **runs) {
            let one = if self.lacks.len() > 1 { "one of them: " } else { "" };
            let runs = counted(self.lacks.values().sum::<usize>(), "run");
            said.push(format!("missing in {runs} ({one}{why})"));
        }
        let ends = self.lower_ends;
        said.extend((ends > 0).then(|| format!("a lower end in {}", counted(ends, "run"))));
        (!said.is_empty()).then(|| format!("{}: {}", self.metric, said.join("; ")))
    }
}

/// How a metric changes: shares, what says how good a model is, and numbers of the user's own without a unit by a difference; times, sizes, rates and
/// counts by their ratio.
fn scale(def: &MetricDef) -> Scale {
    let bare = def.unit == Unit::One && matches!(def.source, Source::Own);
    let is_share = matches!(def.unit, Unit::Percent | Unit::Ratio);
    if is_share || bare || def.is_of_model() { Scale::Plain } else { Scale::Log }
}

/// What a run says of a metric, or why it says nothing.
fn reading(
    run: &RunRecord,
    def: &MetricDef,
    scale: Scale,
    of_runs: &Comparison<'_>,
) -> Result<Reading, String> {
    let row = final_row(run, def)?;
    let value = row.estimate.unwrap_or(f64::NAN);
    if scale == Scale::Log && value <= 0.0 {
        return Err(format!("it is {}, of which there is no ratio", def.unit.show(value)));
    }
    let half = of_runs.half(run, row).unwrap_or(0.0);
    Ok(Reading { value, variance: (half / normal(CONFIDENCE)).powi(2) })
}

/// What the runs of these cells say of a metric; `kind`: of those that vary alike.
pub(super) fn seeing(
    cells: &[&[&RunRecord]],
    def: &'static MetricDef,
    kind: usize,
    of_runs: &Comparison<'_>,
) -> Seen {
    let scale = scale(def);
    let (mut sights, mut lacks) = (Vec::new(), BTreeMap::new());
    let (mut lower_ends, mut phase) = (0, String::new());
    let (mut agree, mut several) = (true, false);
    for (cell, runs) in cells.iter().enumerate() {
        let from = sights.len();
        for run in runs.iter().filter(|run| ended(run)) {
            match reading(run, def, scale, of_runs) {
                Ok(reading) => sights.push(Sight { cell, round: run.repeat, reading }),
                Err(why) => *lacks.entry(why).or_default() += 1,
            }
            if let Ok(row) = final_row(run, def) {
                lower_ends += usize::from(def.is_peak() && row.known == Some(false));
                phase.clone_from(&row.phase);
            }
        }
        let own: &[Sight] = &sights[from..];
        let same = |sight: &Sight| sight.reading == own[0].reading && sight.reading.variance == 0.0;
        agree &= own.iter().all(same);
        several |= own.len() > 1;
    }
    let accuracy = matches!(def.source, Source::Model(figure) if figure.is_accuracy());
    let with = distinct(sights.iter().map(|sight| sight.cell)).len();
    Seen {
        metric: def.id,
        phase,
        seeing: Seeing { scale, kind, sights },
        cells: with,
        agree: agree && several && accuracy,
        lacks,
        lower_ends,
    }
}
