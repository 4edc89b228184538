//! What could not be judged, and what a reader must know.

use std::fmt::Write;

/// Problems that are shown; more would only hide the first.
const SHOWN: usize = 20;

/// Collects them until the data is out.
#[derive(Debug, Default)]
pub(super) struct Problems {
    shown: Vec<String>,
    count: usize,
    series: u64,
    notes: Vec<String>,
    judged: u64,
}

impl Problems {
    /// A whole source, or a run of it.
    pub(super) fn source(&mut self, what: impl Into<String>) {
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(what.into());
        }
    }

    /// One series.
    pub(super) fn series(&mut self, what: impl Into<String>) {
        self.series += 1;
        self.source(what);
    }

    /// A series that was judged.
    pub(super) fn judged(&mut self) {
        self.judged += 1;
    }

    /// Something to know that is no mistake.
    pub(super) fn note(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.notes.contains(&what) {
            self.notes.push(what);
        }
    }

    pub(super) fn any(&self) -> bool {
        self.count > 0
    }

    /// For the standard error.
    pub(super) fn render(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        for note in &self.notes {
            let _ = writeln!(out, "note: {note}");
        }
        for problem in &self.shown {
            let _ = writeln!(out, "error: {problem}");
        }
        if self.count > self.shown.len() {
            let _ = writeln!(out, "error: and {} more", self.count - self.shown.len());
        }
        if self.series > 0 {
            let _ = writeln!(
                out,
                "{} of {} series could not be judged",
                self.series,
                self.series + self.judged
            );
        }
        out
    }
}
