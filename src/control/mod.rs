//! When to stop: pure decisions over what the worker and the sampler report.

pub mod policy;
