//! Hand-made records for the tests of everything that shows them.

use super::front::{Dominator, FrontCell, FrontFigure, FrontReport, Mark, Tie};
use super::headline::Place;
use crate::event::{
    Age, Allocator, Constraint, Evidence, Failure, FailureKind, Feasibility, Finding, JobSpec,
    Limits, MetricRow, ModelSpec, Note, Num, Objective, Op, Optimizer, Pattern, Reason, RowFields,
    Ruling, RunRecord, RunStatus, RunVerdict, ServeSpec, Stage, StopDetail, StopReason, StopRecord,
    TrainSpec,
};
use crate::metric::{self, Better};

fn row(phase: &str, metric: &str, estimate: f64, known: Option<bool>) -> MetricRow {
    let fields = RowFields {
        phase: phase.to_owned(),
        metric: metric.into(),
        unit: metric::find(metric).unwrap().unit,
        estimate: Some(estimate),
        low: Some(estimate * 0.97),
        high: Some(estimate * 1.03),
        confidence: Some(0.95),
        samples: 250,
        known,
        notes: Vec::new(),
    };
    fields.into()
}

fn scalar(metric: &str, estimate: f64) -> MetricRow {
    let mut row = row("run", metric, estimate, None);
    (row.low, row.high, row.confidence) = (None, None, None);
    row.samples = 1;
    row
}

fn set(row: &mut MetricRow, estimate: f64) {
    row.estimate = Some(estimate);
    row.low = row.low.map(|_| estimate * 0.97);
    row.high = row.high.map(|_| estimate * 1.03);
}

fn missing(phase: &str, metric: &str, why: &str) -> MetricRow {
    let mut row = scalar(metric, 0.0);
    phase.clone_into(&mut row.phase);
    (row.estimate, row.samples) = (None, 0);
    row.notes = vec![Reason::unsupported(why).into()];
    row
}

pub(crate) fn job(model: &str, dataset: &str) -> JobSpec {
    JobSpec {
        protocol: 1,
        run: format!("{model}-{dataset}"),
        model: ModelSpec { name: model.to_owned(), ..ModelSpec::default() },
        dataset: dataset.to_owned(),
        dataset_dir: format!("/data/{dataset}").into(),
        seed: 1,
        threads: 2,
        device: "cpu".to_owned(),
        flush_denormals: true,
        allocator: Allocator::Retain,
        train: TrainSpec {
            epochs: 10,
            batch_size: 64,
            optimizer: Optimizer::Adam,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            validation_share: 0.1,
            warmup_steps: 5,
        },
        serve: Some(ServeSpec {
            batch_sizes: vec![1, 32],
            warmup_requests: 20,
            max_time_s: 5.0,
            confirm: false,
            pattern: Pattern::SingleStream,
            max_requests: None,
            find_max_rate: None,
        }),
        ..JobSpec::default()
    }
}

/// A run that used its whole budget; every figure is a different number.
pub(crate) fn record(model: &str, dataset: &str) -> RunRecord {
    let known = Some(true);
    RunRecord {
        run: format!("{model}-{dataset}"),
        cell: format!("{model}-{dataset}"),
        repeat: 1,
        job: job(model, dataset),
        status: RunStatus::Completed,
        stop: StopRecord { reason: StopReason::Completed, detail: said("all 10 epochs are done") },
        wall_s: 3.25,
        epochs: 10,
        trained: false,
        metrics: vec![
            row("serve[1]", "serve.throughput", 9875.5, known),
            row("serve[1]", "serve.latency_p50", 0.000_101, known),
            row("serve[1]", "serve.latency_p95", 0.000_125, None),
            row("serve[1]", "serve.latency_p99", 0.000_19, None),
            row("serve[32]", "serve.throughput", 151_000.25, known),
            row("serve[32]", "serve.latency_p50", 0.000_211, known),
            row("train", "train.throughput", 98_100.5, known),
            row("train", "train.step_latency_mean", 0.000_652, known),
            row("train", "train.step_latency_p50", 0.000_612, known),
            row("train", "train.step_latency_p95", 0.000_7, None),
            row("train", "train.step_latency_p99", 0.001_9, None),
            row("train", "train.time_projected", 12.75, None),
            row("train", "cpu.utilisation", 186.5, known),
            row("train", "cpu.utilisation_of_limit", 93.25, None),
            row("train", "memory.rss_mean", 211_000_000.0, known),
            scalar("memory.peak", 242_221_056.0),
            missing("train", "gpu.utilisation", "no NVIDIA driver (libnvidia-ml.so.1 not found)"),
            scalar("cpu.time", 6.06),
            scalar("sampler.cost", 0.08),
            scalar("train_loss", 0.125),
            scalar("validation_accuracy", 0.931),
            scalar("test_accuracy", 0.927_777_777_777_777_8),
        ],
        left_out: Vec::new(),
        warnings: Vec::new(),
        facts: [("libtorch".to_owned(), "2.11.0".to_owned())].into(),
        failure: None,
        verdict: None,
        limits: Limits::default(),
        saved_s_at_least: None,
        lane: None,
        interference: None,
        machine: None,
        pairing: None,
    }
}

