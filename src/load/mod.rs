//! Load on one server: who asks when, what waited for whom, and the highest rate that keeps a latency limit.
//!
//! One model answers requests first come, first served, one at a time. The arrivals are a schedule that is fixed
//! beforehand, and a request's latency counts from its *scheduled* arrival: a server that stalls cannot delay the
//! requests that come meanwhile, so their waiting is not left out (no coordinated omission).
//!
//! Everything here is pure but [`wait_until`]: a [`Generator`] says which request is next and since when it is due, a
//! driver waits, answers and says when it was done. With a [`crate::clock::ManualClock`] the same loop runs in virtual
//! time ([`VirtualQueue`]). What a request is, and who answers it, is not known here.
//!
//! ```text
//! driver: ( next(now) -> wait until due -> answer -> done(end) )*
//! search: ( probe() -> feed(served)* until Fed::NextProbe )* until Fed::Ended or end()
//! ```

mod arrivals;
mod generator;
pub mod lindley;
mod pace;
mod replay;
pub mod search;
mod served;
mod tally;

pub use arrivals::{Arrivals, RateError};
pub use generator::{Due, Generator, RequestSource, VirtualQueue};
pub use pace::{Pace, SPIN_NS, wait_until};
pub use search::{AskError, Fed, MaxRate, MaxRateSearch, Outcome, Probe, ProbeResult, SearchAsk};
pub use served::Served;
pub use tally::{Bottleneck, ServedTotals};
