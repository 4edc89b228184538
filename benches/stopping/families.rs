//! Shapes that have fooled rules: how far the figure at the stop is from that of the whole series, with and without a word of
//! how long the whole is.

use perftune::control::rule::{RuleSpec, SeriesReplay};

use super::noise::{Ar1, Noise};
use super::traces::quantile;

/// Intervals of a series, and their seconds: a long training that logs, and iterations that are timed one by one.
const LENGTHS: [(u32, f64); 2] = [(100, 20.0), (2000, 0.1)];

type Level = Box<dyn FnMut(f64, &mut Noise) -> f64>;

/// The value of an interval by its place, for a series of so many.
type Family = fn(f64, &mut Noise) -> Level;

struct Outcome {
    error: f64,
    used: f64,
    /// `None`: it never stopped.
    held: Option<bool>,
}

pub(crate) fn run(seeds: u64) {
    for (count, width_s) in LENGTHS {
        println!(
            "\nshapes of {count} intervals of {width_s} s, within 5% at 95%, {seeds} seeds each: of what was seen / with the horizon known"
        );
        println!(
            "  {:<36} {:>11} {:>13} {:>13} {:>10} {:>9}",
            "shape", "used %", "median error", "p95 error", "held %", "never %"
        );
        for (name, family) in families() {
            let series: Vec<_> =
                (0..seeds).map(|seed| series(family, seed, (count, width_s))).collect();
            let whole_s = f64::from(count) * width_s;
            let of = |rule: &str| series.iter().map(|rows| outcome(rows, rule)).collect::<Vec<_>>();
            let (near, whole) = (of("perftune"), of(&format!("perftune:horizon={whole_s}s")));
            let pair = |figure: fn(&[Outcome]) -> f64, digits| {
                format!("{:.digits$}/{:.digits$}", 100.0 * figure(&near), 100.0 * figure(&whole))
            };
            println!(
                "  {name:<36} {:>11} {:>13} {:>13} {:>10} {:>9}",
                pair(|all| mean(all.iter().map(|one| one.used)), 1),
                pair(|all| quantile(all.iter().map(|one| (one.error, 1.0)), 0.5), 1),
                pair(|all| quantile(all.iter().map(|one| (one.error, 1.0)), 0.95), 1),
                pair(|all| mean(all.iter().filter_map(|one| one.held).map(share)), 0),
                pair(|all| mean(all.iter().map(|one| share(one.held.is_none()))), 0),
            );
        }
    }
}

fn share(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

fn outcome(rows: &[(f64, f64)], rule: &str) -> Outcome {
    let spec: RuleSpec = rule.parse().unwrap();
    let mut replay = SeriesReplay::new(&[spec], None).unwrap();
    for (t_s, value) in rows {
        replay.push(*t_s, *value).unwrap();
    }
    let truth = replay.full_estimate().unwrap();
    let found = replay.finish().pop().unwrap();
    let estimate = found.estimate.filter(|_| found.stop_s.is_some());
    Outcome {
        // What never stops has seen everything.
        error: estimate.map_or(0.0, |estimate| (estimate / truth - 1.0).abs()),
        used: found.used,
        held: found.stop_s.and(found.interval).map(|interval| interval.contains(truth)),
    }
}

fn series(family: Family, seed: u64, (count, width_s): (u32, f64)) -> Vec<(f64, f64)> {
    let mut noise = Noise::new(seed);
    let mut level = family(f64::from(count), &mut noise);
    let row = |place: u32| {
        let at = f64::from(place);
        ((at + 1.0) * width_s, level(at, &mut noise).max(0.01))
    };
    (0..count).map(row).collect()
}

fn families() -> Vec<(&'static str, Family)> {
    vec![
        ("white noise, 2%", |_, _| Box::new(|_, noise| 1.0 + 0.02 * noise.normal())),
        ("AR(1) 0.9, 5%", |_, _| {
            let mut state = Ar1::new(0.9);
            Box::new(move |_, noise| 1.0 + 0.05 * state.next(noise))
        }),
        ("rate falls by 12% over a third", |count, _| {
            Box::new(move |at, noise| {
                (1.0 - 0.12 * (3.0 * at / count).min(1.0)) * (1.0 + 0.01 * noise.normal())
            })
        }),
        ("decay from 1.3 over a tenth", |count, _| {
            Box::new(move |at, noise| {
                (1.0 + 0.3 * (-10.0 * at / count).exp()) * (1.0 + 0.02 * noise.normal())
            })
        }),
        ("grows by 10%", |count, _| {
            Box::new(move |at, noise| (1.0 + 0.1 * at / count) * (1.0 + 0.02 * noise.normal()))
        }),
        ("JIT: 3, 1.5, 1.1, then 1", |count, noise| {
            let mut at = |share: f64| count * share * (0.5 + noise.uniform());
            let ends = [at(0.01), at(0.05), at(0.2)];
            Box::new(move |at, noise| {
                let done = ends.iter().filter(|end| at >= **end).count();
                [3.0, 1.5, 1.1, 1.0][done] * (1.0 + 0.02 * noise.normal())
            })
        }),
        ("3x in 10 of every 200", |_, _| {
            Box::new(|at, noise| {
                let burst = if at % 200.0 >= 190.0 { 3.0 } else { 1.0 };
                burst * (1.0 + 0.03 * noise.normal())
            })
        }),
        ("random walk of 0.3% a step", |_, _| {
            let mut level: f64 = 0.0;
            Box::new(move |_, noise| {
                level += 0.003 * noise.normal();
                level.exp() * (1.0 + 0.01 * noise.normal())
            })
        }),
        ("two regimes 1.6x, twenty changes", |count, _| {
            let mut slow = false;
            Box::new(move |_, noise| {
                slow ^= noise.uniform() < 20.0 / count;
                (if slow { 1.6 } else { 1.0 }) * (1.0 + 0.03 * noise.normal())
            })
        }),
    ]
}