pub(crate) fn completed() -> RunRecord {
    record("mlp", "digits")
}

/// Stopped before it was trained: its test accuracy is not final.
pub(crate) fn known() -> RunRecord {
    let mut record = record("resnet", "fashion-mnist");
    record.status = RunStatus::Stopped;
    record.stop = StopRecord {
        reason: StopReason::Known,
        detail: said("all 7 chosen metrics are within 5% at 3 looks in a row"),
    };
    record.wall_s = 21.75;
    record.epochs = 0;
    for row in &mut record.metrics {
        match row.metric.as_str() {
            "train.throughput" => set(row, 1210.0),
            "train.step_latency_p50" => set(row, 0.0529),
            "serve.latency_p50" => set(row, 0.000_812),
            "memory.peak" => set(row, 1.3e9),
            "test_accuracy" => set(row, 0.4125),
            _ => {}
        }
    }
    record
}

/// Ran out of time with a metric that is not known.
pub(crate) fn unstable() -> RunRecord {
    let mut record = record("cnn", "satellite");
    record.status = RunStatus::Stopped;
    record.stop = StopRecord {
        reason: StopReason::Unstable,
        detail: said("train.step_latency_p50 reached 7.1% in 60 s, 5% was asked"),
    };
    record.wall_s = 64.0;
    record.epochs = 4;
    for row in &mut record.metrics {
        if row.metric.starts_with("train.step_latency_p50") {
            set(row, 0.002_1);
            row.known = Some(false);
            row.notes = vec![Note::Unstable { reached: Some(Num(0.071)), asked: Num(0.05) }];
        }
    }
    record
}

/// Its loss is no longer a number.
pub(crate) fn diverged() -> RunRecord {
    let mut record = record("mlp", "satellite");
    record.status = RunStatus::Stopped;
    record.stop = StopRecord {
        reason: StopReason::Diverged,
        detail: said("the training loss of epoch 2 is nan"),
    };
    record.epochs = 2;
    for row in &mut record.metrics {
        match row.metric.as_str() {
            "train_loss" => set(row, f64::NAN),
            "validation_accuracy" | "test_accuracy" => set(row, 0.1),
            _ => {}
        }
    }
    record
}

/// Killed in training: nothing was measured to the end.
pub(crate) fn failed() -> RunRecord {
    let mut record = record("cnn", "fashion-mnist");
    record.status = RunStatus::Failed;
    record.stop = StopRecord { reason: StopReason::Failed, detail: said("killed by signal 9") };
    record.wall_s = 1.5;
    record.epochs = 0;
    record.metrics.retain(|row| row.phase == "serve[1]");
    record.failure = Some(Failure {
        kind: FailureKind::Killed,
        message: "the worker was killed by signal 9 (SIGKILL),\nprobably for want of memory"
            .to_owned(),
        phase: Some("train".to_owned()),
        exit_code: None,
        signal: Some(9),
        stderr_tail: "terminate called without an active exception".to_owned(),
    });
    record
}

/// Ended by the user.
pub(crate) fn cancelled() -> RunRecord {
    let mut record = record("resnet", "digits");
    record.status = RunStatus::Cancelled;
    record.stop = StopRecord { reason: StopReason::Cancelled, detail: said("interrupted") };
    record.wall_s = 0.75;
    record.epochs = 1;
    record.metrics.truncate(2);
    record
}

/// The same with a verdict on its constraints.
pub(crate) fn judged(
    mut record: RunRecord,
    verdict: Feasibility,
    findings: Vec<Finding>,
) -> RunRecord {
    record.verdict = Some(RunVerdict { verdict, findings });
    record
}

/// A finding on an upper limit of this metric.
pub(crate) fn limited(metric: &str, limit: f64, ruling: Ruling, evidence: Evidence) -> Finding {
    let constraint = Constraint { metric: metric.into(), op: Op::AtMost, limit };
    Finding::new(ruling, &constraint, evidence)
}

/// A finding on the peak of memory, of 242 MB.
pub(crate) fn of_peak(limit: f64) -> Finding {
    let held = 242_221_056.0;
    let ruling = if held <= limit { Ruling::Met } else { Ruling::Broken };
    limited("memory.peak", limit, ruling, Evidence::Figure { value: Num(held), peak: true })
}

/// The finding of a run that failed.
pub(crate) fn open() -> Finding {
    Finding::of_run(Ruling::Open, Evidence::BrokeOff { reason: StopReason::Failed })
}

