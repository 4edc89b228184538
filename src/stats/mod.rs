//! Pure mathematics of measured series: bounded-memory batches, intervals that respect autocorrelation, quantiles,
//! warm-up truncation, trend and growth.
//!
//! Nothing here knows what is measured, and nothing here reads a clock. All intervals are two-sided and *nominal*: each
//! covers at its confidence for one series of fixed length. What repeated looks do to that is the caller's to state.
//!
//! An interval that cannot be justified is absent, never narrow: too few batches give `None`.

pub mod anytime;
pub mod batches;
pub mod contrast;
pub mod distribution;
pub mod draw;
pub mod growth;
pub mod lasting;
pub mod limit_test;
pub mod line;
pub mod pareto;
pub mod peak;
pub mod permutation;
pub mod prediction;
pub mod proportion;
pub mod quantile;
pub mod rates;
pub mod ratio;
pub mod sample;
pub mod shift;
pub mod trend;
pub mod truncation;
pub mod visits;
pub mod wander;
pub mod weighted;

pub use anytime::{AnytimeAsk, Bounds, Tail, anytime_ranks, ratio_bounds};
pub use batches::{BatchSeries, Part};
pub use contrast::{Contrast, Contrasted, MatchedSet, RoundDifference, SpreadOf, contrasts};
pub use distribution::{excess, normal_below};
pub use draw::Draw;
pub use growth::GrowthWatch;
pub use lasting::Lasting;
pub use limit_test::{limit_kept, limit_test_requests};
pub use line::LineFit;
pub use pareto::{Better, Known, Standing, standings};
pub use peak::{Growth, GrowthAsk, PeakFinding, PeakTracker};
pub use permutation::{
    FamilyAsk, FamilyOutcome, GroupTest, Groups, PairedTest, TestOutcome, group_family,
    group_p_min, paired_family, paired_p_min,
};
pub use prediction::{PredictionOutcome, PredictionTest, prediction_family};
pub use proportion::wilson;
pub use quantile::{QuantileSeries, interval_requests, order_ranks};
pub use rates::{FEWEST_WINDOWS, RateWindows};
pub use ratio::{RatioFit, fit_ratio};
pub use sample::{Estimate, Interval, Sample, SampleError, between_runs, quotient};
pub use shift::{hodges_lehmann, hodges_lehmann_shift};
pub use trend::{Trend, trend};
pub use truncation::{Truncation, truncate};
pub use visits::{Basis, BetweenVisits, REPEATS, VisitFigure, between_visits};
pub use wander::Wander;
pub use weighted::weighted_quantile;

#[cfg(test)]
pub(crate) mod testing;
