//! Where the time of a load went, and who limits its rate.

use super::served::Served;

/// Sums over the answered requests of one load, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Answered requests.
    pub requests: u64,
    /// Time spent answering.
    pub service_ns: u64,
    /// Time without a request that was due.
    pub idle_ns: u64,
    /// Time between an answer and the start of a request that was due by then: the generator's own overhead.
    pub own_ns: u64,
    /// How many requests were due when the one before them was answered.
    pub queued: u64,
    /// How much later than scheduled the requests began that found the server idle, in all: late waking.
    pub late_ns: u64,
    /// The end of the newest answer; 0 before the first.
    pub end_ns: u64,
}

/// What keeps a rate from being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bottleneck {
    /// Nothing: requests are answered as fast as they come, on average.
    None,
    /// The answers alone take longer than the gaps between requests.
    Service,
    /// The answers would be in time, but with the generator's own overhead they are not.
    Generator,
}

impl Tally {
    /// Adds the next request, in the order of their answers.
    pub fn add(&mut self, served: &Served) {
        let free_ns = self.end_ns;
        self.service_ns += served.service_ns();
        if self.requests == 0 || served.scheduled_ns > free_ns {
            let from = if self.requests == 0 {
                served.scheduled_ns
            } else {
                free_ns
            };
            self.idle_ns += served.scheduled_ns.saturating_sub(from);
            self.late_ns += served.wait_ns();
        } else {
            self.queued += 1;
            self.own_ns += served.start_ns.saturating_sub(free_ns);
        }
        self.requests += 1;
        self.end_ns = served.end_ns;
    }

    /// Mean service time in seconds; `None` without a request.
    pub fn service_s(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.service_ns as f64 / self.requests as f64 / 1e9)
    }

    /// Mean own overhead of a request that was due, in seconds; 0 where none was: then nothing had to be in time.
    pub fn own_s(&self) -> f64 {
        if self.queued == 0 {
            return 0.0;
        }
        self.own_ns as f64 / self.queued as f64 / 1e9
    }

    /// What keeps `rate_per_s` from being served: whether a queue must grow, and whether it would without the overhead.
    /// `None` without a request.
    pub fn bottleneck(&self, rate_per_s: f64) -> Option<Bottleneck> {
        let service_s = self.service_s()?;
        Some(if rate_per_s * service_s >= 1.0 {
            Bottleneck::Service
        } else if rate_per_s * (service_s + self.own_s()) >= 1.0 {
            Bottleneck::Generator
        } else {
            Bottleneck::None
        })
    }
}
