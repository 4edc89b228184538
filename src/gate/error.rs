//! What cannot be judged at all: the input is not what it should be.

use crate::metric::MetricName;

/// Why there is no judgement. All of these are errors of the input: exit code 2.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GateError {
    /// A side is empty.
    #[error("{side} has no runs, so nothing can be compared")]
    NoRuns {
        /// The side's name.
        side: String,
    },
    /// Nothing has the same name on both sides.
    #[error(
        "{baseline} and {candidate} have no cell in common (`{in_baseline}` and `{in_candidate}`, for example); \
         compare results of the same grid"
    )]
    NoOverlap {
        /// The baseline's name.
        baseline: String,
        /// The candidate's name.
        candidate: String,
        /// A cell of the baseline.
        in_baseline: String,
        /// A cell of the candidate.
        in_candidate: String,
    },
    /// Something is compared with itself.
    #[error(
        "{baseline} and {candidate} are the same runs (session `{session}`), so they cannot differ; name the results of two \
         builds"
    )]
    SameRuns {
        /// The baseline's name.
        baseline: String,
        /// The candidate's name.
        candidate: String,
        /// The session of both.
        session: String,
    },
    /// One session is on both sides, and they are not the arms of a comparison.
    #[error(
        "{baseline} and {candidate} both have runs of session `{session}`, and are not the two sides of one comparison: a \
         session belongs to one build, so one of them was altered or named by mistake; name the results of two builds"
    )]
    SharedSession {
        /// The baseline's name.
        baseline: String,
        /// The candidate's name.
        candidate: String,
        /// The session of both.
        session: String,
    },
    /// A run is there twice.
    #[error("{side} has {what} twice; a copied run is not a second run: remove one")]
    DuplicateRun {
        /// The side's name.
        side: String,
        /// Which, in words.
        what: String,
    },
    /// A figure is there twice.
    #[error("{side}: run `{run}` has `{metric}` of {phase} twice; remove one of the rows")]
    DuplicateFigure {
        /// The side's name.
        side: String,
        /// The run.
        run: String,
        /// The stage.
        phase: String,
        /// The metric.
        metric: MetricName,
    },
    /// Runs of both arms on one side.
    #[error(
        "{side} has runs of both sides of a comparison; name the folder of each side, or the one that holds both"
    )]
    MixedArms {
        /// The side's name.
        side: String,
    },
    /// A gated figure that no ratio can be made of.
    #[error(
        "{side}: `{metric}` of {phase} in run `{run}` is {value}: only a finite number above 0 can be compared; \
         measure it again, or give the metric role = \"info\" in [gate.metrics]"
    )]
    NotPositive {
        /// The side's name.
        side: String,
        /// The run.
        run: String,
        /// The stage.
        phase: String,
        /// The metric.
        metric: MetricName,
        /// The value.
        value: f64,
    },
    /// One metric in two units.
    #[error(
        "`{metric}` of {phase} in cell `{cell}` is in `{one}` and in `{other}`; figures in different units cannot be compared"
    )]
    UnitChanged {
        /// The cell.
        cell: String,
        /// The stage.
        phase: String,
        /// The metric.
        metric: MetricName,
        /// One unit.
        one: String,
        /// Another.
        other: String,
    },
    /// A unit that the metric cannot have.
    #[error(
        "`{metric}` of {phase} in cell `{cell}` is in `{unit}`, which is not a multiple of `{base}`"
    )]
    ForeignUnit {
        /// The cell.
        cell: String,
        /// The stage.
        phase: String,
        /// The metric.
        metric: MetricName,
        /// The unit.
        unit: String,
        /// The metric's base unit.
        base: String,
    },
    /// A gating metric of which nobody has said what is better.
    #[error(
        "`{metric}` is gated and has no direction; write direction = \"lower\" or \"higher\" for it in [gate.metrics]: a \
         direction is never guessed"
    )]
    NoDirection {
        /// The metric.
        metric: MetricName,
    },
    /// A metric that is neither in the catalogue nor declared.
    #[error(
        "{side}: run `{run}` has `{metric}`, which perftune does not know; \
         declare its direction, or role = \"info\", in [gate.metrics]"
    )]
    UnknownMetric {
        /// The side's name.
        side: String,
        /// A run that has it.
        run: String,
        /// The metric.
        metric: MetricName,
    },
    /// Rules by which nothing could be judged.
    #[error("`{key}` of the gate is {value}: {why}")]
    Policy {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What is wrong, and what to write.
        why: String,
    },
}
