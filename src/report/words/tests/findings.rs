//! What is found of constraints.

use super::{age, check, shortage};
use crate::event::{
    Constraint, Evidence, Finding, Note, Num, Op, Reason, Ruling, Stage, StopReason, Weights,
};
use crate::report::words;

#[test]
fn what_is_found_of_a_constraint() {
    let constraint = Constraint { metric: "serve.latency_p99".into(), op: Op::AtMost, limit: 0.01 };
    let value = Num(0.0121);
    let (low, high) = (Some(Num(0.0121)), Some(Num(0.02)));
    let bounds =
        |low, high, load| Evidence::Bounds { low, high, confidence: Num(0.995), load, age: age() };
    let own = || Some(Note::GeneratorBound { share: Num(0.1) });
    let notes = || vec![Note::SampledSum];
    let open = |evidence| Finding::new(Ruling::Open, &constraint, evidence);
    let broken = |evidence| Finding::new(Ruling::Broken, &constraint, evidence);
    let serving = Stage::Serve(1);
    let late = "after 1.50 s of serving one by one";
    for (finding, says) in [
        (
            open(Evidence::CannotMeasure { reason: Reason::unsupported("no NVML") }),
            "is undecided: cannot be measured here: no NVML".to_owned(),
        ),
        (
            open(Evidence::NotReached).within(serving),
            "is undecided in serve[1]: the run ended before this stage".to_owned(),
        ),
        (
            open(Evidence::NeverRead { note: Note::NoTick }),
            "is undecided: the sampler took no reading".to_owned(),
        ),
        (open(Evidence::NoLook), "is undecided: the stage ended before the first look".to_owned()),
        (
            open(bounds(low, high, None)),
            format!("is undecided: at least 12.1 ms and at most 20.0 ms at 99.5%, {late}"),
        ),
        (
            broken(bounds(Some(Num(0.010_000_000_1)), None, None)),
            format!("is broken: more than 10.0 ms at 99.5%, {late}"),
        ),
        (
            open(bounds(None, None, None)),
            format!("is undecided: too few independent observations for a bound, {late}"),
        ),
        (
            broken(bounds(low, None, own())).within(serving),
            format!(
                "is broken in serve[1]: at least 12.1 ms at 99.5% even without the load generator's time, {late}"
            ),
        ),
        (
            open(bounds(low, None, Some(Note::Unplayed))),
            format!(
                "is undecided: the worker does not support this load pattern: it does not report waits, {late}"
            ),
        ),
        (
            Finding {
                weights: Some(Weights::Untrained),
                met_when_trained: true,
                ..broken(bounds(low, None, None)).within(serving)
            },
            format!(
                "is broken in serve[1]: at least 12.1 ms at 99.5%, {late}, on untrained weights; on trained weights it is met"
            ),
        ),
        (
            broken(Evidence::WholeCommand { value, over_s: Num(3.0) }),
            "is broken: 12.1 ms over the 3.00 s of the whole command".to_owned(),
        ),
        (
            open(Evidence::Partly { value, share: Num(0.5) }),
            "is undecided: 12.1 ms, but read for 50% of the stage".to_owned(),
        ),
        (
            broken(Evidence::Passed { value, after_s: Num(3.0) }),
            "is broken: it reached 12.1 ms and passed the limit after 3.00 s of the run".to_owned(),
        ),
        (
            broken(Evidence::Passed { value: Num(0.010_000_1), after_s: Num(3.0) }),
            "is broken: it reached more than 10.0 ms and passed the limit after 3.00 s of the run".to_owned(),
        ),
        (open(Evidence::NoSuchPhase), "is undecided: the run has no such stage".to_owned()),
        (
            open(Evidence::NoFigure { notes: notes(), trained: false }),
            "is undecided: sampled sum of several processes, shared pages counted once".to_owned(),
        ),
        (
            broken(Evidence::NoFigure { notes: notes(), trained: true }),
            "is broken: trained to the end, sampled sum of several processes, shared pages counted once".to_owned(),
        ),
        (
            open(Evidence::Untrained { value }),
            "is undecided: 12.1 ms, but the model was not trained to the end".to_owned(),
        ),
        (
            open(Evidence::CannotReach { most: value, epochs: 3, budget: 20 }),
            "is undecided: it can reach 12.1 ms at most, after 3 of 20 epochs".to_owned(),
        ),
        (
            open(Evidence::Unfinished { value }),
            "is undecided: 12.1 ms, but the run ended before its stages were over".to_owned(),
        ),
        (
            open(Evidence::NoInterval { value }),
            "is undecided: 12.1 ms, without an interval".to_owned(),
        ),
        (
            open(Evidence::Bound { value, lower: true, notes: notes() }),
            "is undecided: 12.1 ms is a lower bound: sampled sum of several processes, shared pages counted once"
                .to_owned(),
        ),
        (
            open(Evidence::Bound { value, lower: false, notes: notes() }),
            "is undecided: 12.1 ms is an upper bound: sampled sum of several processes, shared pages counted once"
                .to_owned(),
        ),
        (
            open(Evidence::Hidden { value, notes: notes() }),
            "is undecided: 12.1 ms, sampled sum of several processes, shared pages counted once".to_owned(),
        ),
        (
            open(Evidence::Blind { value, share: Num(0.605) }),
            "is undecided: 12.1 ms, but the device was not read for 60.5% of the time".to_owned(),
        ),
        (
            broken(Evidence::Figure { value, peak: true }),
            "is broken over the stages completed: 12.1 ms".to_owned(),
        ),
        (broken(Evidence::Figure { value, peak: false }), "is broken: 12.1 ms".to_owned()),
        (
            open(Evidence::Rate {
                low,
                high,
                confidence: Some(Num(0.95)),
                why: "too wide".to_owned(),
            }),
            "is undecided: from 12.1 ms to 20.0 ms at 95%; too wide".to_owned(),
        ),
        (open(Evidence::NoRate), "is undecided".to_owned()),
        (
            broken(Evidence::TargetReached { target: Num(0.9), epoch: 2, after_s: Num(3.0) }),
            "is broken: 0.9 was reached in epoch 2, after 3.00 s of training".to_owned(),
        ),
        (
            broken(Evidence::Training { whole: true, spent_s: Num(3.0) }),
            "is broken: the whole training took 3.00 s".to_owned(),
        ),
        (
            broken(Evidence::Training { whole: false, spent_s: Num(3.0) }),
            "is broken: training has taken 3.00 s".to_owned(),
        ),
    ] {
        check(&finding, words::finding, &format!("serve.latency_p99 <= 10.0 ms {says}"));
    }
    for (evidence, says) in [
        (Evidence::BrokeOff { reason: StopReason::Failed }, "the run failed"),
        (Evidence::BrokeOff { reason: StopReason::Cancelled }, "the run was cancelled"),
        (Evidence::BrokeOff { reason: StopReason::Diverged }, "the training diverged"),
        (Evidence::NotStarted, "the worker was not started"),
        (
            Evidence::OutOfMemory(shortage()),
            "out of memory at 268 MiB (limit 256 MiB, watched), in serve[1]",
        ),
    ] {
        check(&Finding::of_run(Ruling::Open, evidence), words::finding, says);
    }
}

