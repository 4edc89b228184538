//! Steps that came together and that one message can tell.

use crate::event::{DeclaredMetric, Num, WorkerEvent};

/// Steps that are passed on in one message.
const MOST_STEPS: usize = 4096;

/// Lines that came together and say steps of one size.
#[derive(Debug)]
pub(super) struct PendingSteps {
    pub(super) items: u32,
    /// The times that were said; none where they are taken from the clock.
    pub(super) dur_ns: Vec<u64>,
    /// The parts of these in which they waited for their data; none where that is not said.
    pub(super) fetch_ns: Vec<u64>,
    pub(super) steps: usize,
    pub(super) loss: Option<Num>,
    /// Values that they say of metrics of the user's own.
    pub(super) figures: Vec<(String, Num)>,
    /// The number of the first line.
    pub(super) line: u64,
}

impl PendingSteps {
    /// Takes in the steps of the next line; gives them back where one message cannot tell both.
    pub(super) fn join(&mut self, next: Self) -> Result<(), Self> {
        let alike = self.items == next.items
            && self.dur_ns.is_empty() == next.dur_ns.is_empty()
            && self.fetch_ns.is_empty() == next.fetch_ns.is_empty()
            && self.steps + next.steps <= MOST_STEPS;
        if !alike {
            return Err(next);
        }
        self.dur_ns.extend(next.dur_ns);
        self.fetch_ns.extend(next.fetch_ns);
        self.steps += next.steps;
        self.loss = next.loss.or(self.loss);
        self.figures.extend(next.figures);
        Ok(())
    }

    /// What they say of metrics of the user's own: of one of which the last value counts, that alone.
    pub(super) fn said(&mut self, declared: &[DeclaredMetric]) -> Vec<WorkerEvent> {
        let figures = std::mem::take(&mut self.figures);
        let is_series = |name: &str| declared.iter().any(|it| it.metric == *name && it.is_series());
        let later =
            |at: usize, name: &str| figures[at + 1..].iter().any(|(other, _)| other == name);
        let counts = |at: usize, name: &str| is_series(name) || !later(at, name);
        let counted = figures.iter().enumerate().filter(|(at, (name, _))| counts(*at, name));
        let said = counted.map(|(_, (name, value))| WorkerEvent::Metric {
            name: name.clone(),
            value: *value,
            samples: None,
        });
        said.collect()
    }
}
