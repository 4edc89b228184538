//! Reads single values of a document: the type and the range, with one wording for all of them.

use std::ops::RangeInclusive;

use super::problems::{Place, Problem, Problems, shown};
use super::suggest;
use super::tree::{Entry, Node, Table, Value};

/// A value, or why it is none.
pub(crate) type Read<T> = Result<T, Problem>;

/// A value is not what its key wants.
pub(crate) fn wrong(key: &str, expected: &str, node: &Node) -> Problem {
    let got = node.value.shown();
    Problem::new(node.place, format!("`{key}` must be {expected}, not {got}"))
}

pub(crate) fn count(key: &str, node: &Node, range: RangeInclusive<u32>) -> Read<u32> {
    let expected = || format!("a whole number from {} to {}", range.start(), range.end());
    let value = node.value.integer().and_then(|value| u32::try_from(value).ok());
    let value = value.filter(|value| range.contains(value));
    value.ok_or_else(|| wrong(key, &expected(), node))
}

/// A whole number of at least 0.
pub(crate) fn whole(key: &str, node: &Node, expected: &str) -> Read<u64> {
    let value = node.value.integer().and_then(|value| u64::try_from(value).ok());
    value.ok_or_else(|| wrong(key, expected, node))
}

pub(crate) fn flag(key: &str, node: &Node) -> Read<bool> {
    match node.value {
        Value::Flag(value) => Ok(value),
        _ => Err(wrong(key, "true or false", node)),
    }
}

pub(crate) fn text<'a>(key: &str, node: &'a Node, expected: &str) -> Read<&'a str> {
    match &node.value {
        Value::Text(text) => Ok(text),
        _ => Err(wrong(key, expected, node)),
    }
}

/// The items of a list of texts; a single one needs no brackets.
pub(crate) fn texts<'a>(key: &str, node: &'a Node, expected: &str) -> Read<&'a [Node]> {
    match &node.value {
        Value::List(_) | Value::Text(_) => Ok(node.items()),
        _ => Err(wrong(key, expected, node)),
    }
}

/// One of a few words.
pub(crate) fn word(key: &str, node: &Node, words: &[&'static str]) -> Read<&'static str> {
    let expected = format!("one of {}", words.join(", "));
    let written = text(key, node, &expected)?;
    let found = words.iter().copied().find(|word| *word == written);
    found.ok_or_else(|| {
        let problem = wrong(key, &expected, node);
        match suggest::nearest(written, words.iter().copied()) {
            Some(name) => problem.hint(format!("did you mean `{name}`?")),
            None => problem,
        }
    })
}

/// The table of a key such as `[train]`; a value that is no table is reported.
pub(crate) fn table<'a>(
    root: &'a Table,
    key: &str,
    problems: &mut Problems,
) -> Option<(&'a Table, Place)> {
    let entry = root.get(key)?;
    Some((problems.ok(as_table(entry))?, entry.key_place))
}

/// The table of an entry.
pub(crate) fn as_table(entry: &Entry) -> Read<&Table> {
    if let Some(table) = entry.node.table() {
        return Ok(table);
    }
    let key = &entry.key;
    let got = match &entry.node.value {
        Value::List(_) => "a list: write [".to_owned() + key + "], with single brackets",
        other => other.shown(),
    };
    Err(Problem::new(entry.node.place, format!("`{key}` must be a table, not {got}")))
}

/// Reports every key of a table that is not among `keys`.
pub(crate) fn check_keys(table: &Table, within: &str, keys: &[&str], problems: &mut Problems) {
    for entry in table.entries.iter().filter(|entry| !keys.contains(&&*entry.key)) {
        let message = format!("unknown key `{}` {within}", shown(&entry.key));
        let hint = suggest::hint(&entry.key, keys, "the keys are");
        problems.error_with(entry.key_place, message, hint);
    }
}
