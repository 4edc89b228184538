//! Attacks on whole commands: kills, signals, disks that fill up, hostile workers, mutated files and grids, races.
//!
//! `cargo bench --no-default-features --bench torture -- [kills|signals|disks|hostile|results|grids|races]`. Every attack is drawn
//! from `SEED` (1); `CASES` replaces the number of each kind. Linux only: processes are found in /proc. It ends with 1 if anything was
//! lost. `tests/it/torture.rs` makes a few of each.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark"
)]

mod torture {
    #[path = "attack.rs"]
    pub(crate) mod attack;
    #[path = "dice.rs"]
    pub(crate) mod dice;
    #[path = "disks.rs"]
    pub(crate) mod disks;
    #[path = "hostile.rs"]
    pub(crate) mod hostile;
    #[path = "kills.rs"]
    pub(crate) mod kills;
    #[path = "mutated.rs"]
    pub(crate) mod mutated;
    #[path = "races.rs"]
    pub(crate) mod races;
    #[path = "toll.rs"]
    pub(crate) mod toll;
}

use std::process::ExitCode;
use std::time::Instant;

use torture::toll::Toll;
use torture::{disks, hostile, kills, mutated, races};

/// A kind of attack: its name, how many there are of it, and what makes so many of it from a seed.
type Kind = (&'static str, u64, fn(u64, u64) -> Toll);

const KINDS: [Kind; 7] = [
    ("kills", 500, kills::kills),
    ("signals", 300, kills::signals),
    ("disks", 300, disks::disks),
    ("hostile", 6000, hostile::hostile),
    ("results", 15_000, mutated::results),
    ("grids", 2000, mutated::grids),
    ("races", 100, races::races),
];

fn main() -> ExitCode {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("SEED").unwrap_or(1);
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let mut whole = true;
    for (name, cases, attack) in KINDS {
        if !wanted.is_empty() && !wanted.iter().any(|word| word == name) {
            continue;
        }
        let began = Instant::now();
        let toll = attack(seed, number("CASES").unwrap_or(cases));
        println!("{name:8} {toll} in {:.0} s", began.elapsed().as_secs_f64());
        for harm in toll.harms.iter().take(20) {
            println!("  {harm}");
        }
        whole &= toll.harms.is_empty();
    }
    if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
