//! Two commands on one folder.

use std::time::Duration;

use super::dice::Dice;
use super::kills::{BOUND, place};
use super::toll::{Harm, Toll, deal};

pub(crate) fn races(seed: u64, cases: u64) -> Toll {
    deal(
        cases,
        || (place(), super::attack::Place::new()),
        |(first, second), case, toll| {
            let mut dice = Dice::new(seed, case);
            let what = format!("race {case}");
            let own = first.path("results/t");
            let own = own.to_str().unwrap();
            let other: &[&str] = match dice.below(4) {
                0 => &["run", "grid.toml", "--fresh", "--out", own],
                1 => &["run", "grid.toml", "--resume", "--out", own],
                2 => &["report", own],
                _ => &["report", own, "--format", "json"],
            };
            second.write("grid.toml", super::kills::GRID);
            let one = first.start(first.perftune(&["run", "grid.toml", "--fresh"]));
            one.ends_within(Duration::from_millis(dice.below(300) as u64));
            let two = second.start(second.perftune(other));
            let two = second.end(two, BOUND, toll, &what);
            let one = first.end(one, BOUND, toll, &what);
            one.exits(&[0, 2], toll, &what);
            two.exits(&[0, 2, 3], toll, &what);
            if one.code != Some(0) && two.code != Some(0) {
                toll.add(Harm::Lost, format!("{what}: neither did it"));
            }
            first.nobody_is_left(toll, &what);
            first.nothing_is_torn("results/t", toll, &what);
        },
    )
}
