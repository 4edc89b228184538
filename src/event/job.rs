//! What one worker is told to do: everything it needs, and nothing relative to somebody else's working directory.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::declared::{DeclaredMetric, Outlet};
use super::own::OwnAxes;
use super::words::words;
use super::work::Work;
use crate::metric::MetricId;
use crate::units::seconds;

/// One run: a model, a data set and settings. Sent to the worker as the first line on its standard input.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// [`super::PROTOCOL_VERSION`] of the sender.
    pub protocol: u32,
    /// The run's name, for messages.
    pub run: String,
    /// What to build.
    pub model: ModelSpec,
    /// The data set's name, for messages.
    pub dataset: String,
    /// The data set's folder (absolute), which holds its `dataset.toml`; empty where the data are random.
    pub dataset_dir: PathBuf,
    /// What is drawn in the place of a data set, where speed alone is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<RandomData>,
    /// Seeds the weights, the validation split and the order of the samples.
    pub seed: u64,
    /// Compute threads; at least 1, already resolved.
    pub threads: u32,
    /// `cpu`, `cuda`, `cuda:N` or `mps`.
    pub device: String,
    /// Flush subnormal numbers to zero, set before the compute threads start.
    pub flush_denormals: bool,
    /// How the C allocator treats freed memory; set in the worker's environment by the runner.
    pub allocator: Allocator,
    /// How compute threads wait for each other; set in the worker's environment by the runner. Results from before there was a
    /// choice are those of threads that spin, which is not written.
    #[serde(default, skip_serializing_if = "OmpWait::is_active")]
    pub omp_wait: OmpWait,
    /// What the model computes with. The default is not written, so that results from before there was a choice are still
    /// those of the same settings.
    #[serde(default, skip_serializing_if = "Precision::is_fp32")]
    pub precision: Precision,
    /// The values of the user's own axes. Not written where there are none, so that results of other grids are still those of
    /// the same settings.
    #[serde(default, rename = "axes", skip_serializing_if = "OwnAxes::is_empty")]
    pub own: OwnAxes,
    /// The headings of those that have one of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub axis_labels: BTreeMap<String, String>,
    /// The metrics of the user's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<DeclaredMetric>,
    /// How to train.
    pub train: TrainSpec,
    /// How to serve; absent: the serve phase is skipped.
    pub serve: Option<ServeSpec>,
    /// What does it.
    #[serde(flatten)]
    pub work: Work,
}

impl JobSpec {
    /// The metrics of the user's own.
    pub fn own_metrics(&self) -> impl Iterator<Item = MetricId> + '_ {
        self.metrics.iter().filter_map(DeclaredMetric::id)
    }
}

impl JobSpec {
    /// Whether figures are looked for in this output.
    pub fn is_watched(&self, output: Outlet) -> bool {
        self.metrics.iter().any(|metric| metric.pattern_in(output).is_some())
    }
}

/// Random samples in the place of a data set, drawn by the run's seed: nothing is held out of them, and no model is judged by them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandomData {
    /// Channels, height and width of a sample.
    pub shape: [u32; 3],
    /// Number of classes.
    pub classes: u32,
    /// How many there are to train on.
    pub samples: u64,
}

impl RandomData {
    /// What tells it from others, as the name of a data set.
    pub fn name(&self) -> String {
        let [channels, height, width] = self.shape;
        let (classes, samples) = (self.classes, self.samples);
        format!("random-{channels}x{height}x{width}-c{classes}-n{samples}")
    }
}

/// What an hour of the machine costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// An hour.
    pub per_hour: f64,
    /// In which currency, such as EUR; empty where nobody says.
    #[serde(default)]
    pub currency: String,
}

/// A model by name, with the knobs that some models have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// `mlp`, `cnn`, `resnet`, or whatever a foreign worker knows.
    pub name: String,
    /// Number of layers; the model's own default when absent.
    pub depth: Option<u32>,
    /// Width of the layers (units or channels); the model's own default when absent.
    pub width: Option<u32>,
    /// The file that it is, where it is none of perftune's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<ScriptSpec>,
}

/// A TorchScript file as a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptSpec {
    /// Where it lies (absolute).
    pub path: PathBuf,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// The shape of a sample as the model takes it; absent: as the data set has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Vec<u32>>,
}

/// How the C allocator treats freed memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Allocator {
    /// Keep freed memory for the next step: fewer page faults, a higher peak.
    #[default]
    Retain,
    /// The system's defaults.
    System,
}

