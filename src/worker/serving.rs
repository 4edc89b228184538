//! Serving as any worker does it: requests that come by a pattern, answered one at a time, until the runner knows enough
//! or the time is up.
//!
//! The load and the answers share one thread, so between an answer and the next request lies the generator's own time:
//! a clock is read, the request is noted, and some twelve times a second a message is sent (while nothing is due, if it
//! can wait). It is part of the gaps and waits that are reported, so nobody can take it for the model's.

use std::num::NonZeroU32;

use super::link::{Link, LinkError};
use crate::event::job::percentile_name;
use crate::event::{FoundRate, MaxRate, Num, Pattern, Phase, Request, ServeSpec, WorkerEvent};
use crate::load::search::{Fed, MaxRateSearch, Outcome, SearchAsk};
use crate::load::{Arrivals, Generator, Pace, RequestSource, Served};
use crate::units::{rate, seconds};

/// What answers requests.
pub trait Answer<C: Pace> {
    /// Why it cannot.
    type Error: From<LinkError>;

    /// A phase was announced.
    fn begins(&mut self, _link: &mut Link<C>, _phase: Phase) -> Result<(), Self::Error> {
        Ok(())
    }

    /// One request, from its samples to its answer.
    fn answer(&mut self) -> Result<(), Self::Error>;

    /// After the request was noted.
    fn answered(&mut self, _link: &mut Link<C>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Whether to leave this phase.
    fn leaves(&self, link: &Link<C>, phase: Phase) -> bool {
        link.leave_requested(phase)
    }
}

/// Why a job cannot be served so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`serve.{key}` {why}")]
pub struct Unservable {
    /// The setting.
    key: &'static str,
    why: String,
}

/// What no worker could obey. The command line has checked the same with better places; a hand-written job has not been.
pub fn check(serve: &ServeSpec) -> Result<(), Unservable> {
    let wrong = |key, why: String| Err(Unservable { key, why });
    if serve.batch_sizes.contains(&0) {
        return wrong("batch_sizes", "must be at least 1".to_owned());
    }
    match serve.pattern {
        Pattern::Closed { clients: 0 } => {
            return wrong("pattern", "must have at least 1 client".to_owned());
        }
        Pattern::Server { rate_per_s: Some(rate_per_s) } => {
            if let Err(error) = Arrivals::poisson(rate_per_s, 0) {
                return wrong("pattern", format!("cannot be: {error}"));
            }
        }
        _ => {}
    }
    match serve.find_max_rate.map(|limit| ask(limit, serve, 0).check()) {
        Some(Err(error)) => wrong("find_max_rate", format!("cannot be: {error}")),
        _ => Ok(()),
    }
}

fn ask(limit: MaxRate, serve: &ServeSpec, seed: u64) -> SearchAsk {
    let asked = SearchAsk::new(limit.percentile, limit.limit_s);
    SearchAsk {
        probe_requests: serve
            .max_requests
            .map_or(asked.probe_requests, |most| asked.probe_requests.min(most)),
        seed,
        ..asked
    }
}

/// Requests of one size.
#[derive(Debug, Clone, Copy)]
pub struct Serving<'a> {
    /// What to do.
    pub serve: &'a ServeSpec,
    /// Samples a request.
    pub size: u32,
    /// Seeds the schedule: the same for every model, so that all are asked alike.
    pub seed: u64,
}

