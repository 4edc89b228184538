//! The integration tests: one binary, so that everything is linked once.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test harness may panic and touch files directly"
)]

mod against;
mod architecture;
mod baseline;
mod check;
mod ci;
mod cli;
mod config_errors;
#[cfg(all(feature = "torch", target_os = "linux"))]
mod cuda;
mod data;
mod dataset;
mod deletions;
mod disk;
mod docs;
mod effects;
mod emulation;
mod energy;
mod environment;
mod exec;
mod exec_sweep;
mod exports;
mod faults;
#[cfg(all(feature = "torch", feature = "images", feature = "parquet"))]
mod formats;
mod helper;
mod html;
mod lanes;
mod layers;
mod limits;
mod merge;
#[cfg(feature = "torch")]
mod native;
#[cfg(feature = "torch")]
mod native_worker;
mod nvml;
mod objectives;
mod onnx;
mod own_axes;
mod own_metrics;
mod recorded;
mod reference;
mod replay;
mod robustness;
mod rounds;
mod run;
mod schema;
#[cfg(feature = "torch")]
mod scripts;
mod search;
mod serving;
mod shadow;
mod shards;
mod signals;
mod slurm;
mod support;
mod task_faults;
mod task_search;
mod tasks;
mod torture;
#[cfg(feature = "tpu")]
mod tpu;
mod training_time;
mod view;
mod warm_start;
