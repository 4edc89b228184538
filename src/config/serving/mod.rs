//! `[serve]`: when requests come, and what belongs to which pattern.
//!
//! A layer (the file, then each `[[override]]` that matches) that names another pattern puts it in the place of the one
//! before it, with all keys of that one; a pattern of the command line does so too. Keys that do not belong to the pattern
//! in the end are mistakes: nothing would obey them.

mod budget;
mod values;

pub(super) use values::{Load, Placed, batch_sizes, latency_limit, rate};

use super::constraints::Limited;
use super::metrics::Chosen;
use super::objectives::Aimed;
use crate::control::policy::StopPolicy;
use crate::document::problems::{GRID, Place, Problems};
use crate::event::{MaxRate, Pattern, ServeSpec};
use crate::metric::{MetricDef, MetricId, MetricKind, Scope, Source};

/// What `[serve]` says.
#[derive(Debug, Clone, Default)]
pub(super) struct Serving {
    pub(super) enabled: Option<bool>,
    pub(super) warmup_requests: Option<u32>,
    pub(super) max_time_s: Option<f64>,
    pattern: Option<Placed<Load>>,
    pub(super) batch_sizes: Option<(Vec<u32>, Place)>,
    pub(super) rate: Option<Placed<f64>>,
    pub(super) clients: Option<Placed<u32>>,
    pub(super) find_max_rate: Option<Placed<bool>>,
    pub(super) latency_limit: Option<Placed<MaxRate>>,
    pub(super) max_requests: Option<Placed<u32>>,
}

/// What else decides how a run serves.
pub(super) struct Around<'a> {
    pub(super) stop: &'a StopPolicy,
    pub(super) metrics: &'a [Chosen],
    pub(super) constraints: &'a [Limited],
    pub(super) objectives: &'a [Aimed],
    /// Where the run is described that has nothing of its own to point at.
    pub(super) place: Place,
}

impl Serving {
    /// Another pattern than before takes all keys of the one before it away.
    pub(super) fn set_pattern(&mut self, pattern: Placed<Load>) {
        if self.pattern.map(|before| before.value) != Some(pattern.value) {
            *self = Self {
                enabled: self.enabled,
                warmup_requests: self.warmup_requests,
                max_time_s: self.max_time_s,
                max_requests: self.max_requests,
                batch_sizes: self.batch_sizes.take(),
                ..Self::default()
            };
        }
        self.pattern = Some(pattern);
    }

    /// Whether the file set a key that the command line's pattern does not know: the command line has the last word.
    fn outranked(&self, key: Place) -> bool {
        let of_file = key.text == GRID;
        of_file && self.pattern.is_some_and(|pattern| pattern.key.text != GRID)
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }

    fn load(&self) -> Load {
        let pattern = self.pattern;
        pattern.map_or(Load::SingleStream, |pattern| pattern.value)
    }

    fn searches(&self) -> bool {
        self.load() == Load::Server && self.find_max_rate.is_some_and(|flag| flag.value)
    }

