//! A search whose visits are made by tasks of a cluster. The cluster is played: sbatch makes the tasks of an array one after the other,
//! and they are real processes.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::support::Lab;
use crate::task_faults::Random;
use crate::tasks::{Fake, same_reports};

/// Among 36 cells of a recorded table.
const GRID: &str = r#"
name = "t"
[models.old]
recorded = "table.csv"
[grid]
model = "old"
a = [1, 2, 3, 4, 5, 6]
b = [1, 2, 4, 8, 16, 32]
[objectives]
minimize = ["command.time"]
[search]
trials = 20
[engine]
poll = "100ms"
"#;

/// What sbatch does: all tasks of the array, of which some end without a word.
const ALL: &str = r#"
last=$(sed -n 's/#SBATCH --array=0-\([0-9]*\).*/\1/p' "$2")
for task in $(seq 0 $last); do
    [ -e "skip-$task" ] && rm "skip-$task" && echo "$(sed -n 's/#SBATCH --job-name=//p' "$2")|7_$task|FAILED||None" >> queue && continue
    SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=$task SLURMD_NODENAME=n1 sh "$2" >/dev/null 2>&1
done
echo 7"#;

pub(crate) fn lab() -> Lab {
    let lab = Lab::new(GRID);
    let mut table = "a,b,command.time@0,command.time@1,command.time@2\n".to_owned();
    for a in 1..=6_i32 {
        for b in 0..6_i32 {
            // The best is at 4 and 8, and nothing is close to it.
            let time = 100 + 10 * ((a - 4).pow(2) + (b - 3).pow(2));
            writeln!(table, "{a},{},{time},{time}.3,{time}.1", 1 << b).unwrap();
        }
    }
    fs::write(lab.path("table.csv"), table).unwrap();
    lab
}

fn fake() -> Fake {
    let fake = Fake::new(lab());
    fake.client("sbatch", ALL);
    fake
}

/// The runs that a folder has results of.
pub(crate) fn runs(lab: &Lab, folder: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(lab.path(folder).join("report.csv")).unwrap();
    let rows = crate::support::rows(&text);
    let runs: BTreeSet<String> = rows.iter().map(|row| row["run"].clone()).collect();
    assert_eq!(runs.len(), rows.len(), "{text}");
    runs
}

#[test]
fn a_search_asks_for_batches_until_its_trials_are_made() {
    let fake = fake();
    let shown = fake.submit(&["--wait"]).exits(0);
    assert!(shown.stdout.contains("recommended: old-a_4-b_8"), "{shown:#?}");
    let made = fake.parts();
    assert!((9..=20).contains(&made), "{made}");
    assert_eq!(runs(&fake.lab, "results/t").len(), made);
    // What was found is found again.
    let report = fake.call(&["report", "results/t"]).exits(0);
    assert!(report.stdout.contains("recommended: old-a_4-b_8"), "{report:#?}");
    let status = fake.call(&["status", "results/t"]).exits(0);
    assert!(status.stdout.starts_with(&format!("t: {made} tasks: {made} done\n")), "{status:#?}");
    let again = fake.submit(&["--resume", "--wait"]).exits(0);
    assert!(again.stderr.contains("nothing to submit"), "{again:#?}");

    // More trials make no other grid of it.
    let batches = || fs::read_dir(fake.lab.file("asked")).unwrap().count();
    for (how, trials, expected) in [("--fresh", 12, 3), ("--resume", 13, 4)] {
        let set = format!("search.trials={trials}");
        fake.submit(&[how, "--wait", "--set", "search.method=random", "--set", &set]).exits(0);
        assert_eq!((fake.parts(), batches()), (trials, expected));
    }
}

#[test]
fn a_search_goes_on_step_by_step_where_nobody_waits() {
    let fake = Fake::new(lab());
    let two = ["--set", "engine.array_parallelism=2"];
    let shown = fake.submit(&two).exits(0);
    assert!(shown.stderr.contains("a search goes on while somebody waits for it"), "{shown:#?}");
    assert!(shown.stdout.starts_with("submitted 2 of 2 tasks"), "{shown:#?}");
    // What is under way is not asked for again.
    let name = fake.units(1)["job_name"].as_str().unwrap().to_owned();
    fs::write(
        fake.lab.path("queue"),
        format!("{name}|4711_0|RUNNING|n1|None\n{name}|4711_1|PENDING||Priority\n"),
    )
    .unwrap();
    let resume = || fake.submit(&[&two[..], &["--resume"]].concat()).exits(0);
    assert!(resume().stdout.starts_with("nothing to submit"));
    fs::write(fake.lab.path("queue"), "").unwrap();
    fake.all(1);
    let more = resume();
    assert!(more.stdout.starts_with("submitted 2 of 4 tasks"), "{more:#?}");
    assert!(more.stdout.contains("2 were done"), "{more:#?}");
    fake.all(2);
    let report = fake.call(&["report", "results/t"]).exits(0);
    assert!(report.stderr.is_empty() && report.stdout.contains("4 ok"), "{report:#?}");
}

#[test]
fn a_search_that_is_killed_at_any_moment_loses_no_visit_and_makes_none_twice() {
    for seed in 1..=3 {
        let fake = fake();
        fake.submit(&["--wait", "--out", "results/whole"]).exits(0);
        let whole = runs(&fake.lab, "results/whole");
        let mut random = Random(seed);
        let args = ["run", "grid.toml", "--engine", "slurm", "--resume", "--wait", "-q"];
        let mut kills = 0;
        for _ in 0..12 {
            let mut command = fake.with(fake.lab.perftune(&args));
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            std::thread::sleep(Duration::from_millis(random.below(900) as u64));
            kills += usize::from(child.try_wait().unwrap().is_none());
            // It may have ended.
            let _ = child.kill();
            child.wait().unwrap();
        }
        let shown = fake.submit(&["--resume", "--wait"]).exits(0);
        assert!(shown.stdout.contains("recommended: old-a_4-b_8"), "seed {seed}: {shown:#?}");
        assert!(kills > 0);
        assert_eq!(runs(&fake.lab, "results/t"), whole, "seed {seed}");
        assert_eq!(fake.parts(), whole.len(), "seed {seed}");
        same_reports(&fake.lab, "results/t", "results/whole");
    }
}

#[test]
fn a_search_goes_on_without_a_visit_of_which_nothing_comes() {
    let fake = fake();
    let submit = |args: &[&str]| {
        let random = ["--set", "search.method=random", "--set", "search.trials=12", "--wait"];
        fake.submit(&[&random[..], args].concat())
    };
    fs::write(fake.lab.path("skip-1"), "").unwrap();
    let shown = submit(&[]).exits(5);
    let status = fake.call(&["status", "results/t"]).exits(0);
    assert!(status.stdout.starts_with("t: 12 tasks: 11 done, 1 failed\n"), "{status:#?}");
    assert!(shown.stderr.contains("Slurm says FAILED"), "{shown:#?}");
    // It is submitted again when somebody says so, and none instead of it.
    let shown = submit(&["--resume"]).exits(0);
    assert!(shown.stderr.contains("submitted 1 of 12 tasks"), "{shown:#?}");
    assert_eq!(fake.parts(), 12);
    // Where nothing comes of most of what was asked for, nothing more is asked for.
    for task in 0..3 {
        fs::write(fake.lab.path(&format!("skip-{task}")), "").unwrap();
    }
    submit(&["--fresh"]).exits(5);
    let status = fake.call(&["status", "results/t"]).exits(0);
    assert!(status.stdout.starts_with("t: 4 tasks: 1 done, 3 failed\n"), "{status:#?}");
}
