//! The environment that figures depend on, as far as it makes two results comparable: no host's name, and no clock rate
//! that changes from one moment to the next.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version of how figures are computed, the field `statistics`: to be raised when the same run would give others.
pub const STATISTICS: &str = "1";

/// What stands where one side does not tell a field.
const NOT_TOLD: &str = "not told";

/// The field of lanes, which is absent where each run has the machine to itself.
pub const LANES: &str = "lanes";

/// What is said of a field that is absent.
fn absent(field: &str) -> &'static str {
    if field == LANES { "one" } else { NOT_TOLD }
}

/// Fields that only a run tells: where one side has none, nothing is known to differ.
const TOLD_BY_RUNS: &[&str] = &["libtorch"];

/// Between the values of a field that was not the same throughout.
const AND: &str = " | ";

/// What identifies an environment: `cpu.model`, `cpu.cores`, `memory.class`, `gpu`, `libtorch`, ...
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Figures from environments that differ in one of these are not compared.
    #[serde(default)]
    pub hard: BTreeMap<String, String>,
    /// What is shown where it differs: a kernel, a governor.
    #[serde(default)]
    pub soft: BTreeMap<String, String>,
}

/// A field in which two environments differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FingerprintDifference {
    /// Its name, such as `cpu.model`.
    pub field: String,
    /// What the baseline says; `not told` where it says nothing.
    pub baseline: String,
    /// What the candidate says.
    pub candidate: String,
    /// Whether it forbids a comparison.
    pub hard: bool,
}

impl Fingerprint {
    /// Every field in which the candidate `other` differs from this baseline, hard ones first, then by name.
    pub fn differences(&self, other: &Self) -> Vec<FingerprintDifference> {
        let hard: BTreeSet<&String> = self.hard.keys().chain(other.hard.keys()).collect();
        let soft = self.soft.keys().chain(other.soft.keys());
        let soft: BTreeSet<&String> = soft.filter(|field| !hard.contains(field)).collect();
        let of_kind = |fields: BTreeSet<&String>, hard: bool| {
            let differing = fields.into_iter().filter_map(|field| {
                let (ours, theirs) = (self.get(field), other.get(field));
                let said_by_both = ours.is_some() && theirs.is_some();
                let by_run = TOLD_BY_RUNS.contains(&field.as_str());
                let told = |value: Option<&str>| value.unwrap_or(absent(field)).to_owned();
                (ours != theirs).then(|| FingerprintDifference {
                    field: field.clone(),
                    baseline: told(ours),
                    candidate: told(theirs),
                    hard: hard && (said_by_both || !by_run),
                })
            });
            differing.collect::<Vec<_>>()
        };
        let mut found = of_kind(hard, true);
        found.extend(of_kind(soft, false));
        found.sort_by(|a, b| (b.hard, &a.field).cmp(&(a.hard, &b.field)));
        found
    }

    /// A short hash of the hard fields, 16 hexadecimal digits: equal environments have equal keys.
    pub fn key(&self) -> String {
        let fields = self.hard.iter();
        let text: Vec<String> =
            fields.map(|(field, value)| format!("{field}\u{1f}{value}\u{1e}")).collect();
        format!("{:016x}", digest(text.concat().as_bytes()))
    }

    /// What is said of a field.
    pub fn get(&self, field: &str) -> Option<&str> {
        let found = self.hard.get(field).or_else(|| self.soft.get(field));
        found.map(String::as_str)
    }

    /// That of results of which a part is from here and a part from `other`: a field that was not the same throughout
    /// has both values, so that it equals neither. Fields that only a run tells are those of the runs that told them.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let join = |ours: &BTreeMap<String, String>, theirs: &BTreeMap<String, String>| {
            let fields: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            let both = fields.into_iter().map(|field| {
                let values = [ours.get(field), theirs.get(field)];
                let by_run = TOLD_BY_RUNS.contains(&field.as_str());
                let told = values.into_iter().filter(|value| value.is_some() || !by_run);
                let told = told.map(|value| value.map_or(NOT_TOLD, String::as_str));
                (field.clone(), one_or_all(told))
            });
            both.collect()
        };
        Self { hard: join(&self.hard, &other.hard), soft: join(&self.soft, &other.soft) }
    }
}

/// The value that all have, or each different one, in the order in which they came.
pub fn one_or_all<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut different: Vec<&str> = Vec::new();
    for value in values.into_iter().flat_map(|value| value.split(AND)) {
        if !different.contains(&value) {
            different.push(value);
        }
    }
    different.join(AND)
}

