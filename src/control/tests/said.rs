//! What people read of what the controller found: these tests hold the sentences as well.

use crate::event::{
    DeviceLack, LeftOut, MetricRow, Note, RuleSaid, RunVerdict, StageEnd, StopDetail,
};
use crate::report::words;
use crate::units::Unit;

/// Something that has words.
pub(in crate::control) trait Said {
    /// Its words.
    fn said(&self) -> String;
}

impl Said for MetricRow {
    fn said(&self) -> String {
        words::notes_of(self)
    }
}

impl Said for Note {
    fn said(&self) -> String {
        words::note(self, Unit::Seconds)
    }
}

impl Said for DeviceLack {
    fn said(&self) -> String {
        Note::from(self.clone()).said()
    }
}

impl Said for LeftOut {
    fn said(&self) -> String {
        words::left_out(self)
    }
}

impl Said for RuleSaid {
    fn said(&self) -> String {
        words::rule(self)
    }
}

impl Said for StopDetail {
    fn said(&self) -> String {
        words::stop(self)
    }
}

impl Said for StageEnd {
    fn said(&self) -> String {
        words::left(self)
    }
}

impl Said for RunVerdict {
    fn said(&self) -> String {
        self.findings.iter().map(words::finding).collect::<Vec<_>>().join("; ")
    }
}
