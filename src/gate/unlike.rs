//! In what two sides are unlike beside the build: their machines, and what their cells were told.

use serde::{Deserialize, Serialize};

use crate::event::record::Arm;

/// Why two sides are not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "machine", rename_all = "snake_case")]
pub enum MachineDoubt {
    /// Nothing is known of the machine of some sessions.
    Unknown {
        /// Whose.
        side: Arm,
        /// How many sessions.
        sessions: usize,
        /// Of so many.
        of: usize,
    },
    /// A field of the fingerprint differs.
    Differs {
        /// The field.
        field: String,
        /// Of the baseline.
        baseline: String,
        /// Of the candidate.
        candidate: String,
    },
    /// Cells were told something else.
    Setting(OtherSetting),
}

/// A setting of cells of one name that differs between the sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherSetting {
    /// Its key in a grid file.
    pub setting: String,
    /// Of the baseline.
    pub baseline: String,
    /// Of the candidate.
    pub candidate: String,
    /// The cells.
    pub cells: Vec<String>,
}
