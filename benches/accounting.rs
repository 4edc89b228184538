//! What the sampler says of awkward process trees against what the kernel says of them at the end, beside what a naive
//! sampler says (RSS and CPU times of all descendants every 100 ms, as `psutil` gives them, added up); and what sampling
//! costs the sampled.
//!
//! `cargo bench --no-default-features --bench accounting` (`-- trees`, `-- cost [ROUNDS]` for a part)
//!
//! The trees are played by this program, started again in a role. CPU time: the truth is `getrusage(RUSAGE_CHILDREN)` of this
//! process after everything has been waited for, by its parents or, as it is a subreaper, here. Peak memory: what the tree
//! allocated and touched, and what its first process held before that.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints, waits, and stops at the first surprise"
)]

#[cfg(target_os = "linux")]
#[path = "accounting/linux.rs"]
mod linux;

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
    #[cfg(not(target_os = "linux"))]
    println!("process trees are read on Linux only");
}
