//! What giving up saves, and how often it is rash: stages with a limit of time, on recorded series and on noisy ones of known
//! truth.

use perftune::control::rule::{Judgement, RuleSpec, SeriesReplay};
use perftune::event::RuleSaid;

use super::noise::Noise;
use super::traces::{OWN, load, quantile};

/// Limits of a stage, in seconds: the serve phases of the default grid, its training, and the tool's own.
const LIMITS_S: [f64; 4] = [4.0, 8.0, 20.0, 60.0];

/// A stage with and without giving up.
struct Pair {
    limit_s: f64,
    /// When it is known; never: infinity.
    known_s: f64,
    /// When it ends without and with.
    ends_s: (f64, f64),
    /// |relative error| of the figure then, without and with.
    errors: (f64, f64),
    gave_up: bool,
    /// It would have been known within half of the time that was left.
    rash: bool,
}

pub(crate) fn run(seeds: u64) {
    println!("\nstages that end when waiting is futile (within 5% at 95%)");
    println!(
        "  {:<34} {:>5} {:>7} {:>8} {:>9} {:>9} {:>7} {:>13} {:>13}",
        "series",
        "limit",
        "stages",
        "known %",
        "gave up %",
        "of them",
        "time",
        "median error",
        "p95 error"
    );
    println!(
        "  {:<34} {:>5} {:>7} {:>8} {:>9} {:>9} {:>7} {:>13} {:>13}",
        "", "s", "", "", "", "rash %", "after %", "before/after", "before/after"
    );
    let path = std::env::var("TRACES").unwrap_or_else(|_| OWN.to_owned());
    let recorded: Vec<Vec<(f64, f64)>> = load(&path).into_iter().map(|one| one.rows).collect();
    let mut all = Vec::new();
    for limit_s in LIMITS_S {
        all.extend(shown("recorded", &recorded, limit_s));
    }
    for (name, draw) in kinds() {
        let series: Vec<_> = (0..seeds).map(|seed| series(seed, draw)).collect();
        for limit_s in [4.0, 8.0, 20.0] {
            all.extend(shown(name, &series, limit_s));
        }
    }
    let gave_up = all.iter().filter(|pair| pair.gave_up).count();
    let rash = all.iter().filter(|pair| pair.rash).count();
    let share = 100.0 * rash as f64 / gave_up.max(1) as f64;
    let verdict = if share <= 5.0 { "ok" } else { "MISSED (5)" };
    println!("  of {gave_up} that were given up {share:.1}% rashly  {verdict}");
    let after_s: f64 = all.iter().map(|pair| pair.ends_s.1).sum();
    let known = all.iter().filter(|pair| pair.ends_s.1 < pair.limit_s && !pair.gave_up).count();
    let share = shorter(&all, after_s);
    let shorter = all.iter().filter(|pair| pair.known_s < share * pair.limit_s).count();
    println!(
        "  known in {after_s:.0} s: {known}; with limits of {:.0}% of these and without giving up, in the same time: {shorter}",
        100.0 * share
    );
}

