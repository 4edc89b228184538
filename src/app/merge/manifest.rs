//! The manifest of the whole.
//!
//! Invariant: what it says of the grid is what every part says.

use std::collections::{BTreeMap, HashMap};

use super::choice::Taken;
use super::grids::Part;
use super::machines::{joined, machines};
use crate::app::Fault;
use crate::app::distinct::distinct;
use crate::app::environment::new_session;
use crate::store::{FORMAT, GridHead, Recorded};

/// Its bytes: the first part's, but for what is of all parts.
pub(super) fn manifest(parts: &[Part], grid: &GridHead, taken: &[Taken]) -> Result<Vec<u8>, Fault> {
    let mut text = parts[0].recordings.manifest()?;
    let heads = || parts.iter().map(|part| part.recordings.head());
    let cells = &grid.cells;
    let names: HashMap<&str, &Taken> = taken.iter().map(|taken| (&*taken.run, taken)).collect();
    let cell_of = |run: &str| {
        let cell = names.get(run).and_then(|taken| taken.cell);
        cell.map_or_else(|| run.to_owned(), |cell| cells[cell].clone())
    };

    let machines = machines(parts, taken);
    text.set("fingerprint", &joined(&machines, cell_of))?;
    if machines.len() > 1 {
        text.set("machines", &machines)?;
    } else {
        text.remove("machines");
    }
    let sessions = distinct(heads().map(|head| &head.session));
    let one = machines.len() <= 1 && sessions.len() == 1;
    text.set("session", &if one { sessions[0].clone() } else { new_session() })?;

    let datasets: BTreeMap<_, _> = heads().flat_map(|head| &head.datasets).collect();
    let searched = parts.iter().any(|part| part.grid.searched);
    let grid = GridHead { shard: None, searched, ..grid.clone() };
    text.set("format", &FORMAT)?;
    text.set("perftune", &env!("CARGO_PKG_VERSION"))?;
    text.set("created", &jiff::Timestamp::now().to_string())?;
    text.set("datasets", &datasets)?;
    text.set("grid", &grid)?;
    text.set("runs", &taken.iter().map(|taken| &taken.run).collect::<Vec<_>>())?;
    text.set("specs", &specs(parts, taken))?;
    Ok(text.sealed()?)
}

/// What is kept of the settings of each run: by the part that it is from, else by one that planned it.
fn specs<'a>(parts: &'a [Part], taken: &'a [Taken]) -> BTreeMap<&'a str, &'a Recorded> {
    let spec = |taken: &'a Taken| {
        let own = taken.from.as_ref().map(|held| &parts[held.part]);
        let mut all = own.into_iter().chain(parts);
        let spec = all.find_map(|part| part.recordings.head().specs.get(&taken.run))?;
        Some((&*taken.run, spec))
    };
    taken.iter().filter_map(spec).collect()
}
