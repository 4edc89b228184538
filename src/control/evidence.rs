//! The evidence that goes with a decision.

use super::policy::StopPolicy;
use super::stage::{Chosen, Outcome, StageState};
use crate::event::{
    Age, Grounds, Num, OpenEnd, OpenFigure, OpenHow, OpenStage, RunOpen, Stage, StageEnd,
    StageLeft, StopDetail, StopReason, StopRecord,
};

pub(super) fn age(stage: &StageState, now_ns: u64) -> Age {
    Age {
        seconds: Num(stage.age_ns(now_ns) as f64 * 1e-9),
        stage: stage.stage,
        queues: stage.series.ideal.is_some(),
    }
}

/// Why a stage counts as known.
pub(super) fn known(stage: &StageState, policy: &StopPolicy, now_ns: u64) -> StageEnd {
    let age = age(stage, now_ns);
    match stage.counted().count() {
        _ if matches!(stage.stage, Stage::Confirm(_)) => StageEnd::Decided { age },
        0 => StageEnd::Nothing { age },
        count => StageEnd::Known { count, grounds: grounds(stage, policy, now_ns) },
    }
}

/// Why the run ends as known, as of its training: the metrics of all stages count.
pub(super) fn run_known(stages: &[StageState], policy: &StopPolicy, now_ns: u64) -> StopDetail {
    let with_chosen = stages.iter().map(|stage| stage.counted().count()).filter(|count| *count > 0);
    let (count, of) = with_chosen.fold((0, 0), |(sum, of), count| (sum + count, of + 1));
    let Some(last) = stages.last() else {
        return StopDetail::NothingMeasured;
    };
    if last.counted().next().is_none() {
        return StopDetail::KnownBefore { count, here: known(last, policy, now_ns) };
    }
    StopDetail::Known { count, stages: of, grounds: grounds(last, policy, now_ns) }
}

fn grounds(stage: &StageState, policy: &StopPolicy, now_ns: u64) -> Grounds {
    Grounds {
        within: Num(policy.within),
        confidence: Num(policy.confidence),
        looks: policy.looks,
        steps: stage.series.times.observations(),
        cut: stage.series.steps_cut(),
        age: age(stage, now_ns),
    }
}

/// Which metrics are open and what each has reached.
pub(super) fn open(stage: &StageState, policy: &StopPolicy) -> OpenStage {
    let open = stage.counted().filter(|chosen| !chosen.known(policy.looks));
    let how = |chosen: &Chosen| match &chosen.last {
        None => OpenHow::NeverJudged,
        Some(last) => match (&last.open, last.takes, last.reached()) {
            (Some(_), Some(takes), Some(reached)) => {
                let (half_width, asked) = (Num(reached), Num(policy.within));
                OpenHow::NoiseLimited { half_width, asked, takes_s: stage.likely_s(takes) }
            }
            (Some(why), ..) => {
                OpenHow::Reached { half_width: last.reached().map(Num), why: why.clone() }
            }
            (None, ..) => OpenHow::Unconfirmed { looks: policy.looks },
        },
    };
    let figure = |chosen: &Chosen, how| OpenFigure { metric: chosen.metric.id.into(), how };
    let each = open.map(|chosen| figure(chosen, how(chosen)));
    let left_out = stage.chosen.iter().filter_map(|chosen| {
        let note = chosen.left_out.clone()?;
        Some(figure(chosen, OpenHow::LeftOut { note }))
    });
    let left = stage.left_ns.zip(stage.outcome).map(|(left_ns, outcome)| StageLeft {
        after_s: Num(stage.age_ns(left_ns) as f64 * 1e-9),
        futile: outcome == Outcome::Futile,
    });
    let figures = each.chain(left_out).collect();
    OpenStage { stage: stage.stage, began: true, left, figures }
}

fn unknown(stage: &StageState, policy: &StopPolicy) -> usize {
    let known = stage.counted().filter(|chosen| chosen.known(policy.looks));
    stage.chosen.len() - known.count()
}

/// Why a stage is left though not all is known.
pub(super) fn left_open(stage: &StageState, policy: &StopPolicy, now_ns: u64) -> StageEnd {
    let age = age(stage, now_ns);
    if let Stage::Confirm(_) = stage.stage {
        return StageEnd::Undecided { age };
    }
    let left = open(stage, policy);
    let noise = left.is_noise();
    let found = OpenEnd {
        open: unknown(stage, policy),
        of: stage.chosen.len(),
        within: Num(policy.within),
        age,
        figures: left.figures,
    };
    if noise { StageEnd::NoiseLimited(found) } else { StageEnd::Unstable(found) }
}

/// What keeps these from being known: noise alone, or something else as well.
pub(super) fn why_open(open: &[OpenStage]) -> StopReason {
    let noise = open.iter().all(OpenStage::is_noise);
    if noise { StopReason::NoiseLimited } else { StopReason::Unstable }
}

/// Why the run ends though not all is known: what is open in each stage. `more`: chosen metrics of phases that never began.
pub(super) fn run_open(
    stages: &[StageState],
    more: usize,
    open: Vec<OpenStage>,
    policy: &StopPolicy,
    now_ns: u64,
) -> StopRecord {
    let all: usize = stages.iter().map(|stage| stage.chosen.len()).sum();
    let unknown: usize = stages.iter().map(|stage| unknown(stage, policy)).sum();
    let reason = why_open(&open);
    let found = RunOpen {
        open: unknown + more,
        of: all + more,
        within: Num(policy.within),
        age: stages.last().map(|stage| age(stage, now_ns)),
        stages: open,
    };
    let detail = match reason {
        StopReason::NoiseLimited => StopDetail::NoiseLimited(found),
        _ => StopDetail::Unstable(found),
    };
    StopRecord { reason, detail }
}
