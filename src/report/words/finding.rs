//! What was found of constraints.

use super::note::{note, notes};
use crate::event::{
    Age, Constraint, Evidence, Finding, Note, Num, Ruling, Shortage, Stage, StopReason, Weights,
};
use crate::metric::{MetricDef, Source};
use crate::units::{Unit, bytes, percent, seconds};

/// One finding.
pub fn finding(finding: &Finding) -> String {
    let Some(constraint) = &finding.constraint else {
        return of_run(&finding.evidence);
    };
    let is = match finding.ruling {
        Ruling::Met => "is met",
        Ruling::Broken => "is broken",
        Ruling::Open => "is undecided",
    };
    let place = match (finding.stage, &finding.evidence) {
        (Some(stage), _) => format!(" in {stage}"),
        (None, Evidence::Figure { peak: true, .. }) => " over the stages completed".to_owned(),
        (None, _) => String::new(),
    };
    let weights = match finding.weights {
        None => "",
        Some(Weights::Untrained) => ", on untrained weights",
        Some(Weights::Trained) => ", on trained weights",
    };
    let again = if finding.met_when_trained { "; on trained weights it is met" } else { "" };
    match evidence(&finding.evidence, constraint, finding.ruling) {
        None => format!("{constraint} {is}{place}"),
        Some(said) => format!("{constraint} {is}{place}: {said}{weights}{again}"),
    }
}

/// What would decide a limit that is undecided, of a run of a command or of a model; nothing where nobody knows.
pub fn remedy(finding: &Finding, is_command: bool) -> Option<&'static str> {
    let constraint = finding.constraint.as_ref().filter(|_| finding.ruling == Ruling::Open)?;
    let whole = constraint.metric.def().is_some_and(MetricDef::is_of_model);
    Some(match &finding.evidence {
        Evidence::Bounds { load: Some(Note::GeneratorBound { .. }), .. } => {
            "a machine that does nothing else meanwhile, or a load generator that takes less time itself"
        }
        Evidence::Bounds { load: Some(Note::Unplayed), .. } => {
            "a worker that plays this load pattern"
        }
        Evidence::Bounds { load: Some(_), .. } => "a load that the model keeps up with",
        Evidence::Bounds { .. } | Evidence::NoLook if is_command => {
            "a longer run narrows its bounds: more work in the command itself; more runs of this length do not, since each run \
             is judged alone"
        }
        Evidence::Bounds { .. } | Evidence::NoLook => match stage_of(finding) {
            Some(Stage::Serve(_) | Stage::Confirm(_)) => {
                "longer stages narrow its bounds (max_time and max_requests of [serve], max_time of [stop]); more runs of this \
                 length do not, since each run is judged alone"
            }
            Some(Stage::Train) => {
                "longer training narrows its bounds (max_time of [stop], epochs of [train]); more runs of this length do not, \
                 since each run is judged alone"
            }
            _ => {
                "a longer run narrows its bounds; more runs of this length do not, since each run is judged alone"
            }
        },
        Evidence::Rate { .. } | Evidence::NoRate => {
            "a longer search (max_time of [serve]), or a limit outside of its interval"
        }
        Evidence::Untrained { .. } => "training to the end: --full, or more time",
        Evidence::NoFigure { .. } | Evidence::NotReached | Evidence::Unfinished { .. } if whole => {
            "training to the end: --full, or more time"
        }
        Evidence::NoFigure { .. } => {
            "a run that has this figure; the reason why this one has none is above"
        }
        Evidence::NotReached | Evidence::Unfinished { .. } => {
            "a run that ends by itself: --resume one that was interrupted; raise max_run_time, --budget or `exec --timeout` if one of \
             them ended it"
        }
        Evidence::CannotMeasure { .. } | Evidence::NeverRead { .. } | Evidence::Blind { .. } => {
            "a machine that can measure it (`perftune doctor`)"
        }
        Evidence::NoInterval { .. } => {
            "a limit on a metric that has an interval within a run; this one is for comparing runs"
        }
        Evidence::Bound { .. } | Evidence::Hidden { .. } => {
            "a limit on the other side of the bound; nothing more is known of these processes"
        }
        _ => return None,
    })
}

/// The stage that a finding is of, where it is of one.
fn stage_of(finding: &Finding) -> Option<Stage> {
    match &finding.evidence {
        Evidence::Bounds { age, .. } => Some(age.stage),
        _ => finding.stage,
    }
}

fn of_run(evidence: &Evidence) -> String {
    let words = match evidence {
        Evidence::OutOfMemory(of) => return shortage(of),
        Evidence::BrokeOff { reason: StopReason::Cancelled } => "the run was cancelled",
        Evidence::BrokeOff { reason: StopReason::Diverged } => "the training diverged",
        Evidence::NotStarted => "the worker was not started",
        _ => "the run failed",
    };
    words.to_owned()
}

/// `1.20 s of training`.
pub(super) fn age(age: &Age) -> String {
    let doing = match age.stage {
        Stage::Run => "the command".to_owned(),
        Stage::Train => "training".to_owned(),
        // They may wait for each other.
        Stage::Serve(size) | Stage::Confirm(size) if age.queues => {
            format!("serving requests of {size}")
        }
        Stage::Serve(1) | Stage::Confirm(1) => "serving one by one".to_owned(),
        Stage::Serve(size) | Stage::Confirm(size) => format!("serving by {size}"),
        other => other.to_string(),
    };
    format!("{} of {doing}", seconds(age.seconds.0))
}

/// Memory beyond the limit.
pub(super) fn shortage(of: &Shortage) -> String {
    let place = of.phase.map_or_else(String::new, |phase| format!(", in {phase}"));
    let (held, limit) = (bytes(of.held_bytes as f64), bytes(of.limit_bytes as f64));
    format!("out of memory at {held} (limit {limit}, {}){place}", of.guard)
}

