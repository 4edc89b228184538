//! Whether a candidate is worse than a baseline.

pub mod blocks;
