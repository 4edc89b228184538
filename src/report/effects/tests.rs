use super::*;
use crate::metric::MetricName;

fn change_of(axis: &str, from: &str, to: &str) -> Change {
    Change { axis: axis.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

fn figure(metric: &str, measure: Measure, found: Option<[f64; 3]>) -> FigureChange {
    let metric = MetricName::from(metric);
    FigureChange {
        phase: "run".to_owned(),
        unit: metric.def().unwrap().unit,
        metric,
        measure,
        estimate: found.map(|found| found[0]),
        low: found.map(|found| found[1]),
        high: found.map(|found| found[2]),
        matters: found.map(|found| found[1] > 0.0 || found[2] < 0.0),
        rests_on: found.map(|_| RestsOn::Rounds),
    }
}

fn row(step: Change, figure: FigureChange) -> EffectRow {
    EffectRow { step, figure, sets: 6, lack: None }
}

/// Two axes, of which one matters.
fn report() -> EffectsReport {
    use Measure::{Difference, Ratio};
    let flush = || change_of("flush_denormals", "false", "true");
    let threads = || change_of("threads", "1", "2");
    let unknown = EffectRow {
        sets: 0,
        lack: Some(EffectLack::NoMatch),
        ..row(threads(), figure("test_accuracy", Difference, None))
    };
    let once = FigureChange { estimate: Some(0.02), ..figure("serve.latency_p50", Ratio, None) };
    let lack = Some(EffectLack::OneRound { sets: 2, needed: 3 });
    EffectsReport {
        modelled: false,
        confidence: 0.95,
        cells: Cells { combinations: 16, measured: 12, failed: 1, infeasible: 2 },
        effects: vec![
            row(flush(), figure("train.throughput", Ratio, Some([0.31, 0.27, 0.35]))),
            row(flush(), figure("memory.peak", Ratio, Some([0.001, -0.01, 0.012]))),
            row(flush(), figure("test_accuracy", Difference, Some([-0.012, -0.02, -0.004]))),
            row(flush(), figure("cpu.utilisation", Difference, Some([32.1, 20.0, 44.2]))),
            row(threads(), figure("train.throughput", Ratio, Some([0.02, -0.04, 0.09]))),
            EffectRow { sets: 2, lack, ..row(threads(), once) },
            unknown,
        ],
        interactions: vec![InteractionRow {
            step: threads(),
            by: change_of("batch_size", "16", "64"),
            figure: figure("serve.latency_p99", Ratio, Some([-0.25, -0.3, -0.2])),
            before: 0.04,
            after: -0.22,
        }],
        notes: vec!["memory.peak: a lower end in 2 runs".to_owned()],
    }
}

#[test]
fn effects_fit_a_terminal() {
    for width in [60, 80, 120] {
        let text = report().text(width);
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        insta::assert_snapshot!(format!("effects_{width}"), text);
    }
}

#[test]
fn programs_read_effects_in_rows_and_in_json() {
    let csv = String::from_utf8(report().csv().unwrap()).unwrap();
    insta::assert_snapshot!("effects_csv", csv);
    let json = serde_json::to_string_pretty(&report()).unwrap();
    insta::assert_snapshot!("effects_json", json);
}

#[test]
fn that_no_knob_matters_is_said() {
    // What depends on another setting matters, whatever it does on average.
    let mut none = report();
    assert_eq!((&*none.interactions[0].step.axis, none.verdict()), ("threads", None));
    none.interactions.clear();
    assert_eq!(none.verdict().unwrap(), "no average effect beyond the noise: threads");
    none.effects.retain(|row| row.figure.matters == Some(false));
    assert_eq!(
        none.verdict().unwrap(),
        "no setting is shown to matter: none of 2 effects is beyond the noise"
    );
    none.effects.truncate(1);
    assert_eq!(
        none.verdict().unwrap(),
        "no setting is shown to matter: its one effect is not beyond the noise"
    );
    none.effects[0].figure.matters = None;
    assert_eq!(none.verdict(), None);
    none.effects[0].figure.matters = Some(true);
    assert_eq!(none.verdict(), None);
}

#[test]
fn what_the_effects_rest_on_is_said() {
    let mut modelled = report();
    modelled.modelled = true;
    let said = modelled.caveats().join("\n");
    assert!(said.contains("a model of all runs"), "{said}");
    assert!(!modelled.columns().iter().any(|column| column.head == "sets"));
    let mut once = report();
    for row in &mut once.effects {
        row.figure.rests_on = row.figure.rests_on.map(|_| RestsOn::Sets);
    }
    assert!(once.caveats().join("\n").contains("one run per cell"));
}

#[test]
fn a_change_is_shown_with_its_sign_and_its_unit() {
    for (metric, measure, value, says) in [
        ("train.throughput", Measure::Ratio, 0.31, "+31.0%"),
        ("train.throughput", Measure::Ratio, -0.004, "-0.4%"),
        ("test_accuracy", Measure::Difference, -0.012, "-0.012"),
        ("cpu.utilisation", Measure::Difference, 32.1, "+32.1 pp"),
        ("cpu.utilisation", Measure::Difference, 0.0, "0 pp"),
    ] {
        assert_eq!(figure(metric, measure, None).show(value), says);
    }
}
