//! The rules against series of known truth, and their texts.

use proptest::prelude::*;

use super::*;
use crate::control::tests::said::Said;
use crate::stats::testing::Noise;

/// Every rule that can judge a series as it comes.
fn live() -> Vec<RuleSpec> {
    let names = RULES.iter().map(|rule| rule.name.parse().unwrap());
    names.filter(|spec: &RuleSpec| !spec.needs_future()).collect()
}

fn spec(text: &str) -> RuleSpec {
    text.parse().unwrap()
}

/// One judgement of a series with an interval a second.
fn judge(text: &str, values: &[f64]) -> Judgement {
    let mut series = SeriesReplay::new(&[spec(text)], truth(values)).unwrap();
    for (at, value) in (1..).zip(values) {
        series.push(f64::from(at), *value).unwrap();
    }
    series.finish().remove(0)
}

fn truth(values: &[f64]) -> Option<f64> {
    let rest = values.get(1..).filter(|rest| !rest.is_empty())?;
    Some(rest.iter().sum::<f64>() / rest.len() as f64)
}

fn steady(n: usize, cv: f64) -> Vec<f64> {
    Noise::new(7).ar1(n, (100.0, cv, 0.0))
}

#[test]
fn each_rule_stops_where_its_original_would() {
    let ramp: Vec<f64> = (0..200).map(|i| 1.0 + f64::from(i) * 0.5).collect();
    let settles = [vec![300.0, 200.0, 150.0, 120.0], vec![100.0; 60]].concat();
    for (text, values, stop_s, estimate) in [
        ("naive-t", &vec![100.0; 9], Some(3.0), Some(100.0)),
        ("naive-t:n=5", &vec![100.0; 9], Some(5.0), Some(100.0)),
        ("naive-t", &vec![1.0, 9.0, 1.0, 9.0], None, Some(5.0)),
        // 300 to 150, 200 to 120, 150 to 100 are too far apart; 120, 100, 100 still by 20%.
        ("perf-analyzer", &settles, Some(7.0), Some(100.0)),
        ("perf-analyzer:s=20%", &settles, Some(6.0), Some(320.0 / 3.0)),
        ("perf-analyzer", &ramp[..20].to_vec(), None, Some(5.0)),
        ("fixed", &ramp, Some(25.0), Some(1.0 + 0.5 * 14.5)),
        ("fixed:n=2,skip=0", &ramp, Some(2.0), Some(1.25)),
        ("fixed", &ramp[..24].to_vec(), None, Some(1.0 + 0.5 * 14.0)),
        ("cov-last-k:k=3", &settles, Some(7.0), Some(100.0)),
        ("cov-last-k", &ramp[..30].to_vec(), None, Some(1.0 + 0.5 * 24.5)),
        ("nvbench-stdrel", &vec![5.0; 40], Some(10.0), Some(5.0)),
        ("nvbench-stdrel:min-time=20s", &vec![5.0; 40], Some(21.0), Some(5.0)),
        ("nvbench-stdrel", &ramp, None, Some(1.0 + 0.5 * 99.5)),
        ("nvbench-stdrel:timeout=30s", &ramp, Some(31.0), Some(8.5)),
        // Equal values are a change of direction each: 6 of warm-up, then 15.
        ("benchmark-dotnet", &vec![5.0; 40], Some(21.0), Some(5.0)),
        ("perftune", &vec![5.0; 40], Some(10.0), Some(5.0)),
        ("perftune:min-time=20s", &vec![5.0; 40], Some(20.0), Some(5.0)),
        ("perftune", &ramp, None, None),
        // (470 + 1900) / 22 is the first running mean within 5% of 6470 / 63.
        ("oracle", &settles, Some(23.0), None),
    ] {
        let found = judge(text, values);
        assert_eq!(found.stop_s, stop_s, "{text}: {found:?}");
        if let Some(estimate) = estimate {
            let got = found.estimate.unwrap();
            assert!((got - estimate).abs() < 1e-9, "{text}: {found:?}");
        }
    }
}

#[test]
fn nvbench_ends_a_noisy_series_when_its_noise_is_stable() {
    let found = judge("nvbench-stdrel", &steady(2000, 0.2));
    let stop = found.stop_s.unwrap();
    // 5 samples before the first reading of the noise, more than 64 readings, every 16th sample.
    assert!(stop >= 80.0 && stop % 16.0 == 0.0, "{found:?}");
    assert!(found.reason.said().contains("large but stable"), "{found:?}");
}

