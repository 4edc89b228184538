//! What the user asks of the sampler.

use serde::{Deserialize, Serialize};

/// How often and what to read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SamplerPolicy {
    /// Mean time between two ticks, in nanoseconds; at least 10 ms.
    pub interval_ns: u64,
    /// Whether accelerators are read.
    pub gpu: bool,
    /// Whether energy counters are read.
    pub energy: bool,
    /// Whether TPUs are read.
    pub tpu: bool,
}

impl Default for SamplerPolicy {
    fn default() -> Self {
        Self { interval_ns: 100_000_000, gpu: true, energy: true, tpu: true }
    }
}
