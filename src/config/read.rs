//! Reads single values: the type, the unit and the range, with one wording for all of them.

use std::ops::RangeInclusive;

use super::problems::{Place, Problem, Problems};
use super::suggest;
use super::tree::{Entry, Node, Table, Value};
use crate::event::Range;
use crate::units::{QuantityError, Share, Span, percent, seconds};

/// The longest duration of any setting: a year.
pub(super) const LONGEST_S: f64 = 365.0 * 86_400.0;

/// A value, or why it is none.
pub(super) type Read<T> = Result<T, Problem>;

/// A value is not what its key wants.
pub(super) fn wrong(key: &str, expected: &str, node: &Node) -> Problem {
    let got = node.value.shown();
    Problem::new(node.place, format!("`{key}` must be {expected}, not {got}"))
}

pub(super) fn count(key: &str, node: &Node, range: RangeInclusive<u32>) -> Read<u32> {
    let expected = || format!("a whole number from {} to {}", range.start(), range.end());
    let value = node.value.integer().and_then(|value| u32::try_from(value).ok());
    let value = value.filter(|value| range.contains(value));
    value.ok_or_else(|| wrong(key, &expected(), node))
}

/// A whole number of at least 0.
pub(super) fn whole(key: &str, node: &Node, expected: &str) -> Read<u64> {
    let value = node.value.integer().and_then(|value| u64::try_from(value).ok());
    value.ok_or_else(|| wrong(key, expected, node))
}

pub(super) fn number(key: &str, node: &Node, range: &Range) -> Read<f64> {
    let value = node.value.number().filter(|value| range.contains(*value));
    value.ok_or_else(|| {
        let says = range.says(|end| end.to_string());
        let example = range.such_as.map(|text| format!(", such as {text}")).unwrap_or_default();
        wrong(key, &format!("{} {says}{example}", range.noun), node)
    })
}

pub(super) fn flag(key: &str, node: &Node) -> Read<bool> {
    match node.value {
        Value::Flag(value) => Ok(value),
        _ => Err(wrong(key, "true or false", node)),
    }
}

pub(super) fn text<'a>(key: &str, node: &'a Node, expected: &str) -> Read<&'a str> {
    match &node.value {
        Value::Text(text) => Ok(text),
        _ => Err(wrong(key, expected, node)),
    }
}

/// The items of a list of texts; a single one needs no brackets.
pub(super) fn texts<'a>(key: &str, node: &'a Node, expected: &str) -> Read<&'a [Node]> {
    match &node.value {
        Value::List(_) | Value::Text(_) => Ok(node.items()),
        _ => Err(wrong(key, expected, node)),
    }
}

/// One of a few words.
pub(super) fn word(key: &str, node: &Node, words: &[&'static str]) -> Read<&'static str> {
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

/// A kind of quantity, in the words of its mistakes.
pub(super) struct Quantity<T> {
    pub(super) noun: &'static str,
    /// What it must be, with an example.
    pub(super) expected: &'static str,
    pub(super) read: fn(&str) -> Result<T, QuantityError>,
    /// What is most likely meant by a number without a unit.
    pub(super) meant: fn(&Value) -> String,
    pub(super) example: Option<&'static str>,
}

/// A number and its unit, in quotes.
pub(super) fn quantity<T>(key: &str, node: &Node, kind: &Quantity<T>) -> Read<T> {
    let number = node.value.shown();
    match &node.value {
        Value::Text(text) => parsed(&format!("`{key}`"), node, (kind.read)(text), kind.example),
        Value::Integer(_) | Value::Float(_) => {
            let message = format!("`{key}` is {}, and {number} has no unit", kind.noun);
            Err(Problem::new(node.place, message).hint((kind.meant)(&node.value)))
        }
        _ => Err(wrong(key, kind.expected, node)),
    }
}

/// A quantity that was read from a text; `what` it is of, and an example for a text that is none.
pub(super) fn parsed<T>(
    what: &str,
    node: &Node,
    read: Result<T, QuantityError>,
    example: Option<&str>,
) -> Read<T> {
    read.map_err(|why| {
        let problem = Problem::new(node.place, format!("{what}: {why}"));
        match example {
            Some(example) => problem.hint(format!("for example \"{example}\"")),
            None => problem,
        }
    })
}

pub(super) fn share(key: &str, node: &Node, range: &Range) -> Read<f64> {
    let kind = Quantity {
        noun: "a percentage",
        expected: "a percentage such as \"5%\"",
        read: str::parse::<Share>,
        meant: |number| {
            // 0.05 means five percent and so does 5; nobody means a twentieth of a percent.
            let number = number.number().unwrap_or_default();
            let percent = if number < 1.0 { number * 100.0 } else { number };
            format!("write \"{}%\"", (percent * 1e6).round() / 1e6)
        },
        example: None,
    };
    let Share(value) = quantity(key, node, &kind)?;
    if range.contains(value) {
        return Ok(value);
    }
    let says = range.says(|end| format!("\"{}\"", percent(end)));
    Err(wrong(key, &format!("a percentage {says}"), node))
}

/// A length of time from so many seconds to so many.
pub(super) fn duration(key: &str, node: &Node, range: RangeInclusive<f64>) -> Read<Span> {
    let kind = Quantity {
        noun: "a duration",
        expected: "a duration such as \"10s\"",
        read: str::parse::<Span>,
        meant: |number| format!("write \"{0}s\" or \"{0}ms\"", number.shown()),
        example: None,
    };
    let span = quantity(key, node, &kind)?;
    if range.contains(&span.as_secs()) {
        return Ok(span);
    }
    Err(wrong(key, &duration_says(*range.start(), *range.end()), node))
}

/// The durations from the one to the other, in seconds.
pub(super) fn duration_says(from: f64, to: f64) -> String {
    let to = if to < LONGEST_S { seconds(to) } else { "a year".to_owned() };
    format!("a duration from {} to {to}", seconds(from))
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
            _ => problems.push(wrong(key, "a list of tables", item)),
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
    Some((problems.ok(as_table(entry))?, entry.key_place))
}

/// The table of an entry.
pub(super) fn as_table(entry: &Entry) -> Read<&Table> {
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
