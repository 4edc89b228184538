//! A grid whose cells are run by tasks of a cluster: submitted, run, watched, put together.
//!
//! What Slurm is told and what it says is left to `engine`, what is on disk to `store`. Invariant: nothing is submitted of which
//! it is not known that no task will bring it, and a unit is run as a session of its own, as any other results folder is made.

mod asking;
mod cancel;
mod collect;
mod kept;
mod standing;
mod submit;
mod task;
mod wait;

pub use self::cancel::{Cancelled, cancel};
pub use self::collect::{collect, is_spread};
pub use self::standing::{Standing, Unit, standing};
pub use self::submit::{SubmitRequest, Submitted, script, submit};
pub use self::task::{Place, TaskRequest, task};
pub use self::wait::{Waited, wait};
pub use crate::engine::EngineName;
pub use crate::engine::script::TASK;
pub use crate::engine::state::UnitState;
pub use crate::store::AttemptEnd;
