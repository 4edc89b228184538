//! Tables of recorded figures that answer in the place of runs: which configurations there are, and what each visit of one gives.
//!
//! A table is a CSV file or a results folder. A column is an axis or a figure; `NAME@k` is the figure of seed `k`, and one without
//! `@` is the same at each visit. Which
//! visits are made is decided where those of real runs are, and what a record says of one is the runner's. Invariant: a table
//! that is read has each configuration once, and every figure is a finite number or is not there.

mod error;
mod folder;
mod header;
mod read;
mod table;

pub use error::TableError;
pub use read::read;
pub use table::{Answer, AxisColumn, FigureColumn, Table, Visit};

#[cfg(test)]
mod tests;
