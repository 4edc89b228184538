//! Results and grids that somebody has damaged.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::attack::Place;
use super::dice::{Dice, mutate};
use super::kills::{BOUND, GRID};
use super::toll::{Toll, deal};

/// A command that reads a folder, or only plans.
const READS: Duration = Duration::from_secs(20);

/// Two cells and a policy, in a comparison of three blocks.
const COMPARED: &str = r#"
name = "c"
[worker]
program = "scripted"
options = { steps_per_epoch = 20 }
[grid]
model = "one"
dataset = "made-up"
batch_size = [16, 64]
[train]
epochs = 2
[serve]
batch_size = [1]
max_time = "20ms"
[constraints]
"train.step_latency_p50" = "<= 1s"
"#;

struct Results {
    place: Place,
    files: Vec<PathBuf>,
}

fn recorded() -> Results {
    let place = Place::new();
    place.write("grid.toml", GRID);
    place.write("compared.toml", COMPARED);
    let against = ["run", "compared.toml", "--against", "compared.toml", "--blocks", "3"];
    for flags in [&["run", "grid.toml"][..], &against] {
        let mut toll = Toll::default();
        let running = place.start(place.perftune(flags));
        place.end(running, BOUND, &mut toll, "the recording");
        assert!(toll.harms.is_empty(), "{:?}", toll.harms);
    }
    let files = [place.files("results/t"), place.files("results/c")].concat();
    Results { place, files }
}

/// Each has one file changed in one to three places; then it is read.
pub(crate) fn results(seed: u64, cases: u64) -> Toll {
    deal(cases, recorded, |results, case, toll| {
        let mut dice = Dice::new(seed, case);
        let path = dice.pick(&results.files);
        let whole = fs::read(path).unwrap();
        let mut text = whole.clone();
        for _ in 0..=dice.below(3) {
            mutate(&mut text, &mut dice);
        }
        fs::write(path, &text).unwrap();
        let place = &results.place;
        let compared = path.starts_with(place.path("results/c"));
        let reads: &[&[&str]] = if compared {
            &[&["check", "results/c"], &["check", "results/c", "--format", "json"]]
        } else {
            &[
                &["report", "results/t"],
                &["report", "results/t", "--format", "html"],
                &["replay", "results/t"],
                &["report", "results/t", "--format", "json"],
            ]
        };
        let flags = dice.pick(reads);
        let what = format!("results {case}: {flags:?} after {}", path.display());
        let running = place.start(place.perftune(flags));
        place.end(running, READS, toll, &what).exits(&[0, 1, 2, 3, 4, 5, 6], toll, &what);
        fs::write(path, whole).unwrap();
    })
}

/// The grids that come with perftune, changed in one to four places and planned.
pub(crate) fn grids(seed: u64, cases: u64) -> Toll {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = fs::read_dir(root.join("configs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        found.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    paths.sort();
    let texts: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    let place = || {
        let place = Place::new();
        // The data sets are named from the grid's folder.
        std::os::unix::fs::symlink(root.join("datasets"), place.path("datasets")).unwrap();
        place
    };
    deal(cases, place, |place, case, toll| {
        let mut dice = Dice::new(seed, case);
        let mut text = dice.pick(&texts).clone();
        for _ in 0..=dice.below(4) {
            mutate(&mut text, &mut dice);
        }
        place.write("grid.toml", text);
        let what = format!("grid {case}");
        let running = place.start(place.perftune(&["run", "grid.toml", "--dry-run"]));
        place.end(running, READS, toll, &what).exits(&[0, 2], toll, &what);
    })
}
