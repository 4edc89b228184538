//! Which axes a grid has: the built-in ones, and the user's own that something of the grid uses or `[axes]` declares.

use std::borrow::Cow;

use super::gate;
use super::key::{Context, KeyDef, Kind, put_table};
use super::range;
use super::read::{self, Read};
use super::template;
use super::world::Bases;
use crate::document::problems::{GRID, Place, Problems, shown};
use crate::document::tree::{Entry, Node, Table, Value};
use crate::event::{AXES, AxisDef, AxisKind, AxisList, COLUMNS, ENV, MOST_OWN, OwnKind};
use crate::metric::{CATALOGUE, MetricDef};

/// The longest name of an axis of one's own, in bytes.
const LONGEST_KEY: usize = 40;

/// The table of axes that set the environment.
pub(super) const ENV_TABLE: &str = "env";

/// The keys of `[grid]` that are free, and what they are.
pub(super) const FREE: [(&str, &str); 2] = [
    ("NAME", "an axis of your own, used in braces in the command of a model or declared in [axes]"),
    ("env.NAME", "a variable of the worker's or command's environment"),
];

/// What `[axes.NAME]` says besides the values.
#[derive(Debug, Default)]
pub(super) struct Declared {
    kind: OwnKind,
    label: Option<String>,
    unit: Option<String>,
}

const fn key(path: &'static str, kind: Kind<Declared>) -> KeyDef<Declared> {
    KeyDef::new(path, kind)
}

/// The keys of a table of `[axes]`.
pub(super) static KEYS: &[KeyDef<Declared>] = &[
    key(
        "axes.NAME.type",
        Kind::Word(OwnKind::WORDS, |axis, word, _| {
            axis.kind = OwnKind::named(word).unwrap_or_default();
        }),
    )
    .about("the type of its values"),
    key("axes.NAME.values", Kind::Own("a value, or a list", ANY_VALUES, |_, _, _, _| Ok(())))
        .about("its values, unless [grid] names it"),
    key("axes.NAME.from", Kind::Number(range::ANY, |_, _, _| ()))
        .about("the first of a range of values; [grid] takes { from, to, scale, steps } too"),
    key("axes.NAME.to", Kind::Number(range::ANY, |_, _, _| ())).about("the last of the range"),
    key("axes.NAME.scale", Kind::Word(range::SCALES, |_, _, _| ()))
        .about("spacing of the values between them"),
    key("axes.NAME.steps", Kind::Count(2, range::MOST_STEPS, |_, _, _| ()))
        .about("how many there are"),
    key(
        "axes.NAME.label",
        Kind::Own("a text", TEXT, |axis, entry, _, _| {
            axis.label = Some(heading(&entry.key, &entry.node)?);
            Ok(())
        }),
    )
    .about("its heading in tables"),
    key(
        "axes.NAME.unit",
        Kind::Own("a text", TEXT, |axis, entry, _, _| {
            axis.unit = Some(heading(&entry.key, &entry.node)?);
            Ok(())
        }),
    )
    .about("the unit of its values, below its heading"),
];

const TEXT: &str = r#"{ "type": "string", "minLength": 1 }"#;
const ANY_VALUES: &str = r#"{ "type": ["number", "string", "boolean", "array", "object"] }"#;

fn heading(key: &str, node: &Node) -> Read<String> {
    let expected = "a text of 1 to 20 characters";
    let text = read::text(key, node, expected)?;
    let plain = !text.chars().any(char::is_control);
    if plain && (1..=20).contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    Err(read::wrong(key, expected, node))
}

