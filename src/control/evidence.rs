//! The sentences that go with a decision.

use super::measure::why::Why;
use super::policy::StopPolicy;
use super::stage::StageState;
use crate::event::Stage;
use crate::units::percent;
use crate::units::seconds;

fn doing(stage: &StageState) -> String {
    match stage.stage {
        Stage::Run => "the command".to_owned(),
        Stage::Train => "training".to_owned(),
        // They may wait for each other.
        Stage::Serve(size) | Stage::Confirm(size) if stage.series.ideal.is_some() => {
            format!("serving requests of {size}")
        }
        Stage::Serve(1) | Stage::Confirm(1) => "serving one by one".to_owned(),
        Stage::Serve(size) | Stage::Confirm(size) => format!("serving by {size}"),
        other => other.to_string(),
    }
}

pub(super) fn age(stage: &StageState, now_ns: u64) -> String {
    let seconds = seconds(stage.age_ns(now_ns) as f64 * 1e-9);
    format!("{seconds} of {}", doing(stage))
}

/// Why a stage counts as known.
pub(super) fn known(stage: &StageState, policy: &StopPolicy, now_ns: u64) -> String {
    if let Stage::Confirm(_) = stage.stage {
        return format!("its constraints are decided, after {}", age(stage, now_ns));
    }
    let count = stage.counted().count();
    if count == 0 {
        return format!("nothing chosen is measured here; left after {}", age(stage, now_ns));
    }
    format!("{count} of {count} chosen metrics {}", grounds(stage, policy, now_ns))
}

/// Why the run ends as known, as of its training: the metrics of all stages count.
pub(super) fn run_known(stages: &[StageState], policy: &StopPolicy, now_ns: u64) -> String {
    let with_chosen = stages.iter().filter(|stage| stage.counted().next().is_some());
    let (count, of) =
        with_chosen.fold((0, 0), |(count, of), stage| (count + stage.counted().count(), of + 1));
    let Some(last) = stages.last() else {
        return "nothing was measured".to_owned();
    };
    if last.counted().next().is_none() {
        let here = known(last, policy, now_ns);
        return match count {
            0 => here,
            _ => format!("{count} of {count} chosen metrics known before training; {here}"),
        };
    }
    let stages = match of {
        1 => String::new(),
        _ => format!("of {of} stages "),
    };
    format!("{count} of {count} chosen metrics {stages}{}", grounds(last, policy, now_ns))
}

fn grounds(stage: &StageState, policy: &StopPolicy, now_ns: u64) -> String {
    let steps = stage.series.times.observations();
    let cut = match stage.series.steps_cut() {
        0 => String::new(),
        cut => format!(" ({cut} cut as warm-up)"),
    };
    let looks = match policy.looks {
        0 | 1 => String::new(),
        looks => format!(" for {looks} looks"),
    };
    format!(
        "within ±{} at {}{looks}, after {steps} steps{cut} and {}",
        percent(policy.within),
        percent(policy.confidence),
        age(stage, now_ns)
    )
}

/// Which metrics are open and what each has reached.
pub(super) fn open(stage: &StageState, policy: &StopPolicy) -> String {
    let open = stage.counted().filter(|chosen| !chosen.known(policy.looks));
    let each = open.map(|chosen| {
        let name = chosen.metric.name;
        let Some(last) = &chosen.last else {
            return format!("{name} was never judged");
        };
        match (&last.open, last.reached()) {
            (Some(why), None) => format!("{name}: {}", why.sentence()),
            (Some(Why::Wide), Some(reached)) => {
                format!("{name} reached ±{}", percent(reached))
            }
            (Some(why), Some(reached)) => {
                format!("{name} reached ±{} ({})", percent(reached), why.sentence())
            }
            (None, _) => format!("{name} was not confirmed by {} looks", policy.looks),
        }
    });
    let left_out = stage.chosen.iter().filter_map(|chosen| {
        let why = chosen.left_out.as_ref()?;
        Some(format!("{} could not be read: {why}", chosen.metric.name))
    });
    each.chain(left_out).collect::<Vec<_>>().join(", ")
}

/// Why a stage is left as unstable.
pub(super) fn unstable(stage: &StageState, policy: &StopPolicy, now_ns: u64) -> String {
    if let Stage::Confirm(_) = stage.stage {
        let age = age(stage, now_ns);
        return format!("not all of its constraints are decided after {age}");
    }
    let all = stage.chosen.len();
    let known = stage.counted().filter(|chosen| chosen.known(policy.looks)).count();
    format!(
        "unstable: {} of {all} chosen metrics not known within ±{} after {}: {}",
        all - known,
        percent(policy.within),
        age(stage, now_ns),
        open(stage, policy)
    )
}

/// Why the run ends as unstable: what is open in each stage. `more`: chosen metrics of phases that never began.
pub(super) fn run_unstable(
    stages: &[StageState],
    more: usize,
    open: &[String],
    policy: &StopPolicy,
    now_ns: u64,
) -> String {
    let all: usize = stages.iter().map(|stage| stage.chosen.len()).sum();
    let known = |stage: &StageState| {
        let known = stage.counted().filter(|chosen| chosen.known(policy.looks));
        known.count()
    };
    let known: usize = stages.iter().map(known).sum();
    let after = stages.last().map(|stage| age(stage, now_ns));
    format!(
        "{} of {} chosen metrics not known within ±{} after {}: {}",
        all + more - known,
        all + more,
        percent(policy.within),
        after.unwrap_or_default(),
        open.join("; ")
    )
}
