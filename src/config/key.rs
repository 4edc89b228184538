//! How a key of the grid file is described: where it stands, what it may hold, what it sets. Reading, defaults, the plan,
//! suggestions, `perftune list keys` and the JSON Schema come from such descriptions; this file knows none of the keys.

use serde_json::{Value as Json, json};

use super::plan::{Plan, PlannedRun};
use super::read::{self, Read};
use super::world::Bases;
use crate::document::problems::{Place, Problems};
use crate::document::tree::{Entry, Table, Value};
use crate::event::{AxisList, Range};
use crate::metric::MetricId;
use crate::units::{Span, Unit, percent};

/// Where a setting was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) key: Place,
    pub(super) value: Place,
}

impl At {
    pub(super) fn of(entry: &Entry) -> Self {
        Self { key: entry.key_place, value: entry.node.place }
    }
}

/// What reading may depend on besides the text.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) bases: &'a Bases,
    /// The axes of the grid.
    pub(super) axes: &'a AxisList,
    /// The metrics that it declares.
    pub(super) metrics: &'a [MetricId],
    /// The name of the table, where that is free: of the metric in `[gate.metrics.METRIC]`.
    pub(super) name: &'a str,
}

impl<'a> Context<'a> {
    /// Where no table has a free name.
    pub(super) fn of(bases: &'a Bases, axes: &'a AxisList) -> Self {
        Self { bases, axes, metrics: &[], name: "" }
    }

    /// Where these metrics are declared.
    pub(super) fn declaring(self, metrics: &'a [MetricId]) -> Self {
        Self { metrics, ..self }
    }
}

type PutValue<T> = fn(&mut T, &Entry, &Context<'_>, &mut Problems) -> Read<()>;
type PutNames<T> = fn(&mut T, &Table, &Context<'_>, &mut Problems);

/// What a key may hold, and what it sets in a `T`.
pub(super) enum Kind<T: 'static> {
    Flag(fn(&mut T, bool, At)),
    /// A whole number from the one to the other.
    Count(u32, u32, fn(&mut T, u32, At)),
    Number(Range, fn(&mut T, f64, At)),
    /// A percentage, as a share of one.
    Share(Range, fn(&mut T, f64, At)),
    /// A share of one as a plain number, or as a percentage.
    Fraction(Range, fn(&mut T, f64, At)),
    /// A length of time; the ends in seconds.
    Duration(f64, f64, fn(&mut T, Span, At)),
    /// One of these words.
    Word(&'static [&'static str], fn(&mut T, &'static str, At)),
    /// Anything else: its values for people and as JSON Schema, and how one is read.
    Own(&'static str, &'static str, PutValue<T>),
    /// All of a table whose keys are names: the same of one of its values.
    Names(&'static str, &'static str, PutNames<T>),
}

/// The value of a key in a run of a plan, in its base unit.
pub(super) type Get = fn(&Plan, &PlannedRun) -> Json;

/// Where `--dry-run` shows a key; the default is what a plan without a file says.
pub(super) enum Shown {
    /// In every plan, under this name: that of the key, with its base unit behind it.
    Always(&'static str, Get),
    /// In plans in which a key of its table that is shown so is not at its default.
    Unusual(&'static str, Get),
    /// Nowhere: only its default is of interest.
    Never(Get),
    /// Nowhere, and it has no default.
    Nothing,
}

/// One key.
pub(super) struct KeyDef<T: 'static> {
    /// The tables that it stands in, and its name: `stop.within`. A name in capitals stands for any.
    pub(super) path: &'static str,
    /// What it means, on one line.
    pub(super) about: &'static str,
    pub(super) kind: Kind<T>,
    pub(super) shown: Shown,
}

impl<T: 'static> KeyDef<T> {
    /// A key that sets something; what it means and where it is shown are added to it.
    pub(super) const fn new(path: &'static str, kind: Kind<T>) -> Self {
        Self { path, about: "", kind, shown: Shown::Nothing }
    }

    pub(super) const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    pub(super) const fn always(mut self, name: &'static str, get: Get) -> Self {
        self.shown = Shown::Always(name, get);
        self
    }

    pub(super) const fn unusual(mut self, name: &'static str, get: Get) -> Self {
        self.shown = Shown::Unusual(name, get);
        self
    }

    pub(super) const fn never(mut self, get: Get) -> Self {
        self.shown = Shown::Never(get);
        self
    }

    fn put(&self, to: &mut T, table: &Table, context: &Context<'_>, problems: &mut Problems) {
        if let Kind::Names(_, _, put) = self.kind {
            return put(to, table, context, problems);
        }
        let name = self.path.rsplit('.').next().unwrap_or(self.path);
        if let Some(entry) = table.get(name) {
            let read = self.kind.put(to, name, entry, context, problems);
            problems.ok(read);
        }
    }
}

/// Puts what `keys` say in the table that all of them stand in.
pub(super) fn put_table<T: 'static>(
    keys: &'static [KeyDef<T>],
    to: &mut T,
    table: &Table,
    context: &Context<'_>,
    problems: &mut Problems,
) {
    for key in keys {
        key.put(to, table, context, problems);
    }
}

/// The same for keys anywhere below `root`.
pub(super) fn put_tree<T: 'static>(
    keys: &'static [KeyDef<T>],
    to: &mut T,
    root: &Table,
    context: &Context<'_>,
    problems: &mut Problems,
) {
    for key in keys {
        let mut segments: Vec<&str> = key.path.split('.').collect();
        segments.pop();
        let parent = segments.into_iter().try_fold(root, |table, segment| {
            read::table(table, segment, problems).map(|(table, _)| table)
        });
        if let Some(table) = parent {
            key.put(to, table, context, problems);
        }
    }
}