/// The id of a session that began at `created` (RFC 3339): `20261123T141542-` and a hash of that and of `origin`, which
/// tells it from another one that began in the same second. Fit for the name of a file; later ones sort behind.
pub fn session_id(created: &str, origin: &str) -> String {
    let second = created.split('.').next().unwrap_or_default();
    let second: String = second.chars().filter(|c| c.is_ascii_digit() || *c == 'T').collect();
    let hash = digest(format!("{created}\u{1f}{origin}").as_bytes());
    format!("{second}-{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

/// The first 64 bits of the SHA-256 of these bytes: the same on every machine and in every version, which the standard
/// library's hash does not promise.
pub fn digest(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(hard: &[(&str, &str)], soft: &[(&str, &str)]) -> Fingerprint {
        let map = |fields: &[(&str, &str)]| {
            let fields = fields.iter();
            fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        Fingerprint { hard: map(hard), soft: map(soft) }
    }

    #[test]
    fn differences_name_the_field_and_both_values() {
        let base = print(
            &[("cpu.cores", "8"), ("arch", "x86_64"), ("gpu", "none")],
            &[("kernel", "6.1"), ("cpu.governor", "performance")],
        );
        assert_eq!(base.differences(&base), []);
        let other = print(
            &[("cpu.cores", "4"), ("arch", "x86_64")],
            &[("kernel", "6.8"), ("cpu.governor", "performance")],
        );
        let found = base.differences(&other);
        let shown: Vec<_> =
            found.iter().map(|d| (&*d.field, &*d.baseline, &*d.candidate, d.hard)).collect();
        assert_eq!(
            shown,
            [
                ("cpu.cores", "8", "4", true),
                ("gpu", "none", "not told", true),
                ("kernel", "6.1", "6.8", false),
            ]
        );
        let back: Vec<_> = other.differences(&base);
        assert!(
            back.iter()
                .zip(&found)
                .all(|(a, b)| (&a.baseline, &a.candidate) == (&b.candidate, &b.baseline))
        );
    }

    #[test]
    fn what_only_a_run_tells_forbids_nothing_where_no_run_told_it() {
        let torch = |version: &str| print(&[("arch", "x86_64"), ("libtorch", version)], &[]);
        let none = print(&[("arch", "x86_64")], &[]);
        let hard = |a: &Fingerprint, b: &Fingerprint| a.differences(b).iter().any(|d| d.hard);
        assert!(hard(&torch("2.9.0"), &torch("2.11.0")));
        assert!(!hard(&torch("2.9.0"), &none) && !hard(&none, &torch("2.9.0")));
        assert_eq!(torch("2.9.0").differences(&none).len(), 1);
        assert_eq!(none.joined(&torch("2.9.0")), torch("2.9.0"));
    }

    #[test]
    fn the_key_is_of_the_hard_fields_and_the_same_everywhere() {
        let one = print(&[("arch", "x86_64"), ("cpu.cores", "8")], &[]);
        assert_eq!(one.key(), "0f7facf41cc1ad03");
        let soft = print(&[("cpu.cores", "8"), ("arch", "x86_64")], &[("kernel", "6.8")]);
        assert_eq!(one.key(), soft.key());
        for other in [
            print(&[("arch", "x86_64"), ("cpu.cores", "80")], &[]),
            print(&[("arch", "x86_64")], &[("cpu.cores", "8")]),
            print(&[("arch", "x86_64cpu.cores"), ("", "8")], &[]),
            print(&[], &[]),
        ] {
            assert_ne!(one.key(), other.key(), "{other:?}");
            assert_eq!(other.key().len(), 16);
        }
    }

    #[test]
    fn a_mixture_equals_neither_of_its_parts() {
        let one = print(&[("cpu.model", "A"), ("arch", "x")], &[("kernel", "1")]);
        let two = print(&[("cpu.model", "B"), ("arch", "x")], &[("kernel", "1")]);
        let both = one.joined(&two);
        assert_eq!(both.get("cpu.model"), Some("A | B"));
        assert_eq!(both.get("arch"), Some("x"));
        assert!(both.differences(&one)[0].hard && both.differences(&two)[0].hard);
        assert_eq!(both.joined(&two), both, "a third part adds nothing");
        assert_eq!(one.joined(&one), one);
        let gone = print(&[("arch", "x")], &[("kernel", "1")]);
        assert_eq!(one.joined(&gone).get("cpu.model"), Some("A | not told"));
    }

    #[test]
    fn a_session_has_an_id_of_its_own() {
        let id = session_id("2026-11-23T14:15:42.5Z", "boot 1");
        assert!(id.starts_with("20261123T141542-"), "{id}");
        assert_eq!(id.len(), 24);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        assert!(id.chars().all(plain), "{id}");
        assert_eq!(id, session_id("2026-11-23T14:15:42.5Z", "boot 1"));
        for (created, origin) in [
            ("2026-11-23T14:15:42.6Z", "boot 1"),
            ("2026-11-23T14:15:42.5Z", "boot 2"),
            ("2026-11-23T14:15:43Z", "boot 1"),
        ] {
            assert_ne!(id, session_id(created, origin), "{created} {origin}");
        }
    }

    #[test]
    fn it_is_read_back_as_it_was_written() {
        let one = print(&[("cpu.model", "A \"b\"")], &[("kernel", "6.1")]);
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(text, r#"{"hard":{"cpu.model":"A \"b\""},"soft":{"kernel":"6.1"}}"#);
        assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), one);
        let none: Fingerprint = serde_json::from_str("{}").unwrap();
        assert_eq!(none, Fingerprint::default());
    }
}
