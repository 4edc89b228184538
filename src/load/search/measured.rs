//! What a probe measured, and which of them may be put together.

use super::super::replay::{BLOCKS, Replay, Times};
use super::super::served::Served;
use super::idling::{Idling, both_cases};
use super::outcome::{LEAST_REQUESTS, Probe, ProbeResult, SearchAsk};
use crate::stats::distribution::binomial_cdf;

/// A queue is out of hand when somebody waited this many times the limit.
const OUT_OF_HAND: f64 = 10.0;

/// Standard errors by which the mean times of two probes may differ and still be the same.
const APART: f64 = 3.0;

/// Share by which they may differ besides: what no answer depends on.
const ALIKE: f64 = 0.003;

/// Probes tell of the newest one's rate when theirs differs from it by no more than this, as a logarithm.
const NEAR: f64 = 0.1;

/// Probability with which a probe may call a model too slow that is not.
const WRONGLY_SLOW: f64 = 0.005;

/// The first of so many parts of a probe may be a warm-up: a model that is slow only in it is not slow.
const WARM_UP: usize = 3;

/// Fewest requests of one kind (after an idle gap, or after waiting) whose mean is compared.
const COMPARED: usize = 100;

/// A probe that is being measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    /// The answer before the next.
    free_ns: Option<u64>,
    requests: Requests,
    over: u64,
    cut_short: bool,
}

/// Requests in the order of their answers.
#[derive(Debug, Clone, Default)]
struct Requests {
    /// How long the server was taken up, with the generator's own delay.
    busy_s: Vec<f64>,
    service_s: Vec<f64>,
    /// Whether it had nothing to do before.
    idle: Vec<bool>,
}

impl Running {
    /// Adds a request; true when the probe has enough.
    pub(super) fn add(&mut self, served: &Served, probe: &Probe, limit_s: f64) -> bool {
        let offered = probe.rate_per_s.is_some();
        let free_ns = self.free_ns.replace(served.end_ns);
        let busy_ns = served.busy_ns(free_ns.unwrap_or(served.scheduled_ns));
        let requests = &mut self.requests;
        requests.busy_s.push(busy_ns as f64 * 1e-9);
        requests.service_s.push(served.service_ns() as f64 * 1e-9);
        // Back to back nothing is idle: a request is due when the one before it is answered.
        let idle = free_ns.is_none_or(|free_ns| served.scheduled_ns > free_ns);
        requests.idle.push(offered && idle);
        self.over += u64::from(served.latency_ns() as f64 * 1e-9 > limit_s);
        let waited = served.wait_ns() as f64 * 1e-9;
        self.cut_short = offered
            && self.requests() >= LEAST_REQUESTS
            && self.requests() < probe.requests
            && waited > OUT_OF_HAND * limit_s;
        self.cut_short || self.requests() >= probe.requests
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.idle.len() as u64
    }

    pub(super) fn close(self, probe: &Probe) -> Measured {
        let all = Mean::of(&self.requests.busy_s);
        let service_s = Mean::of(&self.requests.service_s).value;
        let of_kind = |idle: bool| {
            let pairs = self.requests.busy_s.iter().zip(&self.requests.idle);
            let times: Vec<f64> =
                pairs.filter_map(|(time, is_idle)| (*is_idle == idle).then_some(*time)).collect();
            Mean::of(&times)
        };
        Measured {
            result: ProbeResult {
                rate_per_s: probe.rate_per_s,
                requests: self.requests(),
                over: self.over,
                service_s,
                own_s: all.value - service_s,
                cut_short: self.cut_short,
            },
            kinds: [of_kind(false), of_kind(true)],
            all,
            requests: self.requests,
            by_chance: None,
        }
    }
}

/// A mean of so many values and its standard error, from contiguous blocks.
#[derive(Debug, Clone, Copy)]
struct Mean {
    value: f64,
    error: f64,
    count: usize,
}

impl Mean {
    fn of(values: &[f64]) -> Self {
        let length = (values.len() / BLOCKS).max(1);
        let means: Vec<f64> = values
            .chunks_exact(length)
            .take(BLOCKS)
            .map(|block| block.iter().sum::<f64>() / length as f64)
            .collect();
        let n = means.len() as f64;
        let middle = means.iter().sum::<f64>() / n;
        let squares: f64 = means.iter().map(|mean| (mean - middle).powi(2)).sum();
        Self {
            value: values.iter().sum::<f64>() / values.len().max(1) as f64,
            error: (squares / (n - 1.0).max(1.0) / n.max(1.0)).sqrt(),
            count: values.len(),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        let error = self.error.hypot(other.error);
        (self.value - other.value).abs() <= APART * error + ALIKE * self.value
    }
}

/// A probe that is over.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) result: ProbeResult,
    requests: Requests,
    all: Mean,
    /// Of the requests that waited, and of those that found the server idle: their shares differ from rate to rate.
    kinds: [Mean; 2],
    /// Latencies over the limit under other schedules, and the effect of idling that they were computed with.
    by_chance: Option<(f64, Vec<u64>)>,
}

impl Measured {
    /// Offered at about the same rate.
    fn is_near(&self, rate_per_s: Option<f64>) -> bool {
        let rates = self.result.rate_per_s.zip(rate_per_s);
        rates.is_some_and(|(a, b)| (a / b).ln().abs() <= NEAR)
    }

    fn is_like(&self, other: &Self) -> bool {
        let kinds = self.kinds.iter().zip(&other.kinds);
        let mut compared = kinds.filter(|(a, b)| a.count.min(b.count) >= COMPARED).peekable();
        if compared.peek().is_none() {
            return self.all.is_like(&other.all);
        }
        compared.all(|(a, b)| a.is_like(b))
    }

