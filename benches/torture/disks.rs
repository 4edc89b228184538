//! Disks that fill up and folders that go.

use std::time::Duration;

use super::attack::Place;
use super::dice::Dice;
use super::kills::{BOUND, place};
use super::toll::{Toll, deal};

/// Half of the cases may write files of a few blocks only, half lose their results or a part of them in the middle.
pub(crate) fn disks(seed: u64, cases: u64) -> Toll {
    deal(cases, place, |place, case, toll| {
        let mut dice = Dice::new(seed, case);
        if dice.one_in(2) {
            small(place, case, &mut dice, toll);
        } else {
            gone(place, case, &mut dice, toll);
        }
    })
}

fn small(place: &mut Place, case: u64, dice: &mut Dice, toll: &mut Toll) {
    let blocks = 1 << dice.below(10);
    let what = format!("disk {case}: files of {blocks} blocks");
    let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let running = place.start(place.below(&["sh", "-c", &limit], &["run", "grid.toml", "--fresh"]));
    place.end(running, BOUND, toll, &what).exits(&[0, 2, 3], toll, &what);
    place.nobody_is_left(toll, &what);
    place.nothing_is_torn("results/t", toll, &what);
    // The next has room again.
    let again = place.start(place.perftune(&["run", "grid.toml", "--fresh", "-q"]));
    place.end(again, BOUND, toll, &what).exits(&[0], toll, &what);
}

fn gone(place: &mut Place, case: u64, dice: &mut Dice, toll: &mut Toll) {
    let what = format!("disk {case}: something is removed");
    let running = place.start(place.perftune(&["run", "grid.toml", "--fresh"]));
    running.ends_within(Duration::from_millis(dice.below(300) as u64));
    let results = place.path("results/t");
    let files = place.files("results/t");
    let victim = if files.is_empty() || dice.one_in(3) {
        results.clone()
    } else {
        dice.pick(&files).clone()
    };
    // It may be gone by itself.
    let _ = if victim.is_dir() {
        std::fs::remove_dir_all(&victim)
    } else {
        std::fs::remove_file(&victim)
    };
    place.end(running, BOUND, toll, &what).exits(&[0, 2, 3], toll, &what);
    place.nobody_is_left(toll, &what);
    // What is left may be no results folder any more.
    let _ = std::fs::remove_dir_all(&results);
}
