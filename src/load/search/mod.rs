//! The highest rate whose latency percentile keeps a limit, in few probes.
//!
//! A search that only looks at measured percentiles needs many requests a probe: near the limit latencies hang together
//! over hundreds of requests. Here a probe yields the *times that requests take up*, and what any rate would do follows
//! from them by Lindley's recursion over many schedules, which costs no waiting. The first probe is back to back; each
//! further one offers the rate predicted so far. It renews the times where they have changed under this load, yields what
//! an idle gap does to the next answer, and checks the prediction: where the latencies over the limit are more or fewer
//! than under any of 400 other schedules over the same times, these depend on the queue in some other way, and the
//! prediction is corrected by what was measured, and its interval holds both.
//!
//! What is assumed: apart from idle gaps, and slow and fast periods, the time of an answer does not depend on the queue.
//! A server that slows down in other ways when many wait is noticed only when that is plain in some thousand requests.
//!
//! ```text
//! probe() -> answer probe().source() one by one -> feed(served) until NextProbe or Ended      and so on
//! ```
//!
//! The rate is that of the steady state: the percentile is that of all latencies of a load that goes on for ever.
//!
//! What it costs: a probe of `n` requests takes `n / rate` seconds, and between two probes some 0.1 s of computing (p99).

mod idling;
mod measured;
mod outcome;

pub use outcome::{AskError, Fed, MaxRate, Outcome, Probe, ProbeResult, SearchAsk};

use super::replay::{BLOCKS, Prediction, Replay, Root, TOP, Times};
use super::served::Served;
use crate::stats::distribution::student_t;
use measured::{Measured, Pool, Running};
use outcome::LEAST_REQUESTS;

/// A search ends when its interval is this share of what was asked: it is looked at after each probe, which makes it
/// somewhat narrower than it should be.
const MARGIN: f64 = 2.0 / 3.0;

/// Latencies over the limit that a probe should have on average, if it is to check the prediction.
const WANTED_OVER: f64 = 10.0;

/// Probes at an offered rate before the end.
const LEAST_OFFERED: u32 = 2;

/// Furthest that measured latencies may move the prediction, as a logarithm.
const FURTHEST: f64 = 0.5;

/// The search; see the module.
#[derive(Debug, Clone)]
pub struct MaxRateSearch {
    ask: SearchAsk,
    probe: Probe,
    running: Running,
    probes: Vec<Measured>,
    /// At each look so far, the standard error times the root of the requests that it rests on.
    widths: Vec<f64>,
    outcome: Option<Outcome>,
}

/// What is known between two probes.
struct Known {
    rate: MaxRate,
    /// Half of the interval's width, as a logarithm.
    half: f64,
}

impl MaxRateSearch {
    /// Begins with a probe back to back.
    pub fn new(ask: SearchAsk) -> Result<Self, AskError> {
        ask.check()?;
        let probe =
            Probe { number: 1, rate_per_s: None, seed: ask.seed, requests: least_requests(&ask) };
        Ok(Self {
            ask,
            probe,
            running: Running::default(),
            probes: Vec::new(),
            widths: Vec::new(),
            outcome: None,
        })
    }

