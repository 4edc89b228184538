//! Reads what a process tree costs, at a steady pace.

pub mod policy;
