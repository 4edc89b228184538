//! What `[serve]` says, key by key.

use crate::config::keys::Scope;
use crate::config::problems::{GRID, Place, Problems};
use crate::config::read::{self, Section};
use crate::config::tree::{Node, Table, Value};
use crate::event::MaxRate;
use crate::event::axis::LARGEST_BATCH;
use crate::units::{Span, Unit};

/// The most sizes of requests that one run may serve.
const MOST_SIZES: usize = 64;
/// The most that a count of requests may be.
const MANY: u32 = 100_000;
/// The most timed requests of a size.
const MOST_REQUESTS: u32 = 1_000_000_000;
/// The most clients.
const MOST_CLIENTS: u32 = 10_000;
/// The highest rate, in requests a second: above, there is no time between two readings of a clock.
const FASTEST: f64 = 1e7;

/// The word for a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    SingleStream,
    MultiStream,
    Offline,
    Server,
    Closed,
}

const KINDS: [(&str, Kind); 5] = [
    ("single-stream", Kind::SingleStream),
    ("multi-stream", Kind::MultiStream),
    ("offline", Kind::Offline),
    ("server", Kind::Server),
    ("closed", Kind::Closed),
];

impl Kind {
    pub(super) fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    pub(super) fn default_sizes(self) -> Vec<u32> {
        match self {
            Self::SingleStream => vec![1, 32],
            Self::MultiStream => vec![8],
            Self::Offline => vec![1, 4, 16, 64, 256],
            Self::Server | Self::Closed => vec![1],
        }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) key: Place,
    pub(super) place: Place,
}

/// What `[serve]` says; the rest stays as it was.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct ServePatch {
    pub(super) enabled: Option<bool>,
    pub(super) warmup_requests: Option<u32>,
    pub(super) max_time_s: Option<f64>,
    pub(super) pattern: Option<Placed<Kind>>,
    pub(super) batch_sizes: Option<(Vec<u32>, Place)>,
    pub(super) rate: Option<Placed<f64>>,
    pub(super) clients: Option<Placed<u32>>,
    pub(super) find_max_rate: Option<Placed<bool>>,
    pub(super) latency_limit: Option<Placed<MaxRate>>,
    pub(super) max_requests: Option<Placed<u32>>,
}

fn placed<T>(section: &Section<'_, '_>, key: &str, value: Option<T>) -> Option<Placed<T>> {
    let (value, node, key) = (value?, section.get(key)?, section.key_place(key)?);
    let place = node.place;
    Some(Placed { value, key, place })
}

impl ServePatch {
    pub(in crate::config) fn read(table: &Table, problems: &mut Problems) -> Self {
        let mut section = Section::new(Scope::Serve, table, problems);
        let pattern = section.get("pattern");
        let pattern =
            pattern.and_then(|node| read::word("pattern", node, &KINDS, section.problems));
        let sizes = section.get("batch_size");
        let sizes = sizes.and_then(|node| Some((batch_sizes(node, section.problems)?, node.place)));
        let rate = section.get("rate");
        let rate = rate.and_then(|node| self::rate(node, section.problems));
        let clients = section.count("clients", 1..=MOST_CLIENTS);
        let find_max_rate = section.flag("find_max_rate");
        let limit = section.get("latency_limit");
        let limit = limit.and_then(|node| latency_limit(node, section.problems));
        let max_requests = section.count("max_requests", 1..=MOST_REQUESTS);
        Self {
            enabled: section.flag("enabled"),
            warmup_requests: section.count("warmup_requests", 0..=MANY),
            max_time_s: section.duration("max_time", 0.001).map(Span::as_secs),
            pattern: placed(&section, "pattern", pattern),
            batch_sizes: sizes,
            rate: placed(&section, "rate", rate),
            clients: placed(&section, "clients", clients),
            find_max_rate: placed(&section, "find_max_rate", find_max_rate),
            latency_limit: placed(&section, "latency_limit", limit),
            max_requests: placed(&section, "max_requests", max_requests),
        }
    }

    /// Whether the file set a key that the command line's pattern does not know: the command line has the last word.
    pub(super) fn outranked(&self, key: Place) -> bool {
        let of_file = key.text == GRID;
        of_file && self.pattern.is_some_and(|pattern| pattern.key.text != GRID)
    }
}

