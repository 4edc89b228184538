//! The sentences that go with a decision.

use super::assess::{percent, steps_cut};
use super::policy::StopPolicy;
use super::stage::StageState;
use crate::event::Stage;
use crate::units::seconds;

fn doing(stage: Stage) -> String {
    match stage {
        Stage::Train => "training".to_owned(),
        Stage::Serve(1) => "serving one by one".to_owned(),
        Stage::Serve(size) => format!("serving by {size}"),
        other => other.to_string(),
    }
}

fn age(stage: &StageState, now_ns: u64) -> String {
    let seconds = seconds(stage.age_ns(now_ns) as f64 * 1e-9);
    format!("{seconds} of {}", doing(stage.stage))
}

/// Why a stage counts as known.
pub(super) fn known(stage: &StageState, policy: &StopPolicy, now_ns: u64) -> String {
    let count = stage.counted().count();
    if count == 0 {
        return format!(
            "nothing chosen is measured here; left after {}",
            age(stage, now_ns)
        );
    }
    let steps = stage.times.observations();
    let cut = match steps_cut(stage) {
        0 => String::new(),
        cut => format!(" ({cut} cut as warm-up)"),
    };
    let looks = match policy.looks {
        0 | 1 => "1 look".to_owned(),
        looks => format!("{looks} looks"),
    };
    format!(
        "{count} of {count} chosen metrics within ±{} at {} for {looks}, after {steps} steps{cut} and {}",
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
            (Some(super::assess::Why::Wide), Some(reached)) => {
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
    let all = stage.chosen.len();
    let known = stage
        .counted()
        .filter(|chosen| chosen.known(policy.looks))
        .count();
    format!(
        "{} of {all} chosen metrics not known within ±{} after {}: {}",
        all - known,
        percent(policy.within),
        age(stage, now_ns),
        open(stage, policy)
    )
}
