//! Figures that follow from others, and those that a worker says of its model.

use super::sim::{MS, Message, Sim, context, feed, policy, say};
use crate::control::{Controller, RunContext};
use crate::event::{Note, Num, Phase, Price, StepBatch, WorkerEvent};
use crate::metric::MetricId;

fn told(name: MetricId, value: f64) -> Message {
    let (name, value) = (name.name().to_owned(), Num(value));
    say(1, WorkerEvent::Metric { name, value, samples: None })
}

/// 64 samples every 2 ms on two cores, half a second after the start.
fn trained(more: &[Message], price: Option<Price>) -> Controller {
    let sim = Sim {
        phases: vec![(Phase::Load, 0.5), (Phase::Train, 10.0)],
        step: |_, _, _| 2.0,
        tick: |_, _| (2.0, 100e6),
        ..Sim::default()
    };
    let mut controller =
        Controller::new(policy(&["throughput"]), RunContext { price, ..context() });
    feed(&mut controller, more);
    feed(&mut controller, &sim.messages());
    controller
}

fn figure(controller: &Controller, metric: MetricId) -> (Option<f64>, Vec<Note>) {
    let rows = controller.rows(None);
    let row = rows.iter().find(|row| row.metric == metric).unwrap();
    (row.estimate, row.notes.clone())
}

#[test]
fn what_is_said_of_a_model_and_its_start_has_rows_and_what_is_not_has_a_reason() {
    let said = [(MetricId::ModelParameters, 1000.0), (MetricId::ServeFirstLatency, 0.25)];
    let controller = trained(&said.map(|(id, value)| told(id, value)), None);
    for (id, value) in said {
        assert_eq!(figure(&controller, id), (Some(value), vec![]), "{id}");
    }
    assert_eq!(figure(&controller, MetricId::ModelFlops), (None, vec![Note::NotReported]));
    assert_eq!(figure(&controller, MetricId::TrainFlopsPerSecond), (None, vec![Note::NoFlops]));
    let start = figure(&controller, MetricId::StartTime).0.unwrap();
    assert!((start - 0.5).abs() < 1e-9, "{start}");
    let names: Vec<String> =
        controller.rows(None).iter().map(|row| row.metric.to_string()).collect();
    let once = |id: MetricId| names.iter().filter(|name| *name == id.name()).count();
    assert_eq!((once(MetricId::ModelParameters), once(MetricId::CostRun)), (1, 0));
}

#[test]
fn operations_cpu_time_and_price_follow_from_the_throughput() {
    let price = Price { per_hour: 3.6, currency: "EUR".to_owned() };
    let controller = trained(&[told(MetricId::ModelFlops, 1e6)], Some(price));
    let close = |id: MetricId, expected: f64| {
        let found = figure(&controller, id).0.unwrap();
        assert!((found / expected - 1.0).abs() < 0.01, "{id}: {found} is not {expected}");
    };
    close(MetricId::TrainThroughput, 32_000.0);
    close(MetricId::TrainFlopsPerSecond, 3.0 * 1e6 * 32_000.0);
    // Two cores for 2 ms over 64 samples.
    close(MetricId::CpuTimePerSample, 0.004 / 64.0);
    // A thousandth a second: 10.5 s, and a million samples in 31.25 s.
    close(MetricId::CostRun, 0.0105);
    close(MetricId::CostPerMillionSamples, 0.031_25);
    let rows = controller.rows(None);
    let cost = rows.iter().find(|row| row.metric == MetricId::CostPerMillionSamples).unwrap();
    let (low, high) = (cost.low.unwrap(), cost.high.unwrap());
    assert!(low <= cost.estimate.unwrap() && cost.estimate.unwrap() <= high, "{cost:?}");
}

/// A stall of 40 ms after every hundred steps of 0.2 ms: the rate is far below that of the median step. What follows from it has
/// notes in its own unit or none, and that one is said of the rate alone.
#[test]
fn what_follows_from_a_rate_takes_over_no_number_in_the_unit_of_the_rate() {
    let price = Price { per_hour: 3600.0, currency: String::new() };
    let sim = Sim {
        phases: vec![(Phase::Load, 0.2), (Phase::Train, 6.0)],
        step: |i, _, _| if i.is_multiple_of(100) { 40.0 } else { 0.2 },
        ..Sim::default()
    };
    let context = RunContext { price: Some(price), ..context() };
    let mut controller = Controller::new(policy(&["throughput"]), context);
    feed(&mut controller, &[told(MetricId::ModelFlops, 1e6)]);
    feed(&mut controller, &sim.messages());
    let far = |id| {
        let (_, notes) = figure(&controller, id);
        notes.iter().any(|note| matches!(note, Note::FarFromMedian { .. }))
    };
    assert!(far(MetricId::TrainThroughput));
    assert!(!far(MetricId::CostPerMillionSamples) && !far(MetricId::TrainFlopsPerSecond));
}

#[test]
fn a_quiet_rate_beside_a_disturbed_one_follows_with_it() {
    let (share, mostly, decides) = (Num(0.1), false, false);
    let note = |rate| Note::Disturbed { share, without: Some(Num(rate)), mostly, decides };
    assert_eq!(note(50.0).of_what_follows(|rate| 100.0 / rate), Some(note(2.0)));
    let alone = Note::Disturbed { share, without: None, mostly, decides };
    assert_eq!(alone.clone().of_what_follows(|rate| 1.0 / rate), Some(alone));
}

#[test]
fn a_run_costs_until_its_process_has_ended() {
    let price = Price { per_hour: 3.6, currency: "EUR".to_owned() };
    let mut controller = trained(&[], Some(price));
    controller.on_exit(11_500 * MS);
    let cost = figure(&controller, MetricId::CostRun).0.unwrap();
    assert!((cost - 0.0115).abs() < 1e-12, "{cost}");
}

#[test]
fn waiting_for_data_is_a_share_of_the_steps_that_say_it() {
    let steps = |fetch_ns: &[u64], place: u64| {
        let start_ns = (500 + place * 200) * MS;
        let batch = StepBatch {
            phase: Phase::Train,
            items: 8,
            start_ns,
            dur_ns: vec![10 * MS; 20],
            wait_ns: Vec::new(),
            gap_ns: Vec::new(),
            fetch_ns: fetch_ns.to_vec(),
            loss: None,
        };
        say(batch.end_ns(), WorkerEvent::Steps(batch))
    };
    let begin = say(500 * MS, WorkerEvent::Phase { phase: Phase::Train });
    for (silent, share) in [(None, Some(30.0)), (Some(7), None)] {
        let mut controller = Controller::new(policy(&["throughput"]), context());
        feed(&mut controller, std::slice::from_ref(&begin));
        for place in 0..40 {
            let fetch_ns = if silent == Some(place) { vec![] } else { vec![3 * MS; 20] };
            feed(&mut controller, &[steps(&fetch_ns, place)]);
        }
        let (found, notes) = figure(&controller, MetricId::TrainDataWait);
        match (found, share) {
            (Some(found), Some(share)) => assert!((found - share).abs() < 1e-6, "{found}"),
            (found, share) => assert_eq!((found, notes), (share, vec![Note::NoFetch])),
        }
    }
}
