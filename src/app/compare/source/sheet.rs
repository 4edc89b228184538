//! `metrics.csv`, with the manifest beside it if there is one.
//!
//! Reading the columns is left to `report`. Invariant: a manifest that speaks of other runs is not used, and that is
//! said.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use super::side::{Origin, RecordedSide, absent};
use crate::app::Fault;
use crate::dataset::BoundedRows;
use crate::report::reading::read_figures;
use crate::store::{ManifestHead, Recordings};

pub(super) fn read(path: &Path) -> Result<RecordedSide, Fault> {
    let bytes = bytes(path)?;
    if bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Fault::new(format!("{} is no CSV file but JSON", path.display()))
            .hint("a side is a results folder or a metrics.csv; a verdict.json is given alone"));
    }
    let mut runs = read_figures(path, &bytes)?;
    let mut notes = Vec::new();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let beside = folder.join("manifest.json").is_file();
    let recordings = beside.then(|| Recordings::open(folder)).transpose()?;
    let head = recordings.as_ref().map(Recordings::head);
    let named: HashSet<&str> = runs.iter().map(|run| run.run.as_str()).collect();
    let own = head.filter(|head| is_of(head, &named));
    if beside && own.is_none() {
        notes.push("the manifest.json beside it is of other runs, and was not used".to_owned());
    }
    let origin = own.map_or_else(|| Origin::unknown(path), |head| Origin::of(head, folder));
    // The runs of the manifest that the file does not have.
    let known = own.iter().flat_map(|head| &head.runs);
    let lost = known.filter(|run| !named.contains(run.as_str()));
    let why = "it is in manifest.json and not in the CSV file";
    let lost: Vec<_> = lost.map(|run| absent(run, "", why.to_owned())).collect();
    runs.extend(lost);
    for run in &mut runs {
        run.session.clone_from(&origin.session);
    }
    let side = origin.side(path.display().to_string(), runs);
    let gate = own.and_then(|head| head.gate.clone());
    Ok(RecordedSide { side, notes, lost: Vec::new(), in_turn: false, gate })
}

/// The largest file of figures, in bytes: all of it is looked at together.
const LARGEST: u64 = 256 << 20;

fn bytes(path: &Path) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path)?;
    let read = BoundedRows::new(file.take(LARGEST + 1)).read_to_end(&mut bytes);
    read.map_err(|error| Fault::new(format!("{}: {error}", path.display())))?;
    if bytes.len() as u64 > LARGEST {
        let what = format!("{} has more than {} MiB", path.display(), LARGEST >> 20);
        return Err(Fault::new(what).hint("give the results folder instead"));
    }
    Ok(bytes)
}

/// Whether a manifest speaks of these runs: it knows every one.
fn is_of(head: &ManifestHead, named: &HashSet<&str>) -> bool {
    let known: HashSet<&str> = head.runs.iter().map(String::as_str).collect();
    named.is_subset(&known)
}
