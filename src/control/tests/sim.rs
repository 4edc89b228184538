//! A worker and a sampler that play a script, as the messages that a controller would get.

use crate::control::{Controller, RunContext, StopPolicy, Verdict};
use crate::event::{
    Envelope, EpochReport, Num, Phase, ResourceSample, StepBatch, StopDetail, StopReason,
    WorkerEvent,
};
use crate::stats::testing::Noise;

pub(super) const MS: u64 = 1_000_000;

/// A message to the controller.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Worker(Envelope),
    Sample(Box<ResourceSample>),
}

impl Message {
    pub(super) fn t_ns(&self) -> u64 {
        match self {
            Self::Worker(envelope) => envelope.t_ns,
            Self::Sample(sample) => sample.t_ns,
        }
    }
}

/// What a step costs, in milliseconds: by its number, seconds since the phase began, and noise.
pub(super) type Step = fn(u64, f64, &mut Noise) -> f64;

/// What a tick reads, by seconds since the start: CPU cores in use and resident bytes.
pub(super) type Tick = fn(f64, &mut Noise) -> (f64, f64);

/// A script.
pub(super) struct Sim {
    pub(super) seed: u64,
    pub(super) phases: Vec<(Phase, f64)>,
    pub(super) step: Step,
    pub(super) tick: Tick,
    /// Cores that everything else uses, by seconds since the start; `None`: the machine's counters have a gap.
    pub(super) others: fn(f64) -> Option<f64>,
    /// Milliseconds between ticks; 0: no sampler.
    pub(super) tick_ms: u64,
    /// Longest time in one message of steps.
    pub(super) batch_ms: u64,
}

impl Default for Sim {
    fn default() -> Self {
        Self {
            seed: 1,
            phases: vec![(Phase::Load, 0.2), (Phase::Train, 30.0)],
            step: |_, _, noise| 2.0 * (1.0 + 0.05 * noise.normal()),
            tick: |_, noise| (2.0 + 0.02 * noise.normal(), 300e6),
            others: |_| Some(0.0),
            tick_ms: 100,
            batch_ms: 80,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive script values"
)]
pub(super) fn whole(value: f64) -> u64 {
    value as u64
}

impl Sim {
    pub(super) fn train(step: Step) -> Self {
        Self { step, ..Self::default() }
    }

    /// All messages in the order of their times.
    pub(super) fn messages(&self) -> Vec<Message> {
        let mut messages = self.worker();
        messages.extend(self.sampler());
        messages.sort_by_key(Message::t_ns);
        messages
    }

    fn worker(&self) -> Vec<Message> {
        let mut noise = Noise::new(self.seed);
        let mut messages = Vec::new();
        let mut now = 0;
        for (phase, seconds) in &self.phases {
            messages.push(say(now, WorkerEvent::Phase { phase: *phase }));
            let end = now + whole(seconds * 1e9);
            let (began, mut i) = (now, 0);
            while now < end {
                let mut batch = StepBatch {
                    phase: *phase,
                    items: 64,
                    start_ns: now,
                    dur_ns: Vec::new(),
                    wait_ns: Vec::new(),
                    gap_ns: Vec::new(),
                    fetch_ns: Vec::new(),
                    loss: None,
                };
                while now < end && now - batch.start_ns < self.batch_ms * MS {
                    let ns =
                        whole((self.step)(i, (now - began) as f64 * 1e-9, &mut noise) * 1e6).max(1);
                    batch.dur_ns.push(ns);
                    now += ns;
                    i += 1;
                }
                messages.push(say(now, WorkerEvent::Steps(batch)));
            }
        }
        messages
    }

