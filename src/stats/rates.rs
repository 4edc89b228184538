//! Rates over equal windows of time, in bounded memory: a quantile of them says how fast something was while nothing
//! else was in its way, which the mean rate of the whole does not.
//!
//! Time here is the time of the steps, laid end to end. What a step did is spread over the windows that it covers in
//! proportion to time, so that a window cuts no step and steps of the same rate fill windows of that rate, however long
//! they are. Windows begin short and are merged in pairs when there are too many, so that their number says nothing of how
//! long it took. A short window varies more than a long one: quantiles of series whose windows differ in width differ by
//! that, too.

use super::sample::{Estimate, sorted_quantile};

/// Width of a window before any are merged, in nanoseconds: a phase that is left after a second must have enough of them.
const FIRST_NS: u64 = 25_000_000;

/// Windows at which pairs are merged.
const CAPACITY: usize = 64;

/// Fewest windows that have quartiles.
pub const FEWEST_WINDOWS: usize = 20;

/// What was done in each of 32 to 64 equal windows of time (fewer at first).
#[derive(Debug, Clone)]
pub struct RateWindows {
    /// Amounts of the full windows.
    full: Vec<f64>,
    width_ns: u64,
    /// What is in the open one, and how much of its time is over.
    open: f64,
    filled_ns: u64,
    steps: u64,
}

impl Default for RateWindows {
    fn default() -> Self {
        Self { full: Vec::new(), width_ns: FIRST_NS, open: 0.0, filled_ns: 0, steps: 0 }
    }
}

impl RateWindows {
    /// Adds a step that did `amount` in `ns`.
    pub fn push(&mut self, amount: f64, ns: u64) {
        self.steps += 1;
        if ns < self.width_ns - self.filled_ns {
            self.open += amount;
            self.filled_ns += ns;
        } else {
            self.spread(amount, ns);
        }
    }

    /// Adds a step that reaches the end of the open window.
    fn spread(&mut self, amount: f64, ns: u64) {
        let mut left_ns = ns;
        let share = |part_ns: u64| amount * (part_ns as f64 / ns as f64);
        loop {
            let room_ns = self.width_ns - self.filled_ns;
            if left_ns < room_ns {
                break;
            }
            left_ns -= room_ns;
            self.full.push(self.open + share(room_ns));
            (self.open, self.filled_ns) = (0.0, 0);
            if self.full.len() == CAPACITY {
                self.full = self.full.chunks(2).map(|pair| pair.iter().sum()).collect();
                self.width_ns = self.width_ns.saturating_mul(2);
            }
        }
        if left_ns > 0 {
            self.open += share(left_ns);
            self.filled_ns += left_ns;
        }
    }

    /// Full windows.
    pub fn len(&self) -> usize {
        self.full.len()
    }

    /// Whether no window is full yet.
    pub fn is_empty(&self) -> bool {
        self.full.is_empty()
    }

    /// Width of a window, in seconds.
    pub fn width_s(&self) -> f64 {
        self.width_ns as f64 * 1e-9
    }

