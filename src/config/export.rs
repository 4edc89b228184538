//! `[export]`: what the results are handed on as to other tools.
//!
//! Where they go is checked when the results folder is known, by `app`.

use super::read;
use crate::document::problems::{Place, Problem, Problems};
use crate::document::tree::{Entry, Table};
use crate::export::{NoTarget, Target};

/// A format with its target, and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) target: Target,
    pub(super) place: Place,
}

/// The formats of the table.
pub(super) fn read(table: &Table, problems: &mut Problems) -> Vec<Asked> {
    let of = |entry: &Entry| {
        let to = read::text(&entry.key, &entry.node, "a file, a folder or an address in quotes")?;
        let place = entry.key_place;
        let problem = |NoTarget { what, hint }| Problem::new(place, what).hint(hint);
        Ok(Asked { target: Target::new(&entry.key, to).map_err(problem)?, place })
    };
    table.entries.iter().filter_map(|entry| problems.ok(of(entry))).collect()
}

/// Reports formats that need what the grid does not say.
pub(super) fn check(exports: &[Asked], has_objectives: bool, problems: &mut Problems) {
    for Asked { target, place } in exports {
        let def = target.format.def();
        if def.by_objectives && !has_objectives {
            problems.error_with(
                *place,
                format!("`{}` compares cells, and there are no [objectives]", def.name),
                "name the metrics to compare by, such as minimize = [\"METRIC\"] in [objectives]",
            );
        }
    }
}