words!(pub Allocator { Retain = "retain", System = "system" });

/// How the threads of OpenMP wait for each other at the end of a parallel region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OmpWait {
    /// They spin for a millisecond or so: fastest on a machine of one's own, and the slower the more others are at work, since
    /// a thread that spins keeps the core from the one that it waits for.
    #[default]
    Active,
    /// They spin for some microseconds, then sleep.
    Brief,
    /// They sleep at once.
    Passive,
}

words!(pub OmpWait { Active = "active", Brief = "brief", Passive = "passive" });

impl OmpWait {
    /// Whether it is what libtorch does by itself.
    pub fn is_active(&self) -> bool {
        *self == Self::Active
    }

    /// How often a waiting thread looks before it sleeps: `GOMP_SPINCOUNT` of GCC's OpenMP, which libtorch comes with. The
    /// first is that library's own default.
    pub const fn spin_count(self) -> u32 {
        match self {
            Self::Active => 300_000,
            Self::Brief => 1000,
            Self::Passive => 0,
        }
    }
}

/// What a model computes with. Weights, their gradients and the loss are 32-bit floats either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    Fp32,
    /// Mixed: 16-bit "brain" floats where libtorch's autocast deems it safe, such as in matrix products and convolutions.
    Bf16,
}

impl Precision {
    /// Whether it is the default.
    pub fn is_fp32(&self) -> bool {
        *self == Self::Fp32
    }
}

words!(pub Precision { Fp32 = "fp32", Bf16 = "bf16" });

/// The update rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
    /// Adam (Kingma and Ba 2015) with PyTorch's defaults.
    #[default]
    Adam,
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    Adamw,
}

words!(pub Optimizer { Sgd = "sgd", Adam = "adam", Adamw = "adamw" });

/// How to train.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainSpec {
    /// The budget in passes over the training data; 0: do not train.
    pub epochs: u32,
    /// Samples a step.
    pub batch_size: u32,
    /// The update rule.
    pub optimizer: Optimizer,
    /// Step size.
    pub learning_rate: f64,
    /// L2 penalty (decoupled for adamw).
    pub weight_decay: f64,
    /// Share of the training data that is held out for validation, in 0..1.
    pub validation_share: f64,
    /// Training steps run before the first timed one, on weights that are thrown away.
    pub warmup_steps: u32,
}

impl TrainSpec {
    /// How many of `rows` rows of training data are held out for validation: the share, rounded, and at least one row
    /// (where there are two) unless the share is 0.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a number of rows, clamped to it"
    )]
    pub fn validation_rows(&self, rows: u64) -> u64 {
        if self.validation_share <= 0.0 || rows < 2 {
            return 0;
        }
        let held_out = (rows as f64 * self.validation_share).round() as u64;
        held_out.clamp(1, rows - 1)
    }
}

/// How to serve: requests on the model in evaluation mode, first come, first served, one at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServeSpec {
    /// Samples a request; each size is a phase of its own, in this order.
    pub batch_sizes: Vec<u32>,
    /// Requests of each size before the first timed one.
    pub warmup_requests: u32,
    /// Longest time for each size, in seconds; the runner may say `advance` earlier.
    pub max_time_s: f64,
    /// Serve each size once more, in phases `confirm[N]`, when the model was trained to the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
    /// When requests come. The default is not written, so that results from before there was a choice are still those
    /// of the same settings.
    #[serde(default, skip_serializing_if = "Pattern::is_single_stream")]
    pub pattern: Pattern,
    /// Most timed requests of each size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_requests: Option<u64>,
    /// Search for the highest rate that keeps a limit, after the phase of each size; takes up to `max_time_s` more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find_max_rate: Option<MaxRate>,
}

impl ServeSpec {
    /// Whether there is a phase of requests besides the search for the highest rate: `server` needs a rate for one.
    pub fn has_phase(&self) -> bool {
        self.pattern != Pattern::Server { rate_per_s: None }
    }
}

/// When requests come, after the scenarios of MLPerf Inference (Reddi et al. 2020).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Pattern {
    /// Each when the one before it has been answered.
    #[default]
    SingleStream,
    /// The same for batches.
    MultiStream,
    /// The same, to find the size that is answered fastest.
    Offline,
    /// At random times (a Poisson process), whether or not the server is ready.
    Server {
        /// Requests a second; absent: only the highest rate is searched for.
        rate_per_s: Option<f64>,
    },
    /// So many clients, each of which sends its next request when its last one has been answered.
    Closed {
        /// How many.
        clients: u32,
    },
}

