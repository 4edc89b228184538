//! What breaks the grammar of a worker's stream.

use crate::event::bounds::{METRICS, METRICS_PER_S};
use crate::event::{LONGEST_NAME, MOST_FIGURES, PROTOCOL_VERSION, Phase};

/// A message that breaks the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The stream does not begin with `hello`, or has a second one.
    #[error("`{found}` where {expected} was expected")]
    Order {
        /// The message's type.
        found: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// Another protocol.
    #[error("the worker speaks protocol {found}, this perftune speaks {PROTOCOL_VERSION}")]
    Version {
        /// The worker's.
        found: u32,
    },
    /// A message is missing or came twice.
    #[error("message number {found} where {expected} was expected")]
    Sequence {
        /// The message's number.
        found: u64,
        /// The next in line.
        expected: u64,
    },
    /// Steps of a phase that was not announced, or of no samples.
    #[error("steps of phase {found} during {current}")]
    Phase {
        /// The steps' phase.
        found: Phase,
        /// The phase announced last.
        current: String,
    },
    /// A verdict on trained weights must rest on trained weights.
    #[error("phase {found} before an epoch of training was over")]
    Untrained {
        /// The phase.
        found: Phase,
    },
    /// A phase that the job has no use for, or of another size.
    #[error("phase {found}, which the job does not ask for")]
    Unasked {
        /// The phase.
        found: Phase,
    },
    /// A phase that belongs before one that has begun.
    #[error("phase {found} after {before}")]
    Late {
        /// The phase.
        found: Phase,
        /// The one announced last.
        before: Phase,
    },
    /// A batch of steps without samples or durations.
    #[error("a batch of {steps} steps of {items} samples")]
    EmptySteps {
        /// Steps in the batch.
        steps: usize,
        /// Samples a step.
        items: u32,
    },
    /// Steps that end after the message that tells of them.
    #[error(
        "steps end {ahead_ns} ns after the message that tells of them: start_ns must be CLOCK_MONOTONIC, dur_ns in nanoseconds"
    )]
    Future {
        /// How long after, in nanoseconds.
        ahead_ns: u64,
    },
    /// Waits or gaps that are not those of the steps.
    #[error("{found} values of {what} for {steps} steps; there must be as many, or none")]
    Times {
        /// The list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// Steps in the batch.
        steps: usize,
    },
    /// A found rate that is none.
    #[error("a highest rate {what}")]
    Rate {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Time runs backwards.
    #[error("t_ns fell from {before} to {found}: it must be CLOCK_MONOTONIC, in nanoseconds")]
    Time {
        /// This message's.
        found: u64,
        /// The one before it.
        before: u64,
    },
    /// A share that is none.
    #[error("an accuracy of {found}, which is not in 0..1")]
    Accuracy {
        /// As text, since it may be no number.
        found: String,
    },
    /// Epochs must count up by one.
    #[error("epoch {found} where {expected} was expected")]
    Epoch {
        /// The report's.
        found: u32,
        /// The next in line.
        expected: u32,
    },
    /// Something lies before what it must come after.
    #[error(
        "{what} {} before {than}: times must be CLOCK_MONOTONIC, in nanoseconds", seconds(*by_ns)
    )]
    Past {
        /// What.
        what: &'static str,
        /// How long before, in nanoseconds.
        by_ns: u64,
        /// What it must come after.
        than: &'static str,
    },
    /// A message of the future.
    #[error("t_ns is {} ahead of the clock: it must be CLOCK_MONOTONIC, in nanoseconds", seconds(*by_ns))]
    Ahead {
        /// How long, in nanoseconds.
        by_ns: u64,
    },
    /// Steps of another size than the job's.
    #[error("steps of {found} samples in phase {phase}, where the job asks for {asked}")]
    Items {
        /// The steps' phase.
        phase: Phase,
        /// Samples a step.
        found: u32,
        /// As many, or at most as many of training.
        asked: u32,
    },
    /// Nothing takes no time.
    #[error("a step of 0 ns in phase {phase}")]
    Instant {
        /// The steps' phase.
        phase: Phase,
    },
    /// More epochs than the job has.
    #[error("epoch {found} of a job of {budget}")]
    Budget {
        /// The report's.
        found: u32,
        /// The job's.
        budget: u32,
    },
    /// More samples than the steps of the epoch had.
    #[error("an epoch of {found} samples, whose steps had {steps}")]
    EpochSamples {
        /// The report's.
        found: u64,
        /// Those of the steps since the epoch before.
        steps: u64,
    },
    /// The work is not done.
    #[error("`finished` after {epochs} of {budget} epochs, and nobody asked it to stop")]
    Unfinished {
        /// Epochs reported.
        epochs: u32,
        /// The job's.
        budget: u32,
    },
    /// A stop that was none.
    #[error("`finished` says that it was stopped, and nobody asked it to stop")]
    Unstopped,
    /// Results of a test that was not made.
    #[error("`finished` has results of a test, and there was no phase test")]
    Untested,
    /// More than there is.
    #[error("{what} of {found}, where the clock and the machine allow {most} at most")]
    Usage {
        /// The field.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The most that it can be.
        most: u64,
    },
    /// Not what others saw.
    #[error("{what} of {found}, where the {who} counted {seen}")]
    Belied {
        /// The field.
        what: &'static str,
        /// Its value.
        found: u64,
        /// Who has another one.
        who: &'static str,
        /// The other one.
        seen: u64,
    },
    /// A name that is taken.
    #[error("a metric named `{name}`, which perftune measures itself")]
    Measured {
        /// The name.
        name: String,
    },
    /// A figure that cannot be.
    #[error("{name} = {value}: it must be a number of at least 0")]
    Figure {
        /// The metric.
        name: String,
        /// What was said.
        value: String,
    },
    /// Steps that waited longer for their data than they took.
    #[error("a step whose `fetch_ns` is more than its `dur_ns`")]
    Fetch,
    /// A name that is none.
    #[error("a metric whose name is not of 1 to {LONGEST_NAME} bytes without control characters")]
    Name,
    /// A flood of figures.
    #[error("{found} metrics in {seconds} s; {METRICS} and {METRICS_PER_S} a second are taken")]
    Metrics {
        /// So many.
        found: u64,
        /// Since its start.
        seconds: u64,
    },
    /// A flood of names.
    #[error("more than {MOST_FIGURES} metrics of its own")]
    Figures,
}

/// As people read it.
fn seconds(ns: u64) -> String {
    crate::units::seconds(ns as f64 / 1e9)
}