fn evidence(evidence: &Evidence, of: &Constraint, ruling: Ruling) -> Option<String> {
    let shown = |value: &Num| of.shown(value.0);
    let all = |said: &[Note]| notes(said, of.unit());
    Some(match evidence {
        Evidence::CannotMeasure { reason } => format!("cannot be measured here: {}", reason.detail),
        Evidence::NotReached => "the run ended before this stage".to_owned(),
        Evidence::NeverRead { note: reason } => note(reason, Unit::One),
        Evidence::NoLook => "the stage ended before the first look".to_owned(),
        Evidence::Bounds { low, high, confidence, load, age: at } => {
            let bounds = bounds((*low, *high), *confidence, of);
            format!("{}, after {}", under(bounds, load.as_ref(), ruling), age(at))
        }
        Evidence::WholeCommand { value, over_s } => {
            format!("{} over the {} of the whole command", shown(value), seconds(over_s.0))
        }
        Evidence::Partly { value, share } => {
            format!("{}, but read for {} of the stage", shown(value), percent(share.0))
        }
        Evidence::Passed { value, after_s } => passed(*value, *after_s, of),
        Evidence::NoSuchPhase => "the run has no such stage".to_owned(),
        Evidence::NoFigure { notes: said, trained: true } => {
            format!("trained to the end, {}", all(said))
        }
        Evidence::NoFigure { notes: said, trained: false } => all(said),
        Evidence::Untrained { value } => {
            format!("{}, but the model was not trained to the end", shown(value))
        }
        Evidence::CannotReach { most, epochs, budget } => {
            format!("it can reach {} at most, after {epochs} of {budget} epochs", shown(most))
        }
        Evidence::Unfinished { value } => {
            format!("{}, but the run ended before its stages were over", shown(value))
        }
        Evidence::NoInterval { value } => format!("{}, without an interval", shown(value)),
        Evidence::Bound { value, lower, notes: said } => {
            let side = if *lower { "a lower bound" } else { "an upper bound" };
            format!("{} is {side}: {}", shown(value), all(said))
        }
        Evidence::Hidden { value, notes: said } => format!("{}, {}", shown(value), all(said)),
        Evidence::Blind { value, share } => format!(
            "{}, but the device was not read for {} of the time",
            shown(value),
            percent(share.0)
        ),
        Evidence::Figure { value, .. } => shown(value),
        Evidence::Rate { low, high, confidence, why } => rate((*low, *high), *confidence, of, why),
        Evidence::NoRate => return None,
        Evidence::TargetReached { target, epoch, after_s } => format!(
            "{} was reached in epoch {epoch}, after {} of training",
            target.0,
            seconds(after_s.0)
        ),
        Evidence::Training { whole, spent_s } => {
            let what = if *whole { "the whole training took" } else { "training has taken" };
            format!("{what} {}", seconds(spent_s.0))
        }
        Evidence::BrokeOff { .. } | Evidence::NotStarted | Evidence::OutOfMemory(_) => {
            of_run(evidence)
        }
    })
}

/// What only grows and has passed its limit; of the time of the run that is when.
fn passed(value: Num, after_s: Num, of: &Constraint) -> String {
    let shown = of.shown(value.0);
    if of.metric.def().is_some_and(|metric| metric.source == Source::CommandTime) {
        return format!("it has taken at least {shown}");
    }
    let more = if shown == of.shown(of.limit) { "more than " } else { "" };
    format!("it reached {more}{shown} and passed the limit after {} of the run", seconds(after_s.0))
}

type Ends = (Option<Num>, Option<Num>);

fn bounds((low, high): Ends, confidence: Num, of: &Constraint) -> String {
    // A bound that is shown as the limit is said to be beyond it, where it is.
    let alike = |end: f64| of.shown(end) == of.shown(of.limit);
    let above = |low: f64| if low > of.limit && alike(low) { "more than" } else { "at least" };
    let below = |high: f64| if high < of.limit && alike(high) { "less than" } else { "at most" };
    // That a time is at least 0 nobody needs to be told.
    let told = |low: &Num| low.0 != 0.0 || high.is_some();
    let low = low.filter(told).map(|low| format!("{} {}", above(low.0), of.shown(low.0)));
    let high = high.map(|high| format!("{} {}", below(high.0), of.shown(high.0)));
    let shown = match (low, high) {
        (Some(low), Some(high)) => format!("{low} and {high}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return "too few independent observations for a bound".to_owned(),
    };
    format!("{shown} at {}", percent(confidence.0))
}

/// Bounds with what the load does to them.
fn under(bounds: String, load: Option<&Note>, ruling: Ruling) -> String {
    match load {
        Some(Note::GeneratorBound { .. }) if ruling == Ruling::Broken => {
            format!("{bounds} even without the load generator's time")
        }
        Some(load @ Note::GeneratorBound { .. }) => format!("{bounds}; {}", note(load, Unit::One)),
        Some(load) => note(load, Unit::One),
        None => bounds,
    }
}

fn rate((low, high): Ends, confidence: Option<Num>, of: &Constraint, why: &str) -> String {
    let shown = |end: Option<Num>| end.map(|end| of.shown(end.0));
    let at = confidence.map(|confidence| format!(" at {}", percent(confidence.0)));
    let at = at.unwrap_or_default();
    match (shown(low), shown(high)) {
        (Some(low), Some(high)) => format!("from {low} to {high}{at}; {why}"),
        (Some(low), None) => format!("at least {low}{at}; {why}"),
        (None, Some(high)) => format!("at most {high}{at}; {why}"),
        (None, None) => why.to_owned(),
    }
}
