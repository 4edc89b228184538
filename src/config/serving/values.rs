//! The values of `[serve]`.

use crate::config::key::At;
use crate::config::read::{self, Quantity, Read};
use crate::document::problems::{Place, Problem, Problems};
use crate::document::tree::Node;
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

crate::event::words::words!(pub(in crate::config) Load {
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

pub(in crate::config) fn batch_sizes(node: &Node, problems: &mut Problems) -> Read<Vec<u32>> {
    let items = node.items();
    if items.is_empty() || items.len() > MOST_SIZES {
        let message = format!("`batch_size` in [serve] must have 1 to {MOST_SIZES} sizes");
        let problem = Problem::new(node.place, message);
        return Err(problem.hint("write enabled = false to serve nothing"));
    }
    let mut sizes = Vec::new();
    for item in items {
        match problems.ok(read::count("batch_size", item, 1..=LARGEST_BATCH)) {
            Some(size) if sizes.contains(&size) => {
                problems.error(item.place, format!("`batch_size` in [serve] holds {size} twice"));
            }
            size => sizes.extend(size),
        }
    }
    Ok(sizes)
}

pub(in crate::config) fn rate(node: &Node) -> Read<f64> {
    let kind = Quantity {
        noun: "a rate of requests",
        expected: "a rate such as \"200/s\"",
        read: |text| Unit::RequestsPerSecond.read(text),
        meant: |number| format!("write \"{}/s\"", number.shown()),
        example: Some("200/s"),
    };
    match read::quantity("rate", node, &kind)? {
        rate if rate > 0.0 && rate <= FASTEST => Ok(rate),
        _ => Err(read::wrong("rate", "a rate above 0/s and at most 10M/s", node)),
    }
}

/// `p99 <= 10ms`.
pub(in crate::config) fn latency_limit(node: &Node) -> Read<MaxRate> {
    let example = "p99 <= 10ms";
    let expected = format!("a percentile and its limit, such as \"{example}\"");
    let text = read::text("latency_limit", node, &expected)?;
    let split = text.split_once("<=").or_else(|| text.split_once('<'));
    let percentile = split.and_then(|(name, _)| {
        let percent: f64 = name.trim().strip_prefix('p')?.parse().ok()?;
        (percent > 0.0 && percent < 100.0).then_some(percent / 100.0)
    });
    let (Some(percentile), Some((_, limit))) = (percentile, split) else {
        return Err(read::wrong("latency_limit", &expected, node));
    };
    let limit = limit.trim().parse::<Span>();
    let limit_s = read::parsed("`latency_limit`", node, limit, Some(example))?.as_secs();
    if limit_s <= 0.0 {
        return Err(Problem::new(node.place, "`latency_limit`: nothing satisfies a limit of 0"));
    }
    Ok(MaxRate { percentile, limit_s })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tree::parse_document;

    fn limit(text: &str) -> Result<MaxRate, String> {
        let mut problems = Problems::default();
        let file = problems.add_file("f".into(), format!("latency_limit = {text:?}"));
        let root = parse_document(file, &mut problems).unwrap();
        let found = latency_limit(&root.get("latency_limit").unwrap().node);
        let found = problems.ok(found);
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
            ("p99 <= 0ms", "nothing satisfies"),
            ("p99 <= -1ms", "is not a duration"),
        ] {
            let error = limit(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
