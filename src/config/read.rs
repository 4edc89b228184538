//! Reads single values that have a unit or a range of their own, with the wording of all others.

use std::ops::RangeInclusive;

use crate::document::problems::{Place, Problem, Problems};
use crate::document::tree::{Node, Table, Value};
pub(super) use crate::document::value::{
    Read, as_table, count, flag, table, text, texts, whole, word, wrong,
};
use crate::event::Range;
use crate::units::{QuantityError, Share, Span, percent, seconds};

/// The longest duration of any setting: a year.
pub(super) const LONGEST_S: f64 = 365.0 * 86_400.0;

pub(super) fn number(key: &str, node: &Node, range: &Range) -> Read<f64> {
    let value = node.value.number().filter(|value| range.contains(*value));
    value.ok_or_else(|| {
        let says = range.says(|end| end.to_string());
        let example = range.such_as.map(|text| format!(", such as {text}")).unwrap_or_default();
        wrong(key, &format!("{} {says}{example}", range.noun), node)
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
