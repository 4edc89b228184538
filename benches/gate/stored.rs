//! The candidate against sessions that were recorded on other days.

use super::common::{parallel, verdict};
use super::experiment::{CELLS, Luck, ROWS, session};
use super::noise::Noise;
use super::rule::{ALPHA, Row, Session, Verdict, stored as judged};
use super::{at_most, simulations};

const FLOOR: f64 = 0.05;
const RUN_CV: f64 = 0.02;
const SESSION_SD: f64 = 0.027;
const REPEATS: usize = 10;

fn invocation(seed: u64, stored: usize, common: f64, effect: f64) -> Vec<Row> {
    let mut noise = Noise::new(seed + 3_000_000);
    let luck = Luck { deviation: SESSION_SD, common };
    let mut slower = [0.0; CELLS];
    let sessions: Vec<Session> =
        (0..stored).map(|_| session(&mut noise, (REPEATS, RUN_CV), luck, &slower)).collect();
    slower[0] = effect.ln_1p();
    let new = session(&mut noise, (REPEATS, RUN_CV), luck, &slower);
    judged(&sessions, &new, FLOOR)
}

fn is_alarm(row: &Row) -> bool {
    matches!(row.verdict, Verdict::Regressed | Verdict::Suspect)
}

pub(crate) fn run() {
    let count = simulations();
    let percent = |n: usize, of: u64| 100.0 * n as f64 / of as f64;
    println!(
        "\nstored sessions of {REPEATS} runs a cell, session SD 2.7%, run CV 2%; {count} invocations of {ROWS} rows; any alarm in % and its upper 95% bound"
    );
    println!(
        "  {:<10} {:>20} {:>16} {:>16} {:>9} {:>9} {:>9}  of the slower cell's rows, found at +10%, +20%, +30%",
        "sessions",
        "session SD common",
        "p and floor 5%",
        "the gate says",
        "passed",
        "inconcl.",
        ""
    );
    for stored in [1, 2, 3, 5, 8, 12] {
        for common in [0.0, 0.5, 1.0] {
            let found = parallel(count, |seed| invocation(seed, stored, common, 0.0));
            let alarms = |is: &dyn Fn(&Row) -> bool| {
                let any = found.iter().filter(|rows| rows.iter().any(is)).count();
                let bound = at_most(any as u64, count);
                (percent(any, count), format!("{:.2} [{bound:.2}]", percent(any, count)))
            };
            let naive = alarms(&|row| row.p <= ALPHA && row.effect >= FLOOR.ln_1p());
            let said = alarms(&is_alarm);
            let share = |verdict: Verdict| {
                let rows = found.iter().flatten().filter(|row| row.verdict == verdict);
                percent(rows.count(), count * ROWS as u64)
            };
            let few = (count / 10).max(1);
            let power = [0.10, 0.20, 0.30].map(|effect| {
                let found =
                    parallel(few, |seed| invocation(seed + 500_000, stored, common, effect));
                let rows = found.iter().flat_map(|rows| &rows[..2]);
                percent(rows.filter(|row| is_alarm(row)).count(), 2 * few)
            });
            let word = if stored >= 8 { "fails" } else { "suspects" };
            println!(
                "  {stored:<10} {:>19.0}% {:>16} {:>16} {:>9.2} {:>9.2} {word:>9}  {:>6.2} {:>6.2} {:>6.2}  {}",
                100.0 * common,
                naive.1,
                said.1,
                share(Verdict::Pass),
                share(Verdict::Inconclusive),
                power[0],
                power[1],
                power[2],
                if stored >= 8 {
                    format!("at most 1: {}", verdict(said.0 <= 1.0))
                } else {
                    let hard = alarms(&|row| row.verdict == Verdict::Regressed).0;
                    format!("no hard fail: {}", verdict(hard <= 0.0))
                },
            );
        }
    }
}
