//! The log of a run, fed to the controllers that would have stopped it.
//!
//! What comes of all runs together is left to the totals. Invariant: a log is read in a stream, so that memory does not
//! grow with it.

use std::path::Path;

use crate::app::replay::recording::{Beginning, feed};
use crate::control::rule::RuleSpec;
use crate::control::shadow::{ShadowEnd, ShadowRun, Stops};
use crate::control::{RunContext, RunReplay, StopPolicy};
use crate::event::RunRecord;
use crate::store::StoreError;

/// A run under a rule.
pub(super) struct Observed {
    /// The rule.
    pub(super) rule: RuleSpec,
    /// The precision that it was asked for.
    pub(super) within: f64,
    /// The run as it would have been.
    pub(super) end: ShadowEnd,
}

impl Observed {
    /// The rule with all that it was given: read again, it is the same under every run's policy.
    pub(super) fn label(&self) -> String {
        format!("{:#}", self.rule)
    }
}

/// What a run would have been under each rule; `None` where it was really stopped early:
/// nobody knows its whole. The log is read in a stream, twice where a rule is not ours.
pub(super) fn observe(
    folder: &Path,
    record: &RunRecord,
    cores: Option<f64>,
    rules: &[RuleSpec],
) -> Result<Option<Vec<Observed>>, StoreError> {
    let begun = Beginning::read(folder, Some(record), cores)?;
    let Some(Beginning { policy, context, .. }) = begun else {
        return Err(StoreError::NoResults {
            path: folder.to_owned(),
            why: "its log does not begin as one".to_owned(),
        });
    };
    let mut shadows = shadows(folder, rules, &policy, &context)?;
    let said = feed(folder, &mut shadows, ShadowRun::on_worker, ShadowRun::on_sample)?;
    if policy.enabled && said.asked {
        return Ok(None);
    }
    let ends = shadows.into_iter().map(ShadowRun::finish);
    let observed = rules.iter().zip(ends).map(|(rule, end)| Observed {
        rule: rule.clone(),
        within: rule.given("within").unwrap_or(policy.within),
        end,
    });
    Ok(Some(observed.collect()))
}

/// A run for each rule. Rules that are not ours judge the log once before.
fn shadows(
    folder: &Path,
    rules: &[RuleSpec],
    policy: &StopPolicy,
    context: &RunContext,
) -> Result<Vec<ShadowRun>, StoreError> {
    let replay = |rule: &RuleSpec| RunReplay::new(policy, rule, context.clone());
    let mut replays: Vec<_> = rules.iter().filter(|rule| !rule.is_ours()).map(replay).collect();
    if !replays.is_empty() {
        feed(folder, &mut replays, RunReplay::on_worker, RunReplay::on_sample)?;
    }
    let mut replays = replays.into_iter();
    let shadow = |rule: &RuleSpec| match (!rule.is_ours()).then(|| replays.next()).flatten() {
        Some(replay) => {
            let stops = Stops::joint(rule, &replay.finish(), policy.max_time_s);
            ShadowRun::with_stops(policy, stops, context.clone())
        }
        None => ShadowRun::new(policy, rule, context.clone()),
    };
    Ok(rules.iter().map(shadow).collect())
}
