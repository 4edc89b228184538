//! Why stages and runs end.

use super::{age, check, shortage};
use crate::event::{
    Age, Asked, BarOf, Divergence, Evidence, Finding, Grounds, LossOf, Note, Num, OpenEnd,
    OpenFigure, OpenHow, OpenStage, Phase, Reach, RuleSaid, Ruling, RunOpen, Spared, Stage,
    StageEnd, StageLeft, StopDetail, StopReason, StopRecord, Why,
};
use crate::metric::MetricId;
use crate::report::words::{asked, ended, left, rule, stop};

fn opened(how: OpenHow) -> OpenStage {
    let figures = vec![OpenFigure { metric: "cpu.utilisation".into(), how }];
    OpenStage { stage: Stage::Train, began: true, left: None, figures }
}

#[test]
fn what_is_open_at_an_end() {
    let half_width = Some(Num(0.071));
    for (how, says) in [
        (OpenHow::NeverJudged, "cpu.utilisation was never judged"),
        (
            OpenHow::Reached { half_width: None, why: Why::WarmingUp },
            "cpu.utilisation: has not settled",
        ),
        (
            OpenHow::Reached { half_width, why: Why::Wide },
            "at the last look cpu.utilisation reached ±7.1%",
        ),
        (
            OpenHow::Reached { half_width, why: Why::Noisy },
            "at the last look cpu.utilisation reached ±7.1% (its noise could hide a drift)",
        ),
        (
            OpenHow::Reached { half_width: Some(Num(0.0)), why: Why::TooFew },
            "cpu.utilisation: too few independent observations to be called known",
        ),
        (OpenHow::Unconfirmed { looks: 3 }, "cpu.utilisation was not confirmed by 3 looks"),
        (
            OpenHow::LeftOut { note: Note::NoTick },
            "cpu.utilisation could not be read: the sampler took no reading",
        ),
        (OpenHow::NoSearch, "cpu.utilisation: it did not end"),
        (OpenHow::Search { why: "too wide".to_owned() }, "cpu.utilisation: too wide"),
    ] {
        let served = StopDetail::ServedOpen { open: vec![opened(how)] };
        check(&served, stop, &format!("train: {says}"));
    }
    let never = OpenStage { stage: Stage::Serve(8), began: false, left: None, figures: Vec::new() };
    for (futile, says) in [
        (false, "train, left after 700 ms as its time or its requests ran out: "),
        (true, "train, left after 700 ms as it could not become known in time: "),
    ] {
        let left = Some(StageLeft { after_s: Num(0.7), futile });
        let open = vec![OpenStage { left, ..opened(OpenHow::NeverJudged) }];
        // Nobody left a training whose epochs were all made.
        let epochs = StopDetail::Epochs { used: 15, budget: 15, open: open.clone() };
        check(&epochs, stop, "all 15 epochs used; train: cpu.utilisation was never judged");
        check(
            &StopDetail::ServedOpen { open },
            stop,
            &format!("{says}cpu.utilisation was never judged"),
        );
    }
    let command = StopDetail::Command { open: vec![never] };
    check(&command, stop, "the command exited by itself; serve[8]: never began");
}

/// The end of a command tells what no tick had.
#[test]
fn a_reading_that_the_end_has_brought_is_not_called_open() {
    let mut record = crate::report::fixtures::completed();
    let row = record.metrics.iter_mut().find(|row| row.phase == "run").unwrap();
    row.estimate = Some(0.5);
    let metric = row.metric.clone();
    let left_out = |metric| OpenFigure { metric, how: OpenHow::LeftOut { note: Note::NoInterval } };
    let open = |figures| StopDetail::Command {
        open: vec![OpenStage { stage: Stage::Run, began: true, left: None, figures }],
    };
    record.stop.detail = open(vec![left_out(metric)]);
    assert_eq!(ended(&record), "the command exited by itself");
    record.stop.detail = open(vec![left_out("gpu.power".into())]);
    assert!(ended(&record).contains("gpu.power"), "{}", ended(&record));
}

