//! The rule against streams of known truth.

mod commands;
mod confirm;
mod derived;
mod devices;
mod energy;
mod futility;
mod horizon;
mod interference;
mod limits;
mod load;
mod reach;
mod rows;
mod rule;
pub(super) mod said;
mod served;
mod shadow;
mod sim;
mod stages;
mod training_time;
mod watched;
mod windowed;
