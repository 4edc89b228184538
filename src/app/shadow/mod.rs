//! Shadow mode: what runs that went on to their end would have been, had a rule stopped them.
//!
//! Where a rule stops is decided by `control`, how it is shown by `report`. Invariant: a run whose whole is not known has
//! no shadow, and that is said.

mod log;
mod totals;

use self::log::Observed;
use self::totals::ObservedRuns;
use super::rules::parse_rules;
use super::{Fault, error_text};
use crate::control::rule::RuleSpec;
use crate::event::{RunRecord, RunStatus, StopReason};
use crate::report::shadow::{ShadowReport, rules_in};
use crate::store::Results;

/// The rules for which the folder has a `shadow.csv` already; `None` where it has none.
pub fn rules_before(results: &Results) -> Result<Option<Vec<RuleSpec>>, Fault> {
    let Some(bytes) = results.read("shadow.csv")? else {
        return Ok(None);
    };
    // A file that somebody has changed is written anew for our rule.
    parse_rules(&rules_in(&bytes)).or_else(|_| parse_rules(&[])).map(Some)
}

/// What shadow mode says, and what a reader must know beside it.
#[derive(Default)]
pub struct Shadow {
    /// What it says.
    pub report: ShadowReport,
    /// Runs of which it says nothing, and why.
    pub notes: Vec<String>,
}

impl Shadow {
    /// Feeds the log of each run to its rules.
    pub fn cast(
        results: &Results,
        records: &[RunRecord],
        rules: &[RuleSpec],
    ) -> Result<Self, Fault> {
        let manifest = results.manifest()?;
        let cores = manifest.and_then(|head| head.machine["usable_cores"].as_f64());
        let mut notes = Vec::new();
        let (mut seen, mut cut_short): (Vec<(&RunRecord, Vec<Observed>)>, u32) = (Vec::new(), 0);
        for record in records {
            if !matches!(record.status, RunStatus::Completed | RunStatus::Stopped) {
                notes.push(format!("{} {}: it has no shadow", record.run, record.status));
                continue;
            }
            if record.stop.reason == StopReason::OutOfMemory {
                notes.push(format!("{} ran out of memory: it has no shadow", record.run));
                continue;
            }
            let folder = results.run_folder(&record.run);
            match log::observe(&folder, record, cores, rules) {
                Ok(Some(observed)) => seen.push((record, observed)),
                Ok(None) => cut_short += 1,
                Err(error) => notes.push(format!("{}: {}", record.run, error_text(&error))),
            }
        }
        if cut_short > 0 {
            notes.push(format!(
                "{cut_short} of {} runs were stopped, or ended a stage, early and have no shadow: run with --full to record whole runs",
                records.len()
            ));
        }
        let report = ObservedRuns::new(&seen).report();
        Ok(Self { report, notes })
    }

    /// Whether there was no run to speak of.
    pub fn is_empty(&self) -> bool {
        self.report.runs.is_empty()
    }
}