fn grounds() -> Grounds {
    Grounds { within: Num(0.05), confidence: Num(0.95), looks: 3, steps: 900, cut: 10, age: age() }
}

const GROUNDS: &str = "within ±5% at 95% for 3 looks, after 900 steps (10 cut as warm-up) and 1.50 s of serving one by one";

#[test]
fn why_a_stage_is_left() {
    let open_end = |how| OpenEnd {
        open: 1,
        of: 2,
        within: Num(0.05),
        age: age(),
        figures: opened(how).figures,
    };
    let noisy = |half| OpenHow::NoiseLimited {
        half_width: Num(half),
        asked: Num(0.05),
        takes_s: Some(Num(39.92)),
    };
    for (end, says) in [
        (
            StageEnd::Decided { age: age() },
            "its limits are decided, after 1.50 s of serving one by one".to_owned(),
        ),
        (
            StageEnd::Undecided { age: age() },
            "not all of its limits are decided after 1.50 s of serving one by one".to_owned(),
        ),
        (
            StageEnd::Nothing { age: Age { stage: Stage::Train, ..age() } },
            "none of the chosen metrics is measured here; left after 1.50 s of training".to_owned(),
        ),
        (
            StageEnd::Known { count: 2, grounds: grounds() },
            format!("2 of 2 chosen metrics {GROUNDS}"),
        ),
        (
            StageEnd::NoiseLimited(open_end(noisy(0.09))),
            "noise-limited: 1 of 2 chosen metrics not known within ±5% after 1.50 s of serving one by one: at the last look cpu.utilisation reached ±9% (the ±5% asked would take an estimated 40 s in all)"
                .to_owned(),
        ),
        (
            StageEnd::NoiseLimited(open_end(noisy(0.0187))),
            "noise-limited: 1 of 2 chosen metrics not known within ±5% after 1.50 s of serving one by one: at the last look cpu.utilisation reached ±1.87% (noise could hide a drift of the ±5% asked: to exclude it would take an estimated 40 s in all)"
                .to_owned(),
        ),
        (
            StageEnd::Unstable(open_end(OpenHow::NeverJudged)),
            "unstable: 1 of 2 chosen metrics not known within ±5% after 1.50 s of serving one by one: cpu.utilisation was never judged"
                .to_owned(),
        ),
    ] {
        check(&end, left, &says);
        let what = Asked::Leave { phase: Phase::Serve(1), why: end };
        check(&what, asked, &format!("leave serve[1]: {says}"));
    }
    for (stage, queues, says) in [
        (Stage::Run, false, "the command"),
        (Stage::Serve(8), false, "serving by 8"),
        (Stage::Confirm(8), true, "serving requests of 8"),
        (Stage::Load, false, "load"),
    ] {
        let age = Age { stage, queues, ..age() };
        let says = format!("its limits are decided, after 1.50 s of {says}");
        assert_eq!(left(&StageEnd::Decided { age }), says);
    }
}

