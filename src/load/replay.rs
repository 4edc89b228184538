//! What other rates would do to requests that take up measured times: Lindley's recursion over many schedules.
//!
//! The times keep their measured order, so slow and fast periods stay together. The schedules are the same at every rate
//! but for their scale (common random numbers), which makes the share of latencies over a limit rise with the rate request
//! by request, not only on average, and the root a matter of bisection.

use super::arrivals::UnitGaps;

/// The times are left out in so many contiguous blocks, one at a time (a jackknife), to see what rests on few of them.
pub(super) const BLOCKS: usize = 10;

/// A replay is cut into this many batches to see how much of its result is chance.
const BATCHES: usize = 32;

/// Latencies over the limit that a replay should see.
const WANTED_OVER: f64 = 4_000.0;

/// Fewest and most requests of a replay.
const REQUESTS: (f64, f64) = (200_000.0, 2_000_000.0);

/// Nearer to capacity no steady state is reached within a replay.
pub(super) const TOP: f64 = 0.98;

/// Below this share of capacity requests hardly ever meet.
const BOTTOM: f64 = 1e-3;

/// Schedules under which a probe is repeated.
pub(super) const SCHEDULES: u64 = 400;

/// How long the server is taken up by each request, in seconds and in measured order, in either case.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Times {
    /// If it finds the server idle.
    pub(super) idle_s: Vec<f64>,
    /// If it has waited.
    pub(super) queued_s: Vec<f64>,
}

impl Times {
    pub(super) fn len(&self) -> usize {
        self.idle_s.len().min(self.queued_s.len())
    }

    /// The rate at which a queue grows for ever: nothing is idle there.
    pub(super) fn capacity_per_s(&self) -> f64 {
        self.queued_s.len() as f64 / self.queued_s.iter().sum::<f64>()
    }

    fn iter(&self, from: usize, to: usize) -> impl Iterator<Item = (f64, f64)> {
        let queued = self.queued_s[from..to].iter();
        self.idle_s[from..to].iter().copied().zip(queued.copied())
    }
}

/// Times to replay, against a latency limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replay<'a> {
    pub(super) times: &'a Times,
    pub(super) limit_s: f64,
    /// Share of the latencies that may be over the limit.
    pub(super) allowed: f64,
    pub(super) seed: u64,
}

/// The highest rate by the replays alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prediction {
    /// Requests per second.
    pub(super) rate_per_s: f64,
    /// Standard error of its logarithm: from the measured times and from the replay.
    pub(super) ln_error: f64,
    /// d ln(share over the limit) / d ln(rate).
    pub(super) slope: f64,
}

/// Where the limit lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Root {
    At(Prediction),
    /// The share of slow requests is too large without any waiting.
    BelowService,
    /// Not reached at [`TOP`] of capacity; with the rate where it would be if the share went on rising as it does there.
    AboveCapacity(Prediction),
}

/// Latencies over the limit in each batch of a replay.
struct Exceedances {
    batches: [u64; BATCHES],
    per_batch: u64,
}

impl Exceedances {
    /// Logarithm of the share over the limit; none at all counts as a half.
    fn ln_share(&self) -> f64 {
        let over = self.batches.iter().sum::<u64>() as f64;
        (over.max(0.5) / (self.per_batch * BATCHES as u64) as f64).ln()
    }

    /// Variance of that logarithm, from how the batches differ.
    fn ln_variance(&self) -> f64 {
        let n = BATCHES as f64;
        let mean = self.batches.iter().sum::<u64>() as f64 / n;
        let apart = |over: &u64| (*over as f64 - mean).powi(2);
        let squares: f64 = self.batches.iter().map(apart).sum();
        squares / (n - 1.0) / n / mean.max(0.5).powi(2)
    }
}

/// The latency after a wait.
#[inline]
fn after(wait: f64, idle: f64, queued: f64) -> f64 {
    if wait > 0.0 { wait + queued } else { idle }
}