/// A run with a limit that its requests leave undecided.
pub(crate) fn undecided() -> RunRecord {
    let age = Age { seconds: Num(4.0), stage: Stage::Serve(1), queues: false };
    let (low, high) = (Some(Num(0.008)), Some(Num(0.012)));
    let evidence = Evidence::Bounds { low, high, confidence: Num(0.995), load: None, age };
    let finding = limited("serve.latency_p99", 0.01, Ruling::Open, evidence);
    judged(completed(), Feasibility::Undecided, vec![finding.within(Stage::Serve(1))])
}

fn said(message: &str) -> StopDetail {
    StopDetail::Failed { message: message.to_owned() }
}

/// One of each kind.
pub(crate) fn all_kinds() -> Vec<RunRecord> {
    vec![completed(), known(), unstable(), diverged(), failed(), cancelled()]
}

/// The runs of [`front`].
pub(crate) fn compared() -> Vec<RunRecord> {
    let mut fast = completed();
    let mut accurate = record("cnn", "digits");
    let mut behind = record("resnet", "digits");
    for (record, accuracy, rate, peak) in [
        (&mut fast, 0.977_777_777_777_777_8, 151_000.25, 242_221_056.0),
        (&mut accurate, 0.988_888_888_888_888_9, 22_800.0, 258_334_976.0),
        (&mut behind, 0.983_333_333_333_333_3, 8710.0, 266_723_584.0),
    ] {
        for row in &mut record.metrics {
            match (row.metric.as_str(), row.phase.as_str()) {
                ("test_accuracy", _) => set(row, accuracy),
                ("serve.throughput", "serve[32]") => set(row, rate),
                ("memory.peak", _) => set(row, peak),
                _ => {}
            }
        }
    }
    vec![fast, accurate, behind, known(), record("cnn", "fashion-mnist")]
}

fn figure(metric: &str, (estimate, low, high): (f64, f64, f64), interval: &str) -> FrontFigure {
    let phase = match metric {
        "serve.throughput" => "serve[32]",
        _ => "run",
    };
    FrontFigure {
        metric: metric.into(),
        phase: phase.to_owned(),
        unit: metric::find(metric).unwrap().unit,
        estimate,
        low: Some(low),
        high: Some(high),
        interval: interval.to_owned(),
    }
}

fn front_cell(record: &RunRecord, mark: Mark, accuracy: (f64, f64)) -> FrontCell {
    let of = |place: Place, metric: &str| place.estimate(record, metric).unwrap();
    let [accurate, rate, peak] = [
        of(Place::Run, "test_accuracy"),
        of(Place::LastServe, "serve.throughput"),
        of(Place::Run, "memory.peak"),
    ];
    FrontCell {
        cell: record.cell.clone(),
        dataset: record.job.dataset.clone(),
        machine: record.machine,
        mark,
        figures: vec![
            figure("test_accuracy", (accurate, accuracy.0, accuracy.1), "by 360 test samples"),
            figure("serve.throughput", (rate, rate * 0.97, rate * 1.03), "within the run"),
            figure("memory.peak", (peak, peak * 0.95, peak * 1.05), "taken as ±5%, one run"),
        ],
        ties: Vec::new(),
        more_ties: 0,
        dominated_by: None,
        note: String::new(),
    }
}

/// Two cells on the front, one behind it, one that was not trained to its end and one that breaks a constraint.
pub(crate) fn front() -> FrontReport {
    let records = compared();
    let mut cells = vec![
        front_cell(&records[0], Mark::Front, (0.956_8, 0.988_7)),
        front_cell(&records[1], Mark::Front, (0.971_8, 0.995_7)),
        front_cell(&records[2], Mark::Dominated, (0.964_1, 0.992_3)),
        front_cell(&records[3], Mark::Incomplete, (0.0, 1.0)),
        front_cell(&records[4], Mark::Infeasible, (0.0, 1.0)),
    ];
    let tied = ["test_accuracy", "memory.peak"].map(Into::into).to_vec();
    cells[0].ties = vec![Tie { with: cells[1].cell.clone(), metrics: tied.clone() }];
    cells[1].ties = vec![Tie { with: cells[0].cell.clone(), metrics: tied }];
    cells[2].dominated_by =
        Some(Dominator { cell: cells[1].cell.clone(), metrics: vec!["serve.throughput".into()] });
    cells[3].figures.clear();
    "test_accuracy: not trained to the end".clone_into(&mut cells[3].note);
    cells[4].figures.clear();
    let objective = |metric: &str, better| Objective { metric: metric.into(), better };
    FrontReport {
        objectives: vec![
            objective("test_accuracy", Better::Higher),
            objective("serve.throughput", Better::Higher),
            objective("memory.peak", Better::Lower),
        ],
        cells,
    }
}
