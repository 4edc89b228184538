//! The joint stop of the rule that knows the future.

use super::super::recording::StageJudgement;
use crate::event::Stage;

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

/// A stage is over when the last of its chosen metrics is known; where one never is, when the time for measuring is used
/// up (`max_time_s`).
pub fn joint(judgements: &[StageJudgement], max_time_s: f64) -> Vec<Due> {
    let mut due: Vec<Due> = Vec::new();
    for found in judgements {
        let at = due.iter().position(|due| due.stage == found.stage);
        let at = at.unwrap_or_else(|| {
            due.push(Due { stage: found.stage, at_s: 0.0, open: Vec::new() });
            due.len() - 1
        });
        let stop_s = found.judgement.stop_s.filter(|stop_s| *stop_s <= max_time_s);
        due[at].at_s = due[at].at_s.max(stop_s.unwrap_or(max_time_s));
        if stop_s.is_none() {
            due[at].open.push(found.metric.name);
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::rule::Judgement;
    use crate::event::metric::find;

    fn judgement(stage: Stage, metric: &str, stop_s: Option<f64>) -> StageJudgement {
        StageJudgement {
            stage,
            metric: find(metric).unwrap(),
            judgement: Judgement {
                stop_s,
                used: 1.0,
                estimate: None,
                interval: None,
                reason: String::new(),
            },
            full_estimate: None,
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
        ] {
            assert_eq!(joint(&judgements, 60.0), says);
        }
    }
}
