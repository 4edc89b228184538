//! The integration tests: one binary, so that everything is linked once.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test harness may panic and touch files directly"
)]

mod architecture;
mod cli;
mod config_errors;
mod data;
mod disk;
mod faults;
mod limits;
#[cfg(feature = "torch")]
mod native;
#[cfg(feature = "torch")]
mod native_worker;
mod replay;
mod robustness;
mod run;
mod serving;
mod shadow;
mod signals;
mod support;
