//! Why stages and runs end.

use super::finding::{age, finding, remedy, shortage};
use super::note::{note, why};
use super::precision::{half_width, reached};
use crate::event::{
    Asked, BarOf, Divergence, Feasibility, Grounds, LossOf, OpenEnd, OpenFigure, OpenHow,
    OpenStage, Reach, RuleSaid, RunRecord, RunVerdict, Spared, Stage, StageEnd, StageLeft,
    StopDetail, StopRecord, Why,
};
use crate::report::distinct;
use crate::units::{Span, Unit, elapsed_down, percent, seconds};

/// What decides whether a run keeps its constraints; empty without any. A run that a constraint ended has the words of
/// its end.
pub fn verdict(record: &RunRecord) -> String {
    let Some(verdict) = &record.verdict else {
        return String::new();
    };
    let detail = &record.stop.detail;
    if matches!(detail, StopDetail::Infeasible { .. } | StopDetail::OutOfMemory(_)) {
        return stop(detail);
    }
    verdict.findings.iter().map(finding).collect::<Vec<_>>().join("; ")
}

/// What would decide the limits that are undecided, each way once.
pub fn remedies<'a>(records: impl IntoIterator<Item = &'a RunRecord>) -> Vec<&'static str> {
    let judged = records.into_iter().filter_map(|record| Some((record, record.verdict.as_ref()?)));
    let open = judged.filter(|(_, verdict)| verdict.verdict == Feasibility::Undecided);
    let of_run = |(record, verdict): (&'a RunRecord, &'a RunVerdict)| {
        let is_command = record.job.work.command().is_some();
        verdict.findings.iter().filter_map(move |finding| remedy(finding, is_command))
    };
    distinct(open.flat_map(of_run))
}

/// Why a run ended, as it was decided, and how many figures have lost by its end what made them known then.
pub fn ended(record: &RunRecord) -> String {
    let said = match &record.stop.detail {
        StopDetail::Command { open } => stop(&StopDetail::Command { open: since(record, open) }),
        detail => stop(detail),
    };
    match record.metrics.iter().filter(|row| row.lost_its_precision()).count() {
        _ if !speaks_of_known(&record.stop.detail) => said,
        0 => said,
        1 => said + "; 1 that was known then is not known at the end (metrics.csv)",
        lost => {
            format!("{said}; {lost} that were known then are not known at the end (metrics.csv)")
        }
    }
}

/// What is not known, without the readings that the end of the command has brought.
fn since(record: &RunRecord, open: &[OpenStage]) -> Vec<OpenStage> {
    let mut open = open.to_vec();
    for stage in &mut open {
        let phase = stage.stage.to_string();
        let has = |figure: &OpenFigure| {
            let row = record.metric(&phase, &figure.metric);
            row.is_some_and(|row| row.estimate.is_some())
        };
        stage
            .figures
            .retain(|figure| !(matches!(figure.how, OpenHow::LeftOut { .. }) && has(figure)));
    }
    open.retain(|stage| !stage.figures.is_empty());
    open
}

/// Whether an end says of figures that they are known or not.
fn speaks_of_known(detail: &StopDetail) -> bool {
    match detail {
        StopDetail::Known { .. }
        | StopDetail::KnownBefore { .. }
        | StopDetail::NoiseLimited(_)
        | StopDetail::Unstable(_)
        | StopDetail::Served { .. }
        | StopDetail::ServedOpen { .. }
        | StopDetail::Trained { .. }
        | StopDetail::Epochs { .. }
        | StopDetail::Command { .. } => true,
        StopDetail::Target { rest, .. } => speaks_of_known(rest),
        _ => false,
    }
}

