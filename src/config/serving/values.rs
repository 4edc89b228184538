//! The values of `[serve]`.

use crate::config::key::At;
use crate::config::problems::{Place, Problems};
use crate::config::read;
use crate::config::tree::{Node, Value};
use crate::event::MaxRate;
use crate::event::axis::LARGEST_BATCH;
use crate::units::{Span, Unit};

/// The most sizes of requests that one run may serve.
const MOST_SIZES: usize = 64;
/// The highest rate, in requests a second: above, there is no time between two readings of a clock.
const FASTEST: f64 = 1e7;

/// The word for a pattern of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Load {
    SingleStream,
    MultiStream,
    Offline,
    Server,
    Closed,
}

crate::event::job::words!(pub(in crate::config) Load {
    SingleStream = "single-stream",
    MultiStream = "multi-stream",
    Offline = "offline",
    Server = "server",
    Closed = "closed"
});

impl Load {
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
pub(in crate::config) struct Placed<T> {
    pub(super) value: T,
    pub(super) key: Place,
    pub(super) place: Place,
}

impl<T> Placed<T> {
    pub(in crate::config) fn new(value: T, at: At) -> Self {
        Self { value, key: at.key, place: at.value }
    }
}

pub(in crate::config) fn batch_sizes(node: &Node, problems: &mut Problems) -> Option<Vec<u32>> {
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

pub(in crate::config) fn rate(node: &Node, problems: &mut Problems) -> Option<f64> {
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
pub(in crate::config) fn latency_limit(node: &Node, problems: &mut Problems) -> Option<MaxRate> {
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