#[test]
fn benchmark_dotnet_leaves_upper_outliers_out_and_ends_at_its_most() {
    let mut values = steady(200, 0.004);
    for at in (12..200).step_by(9) {
        values[at] = 500.0;
    }
    let upper = judge("benchmark-dotnet", &values);
    assert!(upper.stop_s.unwrap() <= 25.0, "{upper:?}");
    assert!((upper.estimate.unwrap() - 100.0).abs() < 1.0, "{upper:?}");
    let none = judge("benchmark-dotnet:outliers=none", &values);
    assert!(none.stop_s.unwrap() > 100.0, "{none:?}");
    assert!(none.reason.said().contains("over 100 intervals"), "{none:?}");
}

#[test]
fn a_rule_that_gives_up_has_not_stopped_and_keeps_its_word() {
    let ramp: Vec<f64> = (1..40).map(|i| f64::from(i * i)).collect();
    let found = judge("perf-analyzer:max-trials=4", &ramp);
    assert_eq!((found.stop_s, found.used), (None, 1.0));
    assert!((found.estimate.unwrap() - (4.0 + 9.0 + 16.0) / 3.0).abs() < 1e-9);
    assert!(found.reason.said().starts_with("gave up after 4.00 s"), "{found:?}");
}

#[test]
fn a_constant_has_no_width_and_divides_nothing_by_zero() {
    for value in [0.0, 0.1, 264.65] {
        for spec in live() {
            let found = judge(&spec.to_string(), &vec![value; 200]);
            assert!(found.stop_s.is_some(), "{spec} {value}: {found:?}");
            assert_eq!(found.estimate, Some(value), "{spec}: {found:?}");
            if let Some(interval) = found.interval {
                assert_eq!((interval.low, interval.high), (value, value), "{spec}");
            }
            assert!(!found.reason.said().contains("NaN"), "{found:?}");
        }
    }
}

#[test]
fn short_series_are_never_known_and_never_fail() {
    for n in 0..3 {
        for spec in live() {
            let found = judge(&spec.to_string(), &vec![3.0; n]);
            assert_eq!((found.stop_s, found.used), (None, 1.0), "{spec} {n}");
        }
    }
    assert_eq!(judge("fixed:n=1,skip=0", &[3.0]).stop_s, Some(1.0));
}

#[test]
fn our_interval_covers_and_a_ramp_is_no_plateau() {
    let covered = (0..200u64)
        .filter(|seed| {
            let values = Noise::new(seed * 17 + 1).ar1(300, (50.0, 0.1, 0.0));
            let found = judge("perftune", &values);
            found.interval.is_some_and(|interval| interval.contains(50.0))
        })
        .count();
    assert!(covered >= 180, "{covered} of 200");
}

