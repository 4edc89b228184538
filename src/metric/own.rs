//! What is declared of a metric of the user's own.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::stats::Better;
use crate::units::Unit;

/// The most of them that a grid may have.
pub const MOST_OWN_METRICS: usize = 100;

/// The longest name, in bytes.
const LONGEST: usize = 40;

/// The longest label, in characters.
const LONGEST_LABEL: usize = 20;

/// What the values of one are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnKind {
    /// The last one counts.
    #[default]
    Scalar,
    /// Each is one more: their mean is the figure.
    Series,
}

/// What is declared of a metric of the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnMetric {
    /// Its full name.
    pub name: String,
    /// The unit that its values are said in, a name or a symbol of [`Unit`]; empty: plain numbers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// What its values are.
    #[serde(default, skip_serializing_if = "OwnKind::is_scalar")]
    pub kind: OwnKind,
    /// Which values are better; absent: nobody has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better: Option<Better>,
    /// Its heading in tables; absent: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl OwnKind {
    /// As they are written.
    pub const WORDS: &'static [&'static str] = &["scalar", "series"];

    /// The kind of this word.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "scalar" => Some(Self::Scalar),
            "series" => Some(Self::Series),
            _ => None,
        }
    }

    /// Whether it is the default.
    pub fn is_scalar(&self) -> bool {
        *self == Self::Scalar
    }
}

/// The base unit of what is said in this unit, and what the values are multiplied by to be in that; `None`: there is no such
/// unit.
pub fn unit_of(written: &str) -> Option<(Unit, f64)> {
    let plain = written.is_empty().then_some((Unit::One, 1.0));
    let mut all = Unit::ALL.iter();
    plain.or_else(|| all.find_map(|unit| Some((*unit, unit.factor(written)?))))
}

/// Why no metric of the user's own may have this name, whatever else there is; `None` where it is safe wherever it is shown.
pub fn why_no_name(name: &str) -> Option<String> {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic());
    (!first || name.len() > LONGEST || !name.chars().all(safe)).then(|| {
        format!(
            "the name of a metric has at most {LONGEST} letters, digits, `_` or `-`, a letter first"
        )
    })
}

/// Whether a text can be a heading: it is short, and nothing in it moves a cursor.
pub fn is_label(text: &str) -> bool {
    let characters = text.chars().count();
    (1..=LONGEST_LABEL).contains(&characters) && !text.chars().any(char::is_control)
}

impl OwnMetric {
    /// What is wrong with it, if anything is.
    pub(super) fn why_not(&self) -> Option<String> {
        let label = self.label.as_deref().filter(|label| !is_label(label));
        why_no_name(&self.name)
            .or_else(|| {
                unit_of(&self.unit).is_none().then(|| format!("unknown unit `{}`", self.unit))
            })
            .or_else(|| label.map(|_| format!("a label has 1 to {LONGEST_LABEL} characters")))
    }
}

/// Which metric of the user's own. The name tells: one that was declared in two ways is the same metric all the same.
#[derive(Clone, Copy)]
pub struct OwnId(&'static Kept);

struct Kept {
    said: OwnMetric,
    head: String,
    place: usize,
}

impl OwnId {
    /// Of this declaration, which is kept as long as the process lives; `place`: that of its entry.
    pub(super) fn new(said: OwnMetric, place: usize) -> Self {
        let plain = unit_of(&said.unit).is_none_or(|(unit, _)| unit.is_plain());
        let label = said.label.as_ref().unwrap_or(&said.name);
        let head = format!("{label}{}", if plain { "" } else { " " });
        Self(Box::leak(Box::new(Kept { said, head, place })))
    }

    /// What was declared.
    pub fn said(self) -> &'static OwnMetric {
        &self.0.said
    }

    /// Its full name.
    pub const fn name(self) -> &'static str {
        self.0.said.name.as_str()
    }

    /// What stands above its column, before the unit.
    pub(super) const fn head(self) -> &'static str {
        self.0.head.as_str()
    }

    /// The place of its entry.
    pub(super) const fn place(self) -> usize {
        self.0.place
    }
}

impl PartialEq for OwnId {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for OwnId {}

impl Ord for OwnId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

impl PartialOrd for OwnId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for OwnId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for OwnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}
