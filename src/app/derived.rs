//! What all runs of a results folder say together: the files beside those of the runs.
//!
//! The files of a single run are the session's. Invariant: everything is made from what is in the folder, so that
//! `perftune report` writes the same bytes again.

use super::Fault;
use super::effects::effects;
use super::fastest::fastest;
use super::front::front;
use super::page::{Parts, page};
use super::shadow::Shadow;
use super::summary::{Asked, summaries};
use crate::event::{Objective, RunRecord};
use crate::report::closing::Closing;
use crate::report::csv::{metrics_csv, report_csv, summary_csv};
use crate::report::effects::EffectsReport;
use crate::report::fastest::Fastest;
use crate::report::found::Found;
use crate::report::front::FrontReport;
use crate::report::machine::several;
use crate::report::summary::{SummaryRow, summary_metrics_csv};
use crate::store::{Results, SEARCH};

/// What all runs together say beside their own figures.
pub struct Derived {
    /// The figures of the cells over their visits.
    pub summary: Vec<SummaryRow>,
    /// The front of the cells, where there are objectives.
    pub front: Option<FrontReport>,
    /// Which of several commands is the fastest.
    pub fastest: Vec<Fastest>,
    /// What each setting buys, or why nobody can say.
    pub effects: Result<EffectsReport, Fault>,
    /// What a search recommends, where there was one.
    pub found: Option<Found>,
    /// What tells the machines apart, where the runs are from several.
    pub machines: Vec<String>,
    /// `report.html`.
    pub page: Vec<u8>,
}

impl Derived {
    /// Of these runs of a folder; `objectives`: instead of those that are recorded.
    pub fn new(
        results: &Results,
        records: &[RunRecord],
        objectives: Option<&[Objective]>,
    ) -> Result<Self, Fault> {
        let manifest = results.manifest()?;
        let summary = summaries(records, &Asked::of(manifest.as_ref()));
        let front = front(manifest.as_ref(), records, &summary, objectives);
        let effects = effects(manifest.as_ref(), records, objectives);
        let found = found(results, records)?;
        let machines = manifest.as_ref().map(|head| several(&head.machines)).unwrap_or_default();
        let parts = Parts {
            summary: &summary,
            front: front.as_ref(),
            effects: effects.as_ref().ok(),
            found: found.as_ref(),
        };
        let page = page(results, manifest.as_ref(), records, parts)?;
        Ok(Self { summary, front, fastest: fastest(records), effects, found, machines, page })
    }

    /// What a closing line says of them.
    pub fn closing(&self) -> Closing<'_> {
        Closing {
            fastest: &self.fastest,
            front: self.front.as_ref(),
            found: self.found.as_ref(),
            machines: &self.machines,
            ..Closing::default()
        }
    }

    /// Writes the files that speak of all runs together; a shadow of earlier runs does not outlive them.
    pub fn write(
        &self,
        results: &Results,
        records: &[RunRecord],
        shadow: Option<&Shadow>,
    ) -> Result<(), Fault> {
        results
            .write("report.csv", &report_csv(records, self.front.as_ref(), self.found.as_ref())?)?;
        results.write_with("metrics.csv", |out| Ok::<_, Fault>(metrics_csv(out, records)?))?;
        results.write("summary.csv", &summary_csv(records, &self.summary)?)?;
        results.write("summary_metrics.csv", &summary_metrics_csv(&self.summary)?)?;
        match shadow {
            Some(shadow) => results.write("shadow.csv", &shadow.report.csv()?)?,
            None => results.remove("shadow.csv")?,
        }
        results.write("report.html", &self.page)?;
        Ok(())
    }
}

/// What a search has found by these runs; nothing where they are not those that it knew.
fn found(results: &Results, records: &[RunRecord]) -> Result<Option<Found>, Fault> {
    let written = results.read(SEARCH)?;
    let found: Option<Found> = written.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(found.filter(|found| found.runs == records.len()))
}
