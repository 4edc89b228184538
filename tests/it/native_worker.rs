//! The native worker end to end: a job in, protocol lines out.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command as Process, Stdio};

use perftune::event::wire::decode;
use perftune::event::{
    Allocator, Command, EPOCH_SAMPLES, Envelope, EpochReport, Finished, JobSpec, ModelSpec,
    OmpWait, Optimizer, PROTOCOL_VERSION, Pattern, Phase, Precision, ServeSpec, StepBatch,
    TrainSpec, Work, WorkerEvent,
};

use crate::support::CACHE;

pub(crate) fn job(model: &str, epochs: u32) -> JobSpec {
    JobSpec {
        protocol: PROTOCOL_VERSION,
        run: "test".to_owned(),
        model: ModelSpec { name: model.to_owned(), ..ModelSpec::default() },
        dataset: "digits".to_owned(),
        dataset_dir: Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/digits"),
        seed: 1,
        threads: 1,
        device: "cpu".to_owned(),
        flush_denormals: true,
        allocator: Allocator::System,
        omp_wait: OmpWait::Active,
        precision: Precision::Fp32,
        train: TrainSpec {
            epochs,
            batch_size: 64,
            optimizer: Optimizer::Adam,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            validation_share: 0.1,
            warmup_steps: 3,
        },
        work: Work::Native,
        ..JobSpec::default()
    }
}

pub(crate) struct Worker {
    child: Child,
    input: ChildStdin,
}

impl Worker {
    fn start(job: &JobSpec) -> Self {
        Self::start_in(job, &[])
    }

    /// With these variables besides those of the tests.
    pub(crate) fn start_in(job: &JobSpec, environment: &[(&str, String)]) -> Self {
        let mut child = Process::new(env!("CARGO_BIN_EXE_perftune-worker"))
            .env("XDG_CACHE_HOME", CACHE)
            // Threads that wait must not spin: on a busy machine they would keep each other from the processor.
            .env("OMP_WAIT_POLICY", "passive")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut worker = Self { child, input };
        worker.tell(&Command::Job(Box::new(job.clone())));
        worker
    }

    fn tell(&mut self, command: &Command) {
        let line = serde_json::to_string(command).unwrap();
        writeln!(self.input, "{line}").unwrap();
    }

    /// All that it says; `hear` is called with each message and may answer. Then its exit code.
    pub(crate) fn listen(
        mut self,
        hear: impl Fn(&WorkerEvent) -> Option<Command>,
    ) -> (Vec<WorkerEvent>, i32) {
        let lines = BufReader::new(self.child.stdout.take().unwrap()).lines();
        let mut events = Vec::new();
        for (seq, line) in (0..).zip(lines) {
            let envelope: Envelope = decode(&line.unwrap()).unwrap();
            assert_eq!(envelope.seq, seq);
            if let Some(command) = hear(&envelope.event) {
                self.tell(&command);
            }
            events.push(envelope.event);
        }
        (events, self.child.wait().unwrap().code().unwrap())
    }
}

fn run(job: &JobSpec) -> Vec<WorkerEvent> {
    let (events, code) = Worker::start(job).listen(|_| None);
    assert_eq!(code, 0, "{:?}", events.last());
    events
}

fn epochs(events: &[WorkerEvent]) -> Vec<&EpochReport> {
    let reports = events.iter().filter_map(|event| match event {
        WorkerEvent::Epoch(report) => Some(report),
        _ => None,
    });
    reports.collect()
}

fn finished(events: &[WorkerEvent]) -> &Finished {
    match events.last() {
        Some(WorkerEvent::Finished(finished)) => finished,
        other => panic!("{other:?}"),
    }
}

fn phases(events: &[WorkerEvent]) -> Vec<Phase> {
    let phases = events.iter().filter_map(|event| match event {
        WorkerEvent::Phase { phase } => Some(*phase),
        _ => None,
    });
    phases.collect()
}

fn steps(events: &[WorkerEvent], of: Phase) -> Vec<&StepBatch> {
    let batches = events.iter().filter_map(|event| match event {
        WorkerEvent::Steps(batch) if batch.phase == of => Some(batch),
        _ => None,
    });
    batches.collect()
}

