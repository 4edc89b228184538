//! The tables of the grid file, and its whole text as settings: which keys there are (those of [`KEYS`] and the axes), what is
//! said to one that is not among them, and what a file or an `[[override]]` sets.

use std::borrow::Cow;

use super::declared;
use super::engine;
use super::engine_keys;
use super::export;
use super::gate;
use super::key::{self, Context};
use super::keys::KEYS;
use super::models;
use super::objectives;
use super::own;
use super::read;
use super::recorded;
use super::scripts;
use super::settings::Settings;
use super::worker;
use crate::document::problems::{Problems, shown};
use crate::document::suggest;
use crate::document::tree::{Entry, Node, Table};
use crate::event::{AXES, AxisList};

/// What a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// The axes.
    Axes,
    /// Keys that are the same for the whole grid.
    GridKeys,
    /// Keys that an `[[override]]` may change.
    CellKeys,
    /// Axes, once for each of several tables.
    Cells,
    /// Other tables and `match`, once for each of several tables.
    Overrides,
    /// `match` and axes, once for each of several tables.
    Whens,
}

/// A table at the top of the file.
pub(super) struct TableDef {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) holds: Holds,
}

pub(super) static TABLES: [TableDef; 24] = {
    const fn table(name: &'static str, holds: Holds, about: &'static str) -> TableDef {
        TableDef { name, about, holds }
    }
    use Holds::{Axes, CellKeys, Cells, GridKeys, Overrides, Whens};
    [
        table("grid", Axes, "every key is an axis, a value or a list; the grid is their product"),
        table("axes", GridKeys, "axes of your own: their types, units and values"),
        table("metrics", GridKeys, "metrics of your own: what a program reports"),
        table("run", GridKeys, "the run of the whole grid"),
        table("search", GridKeys, "a search among the cells instead of a run of each"),
        table(
            "train",
            CellKeys,
            "how to train; also axes that [grid] does not name, one value each",
        ),
        table("serve", CellKeys, "how to serve"),
        table("stop", CellKeys, "when a run stops"),
        table(
            "constraints",
            CellKeys,
            "limits on metrics; a run that breaks one for certain ends at once",
        ),
        table("limits", CellKeys, "resource limits: emulates a smaller device"),
        table("models", GridKeys, "commands, TorchScript files and recorded tables as models"),
        table("objectives", GridKeys, "what cells are compared by"),
        table("gate", GridKeys, "how results are compared with a baseline"),
        table("profile", GridKeys, "settings that --profile overrides"),
        table("sampler", GridKeys, "what to read from the machine, and how often"),
        table("energy", GridKeys, "carbon intensity of energy"),
        table("cost", GridKeys, "price of the machine"),
        table("worker", GridKeys, "the worker"),
        table("engine", GridKeys, "where the cells run"),
        table("export", GridKeys, "exports of the results to other tools after each run"),
        table("when", Whens, "axes that only the cells that match have"),
        table("exclude", Cells, "cells to leave out: those that match each axis"),
        table("include", Cells, "a cell to add: one value for each axis that varies"),
        table("override", Overrides, "other settings for the cells that match"),
    ]
};

impl TableDef {
    /// As a message calls it.
    fn shown(&self) -> String {
        match self.holds {
            Holds::Cells | Holds::Overrides | Holds::Whens => format!("[[{}]]", self.name),
            _ => format!("[{}]", self.name),
        }
    }

    /// The keys that it may have; none where they are free.
    fn keys<'a>(&self, axes: &'a AxisList) -> Vec<&'a str> {
        match self.holds {
            Holds::Axes | Holds::Cells => axes.keys(),
            Holds::Whens => vec!["match", "grid"],
            Holds::Overrides => ["match"].into_iter().chain(overridable()).collect(),
            Holds::GridKeys | Holds::CellKeys => {
                let mut keys = below(self.name);
                if self.name == "train" {
                    keys.extend(AXES.iter().filter(|def| def.in_train).map(|def| &*def.key));
                }
                keys
            }
        }
    }
}

/// The tables of an `[[override]]`.
pub(super) fn overridable() -> impl Iterator<Item = &'static str> {
    TABLES.iter().filter(|table| table.holds == Holds::CellKeys).map(|table| table.name)
}

/// The path of every key that is no axis.
fn paths() -> impl Iterator<Item = &'static str> {
    let rules = gate::KEYS.iter().map(|key| key.path);
    let free = models::KEYS.iter().map(|key| key.path).chain(own::KEYS.iter().map(|key| key.path));
    let free = free.chain(declared::KEYS.iter().map(|key| key.path));
    let recorded = recorded::KEYS.iter().map(|key| key.path);
    let scripts = scripts::KEYS.iter().map(|key| key.path);
    let models = recorded.chain(scripts);
    let keys = KEYS.iter().chain(engine_keys::KEYS).map(|key| key.path);
    keys.chain(free).chain(models).chain(rules)
}

