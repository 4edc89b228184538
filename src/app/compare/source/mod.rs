//! The two sides of a comparison, from whatever holds them: a results folder, a CSV file of one, a folder of baselines.

mod folder;
mod sheet;

use std::path::Path;

use crate::app::Fault;
use crate::app::baseline::{Reference, StoredSide, side_of_store};
use crate::event::fingerprint::Fingerprint;
use crate::gate::{GatePolicy, GateRun, SessionInfo, Side};
use crate::report::reading::cell_and_repeat;
use crate::store::ManifestHead;
use crate::store::baseline::is_baseline;

/// A side, and what is known of it beside its figures.
#[derive(Debug)]
pub(super) struct Source {
    /// What is compared.
    pub side: Side,
    /// What a reader of the verdict must know.
    pub notes: Vec<String>,
    /// The gate of its grid, as its manifest has it.
    pub gate: Option<serde_json::Value>,
    /// Whether it is a `report.csv`, which has fewer figures than the others.
    pub wide: bool,
}

/// The candidate.
pub(super) fn read(path: &Path) -> Result<Source, Fault> {
    let name = path.display();
    if is_baseline(path) {
        return Err(Fault::new(format!(
            "{name} is a folder of baselines, which can only be compared with"
        ))
        .hint(format!("write `perftune check {name} CANDIDATE`")));
    }
    if holds_both(path) {
        return Err(Fault::new(format!("{name} holds both sides of a comparison, and is not one"))
            .hint(format!("give it alone, or name {name}/baseline or {name}/candidate")));
    }
    if path.is_dir() {
        folder::read(path)
    } else if path.exists() {
        sheet::read(path)
    } else {
        Err(Fault::new(format!("{name}: there is no such file or folder")))
    }
}

/// The baseline, once the candidate is known: of a folder of baselines the sessions that it can be compared with.
pub(super) fn read_baseline(
    path: &Path,
    candidate: &Side,
    policy: &GatePolicy,
    reference: Reference,
) -> Result<Source, Fault> {
    if is_baseline(path) {
        let StoredSide { side, note } = side_of_store(path, candidate, policy, reference)?;
        return Ok(Source { side, notes: vec![note], gate: None, wide: false });
    }
    if reference == Reference::Pinned {
        let name = path.display();
        return Err(Fault::new(format!("--pinned: {name} is no folder of baselines"))
            .hint("`perftune baseline promote` pins an epoch of one"));
    }
    read(path)
}

/// Both sides of a folder that `perftune run --against` has made.
pub(super) fn both(path: &Path) -> Result<(Source, Source), Fault> {
    if holds_both(path) {
        let candidate = read(&path.join("candidate"))?;
        return Ok((read(&path.join("baseline"))?, candidate));
    }
    let name = path.display();
    if !path.exists() {
        return Err(Fault::new(format!("{name}: there is no such file or folder")));
    }
    let what = if path.is_dir() { "holds no baseline/ and candidate/" } else { "is no verdict" };
    Err(Fault::new(format!("{name} {what}, so that there is nothing to compare it with"))
        .hint("write `perftune check BASELINE CANDIDATE`"))
}

fn holds_both(path: &Path) -> bool {
    let side = |name: &str| path.join(name).join("manifest.json").is_file();
    side("baseline") && side("candidate")
}

/// What a manifest says of where and when its runs were measured.
struct Origin {
    session: String,
    created: String,
    fingerprint: Option<Fingerprint>,
}

impl Origin {
    /// Of a manifest; one that is older than the names of sessions is known by its folder.
    fn of(head: &ManifestHead, path: &Path) -> Self {
        let session = match head.session.as_str() {
            "" => path.display().to_string(),
            session => session.to_owned(),
        };
        Self { session, created: head.created.clone(), fingerprint: head.fingerprint.clone() }
    }

    /// Of a file without one.
    fn unknown(path: &Path) -> Self {
        Self { session: path.display().to_string(), created: String::new(), fingerprint: None }
    }

    /// The sessions of these runs. What was measured in turn with another side names its own.
    fn sessions(&self, runs: &[GateRun]) -> Vec<SessionInfo> {
        let mut ids: Vec<&str> = Vec::new();
        for run in runs {
            if !ids.contains(&run.session.as_str()) {
                ids.push(&run.session);
            }
        }
        if ids.is_empty() {
            ids.push(&self.session);
        }
        let info = |id: &str| SessionInfo {
            id: id.to_owned(),
            created: self.created.clone(),
            fingerprint: self.fingerprint.clone(),
        };
        ids.into_iter().map(info).collect()
    }
}

/// The cells of these runs, in the order of their first ones.
fn cells(runs: &[GateRun]) -> Vec<String> {
    let mut cells: Vec<String> = Vec::new();
    for run in runs {
        if cells.last() != Some(&run.cell) && !cells.contains(&run.cell) {
            cells.push(run.cell.clone());
        }
    }
    cells
}

/// A run that was planned and of which there is no record.
fn absent(run: &str, session: &str, why: String) -> GateRun {
    let (cell, repeat) = cell_and_repeat(run);
    GateRun {
        run: run.to_owned(),
        cell,
        repeat,
        session: session.to_owned(),
        pairing: None,
        status: Some(crate::event::RunStatus::Cancelled),
        why,
        figures: Vec::new(),
    }
}
