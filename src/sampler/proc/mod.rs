//! The files of `/proc`: how they are opened and how they are parsed.

pub(super) mod cpuinfo;
pub(super) mod parse;
pub(super) mod source;

pub(super) use source::{ProcFile, ProcRoot, gone, reason};

#[cfg(test)]
mod fuzz_tests;