#[test]
fn an_undecided_limit_says_what_would_decide_it() {
    let of = |metric: &str| Constraint { metric: metric.into(), op: Op::AtMost, limit: 0.01 };
    let (latency, accuracy) = (of("serve.latency_p99"), of("test_accuracy"));
    let value = Num(0.0121);
    let bounds = |load| {
        let (low, high) = (Some(value), None);
        Evidence::Bounds { low, high, confidence: Num(0.995), load, age: age() }
    };
    let missing = || Evidence::NoFigure { notes: Vec::new(), trained: false };
    for (constraint, evidence, says) in [
        (
            &latency,
            bounds(None),
            "longer stages narrow its bounds (max_time and max_requests of [serve]",
        ),
        (&latency, bounds(Some(Note::Unplayed)), "a worker that plays this load pattern"),
        (
            &latency,
            bounds(Some(Note::GeneratorBound { share: Num(0.9) })),
            "a machine that does nothing else meanwhile",
        ),
        (&latency, Evidence::NotReached, "a run that ends by itself"),
        (&accuracy, missing(), "training to the end: --full"),
        (&accuracy, Evidence::Untrained { value }, "training to the end: --full"),
        (&latency, Evidence::NeverRead { note: Note::NoTick }, "a machine that can measure it"),
        (&latency, Evidence::NoInterval { value }, "a limit on a metric that has an interval"),
    ] {
        let finding = Finding::new(Ruling::Open, constraint, evidence);
        let said = words::remedy(&finding, false).unwrap();
        assert!(said.starts_with(says), "{finding:?}: {said}");
        // A command serves what it likes, for as long as it likes.
        let of_command = words::remedy(&finding, true).unwrap();
        let longer = "a longer run narrows its bounds: more work in the command itself";
        let is_longer = matches!(&finding.evidence, Evidence::Bounds { load: None, .. });
        assert_eq!(of_command.starts_with(longer), is_longer, "{of_command}");
        assert!(is_longer || of_command == said, "{of_command}");
        let decided = Finding { ruling: Ruling::Met, ..finding };
        assert_eq!(words::remedy(&decided, false), None);
    }
}
