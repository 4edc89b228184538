//! How a key of the grid file is described: where it stands, what it may hold, what it sets. Reading, defaults, the plan,
//! suggestions, `perftune list keys` and the JSON Schema come from such descriptions; this file knows none of the keys.

use serde_json::{Value as Json, json};

use super::plan::{Plan, PlannedRun};
use super::problems::{Place, Problems};
use super::read::{self, LONGEST_S};
use super::tree::{Entry, Table, Value};
use super::world::Bases;
use crate::event::Range;
use crate::units::{Span, Unit, percent, seconds};

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

/// A value that was read, ready to be put where it belongs.
pub(super) type Assign<T> = Box<dyn Fn(&mut T)>;

/// What reading may depend on besides the text.
pub(super) struct Context<'a> {
    pub(super) bases: &'a Bases,
    /// The name of the table, where that is free: of the metric in `[gate.metrics.METRIC]`.
    pub(super) name: &'a str,
}

impl<'a> Context<'a> {
    /// Where no table has a free name.
    pub(super) fn of(bases: &'a Bases) -> Self {
        Self { bases, name: "" }
    }
}

type ReadValue<T> = fn(&Entry, &Context<'_>, &mut Problems) -> Option<Assign<T>>;
type ReadNames<T> = fn(&Table, &Context<'_>, &mut Problems) -> Option<Assign<T>>;

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
    Own(&'static str, &'static str, ReadValue<T>),
    /// All of a table whose keys are names: the same of one of its values.
    Names(&'static str, &'static str, ReadNames<T>),
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

    fn read_in(
        &self,
        table: &Table,
        context: &Context<'_>,
        problems: &mut Problems,
    ) -> Option<Assign<T>> {
        if let Kind::Names(_, _, read) = self.kind {
            return read(table, context, problems);
        }
        let name = self.path.rsplit('.').next().unwrap_or(self.path);
        self.kind.read(name, table.get(name)?, context, problems)
    }
}

/// What `keys` say in the table that all of them stand in.
pub(super) fn read_table<T: 'static>(
    keys: &'static [KeyDef<T>],
    table: &Table,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Vec<Assign<T>> {
    keys.iter().filter_map(|key| key.read_in(table, context, problems)).collect()
}

/// The same for keys anywhere below `root`.
pub(super) fn read_tree<T: 'static>(
    keys: &'static [KeyDef<T>],
    root: &Table,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Vec<Assign<T>> {
    let mut found = Vec::new();
    for key in keys {
        let mut segments: Vec<&str> = key.path.split('.').collect();
        segments.pop();
        let parent = segments.into_iter().try_fold(root, |table, segment| {
            read::table(table, segment, problems).map(|(table, _)| table)
        });
        found.extend(parent.and_then(|table| key.read_in(table, context, problems)));
    }
    found
}

impl<T: 'static> Kind<T> {
    fn read(
        &self,
        name: &str,
        entry: &Entry,
        context: &Context<'_>,
        problems: &mut Problems,
    ) -> Option<Assign<T>> {
        let at = At::of(entry);
        let node = &entry.node;
        Some(match self {
            Self::Flag(set) => assign(*set, read::flag(name, node, problems)?, at),
            Self::Count(from, to, set) => {
                assign(*set, read::count(name, node, *from..=*to, problems)?, at)
            }
            Self::Number(range, set) => {
                assign(*set, read::number(name, node, range, problems)?, at)
            }
            Self::Share(range, set) => assign(*set, read::share(name, node, range, problems)?, at),
            Self::Fraction(range, set) => match node.value {
                Value::Text(_) => assign(*set, read::share(name, node, range, problems)?, at),
                _ => assign(*set, read::number(name, node, range, problems)?, at),
            },
            Self::Duration(from, to, set) => {
                assign(*set, read::duration(name, node, *from..=*to, problems)?, at)
            }
            Self::Word(words, set) => assign(*set, read::word(name, node, words, problems)?, at),
            Self::Own(_, _, read) => read(entry, context, problems)?,
            Self::Names(..) => return None,
        })
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
            Self::Duration(from, to, _) => {
                let to = if *to < LONGEST_S { seconds(*to) } else { "a year".to_owned() };
                format!("a duration from {} to {to}", seconds(*from))
            }
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

fn assign<T: 'static, V: Copy + 'static>(set: fn(&mut T, V, At), value: V, at: At) -> Assign<T> {
    Box::new(move |target| set(target, value, at))
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
