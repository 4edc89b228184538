//! The candidate against sessions that were recorded on other days.

use super::experiment::{CELLS, Luck, ROWS, session};
use super::noise::Noise;
use super::rule::{Row, Session, one_session, several_sessions};
use super::{at_most, parallel, simulations, verdict};

const FLOOR: f64 = 0.05;
/// Of a single stored session: four times the floor, and at least 20%.
const CAPPED: f64 = 0.20;
const RUN_CV: f64 = 0.02;
const SESSION_SD: f64 = 0.027;
const REPEATS: usize = 10;

fn judged(seed: u64, stored: usize, common: f64, effect: f64) -> Vec<Row> {
    let mut noise = Noise::new(seed + 3_000_000);
    let luck = Luck {
        deviation: SESSION_SD,
        common,
    };
    let mut slower = [0.0; CELLS];
    let sessions: Vec<Session> = (0..stored)
        .map(|_| session(&mut noise, (REPEATS, RUN_CV), luck, &slower))
        .collect();
    slower[0] = effect.ln_1p();
    let new = session(&mut noise, (REPEATS, RUN_CV), luck, &slower);
    if stored == 1 {
        one_session(&sessions[0], &new)
    } else {
        several_sessions(&sessions, &new)
    }
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
            let found = parallel(count, |seed| judged(seed, stored, common, 0.0));
            let floor = if stored == 1 { CAPPED } else { FLOOR };
            let any = |floor: f64| {
                let fails = |rows: &&Vec<Row>| rows.iter().any(|row| row.fails(floor));
                let alarms = found.iter().filter(fails).count();
                let bound = at_most(alarms as u64, count);
                (
                    percent(alarms, count),
                    format!("{:.2} [{bound:.2}]", percent(alarms, count)),
                )
            };
            let rows = count * ROWS as u64;
            let share = |is: &dyn Fn(&Row) -> bool| {
                percent(found.iter().flatten().filter(|row| is(row)).count(), rows)
            };
            let power = [0.10, 0.20, 0.30].map(|effect| {
                let found = parallel(count, |seed| judged(seed + 500_000, stored, common, effect));
                let fails = |row: &&Row| row.fails(floor);
                percent(
                    found
                        .iter()
                        .flat_map(|rows| &rows[..2])
                        .filter(fails)
                        .count(),
                    2 * count,
                )
            });
            let word = if stored >= 8 { "fails" } else { "suspects" };
            println!(
                "  {stored:<10} {:>19.0}% {:>16} {:>16} {:>9.2} {:>9.2} {word:>9}  {:>6.2} {:>6.2} {:>6.2}  {}",
                100.0 * common,
                any(FLOOR).1,
                any(floor).1,
                share(&|row| row.passes(floor)),
                share(&|row| row.is_inconclusive(floor)),
                power[0],
                power[1],
                power[2],
                if stored >= 8 {
                    format!("at most 1: {}", verdict(any(floor).0 <= 1.0))
                } else {
                    "no hard fail by construction".to_owned()
                },
            );
        }
    }
}
