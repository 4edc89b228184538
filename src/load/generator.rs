//! Which request is next, and since when it is due.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::arrivals::Arrivals;
use super::pace::Pace;
use super::served::Served;
use crate::clock::ManualClock;

/// Where requests come from.
#[derive(Debug, Clone)]
pub enum RequestSource {
    /// One after the other: a request is due when the server asks for it, so it never waits.
    Stream,
    /// So many clients, of which each sends its next request as soon as its last one was answered.
    Closed {
        /// How many.
        clients: NonZeroU32,
    },
    /// A schedule that does not care for the server.
    Open(Arrivals),
}

/// The next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When it is or was due; in the future while the server has nothing to do.
    pub scheduled_ns: u64,
}

/// Says which request is next. It holds no clock: the driver tells it the time.
#[derive(Debug, Clone)]
pub struct Generator {
    pending: Pending,
}

#[derive(Debug, Clone)]
enum Pending {
    Stream,
    /// When each of the requests was sent that are waiting or being answered, oldest first.
    Closed(VecDeque<u64>),
    Open {
        start_ns: u64,
        scheduled_ns: u64,
        arrivals: Arrivals,
    },
}

impl Generator {
    /// Begins a load at `start_ns`: closed clients send their first requests then, scheduled arrivals count from then.
    pub fn new(source: RequestSource, start_ns: u64) -> Self {
        let pending = match source {
            RequestSource::Stream => Pending::Stream,
            RequestSource::Closed { clients } => {
                Pending::Closed(std::iter::repeat_n(start_ns, clients.get() as usize).collect())
            }
            RequestSource::Open(mut arrivals) => Pending::Open {
                start_ns,
                scheduled_ns: start_ns.saturating_add(arrivals.draw_ns()),
                arrivals,
            },
        };
        Self { pending }
    }

    /// The request to answer next; the same one until it is [`done`](Self::done).
    pub fn next(&self, now_ns: u64) -> Due {
        let scheduled_ns = match &self.pending {
            Pending::Stream => now_ns,
            // There is one entry for each client, and at least one client.
            Pending::Closed(sent) => sent.front().copied().unwrap_or(now_ns),
            Pending::Open { scheduled_ns, .. } => *scheduled_ns,
        };
        Due { scheduled_ns }
    }

    /// The request was answered.
    pub fn done(&mut self, end_ns: u64) {
        match &mut self.pending {
            Pending::Stream => {}
            Pending::Closed(sent) => {
                sent.pop_front();
                sent.push_back(end_ns);
            }
            Pending::Open { start_ns, scheduled_ns, arrivals } => {
                *scheduled_ns = start_ns.saturating_add(arrivals.draw_ns());
            }
        }
    }

    /// Waits for the next request and has it answered; `None` when `leave` says so before it is due, which loses nothing.
    /// The same loop in real and in virtual time.
    pub fn answer<C: Pace + ?Sized, E>(
        &mut self,
        clock: &C,
        leave: &dyn Fn() -> bool,
        answer: impl FnOnce() -> Result<(), E>,
    ) -> Result<Option<Served>, E> {
        let due = self.next(clock.now_ns());
        if !clock.wait_until(due.scheduled_ns, leave) {
            return Ok(None);
        }
        let start_ns = clock.now_ns();
        answer()?;
        let end_ns = clock.now_ns();
        self.done(end_ns);
        Ok(Some(Served { scheduled_ns: due.scheduled_ns, start_ns, end_ns }))
    }
}

/// Requests that take known times, answered in virtual time, until the times run out.
#[derive(Debug, Clone)]
pub struct VirtualQueue<I> {
    generator: Generator,
    clock: ManualClock,
    services_ns: I,
}

impl<I: Iterator<Item = u64>> VirtualQueue<I> {
    /// `services_ns`: how long each answer takes, in order. The clock is moved by waiting and by answering.
    pub fn new(generator: Generator, clock: ManualClock, services_ns: I) -> Self {
        Self { generator, clock, services_ns }
    }
}

impl<I: Iterator<Item = u64>> Iterator for VirtualQueue<I> {
    type Item = Served;

    fn next(&mut self) -> Option<Served> {
        let service_ns = self.services_ns.next()?;
        let clock = &self.clock;
        let answer = || {
            clock.advance(service_ns);
            Ok::<(), std::convert::Infallible>(())
        };
        let Ok(served) = self.generator.answer(clock, &|| false, answer);
        served
    }
}