impl Serving<'_> {
    /// The phase of these requests, and the search for their highest rate where one is asked for.
    pub fn run<C: Pace + Clone, A: Answer<C>>(
        &self,
        link: &mut Link<C>,
        model: &mut A,
    ) -> Result<(), A::Error> {
        if self.serve.has_phase() {
            self.phase(Phase::Serve(self.size), link, model)?;
        }
        match self.serve.find_max_rate {
            Some(limit) if !link.stop_requested() => self.find_max_rate(limit, link, model),
            _ => Ok(()),
        }
    }

    /// The same requests once more, on the trained weights; no search.
    pub fn confirm<C: Pace + Clone, A: Answer<C>>(
        &self,
        link: &mut Link<C>,
        model: &mut A,
    ) -> Result<(), A::Error> {
        if self.serve.has_phase() {
            self.phase(Phase::Confirm(self.size), link, model)?;
        }
        Ok(())
    }

    fn phase<C: Pace + Clone, A: Answer<C>>(
        &self,
        phase: Phase,
        link: &mut Link<C>,
        model: &mut A,
    ) -> Result<(), A::Error> {
        link.phase(phase)?;
        model.begins(link, phase)?;
        let source = match self.serve.pattern {
            Pattern::Closed { clients } => {
                let clients = NonZeroU32::new(clients).unwrap_or(NonZeroU32::MIN);
                RequestSource::Closed { clients }
            }
            Pattern::Server { rate_per_s: Some(rate_per_s) } => {
                match Arrivals::poisson(rate_per_s, self.seed) {
                    Ok(arrivals) => RequestSource::Open(arrivals),
                    // Refused by `check`.
                    Err(_) => return Ok(()),
                }
            }
            _ => return self.stream(phase, link, model),
        };
        let most = self.serve.max_requests.unwrap_or(u64::MAX);
        let mut load = self.load(source, phase, link);
        for _ in 0..most {
            if load.next(link, model)?.is_none() {
                break;
            }
        }
        Ok(link.flush(None)?)
    }

    fn load<C: Pace + Clone>(
        &self,
        source: RequestSource,
        phase: Phase,
        link: &Link<C>,
    ) -> Load<C> {
        let now_ns = link.now_ns();
        Load {
            generator: Generator::new(source, now_ns),
            clock: link.clock().clone(),
            phase,
            size: self.size,
            free_ns: now_ns,
            deadline_ns: now_ns.saturating_add(whole_ns(self.serve.max_time_s)),
        }
    }

    /// Back to back: each request begins where the one before it ended.
    fn stream<C: Pace, A: Answer<C>>(
        &self,
        phase: Phase,
        link: &mut Link<C>,
        model: &mut A,
    ) -> Result<(), A::Error> {
        let begin = link.now_ns();
        let max_time_ns = whole_ns(self.serve.max_time_s);
        let most = self.serve.max_requests.unwrap_or(u64::MAX);
        let (mut start, mut count) = (begin, 0);
        while count < most && !model.leaves(link, phase) {
            model.answer()?;
            let end = link.now_ns();
            start = if link.step(self.size, start, end)? {
                link.flush(None)?;
                link.now_ns()
            } else {
                end
            };
            model.answered(link)?;
            count += 1;
            if end.saturating_sub(begin) >= max_time_ns {
                break;
            }
        }
        Ok(link.flush(None)?)
    }

    fn find_max_rate<C: Pace + Clone, A: Answer<C>>(
        &self,
        limit: MaxRate,
        link: &mut Link<C>,
        model: &mut A,
    ) -> Result<(), A::Error> {
        let phase = Phase::Probe(self.size);
        // Refused by `check`.
        let asked = ask(limit, self.serve, self.seed);
        let Ok(mut search) = MaxRateSearch::new(asked) else {
            return Ok(());
        };
        link.phase(phase)?;
        model.begins(link, phase)?;
        let deadline_ns = link.now_ns().saturating_add(whole_ns(self.serve.max_time_s));
        while let Some(source) = search.probe().and_then(|probe| probe.source().ok()) {
            let mut load = Load { deadline_ns, ..self.load(source, phase, link) };
            let fed = loop {
                let Some(served) = load.next(link, model)? else {
                    break None;
                };
                match search.feed(&served) {
                    Fed::More => {}
                    fed => break Some(fed),
                }
            };
            link.flush(None)?;
            if fed != Some(Fed::NextProbe) {
                break;
            }
        }
        let found = found(&mut search, limit, asked.confidence);
        Ok(link.send(WorkerEvent::MaxRate(found))?)
    }
}

