//! What a figure is of.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::catalogue::{MetricDef, MetricId, MetricKind, find};

/// The metric of a figure: one of the catalogue, or one that only the worker knows. It is written as its name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum MetricName {
    /// One of the catalogue.
    Known(MetricId),
    /// The worker's own.
    Own(String),
}

impl MetricName {
    /// The full name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(id) => id.name(),
            Self::Own(name) => name,
        }
    }

    /// What the catalogue says of it.
    pub fn def(&self) -> Option<&'static MetricDef> {
        match self {
            Self::Known(id) => Some(id.def()),
            Self::Own(_) => None,
        }
    }

    /// What it has in common with the figures that vary alike from run to run. Quartiles of durations vary alike whatever the
    /// stage; of other metrics each is a kind of its own.
    pub fn spread_kind(&self) -> String {
        match self.def() {
            Some(def) if matches!(def.kind, MetricKind::Quantile(_)) => {
                format!("{} {:?}", def.unit, def.kind)
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Debug for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Deref for MetricName {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

/// Names order by their text, and look up as it in a map.
impl Ord for MetricName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other)
    }
}

impl PartialOrd for MetricName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Borrow<str> for MetricName {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl From<MetricId> for MetricName {
    fn from(id: MetricId) -> Self {
        Self::Known(id)
    }
}

impl From<String> for MetricName {
    fn from(name: String) -> Self {
        find(&name).map_or(Self::Own(name), |metric| Self::Known(metric.id))
    }
}

impl From<&str> for MetricName {
    fn from(name: &str) -> Self {
        Self::from(name.to_owned())
    }
}

impl From<MetricName> for String {
    fn from(metric: MetricName) -> Self {
        metric.as_str().to_owned()
    }
}

impl PartialEq<MetricId> for MetricName {
    fn eq(&self, other: &MetricId) -> bool {
        matches!(self, Self::Known(id) if id == other)
    }
}

impl PartialEq<str> for MetricName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for MetricName {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for MetricName {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&Self> for MetricName {
    fn eq(&self, other: &&Self) -> bool {
        self == *other
    }
}
