//! What is kept of each step or request: the columns of a stage's series, and what a request would have taken had the
//! load generator itself needed no time.
//!
//! A training step and a request of a stream that comes when the one before it is answered have one time. A request
//! that queues has three: its *latency* from its scheduled arrival to the answer, the time of the *answer* alone, and
//! its share of the time that *elapsed*, the answer and the gap before it. Latencies of requests that wait together
//! overlap, so rates and shares of time are taken over what elapsed.

use std::collections::VecDeque;

use crate::event::{Pattern, Request};
use crate::stats::BatchSeries;
use crate::stats::batches::total;

/// One.
pub(crate) const STEPS: usize = 0;
/// Samples.
pub(crate) const ITEMS: usize = 1;
/// From the scheduled arrival to the answer, in seconds.
pub(crate) const LATENCY: usize = 2;
/// The answer and the gap before it, in seconds.
pub(crate) const ELAPSED: usize = 3;
/// The answer, in seconds.
pub(crate) const BUSY: usize = 4;
/// The part of a training step in which it waited for its data, in seconds.
pub(crate) const FETCH: usize = 5;
/// Columns from [`STEPS`] on that are kept a second time, this many places further, for steps that nobody disturbed.
pub(crate) const CLEAR: usize = 6;
/// [`ELAPSED`] of the disturbed ones.
pub(crate) const MARKED: usize = 12;
/// Time: all, clear and disturbed.
pub(crate) const TIME: (usize, usize, usize) = (ELAPSED, ELAPSED + CLEAR, MARKED);
/// [`LATENCY`] without the load generator's own time, in seconds.
pub(crate) const IDEAL: usize = 13;
/// Columns in all.
pub(crate) const COLUMNS: usize = 14;

/// Share of the mean latency from which on it is the load generator that is measured.
const OWN_SHARE: f64 = 0.05;

/// Batches of the series.
pub(crate) const CAPACITY: usize = 256;

/// The steps of a stage.
pub(crate) type Times = BatchSeries<COLUMNS>;

/// A step as the series takes it; what others did to it is found out later.
pub(crate) fn row(items: f64, request: Request, ideal_ns: u64) -> [f64; COLUMNS] {
    let mut row = [0.0; COLUMNS];
    row[STEPS] = 1.0;
    row[ITEMS] = items;
    row[LATENCY] = seconds(request.latency_ns());
    row[ELAPSED] = seconds(request.elapsed_ns());
    row[BUSY] = seconds(request.dur_ns);
    row[FETCH] = seconds(request.fetch_ns);
    row[IDEAL] = seconds(ideal_ns);
    row
}

/// What is added to a step that is known to have been clear, or disturbed.
pub(crate) fn marked(items: f64, request: Request, clear: bool) -> [f64; COLUMNS] {
    if clear {
        let of = row(items, request, 0);
        let mut more = [0.0; COLUMNS];
        more[CLEAR..2 * CLEAR].copy_from_slice(&of[..CLEAR]);
        return more;
    }
    let mut more = [0.0; COLUMNS];
    more[MARKED] = seconds(request.elapsed_ns());
    more
}

/// Seconds of whole nanoseconds.
pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 * 1e-9
}

/// The queue as it would be if the load generator took no time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    pattern: Pattern,
    /// When the newest answer would have been there.
    free_ns: u64,
    /// The load generator's own time before each of the last requests, as many as there are clients, and their sum.
    own_ns: VecDeque<u64>,
    sum_ns: u64,
}

impl Queue {
    /// Of requests that come so.
    pub(crate) fn new(pattern: Pattern) -> Self {
        Self { pattern, ..Self::default() }
    }

    /// Requests a second that are offered whatever the server does.
    pub(crate) fn rate_per_s(&self) -> Option<f64> {
        match self.pattern {
            Pattern::Server { rate_per_s } => rate_per_s,
            _ => None,
        }
    }

