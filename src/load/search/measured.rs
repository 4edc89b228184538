//! What a probe measured, and which of them may be put together.

use super::super::replay::{BLOCKS, Replay};
use super::super::served::Served;
use super::outcome::{LEAST_REQUESTS, Probe, ProbeResult, SearchAsk};

/// A queue is out of hand when somebody waited this many times the limit.
const OUT_OF_HAND: f64 = 10.0;

/// Standard errors by which the mean times of two probes may differ and still be the same.
const APART: f64 = 3.0;

/// Share by which they may differ besides: what no answer depends on.
const ALIKE: f64 = 0.003;

/// A probe that is being measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    /// The answer before the next.
    free_ns: Option<u64>,
    busy_s: Vec<f64>,
    service_s: Vec<f64>,
    over: u64,
    cut_short: bool,
}

impl Running {
    /// Adds a request; true when the probe has enough.
    pub(super) fn add(&mut self, served: &Served, probe: &Probe, limit_s: f64) -> bool {
        let free_ns = self.free_ns.unwrap_or(served.scheduled_ns);
        self.free_ns = Some(served.end_ns);
        self.busy_s.push(served.busy_ns(free_ns) as f64 * 1e-9);
        self.service_s.push(served.service_ns() as f64 * 1e-9);
        self.over += u64::from(served.latency_ns() as f64 * 1e-9 > limit_s);
        let waited = served.wait_ns() as f64 * 1e-9;
        self.cut_short = probe.rate_per_s.is_some()
            && self.requests() >= LEAST_REQUESTS
            && self.requests() < probe.requests
            && waited > OUT_OF_HAND * limit_s;
        self.cut_short || self.requests() >= probe.requests
    }

    pub(super) fn requests(&self) -> u64 {
        self.busy_s.len() as u64
    }

    /// Closes the probe; `seed` is that of the schedules that it is compared with.
    pub(super) fn close(self, probe: &Probe, ask: &SearchAsk, seed: u64) -> Measured {
        let n = self.requests().max(1) as f64;
        let service_s = self.service_s.iter().sum::<f64>() / n;
        let busy_s = self.busy_s.iter().sum::<f64>() / n;
        let result = ProbeResult {
            rate_per_s: probe.rate_per_s,
            requests: self.requests(),
            over: self.over,
            service_s,
            own_s: busy_s - service_s,
            cut_short: self.cut_short,
        };
        let replay = Replay {
            busy_s: &self.busy_s,
            limit_s: ask.limit_s,
            allowed: ask.allowed(),
            seed,
        };
        let by_chance = match probe.rate_per_s {
            Some(rate) if !self.cut_short => replay.overs_by_chance(rate),
            _ => Vec::new(),
        };
        Measured {
            error: error_of_mean(&self.busy_s),
            result,
            mean: busy_s,
            busy_s: self.busy_s,
            service_s: self.service_s,
            by_chance,
        }
    }
}

/// Standard error of the mean, from contiguous blocks.
fn error_of_mean(values: &[f64]) -> f64 {
    let length = (values.len() / BLOCKS).max(1);
    let means: Vec<f64> = values
        .chunks_exact(length)
        .take(BLOCKS)
        .map(|block| block.iter().sum::<f64>() / length as f64)
        .collect();
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let squares: f64 = means.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (n - 1.0).max(1.0) / n).sqrt()
}

/// A probe that is over.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) result: ProbeResult,
    busy_s: Vec<f64>,
    service_s: Vec<f64>,
    mean: f64,
    error: f64,
    /// Latencies over the limit under other schedules; empty where the probe says nothing of them.
    by_chance: Vec<u64>,
}

impl Measured {
    fn is_like(&self, other: &Self) -> bool {
        let error = (self.error.powi(2) + other.error.powi(2)).sqrt();
        (self.mean - other.mean).abs() <= APART * error + ALIKE * self.mean
    }
}

/// Times of the newest probe and of those whose mean is the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    /// With the generator's own delays.
    pub(super) busy_s: Vec<f64>,
    pub(super) service_s: Vec<f64>,
    /// Probes at an offered rate in it.
    pub(super) offered: u32,
    /// Their latencies over the limit.
    pub(super) over: u64,
    /// What that sum would be under other schedules.
    pub(super) by_chance: Vec<u64>,
}

impl Pool {
    pub(super) fn of(probes: &[Measured]) -> Self {
        let mut pool = Self::default();
        let Some(newest) = probes.last() else {
            return pool;
        };
        for probe in probes.iter().filter(|probe| newest.is_like(probe)) {
            pool.busy_s.extend_from_slice(&probe.busy_s);
            pool.service_s.extend_from_slice(&probe.service_s);
            if probe.by_chance.is_empty() {
                continue;
            }
            pool.offered += 1;
            pool.over += probe.result.over;
            if pool.by_chance.is_empty() {
                pool.by_chance.clone_from(&probe.by_chance);
            } else {
                let sums = pool.by_chance.iter_mut().zip(&probe.by_chance);
                sums.for_each(|(sum, over)| *sum += over);
            }
        }
        pool
    }

    /// The logarithm of what is measured over what the times alone predict, and its standard error, where it lies beyond
    /// all the schedules: then requests take longer (or shorter) for having waited, or for having not.
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