/// The evidence of an end.
pub fn stop(detail: &StopDetail) -> String {
    match detail {
        StopDetail::Unknown => String::new(),
        StopDetail::ByUser => "ended early: by Ctrl-C, a signal or the budget".to_owned(),
        StopDetail::Failed { message } => message.clone(),
        StopDetail::OutOfMemory(of) => shortage(of),
        StopDetail::RunTime { limit_s, trained } => {
            let trained = trained.as_ref().map(|trained| format!("{}; ", stop(trained)));
            format!("{}the run has used its {}", trained.unwrap_or_default(), seconds(limit_s.0))
        }
        StopDetail::Diverged(found) => diverged(found),
        StopDetail::Trained { min_delta, patience, best, at, epochs, open } => format!(
            "validation accuracy has not improved by {} for {patience} epochs: best {:.4} in epoch {at} of the {epochs} until then{}",
            min_delta.0,
            best.0,
            and(open)
        ),
        StopDetail::Target { accuracy, epoch, after_s, rest } => format!(
            "accuracy {:.4} reached in epoch {epoch}, after {} of training; {}",
            accuracy.0,
            seconds(after_s.0),
            stop(rest)
        ),
        StopDetail::AskedToStop { epochs } => format!("asked to stop after {epochs} epochs"),
        StopDetail::Command { open } => format!("the command exited by itself{}", and(open)),
        StopDetail::Epochs { used, budget, open } if used >= budget => {
            format!("all {budget} epochs used{}", and(&whole(open)))
        }
        StopDetail::Epochs { used, budget, open } => {
            format!("the worker finished after {used} of {budget} epochs{}", and(open))
        }
        StopDetail::Served { searched, after_ns } => {
            let what = if *searched {
                "every search for the highest rate precise"
            } else {
                "every serve stage known"
            };
            format!("{what}, after {}", Span::from_ns(*after_ns))
        }
        StopDetail::ServeTime { after_ns } => {
            format!("the time for serving is up, after {}", Span::from_ns(*after_ns))
        }
        StopDetail::ServedOpen { open } => stages(open),
        StopDetail::NothingMeasured
        | StopDetail::Known { .. }
        | StopDetail::KnownBefore { .. }
        | StopDetail::NoiseLimited(_)
        | StopDetail::Unstable(_) => measured(detail),
        StopDetail::Infeasible { finding: found, spared: of } => {
            format!("{}{}", finding(found), spared(*of))
        }
        StopDetail::OutOfReach { reach, spared: of } => out_of_reach(reach, *of),
        StopDetail::OfRule { rule, known } => match (rule, known) {
            (None, true) => "known in hindsight".to_owned(),
            (None, false) => "not known even in hindsight".to_owned(),
            (Some(rule), true) => format!("known to {rule}"),
            (Some(rule), false) => format!("not known to {rule}"),
        },
        StopDetail::RecordingEnds => "the recording ends here".to_owned(),
        StopDetail::Recorded { table, seed } => format!("recorded in {table}, seed {seed}"),
    }
}

/// Ends that the chosen metrics decide.
fn measured(detail: &StopDetail) -> String {
    match detail {
        StopDetail::Known { count, stages, grounds: of } => {
            let of_stages = match stages {
                0 | 1 => String::new(),
                stages => format!("of {stages} stages "),
            };
            format!("{count} of {count} chosen metrics {of_stages}{}", grounds(of))
        }
        StopDetail::KnownBefore { count: 0, here } => left(here),
        StopDetail::KnownBefore { count, here } => {
            format!("{count} of {count} chosen metrics known before training; {}", left(here))
        }
        StopDetail::NoiseLimited(found) | StopDetail::Unstable(found) => format!(
            "{} of {} chosen metrics not known within ±{} after {}: {}",
            found.open,
            found.of,
            percent(found.within.0),
            found.age.as_ref().map(age).unwrap_or_default(),
            stages(&found.stages)
        ),
        _ => "nothing was measured".to_owned(),
    }
}

fn out_of_reach(found: &Reach, of: Spared) -> String {
    let Reach { metric, best, epochs, budget, most, least, whose } = found;
    let bar = match whose {
        BarOf::Cell { cell } => format!("{cell} has {:.4} at least", least.0),
        BarOf::Limit => format!("its limit is {:.4}", least.0),
    };
    format!(
        "validation accuracy {:.4} after {epochs} of {budget} epochs: {metric} can reach {:.4} at most, and {bar}{}",
        best.0,
        most.0,
        spared(of)
    )
}

fn diverged(found: &Divergence) -> String {
    let Divergence { loss, value, epoch, steps } = found;
    match loss {
        LossOf::Step => {
            format!("the training loss is {} in epoch {epoch}, after {steps} steps", value.0)
        }
        LossOf::Training => format!("the training loss of epoch {epoch} is {}", value.0),
        LossOf::Validation => format!("the validation loss of epoch {epoch} is {}", value.0),
    }
}

/// What was asked of a worker, and why.
pub fn asked(asked: &Asked) -> String {
    let why = |record: &StopRecord| format!("{}: {}", record.reason, stop(&record.detail));
    match asked {
        Asked::Leave { phase, why } => format!("leave {phase}: {}", left(why)),
        Asked::Confirm { stop } => format!("leave train, {}", why(stop)),
        Asked::Stop { stop } => format!("stop, {}", why(stop)),
        Asked::End { stop: record } => format!("end, {}", stop(&record.detail)),
    }
}

/// Why a stage is left.
pub fn left(end: &StageEnd) -> String {
    match end {
        StageEnd::Decided { age: at } => {
            format!("its limits are decided, after {}", age(at))
        }
        StageEnd::Undecided { age: at } => {
            format!("not all of its limits are decided after {}", age(at))
        }
        StageEnd::Nothing { age: at } => {
            format!("none of the chosen metrics is measured here; left after {}", age(at))
        }
        StageEnd::Known { count, grounds: of } => {
            format!("{count} of {count} chosen metrics {}", grounds(of))
        }
        StageEnd::NoiseLimited(found) => format!("noise-limited: {}", left_open(found)),
        StageEnd::Unstable(found) => format!("unstable: {}", left_open(found)),
    }
}

fn left_open(OpenEnd { open, of, within, age: at, figures: found }: &OpenEnd) -> String {
    format!(
        "{open} of {of} chosen metrics not known within ±{} after {}: {}",
        percent(within.0),
        age(at),
        figures(found)
    )
}