/// The entries of a table of axes with their keys: those of `env` each by its whole name.
pub(super) fn entries(table: &Table) -> impl Iterator<Item = (Cow<'_, str>, &Entry)> {
    let named = |inner: &'_ Entry| Cow::Owned(format!("{ENV}{}", inner.key));
    table.entries.iter().flat_map(move |entry| match &entry.node.value {
        Value::Table(inner) if entry.key == ENV_TABLE && !inner.entries.is_empty() => {
            inner.entries.iter().map(|inner| (named(inner), inner)).collect()
        }
        // A dot that is no table's is no variable's either.
        _ if entry.key.starts_with(ENV) => vec![(Cow::Owned(format!("{:?}", entry.key)), entry)],
        _ => vec![(Cow::Borrowed(&*entry.key), entry)],
    })
}

/// The entry of an axis.
pub(super) fn entry<'a>(table: &'a Table, key: &str) -> Option<&'a Entry> {
    match key.strip_prefix(ENV) {
        Some(name) => table.table(ENV_TABLE)?.get(name),
        None => table.get(key),
    }
}

/// The tables that give axes values: `[grid]`, then that of each `[[when]]`.
pub(super) fn grids(root: &Table) -> impl Iterator<Item = &Table> {
    let whens = root.get("when").into_iter().flat_map(|when| when.node.items());
    let of_whens = whens.filter_map(|when| when.table()?.table("grid"));
    root.table("grid").into_iter().chain(of_whens)
}

/// The axes of a grid: one of the user's own is declared in `[axes]`, has a command that has it in braces, or sets a variable of
/// the environment.
pub(super) fn axes(root: &Table, problems: &mut Problems) -> AxisList {
    let declared = declared(root, problems);
    let used = placeholders(root);
    let mut list = AxisList::default();
    for (key, entry) in grids(root).flat_map(entries) {
        let is_used = key.starts_with(ENV) || used.contains(&key);
        if let Some(def) = declared.iter().find(|def| *def.key == *key) {
            list.add(def.clone());
        } else if why_not(&key).is_none() && is_used {
            list.add(AxisDef::own(&key));
        }
        if list.own().len() == MOST_OWN + 1 {
            let message = format!("a grid has at most {MOST_OWN} axes of its own");
            problems.error(entry.key_place, message);
            break;
        }
    }
    // One without values is still no unknown key elsewhere.
    for def in declared {
        list.add(def);
    }
    list
}

/// The axes of the user's own that a gate without a grid may mean by its `subject`: what is like nothing that is built in.
pub(super) fn of_subject(root: &Table) -> AxisList {
    let mut list = AxisList::default();
    let subject = root.table("gate").and_then(|gate| gate.get("subject"));
    for item in subject.into_iter().flat_map(|subject| subject.node.items()) {
        if let Value::Text(name) = &item.value
            && why_not(name).is_none()
            && !gate::is_like_a_subject(name, &list)
        {
            list.add(AxisDef::own(name));
        }
    }
    list
}

/// What `[axes]` declares.
fn declared(root: &Table, problems: &mut Problems) -> Vec<AxisDef> {
    let mut found = Vec::new();
    for (key, entry) in root.table("axes").into_iter().flat_map(entries) {
        if let Some(why) = why_not(&key) {
            let message = format!("`{}` cannot be an axis of your own", shown(&key));
            problems.error_with(entry.key_place, message, why);
            continue;
        }
        let Value::Table(inner) = &entry.node.value else {
            problems.push(read::wrong(&key, "a table, such as { type = \"number\" }", &entry.node));
            continue;
        };
        let (bases, none) = (Bases::new(".".as_ref()), AxisList::default());
        let mut said = Declared::default();
        put_table(KEYS, &mut said, inner, &Context::of(&bases, &none), problems);
        let mut def = AxisDef::own(&key);
        def.kind = AxisKind::Own(said.kind);
        if said.label.is_some() || said.unit.is_some() {
            let label = said.label.unwrap_or(key.into_owned());
            let unit = said.unit.map(|unit| format!("\n{unit}")).unwrap_or_default();
            def.heading = (label + &unit).into();
        }
        found.push(def);
    }
    found
}

