//! When a rule that is not ours would have left each stage of a recorded run.

use super::super::recording::StageJudgement;
use super::super::rule::RuleSpec;
use crate::event::{Stage, StopDetail};

/// When a stage is left.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// The stage.
    pub stage: Stage,
    /// In seconds from its beginning.
    pub at_s: f64,
    /// The chosen metrics that are never known there.
    pub open: Vec<&'static str>,
}

/// When each stage is left under a rule that is not the controller's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Stops {
    rule: RuleSpec,
    /// By stage, in the order in which they were judged.
    pub due: Vec<Due>,
}

impl Stops {
    /// A stage is over when the rule wants to see no more of the last of its chosen metrics; where one stays open, when
    /// the time for measuring is used up (`max_time_s`).
    pub fn joint(rule: &RuleSpec, judgements: &[StageJudgement], max_time_s: f64) -> Self {
        let mut due: Vec<Due> = Vec::new();
        for found in judgements {
            let at = due.iter().position(|due| due.stage == found.stage);
            let at = at.unwrap_or_else(|| {
                due.push(Due { stage: found.stage, at_s: 0.0, open: Vec::new() });
                due.len() - 1
            });
            let stop_s = found.judgement.stop_s.filter(|stop_s| *stop_s <= max_time_s);
            let over_s = stop_s.or(found.gave_up_s).unwrap_or(max_time_s);
            due[at].at_s = due[at].at_s.max(over_s.min(max_time_s));
            if stop_s.is_none() {
                due[at].open.push(found.metric.name);
            }
        }
        Self { rule: rule.clone(), due }
    }

    /// That of a stage.
    pub(super) fn of(&self, stage: Stage) -> Option<&Due> {
        self.due.iter().find(|due| due.stage == stage)
    }

    /// Why a run ends: its metrics are known to the rule, or it has one that is not.
    pub(super) fn detail(&self, known: bool) -> StopDetail {
        let rule = (!self.rule.needs_future()).then(|| self.rule.to_string());
        StopDetail::OfRule { rule, known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::rule::Judgement;
    use crate::metric::find;

    fn judgement(stage: Stage, metric: &str, stop_s: Option<f64>) -> StageJudgement {
        StageJudgement {
            stage,
            metric: find(metric).unwrap(),
            judgement: Judgement {
                stop_s,
                used: 1.0,
                estimate: None,
                interval: None,
                reason: "".into(),
            },
            full_estimate: None,
            gave_up_s: None,
        }
    }

    #[test]
    fn the_last_metric_ends_a_stage() {
        let (serve, train) = (Stage::Serve(1), Stage::Train);
        let due = |stage, at_s, open: &[&'static str]| Due { stage, at_s, open: open.to_vec() };
        let (rate, cpu) = ("train.throughput", "cpu.utilisation");
        for (judgements, says) in [
            (vec![], vec![]),
            (
                vec![
                    judgement(serve, cpu, Some(1.5)),
                    judgement(train, rate, Some(2.0)),
                    judgement(train, cpu, Some(9.0)),
                ],
                vec![due(serve, 1.5, &[]), due(train, 9.0, &[])],
            ),
            (
                vec![judgement(train, rate, None), judgement(train, cpu, Some(2.0))],
                vec![due(train, 60.0, &[rate])],
            ),
            (vec![judgement(train, rate, Some(61.0))], vec![due(train, 60.0, &[rate])]),
            (
                vec![StageJudgement { gave_up_s: Some(3.0), ..judgement(train, rate, None) }],
                vec![due(train, 3.0, &[rate])],
            ),
        ] {
            assert_eq!(Stops::joint(&RuleSpec::default(), &judgements, 60.0).due, says);
        }
    }
}