fn grounds(of: &Grounds) -> String {
    let cut = match of.cut {
        0 => String::new(),
        cut => format!(" ({cut} cut as warm-up)"),
    };
    let looks = match of.looks {
        0 | 1 => String::new(),
        looks => format!(" for {looks} looks"),
    };
    format!(
        "within ±{} at {}{looks}, after {} steps{cut} and {}",
        percent(of.within.0),
        percent(of.confidence.0),
        of.steps,
        age(&of.age)
    )
}

/// Behind the reason of an end that does not depend on what is open.
/// The training was used up: where waiting was futile it went on all the same, for what is read at its end.
fn whole(open: &[OpenStage]) -> Vec<OpenStage> {
    let left = |stage: &OpenStage| stage.left.filter(|_| stage.stage != Stage::Train);
    open.iter().map(|stage| OpenStage { left: left(stage), ..stage.clone() }).collect()
}

fn and(open: &[OpenStage]) -> String {
    if open.is_empty() { String::new() } else { format!("; {}", stages(open)) }
}

fn stages(open: &[OpenStage]) -> String {
    let each = open.iter().map(|open| {
        let left = open.left.map_or_else(String::new, left_with);
        if open.began {
            format!("{}{left}: {}", open.stage, figures(&open.figures))
        } else {
            format!("{}: never began", open.stage)
        }
    });
    each.collect::<Vec<_>>().join("; ")
}

/// Behind a stage: when it was left, and why although not all was known.
fn left_with(StageLeft { after_s, futile }: StageLeft) -> String {
    let why = if futile {
        "it could not become known in time"
    } else {
        "its time or its requests ran out"
    };
    format!(", left after {} as {why}", seconds(after_s.0))
}

/// The widths are those that the stage was left with; the rows of the run go on to its end.
fn figures(open: &[OpenFigure]) -> String {
    let is_wide = |open: &OpenFigure| match &open.how {
        OpenHow::NoiseLimited { .. } => true,
        OpenHow::Reached { half_width, why } => half_width.is_some() && *why != Why::TooFew,
        _ => false,
    };
    let at = if open.iter().any(is_wide) { "at the last look " } else { "" };
    format!("{at}{}", open.iter().map(figure).collect::<Vec<_>>().join(", "))
}

fn figure(OpenFigure { metric, how }: &OpenFigure) -> String {
    match how {
        OpenHow::NeverJudged => format!("{metric} was never judged"),
        // Of so few a width says nothing.
        OpenHow::Reached { half_width: None, why: open }
        | OpenHow::Reached { why: open @ Why::TooFew, .. } => format!("{metric}: {}", why(open)),
        OpenHow::Reached { half_width: Some(half), why: Why::Wide } => {
            format!("{metric} reached {}", half_width(half.0))
        }
        OpenHow::Reached { half_width: Some(half), why: open } => {
            format!("{metric} reached {} ({})", half_width(half.0), why(open))
        }
        OpenHow::NoiseLimited { half_width, asked, takes_s } => {
            format!("{metric} reached {}", reached(*half_width, *asked, *takes_s))
        }
        OpenHow::Unconfirmed { looks } => {
            format!("{metric} was not confirmed by {looks} looks")
        }
        OpenHow::LeftOut { note: reason } => {
            format!("{metric} could not be read: {}", note(reason, Unit::One))
        }
        OpenHow::NoSearch => format!("{metric}: it did not end"),
        OpenHow::Search { why } => format!("{metric}: {why}"),
    }
}

fn spared(spared: Spared) -> String {
    match spared {
        Spared::Nothing => String::new(),
        Spared::AtLeast { seconds } => {
            let least = elapsed_down(seconds.0);
            format!("; at least {least} of the training budget were saved")
        }
        Spared::Unknown => "; how much training time this saved is not known".to_owned(),
        Spared::NotBegun => "; its training had not begun".to_owned(),
    }
}

/// What a stopping rule says of a series.
pub fn rule(said: &RuleSaid) -> String {
    match said {
        RuleSaid::Terms(terms) => terms.clone(),
        RuleSaid::NeverJudged => "was never judged".to_owned(),
        RuleSaid::Look { half_width, confidence, seen, notes, agreed, open } => {
            let interval = half_width.map_or_else(
                || "no interval".to_owned(),
                |half| format!("±{} at {}", percent(half), percent(*confidence)),
            );
            let open = match (open, agreed) {
                (_, Some(0 | 1)) => String::new(),
                (_, Some(looks)) => format!(" in {looks} looks"),
                (Some(open), None) => format!(", {}", why(open)),
                (None, None) => ", not confirmed".to_owned(),
            };
            let notes = notes.iter().map(|one| format!("; {}", note(one, Unit::One)));
            let notes: String = notes.collect();
            format!("{interval} over {seen} observations{open}{notes}")
        }
        RuleSaid::GaveUp { after_s: Some(after_s), last } => {
            format!("gave up after {}: {}", seconds(*after_s), rule(last))
        }
        RuleSaid::GaveUp { after_s: None, last } => format!("gave up: {}", rule(last)),
    }
}
