//! Both arms on one machine, in blocks: false alarms, power and coverage.

use super::common::{parallel, verdict};
use super::experiment::{CELLS, ROWS, interleaved};
use super::noise::Model;
use super::rule::{self, Row, Verdict};
use super::{at_least, at_most, simulations};

const FLOOR: f64 = 0.05;
const LOW_FLOOR: f64 = 0.03;

fn percent(found: u64, of: u64) -> f64 {
    100.0 * found as f64 / of as f64
}

/// Shares that need no bound of a percent.
fn fewer() -> u64 {
    (simulations() / 5).max(1)
}

/// No floor to speak of.
const NO_FLOOR: f64 = 1e-9;

fn is(verdict: Verdict) -> impl Fn(&Row) -> bool {
    move |row| row.verdict == verdict
}

fn any(invocations: &[Vec<Row>], is: impl Fn(&Row) -> bool) -> u64 {
    invocations.iter().filter(|rows| rows.iter().any(&is)).count() as u64
}

fn rows(invocations: &[Vec<Row>], is: impl Fn(&Row) -> bool) -> u64 {
    invocations.iter().flatten().filter(|row| is(row)).count() as u64
}

pub(crate) fn false_alarms() {
    let count = simulations();
    println!(
        "\nboth arms the same, {count} invocations of {ROWS} rows each, 10 blocks of 4 runs; in brackets the upper 95% bound (Clopper and Pearson), in %"
    );
    println!(
        "  {:<24} {:>15} {:>15} {:>15} {:>8} {:>8} {:>8}  targets: with a floor at most 1 [1.5], inconclusive at most 10 up to CV 2%",
        "noise", "any, floor 5%", "floor 3%", "no floor", "rows", "passed", "inconcl."
    );
    for (name, model) in Model::ALL {
        let found = parallel(count, |seed| {
            let runs = interleaved(seed, model, &[0.0; CELLS]);
            [FLOOR, LOW_FLOOR, NO_FLOOR].map(|floor| rule::interleaved(&runs, floor))
        });
        let alarms = [0, 1, 2].map(|floor| {
            let fails = |rows: &[Vec<Row>; 3]| rows[floor].iter().any(is(Verdict::Regressed));
            found.iter().filter(|rows| fails(rows)).count() as u64
        });
        let found: Vec<Vec<Row>> = found.into_iter().map(|[rows, _, _]| rows).collect();
        let each = alarms.map(|n| format!("{:.2} [{:.2}]", percent(n, count), at_most(n, count)));
        let all = count * ROWS as u64;
        let inconclusive = percent(rows(&found, is(Verdict::Inconclusive)), all);
        let must_decide = matches!(model, Model::Normal(cv) if cv < 0.03);
        println!(
            "  {name:<24} {:>15} {:>15} {:>15} {:>8.4} {:>8.2} {inconclusive:>8.2}  {} {}",
            each[0],
            each[1],
            each[2],
            percent(rows(&found, is(Verdict::Regressed)), all),
            percent(rows(&found, is(Verdict::Pass)), all),
            verdict(alarms[..2].iter().all(|n| at_most(*n, count) <= 1.5)),
            if must_decide { verdict(inconclusive <= 10.0) } else { "" },
        );
    }
}

/// Of the first cell's two rows.
struct Found {
    failed: u64,
    passed: u64,
    elsewhere: u64,
}