impl Replay<'_> {
    /// Requests of one replay.
    fn requests(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let requests = (WANTED_OVER / self.allowed).clamp(REQUESTS.0, REQUESTS.1) as u64;
        requests
    }

    /// Replays so many requests, after a sixteenth as many that are not counted. In the place of the block `left_out`
    /// there is another one each time round: that leaves all other times with their own arrivals.
    fn run(&self, rate_per_s: f64, requests: u64, left_out: Option<usize>) -> Exceedances {
        let length = (self.times.len() / BLOCKS).max(1);
        let blocks = (self.times.len() / length).min(BLOCKS);
        let per_batch = requests / BATCHES as u64;
        let mut overs = Exceedances { batches: [0; BATCHES], per_batch };
        let mut gaps = UnitGaps::new(self.seed);
        let (mut wait, mut left, mut batch) = (0.0_f64, requests / 16, None::<usize>);
        for round in 0.. {
            for place in 0..blocks {
                let block = if left_out == Some(place) && blocks > 1 {
                    (place + 1 + round % (blocks - 1)) % blocks
                } else {
                    place
                };
                for (idle, queued) in self.times.iter(block * length, (block + 1) * length) {
                    if left == 0 {
                        let next = batch.map_or(0, |batch| batch + 1);
                        if next == BATCHES {
                            return overs;
                        }
                        (batch, left) = (Some(next), per_batch);
                    }
                    left -= 1;
                    let latency = after(wait, idle, queued);
                    if let Some(batch) = batch {
                        overs.batches[batch] += u64::from(latency > self.limit_s);
                    }
                    wait = (latency - gaps.draw() / rate_per_s).max(0.0);
                }
            }
        }
        overs
    }

    /// The highest rate at which no more than the allowed share of latencies is over the limit.
    pub(super) fn root(&self) -> Root {
        let capacity = self.times.capacity_per_s();
        let goal = self.allowed.ln();
        let coarse = |rate: f64| self.run(rate, self.requests() / 4, None).ln_share();
        let (mut low, mut high) = (BOTTOM * capacity, TOP * capacity);
        if coarse(low) > goal {
            return Root::BelowService;
        }
        if coarse(high) <= goal {
            return self.polished(high * (-0.02_f64).exp());
        }
        while high > low * 1.02 {
            let middle = (low * high).sqrt();
            if coarse(middle) > goal {
                high = middle;
            } else {
                low = middle;
            }
        }
        self.polished((low * high).sqrt())
    }

    /// Two steps of a secant in logarithms from a rate that is right to a few per cent.
    fn polished(&self, from: f64) -> Root {
        let (mut rate, mut slope) = (from, 0.0);
        for reach in [0.02_f64, 0.01] {
            let middle = rate.min(TOP * self.times.capacity_per_s() / reach.exp());
            let shares = [-reach, reach].map(|away| {
                let run = self.run(middle * away.exp(), self.requests(), None);
                run.ln_share()
            });
            slope = ((shares[1] - shares[0]) / (2.0 * reach)).max(1e-3);
            let off = (self.allowed.ln() - f64::midpoint(shares[0], shares[1])) / slope;
            rate = middle * off.clamp(-0.05, 1.0).exp();
        }
        let top = TOP * self.times.capacity_per_s();
        let prediction = Prediction {
            rate_per_s: rate,
            ln_error: self.ln_share_variance(rate.min(top)).sqrt() / slope,
            slope,
        };
        if rate >= top { Root::AboveCapacity(prediction) } else { Root::At(prediction) }
    }

    /// Variance of the logarithm of the share over the limit at a rate: that of the measured times, by the jackknife
    /// over blocks (Efron and Stein 1981), and that of the replay itself.
    fn ln_share_variance(&self, rate_per_s: f64) -> f64 {
        let requests = self.requests();
        let chance = self.run(rate_per_s, requests, None).ln_variance();
        let without: Vec<f64> = (0..BLOCKS)
            .map(|block| self.run(rate_per_s, requests, Some(block)).ln_share())
            .collect();
        let n = without.len() as f64;
        let mean = without.iter().sum::<f64>() / n;
        let squares: f64 = without.iter().map(|share| (share - mean).powi(2)).sum();
        // Each replay without a block has a tenth of its requests anew, so chance is in both parts: rather too wide.
        (n - 1.0) / n * squares + chance
    }

    /// How many latencies are over the limit when the times, from an empty queue, meet each of [`SCHEDULES`] schedules.
    pub(super) fn overs_by_chance(&self, rate_per_s: f64) -> Vec<u64> {
        let schedule = |number: u64| {
            let mut gaps = UnitGaps::new(self.seed.wrapping_add(1 + number));
            let (mut wait, mut over) = (0.0_f64, 0);
            for (idle, queued) in self.times.iter(0, self.times.len()) {
                let latency = after(wait, idle, queued);
                over += u64::from(latency > self.limit_s);
                wait = (latency - gaps.draw() / rate_per_s).max(0.0);
            }
            over
        };
        (0..SCHEDULES).map(schedule).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn alike(times_s: &[f64]) -> Times {
        Times { idle_s: times_s.to_vec(), queued_s: times_s.to_vec() }
    }

    fn replay(times: &Times, limit_s: f64) -> Replay<'_> {
        Replay { times, limit_s, allowed: 0.01, seed: 3 }
    }

    /// P(wait <= t) at one server with Poisson arrivals and a service of 1 (Erlang 1909).
    fn erlang(rate: f64, t: f64) -> f64 {
        let mut sum = 0.0;
        let (mut k, mut factorial) = (0, 1.0);
        while f64::from(k) <= t {
            let x = rate * (f64::from(k) - t);
            sum += x.powi(k) / factorial * (-x).exp();
            k += 1;
            factorial *= f64::from(k);
        }
        (1.0 - rate) * sum
    }

    /// The limit in services of 1 that the 99th percentile reaches at this load.
    fn limit_at(rate: f64) -> f64 {
        let (mut low, mut high) = (0.0, 40.0);
        while high - low > 1e-9 {
            let middle = f64::midpoint(low, high);
            if erlang(rate, middle) < 0.99 {
                low = middle;
            } else {
                high = middle;
            }
        }
        1.0 + high
    }

    #[test]
    fn the_root_is_that_of_the_theory() {
        let constant = vec![5e-3; 500];
        let mut draws = UnitGaps::new(99);
        let exponential: Vec<f64> = (0..40_000).map(|_| 5e-3 * draws.draw()).collect();
        for (name, times, limit, load) in [
            ("M/D/1 0.5", &constant, 5e-3 * limit_at(0.5), 0.5),
            ("M/D/1 0.9", &constant, 5e-3 * limit_at(0.9), 0.9),
            ("M/M/1 0.7", &exponential, 5e-3 * 100.0_f64.ln() / 0.3, 0.7),
        ] {
            let times = alike(times);
            let replay = replay(&times, limit);
            let Root::At(found) = replay.root() else {
                panic!("{name}: no root");
            };
            let off = found.rate_per_s / times.capacity_per_s() / load - 1.0;
            assert!(off.abs() < 0.02, "{name}: {off}");
            assert!(found.ln_error < 0.012, "{name}: {found:?}");
        }
    }

    #[test]
    fn limits_without_a_root_say_on_which_side() {
        let mut times = vec![5e-3; 400];
        let root = |times: &[f64], limit| replay(&alike(times), limit).root();
        assert_eq!(root(&times, 4.9e-3), Root::BelowService);
        assert!(matches!(root(&times, 10.0), Root::AboveCapacity(_)));
        // One in 80 is too slow alone, one in 200 is not.
        times.iter_mut().step_by(80).for_each(|time| *time = 1.0);
        assert_eq!(root(&times, 0.5), Root::BelowService);
        let mut rarely = vec![5e-3; 400];
        rarely.iter_mut().step_by(200).for_each(|time| *time = 1.0);
        assert!(matches!(root(&rarely, 0.5), Root::At(_)));
    }

    #[test]
    fn what_rests_on_one_block_is_uncertain() {
        let error = |times: &[f64]| match replay(&alike(times), 0.04).root() {
            Root::At(prediction) => prediction.ln_error,
            other => panic!("{other:?}"),
        };
        let steady: Vec<f64> = (0..1000).map(|i| if i % 10 == 0 { 0.01 } else { 0.005 }).collect();
        let mut lumped = steady.clone();
        lumped.sort_by(f64::total_cmp);
        assert!(error(&lumped) > 3.0 * error(&steady));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Common random numbers: no batch ever has fewer latencies over the limit at a higher rate.
        #[test]
        fn more_load_is_never_faster(times in prop::collection::vec(1e-4..1e-2_f64, 10..60), load in 0.1..0.8_f64, more in 1.0..1.2_f64) {
            let times = alike(&times);
            let replay = replay(&times, 0.02);
            let rate = load * times.capacity_per_s();
            let slow = replay.run(rate, 3200, None);
            let fast = replay.run(rate * more, 3200, None);
            prop_assert_eq!(slow.per_batch, 100);
            for (slow, fast) in slow.batches.iter().zip(fast.batches) {
                prop_assert!(*slow <= fast);
            }
        }

        #[test]
        fn scaled_times_scale_the_shares(times in prop::collection::vec(1e-4..1e-2_f64, 10..60), load in 0.1..0.95_f64) {
            let twice = alike(&times.iter().map(|time| time * 2.0).collect::<Vec<_>>());
            let times = alike(&times);
            let (one, two) = (replay(&times, 0.02), replay(&twice, 0.04));
            let rate = load * times.capacity_per_s();
            prop_assert_eq!(one.run(rate, 3200, Some(3)).batches, two.run(rate / 2.0, 3200, Some(3)).batches);
        }
    }
}
