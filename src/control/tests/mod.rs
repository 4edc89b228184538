//! The rule against streams of known truth.

mod interference;
mod limits;
mod rows;
mod rule;
mod sim;
mod stages;
mod watched;
