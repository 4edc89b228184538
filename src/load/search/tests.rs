//! Searches in virtual time. A replay is slow without optimisation, so there are few of them here; the statistics over
//! many seeds are those of `benches/serving.rs`.

use std::convert::Infallible;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::load::Generator;

const SERVICE_NS: u64 = 5_000_000;

/// The limit that the 99th percentile of a constant service of 5 ms reaches at 70% load: 5 ms times 7.4855.
const LIMIT_AT_70: f64 = 0.037_427_5;

/// A server: how long its next answer takes, from how long the request has waited, in nanoseconds.
type Server<'a> = &'a mut dyn FnMut(u64) -> u64;

fn constant() -> impl FnMut(u64) -> u64 {
    |_| SERVICE_NS
}

/// Runs a search, with a generator that takes `own_ns` after each answer, until it ends or has been fed `most` requests.
fn search(ask: SearchAsk, serve: Server<'_>, own_ns: u64, most: u64) -> MaxRateSearch {
    let clock = ManualClock::default();
    let mut search = MaxRateSearch::new(ask).unwrap();
    let mut fed = 0;
    while let Some(probe) = search.probe().copied() {
        let mut generator = Generator::new(probe.source().unwrap(), clock.now_ns());
        loop {
            if fed == most {
                search.end();
                return search;
            }
            let due = generator.next(clock.now_ns());
            let answer = || {
                clock.advance(serve(clock.now_ns() - due.scheduled_ns));
                Ok::<(), Infallible>(())
            };
            let Ok(served) = generator.answer(&clock, &|| false, answer);
            let served = served.unwrap();
            clock.advance(own_ns);
            fed += 1;
            if search.feed(&served) != Fed::More {
                break;
            }
        }
    }
    search
}

