//! Where the time of a load went, and who limits its rate.

use super::served::Served;

/// Sums over the answered requests of one load, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServedTotals {
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

impl ServedTotals {
    /// Adds the next request, in the order of their answers.
    pub fn add(&mut self, served: &Served) {
        let free_ns = self.end_ns;
        self.service_ns += served.service_ns();
        if self.requests == 0 || served.scheduled_ns > free_ns {
            let from = if self.requests == 0 { served.scheduled_ns } else { free_ns };
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

#[cfg(test)]
mod tests {
    use super::super::{Arrivals, Generator, RequestSource};
    use super::*;
    use crate::clock::ManualClock;
    use proptest::prelude::*;
    use std::convert::Infallible;

    /// A load whose generator takes `own_ns` between an answer and whatever comes next.
    fn load(rate: f64, services_ns: &[u64], own_ns: u64) -> (ServedTotals, Vec<Served>) {
        let clock = ManualClock::default();
        let arrivals = Arrivals::poisson(rate, 5).unwrap();
        let mut generator = Generator::new(RequestSource::Open(arrivals), 0);
        let (mut tally, mut all) = (ServedTotals::default(), Vec::new());
        for service in services_ns {
            let answer = || {
                clock.advance(*service);
                Ok::<(), Infallible>(())
            };
            let Ok(served) = generator.answer(&clock, &|| false, answer);
            let served = served.unwrap();
            tally.add(&served);
            all.push(served);
            clock.advance(own_ns);
        }
        (tally, all)
    }

    #[test]
    fn who_limits_a_rate() {
        // 1 ms of service, and 0.5 ms of overhead where requests queue.
        let (tally, _) = load(900.0, &[1_000_000; 2000], 500_000);
        assert!((tally.service_s().unwrap() - 1e-3).abs() < 1e-12);
        assert!((tally.own_s() - 5e-4).abs() < 2e-5, "{}", tally.own_s());
        for (rate, expected) in [
            (500.0, Bottleneck::None),
            (650.0, Bottleneck::None),
            (700.0, Bottleneck::Generator),
            (999.0, Bottleneck::Generator),
            (1001.0, Bottleneck::Service),
        ] {
            assert_eq!(tally.bottleneck(rate), Some(expected), "{rate}");
        }
        let idle = load(1.0, &[1_000_000; 20], 500_000).0;
        assert_eq!((idle.queued, idle.own_s()), (0, 0.0));
        assert_eq!(ServedTotals::default().bottleneck(1.0), None);
    }

    proptest! {
        /// Every nanosecond from the first arrival to the last answer is accounted for once.
        #[test]
        fn the_parts_make_up_the_whole(
            services in prop::collection::vec(0..5_000_000_u64, 1..100),
            rate in 10.0..2000.0_f64,
            own in 0..1_000_000_u64,
        ) {
            let (tally, all) = load(rate, &services, own);
            let span = all[all.len() - 1].end_ns - all[0].scheduled_ns;
            prop_assert_eq!(tally.service_ns + tally.idle_ns + tally.own_ns + tally.late_ns, span);
            prop_assert_eq!(tally.service_ns, services.iter().sum::<u64>());
            prop_assert!(tally.own_ns <= own * tally.queued);
            prop_assert_eq!(tally.requests, all.len() as u64);
        }

        /// A request's busy time is its service and what the generator added: Lindley over these gives every latency.
        #[test]
        fn busy_times_explain_the_latencies(
            services in prop::collection::vec(0..5_000_000_u64, 1..100),
            rate in 10.0..2000.0_f64,
            own in 0..1_000_000_u64,
        ) {
            let (_, all) = load(rate, &services, own);
            let mut free_ns = 0;
            for served in &all {
                let busy_ns = served.busy_ns(free_ns);
                prop_assert!(busy_ns >= served.service_ns() && busy_ns <= served.service_ns() + own);
                let wait = free_ns.saturating_sub(served.scheduled_ns);
                prop_assert_eq!(wait + busy_ns, served.latency_ns());
                free_ns = served.end_ns;
            }
        }
    }
}