/// The share of the limits with which all stages together take so many seconds without giving up.
fn shorter(all: &[Pair], seconds: f64) -> f64 {
    let takes =
        |share: f64| -> f64 { all.iter().map(|pair| pair.known_s.min(share * pair.limit_s)).sum() };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if takes(middle) < seconds {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The pairs of the series that last as long as the limit, and their line.
fn shown(name: &str, all: &[Vec<(f64, f64)>], limit_s: f64) -> Vec<Pair> {
    let long = all.iter().filter(|rows| rows.last().is_some_and(|last| last.0 >= limit_s));
    let pairs: Vec<Pair> = long.filter_map(|rows| pair(rows, limit_s)).collect();
    if pairs.is_empty() {
        return pairs;
    }
    let n = pairs.len() as f64;
    let count = |of: fn(&&Pair) -> bool| pairs.iter().filter(of).count() as f64;
    let sum = |of: fn(&Pair) -> f64| pairs.iter().map(of).sum::<f64>();
    let error = |of: fn(&Pair) -> f64, level| {
        100.0 * quantile(pairs.iter().map(|pair| (of(pair), 1.0)), level)
    };
    println!(
        "  {name:<34} {limit_s:>5.0} {n:>7} {:>8} {:>9.0} {:>9.1} {:>7.0} {:>13} {:>13}",
        format!(
            "{:.0}/{:.0}",
            100.0 * count(|pair| pair.ends_s.0 < pair.limit_s) / n,
            100.0 * count(|pair| pair.ends_s.1 < pair.limit_s && !pair.gave_up) / n
        ),
        100.0 * count(|pair| pair.gave_up) / n,
        100.0 * count(|pair| pair.rash) / count(|pair| pair.gave_up).max(1.0),
        100.0 * sum(|pair| pair.ends_s.1) / sum(|pair| pair.ends_s.0),
        format!("{:.2}/{:.2}", error(|pair| pair.errors.0, 0.5), error(|pair| pair.errors.1, 0.5)),
        format!(
            "{:.2}/{:.2}",
            error(|pair| pair.errors.0, 0.95),
            error(|pair| pair.errors.1, 0.95)
        ),
    );
    pairs
}

fn pair(rows: &[(f64, f64)], limit_s: f64) -> Option<Pair> {
    let rest = rows.get(1..).filter(|rest| !rest.is_empty())?;
    let truth = rest.iter().map(|row| row.1).sum::<f64>() / rest.len() as f64;
    let seen: Vec<_> = rows.iter().copied().filter(|row| row.0 <= limit_s).collect();
    let patient = said("perftune", &seen)?;
    let limited = said(&format!("perftune:max-time={limit_s}s"), rows)?;
    let gave_up_s = match limited.reason {
        RuleSaid::GaveUp { after_s, .. } => after_s.filter(|after_s| *after_s < limit_s),
        _ => None,
    };
    let known_s = patient.stop_s.unwrap_or(f64::INFINITY);
    let error = |said: &Judgement| Some((said.estimate? / truth - 1.0).abs());
    Some(Pair {
        limit_s,
        known_s,
        ends_s: (
            known_s.min(limit_s),
            gave_up_s.unwrap_or(limited.stop_s.unwrap_or(limit_s)).min(limit_s),
        ),
        errors: (error(&patient)?, error(&limited)?),
        gave_up: gave_up_s.is_some(),
        rash: gave_up_s.is_some_and(|at_s| known_s <= f64::midpoint(at_s, limit_s)),
    })
}

fn said(rule: &str, rows: &[(f64, f64)]) -> Option<Judgement> {
    let spec: RuleSpec = rule.parse().unwrap();
    let mut replay = SeriesReplay::new(&[spec], None).unwrap();
    for (t_s, value) in rows {
        replay.push(*t_s, *value).ok()?;
    }
    replay.finish().pop()
}

type Draw = fn(&mut Noise, &mut f64) -> f64;

/// Each has a state of its own beside the noise.
fn kinds() -> Vec<(&'static str, Draw)> {
    vec![
        ("normal, 20%", |noise, _| 1.0 + 0.2 * noise.normal()),
        ("log-normal, sigma 1", |noise, _| (noise.normal() - 0.5).exp()),
        ("AR(1) 0.9, 10%", |noise, state| {
            *state = 0.9 * *state + 0.19_f64.sqrt() * noise.normal();
            1.0 + 0.1 * *state
        }),
        ("two regimes 1.6x, of 0.5 s", |noise, state| regimes(noise, state, 0.5)),
        ("two regimes 1.6x, of 5 s", |noise, state| regimes(noise, state, 5.0)),
    ]
}

/// Two levels of which each lasts so long in the mean.
fn regimes(noise: &mut Noise, state: &mut f64, mean_s: f64) -> f64 {
    if noise.uniform() < WIDTH_S / mean_s {
        *state = 1.0 - *state;
    }
    (1.0 + 0.6 * *state) * (1.0 + 0.05 * noise.normal())
}

const WIDTH_S: f64 = 0.1;

/// A minute of it in intervals of 0.1 s.
fn series(seed: u64, draw: Draw) -> Vec<(f64, f64)> {
    let mut noise = Noise::new(seed);
    let mut state = if noise.uniform() < 0.5 { 0.0 } else { 1.0 };
    let at = |place: u32| f64::from(place + 1) * WIDTH_S;
    (0..600).map(|place| (at(place), draw(&mut noise, &mut state).max(0.01))).collect()
}