    /// Whether this probe shows by itself that too many requests that never wait are over the limit: by a binomial test on
    /// what comes after a warm-up, of as many requests fewer as the slow ones come in runs (the variance over the mean of
    /// their numbers in blocks).
    pub(super) fn is_too_slow(&self, factor: f64, ask: &SearchAsk) -> bool {
        let alone = both_cases(&self.requests.busy_s, &self.requests.idle, factor).idle_s;
        let left = &alone[alone.len() / WARM_UP..];
        let length = (left.len() / BLOCKS).max(1);
        let over = |times: &[f64]| times.iter().filter(|time| **time > ask.limit_s).count() as f64;
        let blocks: Vec<f64> = left.chunks_exact(length).take(BLOCKS).map(over).collect();
        let (n, slow) = (left.len() as f64, over(left));
        let mean = blocks.iter().sum::<f64>() / blocks.len().max(1) as f64;
        let squares: f64 = blocks.iter().map(|over| (over - mean).powi(2)).sum();
        let variance = squares / (blocks.len() as f64 - 1.0).max(1.0);
        let runs = (variance / mean.max(f64::MIN_POSITIVE)).max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts of requests, made smaller"
        )]
        let (n, slow) = ((n / runs) as u64, (slow / runs) as u64);
        // P(so many or more over the limit), if no more were than may be.
        let fewer = slow.checked_sub(1);
        let by_chance = fewer.map_or(1.0, |fewer| 1.0 - binomial_cdf(n, ask.allowed(), fewer));
        by_chance <= WRONGLY_SLOW
    }

    /// Latencies over the limit under other schedules; `None` where the probe says nothing of them.
    fn by_chance(&mut self, factor: f64, ask: &SearchAsk, seed: u64) -> Option<&[u64]> {
        let rate = self.result.rate_per_s.filter(|_| !self.result.cut_short)?;
        let known = self.by_chance.take();
        let known = known.filter(|(with, _)| (with / factor - 1.0).abs() < 1e-3);
        let (_, overs) = self.by_chance.insert(known.unwrap_or_else(|| {
            let times = both_cases(&self.requests.busy_s, &self.requests.idle, factor);
            let replay =
                Replay { times: &times, limit_s: ask.limit_s, allowed: ask.allowed(), seed };
            (factor, replay.overs_by_chance(rate))
        }));
        Some(overs)
    }
}

/// Times of the newest probe and of those that are like it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    /// With the generator's own delays.
    pub(super) busy: Times,
    pub(super) service: Times,
    /// What an idle gap does to the time of the next answer.
    pub(super) factor: f64,
    /// Probes in it that were offered about the newest one's rate.
    pub(super) offered: u32,
    /// Their latencies over the limit.
    over: u64,
    /// What that sum would be under other schedules.
    by_chance: Vec<u64>,
}

impl Pool {
    pub(super) fn of(probes: &mut [Measured], ask: &SearchAsk) -> Self {
        let Some(newest) = probes.last() else {
            return Self::default();
        };
        let like: Vec<bool> = probes.iter().map(|probe| newest.is_like(probe)).collect();
        let (scale, rate) = (newest.all.value, newest.result.rate_per_s);
        let (mut busy, mut service) = (Idling::default(), Idling::default());
        let mut all = Requests::default();
        for (probe, _) in probes.iter().zip(&like).filter(|(_, like)| **like) {
            let Requests { busy_s, service_s, idle } = &probe.requests;
            if probe.result.rate_per_s.is_some() {
                busy.add(busy_s, idle, scale);
                service.add(service_s, idle, scale);
            }
            all.busy_s.extend_from_slice(busy_s);
            all.service_s.extend_from_slice(service_s);
            all.idle.extend_from_slice(idle);
        }
        let factor = busy.factor();
        let mut pool = Self {
            busy: both_cases(&all.busy_s, &all.idle, factor),
            service: both_cases(&all.service_s, &all.idle, service.factor()),
            factor,
            ..Self::default()
        };
        for ((number, probe), like) in (0..).zip(probes).zip(like) {
            if !like || !probe.is_near(rate) {
                continue;
            }
            // Other schedules than those of the probes and of the prediction.
            let seed = ask.seed ^ (number << 32) ^ 0xA5A5;
            let over = probe.result.over;
            let Some(by_chance) = probe.by_chance(factor, ask, seed) else {
                continue;
            };
            pool.offered += 1;
            pool.over += over;
            pool.by_chance.resize(by_chance.len(), 0);
            let sums = pool.by_chance.iter_mut().zip(by_chance);
            sums.for_each(|(sum, over)| *sum += over);
        }
        pool
    }

    /// The logarithm of what is measured over what the times alone predict, and its standard error, where it lies beyond
    /// all the schedules: then times depend on the queue in a way that idle gaps do not explain.
    pub(super) fn contradiction(&self) -> Option<(f64, f64)> {
        let (fewest, most) = (*self.by_chance.iter().min()?, *self.by_chance.iter().max()?);
        if self.offered < 2 || (fewest..=most).contains(&self.over) {
            return None;
        }
        let n = self.by_chance.len() as f64;
        let mean = self.by_chance.iter().sum::<u64>() as f64 / n;
        let apart = |over: &u64| (*over as f64 - mean).powi(2);
        let variance = self.by_chance.iter().map(apart).sum::<f64>() / n;
        let floor = mean.max(0.5);
        let off = (self.over as f64).max(0.5).ln() - floor.ln();
        Some((off, variance.sqrt() / floor))
    }
}
