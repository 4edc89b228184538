//! Error against cost on recorded series.

use std::collections::BTreeMap;
use std::io::Read as _;

use md5::{Digest as _, Md5};
use perftune::control::rule::{RuleSpec, SeriesReplay};

pub(super) const OWN: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/benches/recordings/nine-cells.csv.gz");

pub(super) struct Series {
    benchmark: String,
    pub(super) rows: Vec<(f64, f64)>,
    first_half: bool,
}

/// What a rule did on one series.
struct Outcome {
    benchmark: String,
    /// |relative error|.
    error: f64,
    used: f64,
    /// `None`: it never stopped, or gave no interval.
    covered: Option<bool>,
    stopped: bool,
    /// Time of its stop over the larger of the oracle's and that of its own earliest stop.
    late: f64,
}

pub(crate) fn run() {
    let path = std::env::var("TRACES").unwrap_or_else(|_| OWN.to_owned());
    let series = load(&path);
    println!("{path}: {} series", series.len());
    for (half, name) in [
        (Some(true), "first half (the rule was chosen on it)"),
        (Some(false), "second half"),
        (None, "all"),
    ] {
        let chosen: Vec<&Series> = series
            .iter()
            .filter(|series| half.is_none_or(|half| series.first_half == half))
            .collect();
        println!("\n{name}, {} series", chosen.len());
        println!(
            "  {:<44} {:>6} {:>7} {:>6} {:>6} {:>6} {:>6}",
            "rule", "cost %", "median%", "p95 %", "cover%", "never%", "late x"
        );
        for rule in rules() {
            let spec: RuleSpec = rule.parse().unwrap();
            for horizon in
                [false, true].into_iter().take(if spec.value("horizon") > 0.0 { 2 } else { 1 })
            {
                let outcomes = chosen.iter().filter_map(|s| outcome(s, &spec, horizon));
                let known = if horizon { ", horizon known" } else { "" };
                print(&format!("{rule}{known}"), &outcomes.collect::<Vec<Outcome>>());
            }
        }
    }
}

/// Each rule over the range of what it may be asked.
fn rules() -> Vec<String> {
    let mut rules = Vec::new();
    for within in ["10%", "7%", "5%", "4%", "3%", "2.5%", "2%", "1.5%", "1%", "0.5%"] {
        rules.push(format!("perftune:within={within}"));
    }
    for skip in ["", ",skip=1"] {
        for within in ["10%", "5%", "4%", "3%", "2%", "1.5%", "1%", "0.5%"] {
            rules.push(format!("naive-t:within={within}{skip}"));
        }
    }
    for s in ["20%", "10%", "5%", "2%", "1%"] {
        rules.push(format!("perf-analyzer:s={s},max-trials=100000"));
    }
    for noise in ["5%", "2%", "1%", "0.5%"] {
        rules.push(format!("nvbench-stdrel:max-noise={noise}"));
    }
    for within in ["10%", "5%", "2%", "1%"] {
        rules.push(format!("benchmark-dotnet:within={within}"));
    }
    for (k, cov) in [(3, "3%"), (5, "2%"), (5, "1%"), (10, "2%"), (10, "1%")] {
        rules.push(format!("cov-last-k:k={k},threshold={cov}"));
    }
    for (n, skip) in [(3, 1), (5, 1), (5, 2), (10, 2), (20, 5)] {
        rules.push(format!("fixed:n={n},skip={skip}"));
    }
    rules
}

pub(super) fn load(path: &str) -> Vec<Series> {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    let mut all: BTreeMap<String, Series> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let [name, benchmark, t_s, value]: [&str; 4] =
            line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let series = all.entry(name.to_owned()).or_insert_with(|| Series {
            benchmark: benchmark.to_owned(),
            rows: Vec::new(),
            first_half: in_first_half(name),
        });
        series.rows.push((t_s.parse().unwrap(), value.parse().unwrap()));
    }
    all.into_values().collect()
}

