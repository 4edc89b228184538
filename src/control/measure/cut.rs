//! The beginning that an estimate leaves out.

use crate::stats::Part;
use crate::units::seconds;

/// Share of a stage's steps or time that may be left out as warm-up without a word.
const CUT_SHARE: f64 = 0.05;

/// The beginning that an estimate leaves out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    /// Time left out and in all, in seconds.
    seconds: (f64, f64),
    /// Observations left out and in all.
    observations: (u64, u64),
}

impl Cut {
    /// `parts`: those of a time, in seconds, against anything or anything against it: `time` picks it.
    pub(crate) fn of(parts: &[Part], cut: usize, per_batch: u64, time: fn(&Part) -> f64) -> Self {
        let seconds = |parts: &[Part]| parts.iter().map(time).sum::<f64>();
        let observations = |parts: usize| parts as u64 * per_batch;
        Self {
            seconds: (seconds(&parts[..cut]), seconds(parts)),
            observations: (observations(cut), observations(parts.len())),
        }
    }

    /// Whether a reader must know.
    pub(crate) fn is_much(&self) -> bool {
        let (cut, all) = self.seconds;
        let (steps, all_steps) = self.observations;
        cut > CUT_SHARE * all || steps as f64 > CUT_SHARE * all_steps as f64
    }

    /// For notes.
    pub(crate) fn sentence(&self) -> String {
        let (cut, all) = self.seconds;
        format!("first {} of {} left out as warm-up", seconds(cut), seconds(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twentieth_may_be_left_out_without_a_word() {
        let part = |amount| Part { amount, weight: 2.0 };
        let long_first: Vec<Part> = [1.81].into_iter().chain([0.026; 90]).map(part).collect();
        let even: Vec<Part> = [0.1; 100].map(part).to_vec();
        for (parts, cut, says) in [
            (&long_first, 1, Some("first 1.81 s of 4.15 s left out as warm-up")),
            (&long_first, 0, None),
            (&even, 4, None),
            (&even, 6, Some("first 600 ms of 10.0 s left out as warm-up")),
        ] {
            let found = Cut::of(parts, cut, 2, |part| part.amount);
            let said = found.is_much().then(|| found.sentence());
            assert_eq!(said.as_deref(), says);
        }
    }
}
