//! What the controller must know of a run before it begins.

use std::collections::BTreeMap;

use super::devices::Selection;
use crate::event::{JobSpec, Pattern, Price, Reason, ServeSpec, Work};
use crate::metric::MetricId;

/// What the controller must know of a run beside its policy.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunContext {
    /// What does it. A command is neither told when to leave a phase nor bound to any, and may report no steps.
    pub work: Work,
    /// Serve phases, by samples a request.
    pub serve_sizes: Vec<u32>,
    /// Longest time of each, in seconds; absent: as long as the policy lets it.
    pub serve_max_s: Option<f64>,
    /// Whether each size is served once more when the model was trained to the end.
    pub confirm: bool,
    /// Searches for the highest rate, by samples a request.
    pub probe_sizes: Vec<u32>,
    /// When requests come.
    pub pattern: Pattern,
    /// The budget in passes over the training data; 0: no training.
    pub epochs: u32,
    /// The part of the training data that is held out for validation.
    pub validation_share: f64,
    /// Cores that the run may use, the denominator of `cpu.utilisation_of_limit`.
    pub usable_cores: f64,
    /// What cannot be measured and why, by the name of a metric, of a group, or of a field of the sampler.
    pub unsupported: BTreeMap<String, Reason>,
    /// Whether the data are random: they say nothing of a model.
    pub random_data: bool,
    /// The metrics of the user's own.
    pub metrics: Vec<MetricId>,
    /// The accelerators that the run works on, before the worker says hello.
    pub devices: Selection,
    /// The device as the grid names it; empty means the CPU.
    pub device: String,
    /// What a kilowatt hour means in grams of CO2 equivalent, where the user has said.
    pub grams_per_kwh: Option<f64>,
    /// What an hour costs, where the user has said.
    pub price: Option<Price>,
    /// `CLOCK_MONOTONIC` when the worker was started, in nanoseconds.
    pub started_ns: u64,
}

impl RunContext {
    /// Of a run of this job. `unsupported` is what the sampler says; devices that the run does not use would tell of
    /// other people's work, so they are added.
    pub fn of_job(
        job: &JobSpec,
        usable_cores: f64,
        mut unsupported: BTreeMap<String, Reason>,
        started_ns: u64,
    ) -> Self {
        let devices = Selection::of_device(&job.device);
        if devices.is_none() {
            let why = format!("the run's device is `{}`", job.device);
            unsupported.entry("gpu".to_owned()).or_insert_with(|| Reason::unsupported(why));
        }
        // A command serves what and when it likes.
        let serve = job.serve.as_ref().filter(|_| !job.work.is_command());
        let sizes = |wanted: fn(&ServeSpec) -> bool| {
            let sizes = serve.filter(|serve| wanted(serve));
            sizes.map(|serve| serve.batch_sizes.clone()).unwrap_or_default()
        };
        Self {
            work: job.work.clone(),
            serve_sizes: sizes(ServeSpec::has_phase),
            serve_max_s: serve.map(|serve| serve.max_time_s),
            probe_sizes: sizes(|serve| serve.find_max_rate.is_some()),
            confirm: serve.is_some_and(|serve| serve.confirm),
            pattern: serve.map(|serve| serve.pattern).unwrap_or_default(),
            epochs: job.train.epochs,
            validation_share: job.train.validation_share,
            usable_cores,
            unsupported,
            random_data: job.random.is_some(),
            metrics: job.own_metrics().collect(),
            devices,
            device: job.device.clone(),
            grams_per_kwh: None,
            price: None,
            started_ns,
        }
    }

    /// Epochs of which the training will consist, as far as anybody knows: a command that was not told may do as many as it likes.
    pub(super) fn planned_epochs(&self) -> u32 {
        match &self.work {
            Work::Command { spec } if !spec.epochs => 0,
            _ => self.epochs,
        }
    }

    /// Sizes of requests that have rows: those that are served, or only searched with.
    pub(super) fn sizes(&self) -> &[u32] {
        if self.serve_sizes.is_empty() { &self.probe_sizes } else { &self.serve_sizes }
    }
}
