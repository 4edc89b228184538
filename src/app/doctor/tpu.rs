//! The machine's TPUs.
//!
//! Asking them is left to `sampler`. Invariant: that nobody holds them now does not count as a reason why they are not
//! measured.

use serde::Serialize;

use super::fact::Fact;
use crate::sampler::{TpuChip, TpuSurvey};

/// The machine's TPUs, and whether they can be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tpus {
    /// The chips on its bus.
    pub chips: Vec<TpuChip>,
    /// Google's devices that are not known to be chips.
    pub unknown: Vec<String>,
    /// Devices that the metrics services speak of now; absent where there is nobody to ask.
    pub devices_now: Option<Fact<usize>>,
    /// Why this build cannot ask, and what to do about it; absent where it can.
    pub cannot_ask: Option<String>,
    /// The chips in a word, such as `4 x v5e`.
    #[serde(skip)]
    pub named: Option<String>,
}

impl From<TpuSurvey> for Tpus {
    fn from(survey: TpuSurvey) -> Self {
        Self {
            named: survey.named(),
            chips: survey.found.chips,
            unknown: survey.found.unknown,
            devices_now: survey.answers.map(Fact::from),
            cannot_ask: survey.cannot_ask,
        }
    }
}

impl Tpus {
    /// Why TPUs are not measured here, if they are not. That no workload holds them now is no reason.
    pub fn why_not(&self) -> Option<String> {
        if self.chips.is_empty() && self.devices_now.is_none() {
            return Some("no TPU was found".to_owned());
        }
        self.cannot_ask.clone()
    }
}