    fn sampler(&self) -> Vec<Message> {
        let mut noise = Noise::new(self.seed + 1000);
        let mut messages = Vec::new();
        let seconds: f64 = self.phases.iter().map(|(_, seconds)| seconds).sum();
        let (mut now, mut cpu, mut peak, mut busy) = (5 * MS, 0.0, 0.0f64, 0.0);
        while self.tick_ms > 0 && now < whole(seconds * 1e9) {
            let (cores, rss) = (self.tick)(now as f64 * 1e-9, &mut noise);
            cpu += cores * self.tick_ms as f64 * 1e6;
            peak = peak.max(rss);
            let since = now.saturating_sub(self.tick_ms * MS);
            let others = (self.others)(since as f64 * 1e-9);
            busy += (cores + others.unwrap_or(0.0)) * self.tick_ms as f64 * 1e6;
            let mut sample = sample(now, cpu, (rss, peak));
            sample.host.busy_ns = others.map(|_| whole(busy));
            messages.push(Message::Sample(Box::new(sample)));
            now += self.tick_ms * MS;
        }
        messages
    }
}

pub(super) fn say(t_ns: u64, event: WorkerEvent) -> Message {
    Message::Worker(Envelope { seq: 0, t_ns, event })
}

pub(super) fn sample(t_ns: u64, cpu_ns: f64, (rss, peak): (f64, f64)) -> ResourceSample {
    ResourceSample {
        t_ns,
        cost_ns: 100_000,
        cpu_ns: Some(whole(cpu_ns)),
        rss_bytes: Some(whole(rss)),
        peak_bytes: Some(whole(peak)),
        run_delay_ns: Some(whole(cpu_ns * 0.25)),
        processes: 1,
        ..ResourceSample::default()
    }
}

pub(super) fn epoch(epoch: u32, accuracy: f64) -> WorkerEvent {
    WorkerEvent::Epoch(EpochReport {
        epoch,
        samples: 1000,
        train_loss: Num(1.0),
        validation_loss: Some(Num(1.1)),
        validation_accuracy: Some(Num(accuracy)),
    })
}

pub(super) fn policy(metrics: &[&str]) -> StopPolicy {
    StopPolicy {
        metrics: metrics.iter().map(|metric| (*metric).into()).collect(),
        max_time_s: 20.0,
        ..StopPolicy::default()
    }
}

pub(super) fn context() -> RunContext {
    RunContext { epochs: 10, usable_cores: 2.0, ..RunContext::default() }
}

/// Feeds everything, whatever is answered: each answer that is not "go on", with its time in seconds.
pub(super) fn feed(controller: &mut Controller, messages: &[Message]) -> Vec<(f64, Verdict)> {
    let mut answers = Vec::new();
    for message in messages {
        let verdict = match message {
            Message::Worker(envelope) => controller.on_worker(envelope),
            Message::Sample(sample) => controller.on_sample(sample),
        };
        if verdict != Verdict::Continue {
            answers.push((message.t_ns() as f64 * 1e-9, verdict));
        }
    }
    answers
}

/// How a run ends: when, why, and the controller as it was at that moment.
pub(super) struct End {
    pub(super) at_s: f64,
    pub(super) reason: StopReason,
    pub(super) detail: StopDetail,
    pub(super) controller: Controller,
}

/// Feeds until a stop, as a runner does.
pub(super) fn end_of(policy: StopPolicy, context: RunContext, messages: &[Message]) -> Option<End> {
    let mut controller = Controller::new(policy, context);
    for message in messages {
        let answers = feed(&mut controller, std::slice::from_ref(message));
        if let [(at_s, Verdict::Stop(record))] = &answers[..] {
            let (reason, detail) = (record.reason, record.detail.clone());
            return Some(End { at_s: *at_s, reason, detail, controller });
        }
    }
    None
}

/// Two modes and a thin bridge between them: the true median is 2 ms, and hard to pin down.
pub(super) fn two_modes(_: u64, _: f64, noise: &mut Noise) -> f64 {
    let spread = 0.02 * noise.normal();
    match noise.uniform() {
        low if low < 0.45 => 1.0 + spread,
        high if high > 0.55 => 3.0 + spread,
        _ => 1.0 + 2.0 * noise.uniform(),
    }
}
