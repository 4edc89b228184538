//! Results handed on to other tools: where each format goes, and that nothing of the results is lost by it.
//!
//! The bytes are made by `report`. Invariant: what can be known to be wrong with a target is said before anything is run; a
//! target that cannot be written costs none of the others, and no result.

mod course;
mod ended;
#[cfg(feature = "mlflow")]
mod http;
#[cfg(feature = "mlflow")]
mod mlflow;
mod target;

use std::collections::HashMap;
use std::path::Path;

pub use self::ended::Ended;
use self::ended::Written;
pub use self::target::Exports;
use self::target::{Goal, Resolved};
use super::{Fault, error_text};
use crate::export::Export;
use crate::metric::Better;
use crate::report::export::{Handed, bmf, gha, journal, openmetrics, tensorboard};
use crate::report::hyperfine;
use crate::store::{atomic, target as file};

impl Exports {
    /// Writes all of them; what there is to say of those that hold nothing.
    pub fn write(&self, of: &Ended<'_>) -> Result<Vec<String>, Fault> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let by_time = |resolved: &Resolved| {
            matches!(resolved.format, Export::TensorBoard | Export::Optuna | Export::Mlflow)
        };
        let times = if self.0.iter().any(by_time) { of.times() } else { HashMap::new() };
        let handed = Handed {
            name: of.name,
            records: of.records,
            summary: &of.derived.summary,
            front: of.derived.front.as_ref(),
            times: &times,
        };
        let (mut notes, mut failures, mut hints) = (Vec::new(), Vec::new(), Vec::new());
        for resolved in &self.0 {
            let said = &resolved.said;
            match write(resolved, of, &handed) {
                Ok(Written { count: 0, .. }) => {
                    notes.push(format!("{said} holds nothing: {}", why_empty(resolved)));
                }
                Ok(Written { notes: more, .. }) => {
                    notes.extend(more.into_iter().map(|note| format!("{said}: {note}")));
                }
                Err(Fault { error, hints: more }) => {
                    failures.push(format!("{said} was not written: {}", error_text(&*error)));
                    hints.extend(more);
                }
            }
        }
        if failures.is_empty() {
            return Ok(notes);
        }
        let folder = of.results.path().display();
        hints.push(format!("the results are complete: `perftune report {folder} --write FORMAT=TARGET` exports them again"));
        let more = failures.split_off(1);
        let what =
            failures.into_iter().chain(more.into_iter().map(|more| format!("error: {more}")));
        Err(Fault { hints, ..Fault::new(what.collect::<Vec<_>>().join("\n")) })
    }
}

const fn why_empty(resolved: &Resolved) -> &'static str {
    match resolved.format {
        Export::Hyperfine => "no command of a run exited by itself",
        Export::Gha | Export::GhaBigger => "no main figure with that direction is known",
        Export::Optuna => "no cell has the figures of all objectives",
        Export::TensorBoard | Export::Mlflow => "no run has ended",
        Export::Bmf | Export::OpenMetrics | Export::Parquet => "no figure is known",
    }
}

fn write(resolved: &Resolved, of: &Ended<'_>, handed: &Handed<'_>) -> Result<Written, Fault> {
    let path = match &resolved.goal {
        Goal::Path(path) => path,
        #[cfg(feature = "mlflow")]
        Goal::Server(server) => return mlflow::send(server, of, handed),
        #[cfg(not(feature = "mlflow"))]
        Goal::Server(server) => return Err(Fault::new(format!("{server} cannot be used"))),
    };
    if resolved.is_within
        && let Some(folder) = path.parent()
    {
        fs_err::create_dir_all(folder)?;
    }
    let mut count = 0;
    if resolved.format == Export::TensorBoard {
        return events(path, of, handed).map(Written::from);
    }
    file::replace(path, |out| {
        count = match resolved.format {
            Export::Bmf => bmf::write(out, handed)?,
            Export::Gha => gha::write(out, handed, Better::Lower)?,
            Export::GhaBigger => gha::write(out, handed, Better::Higher)?,
            Export::OpenMetrics => openmetrics::write(out, handed)?,
            Export::Hyperfine => hyperfine::write(out, of.records)?,
            Export::Optuna => journal::write(out, handed)?,
            #[cfg(feature = "parquet")]
            Export::Parquet => crate::report::export::parquet::write(out, handed)?,
            _ => 0,
        };
        Ok::<_, Fault>(())
    })?;
    Ok(count.into())
}

/// The event files of a folder: one of its own, and one for each run in a folder below.
fn events(folder: &Path, of: &Ended<'_>, handed: &Handed<'_>) -> Result<usize, Fault> {
    let board = tensorboard::Board::new(handed);
    for record in of.records {
        let below = folder.join(&record.run);
        fs_err::create_dir_all(&below)?;
        let points = course::read(&of.results.run_folder(&record.run))?;
        let bytes = board.run(record, &points);
        atomic::write(&below.join(tensorboard::FILE), &bytes)?;
    }
    fs_err::create_dir_all(folder)?;
    atomic::write(&folder.join(tensorboard::FILE), &board.experiment())?;
    Ok(of.records.len())
}