/// Requests that come as a generator says.
struct Load<C> {
    generator: Generator,
    clock: C,
    phase: Phase,
    size: u32,
    /// When the newest answer was there.
    free_ns: u64,
    deadline_ns: u64,
}

impl<C: Pace> Load<C> {
    /// Waits for the next request, answers it and notes it; `None` when it is time to leave.
    fn next<A: Answer<C>>(
        &mut self,
        link: &mut Link<C>,
        model: &mut A,
    ) -> Result<Option<Served>, A::Error> {
        let due = self.generator.next(link.now_ns());
        link.idle_until(due.scheduled_ns.min(self.deadline_ns))?;
        let leaves = || self.clock.now_ns() >= self.deadline_ns || model.leaves(link, self.phase);
        if !self.clock.wait_until(due.scheduled_ns, &leaves) {
            return Ok(None);
        }
        let start_ns = self.clock.now_ns();
        model.answer()?;
        let end_ns = self.clock.now_ns();
        self.generator.done(end_ns);
        let served = Served { scheduled_ns: due.scheduled_ns, start_ns, end_ns };
        let request = Request {
            fetch_ns: 0,
            start_ns,
            dur_ns: served.service_ns(),
            wait_ns: served.wait_ns(),
            gap_ns: start_ns.saturating_sub(self.free_ns),
        };
        self.free_ns = end_ns;
        if link.request(self.size, request)? && self.is_pressing(end_ns, request) {
            link.flush(None)?;
        }
        model.answered(link)?;
        Ok(Some(served))
    }

    /// Whether a message cannot wait for an idle moment: there was none for long, or there never is one.
    fn is_pressing(&self, now_ns: u64, request: Request) -> bool {
        let next = self.generator.next(now_ns);
        next.scheduled_ns <= now_ns || request.dur_ns >= LONG_NS
    }
}

/// Answers that take longer than this are told of at once, in nanoseconds.
const LONG_NS: u64 = 20_000_000;

/// Whole nanoseconds.
fn whole_ns(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates at both ends"
    )]
    let whole = (seconds * 1e9) as u64;
    whole
}

/// What a search has found, for the runner.
fn found(search: &mut MaxRateSearch, limit: MaxRate, confidence: f64) -> FoundRate {
    let outcome = search.end().clone();
    let results = search.results();
    let mut found = FoundRate {
        rate_per_s: None,
        low: None,
        high: None,
        confidence: None,
        precise: false,
        probes: u32::try_from(results.len()).unwrap_or(u32::MAX),
        requests: results.iter().map(|probe| probe.requests).sum(),
        why: why(&outcome, limit),
    };
    let num = |rate: f64| Some(Num(rate));
    match outcome {
        Outcome::Found(rate) => {
            found.rate_per_s = num(rate.rate_per_s);
            (found.low, found.high) = (num(rate.low), num(rate.high));
            found.confidence = Some(confidence);
            found.precise = rate.precise;
        }
        Outcome::LimitBelowService { service_s } if service_s > limit.limit_s => {
            found.rate_per_s = num(0.0);
            (found.low, found.high) = (num(0.0), num(0.0));
            found.confidence = Some(confidence);
            found.precise = true;
        }
        // Without the generator it is higher by nobody knows how much.
        Outcome::GeneratorBound { reached, .. } => {
            found.rate_per_s = num(reached.rate_per_s);
            found.low = num(reached.low);
            found.confidence = Some(confidence);
        }
        Outcome::NeverBroken { rate_per_s, .. } => {
            found.rate_per_s = num(rate_per_s);
            found.low = num(rate_per_s);
            found.confidence = Some(confidence);
        }
        Outcome::LimitBelowService { .. } | Outcome::Unresolved { .. } => {}
    }
    found
}

