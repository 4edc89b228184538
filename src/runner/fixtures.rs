//! What the tests of this module share.

use crate::event::{Allocator, JobSpec, ModelSpec, Optimizer, PROTOCOL_VERSION, TrainSpec};

/// A job that trains for so many epochs and does not serve.
pub(super) fn job(epochs: u32) -> JobSpec {
    JobSpec {
        protocol: PROTOCOL_VERSION,
        run: "r".into(),
        model: ModelSpec { name: "mlp".into(), ..ModelSpec::default() },
        dataset: "digits".into(),
        dataset_dir: "/nowhere".into(),
        seed: 1,
        threads: 1,
        device: "cpu".into(),
        flush_denormals: true,
        allocator: Allocator::Retain,
        train: TrainSpec {
            epochs,
            batch_size: 64,
            optimizer: Optimizer::Adam,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            validation_share: 0.1,
            warmup_steps: 0,
        },
        serve: None,
        ..JobSpec::default()
    }
}
