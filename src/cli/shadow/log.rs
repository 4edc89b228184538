//! The log of a run, fed to the controllers that would have stopped it.

use std::path::Path;

use super::super::replay::results::unsupported;
use crate::control::rule::{RuleId, RuleSpec};
use crate::control::shadow::{ShadowEnd, ShadowRun, joint};
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

/// What a run would have been under each rule, its own where none is given; `None` where it was really stopped early:
/// nobody knows its whole. The log is read in a stream, twice where a rule needs to know the future.
pub(super) fn observe(
    folder: &Path,
    (record, cores): (&RunRecord, Option<f64>),
    rules: &[RuleSpec],
) -> Result<Option<Vec<Observed>>, StoreError> {
    let Some(Ok(Line::Started { job, stop, t_ns, .. })) = read_lines(folder)?.next() else {
        return Err(damaged(folder));
    };
    let policy: StopPolicy = serde_json::from_value(stop).map_err(|_| damaged(folder))?;
    let threads = f64::from(job.threads.max(1));
    let cores = record.limits.cores(cores.unwrap_or(threads)).min(threads);
    let context = RunContext::of_job(&job, cores, unsupported(record), t_ns);
    let own = [policy.rule.clone()];
    let rules = if rules.is_empty() { &own[..] } else { rules };

    let mut shadows = shadows(folder, rules, (&policy, &context))?;
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

/// A run for each rule. Those that know the future see the log once before.
fn shadows(
    folder: &Path,
    rules: &[RuleSpec],
    (policy, context): (&StopPolicy, &RunContext),
) -> Result<Vec<ShadowRun>, StoreError> {
    let knows = |rule: &&RuleSpec| rule.id() == RuleId::Oracle;
    let oracles = rules.iter().filter(knows);
    let mut replays: Vec<_> =
        oracles.map(|rule| RunReplay::new(policy, rule, context.clone())).collect();
    if !replays.is_empty() {
        for line in read_lines(folder)? {
            match line? {
                Line::Worker(envelope) => replays.iter_mut().for_each(|r| r.on_worker(&envelope)),
                Line::Sample(sample) => replays.iter_mut().for_each(|r| r.on_sample(&sample)),
                _ => {}
            }
        }
    }
    let mut replays = replays.into_iter();
    let shadow = |rule: &RuleSpec| {
        let oracle = (rule.id() == RuleId::Oracle).then(|| replays.next());
        match oracle.flatten() {
            Some(replay) => {
                let due = joint(&replay.finish(), policy.max_time_s);
                ShadowRun::with_hindsight(policy, due, context.clone())
            }
            None => ShadowRun::new(policy, rule, context.clone()),
        }
    };
    Ok(rules.iter().map(shadow).collect())
}

fn damaged(folder: &Path) -> StoreError {
    StoreError::NoResults {
        path: folder.to_owned(),
        why: "its log does not begin as one".to_owned(),
    }
}