fn slowed((name, model): (&str, Model), effect: f64, floor: f64, everywhere: bool) -> Found {
    let count = fewer();
    let mut slower = [if everywhere { effect.ln_1p() } else { 0.0 }; CELLS];
    slower[0] = effect.ln_1p();
    let found = parallel(count, |seed| {
        rule::interleaved(&interleaved(seed + 1_000_000, model, &slower), floor)
    });
    let first: Vec<Vec<Row>> = found.iter().map(|rows| rows[..2].to_vec()).collect();
    let others: Vec<Vec<Row>> = found.iter().map(|rows| rows[2..].to_vec()).collect();
    let outcome = Found {
        failed: rows(&first, is(Verdict::Regressed)),
        passed: rows(&first, is(Verdict::Pass)),
        elsewhere: if everywhere { 0 } else { any(&others, is(Verdict::Regressed)) },
    };
    let of = 2 * count;
    print!(
        "  {name:<24} {:>+6.0}% {:>6.0}% {:>6} {:>8.2} {:>9.2} {:>8.2} {:>10}",
        100.0 * effect,
        100.0 * floor,
        if everywhere { "all" } else { "one" },
        percent(outcome.failed, of),
        at_least(outcome.failed, of),
        percent(outcome.passed, of),
        if everywhere {
            "-".to_owned()
        } else {
            format!("{:.2}", percent(outcome.elsewhere, count))
        },
    );
    outcome
}

pub(crate) fn power() {
    let of = 2 * fewer();
    println!(
        "\nthe candidate slower in one cell of {CELLS}, or in all: rows found, with the lower 95% bound; wrongly passed; false alarms of the other cells, in % (an effect of twice the floor or more: passed at most 1)"
    );
    println!(
        "  {:<24} {:>7} {:>7} {:>6} {:>8} {:>9} {:>8} {:>10}",
        "noise", "slower", "floor", "cells", "found", "at least", "passed", "elsewhere"
    );
    let targets =
        [(0.07, FLOOR, 75.0), (0.10, FLOOR, 97.0), (0.20, FLOOR, 99.5), (0.05, LOW_FLOOR, 75.0)];
    for (name, model) in Model::ALL {
        if matches!(model, Model::Still | Model::Rounded) {
            continue;
        }
        for (effect, floor, target) in targets {
            let found = slowed((name, model), effect, floor, false);
            let wrong = effect < 2.0 * floor || percent(found.passed, of) <= 1.0;
            if matches!(model, Model::Normal(cv) if (cv - 0.02).abs() < 1e-9) {
                let met = percent(found.failed, of) >= target;
                println!("  at least {target}: {}", verdict(met && wrong));
            } else {
                println!("{}", if wrong { "" } else { "  passed too often: MISSED" });
            }
        }
    }
    for (effect, floor, _) in targets {
        slowed(("run CV 2%", Model::Normal(0.02)), effect, floor, true);
        println!();
    }
}

pub(crate) fn coverage() {
    let count = fewer();
    println!(
        "\nall {ROWS} intervals of an invocation hold the true effect, in % of {count} invocations: all lower bounds (nominal 99), all upper bounds (nominal 99), both (at least 98 by Bonferroni)"
    );
    println!(
        "  {:<24} {:>18} {:>8} {:>8} {:>8}  target: each at least 98.5",
        "noise", "cells 10% slower", "lower", "upper", "both"
    );
    for (name, model) in Model::ALL {
        for (cells, slow) in [("none", 0), ("one", 1), ("half", CELLS / 2), ("all", CELLS)] {
            let mut slower = [0.0; CELLS];
            slower[..slow].fill(1.1_f64.ln());
            let found = parallel(count, |seed| {
                let rows = rule::interleaved(&interleaved(seed + 2_000_000, model, &slower), FLOOR);
                let truth = (0..ROWS).map(|row| slower[row / 2]);
                let kept = |is: fn(&Row, f64) -> bool| {
                    rows.iter().zip(truth.clone()).all(|(row, truth)| is(row, truth))
                };
                // A hair for rounding where there is no noise.
                [
                    kept(|row, truth| row.low <= truth + 1e-9),
                    kept(|row, truth| row.high >= truth - 1e-9),
                ]
            });
            let share = |is: fn(&[bool; 2]) -> bool| {
                percent(found.iter().filter(|kept| is(kept)).count() as u64, count)
            };
            let (low, high) = (share(|kept| kept[0]), share(|kept| kept[1]));
            println!(
                "  {name:<24} {cells:>18} {low:>8.2} {high:>8.2} {:>8.2}  {}",
                share(|kept| kept[0] && kept[1]),
                verdict(low >= 98.5 && high >= 98.5),
            );
        }
    }
}
