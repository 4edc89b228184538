//! Numbers that JSON does not have.

use std::fmt;

use serde::de::Unexpected;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A floating-point number that may be `nan`, `inf` or `-inf`: JSON has no such numbers, so they travel as these words.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Num(pub f64);

impl Num {
    /// The number, if it is one.
    pub fn finite(self) -> Option<f64> {
        self.0.is_finite().then_some(self.0)
    }
}

impl From<f64> for Num {
    fn from(value: f64) -> Self {
        Self(value)
    }
}

impl Serialize for Num {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else if self.0.is_nan() {
            serializer.serialize_str("nan")
        } else {
            serializer.serialize_str(if self.0 > 0.0 { "inf" } else { "-inf" })
        }
    }
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Num;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or one of \"nan\", \"inf\", \"-inf\"")
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Num, E> {
                Ok(Num(value))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Num, E> {
                Ok(Num(value as f64))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Num, E> {
                Ok(Num(value as f64))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Num, E> {
                match text {
                    "nan" => Ok(Num(f64::NAN)),
                    "inf" => Ok(Num(f64::INFINITY)),
                    "-inf" => Ok(Num(f64::NEG_INFINITY)),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// `Option<f64>` with the words of [`Num`]: for fields that are plain numbers in memory. Use with `#[serde(with)]`.
pub mod optional {
    use super::Num;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes it as a number, a word or null.
    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Num).serialize(serializer)
    }

    /// Reads it back.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Num>::deserialize(deserializer)?.map(|num| num.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_lacks_travel_as_words() {
        for value in [1.5, -0.25, f64::INFINITY, f64::NEG_INFINITY] {
            let text = serde_json::to_string(&Num(value)).unwrap();
            let back: Num = serde_json::from_str(&text).unwrap();
            assert!(back == Num(value), "{text}");
        }
        let text = serde_json::to_string(&Num(f64::NAN)).unwrap();
        assert_eq!(text, "\"nan\"");
        assert!(serde_json::from_str::<Num>(&text).unwrap().0.is_nan());
        assert!(serde_json::from_str::<Num>("\"null\"").is_err());
        assert!((serde_json::from_str::<Num>("3").unwrap().0 - 3.0).abs() < f64::EPSILON);
    }
}
