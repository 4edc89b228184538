//! What a figure is of.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::catalogue::{MetricDef, MetricId, MetricKind, declare, find};
use super::own::OwnMetric;

/// The metric of a figure: one of the catalogue, one that the grid declares, or one that only the worker knows. It is written
/// as its name; one that is declared with its declaration, so that whoever reads it needs no grid.
#[derive(Clone, Eq)]
pub enum MetricName {
    /// One of which all is known.
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

    /// What there is to say of it.
    pub fn def(&self) -> Option<&'static MetricDef> {
        match self {
            Self::Known(id) => Some(id.def()),
            Self::Own(_) => None,
        }
    }

    /// Whether nobody but the worker can know it.
    pub fn is_said(&self) -> bool {
        self.def().is_none_or(|metric| metric.source.is_said())
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

impl PartialEq for MetricName {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => a == b,
            _ => self.as_str() == other.as_str(),
        }
    }
}

impl Serialize for MetricName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(MetricId::Own(own)) => own.said().serialize(serializer),
            _ => serializer.serialize_str(self),
        }
    }
}

impl MetricName {
    /// Writes the name alone, for readers who need no declaration: `#[serde(serialize_with = "MetricName::by_name")]`.
    pub fn by_name<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for MetricName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrDeclaration;
        impl<'de> Visitor<'de> for NameOrDeclaration {
            type Value = MetricName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a metric, or what is declared of one")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<MetricName, E> {
                Ok(name.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MetricName, A::Error> {
                let said = OwnMetric::deserialize(MapAccessDeserializer::new(map))?;
                declare(said).map(MetricName::Known).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(NameOrDeclaration)
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
        match self {
            Self::Known(id) => id == other,
            Self::Own(name) => name == other.name(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Better;
    use crate::units::Unit;

    fn own(text: &str) -> Result<MetricId, String> {
        declare(serde_json::from_str(text).map_err(|error| error.to_string())?)
    }

    #[test]
    fn a_declaration_is_an_entry_like_any_other_and_equal_ones_are_one() {
        let f1 = own(r#"{"name":"f1","unit":"ms","better":"lower","label":"F1"}"#).unwrap();
        let def = f1.def();
        assert_eq!((def.name, def.unit, def.better), ("f1", Unit::Seconds, Some(Better::Lower)));
        assert!((def.said_in - 1e-3).abs() < 1e-12);
        assert_eq!(def.column(), "f1_s");
        let again = own(r#"{"name":"f1","unit":"ms","better":"lower","label":"F1"}"#).unwrap();
        assert!(std::ptr::eq(def, again.def()));
        let other = own(r#"{"name":"f1"}"#).unwrap();
        assert_eq!(other, f1);
        assert_eq!(other.def().unit, Unit::One);
    }

    #[test]
    fn it_travels_with_what_is_said_of_it() {
        let text = r#"{"name":"f1","unit":"%","better":"higher"}"#;
        let name = MetricName::from(own(text).unwrap());
        assert_eq!(serde_json::to_string(&name).unwrap(), text);
        let back: MetricName = serde_json::from_str(text).unwrap();
        assert_eq!(back.def().unwrap().unit, Unit::Percent);
        // One of which nothing is declared is the same by its name.
        assert_eq!(back, MetricName::from("f1"));
        assert_eq!(MetricName::from("f1").def(), None);
    }

    #[test]
    fn what_is_no_declaration_is_refused() {
        for (text, says) in [
            (r#"{"name":"memory.peak"}"#, "letters"),
            (r#"{"name":"train_loss"}"#, "is a metric of perftune"),
            (r#"{"name":""}"#, "a letter first"),
            (r#"{"name":"\u001b[31m"}"#, "a letter first"),
            (r#"{"name":"f1","unit":"furlong"}"#, "unknown unit `furlong`"),
            (r#"{"name":"f1","label":"a\nb"}"#, "1 to 20"),
            (r#"{"name":"f1","better":"best"}"#, "unknown variant `best`"),
            (r#"{"name":"f1","colour":"red"}"#, "unknown field `colour`"),
        ] {
            let error = own(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
            assert!(serde_json::from_str::<MetricName>(text).is_err(), "{text}");
        }
    }
}
