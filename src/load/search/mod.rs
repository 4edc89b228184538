//! The highest rate whose latency percentile keeps a limit, in few probes.
//!
//! A search that only looks at measured percentiles needs many requests a probe: near the limit latencies hang together
//! over hundreds of requests. Here a probe yields the *times that requests take up*, and what any rate would do follows
//! from them by Lindley's recursion over many schedules, which costs no waiting ([`super::replay`]). The first probe is
//! back to back; each further one offers the rate predicted so far. Each replaces the times by those measured under this
//! load (a service may be slower after an idle gap, or hot), and checks the prediction: where the share of latencies over
//! the limit is not among those of 400 other schedules over the same times, services depend on the queue, and the
//! prediction is corrected by what was measured.
//!
//! ```text
//! MaxRateSearch::new(ask: SearchAsk) -> Result<MaxRateSearch, AskError>
//! .probe() -> Option<&Probe>          what to measure; None once it has ended
//! .feed(&Served) -> Fed               More | NextProbe | Ended
//! .end() -> &Outcome                  no more time: what is known
//! .outcome() -> Option<&Outcome>      once it has ended
//! .results() -> &[ProbeResult]        the probes so far
//! ```
//!
//! The rate is that of the steady state: the percentile of all latencies of a load that goes on for ever.

mod outcome;

pub use outcome::{AskError, Fed, MaxRate, Outcome, Probe, ProbeResult, SearchAsk};

use super::served::Served;

/// The search; see the module.
#[derive(Debug, Clone)]
pub struct MaxRateSearch {
    ask: SearchAsk,
    probe: Probe,
    outcome: Option<Outcome>,
}