fn batch_sizes(node: &Node, problems: &mut Problems) -> Option<Vec<u32>> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.is_empty() || items.len() > MOST_SIZES {
        problems.error_with(
            node.place,
            format!("`batch_size` in [serve] must have 1 to {MOST_SIZES} sizes"),
            "write enabled = false to serve nothing",
        );
        return None;
    }
    let mut sizes = Vec::new();
    let mut right = true;
    for item in items {
        match read::count("batch_size", item, 1..=LARGEST_BATCH, problems) {
            Some(size) if sizes.contains(&size) => {
                problems.error(item.place, format!("`batch_size` in [serve] holds {size} twice"));
                right = false;
            }
            Some(size) => sizes.push(size),
            None => right = false,
        }
    }
    right.then_some(sizes)
}

fn rate(node: &Node, problems: &mut Problems) -> Option<f64> {
    let Value::Text(text) = &node.value else {
        match &node.value {
            Value::Integer(_) | Value::Float(_) => {
                let number = node.value.shown();
                problems.error_with(
                    node.place,
                    format!("`rate` is a rate of requests, and {number} has no unit"),
                    format!("write \"{number}/s\""),
                );
            }
            _ => read::wrong("rate", "a rate such as \"200/s\"", node, problems),
        }
        return None;
    };
    match Unit::RequestsPerSecond.read(text) {
        Ok(rate) if rate > 0.0 && rate <= FASTEST => Some(rate),
        Ok(_) => {
            let expected = "a rate above 0/s and at most 10M/s";
            read::wrong("rate", expected, node, problems);
            None
        }
        Err(why) => {
            problems.error_with(node.place, format!("`rate`: {why}"), "for example \"200/s\"");
            None
        }
    }
}

/// `p99 <= 10ms`.
fn latency_limit(node: &Node, problems: &mut Problems) -> Option<MaxRate> {
    let expected = "a percentile and its limit, such as \"p99 <= 10ms\"";
    let text = read::text("latency_limit", node, expected, problems)?;
    let split = text.split_once("<=").or_else(|| text.split_once('<'));
    let percentile = split.and_then(|(name, _)| {
        let percent: f64 = name.trim().strip_prefix('p')?.parse().ok()?;
        (percent > 0.0 && percent < 100.0).then_some(percent / 100.0)
    });
    let (Some(percentile), Some((_, limit))) = (percentile, split) else {
        read::wrong("latency_limit", expected, node, problems);
        return None;
    };
    let limit_s = match limit.trim().parse::<Span>() {
        Ok(limit) => limit.as_secs(),
        Err(why) => {
            let message = format!("`latency_limit`: {why}");
            problems.error_with(node.place, message, "for example \"p99 <= 10ms\"");
            return None;
        }
    };
    if limit_s <= 0.0 {
        let message = "`latency_limit`: nothing can keep a limit of 0";
        problems.error(node.place, message);
        return None;
    }
    Some(MaxRate { percentile, limit_s })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::parse_document;

    fn limit(text: &str) -> Result<MaxRate, String> {
        let mut problems = Problems::default();
        let file = problems.add_file("f".into(), format!("latency_limit = {text:?}"));
        let root = parse_document(file, &mut problems).unwrap();
        let found = latency_limit(&root.get("latency_limit").unwrap().node, &mut problems);
        problems.check(found).map_err(|error| error.to_string())
    }

    #[test]
    fn a_latency_limit_is_a_percentile_and_a_time() {
        for (text, percentile, limit_s) in
            [("p99 <= 10ms", 0.99, 0.01), ("p99.9<1s", 0.999, 1.0), (" p50 <= 200us ", 0.5, 0.0002)]
        {
            let found = limit(text).unwrap();
            assert!((found.percentile - percentile).abs() < 1e-12, "{text}");
            assert!((found.limit_s - limit_s).abs() < 1e-12, "{text}");
        }
        for (text, says) in [
            ("10ms", "a percentile and its limit"),
            ("p99 >= 10ms", "a percentile and its limit"),
            ("p100 <= 10ms", "a percentile and its limit"),
            ("p0 <= 10ms", "a percentile and its limit"),
            ("pnan <= 10ms", "a percentile and its limit"),
            ("p99 <= 10", "has no unit"),
            ("p99 <= 10MiB", "not a unit of duration"),
            ("p99 <= 0ms", "nothing can keep"),
            ("p99 <= -1ms", "is not a duration"),
        ] {
            let error = limit(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