#[cfg(test)]
mod tests {
    use super::super::lindley::waits_ns;
    use super::*;
    use crate::clock::Clock;
    use proptest::prelude::*;

    const SEED: u64 = 11;

    fn clients(n: u32) -> RequestSource {
        RequestSource::Closed { clients: NonZeroU32::new(n).unwrap() }
    }

    fn open(rate_per_s: f64, seed: u64) -> RequestSource {
        RequestSource::Open(Arrivals::poisson(rate_per_s, seed).unwrap())
    }

    fn run(source: RequestSource, start_ns: u64, services_ns: &[u64]) -> Vec<Served> {
        let clock = ManualClock::default();
        clock.advance(start_ns);
        let generator = Generator::new(source, start_ns);
        VirtualQueue::new(generator, clock, services_ns.iter().copied()).collect()
    }

    #[test]
    fn patterns_by_hand() {
        let served = |(scheduled_ns, start_ns, end_ns)| Served { scheduled_ns, start_ns, end_ns };
        for (name, source, expected) in [
            ("stream", RequestSource::Stream, [(100, 100, 105), (105, 105, 112), (112, 112, 113)]),
            ("one client", clients(1), [(100, 100, 105), (105, 105, 112), (112, 112, 113)]),
            ("two clients", clients(2), [(100, 100, 105), (100, 105, 112), (105, 112, 113)]),
            ("five clients", clients(5), [(100, 100, 105), (100, 105, 112), (100, 112, 113)]),
        ] {
            assert_eq!(run(source, 100, &[5, 7, 1]), expected.map(served), "{name}");
        }
    }

    /// A server that stalls for a second delays no arrival: all that come meanwhile count from when they were due.
    #[test]
    fn a_stall_hides_no_waiting() {
        let second = 1_000_000_000;
        let services = [&[second][..], &[1_000_000; 99]].concat();
        let served = run(open(100.0, SEED), 0, &services);
        let due: Vec<u64> = Arrivals::poisson(100.0, SEED).unwrap().take(100).collect();
        let mut late = 0;
        for (served, due) in served.iter().zip(due) {
            assert_eq!(served.scheduled_ns, due);
            late += u32::from(served.latency_ns() > second / 2);
        }
        assert!((30..80).contains(&late), "about half of a hundred a second: {late}");
    }

    #[test]
    fn leaving_loses_nothing() {
        let clock = ManualClock::default();
        let mut generator = Generator::new(open(10.0, SEED), 0);
        let due = generator.next(0);
        let left = generator.answer(&clock, &|| true, || Err("answered"));
        assert_eq!((left, clock.now_ns()), (Ok(None), 0));
        assert_eq!(generator.next(5), due);
        // Nor does an answer that fails.
        assert_eq!(generator.answer(&clock, &|| false, || Err("failed")), Err("failed"));
        assert_eq!((generator.next(0), clock.now_ns()), (due, due.scheduled_ns));
    }

    proptest! {
        #[test]
        fn waits_are_those_of_lindley(
            services in prop::collection::vec(0..20_000_000_u64, 1..200),
            rate in 1.0..1000.0_f64,
            seed: u64,
            start in 0..1_u64 << 60,
        ) {
            let served = run(open(rate, seed), start, &services);
            let arrivals: Vec<u64> = Arrivals::poisson(rate, seed).unwrap().take(services.len()).collect();
            let waits: Vec<u64> = served.iter().map(Served::wait_ns).collect();
            prop_assert_eq!(waits, waits_ns(&arrivals, &services));
            let answered: Vec<u64> = served.iter().map(Served::service_ns).collect();
            prop_assert_eq!(answered, services);
        }

        #[test]
        fn closed_clients_keep_their_number_in_flight(
            services in prop::collection::vec(1..1000_u64, 1..100),
            n in 1..20_u32,
        ) {
            let served = run(clients(n), 7, &services);
            let n = n as usize;
            for (i, request) in served.iter().enumerate() {
                let free = if i == 0 { 7 } else { served[i - 1].end_ns };
                prop_assert_eq!(request.start_ns, free, "never idle");
                let sent = if i < n { 7 } else { served[i - n].end_ns };
                prop_assert_eq!(request.scheduled_ns, sent, "one's own answer before");
                // Little's law without the averages: at each start, the answered are i, the sent are i + n.
                let sent = (0..services.len() + n).take_while(|j| *j < n || served[j - n].end_ns <= request.start_ns);
                prop_assert_eq!(sent.count() - i, n);
            }
        }
    }
}