    /// What to measure; `None` once the search is over.
    pub fn probe(&self) -> Option<&Probe> {
        self.outcome.is_none().then_some(&self.probe)
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The probes that are over.
    pub fn results(&self) -> Vec<ProbeResult> {
        self.probes.iter().map(|probe| probe.result).collect()
    }

    /// Takes the next answered request of the current probe. The one that completes a probe takes some 0.1 s.
    pub fn feed(&mut self, served: &Served) -> Fed {
        if self.outcome.is_some() {
            return Fed::Ended;
        }
        if !self.running.add(served, &self.probe, self.ask.limit_s) {
            return Fed::More;
        }
        self.close();
        self.judge(false);
        if self.outcome.is_some() { Fed::Ended } else { Fed::NextProbe }
    }

    /// Ends the search with what is known: there is no more time. Ends nothing twice.
    pub fn end(&mut self) -> &Outcome {
        if self.outcome.is_none() {
            if self.running.requests() >= LEAST_REQUESTS {
                self.close();
            }
            self.judge(true);
        }
        let requests = self.requests();
        self.outcome.get_or_insert(Outcome::Unresolved { requests })
    }

    fn requests(&self) -> u64 {
        let over = self.probes.iter().map(|probe| probe.result.requests);
        over.sum::<u64>() + self.running.requests()
    }

    fn close(&mut self) {
        let running = std::mem::take(&mut self.running);
        self.probes.push(running.close(&self.probe));
    }

    /// Ends the search, or says what to measure next. `last`: there is no next.
    fn judge(&mut self, last: bool) {
        let pool = Pool::of(&mut self.probes, &self.ask);
        let last = last || self.probes.len() >= self.ask.max_probes as usize;
        if pool.busy.len() < BLOCKS {
            if last {
                let requests = self.requests();
                self.outcome = Some(Outcome::Unresolved { requests });
            }
            return;
        }
        match self.replay(&pool.busy).root() {
            Root::BelowService => self.below_service(&pool, last),
            Root::AboveCapacity(prediction) => self.above_capacity(&pool, &prediction, last),
            Root::At(prediction) => self.predicted(&pool, &prediction, last),
        }
    }

    fn replay<'a>(&self, times: &'a Times) -> Replay<'a> {
        Replay {
            times,
            limit_s: self.ask.limit_s,
            allowed: self.ask.allowed(),
            seed: self.ask.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }
    }

    /// No rate at all is a verdict on the model, so it takes two probes that show it, each by itself; a single one only
    /// where there is no time for another.
    fn below_service(&mut self, pool: &Pool, last: bool) {
        let mut newest = self.probes.iter().rev();
        let mut slow = || {
            let probe = newest.next()?;
            Some(probe.is_too_slow(pool.factor, &self.ask))
        };
        let (certain, again) = (slow() == Some(true), slow());
        let offered = self.probe.rate_per_s;
        let alone = last && again.is_none();
        if certain && (again == Some(true) || alone) && (offered.is_none() || last) {
            let service_s = percentile(&pool.service.idle_s, self.ask.percentile);
            self.outcome = Some(Outcome::LimitBelowService { service_s });
        } else if last {
            let requests = self.requests();
            self.outcome = Some(Outcome::Unresolved { requests });
        } else {
            // Slower under load than back to back: a lower rate may still do.
            let requests = if certain && offered.is_none() {
                least_requests(&self.ask)
            } else {
                self.ask.probe_requests
            };
            self.next(offered.map(|rate| rate / 2.0), requests);
        }
    }

    fn above_capacity(&mut self, pool: &Pool, prediction: &Prediction, last: bool) {
        let capacity_per_s = pool.busy.capacity_per_s();
        let rate_per_s = TOP * capacity_per_s;
        if self.known(pool, prediction).rate.rate_per_s < rate_per_s {
            // What was measured there says otherwise.
            self.predicted(pool, prediction, last);
            return;
        }
        let offered = self.offered_near(rate_per_s);
        if pool.offered >= LEAST_OFFERED && offered {
            self.outcome = Some(Outcome::NeverBroken { rate_per_s, capacity_per_s });
        } else if last {
            let requests = self.requests();
            self.outcome = Some(Outcome::Unresolved { requests });
        } else {
            self.next(Some(rate_per_s), least_requests(&self.ask));
        }
    }

    fn predicted(&mut self, pool: &Pool, prediction: &Prediction, last: bool) {
        let prediction = self.no_luck(pool, *prediction);
        let known = self.known(pool, &prediction);
        let enough = pool.offered >= LEAST_OFFERED && self.offered_near(known.rate.rate_per_s);
        if last || (enough && known.half <= MARGIN * self.ask.within) {
            self.outcome = Some(self.found(pool, known.rate, enough));
            return;
        }
        let have = pool.busy.len() as f64;
        let ratio = known.half / (MARGIN * self.ask.within);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let missing = (have * (ratio * ratio - 1.0)).clamp(0.0, 1e15) as u64;
        let requests = missing.clamp(least_requests(&self.ask), self.ask.probe_requests);
        self.next(Some(known.rate.rate_per_s), requests);
    }

    /// Whoever looks often and ends at the first narrow interval ends at one that is narrow by luck: none may be narrower
    /// than all looks so far say on average.
    fn no_luck(&mut self, pool: &Pool, prediction: Prediction) -> Prediction {
        let root = (pool.busy.len() as f64).sqrt();
        self.widths.push(prediction.ln_error * root);
        let mean = self.widths.iter().sum::<f64>() / self.widths.len() as f64;
        Prediction { ln_error: prediction.ln_error.max(mean / root), ..prediction }
    }

    /// The rate with its interval, corrected where measured latencies contradict the prediction.
    fn known(&self, pool: &Pool, prediction: &Prediction) -> Known {
        let t = student_t(self.ask.confidence, BLOCKS as f64 - 1.0);
        let (off, off_error) = pool
            .contradiction()
            .map_or((0.0, 0.0), |(off, error)| (off / prediction.slope, error / prediction.slope));
        let off = off.clamp(-FURTHEST, FURTHEST);
        // Corrected: nobody knows in what way times depend on the queue, so the prediction itself stays within reach.
        let half = (t * prediction.ln_error.hypot(off_error)).max(off.abs());
        let rate_per_s = prediction.rate_per_s * (-off).exp();
        let capacity_per_s = pool.busy.capacity_per_s();
        let rate = MaxRate {
            rate_per_s,
            low: rate_per_s * (-half).exp(),
            high: (rate_per_s * half.exp()).min(capacity_per_s.max(rate_per_s)),
            capacity_per_s,
            correction: (-off).exp(),
            precise: half <= self.ask.within,
        };
        Known { rate, half }
    }

    fn found(&self, pool: &Pool, mut rate: MaxRate, offered: bool) -> Outcome {
        rate.precise &= offered;
        if pool.offered < LEAST_OFFERED {
            // Nothing has held the prediction to what a load really does: there is no interval for that.
            (rate.low, rate.high) = (0.0, rate.capacity_per_s);
        }
        // Without any delay of the generator's there is nothing to compare.
        if pool.busy == pool.service {
            return Outcome::Found(rate);
        }
        let model_rate_per_s = match self.replay(&pool.service).root() {
            Root::At(prediction) => prediction.rate_per_s * rate.correction,
            Root::AboveCapacity(_) => TOP * pool.service.capacity_per_s(),
            Root::BelowService => rate.rate_per_s,
        };
        if rate.rate_per_s < (1.0 - self.ask.within) * model_rate_per_s {
            return Outcome::GeneratorBound { reached: rate, model_rate_per_s };
        }
        Outcome::Found(rate)
    }

    /// Whether the newest probe really offered this rate.
    fn offered_near(&self, rate_per_s: f64) -> bool {
        let offered = self.probes.last().and_then(|probe| probe.result.rate_per_s);
        offered.is_some_and(|rate| (rate / rate_per_s).ln().abs() <= self.ask.within / 2.0)
    }

    fn next(&mut self, rate_per_s: Option<f64>, requests: u64) {
        let number = self.probe.number + 1;
        self.probe = Probe {
            number,
            rate_per_s,
            seed: self.ask.seed.wrapping_add(u64::from(number) << 20),
            requests,
        };
    }
}

/// Fewest requests of a probe that can check the prediction, if it may have so many.
fn least_requests(ask: &SearchAsk) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let wanted = (WANTED_OVER / ask.allowed()).round().min(1e15) as u64;
    wanted.clamp(LEAST_REQUESTS, ask.probe_requests)
}

/// The smallest value with at least this share at or below it; 0 without a value.
fn percentile(values: &[f64], level: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a level is within 0..1"
    )]
    let rank = (level * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests;