#[test]
fn why_a_run_ends() {
    let diverged = |loss, value| {
        StopDetail::Diverged(Divergence { loss, value: Num(value), epoch: 2, steps: 20 })
    };
    let trained = || StopDetail::Trained {
        min_delta: Num(0.001),
        patience: 3,
        best: Num(0.81),
        at: 4,
        epochs: 7,
        open: Vec::new(),
    };
    let of_reach = |whose, spared| StopDetail::OutOfReach {
        reach: Reach {
            metric: MetricId::TestAccuracy.into(),
            best: Num(0.512),
            epochs: 6,
            budget: 20,
            most: Num(0.871),
            least: Num(0.941),
            whose,
        },
        spared,
    };
    let is_trained = "validation accuracy has not improved by 0.001 for 3 epochs: best 0.8100 in epoch 4 of the 7 until then";
    for (detail, says) in [
        (StopDetail::Unknown, String::new()),
        (StopDetail::ByUser, "ended early: by Ctrl-C, a signal or the budget".to_owned()),
        (StopDetail::Failed { message: "it crashed".to_owned() }, "it crashed".to_owned()),
        (
            StopDetail::OutOfMemory(shortage()),
            "out of memory at 268 MiB (limit 256 MiB, watched), in serve[1]".to_owned(),
        ),
        (
            StopDetail::RunTime { limit_s: Num(29.0), trained: None },
            "the run has used its 29.0 s".to_owned(),
        ),
        (
            StopDetail::RunTime { limit_s: Num(29.0), trained: Some(Box::new(trained())) },
            format!("{is_trained}; the run has used its 29.0 s"),
        ),
        (trained(), is_trained.to_owned()),
        (
            of_reach(BarOf::Cell { cell: "mlp-b32".to_owned() }, Spared::Nothing),
            "validation accuracy 0.5120 after 6 of 20 epochs: test_accuracy can reach 0.8710 at most, and mlp-b32 has 0.9410 at least"
                .to_owned(),
        ),
        (
            of_reach(BarOf::Limit, Spared::AtLeast { seconds: Num(61.0) }),
            "validation accuracy 0.5120 after 6 of 20 epochs: test_accuracy can reach 0.8710 at most, and its limit is 0.9410; at least 1 min 01 s of the training budget were saved"
                .to_owned(),
        ),
        (
            diverged(LossOf::Step, f64::INFINITY),
            "the training loss is inf in epoch 2, after 20 steps".to_owned(),
        ),
        (
            diverged(LossOf::Training, f64::INFINITY),
            "the training loss of epoch 2 is inf".to_owned(),
        ),
        (
            diverged(LossOf::Validation, f64::INFINITY),
            "the validation loss of epoch 2 is inf".to_owned(),
        ),
        (
            StopDetail::Target {
                accuracy: Num(0.91),
                epoch: 2,
                after_s: Num(3.0),
                rest: Box::new(StopDetail::NothingMeasured),
            },
            "accuracy 0.9100 reached in epoch 2, after 3.00 s of training; nothing was measured"
                .to_owned(),
        ),
        (StopDetail::AskedToStop { epochs: 2 }, "asked to stop after 2 epochs".to_owned()),
        (
            StopDetail::Command { open: Vec::new() },
            "the command exited by itself".to_owned(),
        ),
        (
            StopDetail::Epochs { used: 4, budget: 4, open: Vec::new() },
            "all 4 epochs used".to_owned(),
        ),
        (
            StopDetail::Epochs { used: 3, budget: 4, open: Vec::new() },
            "the worker finished after 3 of 4 epochs".to_owned(),
        ),
        (
            StopDetail::Served { searched: false, after_ns: 2_000_000_000 },
            "every serve stage known, after 2.00 s".to_owned(),
        ),
        (
            StopDetail::Served { searched: true, after_ns: 2_000_000_000 },
            "every search for the highest rate precise, after 2.00 s".to_owned(),
        ),
        (
            StopDetail::ServeTime { after_ns: 2_000_000_000 },
            "the time for serving is up, after 2.00 s".to_owned(),
        ),
        (
            StopDetail::Known { count: 4, stages: 2, grounds: grounds() },
            format!("4 of 4 chosen metrics of 2 stages {GROUNDS}"),
        ),
        (
            StopDetail::KnownBefore { count: 4, here: StageEnd::Nothing { age: age() } },
            "4 of 4 chosen metrics known before training; none of the chosen metrics is measured here; left after 1.50 s of serving one by one"
                .to_owned(),
        ),
        (
            StopDetail::Unstable(RunOpen {
                open: 1,
                of: 3,
                within: Num(0.05),
                age: Some(age()),
                stages: vec![opened(OpenHow::NeverJudged)],
            }),
            "1 of 3 chosen metrics not known within ±5% after 1.50 s of serving one by one: train: cpu.utilisation was never judged"
                .to_owned(),
        ),
        (
            StopDetail::OfRule { rule: None, known: true },
            "known in hindsight".to_owned(),
        ),
        (
            StopDetail::OfRule { rule: None, known: false },
            "not known even in hindsight".to_owned(),
        ),
        (
            StopDetail::OfRule { rule: Some("fixed:50".to_owned()), known: false },
            "not known to fixed:50".to_owned(),
        ),
        (StopDetail::RecordingEnds, "the recording ends here".to_owned()),
        (
            StopDetail::Recorded { table: "t.csv".into(), seed: 2 },
            "recorded in t.csv, seed 2".to_owned(),
        ),
    ] {
        check(&detail, stop, &says);
        let record = StopRecord { reason: StopReason::Unstable, detail };
        assert_eq!(asked(&Asked::Stop { stop: record.clone() }), format!("stop, unstable: {says}"));
        let again = Asked::Confirm { stop: record.clone() };
        assert_eq!(asked(&again), format!("leave train, unstable: {says}"));
        assert_eq!(asked(&Asked::End { stop: record }), format!("end, {says}"));
    }
}

