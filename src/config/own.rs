//! Which axes a grid has: the built-in ones, and the user's own that something of the grid uses.

use std::borrow::Cow;

use super::template;
use crate::document::tree::{Entry, Table, Value};
use crate::event::{AxisList, COLUMNS, ENV};
use crate::metric::{CATALOGUE, MetricDef};

/// The longest name of an axis of one's own, in bytes.
pub(super) const LONGEST_KEY: usize = 40;

/// The table of axes that set the environment.
pub(super) const ENV_TABLE: &str = "env";

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

/// The axes of a grid: a key of `[grid]` that is not built in is one where a command has it in braces, or where it sets a
/// variable of the environment.
pub(super) fn axes(root: &Table) -> AxisList {
    let mut list = AxisList::default();
    let used = placeholders(root);
    for (key, _) in root.table("grid").into_iter().flat_map(entries) {
        if why_not(&key).is_none() && (key.starts_with(ENV) || used.contains(&key)) {
            list.add(&key);
        }
    }
    list
}

/// What stands in braces in the words of the commands.
pub(super) fn placeholders(root: &Table) -> Vec<Cow<'_, str>> {
    let models = root.table("models").into_iter().flat_map(|models| &models.entries);
    let commands = models.filter_map(|model| model.node.table()?.get("command"));
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
    let of_metric = |metric: &MetricDef| {
        let column = metric.column();
        name.strip_suffix("_plus_minus").unwrap_or(name) == column
    };
    if variable.is_some() && name.starts_with("PERFTUNE_") {
        return Some("variables PERFTUNE_... are perftune's own".to_owned());
    }
    if variable.is_none() && (COLUMNS.contains(&name) || CATALOGUE.iter().any(of_metric)) {
        return Some("the reports have it already: give the axis another name".to_owned());
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
