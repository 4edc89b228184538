//! What a worker says: `hello (phase | steps | epoch | metric | max_rate)* (finished | failed) EOF`.

mod num;
mod phase;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::declared::FigureLack;
pub use num::{Num, optional};
pub use phase::{Phase, Stage};

/// The worker's own figure that tells how many samples an epoch trains on: with it the time of the whole training is
/// projected before the first epoch is over.
pub const EPOCH_SAMPLES: &str = "epoch_samples";

/// The fact of `hello` that names the accelerator that the worker uses: `GPU-<uuid>` or `MIG-<uuid>`.
pub const DEVICE_UUID: &str = "device_uuid";

/// The same by its place on the bus: `0000:65:00.0`.
pub const DEVICE_PCI: &str = "device_pci";

/// The fact of `hello` by which a worker says that it reads its training data only when serving is over.
pub const READS_LATE: &str = "training_data_late";

/// The native worker's own figure of the most memory that its tensors held on the accelerator, in bytes: over the whole life
/// of the process, its warm-up included. Absent on the CPU.
pub const DEVICE_MEMORY_PEAK: &str = "device_memory_peak";

/// The same of what libtorch's allocator had taken from the driver, which it keeps for later tensors. Neither counts the
/// driver's own memory for the process (some hundred megabytes).
pub const DEVICE_MEMORY_RESERVED_PEAK: &str = "device_memory_reserved_peak";

/// The native worker's own figure of what waiting for an accelerator costs when it has nothing to do, in seconds: each timed
/// step and request holds one such wait. Absent on the CPU.
pub const SYNC_COST: &str = "sync_cost";

/// The longest name of a figure of a worker's own, in bytes.
pub const LONGEST_NAME: usize = 64;

/// So many figures of its own a worker may have.
pub const MOST_FIGURES: usize = 1000;

/// Whether a figure of a worker's own may be called so.
pub fn is_own_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_NAME && !name.chars().any(char::is_control)
}

/// One message of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum WorkerEvent {
    /// First, once.
    Hello(Hello),
    /// A phase begins; the one before it has ended.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// Timed steps of the current phase.
    Steps(StepBatch),
    /// An epoch of training and its validation are over.
    Epoch(EpochReport),
    /// A figure of the worker's own, outside the catalogue's phases.
    Metric {
        /// The worker's own, and none of the catalogue.
        name: String,
        /// The value in base units.
        value: Num,
        /// How many samples it rests on, where the worker knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        samples: Option<u64>,
    },
    /// A figure of the command's own could not be read; what was said of it before does not count.
    Unread {
        /// Which.
        name: String,
        /// Why.
        why: FigureLack,
    },
    /// The search of the current `probe[N]` has ended.
    MaxRate(FoundRate),
    /// Last: the work is done, or was stopped as asked.
    Finished(Finished),
    /// Last: it could not be done.
    Failed(WorkerFailure),
}

/// Who is speaking.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Hello {
    /// [`super::PROTOCOL_VERSION`] of the worker.
    pub protocol: u32,
    /// Name and version, such as `perftune-worker 0.1.0`.
    pub worker: String,
    /// The worker's process.
    pub pid: u32,
    /// What else identifies the environment: `libtorch`, `cpu_capability`, `flush_denormals`, ...
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// Consecutive steps (or requests) of one phase, each begun when the one before it ended, or `gap_ns` later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepBatch {
    /// The phase they belong to; it must be the current one.
    pub phase: Phase,
    /// Samples in each step.
    pub items: u32,
    /// `CLOCK_MONOTONIC` at the start of the first (of the gap before it, if there is one), in nanoseconds.
    pub start_ns: u64,
    /// How long each took, in nanoseconds; on an accelerator, synchronised.
    pub dur_ns: Vec<u64>,
    /// Of requests that queue: from when each was scheduled to come until it was begun, in nanoseconds; as many as
    /// `dur_ns`, or none where each came when it was begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wait_ns: Vec<u64>,
    /// Time in which nothing was answered before each, in nanoseconds: since the end of the one before it, or of the
    /// first since `start_ns`; as many as `dur_ns`, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gap_ns: Vec<u64>,
    /// The part of each training step in which it waited for its data, in nanoseconds; as many as `dur_ns`, or none where
    /// nobody knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fetch_ns: Vec<u64>,
    /// The newest training loss, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Num>,
}

impl StepBatch {
    /// When the last step ended.
    pub fn end_ns(&self) -> u64 {
        let times = self.dur_ns.iter().chain(&self.gap_ns);
        times.fold(self.start_ns, |end, time| end.saturating_add(*time))
    }

    /// Each step with its times.
    pub fn requests(&self) -> impl Iterator<Item = Request> + '_ {
        let at = |times: &[u64], place: usize| times.get(place).copied().unwrap_or(0);
        let mut end_ns = self.start_ns;
        self.dur_ns.iter().enumerate().map(move |(place, dur_ns)| {
            let gap_ns = at(&self.gap_ns, place);
            let start_ns = end_ns.saturating_add(gap_ns);
            end_ns = start_ns.saturating_add(*dur_ns);
            let (wait_ns, fetch_ns) = (at(&self.wait_ns, place), at(&self.fetch_ns, place));
            Request { start_ns, dur_ns: *dur_ns, wait_ns, gap_ns, fetch_ns }
        })
    }
}