/// Reports values of keys of `[axes]` that cannot be.
pub(super) fn check_values(root: &Table, context: &Context<'_>, problems: &mut Problems) {
    for (_, entry) in root.table("axes").into_iter().flat_map(entries) {
        if let Some(inner) = entry.node.table() {
            put_table(KEYS, &mut Declared::default(), inner, context, problems);
        }
    }
}

/// Writes out what `[axes]` says of values, and every range, as lists of `[grid]` and of each `[[when]]`.
pub(super) fn write_out(root: &mut Table, problems: &mut Problems) {
    let mut values = Vec::new();
    let mut whole = Vec::new();
    for (key, entry) in root.table("axes").into_iter().flat_map(entries) {
        let Some(inner) = entry.node.table().filter(|_| why_not(&key).is_none()) else {
            continue;
        };
        let kind = inner.get("type").map(|entry| &entry.node.value);
        if matches!(kind, Some(Value::Text(word)) if word == OwnKind::Integer.word()) {
            whole.push(key.clone().into_owned());
        }
        if let Some(node) = said_values(inner, entry.key_place, problems) {
            values.push((key.into_owned(), Entry { node, ..entry.clone() }));
        } else if !grids(root).any(|grid| self::entry(grid, &key).is_some()) {
            let message = format!("the axis `{key}` has no values");
            let hint = format!("write {key} = [...] in [grid], or values = [...] here");
            problems.error_with(entry.key_place, message, hint);
            let node = no_values(entry.key_place);
            values.push((key.into_owned(), Entry { node, ..entry.clone() }));
        }
    }
    for (key, entry) in values {
        let given = grids(root).find_map(|grid| self::entry(grid, &key));
        let given = given.map(|given| given.key_place);
        if let Some(place) = given.filter(|place| place.text == GRID) {
            let message = format!("`{key}` has its values in [axes.{key}] already");
            problems.error_with(place, message, "keep one of the two");
        } else if let (None, Some(grid)) = (given, root.table_mut("grid")) {
            put(grid, &key, entry);
        }
    }
    write_out_all(root, &whole, problems);
}

/// Writes out the ranges of a part of a grid.
pub(super) fn write_out_ranges_of(part: &mut Table, problems: &mut Problems) {
    write_out_all(part, &[], problems);
}

/// Every range in `[grid]` and in each `[[when]]`; `whole`: axes of the user's own that have whole numbers.
fn write_out_all(root: &mut Table, whole: &[String], problems: &mut Problems) {
    if let Some(grid) = root.table_mut("grid") {
        write_out_ranges(grid, "", whole, problems);
    }
    let whens = root.get_mut("when").map(|entry| &mut entry.node.value);
    if let Some(Value::List(whens)) = whens {
        for when in whens {
            let Value::Table(when) = &mut when.value else { continue };
            if let Some(grid) = when.table_mut("grid") {
                write_out_ranges(grid, "", whole, problems);
            }
        }
    }
}

/// Puts the axes of `[grid]` in the order of another one, which makes the names of cells; those that it has not come last.
pub(super) fn order_like(root: &mut Table, other: &Table) {
    let keys = other.table("grid").into_iter().flat_map(|grid| &grid.entries);
    let keys: Vec<&str> = keys.map(|entry| &*entry.key).collect();
    if let Some(grid) = root.table_mut("grid") {
        grid.entries.sort_by_key(|entry| {
            keys.iter().position(|key| *key == entry.key).unwrap_or(keys.len())
        });
    }
}

/// What stands for values that have been told to be wrong, at the place of that mistake: nothing more is said of them.
const fn no_values(place: Place) -> Node {
    Node { value: Value::List(Vec::new()), place }
}

/// The values in a table of `[axes]`: a list, or a range.
fn said_values(inner: &Table, place: Place, problems: &mut Problems) -> Option<Node> {
    let is_of_range = |entry: &&Entry| range::KEYS.contains(&&*entry.key);
    let range: Vec<Entry> = inner.entries.iter().filter(is_of_range).cloned().collect();
    match inner.get("values") {
        Some(values) => {
            if !range.is_empty() {
                let message = "there are both `values` and a range";
                problems.error_with(values.key_place, message, "keep one of the two");
            }
            Some(values.node.clone())
        }
        None if range.is_empty() => None,
        None => Some(Node { value: Value::Table(Table { entries: range }), place }),
    }
}

