//! Stopping rules by name: ours, and honest re-implementations of those of other tools, all over one series of
//! intervals.
//!
//! A [`SeriesRule`] takes one [`Observation`] after the other and says when the figure is known. [`RuleSpec`] is such a
//! rule with its parameters, as a user writes it; [`RULES`] lists them all, each declared in its own file. [`SeriesReplay`] feeds one recorded series
//! to several rules and compares what each says with the whole series.
//!
//! What another tool would report as its result counts as *known*, what it would discard as *given up*. The yardsticks
//! are fed intervals of wall time where their originals see single measurements; each says what else differs.

mod benchmark_dotnet;
mod error;
mod list;
mod mean;
mod nvbench;
mod observe;
mod oracle;
mod own;
mod series;
mod spec;
mod windows;

pub use error::RuleError;
pub use list::RULES;
pub(in crate::control) use observe::AtWork;
pub use observe::{Observation, Opinion, SeriesRule, Standing};
pub use oracle::Oracle;
pub use series::{Judgement, SeriesFault, SeriesReplay};
pub use spec::{ParamDef, ParamKind, RuleDef, RuleSpec};

#[cfg(test)]
mod tests;
