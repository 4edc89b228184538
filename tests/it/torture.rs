//! A few of each attack of `benches/torture.rs`, which makes thousands.

#[path = "../../benches/torture/attack.rs"]
mod attack;
#[path = "../../benches/torture/dice.rs"]
mod dice;
#[path = "../../benches/torture/disks.rs"]
mod disks;
#[path = "../../benches/torture/hostile.rs"]
mod hostile;
#[path = "../../benches/torture/kills.rs"]
mod kills;
#[path = "../../benches/torture/mutated.rs"]
mod mutated;
#[path = "../../benches/torture/races.rs"]
mod races;
#[path = "../../benches/torture/toll.rs"]
mod toll;

use toll::Toll;

#[track_caller]
fn nothing_is_lost(attack: fn(u64, u64) -> Toll, cases: u64) {
    let toll = attack(2026, cases);
    assert!(toll.harms.is_empty() && toll.cases == cases, "{toll}\n{}", toll.harms.join("\n"));
}

#[test]
fn kills() {
    nothing_is_lost(kills::kills, 12);
}

#[test]
fn signals() {
    nothing_is_lost(kills::signals, 10);
}

#[test]
fn full_disks_and_lost_folders() {
    nothing_is_lost(disks::disks, 10);
}

#[test]
fn hostile_workers() {
    nothing_is_lost(hostile::hostile, 60);
}

#[test]
fn damaged_results() {
    nothing_is_lost(mutated::results, 150);
}

#[test]
fn damaged_grids() {
    nothing_is_lost(mutated::grids, 100);
}

#[test]
fn races() {
    nothing_is_lost(races::races, 6);
}
