//! What is on disk: one folder a grid, one folder a run in it.
//!
//! ```text
//! results/<name>/
//!   manifest.json            what was asked, on what machine, with which versions; format {major, minor}
//!   report.csv metrics.csv summary.csv summary_metrics.csv shadow.csv report.html        derived
//!   search.json              what a search recommends; derived of the grid and the runs
//!   earlier.json             the runs of earlier grids that a search was told of
//!   runs/<run>/
//!     events.jsonl           append-only, the source of truth: header, then one line an event, `ended` last
//!     samples.csv epochs.csv stderr.log       derived, for people and scripts
//!     done.json              written last, by rename: the run is whole
//! ```
//!
//! Lines are appended whole, with every sample at the latest; everything else is replaced by temporary file and rename.
//! After `kill -9` a run without `done.json` is started again by `--resume`.

pub mod atomic;
pub mod baseline;
mod difference;
mod error;
pub mod folder;
pub mod json;
pub mod log;
mod merging;
mod spread;
pub mod target;

pub use difference::Difference;
pub use error::{FORMAT, Format, StoreError};
pub use folder::{
    DataRows, EARLIER, Ended, Existing, GridHead, Lock, MachineHead, ManifestHead, ManifestText,
    Recorded, Recordings, Results, SEARCH, StoredResults, WRITTEN, look, reopen,
};
pub use log::{EventLog, Line, read_lines, read_record};
pub use merging::Merging;
pub use spread::{Attempt, AttemptEnd, AttemptHead, Spread, Submission};
