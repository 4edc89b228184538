//! A results folder as `perftune view` shows it, and again while runs are added to it.
//!
//! How it looks is left to `report`. Invariant: nothing of the folder is touched.

use std::path::Path;

use super::follow::{Stand, stand};
use super::front::front;
use super::page::series_of;
use super::summary::{Asked, summaries};
use super::{Fault, error_text};
use crate::event::RunRecord;
use crate::report::front::FrontReport;
use crate::report::html::RunSeries;
use crate::report::summary::SummaryRow;
use crate::report::view::Seen;
use crate::store::{Results, StoreError, look};

/// What there is of a folder at one time.
pub struct Snapshot {
    /// How far it was.
    pub stand: Stand,
    name: String,
    records: Vec<RunRecord>,
    summary: Vec<SummaryRow>,
    front: Option<FrontReport>,
    planned: usize,
    results: Option<Results>,
}

impl Snapshot {
    /// Of this folder now.
    pub fn of(folder: &Path) -> Result<Self, Fault> {
        let stand = stand(folder)?;
        let (results, stored) = match look(folder) {
            Ok(found) => found,
            // Tasks of a cluster have made nothing yet.
            Err(StoreError::NoResults { .. }) if stand.is_more_to_come => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let (records, summary) = Default::default();
                return Ok(Self {
                    stand,
                    name,
                    records,
                    summary,
                    front: None,
                    planned: 0,
                    results: None,
                });
            }
            Err(error) => return Err(error.into()),
        };
        let manifest = results.manifest()?;
        let records = stored.records;
        let summary = summaries(&records, &Asked::of(manifest.as_ref()));
        Ok(Self {
            stand,
            name: stored.name,
            front: front(manifest.as_ref(), &records, &summary, None),
            summary,
            planned: records.len() + stored.missing.len(),
            records,
            results: Some(results),
        })
    }

    /// What is shown.
    pub fn seen(&self) -> Seen<'_> {
        Seen {
            name: &self.name,
            records: &self.records,
            summary: &self.summary,
            front: self.front.as_ref(),
            planned: self.planned,
            live: self.stand.is_more_to_come,
        }
    }

    /// The series of a run, or why there are none.
    pub fn series(&self, run: &RunRecord) -> Result<RunSeries, String> {
        let results = self.results.as_ref().ok_or("the run has no folder")?;
        series_of(&results.run_folder(&run.run), run).map_err(|error| error_text(&error))
    }
}