/// The outcome in words.
fn why(outcome: &Outcome, limit: MaxRate) -> String {
    let name = percentile_name(limit.percentile);
    match outcome {
        Outcome::Found(found) => {
            let open = if found.precise { "" } else { "; the probes or the time ran out first" };
            let capacity = rate(found.capacity_per_s);
            format!("{limit}, of a capacity of {capacity}{open}")
        }
        Outcome::LimitBelowService { service_s } if *service_s <= limit.limit_s => {
            let alone = seconds(*service_s);
            format!(
                "generator-bound: requests are begun too late for {limit}; {name} of the answers alone is {alone}"
            )
        }
        Outcome::LimitBelowService { service_s } => {
            let alone = seconds(*service_s);
            format!("no rate keeps {limit}: {name} of the answers alone is {alone}")
        }
        Outcome::GeneratorBound { model_rate_per_s, .. } => {
            let model = rate(*model_rate_per_s);
            format!(
                "generator-bound: with the load generator's own time {limit} is kept up to this rate; the answers alone would allow {model}"
            )
        }
        Outcome::NeverBroken { capacity_per_s, .. } => {
            let capacity = rate(*capacity_per_s);
            format!("{limit} is kept as near to the capacity of {capacity} as can be told")
        }
        Outcome::Unresolved { requests } => {
            format!("no rate was found for {limit}: {requests} requests in the time are too few")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(pattern: Pattern) -> ServeSpec {
        ServeSpec {
            batch_sizes: vec![1],
            warmup_requests: 0,
            max_time_s: 1.0,
            pattern,
            max_requests: None,
            find_max_rate: None,
            confirm: false,
        }
    }

    #[test]
    fn what_cannot_be_served_is_said() {
        let rate = |rate_per_s| Pattern::Server { rate_per_s: Some(rate_per_s) };
        for (pattern, says) in [
            (Pattern::SingleStream, None),
            (rate(100.0), None),
            (Pattern::Server { rate_per_s: None }, None),
            (rate(0.0), Some("a rate of 0 requests")),
            (rate(-1.0), Some("a rate of -1 requests")),
            (rate(f64::NAN), Some("a rate of NaN requests")),
            (Pattern::Closed { clients: 0 }, Some("at least 1 client")),
        ] {
            let found = check(&serve(pattern)).err().map(|why| why.to_string());
            assert_eq!(found.is_some(), says.is_some(), "{found:?}");
            assert!(found.unwrap_or_default().contains(says.unwrap_or_default()));
        }
        let mut search = serve(Pattern::Server { rate_per_s: None });
        for (percentile, limit_s, most, right) in [
            (0.99, 0.01, None, true),
            (1.0, 0.01, None, false),
            (0.99, 0.0, None, false),
            (0.99, 0.01, Some(10), false),
        ] {
            search.find_max_rate = Some(MaxRate { percentile, limit_s });
            search.max_requests = most;
            assert_eq!(check(&search).is_ok(), right, "{percentile} {limit_s}");
        }
    }

    #[test]
    fn an_outcome_without_a_rate_of_the_model_says_why() {
        let limit = MaxRate { percentile: 0.99, limit_s: 0.01 };
        for (outcome, says) in [
            (
                Outcome::LimitBelowService { service_s: 0.012 },
                "no rate keeps p99 <= 10.0 ms: p99 of the answers alone is 12.0 ms",
            ),
            // The answers would keep it: what is late is the load.
            (
                Outcome::LimitBelowService { service_s: 0.002 },
                "generator-bound: requests are begun too late for p99 <= 10.0 ms",
            ),
            (
                Outcome::Unresolved { requests: 7 },
                "no rate was found for p99 <= 10.0 ms: 7 requests in the time are too few",
            ),
        ] {
            assert!(why(&outcome, limit).starts_with(says), "{outcome:?}");
        }
    }
}