/// The names right below a table, each once; free ones are left out.
fn below(table: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for path in paths() {
        let rest = path.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'));
        let name = rest.and_then(|rest| rest.split('.').next()).unwrap_or("");
        if !name.is_empty() && !name.starts_with(char::is_uppercase) && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// The keys at the top of the file.
pub(super) fn top() -> Vec<&'static str> {
    let keys = KEYS.iter().map(|key| key.path).filter(|path| !path.contains('.'));
    keys.chain(TABLES.iter().map(|table| table.name)).collect()
}

/// The names that keys of `[grid]` may have.
struct Names<'a> {
    axes: &'a AxisList,
    /// What commands have in braces.
    wanted: Vec<Cow<'a, str>>,
}

/// Reports every key at the top that there is not.
pub(super) fn check_top(root: &Table, problems: &mut Problems) {
    let names = Names { axes: &AxisList::default(), wanted: Vec::new() };
    check_keys(root, "at the top level", None, &top(), &names, problems);
}

/// Reports every key that there is not.
pub(super) fn check(root: &Table, axes: &AxisList, problems: &mut Problems) {
    let names = Names { axes, wanted: own::placeholders(root) };
    check_top(root, problems);
    for table in &TABLES {
        for inner in tables_of(root, table.name) {
            check_table(table, inner, &names, problems);
        }
    }
}

fn check_table(table: &TableDef, inner: &Table, names: &Names<'_>, problems: &mut Problems) {
    let keys = table.keys(names.axes);
    // Where there are none they are free.
    if !keys.is_empty() {
        check_keys(
            inner,
            &format!("in {}", table.shown()),
            Some(table.holds),
            &keys,
            names,
            problems,
        );
    }
    let all = names.axes.keys();
    let free = |path: &str, within: &str, inner: Option<&Table>, problems: &mut Problems| {
        if let Some(inner) = inner {
            check_keys(inner, within, None, &below(path), names, problems);
        }
    };
    match table.name {
        "models" => inner.entries.iter().for_each(|entry| {
            let within = format!("in [models.{}]", entry.key);
            free("models.NAME", &within, entry.node.table(), problems);
        }),
        "metrics" => inner.entries.iter().for_each(|entry| {
            let within = format!("in [metrics.{}]", entry.key);
            free("metrics.NAME", &within, entry.node.table(), problems);
        }),
        "axes" => own::entries(inner).for_each(|(name, entry)| {
            let within = format!("in [axes.{name}]");
            free("axes.NAME", &within, entry.node.table(), problems);
        }),
        "gate" => {
            for metrics in tables_of(inner, "metrics") {
                gate::tables(metrics, &mut |_, entry| {
                    let rule = entry.node.table();
                    free("gate.metrics.METRIC", "in [gate.metrics]", rule, problems);
                });
            }
        }
        "when" => {
            for axes in ["match", "grid"].into_iter().flat_map(|name| tables_of(inner, name)) {
                check_keys(axes, "in [[when]]", Some(Holds::Axes), &all, names, problems);
            }
        }
        "override" => {
            for wanted in tables_of(inner, "match") {
                check_keys(wanted, "in match", Some(Holds::Cells), &all, names, problems);
            }
            for table in TABLES.iter().filter(|table| table.holds == Holds::CellKeys) {
                for inner in tables_of(inner, table.name) {
                    check_table(table, inner, names, problems);
                }
            }
        }
        _ => {}
    }
}

/// What the table of this name holds.
pub(super) fn holds(name: &str) -> Option<Holds> {
    TABLES.iter().find(|table| table.name == name).map(|table| table.holds)
}

/// The table of this name, or the tables of its list; what is no table is reported by who reads it.
pub(super) fn tables_of<'a>(root: &'a Table, name: &str) -> Vec<&'a Table> {
    let items = root.get(name).into_iter().flat_map(|entry| entry.node.items());
    items.filter_map(Node::table).collect()
}