/// Whether the first byte of the name's MD5 is even: the half that the rule was chosen on.
fn in_first_half(name: &str) -> bool {
    Md5::digest(name.as_bytes())[0] % 2 == 0
}

fn outcome(series: &Series, spec: &RuleSpec, horizon: bool) -> Option<Outcome> {
    let truth = truth(series)?;
    let whole_s = series.rows.last().map_or(0.0, |last| last.0);
    let spec = &if horizon { spec.clone().or("horizon", whole_s) } else { spec.clone() };
    let within = spec.value("within");
    let within = if within > 0.0 { within } else { 0.05 };
    let oracle: RuleSpec = format!("oracle:within={within}").parse().unwrap();
    let mut replay = SeriesReplay::new(&[spec.clone(), oracle], Some(truth)).unwrap();
    for (t_s, value) in &series.rows {
        replay.push(*t_s, *value).unwrap();
    }
    let [found, oracle]: [_; 2] = replay.finish().try_into().unwrap();
    // Our own rule looks at six intervals at the least.
    let least = series.rows.get(5).map_or(f64::MAX, |row| row.0);
    let floor = oracle.stop_s.unwrap_or(f64::MAX).max(least);
    Some(Outcome {
        benchmark: series.benchmark.clone(),
        // What never stops has seen everything.
        error: match (found.stop_s, found.estimate) {
            (Some(_), Some(estimate)) => (estimate / truth - 1.0).abs(),
            _ => 0.0,
        },
        used: found.used,
        covered: found.stop_s.and(found.interval).map(|interval| interval.contains(truth)),
        stopped: found.stop_s.is_some(),
        late: found.stop_s.map_or(f64::INFINITY, |stop| stop / floor),
    })
}

/// The plain mean of all intervals but the first.
fn truth(series: &Series) -> Option<f64> {
    let rest = series.rows.get(1..).filter(|rest| !rest.is_empty())?;
    Some(rest.iter().map(|row| row.1).sum::<f64>() / rest.len() as f64)
}

/// Benchmarks weigh the same, however many series they have.
fn print(rule: &str, outcomes: &[Outcome]) {
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    for outcome in outcomes {
        *counts.entry(&outcome.benchmark).or_default() += 1.0;
    }
    let weight = |outcome: &Outcome| 1.0 / counts[outcome.benchmark.as_str()] / counts.len() as f64;
    let share = |of: &dyn Fn(&Outcome) -> Option<f64>| {
        let (sum, all) = outcomes.iter().fold((0.0, 0.0), |(sum, all), outcome| {
            of(outcome)
                .map_or((sum, all), |value| (sum + weight(outcome) * value, all + weight(outcome)))
        });
        if all > 0.0 { 100.0 * sum / all } else { f64::NAN }
    };
    let errors = |level| quantile(outcomes.iter().map(|o| (o.error, weight(o))), level);
    println!(
        "  {rule:<44} {:>6.1} {:>7.2} {:>6.2} {:>6.0} {:>6.0} {:>6.1}",
        share(&|o| Some(o.used)),
        100.0 * errors(0.5),
        100.0 * errors(0.95),
        share(&|o| o.covered.map(|covered| f64::from(u8::from(covered)))),
        share(&|o| Some(f64::from(u8::from(!o.stopped)))),
        quantile(outcomes.iter().map(|o| (o.late, weight(o))), 0.5),
    );
}

/// The smallest value with at least this share of the weight at or below it.
pub(super) fn quantile(values: impl Iterator<Item = (f64, f64)>, level: f64) -> f64 {
    let mut values: Vec<(f64, f64)> = values.collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all: f64 = values.iter().map(|value| value.1).sum();
    let mut seen = 0.0;
    let found = values.iter().find(|value| {
        seen += value.1;
        seen >= level * all
    });
    found.or(values.last()).map_or(f64::NAN, |value| value.0)
}
