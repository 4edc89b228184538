//! What a search is asked, what it asks for, and what it ends with.

use super::super::arrivals::{Arrivals, RateError};
use super::super::generator::RequestSource;

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchAsk {
    /// The percentile of the latency, as a share: 0.99.
    pub percentile: f64,
    /// What this percentile may be at most, in seconds.
    pub limit_s: f64,
    /// How precise the rate must be, as a share of it.
    pub within: f64,
    /// Confidence of its interval.
    pub confidence: f64,
    /// Most requests of one probe; in real time a probe takes this many over the rate.
    pub probe_requests: u64,
    /// Most probes, the one back to back included.
    pub max_probes: u32,
    /// Seeds the schedules.
    pub seed: u64,
}

/// Why a search cannot be asked for.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum AskError {
    /// A percentile outside 0..1.
    #[error(
        "{percentile} is no percentile of a latency; write a share above 0 and below 1, such as 0.99"
    )]
    Percentile {
        /// What was asked for.
        percentile: f64,
    },
    /// A limit that nothing can keep.
    #[error("a latency limit of {limit_s} s can be kept by nothing; it must be above 0 and finite")]
    Limit {
        /// What was asked for, in seconds.
        limit_s: f64,
    },
    /// A precision or a confidence outside 0..1.
    #[error("{what} must be above 0 and below 1, and is {value}")]
    Share {
        /// `within` or `confidence`.
        what: &'static str,
        /// What was asked for.
        value: f64,
    },
    /// Too few requests or probes to search with.
    #[error("a search needs at least {least} {what}, and is allowed {allowed}")]
    TooFew {
        /// `requests a probe` or `probes`.
        what: &'static str,
        /// What it needs.
        least: u64,
        /// What it may have.
        allowed: u64,
    },
}

/// Fewest requests of a probe: fewer say nothing of how times hang together.
pub(super) const LEAST_REQUESTS: u64 = 200;

/// Fewest probes: one back to back, and two at predicted rates.
pub(super) const LEAST_PROBES: u32 = 3;

impl SearchAsk {
    /// Within 3% at 95%, by at most 12 probes of at most 5,000 requests.
    pub fn new(percentile: f64, limit_s: f64) -> Self {
        Self {
            percentile,
            limit_s,
            within: 0.03,
            confidence: 0.95,
            probe_requests: 5_000,
            max_probes: 12,
            seed: 1,
        }
    }

    /// Whether it makes sense.
    pub fn check(&self) -> Result<(), AskError> {
        let share = |value: f64| value > 0.0 && value < 1.0;
        if !share(self.percentile) {
            return Err(AskError::Percentile { percentile: self.percentile });
        }
        if !(self.limit_s > 0.0 && self.limit_s.is_finite()) {
            return Err(AskError::Limit { limit_s: self.limit_s });
        }
        for (what, value) in [("within", self.within), ("confidence", self.confidence)] {
            if !share(value) {
                return Err(AskError::Share { what, value });
            }
        }
        let probes = u64::from(self.max_probes);
        for (what, least, allowed) in [
            ("requests a probe", LEAST_REQUESTS, self.probe_requests),
            ("probes", u64::from(LEAST_PROBES), probes),
        ] {
            if allowed < least {
                return Err(AskError::TooFew { what, least, allowed });
            }
        }
        Ok(())
    }

    /// Share of the latencies that may be over the limit.
    pub(super) fn allowed(&self) -> f64 {
        1.0 - self.percentile
    }
}

/// What to measure next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probe {
    /// From 1.
    pub number: u32,
    /// Requests per second to offer; absent: one after the other.
    pub rate_per_s: Option<f64>,
    /// Seeds its schedule.
    pub seed: u64,
    /// Requests it takes; fewer where the queue grows out of hand.
    pub requests: u64,
}

impl Probe {
    /// Where its requests come from.
    pub fn source(&self) -> Result<RequestSource, RateError> {
        self.rate_per_s.map_or(Ok(RequestSource::Stream), |rate| {
            Arrivals::poisson(rate, self.seed).map(RequestSource::Open)
        })
    }
}

/// What became of a request that was fed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fed {
    /// The probe goes on.
    More,
    /// The probe is over; there is a new one.
    NextProbe,
    /// The search is over.
    Ended,
}

/// What one probe measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbeResult {
    /// Requests per second that were offered; absent: one after the other.
    pub rate_per_s: Option<f64>,
    /// Answered requests.
    pub requests: u64,
    /// How many had a latency over the limit.
    pub over: u64,
    /// Mean service time in seconds.
    pub service_s: f64,
    /// Mean delay by the generator itself, in seconds a request.
    pub own_s: f64,
    /// Ended early, since the queue grew out of hand.
    pub cut_short: bool,
}

/// The highest rate that keeps the limit, in requests per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaxRate {
    /// The estimate.
    pub rate_per_s: f64,
    /// Lower end of its interval; 0 where fewer than two probes have offered it.
    pub low: f64,
    /// Upper end of its interval; the capacity where fewer than two probes have offered it.
    pub high: f64,
    /// The rate at which a queue grows for ever: one over the mean time that a request takes up.
    pub capacity_per_s: f64,
    /// By how much measured latencies made it smaller than the service times alone predict (1: not at all).
    pub correction: f64,
    /// Whether it is known to what was asked; else the probes or the time ran out first.
    pub precise: bool,
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// There is such a rate.
    Found(MaxRate),
    /// A request that never waits is too slow already.
    LimitBelowService {
        /// The percentile of the service times alone, in seconds.
        service_s: f64,
    },
    /// The generator's own overhead, not the model, sets this limit; that of the model is higher.
    GeneratorBound {
        /// What was found with the overhead.
        reached: MaxRate,
        /// What the service times alone would allow, in requests per second.
        model_rate_per_s: f64,
    },
    /// Kept as near to capacity as a steady state can be told (98%).
    NeverBroken {
        /// The highest rate that was offered, in requests per second.
        rate_per_s: f64,
        /// The rate at which a queue grows for ever.
        capacity_per_s: f64,
    },
    /// Too little was measured to say anything.
    Unresolved {
        /// Answered requests.
        requests: u64,
    },
}
