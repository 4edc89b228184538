//! The rule against streams of known truth.

mod interference;
mod rows;
mod rule;
mod sim;
mod stages;