    /// Why a metric of serving cannot be measured so, if so.
    pub(super) fn unmeasured(&self, metric: &MetricDef) -> Option<&'static str> {
        if metric.source == Source::Sizes {
            let compared = self.is_enabled() && self.load() == Load::Offline;
            return (!compared).then_some("only pattern = \"offline\" compares sizes");
        }
        if !metric.is_of_serving() {
            return None;
        }
        if !self.is_enabled() {
            return Some("nothing is served");
        }
        if metric.source == Source::RateSearch {
            return (!self.searches())
                .then_some("no highest rate is searched for (find_max_rate = true)");
        }
        let none = metric.source != Source::ServedPeak
            && self.load() == Load::Server
            && self.rate.is_none();
        none.then_some("nothing is served at a rate (find_max_rate without rate)")
    }

    /// How a run serves, all checks done; `None` where it does not serve.
    pub(super) fn finish(&self, around: &Around<'_>, problems: &mut Problems) -> Option<ServeSpec> {
        if !self.is_enabled() {
            return None;
        }
        self.check_keys(problems);
        let find_max_rate = self.max_rate(around, problems);
        let pattern = self.pattern(around.place, problems);
        let spec = ServeSpec {
            batch_sizes: self.sizes(problems),
            warmup_requests: self.warmup_requests.unwrap_or(20),
            max_time_s: self.max_time_s.unwrap_or(10.0),
            pattern,
            max_requests: self.max_requests.map(|most| most.value.into()),
            find_max_rate,
            // Decided when the constraints are known.
            confirm: false,
        };
        if let Some(limit) = find_max_rate {
            self.check_search(limit, around.place, problems);
        }
        Self::check_offer(&spec, around, problems);
        self.check_budget(&spec, around, problems);
        Some(spec)
    }

    fn check_keys(&self, problems: &mut Problems) {
        let server = Load::Server;
        for (key, owner, place) in [
            ("rate", server, self.rate.map(|rate| rate.key)),
            ("clients", Load::Closed, self.clients.map(|clients| clients.key)),
            ("find_max_rate", server, self.find_max_rate.map(|flag| flag.key)),
            ("latency_limit", server, self.latency_limit.map(|limit| limit.key)),
        ] {
            let Some(place) = place.filter(|place| !self.outranked(*place)) else {
                continue;
            };
            let (kind, owner_name) = (self.load(), owner.word());
            if kind != owner {
                problems.error_with(
                    place,
                    format!(
                        "`{key}` in [serve] belongs to pattern = \"{owner_name}\", and the pattern is \"{}\"",
                        kind.word()
                    ),
                    format!("leave it out, or write pattern = \"{owner_name}\""),
                );
            }
        }
        if let Some(limit) = self.latency_limit
            && self.load() == server
            && !self.searches()
        {
            problems.error_with(
                limit.key,
                "`latency_limit` is only for the search for the highest rate, which is off",
                "write find_max_rate = true, or limit a percentile in [constraints]",
            );
        }
    }

    fn pattern(&self, place: Place, problems: &mut Problems) -> Pattern {
        let place = self.pattern.map_or(place, |pattern| pattern.place);
        match self.load() {
            Load::SingleStream => Pattern::SingleStream,
            Load::MultiStream => Pattern::MultiStream,
            Load::Offline => Pattern::Offline,
            Load::Server => {
                let rate_per_s = self.rate.map(|rate| rate.value);
                if rate_per_s.is_none() && !self.searches() {
                    problems.error_with(
                        place,
                        "pattern = \"server\" needs a rate",
                        "write rate = \"100/s\", or find_max_rate = true",
                    );
                }
                Pattern::Server { rate_per_s }
            }
            Load::Closed => {
                let clients = self.clients.map(|clients| clients.value);
                if clients.is_none() {
                    problems.error_with(
                        place,
                        "pattern = \"closed\" needs a number of clients",
                        "write clients = 8",
                    );
                }
                Pattern::Closed { clients: clients.unwrap_or(1) }
            }
        }
    }

    fn sizes(&self, problems: &mut Problems) -> Vec<u32> {
        let Some((sizes, place)) = &self.batch_sizes else {
            return self.load().default_sizes();
        };
        if self.load() == Load::MultiStream && sizes.contains(&1) {
            problems.error_with(
                *place,
                "pattern = \"multi-stream\" serves batches of more than 1",
                "use larger sizes, or pattern = \"single-stream\"",
            );
        }
        sizes.clone()
    }

    /// The limit of the search: as written, or the tightest of the constraints.
    fn max_rate(&self, around: &Around<'_>, problems: &mut Problems) -> Option<MaxRate> {
        let place = self.find_max_rate.filter(|_| self.searches())?.key;
        if let Some(limit) = self.latency_limit {
            return Some(limit.value);
        }
        let found = around.constraints.iter().filter_map(|limited| {
            let level = percentile(limited.def)?;
            let constraint = &limited.constraint;
            constraint.op.is_upper().then_some((level, constraint.limit))
        });
        let upper: Vec<(f64, f64)> = found.collect();
        let Some((percentile, first)) = upper.first().copied() else {
            problems.error_with(
                place,
                "find_max_rate has no latency limit",
                format!(
                    "write latency_limit = \"p99 <= 10ms\", or limit a percentile in [constraints]: \"{}\" = \"<= 10ms\"",
                    MetricId::ServeLatencyP99
                ),
            );
            return None;
        };
        if upper.iter().any(|(level, _)| (level - percentile).abs() > f64::EPSILON) {
            problems.error_with(
                place,
                "find_max_rate needs one limit: [constraints] has more than one percentile of serve.latency",
                "say which one is meant: latency_limit = \"p99 <= 10ms\"",
            );
            return None;
        }
        let limit_s = upper.iter().map(|(_, limit)| *limit).fold(first, f64::min);
        Some(MaxRate { percentile, limit_s })
    }
}

/// The level of a percentile of the latency of requests.
fn percentile(def: &MetricDef) -> Option<f64> {
    match def.kind {
        MetricKind::Quantile(level) if def.scope == Scope::Serve => Some(level),
        _ => None,
    }
}
