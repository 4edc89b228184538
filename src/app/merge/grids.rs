//! The parts, and whether they are parts of one grid.
//!
//! Invariant: while a part is held, no other perftune writes to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::app::Fault;
use crate::app::distinct::distinct;
use crate::store::{Difference, GridHead, Lock, Recordings};

/// A results folder that is a part.
pub(super) struct Part {
    /// As it was given.
    pub(super) name: String,
    pub(super) recordings: Recordings,
    pub(super) grid: GridHead,
    /// Nobody writes to it; else what is not whole in it may change, and is not taken.
    pub(super) is_at_rest: bool,
    _still: Option<Lock>,
}

/// The grid of all parts, and which of its cells were asked for.
#[derive(Clone, Copy)]
pub(in crate::app) struct Whole<'a> {
    pub(in crate::app) grid: &'a GridHead,
    pub(in crate::app) wanted: &'a [String],
    /// Whether each of these is to be there, be it that a search has chosen them: then they are runs.
    pub(in crate::app) are_all: bool,
}

/// Opens the folders.
pub(super) fn open(paths: &[PathBuf]) -> Result<Vec<Part>, Fault> {
    let places = paths.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
    if distinct(places).len() < paths.len() {
        return Err(Fault::new("a results folder is given twice").hint("name each part once"));
    }
    let part = |path: &PathBuf| {
        let part = open_one(path)?;
        Ok(Part { _still: part.recordings.still()?, ..part })
    };
    paths.iter().map(part).collect()
}

/// Opens a folder that may be written to.
pub(super) fn open_one(path: &Path) -> Result<Part, Fault> {
    let mut recordings = Recordings::open(path)?;
    let name = path.display().to_string();
    let grid = recordings.take_grid().filter(|grid| !grid.keys.is_null());
    let Some(grid) = grid else {
        let what = format!("{name} does not say of which grid it is a part");
        return Err(Fault::new(what).hint(
                "it was made by `perftune exec`, or by an earlier version: then `perftune run GRID --resume` adds that",
            ));
    };
    if recordings.head().in_turn {
        let what = format!("{name} is a side of a comparison, not a part of a grid");
        return Err(Fault::new(what).hint("run the grid without --against"));
    }
    Ok(Part { name, grid, recordings, is_at_rest: true, _still: None })
}

/// Refuses parts of different grids, and says in what they differ.
pub(super) fn check(parts: &[Part]) -> Result<(), Fault> {
    let Some((first, others)) = parts.split_first() else {
        return Err(Fault::new("no results folder is given"));
    };
    for other in others {
        if let Some(what) = unlike(first, other) {
            let names =
                format!("{} and {} hold results of different grids", first.name, other.name);
            return Err(Fault::new(format!("{names}: {what}"))
                .hint("`perftune report A B` shows different grids side by side"));
        }
    }
    Ok(())
}

/// Refuses a part of another grid than this one.
pub(super) fn check_keys(part: &Part, grid: &GridHead) -> Result<(), Fault> {
    let found = Difference::first(&grid.keys, &part.grid.keys);
    found.map_or(Ok(()), |found| {
        let what = format!("{} holds results of another grid: {found}", part.name);
        Err(Fault::new(what).hint("it was put there by hand: remove it"))
    })
}

/// The first thing in which they differ.
fn unlike(one: &Part, other: &Part) -> Option<String> {
    let (a, b) = (one.recordings.head(), other.recordings.head());
    let said = |key: &str, before: &Value, now: &Value| {
        let shown = |value: &Value| match value {
            Value::Null => "not set".to_owned(),
            value => value.to_string(),
        };
        format!("`{key}` is {} in {} and {} in {}", shown(before), one.name, shown(now), other.name)
    };
    if a.name != b.name {
        return Some(said("name", &a.name.as_str().into(), &b.name.as_str().into()));
    }
    if let Some(found) = Difference::first(&one.grid.keys, &other.grid.keys) {
        return Some(said(&found.key, &found.before, &found.now));
    }
    for (name, rows) in &a.datasets {
        let Some(others) = b.datasets.get(name).filter(|others| rows.differs(others)) else {
            continue;
        };
        let count = |rows: u64| Value::from(rows);
        return Some(if rows.train == others.train {
            format!("the data of `{name}` are others in {} than in {}", one.name, other.name)
        } else {
            said(&format!("samples of {name}"), &count(rows.train), &count(others.train))
        });
    }
    let tables = (tables(one), tables(other));
    for (name, table) in &tables.0 {
        if let Some(other) = tables.1.get(name).filter(|other| *other != table) {
            return Some(said("recorded", &table.as_str().into(), &other.as_str().into()));
        }
    }
    lone(one, other).or_else(|| lone(other, one))
}

/// A cell that the one has alone.
fn lone(one: &Part, other: &Part) -> Option<String> {
    let known: std::collections::HashSet<&String> = other.grid.cells.iter().collect();
    let cell = one.grid.cells.iter().find(|cell| !known.contains(cell))?;
    Some(format!("{} has the cell {cell}, and {} has not", one.name, other.name))
}

/// The recorded tables that have answered, by their names, each with the sum of what it holds.
fn tables(part: &Part) -> BTreeMap<String, String> {
    let print = part.recordings.head().fingerprint.as_ref();
    let said = print.and_then(|print| print.get("recorded")).unwrap_or_default();
    let each = said.split(" | ").filter_map(|table| Some((table.split_once(" (")?.0, table)));
    each.map(|(name, table)| (name.to_owned(), table.to_owned())).collect()
}
