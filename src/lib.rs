//! perftune: what does it cost to train and to serve each model x data set x setting, and is it known yet?
//!
//! The layers, lowest first; an arrow between modules only ever points down (`tests/it/architecture.rs` keeps it so):
//!
//! ```text
//! units  clock  stats        vocabulary and pure mathematics
//! document                   TOML files that people write, and what is wrong with them
//! export                     which formats of other tools there are
//! dataset                    data on disk: manifests, loaders, splits
//! metric                     what each metric is
//! event                      what a worker says, what a run says, what is recorded
//! interference               when others took the machine
//! load                       requests and their queue, in real or virtual time
//! control  schedule  search  sampler  worker  store
//! gate                       is it worse than the baseline?
//! runner  report  engine
//! config
//! app                        the use cases
//! cli                        the only module with a terminal, exit codes and command-line arguments
//! ```
//!
//! Nothing in this library names libtorch: the modules that do live under `src/worker/torch` and are compiled by the
//! `perftune-worker` binary alone, so that the command line starts in a millisecond.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod dataset;
pub mod document;
pub mod engine;
pub mod event;
pub mod export;
pub mod gate;
pub mod interference;
pub mod load;
pub mod metric;
pub mod recorded;
pub mod report;
pub mod runner;
pub mod sampler;
pub mod schedule;
pub mod search;
pub mod stats;
pub mod store;
pub mod units;
pub mod worker;