#[test]
fn what_an_early_end_spares_stands_behind_it() {
    for (spared, says) in [
        (Spared::Nothing, ""),
        (
            Spared::AtLeast { seconds: Num(245.5) },
            "; at least 4 min 05 s of the training budget were saved",
        ),
        (Spared::Unknown, "; how much training time this saved is not known"),
        (Spared::NotBegun, "; its training had not begun"),
    ] {
        let finding = Finding::of_run(Ruling::Broken, Evidence::NotStarted);
        let detail = StopDetail::Infeasible { finding, spared };
        check(&detail, stop, &format!("the worker was not started{says}"));
    }
}

#[test]
fn what_a_rule_says_of_a_series() {
    let look = |half_width, agreed, open, notes| RuleSaid::Look {
        half_width,
        confidence: 0.95,
        seen: 40,
        notes,
        agreed,
        open,
    };
    let cut = Note::WarmUp { cut_s: Num(0.5), of_s: Num(2.0), quiet: false };
    for (said, says) in [
        (RuleSaid::from("as it likes"), "as it likes"),
        (RuleSaid::NeverJudged, "was never judged"),
        (look(Some(0.03), Some(1), None, Vec::new()), "±3% at 95% over 40 observations"),
        (look(Some(0.03), Some(3), None, Vec::new()), "±3% at 95% over 40 observations in 3 looks"),
        (
            look(None, None, Some(Why::TooFew), Vec::new()),
            "no interval over 40 observations, too few independent observations to be called known",
        ),
        (
            look(Some(0.03), None, None, vec![cut]),
            "±3% at 95% over 40 observations, not confirmed; first 500 ms of 2.00 s left out as warm-up",
        ),
        (
            RuleSaid::GaveUp { after_s: Some(4.0), last: Box::new("it drifts".into()) },
            "gave up after 4.00 s: it drifts",
        ),
        (
            RuleSaid::GaveUp { after_s: None, last: Box::new("it drifts".into()) },
            "gave up: it drifts",
        ),
    ] {
        assert_eq!(rule(&said), says);
    }
}

#[test]
fn what_was_known_at_the_decision_and_is_not_at_the_end_is_counted_beside_it() {
    use crate::event::Note;
    use crate::report::fixtures::{completed, known};
    let moved = || Note::Moved { reached: None, asked: Num(0.05), recent: false };
    let decided =
        || Note::Disturbed { share: Num(0.9), without: None, mostly: true, decides: true };
    let mut record = known();
    record.stop.detail = StopDetail::Known { count: 7, stages: 2, grounds: grounds() };
    let says = stop(&record.stop.detail);
    assert_eq!(ended(&record), says);
    let mut rows = record.metrics.iter_mut().filter(|row| row.known.is_some());
    let lost: Vec<_> = [moved(), decided()].into_iter().zip(&mut rows).collect();
    for (note, row) in lost {
        (row.known, row.notes) = (Some(false), vec![note]);
    }
    let more = "; 2 that were known then are not known at the end (metrics.csv)";
    assert_eq!(ended(&record), says.clone() + more);
    // Nothing was waited for, or the end is not one of figures.
    for row in &mut record.metrics {
        row.known = None;
    }
    assert_eq!(ended(&record), says);
    assert_eq!(ended(&completed()), stop(&completed().stop.detail));
}
