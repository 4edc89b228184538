//! A folder of sessions that later ones are compared with.
//!
//! ```text
//! baseline/
//!   baseline.json                 says what the folder is; format {major, minor}
//!   <fingerprint key>/            one folder a kind of machine
//!     <session>.json              what one session measured: fingerprint, cells, the figures of every run
//!     <time>.promoted.json        which session is the reference from then on, and why
//!   written/<fingerprint key>/    an empty file for each one above: what is gone is noticed
//! ```
//!
//! Nothing in it is ever changed or removed by perftune: a file is whole (temporary file and rename) or not there. Two
//! branches that have each added a session merge without a conflict.

mod disk;
mod session;
mod stored;

pub use disk::{add, is_baseline, lost, promote, read};
pub use stored::{
    BaselineError, MachineBaseline, Promotion, StoredFigure, StoredRun, StoredSession, WINDOW,
};
