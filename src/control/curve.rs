//! How far the accuracy of a training may still rise.
//!
//! Learning curves have no law that holds for certain. What is taken for certain here is 1.4 times what was seen of any recorded
//! curve, or more (`cargo bench --bench search -- curves`): from an epoch on the error falls by no more than the square of the ratio
//! of the epochs in all to those so far, and at the end still by a factor of 3, as where a schedule lowers the rate of
//! learning. The error now is taken as the least that the number of validation samples leaves open. A curve that has not left
//! its first epoch says nothing of how fast it will rise.

use crate::stats::wilson;

/// By which power of the ratio of epochs an error may fall.
const POWER: i32 = 2;

/// By which factor it may fall at any time.
const FACTOR: f64 = 3.0;

/// Confidence of what is known of an accuracy by its samples: three standard deviations.
const CONFIDENCE: f64 = 0.9973;

/// The accuracy on the validation data so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    /// Of the first epoch.
    pub first: f64,
    /// The highest one.
    pub best: f64,
    /// Epochs until now.
    pub epochs: u32,
    /// Epochs in all.
    pub budget: u32,
    /// Validation samples.
    pub samples: u64,
}

impl Curve {
    /// The most that the accuracy can be at the end; absent where nobody can say, or it is the end.
    pub fn most(&self) -> Option<f64> {
        let now = wilson(self.best, self.samples, CONFIDENCE)?;
        if self.epochs < 2 || self.epochs >= self.budget || now.low <= self.first {
            return None;
        }
        let ratio = f64::from(self.budget) / f64::from(self.epochs);
        Some(1.0 - (1.0 - now.high) / ratio.powi(POWER).max(FACTOR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_accuracy_can_reach_shrinks_with_the_epochs_and_the_samples() {
        let curve = |best, epochs, samples| Curve { first: 0.1, best, epochs, budget: 20, samples };
        for (found, says) in [
            // An error of 0.5, at least 0.484 by 9,000 samples, falls to a sixteenth, to a quarter, to a third.
            (curve(0.5, 5, 9000), Some(0.970)),
            (curve(0.5, 10, 9000), Some(0.879)),
            (curve(0.5, 19, 9000), Some(0.839)),
            // Of 100 samples less is known.
            (curve(0.5, 10, 100), Some(0.911)),
            // It has not begun to rise, nobody knows of how many samples it is, and it is the first epoch or the last.
            (curve(0.104, 10, 9000), None),
            (curve(0.5, 10, 0), None),
            (curve(0.5, 1, 9000), None),
            (curve(0.5, 20, 9000), None),
            (curve(f64::NAN, 10, 9000), None),
        ] {
            let most = found.most();
            let near = match (most, says) {
                (Some(most), Some(says)) => (most - says).abs() < 0.002,
                (most, says) => most == says,
            };
            assert!(near, "{found:?}: {most:?}");
        }
    }
}