fn found(search: &MaxRateSearch) -> MaxRate {
    match search.outcome() {
        Some(Outcome::Found(rate)) => *rate,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_searched_for_says_why() {
    let with = |change: fn(&mut SearchAsk)| {
        let mut ask = SearchAsk::new(0.99, 0.01);
        change(&mut ask);
        MaxRateSearch::new(ask).unwrap_err().to_string()
    };
    for (message, says) in [
        (with(|ask| ask.percentile = 1.0), "1 is no percentile"),
        (with(|ask| ask.percentile = f64::NAN), "NaN is no percentile"),
        (with(|ask| ask.limit_s = 0.0), "limit of 0 s"),
        (with(|ask| ask.limit_s = -0.1), "limit of -0.1 s"),
        (with(|ask| ask.limit_s = f64::INFINITY), "finite"),
        (with(|ask| ask.within = 0.0), "within must be"),
        (with(|ask| ask.confidence = 1.5), "confidence must be"),
        (with(|ask| ask.probe_requests = 10), "200 requests a probe"),
        (with(|ask| ask.max_probes = 2), "at least 3 probes"),
    ] {
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn a_constant_service_is_found_in_three_probes() {
    let search = search(SearchAsk::new(0.99, LIMIT_AT_70), &mut constant(), 0, u64::MAX);
    let rate = found(&search);
    assert!((rate.rate_per_s / 140.0 - 1.0).abs() < 0.03, "{rate:?}");
    assert!(rate.low <= 140.0 && 140.0 <= rate.high, "{rate:?}");
    assert!(rate.precise && rate.high - rate.low < 0.06 * 140.0, "{rate:?}");
    assert!((rate.correction - 1.0).abs() < 1e-12);
    assert!((rate.capacity_per_s - 200.0).abs() < 1e-6);
    let results = search.results();
    assert_eq!(results.len(), 3);
    assert_eq!(results[0].rate_per_s, None);
    assert!(results.iter().all(|probe| probe.requests == 1000 && !probe.cut_short));
}

#[test]
fn a_limit_below_the_service_ends_after_two_probes() {
    let ask = SearchAsk::new(0.99, 4e-3);
    let whole = search(ask, &mut constant(), 0, u64::MAX);
    let expected = Outcome::LimitBelowService { service_s: 5e-3 };
    assert_eq!(whole.outcome(), Some(&expected));
    assert_eq!(whole.results().len(), 2);
    // There was no time for the second.
    let short = search(ask, &mut constant(), 0, 300);
    assert_eq!(short.outcome(), Some(&expected));
}

/// A tenth of the answers of a warm-up, or 20 answers in a row, are over the limit; all others keep it by far.
#[test]
fn a_slow_warm_up_is_no_slow_model() {
    let mut requests = 0;
    let mut cold = |_| {
        requests += 1;
        if requests <= 300 && requests % 10 == 0 { SERVICE_NS * 4 } else { SERVICE_NS }
    };
    let ask = SearchAsk::new(0.99, LIMIT_AT_70 / 2.0);
    let found = search(ask, &mut cold, 0, u64::MAX);
    assert!(
        !matches!(found.outcome(), Some(Outcome::LimitBelowService { .. })),
        "{:?}",
        found.outcome()
    );
    // They came together, so they are hardly more than one.
    let mut requests = 0;
    let mut period = |_| {
        requests += 1;
        if (500..520).contains(&requests) { SERVICE_NS * 4 } else { SERVICE_NS }
    };
    let found = search(ask, &mut period, 0, 1000);
    assert!(
        !matches!(found.outcome(), Some(Outcome::LimitBelowService { .. })),
        "{:?}",
        found.outcome()
    );
}

#[test]
fn a_limit_that_no_rate_breaks_is_said_to_be_one() {
    let search = search(SearchAsk::new(0.99, 5.0), &mut constant(), 0, u64::MAX);
    let Some(Outcome::NeverBroken { rate_per_s, capacity_per_s }) = search.outcome() else {
        panic!("{:?}", search.outcome());
    };
    assert!((rate_per_s - 196.0).abs() < 1e-6 && (capacity_per_s - 200.0).abs() < 1e-6);
}

/// 5 ms of service and 2 ms between the answers: the model could do a good deal more.
#[test]
fn the_generators_limit_is_not_the_models() {
    let search = search(SearchAsk::new(0.99, LIMIT_AT_70), &mut constant(), 2_000_000, u64::MAX);
    let Some(Outcome::GeneratorBound { reached, model_rate_per_s }) = search.outcome() else {
        panic!("{:?}", search.outcome());
    };
    assert!((model_rate_per_s / 140.0 - 1.0).abs() < 0.03, "{model_rate_per_s}");
    assert!(reached.rate_per_s < 115.0, "{reached:?}");
    assert!(search.results()[1].own_s > 1e-3);
}

/// Back to back 5 ms, under an offered load 6 ms: only times measured under load count.
#[test]
fn a_service_that_is_slower_under_load_is_found_slower() {
    let mut requests = 0;
    let mut server = |_| {
        requests += 1;
        if requests <= 1000 { SERVICE_NS } else { SERVICE_NS * 6 / 5 }
    };
    let ask = SearchAsk::new(0.99, LIMIT_AT_70 * 1.2);
    let rate = found(&search(ask, &mut server, 0, u64::MAX));
    assert!((rate.rate_per_s / 140.0 * 1.2 - 1.0).abs() < 0.03, "{rate:?}");
    assert!((rate.capacity_per_s * 1.2 / 200.0 - 1.0).abs() < 1e-6, "{rate:?}");
}

/// A queue that grows at once: the server is four times slower than it was back to back.
#[test]
fn a_probe_out_of_hand_is_cut_short() {
    let mut requests = 0;
    let mut server = |_| {
        requests += 1;
        if requests <= 1000 { SERVICE_NS } else { SERVICE_NS * 4 }
    };
    let ask = SearchAsk::new(0.99, LIMIT_AT_70 * 4.0);
    let search = search(ask, &mut server, 0, u64::MAX);
    let cut = search.results()[1];
    assert!(cut.cut_short && cut.requests < 1000, "{cut:?}");
    assert!((found(&search).rate_per_s * 4.0 / 140.0 - 1.0).abs() < 0.03);
}

/// Share of latencies over the limit at a rate, by a plain simulation.
fn share_over(limit_s: f64, rate_per_s: f64, serve: Server<'_>) -> f64 {
    let mut free_ns = 0;
    let arrivals = crate::load::Arrivals::poisson(rate_per_s, 1234).unwrap();
    let over = arrivals.take(400_000).filter(|now_ns| {
        let start_ns = free_ns.max(*now_ns);
        free_ns = start_ns + serve(start_ns - now_ns);
        (free_ns - now_ns) as f64 * 1e-9 > limit_s
    });
    over.count() as f64 / 400_000.0
}

/// Back to back there is no idle gap; at 70% load one request in three comes after one.
#[test]
fn a_service_that_is_slower_after_idling_is_known_by_then() {
    let mut server = |wait| {
        if wait == 0 { SERVICE_NS * 6 / 5 } else { SERVICE_NS }
    };
    let search = search(SearchAsk::new(0.99, LIMIT_AT_70), &mut server, 0, u64::MAX);
    let rate = found(&search);
    assert!((rate.capacity_per_s / 200.0 - 1.0).abs() < 2e-3, "{rate:?}");
    let mut share = |by: f64| share_over(LIMIT_AT_70, rate.rate_per_s * by, &mut server);
    let (below, above) = (share(0.97), share(1.03));
    assert!(below < 0.01 && 0.01 < above, "{below} {above} {rate:?}");
}

#[test]
fn what_ends_too_soon_is_not_called_precise() {
    let ask = SearchAsk::new(0.99, LIMIT_AT_70);
    let mut early = search(ask, &mut constant(), 0, 150);
    let expected = Outcome::Unresolved { requests: 150 };
    assert_eq!(early.end(), &expected);
    assert_eq!(early.probe(), None);
    // Back to back alone: a prediction, with nothing to hold it to.
    let alone = found(&search(ask, &mut constant(), 0, 1050));
    assert!(!alone.precise && alone.low <= 0.0 && alone.high >= 200.0 - 1e-6, "{alone:?}");
    // And one probe at a rate, or half of one: an estimate, but no more, since it takes two to contradict a prediction.
    for (fed, second) in [(1500, 500), (2000, 1000)] {
        let one = search(ask, &mut constant(), 0, fed);
        let rate = found(&one);
        assert!(!rate.precise && (rate.rate_per_s / 140.0 - 1.0).abs() < 0.03, "{rate:?}");
        assert!(rate.low <= 0.0 && rate.high >= 200.0 - 1e-6, "as if two had: {rate:?}");
        assert_eq!(one.results()[1].requests, second);
    }
}
