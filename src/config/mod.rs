//! The grid file: TOML in, a checked [`plan::Plan`] out.

pub mod plan;
