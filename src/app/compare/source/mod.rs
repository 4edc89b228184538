//! The two sides of a comparison, from whatever holds them: a results folder, a CSV file of one, a folder of baselines.
//!
//! By which rules they are judged is left to the judge. Invariant: a run that a manifest promises and that has no record
//! is there as one that was cancelled.

mod folder;
mod sheet;
mod side;
mod stored;

use std::path::Path;

use crate::app::Fault;
use crate::event::Arm;
use crate::gate::{GatePolicy, Side};
use crate::store::baseline::is_baseline;

pub(super) use self::side::RecordedSide;

/// The candidate.
pub(super) fn read(path: &Path) -> Result<RecordedSide, Fault> {
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
    pinned: bool,
) -> Result<RecordedSide, Fault> {
    if is_baseline(path) {
        return stored::read(path, candidate, policy, pinned);
    }
    if pinned {
        let name = path.display();
        return Err(Fault::new(format!("--pinned: {name} is not a folder of baselines"))
            .hint("`perftune baseline promote` pins an epoch of one"));
    }
    read(path)
}

/// Both sides of a folder that `perftune run --against` has made.
pub(super) fn both(path: &Path) -> Result<(RecordedSide, RecordedSide), Fault> {
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

/// Whether a folder holds both arms of a comparison, each a results folder.
pub(in crate::app) fn holds_both(path: &Path) -> bool {
    Arm::BOTH.iter().all(|arm| path.join(arm.name()).join("manifest.json").is_file())
}
