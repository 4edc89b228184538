//! Where the cells of a grid are run: one after the other, side by side in [`lanes`] of this machine, or as the tasks of a Slurm
//! cluster.
//!
//! What a job script says ([`script`]), how tasks are dealt out to arrays ([`arrays`]), what Slurm's words mean ([`answer`])
//! and how a unit stands ([`state`]) are decided purely; [`client`] alone starts anything. Invariant: the folder is the
//! truth, and Slurm a hint: a unit is done when its results are published, whatever the cluster says or has forgotten.

pub mod answer;
pub mod arrays;
pub mod client;
pub mod lanes;
pub mod options;
pub mod policy;
pub mod script;
pub mod state;

pub use self::client::{Slurm, SlurmError};
pub use self::lanes::{Ground, LaneGpu, Lanes, LanesError};
pub use self::options::SbatchOption;
pub use self::policy::{EngineName, EnginePolicy};