    /// Latency that the next request would have had, in nanoseconds: Lindley's recursion over the scheduled arrivals and
    /// the times of the answers. Of closed clients, whose arrivals depend on the answers, each waits for the requests of
    /// all others, and for the gaps before them.
    pub(crate) fn ideal_ns(&mut self, request: Request) -> u64 {
        match self.pattern {
            Pattern::Server { .. } => {
                let scheduled_ns = request.scheduled_ns();
                let start_ns = self.free_ns.max(scheduled_ns);
                self.free_ns = start_ns.saturating_add(request.dur_ns);
                self.free_ns - scheduled_ns
            }
            Pattern::Closed { clients } => {
                self.own_ns.push_back(request.own_ns());
                self.sum_ns = self.sum_ns.saturating_add(request.own_ns());
                if self.own_ns.len() > clients as usize {
                    let gone = self.own_ns.pop_front().unwrap_or(0);
                    self.sum_ns = self.sum_ns.saturating_sub(gone);
                }
                let ideal_ns = request.latency_ns().saturating_sub(self.sum_ns);
                ideal_ns.max(request.dur_ns)
            }
            _ => request.latency_ns(),
        }
    }
}

/// The load generator's own share of the mean latency after so many batches, where it is more than a twentieth: then the
/// figures are not the model's.
pub(crate) fn own_share(times: &Times, cut: usize) -> Option<f64> {
    let window = times.parts(IDEAL, LATENCY);
    let ideal = total(window.get(cut..)?).ratio()?;
    let own = 1.0 - ideal;
    (own > OWN_SHARE).then_some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn request(scheduled: u64, start: u64, dur: u64, gap: u64) -> Request {
        Request {
            start_ns: start * MS,
            dur_ns: dur * MS,
            wait_ns: (start - scheduled) * MS,
            gap_ns: gap * MS,
            fetch_ns: 0,
        }
    }

    #[test]
    fn a_row_has_each_time_in_its_place() {
        let of = row(32.0, request(2, 7, 4, 3), 5 * MS);
        let clear = marked(32.0, request(2, 7, 4, 3), true);
        for (place, value) in
            [(STEPS, 1.0), (ITEMS, 32.0), (LATENCY, 9e-3), (ELAPSED, 7e-3), (BUSY, 4e-3)]
        {
            assert!((of[place] - value).abs() < 1e-12, "{place}");
            assert!((clear[place + CLEAR] - value).abs() < 1e-12, "{place}");
        }
        assert!((of[IDEAL] - 5e-3).abs() < 1e-12 && of[CLEAR..IDEAL].iter().all(|v| *v == 0.0));
        assert!((marked(32.0, request(2, 7, 4, 3), false)[MARKED] - 7e-3).abs() < 1e-12);
    }

    #[test]
    fn without_the_generator_a_queue_is_that_of_the_answers() {
        // A generator that takes 2 ms after each answer of 4 ms: the third request waits for both.
        let mut queue = Queue::new(Pattern::Server { rate_per_s: Some(200.0) });
        let ideal: Vec<u64> = [
            request(0, 1, 4, 1),
            request(5, 7, 4, 2),
            request(10, 13, 4, 2),
            // It comes while the second would have been answered long ago.
            request(11, 19, 4, 2),
        ]
        .map(|request| queue.ideal_ns(request) / MS)
        .into();
        assert_eq!(ideal, [4, 4, 4, 7]);
        // Two clients, answers of 4 ms; before the third request the generator takes 6 ms, for which the fourth waits, too.
        let mut closed = Queue::new(Pattern::Closed { clients: 2 });
        let ideal: Vec<u64> = [
            request(0, 0, 4, 0),
            request(0, 4, 4, 0),
            request(4, 14, 4, 6),
            request(8, 18, 4, 0),
            request(18, 22, 4, 0),
        ]
        .map(|request| closed.ideal_ns(request) / MS)
        .into();
        assert_eq!(ideal, [4, 8, 8, 8, 8]);
        let mut stream = Queue::new(Pattern::SingleStream);
        assert_eq!(stream.ideal_ns(request(0, 0, 4, 0)), 4 * MS);
    }

    #[test]
    fn the_generators_share_counts_from_a_twentieth() {
        for (ideal_ms, share) in [(100, None), (96, None), (90, Some(0.1)), (50, Some(0.5))] {
            let mut times = Times::new(8);
            times.push(row(1.0, request(0, 90, 10, 0), ideal_ms * MS));
            let found = own_share(&times, 0);
            assert_eq!(found.map(|own| (own * 100.0).round() / 100.0), share);
        }
        assert_eq!(own_share(&Times::new(8), 3), None);
    }
}
