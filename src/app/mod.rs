//! The use cases of perftune: plain structs in, typed results out.
//!
//! A use case brings the layers below together: it loads a plan, has its runs made and recorded, reads what is in a results
//! folder, compares it, looks at the machine. Left out is everything that a person types or sees: arguments, terminal,
//! progress, exit codes and the layout of texts belong to `cli`, the bytes of reports to `report`.
//!
//! Invariant: no use case writes to a standard stream, and none ends the process. What it has to say while it works goes to
//! the [`Observer`] that it is given.

pub mod baseline;
pub mod compare;
pub mod dataset;
pub mod datasets;
pub mod derived;
mod distinct;
pub mod doctor;
pub mod effects;
pub mod environment;
pub mod export;
mod fastest;
pub mod fault;
pub mod folders;
pub mod follow;
pub mod front;
pub mod grid;
pub mod lanes;
pub mod launch;
pub mod merge;
pub mod observer;
pub mod page;
mod pause;
pub mod programs;
pub mod replay;
pub mod rules;
pub mod session;
pub mod shadow;
pub mod shard;
pub mod summary;
pub mod tasks;
pub mod view;

pub use self::fault::{Fault, error_text};
pub use self::observer::{Expected, Observer};
pub use self::pause::pause;
pub use crate::runner::Interrupts;
pub use crate::worker::scripted::run as scripted_worker;
