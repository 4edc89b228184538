//! Reads single values: the type, the unit and the range, with one wording for all of them.

use std::ops::RangeInclusive;

use super::problems::{Place, Problems};
use super::suggest;
use super::tree::{Entry, Node, Table, Value};
use crate::event::Range;
use crate::units::{Share, Span, percent};

/// The longest duration of any setting: a year.
pub(super) const LONGEST_S: f64 = 365.0 * 86_400.0;

/// Says that a value is not what its key wants.
pub(super) fn wrong(key: &str, expected: &str, node: &Node, problems: &mut Problems) {
    let got = node.value.shown();
    problems.error(node.place, format!("`{key}` must be {expected}, not {got}"));
}

pub(super) fn count(
    key: &str,
    node: &Node,
    range: RangeInclusive<u32>,
    problems: &mut Problems,
) -> Option<u32> {
    if let Value::Integer(value) = node.value
        && let Ok(value) = u32::try_from(value)
        && range.contains(&value)
    {
        return Some(value);
    }
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    wrong(key, &expected, node, problems);
    None
}

/// A whole number of at least 0.
pub(super) fn whole(
    key: &str,
    node: &Node,
    expected: &str,
    problems: &mut Problems,
) -> Option<u64> {
    if let Value::Integer(value) = node.value
        && let Ok(value) = u64::try_from(value)
    {
        return Some(value);
    }
    wrong(key, expected, node, problems);
    None
}

pub(super) fn number(
    key: &str,
    node: &Node,
    range: &Range,
    problems: &mut Problems,
) -> Option<f64> {
    let value = match node.value {
        Value::Float(value) => Some(value),
        Value::Integer(value) => Some(value as f64),
        _ => None,
    };
    let value = value.filter(|value| range.contains(*value));
    if value.is_none() {
        let says = range.says(|end| end.to_string());
        let example = range.such_as.map(|text| format!(", such as {text}")).unwrap_or_default();
        wrong(key, &format!("{} {says}{example}", range.noun), node, problems);
    }
    value
}

pub(super) fn flag(key: &str, node: &Node, problems: &mut Problems) -> Option<bool> {
    if let Value::Flag(value) = node.value {
        return Some(value);
    }
    wrong(key, "true or false", node, problems);
    None
}

pub(super) fn text<'a>(
    key: &str,
    node: &'a Node,
    expected: &str,
    problems: &mut Problems,
) -> Option<&'a str> {
    if let Value::Text(text) = &node.value {
        return Some(text);
    }
    wrong(key, expected, node, problems);
    None
}

/// One of a few words.
pub(super) fn word(
    key: &str,
    node: &Node,
    words: &[&'static str],
    problems: &mut Problems,
) -> Option<&'static str> {
    let expected = format!("one of {}", words.join(", "));
    let written = text(key, node, &expected, problems)?;
    let found = words.iter().copied().find(|word| *word == written);
    if found.is_none() {
        let hint = suggest::nearest(written, words.iter().copied())
            .map(|name| format!("did you mean `{name}`?"));
        let got = node.value.shown();
        problems.report(node.place, format!("`{key}` must be {expected}, not {got}"), hint);
    }
    found
}

pub(super) fn share(key: &str, node: &Node, range: &Range, problems: &mut Problems) -> Option<f64> {
    let value = match &node.value {
        Value::Text(text) => match text.parse::<Share>() {
            Ok(Share(value)) => value,
            Err(why) => {
                problems.error(node.place, format!("`{key}`: {why}"));
                return None;
            }
        },
        Value::Integer(_) | Value::Float(_) => {
            let number = match node.value {
                Value::Integer(value) => value as f64,
                Value::Float(value) => value,
                _ => 0.0,
            };
            // 0.05 means five percent and so does 5; nobody means a twentieth of a percent.
            let percent = if number < 1.0 { number * 100.0 } else { number };
            let percent = (percent * 1e6).round() / 1e6;
            problems.error_with(
                node.place,
                format!("`{key}` is a percentage, and {number} has no unit"),
                format!("write \"{percent}%\""),
            );
            return None;
        }
        _ => {
            wrong(key, "a percentage such as \"5%\"", node, problems);
            return None;
        }
    };
    if range.contains(value) {
        return Some(value);
    }
    let says = range.says(|end| format!("\"{}\"", percent(end)));
    wrong(key, &format!("a percentage {says}"), node, problems);
    None
}

/// A length of time from so many seconds to so many.
pub(super) fn duration(
    key: &str,
    node: &Node,
    range: RangeInclusive<f64>,
    problems: &mut Problems,
) -> Option<Span> {
    let span = match &node.value {
        Value::Text(text) => match text.parse::<Span>() {
            Ok(span) => span,
            Err(why) => {
                problems.error(node.place, format!("`{key}`: {why}"));
                return None;
            }
        },
        Value::Integer(_) | Value::Float(_) => {
            let number = node.value.shown();
            problems.error_with(
                node.place,
                format!("`{key}` is a duration, and {number} has no unit"),
                format!("write \"{number}s\" or \"{number}ms\""),
            );
            return None;
        }
        _ => {
            wrong(key, "a duration such as \"10s\"", node, problems);
            return None;
        }
    };
    if range.contains(&span.as_secs()) {
        return Some(span);
    }
    let lowest = crate::units::seconds(*range.start());
    let highest = match *range.end() {
        end if end < LONGEST_S => crate::units::seconds(end),
        _ => "a year".to_owned(),
    };
    wrong(key, &format!("a duration from {lowest} to {highest}"), node, problems);
    None
}

/// The tables of an array such as `[[exclude]]`, each with its place.
pub(super) fn tables<'a>(
    root: &'a Table,
    key: &str,
    problems: &mut Problems,
) -> Vec<(&'a Table, Place)> {
    let Some(entry) = root.get(key) else {
        return Vec::new();
    };
    let Value::List(items) = &entry.node.value else {
        problems.error_with(
            entry.key_place,
            format!("`{key}` must be a list of tables"),
            format!("write [[{key}]], with double brackets"),
        );
        return Vec::new();
    };
    let mut found = Vec::new();
    for item in items {
        match &item.value {
            Value::Table(table) => found.push((table, item.place)),
            _ => wrong(key, "a list of tables", item, problems),
        }
    }
    found
}

/// The table of a key such as `[train]`; a value that is no table is reported.
pub(super) fn table<'a>(
    root: &'a Table,
    key: &str,
    problems: &mut Problems,
) -> Option<(&'a Table, Place)> {
    let entry = root.get(key)?;
    Some((as_table(entry, problems)?, entry.key_place))
}

/// The table of an entry; a value that is no table is reported.
pub(super) fn as_table<'a>(entry: &'a Entry, problems: &mut Problems) -> Option<&'a Table> {
    if let Value::Table(table) = &entry.node.value {
        return Some(table);
    }
    let key = &entry.key;
    let got = match &entry.node.value {
        Value::List(_) => "a list: write [".to_owned() + key + "], with single brackets",
        other => other.shown(),
    };
    problems.error(entry.node.place, format!("`{key}` must be a table, not {got}"));
    None
}
