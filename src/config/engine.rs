//! `[engine]`: who runs the cells of a grid, and what a cluster is told of it.

use super::key::At;
use crate::document::problems::Problems;
use crate::engine::EnginePolicy;
use crate::engine::policy::EARLIER_S;

/// What `[engine]` says.
#[derive(Debug, Clone, Default)]
pub(super) struct EngineAsked {
    pub(super) policy: EnginePolicy,
    /// Where the time limit stands.
    pub(super) time: Option<At>,
}

/// Reports a time limit that leaves no time before the warning.
pub(super) fn check(asked: &EngineAsked, problems: &mut Problems) {
    let EnginePolicy { time_s, warning_s, .. } = asked.policy;
    let Some((time_s, at)) = time_s.zip(asked.time) else {
        return;
    };
    if warning_s > 0.0 && time_s < warning_s + EARLIER_S {
        problems.error_with(
            at.value,
            format!(
                "a task would be warned at once that its time is over: `time` is {time_s} s, `warning` {warning_s} s, and Slurm may be a minute early"
            ),
            "give it more time, or a shorter `warning`; warning = \"0s\" leaves it out",
        );
    }
}
