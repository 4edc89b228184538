//! A lane: a part of this machine on which one visit runs while others run beside it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::limits::cpu_list;

/// Where a visit ran, where several ran side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Which one, from 1.
    pub number: u32,
    /// How many there were.
    pub of: u32,
    /// Its CPUs by the system's numbers, ascending; no other lane has any of them.
    pub cpus: Vec<u32>,
    /// The UUID of its GPU, where each lane has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
}

/// `lane 1 of 2: CPU 0-3, GPU-...`.
impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lane {} of {}: CPU {}", self.number, self.of, cpu_list(&self.cpus))?;
        self.gpu.as_ref().map_or(Ok(()), |gpu| write!(f, ", {gpu}"))
    }
}

/// A hardware thread that perftune may use, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Processor {
    /// The NUMA node.
    pub node: u32,
    /// The core that it is of: the smallest number among its hardware threads.
    pub core: u32,
    /// Its number.
    pub cpu: u32,
}
