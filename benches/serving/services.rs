//! Servers of known behaviour, and the limits that they reach at a load, by theory or by a simulation of its own.

use super::common::parallel;
use super::noise::{Ar1, Noise};

/// Mean service in seconds, but where a kind says otherwise.
pub(crate) const SERVICE_S: f64 = 5e-3;

pub(crate) const PERCENTILE: f64 = 0.99;

/// How long answers take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Constant,
    /// Sigma 0.5.
    LogNormal,
    Exponential,
    /// AR(1) 0.9, 20%: slow and fast periods.
    Periods,
    /// 20% slower after an idle gap.
    Cold,
    /// Normal, 10%; 15% slower after any wait.
    Crowded,
    /// Normal, 10%; 20% slower after a wait of 15 ms: no model of the search's knows of this.
    Overrun,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::LogNormal => "log-normal, sigma 0.5",
            Self::Exponential => "exponential",
            Self::Periods => "AR(1) 0.9, 20%",
            Self::Cold => "20% slower after idling",
            Self::Crowded => "15% slower in a queue",
            Self::Overrun => "20% slower after 15 ms",
        }
    }
}

/// One server of a kind.
pub(crate) struct Server {
    kind: Kind,
    noise: Noise,
    state: Ar1,
}

impl Server {
    pub(crate) fn new(kind: Kind, seed: u64) -> Self {
        Self { kind, noise: Noise::new(seed), state: Ar1::new(0.9) }
    }

    /// Seconds for the next answer, to a request that has waited so long.
    pub(crate) fn next(&mut self, wait_s: f64) -> f64 {
        let noise = &mut self.noise;
        let slower = |is: bool, by: f64| if is { 1.0 + by } else { 1.0 };
        SERVICE_S
            * match self.kind {
                Kind::Constant => 1.0,
                Kind::LogNormal => (0.5 * noise.normal() - 0.125).exp(),
                Kind::Exponential => -(1.0 - noise.uniform()).ln(),
                Kind::Periods => (1.0 + 0.2 * self.state.next(noise)).max(0.05),
                Kind::Cold => (1.0 + 0.1 * noise.normal()) * slower(wait_s <= 0.0, 0.2),
                Kind::Crowded => (1.0 + 0.1 * noise.normal()) * slower(wait_s > 0.0, 0.15),
                Kind::Overrun => (1.0 + 0.1 * noise.normal()) * slower(wait_s > 0.015, 0.2),
            }
    }
}

/// P(wait <= t) at one server with Poisson arrivals of this load and a service of 1 (Erlang 1909).
fn erlang(load: f64, t: f64) -> f64 {
    let (mut sum, mut k, mut factorial) = (0.0, 0, 1.0);
    while f64::from(k) <= t {
        let x = load * (f64::from(k) - t);
        sum += x.powi(k) / factorial * (-x).exp();
        k += 1;
        factorial *= f64::from(k);
    }
    (1.0 - load) * sum
}

/// The latency, in seconds, that the percentile reaches at this many times `1 / SERVICE_S` requests per second.
pub(crate) fn limit_at(kind: Kind, load: f64) -> f64 {
    match kind {
        Kind::Constant => {
            let (mut low, mut high) = (0.0, 60.0);
            while high - low > 1e-9 {
                let middle = f64::midpoint(low, high);
                if erlang(load, middle) < PERCENTILE {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            SERVICE_S * (1.0 + high)
        }
        Kind::Exponential => -SERVICE_S * (1.0 - PERCENTILE).ln() / (1.0 - load),
        _ => simulated_limit(kind, load),
    }
}

/// The percentile over 32 independent loads of 2 million requests, by a plain simulation that shares no code with what is
/// under test.
pub(crate) fn simulated_limit(kind: Kind, load: f64) -> f64 {
    const BUCKET_S: f64 = 1e-5;
    let counts = parallel(32, |seed| {
        let mut server = Server::new(kind, seed * 15_485_863 + 3);
        let mut gaps = Noise::new(seed * 32_452_843 + 11);
        let mut counts = vec![0_u64; 200_000];
        let (mut free, mut now) = (0.0_f64, 0.0_f64);
        for i in 0..2_100_000 {
            now += -(1.0 - gaps.uniform()).ln() * SERVICE_S / load;
            let start = free.max(now);
            free = start + server.next(start - now);
            if i >= 100_000 {
                counts[(((free - now) / BUCKET_S) as usize).min(199_999)] += 1;
            }
        }
        counts
    });
    let total: u64 = counts.iter().flatten().sum();
    let mut seen = 0;
    let bucket = (0..200_000).find(|bucket| {
        seen += counts.iter().map(|counts| counts[*bucket]).sum::<u64>();
        seen as f64 >= PERCENTILE * total as f64
    });
    (bucket.unwrap() as f64 + 0.5) * BUCKET_S
}