#[test]
fn a_job_is_loaded_served_trained_validated_and_tested() {
    let mut spec = job("mlp", 3);
    spec.serve = Some(ServeSpec {
        batch_sizes: vec![1, 200],
        warmup_requests: 2,
        max_time_s: 0.05,
        confirm: false,
        pattern: Pattern::SingleStream,
        max_requests: None,
        find_max_rate: None,
    });
    let events = run(&spec);
    let WorkerEvent::Hello(hello) = &events[0] else {
        panic!("{:?}", events[0]);
    };
    assert_eq!(hello.protocol, PROTOCOL_VERSION);
    assert_eq!(hello.facts["threads"], "1");
    assert_eq!(hello.facts["interop_threads"], "1");
    assert_eq!(hello.facts["libtorch"], "2.11.0");
    let mut expected = vec![Phase::Load, Phase::Warmup, Phase::Serve(1), Phase::Serve(200)];
    // What is trained on is read when serving is over.
    expected.extend([Phase::Load, Phase::Warmup]);
    expected.extend([Phase::Train, Phase::Validate].repeat(3));
    expected.push(Phase::Test);
    assert_eq!(phases(&events), expected);

    // 1293 = 20 * 64 + 13: the rest is a step of its own, each epoch.
    let sizes = |size| -> usize {
        let batches = steps(&events, Phase::Train);
        batches.iter().filter(|b| b.items == size).map(|b| b.dur_ns.len()).sum()
    };
    assert_eq!((sizes(64), sizes(13)), (60, 3));
    for phase in [Phase::Serve(1), Phase::Serve(200), Phase::Train] {
        let batches = steps(&events, phase);
        assert!(!batches.is_empty(), "{phase}");
        for pair in batches.windows(2) {
            assert!(pair[0].end_ns() <= pair[1].start_ns, "{phase}");
        }
    }
    let samples = |phase| -> u64 {
        let batches = steps(&events, phase);
        batches.iter().map(|b| u64::from(b.items) * b.dur_ns.len() as u64).sum()
    };
    assert_eq!(samples(Phase::Validate), 3 * 144);
    assert_eq!(samples(Phase::Test), 360);
    assert!(epochs(&events).iter().all(|epoch| epoch.samples == 1293));

    let end = finished(&events);
    assert_eq!((end.stopped, end.epochs), (false, 3));
    assert!(end.test_accuracy.unwrap().0 > 0.8, "{end:?}");
    assert!(end.usage.cpu_ns.unwrap() > 0 && end.usage.vm_hwm_bytes.unwrap() > 10 << 20);
}

/// Everything that a run says of losses and accuracies.
fn outcome(spec: &JobSpec) -> (Vec<EpochReport>, Option<f64>) {
    let events = run(spec);
    let reports = epochs(&events).into_iter().cloned().collect();
    (reports, finished(&events).test_loss.map(|loss| loss.0))
}

#[test]
fn the_same_seed_gives_the_same_losses_bit_for_bit() {
    let mut spec = job("mlp", 2);
    spec.threads = 2;
    let first = outcome(&spec);
    assert_eq!(first, outcome(&spec));
    spec.seed = 2;
    let other = outcome(&spec);
    assert_ne!(first.0[0].train_loss, other.0[0].train_loss);
}

#[test]
fn neither_warming_up_nor_serving_leaves_a_trace_in_the_losses() {
    // A model with running means, which a forgotten restore would show.
    let mut spec = job("cnn", 1);
    spec.threads = 2;
    let first = outcome(&spec);
    spec.train.warmup_steps = 0;
    spec.serve = Some(ServeSpec {
        batch_sizes: vec![3],
        warmup_requests: 5,
        max_time_s: 0.01,
        confirm: false,
        pattern: Pattern::SingleStream,
        max_requests: None,
        find_max_rate: None,
    });
    assert_eq!(first, outcome(&spec));
}

#[test]
fn mixed_precision_learns_as_much_by_other_numbers() {
    let mut spec = job("cnn", 3);
    spec.serve = confirming(3, 0.02).serve;
    let plain = outcome(&spec);
    spec.precision = Precision::Bf16;
    let mixed = outcome(&spec);
    assert_eq!(mixed, outcome(&spec), "the same seed");
    // The first step of all begins with the same weights, so the losses are near each other, and not the same.
    for (plain, mixed) in plain.0.iter().zip(&mixed.0) {
        let apart = (plain.train_loss.0 / mixed.train_loss.0 - 1.0).abs();
        assert!(apart > 0.0 && apart < 0.05, "{plain:?} {mixed:?}");
        let accuracies = [plain, mixed].map(|report| report.validation_accuracy.unwrap().0);
        assert!((accuracies[0] - accuracies[1]).abs() < 0.03, "{accuracies:?}");
    }
    let apart = (plain.1.unwrap() / mixed.1.unwrap() - 1.0).abs();
    assert!(apart > 0.0 && apart < 0.1, "{apart}");
}

