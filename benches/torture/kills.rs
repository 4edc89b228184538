//! `kill -9` and other signals at any moment of a grid.

use std::time::Duration;

use rustix::process::Signal;

use super::attack::Place;
use super::dice::Dice;
use super::toll::{Harm, Toll, deal};

/// Four short cells.
pub(crate) const GRID: &str = r#"
name = "t"
[worker]
program = "scripted"
options = { steps_per_epoch = 50 }
[grid]
model = "one"
dataset = "made-up"
batch_size = [8, 16, 32, 64]
[train]
epochs = 5
[serve]
enabled = false
[stop]
enabled = false
"#;

/// Far more than the grid takes on a busy machine.
pub(crate) const BOUND: Duration = Duration::from_mins(1);

/// Longest wait before the blow, in milliseconds: some come when the grid is over.
const LONGEST_MS: usize = 400;

pub(crate) fn place() -> Place {
    let place = Place::new();
    place.write("grid.toml", GRID);
    place
}

/// `kill -9`, then `--resume`, which may be killed too; what was finished stays as it was.
pub(crate) fn kills(seed: u64, cases: u64) -> Toll {
    deal(cases, place, |place, case, toll| {
        let mut dice = Dice::new(seed, case);
        let what = format!("kill {case}");
        let begin = if dice.one_in(3) { "--fresh" } else { "--resume" };
        let running = place.start(place.perftune(&["run", "grid.toml", begin]));
        running.ends_within(Duration::from_millis(dice.below(LONGEST_MS) as u64));
        running.signal(Signal::KILL);
        place.end(running, BOUND, toll, &what);
        place.nobody_is_left(toll, &what);
        place.nothing_is_torn("results/t", toll, &what);
        if !dice.one_in(4) {
            return;
        }
        let before = place.finished("results/t");
        let again = place.start(place.perftune(&["run", "grid.toml", "--resume"]));
        place.end(again, BOUND, toll, &what).exits(&[0], toll, &what);
        let after = place.finished("results/t");
        if after.len() != 4 || before.iter().any(|done| !after.contains(done)) {
            toll.add(Harm::Lost, &what);
        }
    })
}

/// What asks for an end is obeyed, and a pause is no end.
pub(crate) fn signals(seed: u64, cases: u64) -> Toll {
    deal(cases, place, |place, case, toll| {
        let mut dice = Dice::new(seed, case);
        let running = place.start(place.perftune(&["run", "grid.toml", "--fresh"]));
        let signal =
            *dice.pick(&[Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::STOP]);
        let what = format!("signal {case} ({signal:?})");
        let mut wait = |longest: usize| {
            let moment = Duration::from_millis(dice.below(longest) as u64);
            running.ends_within(moment)
        };
        wait(LONGEST_MS);
        // Before it listens the system's default holds.
        let handled = running.handles(signal);
        running.signal(signal);
        let ended = if signal == Signal::STOP {
            wait(200);
            running.signal(Signal::CONT);
            place.end(running, BOUND, toll, &what).exits(&[0], toll, &what)
        } else {
            if wait(50) {
                running.signal(signal);
            }
            let ended = place.end(running, BOUND, toll, &what);
            // At its end all is done.
            (!handled && ended.code.is_none()) || ended.exits(&[0, 130], toll, &what)
        };
        if ended {
            place.nobody_is_left(toll, &what);
            place.nothing_is_torn("results/t", toll, &what);
        }
    })
}