/// One step or request, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Request {
    /// When it was begun.
    pub start_ns: u64,
    /// How long its answer took.
    pub dur_ns: u64,
    /// From when it was scheduled to come until it was begun.
    pub wait_ns: u64,
    /// Time in which nothing was answered before it.
    pub gap_ns: u64,
    /// The part of its answer in which it waited for its data; 0 where nobody knows.
    pub fetch_ns: u64,
}

impl Request {
    /// From when it was scheduled to come until it was answered.
    pub const fn latency_ns(&self) -> u64 {
        self.wait_ns.saturating_add(self.dur_ns)
    }

    /// Its share of the time that passed: the answer, and the gap before it.
    pub const fn elapsed_ns(&self) -> u64 {
        self.gap_ns.saturating_add(self.dur_ns)
    }

    /// When its answer was there.
    pub const fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.dur_ns)
    }

    /// When it was scheduled to come.
    pub const fn scheduled_ns(&self) -> u64 {
        self.start_ns.saturating_sub(self.wait_ns)
    }

    /// The load generator's own time in the gap: that in which the request had come, and nothing else was answered.
    pub const fn own_ns(&self) -> u64 {
        if self.gap_ns < self.wait_ns { self.gap_ns } else { self.wait_ns }
    }
}

/// The end of a search for the highest rate that keeps a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundRate {
    /// Requests a second; absent: none was found, and `why` says so.
    pub rate_per_s: Option<Num>,
    /// Lower end of its interval.
    pub low: Option<Num>,
    /// Upper end of its interval.
    pub high: Option<Num>,
    /// Nominal confidence of the interval.
    pub confidence: Option<f64>,
    /// Whether it is as precise as the search was asked to be.
    pub precise: bool,
    /// Rates that were tried.
    pub probes: u32,
    /// Requests that were answered for it.
    pub requests: u64,
    /// What ended it, or why there is no rate.
    pub why: String,
}

/// One pass over the training data and the validation after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Counts from 1.
    pub epoch: u32,
    /// Samples trained on.
    pub samples: u64,
    /// Mean training loss over the epoch.
    pub train_loss: Num,
    /// Mean validation loss; absent where nothing is held out.
    pub validation_loss: Option<Num>,
    /// Share of the validation data classified rightly, 0..1.
    pub validation_accuracy: Option<Num>,
}

/// The end of a worker's work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// Whether a `stop` ended it before its budget.
    pub stopped: bool,
    /// Epochs completed.
    pub epochs: u32,
    /// Mean loss on the test data.
    pub test_loss: Option<Num>,
    /// Share of the test data classified rightly, 0..1.
    pub test_accuracy: Option<Num>,
    /// How many test samples the accuracy was counted on, where the worker knows; without it nobody can tell how well it is
    /// known, and no cell is better by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_samples: Option<u64>,
    /// The process's own final figures.
    pub usage: Usage,
}

/// What the kernel says of a process just before it ends; absent where it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// User and system time of all its threads, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// `VmHWM`: the largest resident set so far, in bytes.
    pub vm_hwm_bytes: Option<u64>,
    /// What the largest of the processes had at most, in bytes, where no more can be told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hwm_at_most_bytes: Option<u64>,
}

/// Why a worker gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerFailure {
    /// `data`, `model`, `device`, `memory`, `job` or `internal`.
    pub kind: String,
    /// What happened, where and why.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_know_when_they_came_and_whose_time_their_gap_was() {
        let mut batch = StepBatch {
            phase: Phase::Serve(1),
            items: 1,
            start_ns: 100,
            dur_ns: vec![10, 20, 30],
            wait_ns: Vec::new(),
            gap_ns: Vec::new(),
            fetch_ns: Vec::new(),
            loss: None,
        };
        assert_eq!(batch.end_ns(), 160);
        let starts: Vec<u64> = batch.requests().map(|request| request.start_ns).collect();
        assert_eq!(starts, [100, 110, 130]);
        let text = serde_json::to_string(&batch).unwrap();
        assert!(!text.contains("wait_ns") && !text.contains("gap_ns"), "{text}");
        // Idle until the first comes (2 late), the second came while the first was answered, the third later.
        batch.gap_ns = vec![50, 3, 7];
        batch.wait_ns = vec![2, 9, 0];
        assert_eq!(batch.end_ns(), 220);
        let found: Vec<_> = batch
            .requests()
            .map(|r| (r.start_ns, r.scheduled_ns(), r.latency_ns(), r.own_ns()))
            .collect();
        assert_eq!(found, [(150, 148, 12, 2), (163, 154, 29, 3), (190, 190, 30, 0)]);
        assert_eq!(batch.requests().last().unwrap().end_ns(), batch.end_ns());
        let text = serde_json::to_string(&batch).unwrap();
        assert_eq!(serde_json::from_str::<StepBatch>(&text).unwrap(), batch);
    }
}
