//! What the accuracy of a trained model must reach to decide anything, and that it cannot any more.

use serde::{Deserialize, Serialize};

use super::constraint::Constraint;
use super::worker::Num;
use crate::metric::MetricName;

/// What the accuracy of a trained model must reach to decide anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// The accuracy.
    pub metric: MetricName,
    /// The least that decides anything.
    pub least: f64,
    /// Whose it is.
    pub of: BarOf,
    /// What else the cell whose bar it is keeps: the bar is one only for a run that breaks each of these for certain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub besides: Vec<Constraint>,
}

/// Whose bar it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum BarOf {
    /// A cell that has more, and is no worse in any other objective.
    Cell {
        /// Its name.
        cell: String,
    },
    /// A limit of the run.
    Limit,
}

/// An accuracy that cannot reach its bar any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reach {
    /// The accuracy.
    pub metric: MetricName,
    /// The highest one on the validation data.
    pub best: Num,
    /// Epochs until now.
    pub epochs: u32,
    /// Epochs in all.
    pub budget: u32,
    /// The most that it can be at the end.
    pub most: Num,
    /// The bar.
    pub least: Num,
    /// Whose it is.
    pub whose: BarOf,
}