#[test]
fn rows_out_of_order_are_refused() {
    let mut series = SeriesReplay::new(&[], None).unwrap();
    series.push(5.0, 1.0).unwrap();
    for (at_s, value, says) in [
        (5.0, 1.0, "the time 5 s comes a second time"),
        (4.0, 1.0, "the time 4 s comes after 5 s"),
        (6.0, -1.0, "value is -1"),
        (6.0, f64::NAN, "value is NaN"),
        (f64::INFINITY, 1.0, "t_s is inf"),
        (-1.0, 1.0, "t_s is -1"),
    ] {
        let message = series.push(at_s, value).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(series.rows(), 1);
}

#[test]
fn what_is_no_rule_says_what_is_wrong() {
    for (text, says) in [
        ("", "`` is not a stopping rule"),
        ("perftun", "`perftun` is not a stopping rule"),
        ("fixed:m=3", "the rule `fixed` has no parameter `m`"),
        ("fixed:n", "`n` after `fixed:` is not NAME=VALUE"),
        ("fixed:", "`` after `fixed:` is not NAME=VALUE"),
        ("fixed:n=3,n=4", "`n` of the rule `fixed` is given twice"),
        ("fixed:n=0", "must be a whole number from 1 to 100000, not `0`"),
        ("fixed:n=2.5", "must be a whole number"),
        ("naive-t:n=2", "must be a whole number from 3"),
        ("perftune:within=5", "must be a percentage between 0% and 100%, not `5`"),
        ("perftune:within=nan", "must be a percentage"),
        ("perftune:min-time=3", "must be a duration such as 500ms"),
        ("benchmark-dotnet:outliers=all", "one of upper, lower, both, none"),
    ] {
        let error = text.parse::<RuleSpec>().unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    let error = "fixed:skp=3".parse::<RuleSpec>().unwrap_err();
    assert_eq!(error.candidates(), Some(("skp", vec!["n", "skip"])));
    let error = spec("oracle").build().unwrap_err().to_string();
    assert!(error.contains("knows the future"), "{error}");
}

#[test]
fn rules_are_shown_as_they_are_written() {
    for (text, shown) in [
        ("perftune", "perftune"),
        (" fixed:n=20, skip=5", "fixed"),
        ("fixed:skip=7,n=20", "fixed:skip=7"),
        ("naive-t:within=0.01,confidence=99%", "naive-t:within=1%,confidence=99%"),
        ("nvbench-stdrel:timeout=15s", "nvbench-stdrel:timeout=15s"),
        ("nvbench-stdrel:timeout=off,min-time=250ms", "nvbench-stdrel:min-time=0.25s"),
        ("benchmark-dotnet:outliers=lower", "benchmark-dotnet:outliers=lower"),
    ] {
        assert_eq!(spec(text).to_string(), shown);
    }
    assert_eq!(spec("fixed:n=20"), spec("fixed"));
    assert_ne!(spec("fixed:n=21"), spec("fixed"));
    let spec = spec("naive-t:n=4").or("within", 0.02).or("n", 9.0).or("k", 1.0);
    assert_eq!(spec.to_string(), "naive-t:within=2%,n=4");
}

fn series() -> impl Strategy<Value = Vec<f64>> {
    (0u64..1000, 0.001..0.3f64, 0.0..0.9f64, 1usize..150).prop_map(|(seed, cv, rho, n)| {
        let values = Noise::new(seed).ar1(n, (20.0, cv, rho));
        values.into_iter().map(f64::abs).collect()
    })
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(share in 0.0001..0.9999f64, n in 1u32..100_000, ns in 1u64..1_000_000_000_000) {
        let seconds = std::time::Duration::from_nanos(ns).as_secs_f64();
        for text in [
            format!("perftune:within={share},looks={n},min-time={seconds}s"),
            format!("perftune:within={}%", share * 100.0),
            format!("nvbench-stdrel:timeout={seconds}s"),
        ] {
            let spec = text.parse::<RuleSpec>().unwrap();
            prop_assert_eq!(spec.to_string().parse::<RuleSpec>().unwrap(), spec);
        }
    }

    #[test]
    fn any_text_is_a_rule_or_an_error(text in "[a-z:=,0-9.%-]{0,40}") {
        let _ = text.parse::<RuleSpec>();
    }

    #[test]
    fn scaling_the_values_scales_the_estimate_and_changes_no_stop(values in series(), power in -20i32..20) {
        // Powers of two are exact: a stop that hangs on the last digit would move with any other factor.
        let factor = 2f64.powi(power);
        let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
        for rule in RULES.iter().filter(|rule| rule.build.is_some() || values.len() > 1) {
            let (plain, scaled) = (judge(rule.name, &values), judge(rule.name, &scaled));
            prop_assert_eq!(plain.stop_s, scaled.stop_s, "{}", rule.name);
            match (plain.estimate, scaled.estimate) {
                (Some(plain), Some(scaled)) => prop_assert!((plain * factor - scaled).abs() <= 1e-12 * scaled),
                (plain, scaled) => prop_assert_eq!(plain, scaled),
            }
        }
    }

    #[test]
    fn what_comes_after_a_stop_changes_nothing(values in series(), more in series()) {
        let longer = [&values[..], &more[..]].concat();
        for spec in live() {
            let name = spec.to_string();
            let (short, long) = (judge(&name, &values), judge(&name, &longer));
            if short.stop_s.is_some() {
                prop_assert_eq!(
                    (short.stop_s, short.estimate, short.interval, &short.reason),
                    (long.stop_s, long.estimate, long.interval, &long.reason)
                );
            }
        }
    }
}
