//! Values of axes, and those that a job has of the user's own axes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the names of axes that set a variable of the worker's environment begin with.
pub const ENV: &str = "env.";

/// A value of an axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AxisValue {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Any number.
    Number(f64),
    /// A name or a word.
    Text(Cow<'static, str>),
    /// The model's own default, or none where the axis does not apply.
    Unset,
}

impl AxisValue {
    /// It as a number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            Self::Flag(_) | Self::Text(_) | Self::Unset => None,
        }
    }
}

/// As cells are named by it, and `--only` chooses it; numbers read back as the same number.
impl fmt::Display for AxisValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.pad(text),
            Self::Whole(value) => value.fmt(f),
            // Never three hundred zeros long.
            Self::Number(value) if *value == 0.0 || (1e-6..1e9).contains(&value.abs()) => {
                value.fmt(f)
            }
            Self::Number(value) => fmt::LowerExp::fmt(value, f),
            Self::Flag(value) => value.fmt(f),
            Self::Unset => f.pad("default"),
        }
    }
}

impl From<AxisValue> for serde_json::Value {
    fn from(value: AxisValue) -> Self {
        match value {
            AxisValue::Text(text) => text.into(),
            AxisValue::Whole(value) => value.into(),
            AxisValue::Number(value) => value.into(),
            AxisValue::Flag(value) => value.into(),
            AxisValue::Unset => Self::Null,
        }
    }
}

/// The values of the user's own axes, in the order in which these were declared. An axis that does not apply is not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OwnAxes(Vec<(Box<str>, AxisValue)>);

/// The most axes of one's own that a job may have.
pub const MOST_OWN: usize = 100;

impl OwnAxes {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AxisValue)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// The value of the axis of this name.
    pub fn get(&self, name: &str) -> Option<&AxisValue> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Gives the axis of this name this value.
    pub fn put(&mut self, name: &str, value: AxisValue) {
        self.0.retain(|(own, _)| **own != *name);
        if value != AxisValue::Unset {
            self.0.push((name.into(), value));
        }
    }

    /// What is set in the worker's environment: names and values.
    pub fn environment(&self) -> impl Iterator<Item = (&str, String)> {
        self.iter().filter_map(|(name, value)| Some((name.strip_prefix(ENV)?, value.to_string())))
    }
}

impl Serialize for OwnAxes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for OwnAxes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = OwnAxes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the values of axes by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OwnAxes, A::Error> {
                let mut own = OwnAxes::default();
                while let Some((name, value)) = map.next_entry::<Cow<'de, str>, AxisValue>()? {
                    own.put(&name, value);
                    if own.0.len() > MOST_OWN {
                        return Err(A::Error::custom(format!("more than {MOST_OWN} axes")));
                    }
                }
                Ok(own)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_order_and_their_kinds_in_json() {
        let text = r#"{"zeta":0.5,"env.OMP_NUM_THREADS":2,"alpha":"a\nb","amp":true,"one":1.0,"big":4000000000}"#;
        let own: OwnAxes = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&own).unwrap(), text);
        assert_eq!(own.get("one"), Some(&AxisValue::Number(1.0)));
        assert_eq!(own.get("big").unwrap().to_string(), "4000000000");
        assert_eq!(own.get("none"), None);
        let set: Vec<_> = own.environment().collect();
        assert_eq!(set, [("OMP_NUM_THREADS", "2".to_owned())]);
    }

    #[test]
    fn an_axis_that_does_not_apply_is_not_there() {
        let own: OwnAxes = serde_json::from_str(r#"{"a":null,"b":1}"#).unwrap();
        assert_eq!(own.iter().count(), 1);
        assert!(serde_json::from_str::<OwnAxes>("[1]").is_err());
        assert!(serde_json::from_str::<OwnAxes>(r#"{"a":[1]}"#).is_err());
    }
}
