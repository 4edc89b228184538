//! What the user asks of the controller.

use serde::{Deserialize, Serialize};

use crate::event::{Bar, Constraint};
use crate::metric::{CATALOGUE, MetricName};

/// When a run may stop. Shares and confidences are in 0..1, times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StopPolicy {
    /// Whether runs stop early at all; `--full` switches it off, the figures and their intervals stay.
    pub enabled: bool,
    /// Whether nothing but a broken limit (or the end of `max_run_time_s`) ends a run early: for a command of which
    /// nobody has said when it is known well enough.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limits_only: bool,
    /// The chosen metrics, already expanded from groups. None: [`default_metrics`].
    pub metrics: Vec<MetricName>,
    /// Half-width of the interval over the estimate that counts as known.
    pub within: f64,
    /// Nominal confidence of the intervals.
    pub confidence: f64,
    /// Looks in a row that must agree.
    pub looks: u32,
    /// Shortest time in a stage before it may be known.
    pub min_time_s: f64,
    /// Longest time in a stage for metrics to become known; then the stage is left as *noise-limited* or *unstable*.
    pub max_time_s: f64,
    /// Whether a stage is left as soon as waiting for the rest of its time is futile.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub futility: bool,
    /// Longest wall time of a run; then it ends as *budget*.
    pub max_run_time_s: Option<f64>,
    /// The length of what the figures are to speak of, in seconds: intervals then take in how the level may wander until
    /// there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_s: Option<f64>,
    /// Epochs without improvement of the validation accuracy before a run counts as trained.
    pub patience: u32,
    /// Smallest gain in validation accuracy that counts as an improvement.
    pub min_delta: f64,
    /// The validation accuracy that `train.time_to_accuracy` waits for; without one there is no such figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_accuracy: Option<f64>,
    /// What the run must keep; a run that breaks one for certain ends as *infeasible*. Their metrics are always among the
    /// chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// What the accuracy must reach to decide anything; a training that cannot any more ends as *out of reach*. Said of a run
    /// by a search, and no setting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<Bar>,
}

impl Default for StopPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            limits_only: false,
            metrics: Vec::new(),
            within: 0.05,
            confidence: 0.95,
            looks: 1,
            min_time_s: 1.0,
            max_time_s: 60.0,
            futility: true,
            max_run_time_s: None,
            horizon_s: None,
            patience: 5,
            min_delta: 0.001,
            target_accuracy: None,
            constraints: Vec::new(),
            bars: Vec::new(),
        }
    }
}

const fn yes() -> bool {
    true
}

/// The groups that are chosen when the user chooses nothing.
///
/// What costs little to know and everybody asks: how fast, how busy, how large. The tails (p95, p99) are left to those
/// who name them, since a 99th percentile needs hundreds of independent steps; so is accuracy, which asks for a whole
/// training.
pub const DEFAULT_GROUPS: &[&str] =
    &["throughput", "step_latency", "latency", "cpu", "memory", "gpu"];

/// The metrics behind [`DEFAULT_GROUPS`].
pub fn default_metrics() -> Vec<MetricName> {
    let chosen =
        CATALOGUE.iter().filter(|metric| metric.in_group && DEFAULT_GROUPS.contains(&metric.group));
    chosen.map(|metric| metric.id.into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_tail_or_an_accuracy_unasked() {
        let chosen = default_metrics();
        assert!(chosen.iter().any(|name| name == "train.throughput"));
        assert!(chosen.iter().any(|name| name == "memory.peak"));
        assert!(!chosen.iter().any(|name| name.contains("p99") || name.contains("accuracy")));
    }
}
