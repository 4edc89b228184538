//! Checked samples, intervals and estimates, and the interval between repeated runs.

use super::distribution::student_t;

/// Why values are not a sample.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// One value says nothing of its spread.
    #[error("{got} values are too few for a spread; at least 2 are needed")]
    TooFew {
        /// How many there were.
        got: usize,
    },
    /// NaN or infinite.
    #[error("value {index} is {value}, which is not a finite number")]
    NotFinite {
        /// Its place, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
}

/// At least two finite numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a>(&'a [f64]);

impl<'a> Sample<'a> {
    /// Checks the values.
    pub fn new(values: &'a [f64]) -> Result<Self, SampleError> {
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let value = values[index];
            return Err(SampleError::NotFinite { index, value });
        }
        if values.len() < 2 {
            return Err(SampleError::TooFew { got: values.len() });
        }
        Ok(Self(values))
    }

    /// Arithmetic mean.
    pub fn mean(self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// Unbiased variance, by the two-pass formula.
    pub fn variance(self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.0.iter().map(|value| (value - mean).powi(2)).sum();
        squares / (self.0.len() - 1) as f64
    }

    /// How many values.
    pub fn count(self) -> usize {
        self.0.len()
    }

    /// The value at `level` in 0..=1, linear between neighbours (type 7 of Hyndman and Fan 1996).
    pub fn quantile(self, level: f64) -> f64 {
        let mut sorted = self.0.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted_quantile(&sorted, level)
    }
}

/// [`Sample::quantile`] of values already in order; NaN for none.
pub(super) fn sorted_quantile(sorted: &[f64], level: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = level.clamp(0.0, 1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= place <= last"
    )]
    let below = place as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// A closed interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// `centre` plus and minus `half`.
    pub fn around(centre: f64, half: f64) -> Self {
        Self { low: centre - half, high: centre + half }
    }

    /// Both ends moved outward by `margin`.
    #[must_use]
    pub fn widened(self, margin: f64) -> Self {
        Self { low: self.low - margin, high: self.high + margin }
    }

    /// Whether `value` lies in it.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// A figure with the interval it is known to, and how much it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Its interval; absent where none can be justified.
    pub interval: Option<Interval>,
    /// Observations after truncation.
    pub samples: u64,
}

impl Estimate {
    /// The larger distance from the value to an end of the interval: order-statistic intervals are not symmetric.
    pub fn half_width(&self) -> Option<f64> {
        let interval = self.interval?;
        Some((interval.high - self.value).max(self.value - interval.low))
    }
}

/// The mean of one figure over repeated runs with Student's interval; no interval under three runs, where a heavy tail
/// of one run would rule it. `None` when a value is not finite or there is none.
pub fn between_runs(values: &[f64], confidence: f64) -> Option<Estimate> {
    let samples = values.len() as u64;
    match values {
        [] => None,
        [one] => one.is_finite().then_some(Estimate { value: *one, interval: None, samples }),
        _ => {
            let sample = Sample::new(values).ok()?;
            let (mean, count) = (sample.mean(), sample.count() as f64);
            let half = student_t(confidence, count - 1.0) * (sample.variance() / count).sqrt();
            Some(Estimate {
                value: mean,
                interval: (samples >= 3).then(|| Interval::around(mean, half)),
                samples,
            })
        }
    }
}

/// How many times as large the second of each pair is as the first: the geometric mean, with Student's interval of its logarithm.
/// What both of a pair have in common cancels out.
pub fn quotient(pairs: impl IntoIterator<Item = (f64, f64)>, confidence: f64) -> Option<Estimate> {
    let logs: Vec<f64> = pairs.into_iter().map(|(base, other)| (other / base).ln()).collect();
    let found = between_runs(&logs, confidence)?;
    let interval =
        found.interval.map(|ends| Interval { low: ends.low.exp(), high: ends.high.exp() });
    Some(Estimate { value: found.value.exp(), interval, ..found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bad_samples_say_why() {
        for (values, says) in [
            (vec![], "0 values"),
            (vec![1.0], "1 values"),
            (vec![1.0, f64::NAN, 2.0], "value 1 is NaN"),
            (vec![f64::INFINITY, 1.0], "value 0 is inf"),
        ] {
            let message = Sample::new(&values).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn a_quotient_knows_no_common_factor() {
        // Quotients 2, 4 and 8: mean of the logarithms ln 4, s = ln 2, t(0.975, 2) = 4.3027.
        let found = quotient([(1.0, 2.0), (10.0, 40.0), (0.5, 4.0)], 0.95).unwrap();
        let half = (4.3027 * 2f64.ln() / 3f64.sqrt()).exp();
        let interval = found.interval.unwrap();
        assert!((found.value - 4.0).abs() < 1e-9, "{found:?}");
        assert!((interval.high / 4.0 - half).abs() < 1e-2, "{found:?}");
        assert!((4.0 / interval.low - half).abs() < 1e-2, "{found:?}");
        // A time of 0 is none to divide by.
        assert_eq!(quotient([(0.0, 1.0), (1.0, 1.0), (1.0, 1.0)], 0.95), None);
    }

    #[test]
    fn between_runs_is_the_textbook_interval() {
        // Mean 10, s = 1, t(0.975, 2) = 4.3027: half-width 4.3027 / sqrt(3).
        let estimate = between_runs(&[9.0, 10.0, 11.0], 0.95).unwrap();
        assert!((estimate.value - 10.0).abs() < 1e-12);
        assert!((estimate.half_width().unwrap() - 2.4841).abs() < 1e-3);
        assert_eq!(between_runs(&[9.0, 10.0], 0.95).unwrap().interval, None);
        assert_eq!(between_runs(&[], 0.95), None);
        assert_eq!(between_runs(&[1.0, f64::NAN, 2.0], 0.95), None);
    }

    proptest! {
        #[test]
        fn quantiles_stay_in_range_and_in_order(values in prop::collection::vec(-1e9..1e9f64, 2..50), a in 0.0..1.0f64, b in 0.0..1.0f64) {
            let sample = Sample::new(&values).unwrap();
            let (low, high) = (sample.quantile(a.min(b)), sample.quantile(a.max(b)));
            prop_assert!(low <= high);
            prop_assert!(sample.quantile(0.0) <= low && high <= sample.quantile(1.0));
            prop_assert!(sample.variance() >= 0.0);
        }
    }
}