impl<T: 'static> Kind<T> {
    fn put(
        &self,
        to: &mut T,
        name: &str,
        entry: &Entry,
        context: &Context<'_>,
        problems: &mut Problems,
    ) -> Read<()> {
        let (at, node) = (At::of(entry), &entry.node);
        match self {
            Self::Flag(set) => set(to, read::flag(name, node)?, at),
            Self::Count(low, high, set) => set(to, read::count(name, node, *low..=*high)?, at),
            Self::Number(range, set) => set(to, read::number(name, node, range)?, at),
            Self::Share(range, set) => set(to, read::share(name, node, range)?, at),
            Self::Fraction(range, set) => match node.value {
                Value::Text(_) => set(to, read::share(name, node, range)?, at),
                _ => set(to, read::number(name, node, range)?, at),
            },
            Self::Duration(low, high, set) => {
                set(to, read::duration(name, node, *low..=*high)?, at);
            }
            Self::Word(words, set) => set(to, read::word(name, node, words)?, at),
            Self::Own(_, _, put) => put(to, entry, context, problems)?,
            Self::Names(..) => {}
        }
        Ok(())
    }

    /// The values, for people.
    pub(super) fn says(&self) -> String {
        let quoted = |end: f64| format!("\"{}\"", percent(end));
        match self {
            Self::Flag(_) => "true or false".to_owned(),
            Self::Count(from, to, _) => format!("{from} to {to}"),
            Self::Number(range, _) => {
                format!("{} {}", range.noun, range.says(|end| end.to_string()))
            }
            Self::Share(range, _) => format!("a percentage {}", range.says(quoted)),
            Self::Fraction(range, _) => {
                format!("a number or a percentage {}", range.says(|end| end.to_string()))
            }
            Self::Duration(from, to, _) => read::duration_says(*from, *to),
            Self::Word(words, _) => words.join(", "),
            Self::Own(says, ..) | Self::Names(says, ..) => (*says).to_owned(),
        }
    }

    /// The values, as a JSON Schema.
    pub(super) fn schema(&self) -> Json {
        match self {
            Self::Flag(_) => json!({ "type": "boolean" }),
            Self::Count(from, to, _) => {
                json!({ "type": "integer", "minimum": from, "maximum": to })
            }
            Self::Number(range, _) => number_schema(range),
            Self::Share(..) => percent_schema(),
            Self::Fraction(range, _) => {
                json!({ "anyOf": [number_schema(range), percent_schema()] })
            }
            Self::Duration(..) => {
                let units: Vec<&str> = Unit::Seconds.symbols().collect();
                let pattern = format!("^\\s*[0-9.].*({})\\s*$", units.join("|"));
                json!({ "type": "string", "pattern": pattern })
            }
            Self::Word(words, _) => json!({ "enum": words }),
            Self::Own(_, schema, _) | Self::Names(_, schema, _) => {
                serde_json::from_str(schema).unwrap_or_default()
            }
        }
    }

    /// A value of [`Get`] as it could be written in a grid file.
    pub(super) fn written(&self, value: &Json) -> String {
        match (self, value.as_f64()) {
            (Self::Share(..), Some(share)) => format!("\"{}\"", percent(share)),
            (Self::Duration(..), Some(s)) if s < 1.0 => format!("\"{}ms\"", s * 1e3),
            (Self::Duration(..), Some(s)) => format!("\"{s}s\""),
            _ if value.is_null() || *value == json!([]) => String::new(),
            _ => value.to_string(),
        }
    }
}

fn percent_schema() -> Json {
    json!({ "type": "string", "pattern": "^\\s*[0-9.]+\\s*%\\s*$" })
}

/// A number of this range.
fn number_schema(range: &Range) -> Json {
    use std::ops::Bound::{Excluded, Included};
    let mut schema = json!({ "type": "number" });
    for (end, included, excluded) in
        [(range.low, "minimum", "exclusiveMinimum"), (range.high, "maximum", "exclusiveMaximum")]
    {
        match end {
            Included(end) => schema[included] = end.into(),
            Excluded(end) => schema[excluded] = end.into(),
            std::ops::Bound::Unbounded => {}
        }
    }
    schema
}