/// `holds`: what the table holds where it is one of [`TABLES`].
fn check_keys(
    table: &Table,
    within: &str,
    holds: Option<Holds>,
    keys: &[&str],
    names: &Names<'_>,
    problems: &mut Problems,
) {
    let of_override = holds == Some(Holds::Overrides);
    let of_axes = matches!(holds, Some(Holds::Axes | Holds::Cells));
    let entries: Vec<(Cow<'_, str>, &Entry)> = if of_axes {
        own::entries(table).collect()
    } else {
        table.entries.iter().map(|entry| (Cow::Borrowed(&*entry.key), entry)).collect()
    };
    for (key, entry) in entries.iter().filter(|(key, _)| !keys.contains(&&**key)) {
        let key = shown(key);
        if of_override && names.axes.find(&entry.key).is_some() {
            problems.error_with(
                entry.key_place,
                format!(
                    "an [[override]] cannot change `{key}`: it is an axis, and the cells are named by their axes"
                ),
                "use [[exclude]] and [[include]] to change which cells there are",
            );
        } else {
            problems.error_with(
                entry.key_place,
                format!("unknown key `{key}` {within}"),
                if holds == Some(Holds::Axes) {
                    grid_hint(&key, keys, names)
                } else {
                    hint(&key, keys, of_override, names.axes)
                },
            );
        }
    }
}

/// What was meant by a key of `[grid]` that is no axis.
fn grid_hint(key: &str, keys: &[&str], names: &Names<'_>) -> String {
    let wanted = names.wanted.iter().map(|name| &**name).filter(|name| *name != key);
    let near = suggest::nearest(key, keys.iter().copied().chain(wanted));
    let elsewhere = TABLES.iter().any(|table| table.keys(names.axes).contains(&key));
    if elsewhere {
        hint(key, keys, false, names.axes)
    } else if let Some(near) = near {
        format!("did you mean `{near}`?")
    } else if let Some(why) = own::why_not(key) {
        why
    } else {
        let all = keys.join(", ");
        format!(
            "an axis of your own is in the command of a model as {{{key}}}, or declared in [axes.{key}]; the built-in ones are {all}"
        )
    }
}

/// What was meant by a key that is not one of `keys`.
fn hint(key: &str, keys: &[&str], of_override: bool, axes: &AxisList) -> String {
    let table = TABLES.iter().find(|table| table.name == key);
    if of_override && table.is_some_and(|table| table.holds == Holds::GridKeys) {
        return format!("[{key}] is the same for the whole grid");
    }
    let has = |table: &&TableDef| {
        let plain = matches!(table.holds, Holds::Axes | Holds::GridKeys | Holds::CellKeys);
        plain && table.keys(axes).contains(&key) && table.keys(axes) != keys
    };
    // Asked last: `seed`, `metrics` and `floor` are keys of other places too.
    let (of_gate, elsewhere): (Vec<_>, Vec<_>) =
        TABLES.iter().filter(has).map(TableDef::shown).partition(|name| name == "[gate]");
    if !elsewhere.is_empty() {
        format!("`{key}` belongs in {}", elsewhere.join(" or "))
    } else if !of_gate.is_empty() {
        format!("`{key}` belongs in {}", of_gate.join(" or "))
    } else {
        suggest::hint(key, keys, "the keys are")
    }
}

/// Puts what a file or an `[[override]]` says on top, key by key.
pub(super) fn put(
    settings: &mut Settings,
    root: &Table,
    context: &Context<'_>,
    problems: &mut Problems,
) {
    // A mistake of a whole table points at it where none of its keys is to blame.
    if let Some((_, place)) = read::table(root, "stop", problems) {
        settings.stop_place = place;
    }
    key::put_tree(KEYS, settings, root, context, problems);
    key::put_tree(engine_keys::KEYS, settings, root, context, problems);
}

/// What a whole file says besides its axes and models; all of its keys are checked.
pub(super) fn settings(root: &Table, context: Context<'_>, problems: &mut Problems) -> Settings {
    check(root, context.axes, problems);
    let mut settings = Settings::default();
    put(&mut settings, root, &context, problems);
    worker::check(&settings, root, problems);
    if let (None, Some((_, place))) = (settings.price.per_hour, &settings.price.currency) {
        problems.error_with(
            *place,
            "there is a currency but no price",
            "write per_hour = 1.2 in [cost], or leave it out",
        );
    }
    gate::check_draws(&settings.gate, root, problems);
    objectives::check(&settings.objectives, root, problems);
    engine::check(&settings.engine, problems);
    export::check(&settings.exports, !settings.objectives.is_empty(), problems);
    settings
}

/// The settings of a text that a test holds.
#[cfg(test)]
pub(super) fn settings_of(text: &str, problems: &mut Problems) -> Settings {
    let text = problems.add_file("f".into(), text.to_owned());
    let root = crate::document::tree::parse_document(text, problems).unwrap();
    let (bases, axes) = (super::world::Bases::new(".".as_ref()), AxisList::default());
    settings(&root, Context::of(&bases, &axes), problems)
}
