//! The log of a run, fed to the controllers that would have stopped it.

use std::path::Path;

use crate::app::replay::recording::Beginning;
use crate::control::rule::RuleSpec;
use crate::control::shadow::{ShadowEnd, ShadowRun, Stops};
use crate::control::{RunContext, RunReplay, StopPolicy};
use crate::event::RunRecord;
use crate::store::{Line, StoreError, read_lines};

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

/// What a run would have been under each rule, ours where none is given; `None` where it was really stopped early:
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
    let own = [RuleSpec::default()];
    let rules = if rules.is_empty() { &own[..] } else { rules };

    let mut shadows = shadows(folder, rules, &policy, &context)?;
    let mut asked = false;
    for line in read_lines(folder)? {
        match line? {
            Line::Worker(envelope) => shadows.iter_mut().for_each(|s| s.on_worker(&envelope)),
            Line::Sample(sample) => shadows.iter_mut().for_each(|s| s.on_sample(&sample)),
            Line::Asked { .. } => asked = true,
            _ => {}
        }
    }
    if policy.enabled && asked {
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
    let mut replays: Vec<_> =
        rules.iter().map(|rule| (!rule.is_ours()).then(|| replay(rule))).collect();
    if replays.iter().any(Option::is_some) {
        for line in read_lines(folder)? {
            let line = line?;
            for replay in replays.iter_mut().flatten() {
                match &line {
                    Line::Worker(envelope) => replay.on_worker(envelope),
                    Line::Sample(sample) => replay.on_sample(sample),
                    _ => {}
                }
            }
        }
    }
    let shadow = |(rule, replay): (&RuleSpec, Option<RunReplay>)| match replay {
        Some(replay) => {
            let stops = Stops::joint(rule, &replay.finish(), policy.max_time_s);
            ShadowRun::with_stops(policy, stops, context.clone())
        }
        None => ShadowRun::new(policy, rule, context.clone()),
    };
    Ok(rules.iter().zip(replays).map(shadow).collect())
}