    /// Full windows that hold the first `warm_up_s` seconds, as far as [`FEWEST_WINDOWS`] are left without them.
    pub fn warm_up(&self, warm_up_s: f64) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates at both ends"
        )]
        let windows = (warm_up_s / self.width_s()).ceil() as usize;
        windows.min(self.full.len().saturating_sub(FEWEST_WINDOWS))
    }

    /// The quantile at `level` of the rates of the full windows after the first `skip`, a second, linear between
    /// neighbours; `None` for fewer than [`FEWEST_WINDOWS`]. It rests on so many windows, or on the steps where these are
    /// fewer. No interval: neighbouring windows are not independent.
    pub fn quantile(&self, level: f64, skip: usize) -> Option<Estimate> {
        let left = self.full.get(skip..)?;
        if left.len() < FEWEST_WINDOWS {
            return None;
        }
        let mut sorted = left.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Estimate {
            value: sorted_quantile(&sorted, level) / self.width_s(),
            interval: None,
            samples: self.steps.min(left.len() as u64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn windows(steps: impl IntoIterator<Item = (f64, u64)>) -> RateWindows {
        let mut windows = RateWindows::default();
        for (amount, ns) in steps {
            windows.push(amount, ns);
        }
        windows
    }

    fn upper(of: &RateWindows) -> Option<f64> {
        of.quantile(0.75, 0).map(|estimate| estimate.value)
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
    }

    #[test]
    fn the_upper_quartile_is_that_of_the_windows() {
        // 25 windows of 1 to 25 steps each, which fill them exactly: the quartile is the 19th.
        let of = windows((1..=25_u64).flat_map(|n| {
            let each = FIRST_NS / n;
            let last = FIRST_NS - (n - 1) * each;
            let even = (1..n).map(move |_| (1.0, each));
            even.chain([(1.0, last)])
        }));
        assert_eq!(of.len(), 25);
        assert!(close(upper(&of).unwrap(), 19.0 / 0.025));
        // Without the first 5, of 6 to 25: between the 15th and the 16th.
        let later = of.quantile(0.75, 5).unwrap();
        assert!(close(later.value, 20.25 / 0.025), "{later:?}");
        assert_eq!((later.samples, later.interval), (20, None));
    }

    #[test]
    fn a_long_step_fills_windows_and_rests_on_itself() {
        let of = windows([(10.0, 500 * MS)]);
        assert_eq!((of.len(), of.quantile(0.75, 0).unwrap().samples), (20, 1));
        assert!(close(upper(&of).unwrap(), 20.0));
        let longest = windows([(1.0, u64::MAX), (1.0, u64::MAX)]);
        assert!((CAPACITY / 2..CAPACITY).contains(&longest.len()));
        assert!(upper(&longest).unwrap() > 0.0);
    }

    #[test]
    fn fewer_than_twenty_windows_have_no_quartile() {
        for (steps, windows_full) in [(19, 19), (20, 20)] {
            let of = windows((0..steps).map(|_| (1.0, FIRST_NS)));
            assert_eq!(of.len(), windows_full);
            assert_eq!(upper(&of).is_some(), windows_full >= FEWEST_WINDOWS);
        }
        assert!(RateWindows::default().is_empty());
        assert_eq!(upper(&windows([(1.0, 0)])), None);
    }

    #[test]
    fn sixty_four_windows_become_thirty_two_of_twice_the_width() {
        let steps = |n: usize| windows((0..n).map(|_| (1.0, FIRST_NS)));
        for (n, len, width_s) in
            [(63, 63, 0.025), (64, 32, 0.05), (65, 32, 0.05), (127, 63, 0.05), (128, 32, 0.1)]
        {
            let of = steps(n);
            assert_eq!((of.len(), close(of.width_s(), width_s)), (len, true), "{n}");
        }
    }

    #[test]
    fn a_warm_up_is_left_out_as_far_as_twenty_windows_stay() {
        let of = windows((0..40).map(|at| (if at < 10 { 0.5 } else { 1.0 }, FIRST_NS)));
        for (warm_up_s, skip) in [(0.0, 0), (0.01, 1), (0.25, 10), (0.26, 11), (9.0, 20)] {
            assert_eq!(of.warm_up(warm_up_s), skip, "{warm_up_s}");
            assert!(of.quantile(0.75, skip).is_some());
        }
        assert_eq!(of.warm_up(f64::NAN), 0);
        assert_eq!(of.quantile(0.75, 21), None);
        assert_eq!(of.quantile(0.75, 99), None);
        assert_eq!(of.quantile(0.1, 10).unwrap().samples, 30);
    }

    proptest! {
        #[test]
        fn the_rate_of_constant_steps_is_exact(
            amount in 0.5_f64..1e6, us in 1_u64..400_000, n in 1_usize..3000, level in 0.0_f64..=1.0,
        ) {
            // Whatever the windows, and however often they were merged.
            let of = windows((0..n).map(|_| (amount, us * 1000)));
            prop_assert!(of.len() < CAPACITY);
            if let Some(found) = of.quantile(level, 0) {
                prop_assert!(close(found.value, amount / (us as f64 * 1e-6)), "{found:?}");
            }
        }

        #[test]
        fn nothing_is_lost_and_twice_the_amounts_are_twice_the_rate(
            steps in prop::collection::vec((0.0_f64..100.0, 0_u64..300 * MS), 1..300),
        ) {
            let of = windows(steps.iter().copied());
            let whole: f64 = steps.iter().map(|(amount, _)| amount).sum();
            let kept = of.full.iter().sum::<f64>() + of.open;
            prop_assert!((whole - kept).abs() <= 1e-9 * (1.0 + whole));
            let time: u64 = steps.iter().map(|(_, ns)| ns).sum();
            prop_assert_eq!(of.len() as u64 * of.width_ns + of.filled_ns, time);
            let twice = windows(steps.iter().map(|(amount, ns)| (2.0 * amount, *ns)));
            prop_assert_eq!(upper(&twice), upper(&of).map(|rate| 2.0 * rate));
        }

        #[test]
        fn how_steps_are_cut_into_smaller_ones_changes_nothing(
            steps in prop::collection::vec((1.0_f64..100.0, 1_u64..100), 1..200), parts in 2_u64..6,
        ) {
            let whole = windows(steps.iter().map(|(amount, ms)| (*amount, ms * MS * parts)));
            let cut = windows(steps.iter().flat_map(|(amount, ms)| {
                (0..parts).map(move |_| (amount / parts as f64, ms * MS))
            }));
            prop_assert_eq!(whole.len(), cut.len());
            match (upper(&whole), upper(&cut)) {
                (Some(a), Some(b)) => prop_assert!(close(a, b), "{a} {b}"),
                (a, b) => prop_assert_eq!(a, b),
            }
        }

        #[test]
        fn the_quartile_lies_among_the_rates_of_the_steps(
            steps in prop::collection::vec((1.0_f64..100.0, 1_u64..200), 100..300),
        ) {
            let of = windows(steps.iter().map(|(amount, ms)| (*amount, ms * MS)));
            let rates = steps.iter().map(|(amount, ms)| amount / (*ms as f64 * 1e-3));
            let (low, high) = rates.fold((f64::INFINITY, 0.0_f64), |(low, high), rate| {
                (low.min(rate), high.max(rate))
            });
            let found = upper(&of).unwrap_or(low);
            prop_assert!(found >= low * (1.0 - 1e-9) && found <= high * (1.0 + 1e-9));
        }
    }
}
