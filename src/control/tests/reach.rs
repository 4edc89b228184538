//! Trainings that end since their accuracy cannot reach what decides.

use super::sim::{End, context, end_of, policy};
use super::training_time::training;
use crate::control::{Constraint, Op, RunContext, StopPolicy};
use crate::event::{Bar, BarOf, Evidence, Feasibility, Num, Reach, Spared, StopDetail, StopReason};

const ACCURACY: &str = "test_accuracy";

fn bar(least: f64, of: BarOf, besides: &[(&str, Op, f64)]) -> Bar {
    let constraint = |(metric, op, limit): &(&str, Op, f64)| Constraint {
        metric: (*metric).into(),
        op: *op,
        limit: *limit,
    };
    let besides = besides.iter().map(constraint).collect();
    Bar { metric: ACCURACY.into(), least, of, besides }
}

fn cell() -> BarOf {
    BarOf::Cell { cell: "mlp-b32".to_owned() }
}

/// Ten epochs, of 32,000 samples and some 3,600 that are held out.
fn ended(policy: StopPolicy, accuracy: fn(u32) -> f64) -> Option<End> {
    let context = RunContext { validation_share: 0.1, ..context() };
    end_of(policy, context, &training(10, 32_000, false, accuracy))
}

/// It gains 3% an epoch.
fn slow(epoch: u32) -> f64 {
    0.1 + 0.03 * f64::from(epoch)
}

#[test]
fn a_training_ends_where_its_accuracy_cannot_reach_what_decides() {
    let with = |bars: Vec<Bar>, metrics: &[&str]| StopPolicy { bars, ..policy(metrics) };
    let other = |besides: &[(&str, Op, f64)]| vec![bar(0.95, cell(), besides)];
    for (policy, accuracy, ends_after) in [
        // 0.19 after three epochs is an error of at least 0.79, which falls to no less than 0.07.
        (with(other(&[]), &[ACCURACY]), slow as fn(u32) -> f64, Some(3)),
        (with(vec![bar(0.80, BarOf::Limit, &[])], &[ACCURACY]), slow, Some(6)),
        (with(vec![bar(0.70, cell(), &[])], &[ACCURACY]), slow, None),
        // It does not begin to rise, so nobody knows how fast it will.
        (with(other(&[]), &[ACCURACY]), |_| 0.13, None),
        // Its system metrics are known first.
        (with(other(&[]), &[ACCURACY, "train.throughput"]), slow, Some(3)),
        // Better in something else, worse in it, and nobody knows.
        (
            with(other(&[("train.throughput", Op::AtLeast, 1e4)]), &[ACCURACY, "train.throughput"]),
            slow,
            None,
        ),
        (
            with(other(&[("train.throughput", Op::AtLeast, 1e5)]), &[ACCURACY, "train.throughput"]),
            slow,
            Some(3),
        ),
        (with(other(&[("serve.throughput", Op::AtLeast, 1e9)]), &[ACCURACY]), slow, None),
        (with(other(&[("memory.peak", Op::AtMost, 1e6)]), &[ACCURACY]), slow, Some(3)),
        (with(other(&[("memory.peak", Op::AtMost, 1e12)]), &[ACCURACY]), slow, None),
        (StopPolicy { enabled: false, ..with(other(&[]), &[ACCURACY]) }, slow, None),
    ] {
        let bars = policy.bars.clone();
        let end = ended(policy, accuracy);
        let of_reach = end.and_then(|end| match end.detail {
            StopDetail::OutOfReach { reach, .. } => Some((end.reason, reach)),
            _ => None,
        });
        assert_eq!(of_reach.as_ref().map(|(_, reach)| reach.epochs), ends_after, "{bars:?}");
        assert!(of_reach.is_none_or(|(reason, reach)| {
            reason == StopReason::OutOfReach && reach.most.0 < reach.least.0
        }));
    }
}

#[test]
fn what_cannot_be_reached_is_said_and_breaks_a_limit() {
    let limit = Constraint { metric: ACCURACY.into(), op: Op::AtLeast, limit: 0.8 };
    let bars = vec![bar(0.8, BarOf::Limit, &[]), bar(0.75, cell(), &[])];
    let policy = StopPolicy { constraints: vec![limit], bars, ..policy(&[ACCURACY]) };
    let end = ended(policy, slow).unwrap();
    let StopDetail::OutOfReach { reach, spared } = &end.detail else { panic!("{:?}", end.detail) };
    let Reach { metric, best, epochs, budget, least, whose, .. } = reach.clone();
    assert_eq!(
        (metric, best, least, whose),
        (ACCURACY.into(), Num(slow(6)), Num(0.8), BarOf::Limit)
    );
    assert_eq!((epochs, budget), (6, 10));
    assert!(matches!(spared, Spared::AtLeast { seconds } if seconds.0 > 2.0), "{spared:?}");
    assert!(end.controller.saved_s_at_least().is_some());
    assert!(!end.controller.trained_to_the_end(end.reason));
    let record = crate::event::StopRecord { reason: end.reason, detail: end.detail.clone() };
    let rows = end.controller.rows(Some(&record));
    let verdict = end.controller.feasibility(&rows, &record).unwrap();
    assert_eq!(verdict.verdict, Feasibility::Infeasible);
    assert!(matches!(verdict.findings[0].evidence, Evidence::CannotReach { epochs: 6, .. }));
}
