//! Systems without `/proc`: nothing is read, and the gaps say so.

use super::probe::{Probe, TREE_FIELDS, Tick};
use crate::event::{GapKind, Usage};

const WHY: &str = "process trees are read on Linux only";

/// Nobody tells.
pub(super) fn unshared_bytes(_pid: u32, _lane: Option<&[u32]>) -> Option<u64> {
    None
}

/// Nor this.
pub(super) fn last_account(_pid: u32, _inherited: Option<u64>) -> Option<Usage> {
    None
}

/// Nor this.
pub(super) const fn own_mark() -> Option<u64> {
    None
}

/// Says that the tree cannot be read.
pub(super) struct TreeProbe(u32);

/// Says that the machine cannot be read.
pub(super) struct HostProbe;

impl TreeProbe {
    pub(super) fn new(pid: u32) -> Self {
        Self(pid)
    }

    pub(super) const fn in_lane(self, _cpus: &[u32]) -> Self {
        self
    }
}

impl HostProbe {
    pub(super) const fn in_lane(self, _cpus: &[u32]) -> Self {
        self
    }
}

impl Probe for TreeProbe {
    fn name(&self) -> &'static str {
        "tree"
    }

    fn read(&mut self, tick: &mut Tick<'_>) {
        tick.pids.push(self.0);
        for field in TREE_FIELDS {
            tick.gaps.report_as(field, GapKind::Unsupported, WHY);
        }
    }
}

impl Probe for HostProbe {
    fn name(&self) -> &'static str {
        "host"
    }

    fn read(&mut self, tick: &mut Tick<'_>) {
        tick.gaps.report_as("host", GapKind::Unsupported, WHY);
    }
}