#[test]
fn the_figures_of_an_accelerator_are_not_those_of_the_cpu() {
    let events = run(&job("mlp", 1));
    let said = events.iter().filter_map(|event| match event {
        WorkerEvent::Metric { name, .. } => Some(name.as_str()),
        _ => None,
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        ["model.parameters", "model.bytes", "model.flops", EPOCH_SAMPLES]
    );
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that is left out says so")]
fn operations_are_as_many_as_pytorch_counts() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nets/flops.py");
    let counted = Process::new("python3").arg(script).output().unwrap();
    let said = String::from_utf8(counted.stdout).unwrap();
    if !counted.status.success() || said.contains("skipped") {
        return eprintln!("left out: python3 has no torch");
    }
    assert_eq!(said.lines().count(), 3, "{said}");
    for line in said.lines() {
        let (model, theirs) = line.split_once(' ').unwrap();
        let mut spec = job(model, 0);
        spec.serve = confirming(0, 0.01).serve;
        let ours = run(&spec).into_iter().find_map(|event| match event {
            WorkerEvent::Metric { name, value, .. } if name == "model.flops" => Some(value.0),
            _ => None,
        });
        let ratio = ours.unwrap() / theirs.parse::<f64>().unwrap();
        assert!((ratio - 1.0).abs() < 0.01, "{line}: {ours:?}");
    }
}

fn a_stop(confirm: bool, test: bool) -> Command {
    Command::Stop { reason: "test".to_owned(), confirm, test }
}

#[test]
fn a_stop_ends_training_and_only_a_trained_model_is_tested_once() {
    for test in [true, false] {
        let mut spec = job("mlp", 1_000_000);
        spec.train.warmup_steps = 0;
        let (events, code) = Worker::start(&spec).listen(|event| {
            matches!(event, WorkerEvent::Epoch(report) if report.epoch == 2)
                .then(|| a_stop(false, test))
        });
        let end = finished(&events);
        assert_eq!(code, 0);
        assert!(end.stopped && end.epochs >= 2 && end.epochs < 1_000_000, "{end:?}");
        assert_eq!(epochs(&events).len(), end.epochs as usize);
        assert_eq!((end.test_accuracy.is_some(), end.test_samples.is_some()), (test, test));
        let tests = phases(&events).iter().filter(|p| **p == Phase::Test).count();
        assert_eq!(tests, usize::from(test));
    }
}

#[test]
fn a_stop_while_serving_skips_what_is_left() {
    let mut spec = job("mlp", 5);
    spec.serve = Some(ServeSpec {
        batch_sizes: vec![1, 4],
        warmup_requests: 0,
        max_time_s: 600.0,
        confirm: false,
        pattern: Pattern::SingleStream,
        max_requests: None,
        find_max_rate: None,
    });
    let (events, _) = Worker::start(&spec)
        .listen(|event| matches!(event, WorkerEvent::Steps(_)).then(|| a_stop(false, false)));
    // Nor are the test data read: the model has learned nothing.
    let expected = [Phase::Load, Phase::Warmup, Phase::Serve(1)];
    assert_eq!(phases(&events), expected);
    let end = finished(&events);
    assert_eq!((end.stopped, end.epochs), (true, 0));
    assert_eq!((end.test_accuracy, end.test_loss), (None, None));
}

/// Requests of one and four samples, once more after training.
fn confirming(epochs: u32, max_time_s: f64) -> JobSpec {
    let mut spec = job("mlp", epochs);
    spec.serve = Some(ServeSpec {
        batch_sizes: vec![1, 4],
        warmup_requests: 2,
        max_time_s,
        confirm: true,
        pattern: Pattern::SingleStream,
        max_requests: None,
        find_max_rate: None,
    });
    spec
}

#[test]
fn a_model_that_used_its_budget_is_served_once_more() {
    let events = run(&confirming(2, 0.05));
    let again = [Phase::Confirm(1), Phase::Confirm(4), Phase::Test];
    assert!(phases(&events).ends_with(&again), "{:?}", phases(&events));
    for phase in [Phase::Serve(1), Phase::Confirm(1), Phase::Confirm(4)] {
        assert!(!steps(&events, phase).is_empty(), "{phase}");
    }
    let said = events.iter().find_map(|event| match event {
        WorkerEvent::Metric { name, value, .. } if name == EPOCH_SAMPLES => Some(value.0),
        _ => None,
    });
    assert_eq!(said, Some(1293.0));
    assert_eq!((finished(&events).stopped, finished(&events).epochs), (false, 2));
    // It changes nothing of what was learned.
    let mut plain = confirming(2, 0.05);
    plain.serve.as_mut().unwrap().confirm = false;
    assert_eq!(outcome(&confirming(2, 0.05)), outcome(&plain));
}

#[test]
fn a_trained_model_is_served_once_more_and_a_stopped_one_is_not() {
    for (confirm, expected) in [
        (true, &[Phase::Confirm(1), Phase::Confirm(4), Phase::Test][..]),
        (false, &[Phase::Test][..]),
    ] {
        let job = confirming(1_000_000, 0.05);
        let (events, code) = Worker::start(&job).listen(|event| {
            matches!(event, WorkerEvent::Epoch(report) if report.epoch == 2)
                .then(|| a_stop(confirm, true))
        });
        let phases = phases(&events);
        let last = phases
            .iter()
            .rposition(|phase| matches!(phase, Phase::Train | Phase::Validate))
            .unwrap();
        assert_eq!(&phases[last + 1..], expected);
        let end = finished(&events);
        assert_eq!(code, 0);
        assert!(end.stopped && end.epochs >= 2 && end.test_accuracy.is_some());
    }
}

#[test]
fn a_confirmation_can_be_left_and_stopped() {
    let (events, _) = Worker::start(&confirming(1, 600.0)).listen(|event| match event {
        WorkerEvent::Steps(batch) => match batch.phase {
            Phase::Confirm(4) => Some(a_stop(false, false)),
            Phase::Serve(_) | Phase::Confirm(_) => Some(Command::Advance { phase: batch.phase }),
            _ => None,
        },
        _ => None,
    });
    let again = [Phase::Confirm(1), Phase::Confirm(4), Phase::Test];
    assert!(phases(&events).ends_with(&again));
    // The training was over by then.
    assert!(!finished(&events).stopped);
}

#[test]
fn an_advance_ends_one_serve_phase_and_no_epochs_is_fine() {
    let mut spec = job("cnn", 0);
    spec.serve = Some(ServeSpec {
        batch_sizes: vec![1, 4],
        warmup_requests: 0,
        max_time_s: 600.0,
        confirm: false,
        pattern: Pattern::SingleStream,
        max_requests: None,
        find_max_rate: None,
    });
    let (events, code) = Worker::start(&spec).listen(|event| match event {
        WorkerEvent::Steps(batch) => Some(Command::Advance { phase: batch.phase }),
        _ => None,
    });
    assert_eq!(code, 0);
    // Nothing is trained, and so nothing is tested.
    let expected = [Phase::Load, Phase::Warmup, Phase::Serve(1), Phase::Serve(4)];
    assert_eq!(phases(&events), expected);
    assert_eq!((finished(&events).stopped, finished(&events).epochs), (false, 0));
}

/// The kind and message of the failure that this job ends with.
fn failure(edit: impl FnOnce(&mut JobSpec)) -> (String, String) {
    let mut spec = job("mlp", 1);
    edit(&mut spec);
    let (events, code) = Worker::start(&spec).listen(|_| None);
    assert_eq!(code, 1, "{:?}", events.last());
    assert!(matches!(events[0], WorkerEvent::Hello(_)), "hello first");
    match events.into_iter().next_back() {
        Some(WorkerEvent::Failed(failure)) => (failure.kind, failure.message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_done_is_said_with_its_kind() {
    type Edit = fn(&mut JobSpec);
    let cases: [(Edit, &str, &str); 6] = [
        (|job| job.model.name = "vgg".into(), "model", "no model `vgg`"),
        (|job| job.device = "cuda:99".into(), "device", "device `cuda:99` cannot be used: no "),
        (|job| job.dataset_dir = "/nowhere".into(), "data", "/nowhere/dataset.toml"),
        (|job| job.train.batch_size = 5000, "job", "larger than the 1293 samples"),
        (|job| job.train.learning_rate = -1.0, "job", "learning_rate"),
        (|job| job.protocol = 99, "job", "protocol 99"),
    ];
    for (edit, expected, says) in cases {
        let (kind, message) = failure(edit);
        assert_eq!(kind, expected, "{message}");
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn damaged_data_are_found_before_any_step() {
    let broken = tempfile::tempdir().unwrap();
    let manifest = job("mlp", 1).dataset_dir.join("dataset.toml");
    std::fs::copy(manifest, broken.path().join("dataset.toml")).unwrap();
    std::fs::write(broken.path().join("digits.csv.gz"), "0,1").unwrap();
    let (kind, message) = failure(|job| job.dataset_dir = broken.path().into());
    assert_eq!(kind, "data");
    assert!(message.contains("digits.csv.gz is not the file"), "{message}");
}

#[test]
fn a_worker_whose_runner_is_gone_ends() {
    let Worker { mut child, input } = Worker::start(&job("resnet", 1_000_000));
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(3));
}
