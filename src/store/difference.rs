//! Where the settings of a run differ from those that it was recorded with.

/// The first place where two specs differ, as `train.epochs: 10 before, 20 now`.
pub(super) fn difference(
    before: &serde_json::Value,
    now: &serde_json::Value,
    place: &str,
) -> Option<String> {
    use serde_json::Value::Object;
    match (before, now) {
        (Object(a), Object(b)) => {
            a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))).find_map(|key| {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                let null = serde_json::Value::Null;
                difference(a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null), &place)
            })
        }
        (a, b) if a == b => None,
        (a, b) => Some(format!("{place}: {a} before, {b} now")),
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
        ];
        for (before, now, expected) in table {
            assert_eq!(difference(&before, &now, "").as_deref(), expected);
        }
    }
}
