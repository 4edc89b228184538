//! Joules from the counters of a machine that is a folder: a thread of the test lets them rise by a known law.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Lab, Row, Shown};

/// In real time, since the counters rise in it: some 3 s of steps, and serving before.
const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { time = "real", steps_per_epoch = 100, request_us = 1000.0 }
[grid]
model = "one"
dataset = "made-up"
[train]
epochs = 25
[serve]
batch_size = 1
max_time = "1s"
[energy]
grams_per_kwh = 360
"#;

const PACKAGE_W: f64 = 40.0;
const DRAM_W: f64 = 5.0;

/// How late a reading may be stamped, at both ends together. How late the counters are is seen by who lets them rise.
const LATE_S: f64 = 0.5;

/// What most processors have.
const RANGE_UJ: u64 = 262_143_328_850;

/// How many joules before its turn the package's counter begins.
const BEFORE_TURN_J: u64 = 60;

/// A `/sys` whose counters rise until this is dropped.
struct Machine {
    folder: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    /// The longest time, in microseconds, in which the counters stood still: their thread shares two cores with everything else.
    still_us: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Machine {
    /// `dies_after`: the package's counter vanishes then.
    fn new(dies_after: Option<Duration>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let class = folder.path().join("sys/class/powercap");
        for (domain, name) in [
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:0:0", "core"),
            ("intel-rapl:0:1", "dram"),
            ("intel-rapl:1", "psys"),
            ("intel-rapl-mmio:0", "package-0"),
        ] {
            let at = class.join(domain);
            fs::create_dir_all(&at).unwrap();
            fs::write(at.join("name"), format!("{name}\n")).unwrap();
            fs::write(at.join("max_energy_range_uj"), format!("{RANGE_UJ}\n")).unwrap();
            fs::write(at.join("energy_uj"), "0\n").unwrap();
        }
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let still_us = Arc::new(AtomicU64::new(0));
        let longest = Arc::clone(&still_us);
        let began = Instant::now();
        let rise = move || {
            let start = (RANGE_UJ - BEFORE_TURN_J * 1_000_000) as f64;
            let mut before = began.elapsed();
            while !told.load(Ordering::Relaxed) {
                let elapsed = began.elapsed();
                let set = |domain: &str, microjoules: f64| {
                    let at = class.join(domain);
                    let now = microjoules % RANGE_UJ as f64;
                    // A reader sees the old text or the new one.
                    fs::write(at.join("new"), format!("{now:.0}\n")).unwrap();
                    fs::rename(at.join("new"), at.join("energy_uj")).unwrap();
                };
                let seconds = elapsed.as_secs_f64();
                set("intel-rapl:0:1", DRAM_W * seconds * 1e6);
                if dies_after.is_none_or(|after| elapsed < after) {
                    set("intel-rapl:0", start + PACKAGE_W * seconds * 1e6);
                } else {
                    let _ = fs::remove_file(class.join("intel-rapl:0/energy_uj"));
                }
                // What was set stands from here on until the next time.
                let still =
                    u64::try_from(began.elapsed().saturating_sub(before).as_micros()).unwrap();
                longest.fetch_max(still, Ordering::Relaxed);
                before = elapsed;
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        Self { stop, still_us, thread: Some(std::thread::spawn(rise)), folder }
    }

    fn still(self) -> tempfile::TempDir {
        let mut machine = self;
        machine.end();
        std::mem::replace(&mut machine.folder, tempfile::tempdir().unwrap())
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// Whether this is the energy of so much time, but for how late the counters and the readings may be.
    #[track_caller]
    fn near(&self, found: f64, watts: f64, seconds: f64) {
        let late_s = LATE_S + self.still_us.load(Ordering::Relaxed) as f64 * 1e-6;
        let (expected, off) = (watts * seconds, watts * late_s);
        assert!((found - expected).abs() < off, "{found} J, not {expected} ±{off} J");
    }

    fn root(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(lab: &Lab, root: PathBuf, args: &[&str]) -> Shown {
    let mut command = lab.perftune(&[&["run", "grid.toml", "-q"], args].concat());
    Shown::of(command.env("PERFTUNE_SYSFS_ROOT", root).output().unwrap())
}

fn metric(lab: &Lab, phase: &str, metric: &str) -> Row {
    let rows = lab.rows("metrics.csv").into_iter();
    let mut found = rows.filter(|row| row["phase"] == phase && row["metric"] == metric);
    found.next().unwrap_or_else(|| panic!("{phase} {metric}"))
}

fn estimate(row: &Row) -> f64 {
    row["estimate"].parse().unwrap_or_else(|_| panic!("{row:?}"))
}

fn log(lab: &Lab) -> Vec<Value> {
    let text = lab.text("runs/one-made-up/events.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Seconds at which the worker entered a phase.
fn entered(log: &[Value], phase: &str) -> f64 {
    let mut said = log.iter().map(|line| &line["data"]);
    let found = said
        .find(|data| data["event"]["type"] == "phase" && data["event"]["data"]["phase"] == phase);
    found.unwrap()["t_ns"].as_f64().unwrap() * 1e-9
}

#[test]
fn joules_are_those_that_the_counters_rose_by() {
    let machine = Machine::new(None);
    let lab = Lab::new(GRID);
    run(&lab, machine.root(), &["--full"]).exits(0);
    let log = log(&lab);
    let ticks = log.iter().filter(|line| line["kind"] == "sample");
    let read = ticks.filter(|line| line["data"]["energy"].is_array());
    let times: Vec<f64> = read.map(|line| line["data"]["t_ns"].as_f64().unwrap() * 1e-9).collect();
    let whole_s = times.last().unwrap() - times[0];
    // Long enough for the counter of the package to turn.
    assert!(whole_s > 3.0 && PACKAGE_W * whole_s > BEFORE_TURN_J as f64, "{whole_s}");
    let watts = PACKAGE_W + DRAM_W;
    let total = metric(&lab, "run", "energy.total");
    machine.near(estimate(&total), watts, whole_s);
    assert_eq!(
        total["note"],
        "package-0, dram-0; whole machine, others included".to_owned() + &taken(&total)
    );
    machine.near(estimate(&metric(&lab, "run", "cpu.energy")), watts, whole_s);
    let emissions = metric(&lab, "run", "emissions.co2e");
    assert!((estimate(&emissions) / (estimate(&total) / 3.6e6 * 360.0) - 1.0).abs() < 1e-9);
    assert!(emissions["note"].contains("360 g/kWh, as given"));
    let (serve, train, test) =
        (entered(&log, "serve[1]"), entered(&log, "train"), entered(&log, "test"));
    let steps = |phase: &str| -> f64 {
        let of = log.iter().map(|line| &line["data"]["event"]["data"]);
        let of = of.filter(|data| data["phase"] == phase && data["dur_ns"].is_array());
        of.map(|data| {
            data["items"].as_f64().unwrap() * data["dur_ns"].as_array().unwrap().len() as f64
        })
        .sum()
    };
    let trained = estimate(&metric(&lab, "train", "energy.per_sample"));
    machine.near(trained * steps("train"), watts, test - train);
    let served = estimate(&metric(&lab, "serve[1]", "energy.per_sample"));
    machine.near(served * steps("serve[1]"), watts, train - serve);
    let gpu = metric(&lab, "run", "gpu.energy");
    assert!(gpu["estimate"].is_empty() && gpu["note"].starts_with("unsupported: "));
    let report = lab.report("one-made-up");
    for (column, value) in [("energy_total_j", estimate(&total)), ("energy_per_sample_j", trained)]
    {
        let found: f64 = report[column].parse().unwrap();
        assert!((found / value - 1.0).abs() < 1e-9, "{column}");
    }
}

/// What is said where others were busy on the machine: that is so, or not.
fn taken(row: &Row) -> String {
    let note = &row["note"];
    note.find("; other work took").map_or_else(String::new, |at| note[at..].to_owned())
}

#[test]
fn a_counter_that_vanishes_takes_its_figures_with_it() {
    let machine = Machine::new(Some(Duration::from_millis(1800)));
    let lab = Lab::new(GRID);
    run(&lab, machine.root(), &["--full"]).exits(0);
    let total = metric(&lab, "run", "energy.total");
    assert_eq!(total["estimate"], "");
    assert_eq!(total["note"], "package-0: the counter of package-0 has gone");
    assert_eq!(metric(&lab, "run", "emissions.co2e")["estimate"], "");
    assert_eq!(lab.report("one-made-up").get("energy_total_j"), None);
}

#[test]
fn a_limit_on_energy_ends_the_run() {
    let machine = Machine::new(None);
    let lab = Lab::new(&format!("{GRID}[constraints]\n\"cpu.energy\" = \"<= 50J\"\n"));
    let shown = run(
        &lab,
        machine.root(),
        &[
            "--set",
            "train.epochs=40",
            "--set",
            "stop.metrics=[\"test_accuracy\"]",
            "--set",
            "stop.patience=1000",
        ],
    );
    let record = lab.record("one-made-up");
    // Where others were busy, their energy would be in it, and nothing is certain before the end.
    if record["stop"]["reason"] == "infeasible" {
        let detail = record["stop"]["detail"].as_str().unwrap();
        assert!(detail.contains("cpu.energy <= 50.0 J is broken: it reached"), "{detail}");
        assert!(record["wall_s"].as_f64().unwrap() < 10.0, "{shown:?}");
    } else {
        let total = metric(&lab, "run", "cpu.energy");
        assert!(total["note"].contains("other work took"), "{total:?}");
    }
}

#[test]
fn counters_that_may_not_be_read_say_so_once_and_the_doctor_too() {
    let folder = Machine::new(None).still();
    let files = ["intel-rapl:0", "intel-rapl:0:1", "intel-rapl:1"]
        .map(|domain| folder.path().join("sys/class/powercap").join(domain).join("energy_uj"));
    for file in &files {
        fs::set_permissions(file, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let mut says = "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj";
    if fs::read(&files[0]).is_ok() {
        // To root nothing is forbidden: something else that cannot be read.
        says = "it cannot be read: is a directory";
        for file in &files {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }
    }
    let lab = Lab::new(GRID);
    let quick =
        ["--set", "worker.options.time=\"virtual\"", "--set", "stop.metrics=[\"throughput\"]"];
    run(&lab, folder.path().to_owned(), &quick).exits(0);
    let total = metric(&lab, "run", "energy.total");
    assert_eq!(total["estimate"], "");
    assert!(total["note"].contains(says), "{total:?}");
    let gaps = lab.text("runs/one-made-up/events.jsonl").matches("\"field\":\"energy\"").count();
    assert_eq!(gaps, 1);
    let mut doctor = lab.perftune(&["doctor", "--format", "json"]);
    let shown = Shown::of(doctor.env("PERFTUNE_SYSFS_ROOT", folder.path()).output().unwrap());
    let said: Value = serde_json::from_str(&shown.exits(0).stdout).unwrap();
    let counters = said["diagnosis"]["energy"]["counters"]["value"].as_array().unwrap();
    let why = counters[0]["unreadable_because"].as_str().unwrap();
    assert!(counters.len() == 3 && why.contains(says), "{counters:?}");
}

#[test]
fn energy_can_be_switched_off_and_its_settings_are_checked() {
    let lab = Lab::new(GRID);
    let root = Machine::new(None).still();
    let quick = [
        "--set",
        "worker.options.time=\"virtual\"",
        "--set",
        "stop.metrics=[\"throughput\"]",
        "--set",
        "sampler.energy=false",
    ];
    run(&lab, root.path().to_owned(), &quick).exits(0);
    let total = metric(&lab, "run", "energy.total");
    assert!(total["note"].contains("switched off in `[sampler] energy`"), "{total:?}");
    for (set, says) in [
        (
            "energy.grams_per_kwh=-1",
            "`grams_per_kwh` must be a number of grams from 0 to 5000, such as 350, not -1",
        ),
        ("energy.grams_per_kwh=nan", "`grams_per_kwh` must be a number of grams"),
        ("energy.grams_per_kwh=\"350g\"", "`grams_per_kwh` must be a number of grams"),
        ("energy.grams_per_kw=350", "did you mean `grams_per_kwh`?"),
        ("sampler.energy=\"yes\"", "`energy` must be true or false"),
        ("energi.grams_per_kwh=1", "did you mean `energy`?"),
        ("constraints.cpu.energy=\"<= 5W\"", "`W` is not a unit of energy"),
        ("constraints.cpu.energy=\"<= 5\"", "has no unit"),
    ] {
        let shown = lab.run(&["--dry-run", "--set", set]).exits(2);
        assert!(shown.stderr.contains(says), "{set}: {}", shown.stderr);
    }
    let shown = lab.run(&["--dry-run", "--format", "json"]).exits(0);
    let plan: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(plan["plan"][0]["settings"]["energy.grams_per_kwh"], 360.0);
    assert_eq!(plan["plan"][0]["settings"]["sampler.energy"], true);
}

#[test]
fn a_command_has_the_energy_of_the_processors_and_each_tick_its_joules() {
    let machine = Machine::new(None);
    let lab = Lab::new(GRID);
    let mut command = lab.perftune(&["exec", "--out", "results/t", "--", "sleep", "1.5"]);
    command.env("PERFTUNE_SYSFS_ROOT", machine.root());
    Shown::of(command.output().unwrap()).exits(0);
    let samples = lab.rows("runs/sleep/samples.csv");
    let read = samples.iter().filter(|row| !row["cpu_energy_joules"].is_empty());
    let read: Vec<(f64, f64)> = read
        .map(|row| (row["t_s"].parse().unwrap(), row["cpu_energy_joules"].parse().unwrap()))
        .collect();
    let ((first_s, first_j), (last_s, last_j)) = (read[0], read[read.len() - 1]);
    assert!(first_j.abs() < 1e-9 && last_s - first_s > 1.3);
    machine.near(last_j, PACKAGE_W + DRAM_W, last_s - first_s);
    let total = metric(&lab, "run", "energy.total");
    assert!((estimate(&total) - last_j).abs() < 1e-6, "{total:?}");
}
