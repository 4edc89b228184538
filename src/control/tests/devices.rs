//! Which accelerators are the run's.

use std::collections::BTreeMap;

use super::rows::row;
use super::said::Said;
use super::sim::{Message, Sim, context, feed, policy, say};
use crate::control::{Constraint, Controller, Op, RunContext, Selection, StopPolicy};
use crate::event::{
    DEVICE_PCI, DEVICE_UUID, Feasibility, Finished, GpuReading, Hello, MetricRow, ResourceSample,
    RunVerdict, StopDetail, StopReason, StopRecord, Usage, Vendor, WorkerEvent,
};

fn gpu(index: u32, device: &str) -> GpuReading {
    GpuReading {
        index,
        device: device.to_owned(),
        pci: format!("0000:6{index}:00.0"),
        utilisation_percent: Some(f64::from(index) * 10.0),
        power_watts: Some(100.0 + f64::from(index)),
        memory_bytes: Some(1000 * u64::from(index + 1)),
        ..GpuReading::default()
    }
}

fn sample(gpus: &[GpuReading]) -> ResourceSample {
    ResourceSample { gpus: gpus.to_vec(), ..ResourceSample::default() }
}

fn facts(facts: &[(&str, &str)]) -> BTreeMap<String, String> {
    let facts = facts.iter();
    facts.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn own(own: bool, gpu: GpuReading) -> GpuReading {
    GpuReading { own: Some(own), ..gpu }
}

/// What is selected after this hello and this tick: the indexes, or why none.
#[track_caller]
fn chosen(device: &str, told: &[(&str, &str)], gpus: &[GpuReading]) -> Result<Vec<u32>, String> {
    let mut selection = Selection::of_device(device);
    selection.learn(&facts(told));
    let sample = sample(gpus);
    selection.see(&sample);
    let found = selection.readings(&sample);
    match selection.without() {
        Some(why) => {
            assert!(found.is_empty());
            Err(why.said())
        }
        None => Ok(found.iter().map(|gpu| gpu.index).collect()),
    }
}

#[test]
fn what_the_worker_says_decides_and_never_an_index() {
    let two = [gpu(0, "GPU-AA-bb"), gpu(1, "GPU-cc")];
    // CUDA counts the other way round.
    for device in ["cuda", "cuda:0", "cuda:1", "cuda:7", "auto"] {
        for (told, index) in [
            ((DEVICE_UUID, "GPU-cc"), 1),
            ((DEVICE_UUID, "GPU-aa-BB"), 0),
            ((DEVICE_UUID, "aa-bb"), 0),
            ((DEVICE_PCI, "00000000:61:00.0"), 1),
            ((DEVICE_PCI, "60:00.0"), 0),
        ] {
            assert_eq!(chosen(device, &[told], &two), Ok(vec![index]), "{device} {told:?}");
        }
    }
    let both = (DEVICE_UUID, "GPU-cc, GPU-aa-bb,GPU-cc");
    assert_eq!(chosen("cuda", &[both], &two), Ok(vec![1, 0]));
    let why = chosen("cuda:1", &[(DEVICE_UUID, "GPU-dd")], &two).unwrap_err();
    assert!(why.contains("uses dd, which is not among"), "{why}");
    let why = chosen("cuda:1", &[(DEVICE_PCI, "nonsense")], &two).unwrap_err();
    assert!(why.contains("uses nonsense"), "{why}");
    let why = chosen("cpu", &[(DEVICE_UUID, "GPU-cc")], &two).unwrap_err();
    assert_eq!(why, "the run uses no GPU");
}

#[test]
fn then_whose_processes_the_driver_sees_then_the_only_one_then_none() {
    let (a, b) = (gpu(0, "GPU-a"), gpu(1, "GPU-b"));
    let seen = [own(false, a.clone()), own(true, b.clone())];
    for device in ["cuda", "auto"] {
        assert_eq!(chosen(device, &[], &seen), Ok(vec![1]));
        let both = seen.clone().map(|gpu| own(true, gpu));
        assert_eq!(chosen(device, &[], &both), Ok(vec![0, 1]));
    }
    assert_eq!(chosen("cuda:5", &[], std::slice::from_ref(&a)), Ok(vec![0]));
    // On a machine with one that a command may or may not use, nothing is taken for granted.
    assert!(chosen("auto", &[], std::slice::from_ref(&a)).is_err());
    let why = chosen("cuda", &[], &[own(false, a.clone())]).unwrap_err();
    assert_eq!(why, "the driver sees no process of the run on the device");
    let why = chosen("cuda:1", &[], &[a.clone(), b]).unwrap_err();
    assert!(why.starts_with("there are 2 devices") && why.contains("device_uuid"), "{why}");
    let tpu = GpuReading { vendor: Vendor::Tpu, own: Some(true), ..gpu(1, "tpu") };
    assert_eq!(chosen("cuda", &[], &[a, tpu.clone()]), Ok(vec![0]), "a TPU is no GPU");
    assert!(chosen("cuda", &[], &[tpu]).is_ok_and(|found| found.is_empty()));
}

#[test]
fn a_part_of_a_device_is_taken_and_not_the_whole_as_well() {
    let part = |index, device: &str| GpuReading {
        parent: "GPU-a".to_owned(),
        pci: "0000:60:00.0".to_owned(),
        utilisation_percent: None,
        ..gpu(index, device)
    };
    let (whole, one, two) = (gpu(0, "GPU-a"), part(1, "MIG-1"), part(2, "MIG-2"));
    let all = [whole.clone(), one.clone(), two];
    assert_eq!(chosen("cuda", &[(DEVICE_UUID, "MIG-2")], &all), Ok(vec![2]));
    assert_eq!(chosen("cuda", &[(DEVICE_PCI, "60:00.0")], &all), Ok(vec![0]));
    assert_eq!(chosen("cuda", &[], &[whole, one]), Ok(vec![1]));
    let why = chosen("cuda", &[], &all).unwrap_err();
    assert!(why.starts_with("there are 2 devices"), "{why}");
}

#[test]
fn what_was_seen_once_stays_the_runs() {
    let mut selection = Selection::of_device("cuda");
    let (a, b) = (gpu(0, "GPU-a"), gpu(1, "GPU-b"));
    let (on, off) = (
        sample(&[own(false, a.clone()), own(true, b.clone())]),
        sample(&[own(false, a.clone()), own(false, b)]),
    );
    selection.see(&on);
    assert!(selection.readings(&on).is_empty(), "nobody has said hello");
    selection.learn(&BTreeMap::new());
    assert_eq!(selection.readings(&on).len(), 1);
    let last = selection.readings(&off)[0].utilisation_percent;
    assert_eq!(last, Some(10.0), "its last process has ended");
    assert!(selection.readings(&sample(&[own(false, a)])).is_empty());
}

#[test]
fn recordings_without_ids_are_read_by_the_index_as_ever() {
    let (a, b) = (gpu(0, ""), gpu(1, ""));
    for (device, index) in
        [("cuda", Some(0)), ("cuda:1", Some(1)), ("cuda:2", None), ("auto", None)]
    {
        let found = chosen(device, &[], &[a.clone(), b.clone()]);
        assert_eq!(found.ok(), index.map(|index| vec![index]), "{device}");
    }
    // Nobody has said hello in some.
    let tick = sample(&[a, b]);
    assert_eq!(Selection::of_device("cuda:1").readings(&tick)[0].index, 1);
}

#[test]
fn a_device_is_an_accelerator_or_none() {
    for (device, none) in [
        ("cpu", true),
        ("cuda", false),
        ("cuda:3", false),
        ("cuda:x", true),
        ("mps", true),
        ("auto", false),
    ] {
        assert_eq!(Selection::of_device(device).is_none(), none, "{device}");
    }
}

/// The rows of a run on `cuda:0` whose worker says this.
fn rows(told: &[(&str, &str)], gpus: &[GpuReading]) -> Vec<MetricRow> {
    let mut messages = Sim::default().messages();
    for message in &mut messages {
        if let Message::Sample(sample) = message {
            sample.gpus = gpus.to_vec();
        }
    }
    let hello = Hello { facts: facts(told), ..Hello::default() };
    messages.insert(0, say(0, WorkerEvent::Hello(hello)));
    let context = RunContext { devices: Selection::of_device("cuda:0"), ..context() };
    let mut controller = Controller::new(policy(&["train.throughput"]), context);
    let _ = feed(&mut controller, &messages);
    controller.rows(None)
}

#[test]
fn the_figures_are_those_of_the_device_that_the_worker_named() {
    let two = [gpu(0, "GPU-a"), gpu(1, "GPU-b")];
    let found = rows(&[(DEVICE_UUID, "GPU-b")], &two);
    let figure = |metric| row(&found, metric).estimate.map(f64::round);
    assert_eq!(figure("gpu.utilisation"), Some(10.0));
    assert_eq!(figure("gpu.power"), Some(101.0));
    assert_eq!(figure("gpu.memory_peak"), Some(2000.0));

    let found = rows(&[(DEVICE_UUID, "GPU-b,GPU-a")], &two);
    for (metric, value, note) in [
        ("gpu.utilisation", 5.0, "mean of 2 devices"),
        ("gpu.power", 201.0, "sum of 2 devices"),
        ("gpu.memory_peak", 3000.0, "whole device, others included; sum of 2 devices"),
    ] {
        let row = row(&found, metric);
        assert_eq!(row.estimate.map(f64::round), Some(value), "{metric}");
        assert!(row.said().ends_with(note), "{metric}: {}", row.said());
    }

    let found = rows(&[], &two[..1]);
    let utilisation = row(&found, "gpu.utilisation");
    assert!(utilisation.said().ends_with("whole device, the only one there is"), "{utilisation:?}");

    let found = rows(&[], &two);
    for metric in ["gpu.utilisation", "gpu.power", "gpu.memory_peak"] {
        let row = row(&found, metric);
        assert!(row.estimate.is_none() && row.said().starts_with("there are 2 devices"), "{row:?}");
    }
}

#[test]
fn the_reason_of_another_device_is_not_the_runs() {
    use crate::event::Gap;
    let mut messages = Sim::default().messages();
    let hello = Hello { facts: facts(&[(DEVICE_UUID, "GPU-b")]), ..Hello::default() };
    messages.insert(0, say(0, WorkerEvent::Hello(hello)));
    let dark = |index, device| GpuReading { power_watts: None, ..gpu(index, device) };
    for message in &mut messages {
        if let Message::Sample(sample) = message {
            sample.gpus = vec![dark(0, "GPU-a"), dark(1, "GPU-b")];
            sample.gaps = [(0, "of another"), (1, "its own")]
                .map(|(index, reason)| Gap {
                    field: format!("gpu[{index}].power_watts"),
                    reason: reason.into(),
                })
                .to_vec();
        }
    }
    let context = RunContext { devices: Selection::of_device("cuda:0"), ..context() };
    let mut controller = Controller::new(policy(&["train.throughput"]), context);
    let _ = feed(&mut controller, &messages);
    assert_eq!(row(&controller.rows(None), "gpu.power").said(), "its own");
}

fn finished() -> WorkerEvent {
    WorkerEvent::Finished(Finished {
        stopped: false,
        epochs: 1,
        test_loss: None,
        test_accuracy: None,
        test_samples: None,
        usage: Usage::default(),
    })
}

/// Verdict and figures of a run whose device is read until then, in seconds, of about 30.
fn read_until(until_s: f64) -> (RunVerdict, Vec<MetricRow>) {
    let mut messages = Sim::default().messages();
    let end_ns = messages.iter().map(Message::t_ns).max().unwrap();
    for message in &mut messages {
        if let Message::Sample(sample) = message
            && (sample.t_ns as f64) < until_s * 1e9
        {
            sample.gpus = vec![gpu(1, "GPU-b")];
        }
    }
    let hello = Hello { facts: facts(&[(DEVICE_UUID, "GPU-b")]), ..Hello::default() };
    messages.insert(0, say(0, WorkerEvent::Hello(hello)));
    messages.push(say(end_ns, finished()));
    let context = RunContext { devices: Selection::of_device("cuda:0"), ..context() };
    let policy = StopPolicy {
        enabled: false,
        constraints: vec![Constraint {
            metric: "gpu.memory_peak".into(),
            op: Op::AtMost,
            limit: 1e9,
        }],
        ..policy(&["train.throughput"])
    };
    let mut controller = Controller::new(policy, context);
    let _ = feed(&mut controller, &messages);
    let rows = controller.rows(None);
    let ended = StopRecord { reason: StopReason::Trained, detail: StopDetail::Unknown };
    (controller.feasibility(&rows, &ended).unwrap(), rows)
}

#[test]
fn a_device_that_is_lost_leaves_means_of_a_part_and_no_limit_that_is_kept() {
    let (verdict, rows) = read_until(100.0);
    assert_eq!(verdict.verdict, Feasibility::Feasible, "{verdict:?}");
    for metric in ["gpu.utilisation", "gpu.memory_peak"] {
        let row = row(&rows, metric);
        assert!(!row.said().contains("read for"), "{row:?}");
    }
    let (verdict, rows) = read_until(12.0);
    assert_eq!(verdict.verdict, Feasibility::Undecided, "{verdict:?}");
    assert!(verdict.said().contains("but the device was not read for 60.5%"), "{verdict:?}");
    let utilisation = row(&rows, "gpu.utilisation");
    assert_eq!(utilisation.estimate.map(f64::round), Some(10.0));
    assert!(utilisation.said().contains(" of the stage"), "{utilisation:?}");
    let peak = row(&rows, "gpu.memory_peak");
    assert!(peak.said().contains("not read for 60.5% of the time"), "{peak:?}");
}

#[test]
fn that_there_is_no_answer_yet_is_no_reason_once_there_is_another() {
    use crate::event::{Gap, GapKind, Reason};
    let mut messages = Sim::default().messages();
    let ticks = messages.iter_mut().filter_map(|message| match message {
        Message::Sample(sample) => Some(sample),
        Message::Worker(_) => None,
    });
    let waiting = |detail| Reason::new(GapKind::Waiting, detail);
    let (first, second) = (waiting("no answer yet"), waiting("no answer for 2 s"));
    for (sample, reason) in ticks.zip([first, second, "lost".into(), "other".into()]) {
        sample.gaps = vec![Gap { field: "gpu".to_owned(), reason }];
    }
    let context = RunContext { devices: Selection::of_device("cuda:0"), ..context() };
    let mut controller = Controller::new(policy(&["train.throughput"]), context);
    let _ = feed(&mut controller, &messages);
    assert_eq!(row(&controller.rows(None), "gpu.power").said(), "lost");
}
