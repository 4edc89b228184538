//! What an idle gap does to the answer after it: cold caches and a sleeping processor make it longer.
//!
//! Other rates have other idle gaps, so a replay must know the effect by itself. Requests that found the server idle
//! are no fair sample, though: in a slow period more requests queue. So times are regressed (ordinary least squares) on
//! whether the server was idle, *given* the last time and the mean of the last 20: what the period does is in these, and
//! whether a request waits depends on its own time in no way.

use super::super::replay::Times;

/// Times before a request that tell how fast the period is.
const PERIOD: usize = 20;

/// Standard errors below which an effect is none.
const SURE: f64 = 3.0;

/// Regressors: one, idle, the last time, the mean of the period.
const N: usize = 4;

/// Sums of the regression over several probes.
#[derive(Debug, Clone, Default)]
pub(super) struct Idling {
    products: [[f64; N]; N],
    with_time: [f64; N],
    squares: f64,
    requests: f64,
}

impl Idling {
    /// Adds the times of one probe, in order, over `scale` (their mean, about); `idle`: which found the server idle.
    pub(super) fn add(&mut self, times_s: &[f64], idle: &[bool], scale: f64) {
        for i in PERIOD..times_s.len().min(idle.len()) {
            let before = &times_s[i - PERIOD..i];
            let period = before.iter().sum::<f64>() / PERIOD as f64 / scale;
            let row = [1.0, f64::from(u8::from(idle[i])), before[PERIOD - 1] / scale, period];
            let time = times_s[i] / scale;
            for (at, value) in row.iter().enumerate() {
                self.with_time[at] += value * time;
                for (other, factor) in row.iter().enumerate() {
                    self.products[at][other] += value * factor;
                }
            }
            self.squares += time * time;
            self.requests += 1.0;
        }
    }

    /// The time after an idle gap over that in a queue; 1 where no effect is certain.
    pub(super) fn factor(&self) -> f64 {
        let n = self.requests;
        let idle = self.products[0][1];
        // Requests of both kinds, or nothing can be told apart.
        if idle < PERIOD as f64 || n - idle < PERIOD as f64 {
            return 1.0;
        }
        // Constant times make the last two regressors multiples of the first: a ridge far below any effect.
        let mut ridged = self.products;
        (2..N).for_each(|at| ridged[at][at] += 1e-6 * n);
        let Some(fitted) = solve(ridged, self.with_time) else {
            return 1.0;
        };
        let Some(unit) = solve(ridged, [0.0, 1.0, 0.0, 0.0]) else {
            return 1.0;
        };
        let explained: f64 = fitted.iter().zip(self.with_time).map(|(b, x)| b * x).sum();
        // Rounding in the sums leaves this much of nothing.
        let residual = ((self.squares - explained) / (n - N as f64)).max(1e-12);
        let effect = fitted[1];
        if effect.abs() <= SURE * (residual * unit[1]).sqrt() {
            return 1.0;
        }
        let mean = self.with_time[0] / n;
        let queued = mean - effect * idle / n;
        let factor = (queued + effect) / queued;
        if factor.is_finite() && factor > 0.0 { factor } else { 1.0 }
    }
}

/// Gauss's elimination with pivots; `None` for a singular matrix.
fn solve(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> Option<[f64; N]> {
    for column in 0..N {
        let size = |row: &usize| matrix[*row][column].abs();
        let pivot = (column..N).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let (head, value) = (matrix[column], right[column]);
        if head[column].abs() < 1e-12 {
            return None;
        }
        for row in (0..N).filter(|row| *row != column) {
            let factor = matrix[row][column] / head[column];
            for (cell, above) in matrix[row].iter_mut().zip(head) {
                *cell -= factor * above;
            }
            right[row] -= factor * value;
        }
    }
    let mut solution = right;
    for (at, value) in solution.iter_mut().enumerate() {
        *value /= matrix[at][at];
    }
    Some(solution)
}

/// What each request would take up in either case.
pub(super) fn both_cases(times_s: &[f64], idle: &[bool], factor: f64) -> Times {
    let mut times = Times::default();
    for (time, idle) in times_s.iter().zip(idle) {
        let (after_idling, queued) =
            if *idle { (*time, time / factor) } else { (time * factor, *time) };
        times.idle_s.push(after_idling);
        times.queued_s.push(queued);
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::Noise;

    /// Times of a queue at 70% load: their base, and the share by which an idle gap makes them longer.
    fn queue(
        seed: u64,
        cold: f64,
        mut base: impl FnMut(&mut Noise) -> f64,
    ) -> (Vec<f64>, Vec<bool>) {
        let mut noise = Noise::new(seed * 7919 + 1);
        let mut wait = 0.0_f64;
        (0..4000)
            .map(|_| {
                let idle = wait <= 0.0;
                let time = base(&mut noise) * if idle { 1.0 + cold } else { 1.0 };
                wait = wait.max(0.0) + time + (1.0 - noise.uniform()).ln() / 0.7;
                (time, idle)
            })
            .unzip()
    }

    fn factor(times: &(Vec<f64>, Vec<bool>)) -> f64 {
        let mut idling = Idling::default();
        idling.add(&times.0, &times.1, 1.0);
        idling.factor()
    }

    #[test]
    fn an_effect_is_found_and_slow_periods_are_none() {
        let (mut found, mut none) = (0, 0);
        for seed in 0..40 {
            for cold in [0.1, -0.1, 0.2] {
                let got = factor(&queue(seed, cold, |noise| 1.0 + 0.1 * noise.normal()));
                found += u32::from((got - 1.0 - cold).abs() < 0.02);
            }
            let mut state = 0.0;
            let periods = queue(seed, 0.0, |noise| {
                state = 0.9 * state + 0.19_f64.sqrt() * noise.normal();
                1.0 + 0.2 * state
            });
            let exponential = queue(seed, 0.0, |noise| -(1.0 - noise.uniform()).ln());
            for times in [periods, exponential] {
                none += u32::from((factor(&times) - 1.0).abs() < 1e-12);
            }
        }
        // One in 370 passes three standard errors by chance.
        assert!(found >= 119 && none >= 78, "{found} of 120, {none} of 80");
    }

    #[test]
    fn constant_times_have_their_effect_exactly() {
        let factor = |cold| factor(&queue(1, cold, |_| 1.0));
        assert!((factor(0.0) - 1.0).abs() < 1e-12);
        assert!((factor(0.2) - 1.2).abs() < 2e-3, "{}", factor(0.2));
        let all_idle = (vec![1.0; 100], vec![true; 100]);
        assert!((super::tests::factor(&all_idle) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn both_cases_keep_what_was_measured() {
        let times = both_cases(&[6.0, 5.0], &[true, false], 1.2);
        assert!((times.idle_s[1] - 6.0).abs() < 1e-12 && (times.queued_s[0] - 5.0).abs() < 1e-12);
        assert_eq!((times.idle_s[0], times.queued_s[1]), (6.0, 5.0));
    }
}
