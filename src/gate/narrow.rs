//! Stored sessions that say less than their number promises.

use serde::{Deserialize, Serialize};

/// Why so many stored sessions are not as good as their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrow {
    /// How many.
    pub sessions: usize,
    /// Whether it is known when they were recorded: then they lie too close together.
    pub dated: bool,
}
