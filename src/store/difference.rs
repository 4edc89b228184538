//! Where the settings of a run, or of a grid, differ from other ones.

use std::fmt;

use serde_json::Value;

/// Lists that mean the same in any order.
const SETS: [&str; 2] = ["stop.constraints", "stop.metrics"];

/// The first place where two trees differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// `train.epochs`.
    pub key: String,
    /// The one value; null where there is none.
    pub before: Value,
    /// The other one.
    pub now: Value,
}

/// `train.epochs: 10 before, 20 now`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} before, {} now", self.key, self.before, self.now)
    }
}

impl Difference {
    /// The first one; `None`: they are equal.
    pub fn first(before: &Value, now: &Value) -> Option<Self> {
        Self::below(before, now, "")
    }

    fn below(before: &Value, now: &Value, place: &str) -> Option<Self> {
        match (before, now) {
            (Value::Object(a), Value::Object(b)) => {
                a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))).find_map(|key| {
                    let place =
                        if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                    let of = |all: &serde_json::Map<String, Value>| all.get(key).cloned();
                    Self::below(&of(a).unwrap_or_default(), &of(b).unwrap_or_default(), &place)
                })
            }
            (a, b) if a == b => None,
            (Value::Array(a), Value::Array(b)) if SETS.contains(&place) => {
                let without = |all: &[Value], other: &[Value]| -> Vec<Value> {
                    all.iter().filter(|item| !other.contains(item)).cloned().collect()
                };
                let (before, now) = (without(a, b), without(b, a));
                let differs = !before.is_empty() || !now.is_empty();
                let (before, now) = (before.into(), now.into());
                differs.then(|| Self { key: place.to_owned(), before, now })
            }
            (a, b) => Some(Self { key: place.to_owned(), before: a.clone(), now: b.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_named_by_their_key() {
        let table = [
            (json!({"a": {"b": 1}}), json!({"a": {"b": 1}}), None),
            (json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), Some("a.b: 1 before, 2 now")),
            (json!({"a": 1}), json!({"a": 1, "c": 2}), Some("c: null before, 2 now")),
            (
                json!({"a": ["x", "y"]}),
                json!({"a": ["y", "x"]}),
                Some(r#"a: ["x","y"] before, ["y","x"] now"#),
            ),
            (json!({"stop": {"metrics": [1, 2]}}), json!({"stop": {"metrics": [2, 1]}}), None),
            (
                json!({"stop": {"constraints": [1, 2], "metrics": [1, 2]}}),
                json!({"stop": {"constraints": [2, 3, 1], "metrics": [2, 3, 1]}}),
                Some("stop.constraints: [] before, [3] now"),
            ),
        ];
        for (before, now, expected) in table {
            let found = Difference::first(&before, &now).map(|found| found.to_string());
            assert_eq!(found.as_deref(), expected);
        }
    }
}