/// Adds an axis to a table of axes.
pub(super) fn put(grid: &mut Table, key: &str, entry: Entry) {
    let Some(name) = key.strip_prefix(ENV) else {
        grid.entries.push(Entry { key: key.to_owned(), ..entry });
        return;
    };
    if let Some(env) = grid.table_or_new(ENV_TABLE, entry.key_place) {
        env.entries.push(Entry { key: name.to_owned(), ..entry });
    }
}

fn write_out_ranges(table: &mut Table, prefix: &str, whole: &[String], problems: &mut Problems) {
    for entry in &mut table.entries {
        let (key, place) = (format!("{prefix}{}", entry.key), entry.node.place);
        let Value::Table(inner) = &mut entry.node.value else { continue };
        if key == ENV_TABLE {
            write_out_ranges(inner, ENV, whole, problems);
            continue;
        }
        let is_whole = match AXES.iter().find(|def| def.key == key).map(|def| def.kind) {
            Some(AxisKind::Count { .. } | AxisKind::Threads { .. }) => true,
            Some(AxisKind::Number(_)) => false,
            None => whole.contains(&key),
            // What has no numbers is told so.
            Some(_) => continue,
        };
        entry.node = match range::numbers(&key, inner, place, is_whole) {
            Ok(values) => Node { value: Value::List(values), place },
            Err(problem) => {
                let none = no_values(problem.place());
                problems.push(problem);
                none
            }
        };
    }
}

/// The keys of a model that hold a command.
const COMMANDS: [&str; 4] = ["command", "setup", "prepare", "cleanup"];

/// What stands in braces in the words of the commands.
pub(super) fn placeholders(root: &Table) -> Vec<Cow<'_, str>> {
    let models = root.table("models").into_iter().flat_map(|models| &models.entries);
    let tables = models.filter_map(|model| model.node.table());
    let commands = tables.flat_map(|model| COMMANDS.iter().filter_map(|key| model.get(key)));
    let words = commands.flat_map(|command| command.node.items());
    let texts = words.filter_map(|word| match &word.value {
        Value::Text(text) => Some(text),
        _ => None,
    });
    texts.flat_map(|word| template::names(word)).map(Cow::Borrowed).collect()
}

/// Why no axis may have this key, if so. With any other it is safe in a file's name, and no command line takes it for something
/// else.
pub(super) fn why_not(key: &str) -> Option<String> {
    let variable = key.strip_prefix(ENV);
    let name = variable.unwrap_or(key);
    let is_first = |c: char| c.is_ascii_alphabetic() || variable.is_some() && c == '_';
    let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || variable.is_none() && c == '-';
    if AXES.iter().any(|def| def.key == key) || template::is_fact(key) {
        return Some("perftune has a setting of this name: give the axis another name".to_owned());
    }
    let of_metric = |metric: &MetricDef| {
        let column = metric.column();
        name.strip_suffix("_plus_minus").unwrap_or(name) == column
    };
    if variable.is_some() && name.starts_with("PERFTUNE_") {
        return Some("variables PERFTUNE_... are reserved".to_owned());
    }
    if variable.is_none() && (COLUMNS.contains(&name) || CATALOGUE.iter().any(of_metric)) {
        return Some(
            "the reports have a column of this name: give the axis another name".to_owned(),
        );
    }
    if name.starts_with(is_first) && name.len() <= LONGEST_KEY && name.chars().all(is_safe) {
        return None;
    }
    Some(format!(
        "the name of {} has at most {LONGEST_KEY} letters, digits and `_`{}",
        if variable.is_some() { "a variable" } else { "an axis" },
        if variable.is_some() { "" } else { " or `-`, a letter first" }
    ))
}
