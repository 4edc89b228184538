//! What breaks the grammar of a worker's stream.

use crate::event::{PROTOCOL_VERSION, Phase};

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
}