impl Pattern {
    /// Whether it is the default.
    pub fn is_single_stream(&self) -> bool {
        *self == Self::SingleStream
    }

    /// The name in the grid file.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SingleStream => "single-stream",
            Self::MultiStream => "multi-stream",
            Self::Offline => "offline",
            Self::Server { .. } => "server",
            Self::Closed { .. } => "closed",
        }
    }

    /// Whether requests may wait for others: then latency is more than the time of the answer.
    pub const fn queues(&self) -> bool {
        matches!(self, Self::Server { .. } | Self::Closed { .. })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The limit that the highest rate must keep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MaxRate {
    /// The percentile of the latency, in 0..1.
    pub percentile: f64,
    /// Its limit, in seconds.
    pub limit_s: f64,
}

impl fmt::Display for MaxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = seconds(self.limit_s);
        write!(f, "{} <= {limit}", percentile_name(self.percentile))
    }
}

/// `p99.9` of 0.999.
pub fn percentile_name(level: f64) -> String {
    // Without what binary fractions leave behind: 0.999 * 100 is 99.9000000000001 or so.
    format!("p{}", (level * 1e8).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_travel_and_the_default_is_not_written() {
        for (pattern, written) in [
            (Pattern::SingleStream, r#"{"name":"single-stream"}"#),
            (Pattern::Offline, r#"{"name":"offline"}"#),
            (
                Pattern::Server { rate_per_s: Some(200.0) },
                r#"{"name":"server","rate_per_s":200.0}"#,
            ),
            (Pattern::Closed { clients: 8 }, r#"{"name":"closed","clients":8}"#),
        ] {
            assert_eq!(serde_json::to_string(&pattern).unwrap(), written);
            assert_eq!(serde_json::from_str::<Pattern>(written).unwrap(), pattern);
        }
        let old = r#"{"batch_sizes":[1],"warmup_requests":2,"max_time_s":3.0}"#;
        let spec: ServeSpec = serde_json::from_str(old).unwrap();
        assert_eq!(spec.pattern, Pattern::SingleStream);
        assert_eq!(serde_json::to_string(&spec).unwrap(), old);
    }

    #[test]
    fn a_job_from_before_there_was_a_precision_is_the_same_job() {
        let old = r#"{"protocol":1,"run":"r","model":{"name":"mlp","depth":null,"width":null},"dataset":"d","dataset_dir":"/d","seed":1,"threads":1,"device":"cpu","flush_denormals":true,"allocator":"retain","train":{"epochs":1,"batch_size":1,"optimizer":"adam","learning_rate":0.1,"weight_decay":0.0,"validation_share":0.0,"warmup_steps":0},"serve":null,"work":"native"}"#;
        let mut job: JobSpec = serde_json::from_str(old).unwrap();
        assert_eq!(job.precision, Precision::Fp32);
        assert_eq!(serde_json::to_string(&job).unwrap(), old);
        job.precision = Precision::Bf16;
        let text = serde_json::to_string(&job).unwrap();
        assert!(text.contains(r#""precision":"bf16""#), "{text}");
        assert_eq!(serde_json::from_str::<JobSpec>(&text).unwrap(), job);
    }

    #[test]
    fn percentiles_have_their_usual_names() {
        for (level, name) in [(0.5, "p50"), (0.95, "p95"), (0.99, "p99"), (0.999, "p99.9")] {
            assert_eq!(percentile_name(level), name);
        }
        let limit = MaxRate { percentile: 0.99, limit_s: 0.01 };
        assert_eq!(limit.to_string(), "p99 <= 10.0 ms");
    }

    #[test]
    fn something_is_held_out_unless_nothing_was_asked() {
        for (share, rows, expected) in [
            (0.1, 1000, 100),
            (0.1, 1005, 101),
            (0.0, 1000, 0),
            (0.1, 3, 1),
            (0.5, 1, 0),
            (0.5, 2, 1),
        ] {
            let train = TrainSpec {
                epochs: 1,
                batch_size: 1,
                optimizer: Optimizer::Adam,
                learning_rate: 1e-3,
                weight_decay: 0.0,
                validation_share: share,
                warmup_steps: 0,
            };
            assert_eq!(train.validation_rows(rows), expected, "{share} of {rows}");
        }
    }
}
