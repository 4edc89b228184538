//! What runs in the child process: its end of the protocol ([`link`]), how any worker serves ([`serving`]), and a worker
//! that plays a script.
//!
//! The native worker, which links libtorch, lives in `torch/` and is compiled by the `perftune-worker` binary only.

pub mod link;
pub mod script;
pub mod scripted;
pub mod serving;
