//! What one worker is told to do: everything it needs, and nothing relative to somebody else's working directory.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One run: a model, a data set and settings. Sent to the worker as the first line on its standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// [`super::PROTOCOL_VERSION`] of the sender.
    pub protocol: u32,
    /// The run's name, for messages.
    pub run: String,
    /// What to build.
    pub model: ModelSpec,
    /// The data set's name, for messages.
    pub dataset: String,
    /// The data set's folder (absolute), which holds its `dataset.toml`.
    pub dataset_dir: PathBuf,
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
    /// How to train.
    pub train: TrainSpec,
    /// How to serve; absent: the serve phase is skipped.
    pub serve: Option<ServeSpec>,
    /// Free-form settings of a worker that is not the native one: the `[worker] options` of the grid file.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub options: serde_json::Value,
}

/// A model by name, with the knobs that some models have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// `mlp`, `cnn`, `resnet`, or whatever a foreign worker knows.
    pub name: String,
    /// Number of layers; the model's own default when absent.
    pub depth: Option<u32>,
    /// Width of the layers (units or channels); the model's own default when absent.
    pub width: Option<u32>,
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

impl fmt::Display for Allocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Retain => "retain",
            Self::System => "system",
        })
    }
}

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

impl fmt::Display for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sgd => "sgd",
            Self::Adam => "adam",
            Self::Adamw => "adamw",
        })
    }
}

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// How to serve: requests one after the other on the model in evaluation mode.
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
