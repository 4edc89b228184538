//! NVIDIA devices from end to end: the built program, a scripted worker, and a stand-in for the driver's library that the
//! loader finds where it would find the real one. What it plays is in `tests/stand_in_nvml`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::{Lab, Row, Shown, two_cpus};

/// A worker that spends real time, so that ticks come; `hello` names no device.
const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { time = "real", step_us = 5000.0, steps_per_epoch = 40 }
[grid]
model = "mlp"
dataset = "made-up"
threads = 1
device = "DEVICE"
[train]
epochs = 8
warmup_steps = 0
[sampler]
interval = "50ms"
"#;

const TWO: &str = "
count = 2
driver = 550.54.15
gpu0.uuid = GPU-0a0a0a0a-0000-4000-8000-000000000000
gpu0.name = NVIDIA L4
gpu0.pci = 00000000:3B:00.0
gpu0.utilisation = 20
gpu0.memory_used = 1000000000
gpu0.memory_total = 24000000000
gpu0.power = 30000
gpu0.power_limit = 72000
gpu0.energy = 1000+30000/s
gpu0.clock = 1000
gpu0.memory_clock = 6000
gpu0.throttle = 1
gpu0.sent = 10
gpu0.received = 20
gpu0.processes = 999999999:7
gpu0.shares = 999999999:20
gpu1.uuid = GPU-1b1b1b1b-0000-4000-8000-000000000000
gpu1.name = NVIDIA L4
gpu1.pci = 00000000:AF:00.0
gpu1.utilisation = 80
gpu1.memory_used = 9000000000
gpu1.memory_total = 24000000000
gpu1.power = 60000
gpu1.power_limit = 72000
gpu1.energy = 5000+60000/s
gpu1.clock = 2000
gpu1.memory_clock = 6001
gpu1.throttle = 4
gpu1.sent = 30
gpu1.received = 40
gpu1.processes = children:3000000000, 999999998:6000000000
gpu1.shares = children:70, 999999998:10
";

/// A folder with a driver, and grids that run on it.
struct Bench {
    lab: Lab,
}

impl Bench {
    fn new(grid: &str, play: &str) -> Self {
        let lab = Lab::new(grid);
        let folder = lab.path("driver");
        fs::create_dir(&folder).unwrap();
        fs::copy(built(), folder.join("libnvidia-ml.so.1")).unwrap();
        fs::write(lab.path("play"), play).unwrap();
        Self { lab }
    }

    /// On this device of CUDA's, with a worker that says this of the device that it uses.
    fn on(device: &str, facts: &str, play: &str) -> Self {
        let options = format!("steps_per_epoch = 40, facts = {{ {facts} }}");
        let grid = GRID.replace("DEVICE", device);
        Self::new(&grid.replace("steps_per_epoch = 40", &options), play)
    }

    fn call(&self, args: &[&str]) -> Shown {
        let mut command = self.lab.perftune(args);
        command
            .env("LD_LIBRARY_PATH", self.lab.path("driver"))
            .env("STAND_IN_NVML", self.lab.path("play"));
        let output: Output = command.output().unwrap();
        Shown::of(output)
    }

    fn run(&self) -> Shown {
        self.call(&["run", "grid.toml", "--full", "-q"]).exits(0)
    }

    /// The row of this metric.
    #[track_caller]
    fn metric(&self, name: &str) -> Row {
        let mut rows = self.lab.rows("metrics.csv");
        rows.retain(|row| row["metric"] == name && ["run", "train"].contains(&&*row["phase"]));
        assert_eq!(rows.len(), 1, "{name}: {rows:?}");
        rows.remove(0)
    }

    fn figure(&self, name: &str) -> Option<f64> {
        let found: Option<f64> = self.metric(name)["estimate"].parse().ok();
        // Sums of many intervals end in other digits.
        found.map(|value| (value * 1e6).round() / 1e6)
    }

    fn samples(&self) -> Vec<Row> {
        self.lab.rows("runs/mlp-made-up/samples.csv")
    }
}

/// `cargo test` leaves it beside the tests' own executables.
fn built() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().unwrap().join("libstand_in_nvml.so")
}

/// Whether process ids are those of the machine; in a container nobody can tell whose processes they are.
fn ids_are_shared() -> bool {
    fs::read_link("/proc/self/ns/pid").unwrap() == Path::new("pid:[4026531836]")
}

fn numbers(rows: &[Row], column: &str) -> Vec<f64> {
    let cells = rows.iter().filter(|row| !row[column].is_empty());
    cells.map(|row| row[column].parse().unwrap()).collect()
}

fn gaps(rows: &[Row]) -> String {
    let said: Vec<_> = rows.iter().map(|row| row["gaps"].as_str()).collect();
    said.join("\n")
}

#[test]
fn the_device_that_the_worker_names_is_the_runs_whatever_its_number() {
    // CUDA's first is the driver's second.
    let uuid = "device_uuid = \"GPU-1b1b1b1b-0000-4000-8000-000000000000\"";
    let bench = Bench::on("cuda:0", uuid, TWO);
    bench.run();
    assert_eq!(bench.figure("gpu.utilisation"), Some(80.0));
    assert_eq!(bench.figure("gpu.power"), Some(60.0));
    let memory = if ids_are_shared() { 3e9 } else { 9e9 };
    assert_eq!(bench.figure("gpu.memory_peak"), Some(memory));
    let report = bench.lab.report("mlp-made-up");
    let busy: f64 = report["gpu_utilisation_percent"].parse().unwrap();
    assert!((busy - 80.0).abs() < 1e-6, "{busy}");
    each_device_has_its_columns(&bench);
}

fn each_device_has_its_columns(bench: &Bench) {
    let samples = bench.samples();
    assert!(samples.len() > 10);
    for row in &samples {
        // Each device has its columns, with the first tick and the last.
        assert_eq!(
            (&*row["gpu0_utilisation_percent"], &*row["gpu1_utilisation_percent"]),
            ("20", "80")
        );
        assert_eq!(
            (&*row["gpu0_memory_total_bytes"], &*row["gpu1_clock_mhz"]),
            ("24000000000", "2000")
        );
        assert_eq!((&*row["gpu0_throttle"], &*row["gpu1_throttle"]), ("gpu_idle", "sw_power_cap"));
        let (tick, read): (f64, f64) =
            (row["t_s"].parse().unwrap(), row["gpu1_t_s"].parse().unwrap());
        assert!(read <= tick + 0.05 && read > tick - 0.5, "read at {read}, tick at {tick}");
    }
    let last = samples.last().unwrap();
    assert_eq!(
        (&*last["gpu1_pcie_rx_bytes_per_s"], &*last["gpu1_pcie_tx_bytes_per_s"]),
        ("40000", "30000")
    );
    assert_eq!(last["gpu1_device"], "GPU-1b1b1b1b-0000-4000-8000-000000000000");
    let energy = numbers(&samples, "gpu1_energy_joules");
    let times = numbers(&samples, "gpu1_t_s");
    let (used, passed) = (energy[energy.len() - 1] - energy[0], times[times.len() - 1] - times[0]);
    assert!((used / passed - 60.0).abs() < 6.0, "{used} J in {passed} s");
    if ids_are_shared() {
        assert_eq!(numbers(&samples, "gpu1_own_utilisation_percent").last(), Some(&70.0));
        assert!(samples.iter().all(|row| row["gpu0_own"] == "false"));
    }
}

#[test]
fn without_a_name_the_device_is_where_its_processes_are_seen() {
    let bench = Bench::on("cuda:0", "", TWO);
    bench.run();
    let utilisation = bench.metric("gpu.utilisation");
    if ids_are_shared() {
        assert_eq!(bench.figure("gpu.utilisation"), Some(80.0));
        assert_eq!(bench.figure("gpu.memory_peak"), Some(3e9));
    } else {
        assert!(utilisation["estimate"].is_empty() && utilisation["note"].contains("2 devices"));
    }
}

#[test]
fn a_run_on_the_cpu_has_no_figures_of_devices() {
    let bench = Bench::on("cpu", "", TWO);
    bench.run();
    let row = bench.metric("gpu.utilisation");
    assert!(
        row["estimate"].is_empty() && row["note"].contains("the run's device is `cpu`"),
        "{row:?}"
    );
    assert_eq!(bench.samples()[0]["gpu1_power_watts"], "60", "they are recorded all the same");
}

#[test]
fn an_error_in_the_middle_and_a_device_that_is_lost_are_gaps_with_a_reason() {
    let uuid = "device_uuid = \"GPU-1b1b1b1b-0000-4000-8000-000000000000\"";
    let mut play =
        TWO.replace("gpu1.power = 60000", "gpu1.power = 60000 | 0.7: error 999 | 1.1: 60000");
    for (key, value) in
        [("utilisation", "20"), ("power", "30000"), ("energy", "1000+30000/s"), ("clock", "1000")]
    {
        let line = format!("gpu0.{key} = {value}");
        play = play.replace(&line, &format!("{line} | 0.8: error 15"));
    }
    let bench = Bench::on("cuda:0", uuid, &play);
    bench.run();
    let samples = bench.samples();
    let power = |row: &Row, gpu: u32| !row[&format!("gpu{gpu}_power_watts")].is_empty();
    // There, not there, and there again.
    let mut there: Vec<bool> = samples.iter().map(|row| power(row, 1)).collect();
    there.dedup();
    assert_eq!(there, [true, false, true]);
    assert_eq!(bench.figure("gpu.power"), Some(60.0), "a gap is no zero");
    let mut lost: Vec<bool> = samples.iter().map(|row| power(row, 0)).collect();
    lost.dedup();
    assert_eq!(lost, [true, false]);
    let said = gaps(&samples);
    assert!(said.contains("gpu[0].energy_mj: the device is lost: it fell off the bus"), "{said}");
    assert!(said.contains("gpu[1].power_watts: the driver says: "), "{said}");
    // What goes on being told is told.
    assert!(samples.iter().all(|row| !row["gpu0_memory_total_bytes"].is_empty()));
}

#[test]
fn a_driver_that_answers_after_two_seconds_costs_its_own_figures_only() {
    let uuid = "device_uuid = \"GPU-1b1b1b1b-0000-4000-8000-000000000000\"";
    let slow = format!("{TWO}\ngpu0.delay_ms = 0 | 0.6: 2000\n");
    let bench = Bench::on("cuda:0", uuid, &slow);
    bench.run();
    let samples = bench.samples();
    let said = gaps(&samples);
    assert!(said.contains("gpu: no answer for 1 s"), "{said}");
    let blind: Vec<&Row> =
        samples.iter().filter(|row| row["gpu1_utilisation_percent"].is_empty()).collect();
    assert!(blind.len() > 3 && blind.len() < samples.len(), "{} of {}", blind.len(), samples.len());
    for row in &samples {
        assert!(row["processes"] == "0" || !row["cpu_s"].is_empty(), "{row:?}");
    }
    // The ticks keep their pace: none of them waits for the driver.
    let times = numbers(&samples, "t_s");
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    assert!(longest < 1.0, "{longest} s between two ticks");
    let costs = numbers(&samples, "cost_s");
    assert!(costs.iter().all(|cost| *cost < 0.5));
}

#[test]
fn a_counter_that_is_not_there_and_one_that_falls_are_gaps() {
    let play = TWO.lines().filter(|line| !line.starts_with("gpu0.energy")).map(|line| {
        if line.starts_with("gpu1.energy") {
            "gpu1.energy = 500000 | 0.7: 3 | 0.9: 900000"
        } else {
            line
        }
    });
    let play = play.collect::<Vec<_>>().join("\n");
    let bench = Bench::on("cuda:0", "", &play);
    bench.run();
    let samples = bench.samples();
    let said = gaps(&samples);
    assert!(
        said.contains("gpu[1].energy_mj: the energy counter fell from 500000 mJ to 3 mJ"),
        "{said}"
    );
    assert!(said.contains("gpu[0].energy_mj: unsupported: the driver does not tell it"), "{said}");
    assert!(numbers(&samples, "gpu0_energy_joules").is_empty());
    let energy = numbers(&samples, "gpu1_energy_joules");
    assert!(
        !energy.is_empty() && energy.iter().all(|joules| (joules - 500.0).abs() < 1e-9),
        "{energy:?}"
    );
    assert!(samples.last().unwrap()["gpu1_energy_joules"].is_empty());
}

const SPLIT: &str = "
count = 1
driver = 550.54.15
gpu0.uuid = GPU-0a0a0a0a-0000-4000-8000-000000000000
gpu0.name = NVIDIA A100-SXM4-40GB
gpu0.pci = 00000000:3B:00.0
gpu0.utilisation = 0
gpu0.memory_used = 1000000000
gpu0.memory_total = 40000000000
gpu0.power = 90000
gpu0.energy = 1000+90000/s
gpu0.processes = children:700
gpu0.mig = 1
gpu0.mig_places = 7
gpu0.mig0.uuid = MIG-aaaaaaaa-0000-4000-8000-000000000000
gpu0.mig0.name = NVIDIA A100-SXM4-40GB MIG 3g.20gb
gpu0.mig0.memory_used = 300
gpu0.mig0.memory_total = 20000000000
gpu0.mig0.processes =
gpu0.mig2.uuid = MIG-bbbbbbbb-0000-4000-8000-000000000000
gpu0.mig2.name = NVIDIA A100-SXM4-40GB MIG 1g.5gb
gpu0.mig2.memory_used = 700
gpu0.mig2.memory_total = 5000000000
gpu0.mig2.processes = children:600
";

#[test]
fn how_active_its_parts_are_is_read_where_the_device_counts_it() {
    let uuid = "device_uuid = \"GPU-1b1b1b1b-0000-4000-8000-000000000000\"";
    let counted = format!(
        "{TWO}\ngpu1.gpm = 1\ngpu1.sm_active = 62.5\ngpu1.tensor_active = 12.5 | 0.7: error 999 | 1.1: 12.5\n"
    );
    let bench = Bench::on("cuda:0", uuid, &counted);
    bench.run();
    assert_eq!(bench.figure("gpu.sm_active"), Some(62.5));
    // A gap is no zero.
    assert_eq!(bench.figure("gpu.tensor_active"), Some(12.5));
    let dram = bench.metric("gpu.dram_active");
    assert!(dram["estimate"].is_empty(), "{dram:?}");
    assert!(dram["note"].contains("the driver does not tell it of this device"), "{dram:?}");
    let samples = bench.samples();
    assert_eq!(numbers(&samples, "gpu1_sm_active_percent").last(), Some(&62.5));
    let said = gaps(&samples);
    for says in [
        "gpu[0].sm_active_percent: unsupported: the device has no such",
        "gpu[1].tensor_active_percent: the driver says: ",
    ] {
        assert!(said.contains(says), "{says}: {said}");
    }
    let bench = Bench::on("cuda:0", "device_pci = \"0000:3b:00.0\"", &counted);
    bench.run();
    let none = bench.metric("gpu.sm_active");
    assert!(none["estimate"].is_empty(), "{none:?}");
    assert!(none["note"].contains("Hopper and its successors have them"), "{none:?}");
}

#[test]
fn a_part_of_a_split_device_is_never_idle_only_unknown() {
    let uuid = "device_uuid = \"MIG-bbbbbbbb-0000-4000-8000-000000000000\"";
    let bench = Bench::on("cuda:0", uuid, SPLIT);
    bench.run();
    let utilisation = bench.metric("gpu.utilisation");
    assert!(utilisation["estimate"].is_empty(), "{utilisation:?}");
    assert!(utilisation["note"].contains("(MIG)"), "{utilisation:?}");
    assert!(bench.metric("gpu.power")["note"].contains("told of the whole device alone"));
    let own = if ids_are_shared() { 600.0 } else { 700.0 };
    assert_eq!(bench.figure("gpu.memory_peak"), Some(own));
    let samples = bench.samples();
    let last = samples.last().unwrap();
    assert_eq!((&*last["gpu0_power_watts"], &*last["gpu2_power_watts"]), ("90", ""));
    assert_eq!((&*last["gpu0_own"], &*last["gpu0_utilisation_percent"]), ("", ""));
    assert_eq!(last["gpu2_memory_total_bytes"], "5000000000");
}

#[test]
fn the_doctor_says_what_each_device_tells() {
    let poor = TWO.replace("gpu0.energy = 1000+30000/s", "").replace("gpu0.sent = 10", "");
    for (name, play) in [("two", &*poor), ("split", SPLIT)] {
        let bench = Bench::new(GRID, play);
        let text = bench.call(&["doctor"]).exits(0).stdout;
        let from = text.find("accelerators").unwrap();
        let to = text.find("pressure").unwrap();
        if ids_are_shared() {
            insta::assert_snapshot!(format!("doctor_{name}"), &text[from..to]);
        }
        let json = bench.call(&["doctor", "--format", "json"]).exits(0).stdout;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let devices = json["diagnosis"]["accelerators"]["value"].as_array().unwrap();
        assert_eq!(devices.len(), if name == "two" { 2 } else { 3 });
        let hard = &json["diagnosis"]["fingerprint"]["hard"];
        let found = hard["gpu"].as_str().unwrap();
        let expected = match name {
            "two" => "2 x NVIDIA L4",
            _ => {
                "1 x NVIDIA A100-SXM4-40GB, 1 x NVIDIA A100-SXM4-40GB MIG 1g.5gb, 1 x NVIDIA A100-SXM4-40GB MIG 3g.20gb"
            }
        };
        assert_eq!((found, hard["gpu.driver"].as_str()), (expected, Some("550.54.15")));
    }
}

#[test]
fn the_doctor_says_why_there_is_no_device() {
    for (play, says) in [
        ("init = 9", "kernel's part of the NVIDIA driver is not loaded"),
        ("init = 18", "are of different versions"),
        ("count = 0", "the NVIDIA driver is there, but no device"),
        ("count = 4000000000", "the driver says that it has 4000000000 devices"),
    ] {
        let bench = Bench::new(GRID, play);
        let shown = bench.call(&["doctor"]).exits(0);
        let text = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(says), "{says}: {text}");
        assert!(text.contains("not measured gpu: "), "{text}");
    }
}

#[test]
fn garbage_is_no_reason_to_fall() {
    let mut play = TWO.to_owned();
    for line in [
        "gpu0.uuid = garbage",
        "gpu0.name = garbage",
        "gpu0.process_count = 4294967295",
        "gpu1.share_count = 4294967295",
        "gpu0.utilisation = 4000000000",
        "gpu1.memory_used = 18446744073709551615",
    ] {
        let key = line.split(" =").next().unwrap();
        let kept = play.lines().filter(|line| !line.starts_with(&format!("{key} ")));
        play = kept.chain([line]).collect::<Vec<_>>().join("\n");
    }
    let bench = Bench::on("cuda:0", "device_pci = \"0000:3b:00.0\"", &play);
    bench.run();
    assert_eq!(bench.figure("gpu.power"), Some(30.0), "found by its place");
    let utilisation = bench.metric("gpu.utilisation");
    assert!(utilisation["note"].contains("the driver says 4000000000%"), "{utilisation:?}");
    let said = gaps(&bench.samples());
    assert!(said.contains("entries where there is room for 64"), "{said}");
}

#[test]
fn a_driver_that_hangs_costs_the_start_seconds_and_its_own_figures() {
    let hangs = format!("{TWO}\ngpu0.delay_ms = 600000\n");
    let bench = Bench::on("cpu", "", &hangs);
    let shown = bench.call(&["doctor", "--quick", "--format", "json"]).exits(0);
    let says = "the NVIDIA driver has not answered for 5 s";
    assert!(shown.stdout.contains(says), "{}", shown.stdout);
    bench.run();
    let said = gaps(&bench.samples());
    assert!(said.contains("gpu: no answer"), "{said}");
    let wall = bench.lab.record("mlp-made-up")["wall_s"].as_f64().unwrap();
    assert!(wall < 60.0, "{wall} s");
}

#[test]
fn each_lane_has_a_gpu_that_it_alone_sees_and_reads() {
    if !two_cpus() {
        return;
    }
    let program = assert_cmd::cargo::cargo_bin!("perftune");
    let script = format!(
        "echo sees $CUDA_VISIBLE_DEVICES >&2; exec '{}' __scripted-worker",
        program.display()
    );
    let command = serde_json::json!(["sh", "-c", script]);
    let grid = GRID
        .replace("program = \"scripted\"", &format!("command = {command}"))
        .replace("device = \"DEVICE\"", "device = \"cuda\"\nbatch_size = [8, 16, 32]")
        + "[run]\nlanes = \"gpu\"\n";
    let bench = Bench::new(&grid, TWO);
    let shown = bench.call(&["run", "grid.toml", "--full"]).exits(0);
    assert!(shown.stderr.contains("2 lanes: CPU"), "{}", shown.stderr);
    let devices = [
        ("GPU-0a0a0a0a-0000-4000-8000-000000000000", 30.0),
        ("GPU-1b1b1b1b-0000-4000-8000-000000000000", 60.0),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for batch in [8, 16, 32] {
        let run = format!("mlp-made-up-b{batch}");
        let lane = bench.lab.record(&run)["lane"].clone();
        let uuid = lane["gpu"].as_str().unwrap();
        let (_, watts) = devices.iter().find(|(known, _)| *known == uuid).unwrap();
        let stderr = bench.lab.text(&format!("runs/{run}/stderr.log"));
        assert!(stderr.contains(&format!("sees {uuid}")), "{stderr}");
        seen.insert(uuid.to_owned());
        let power: Vec<f64> = bench
            .lab
            .rows(&format!("runs/{run}/samples.csv"))
            .iter()
            .flat_map(|row| {
                ["gpu0_power_watts", "gpu1_power_watts"].map(|column| row[column].clone())
            })
            .filter_map(|cell| cell.parse().ok())
            .collect();
        assert!(
            !power.is_empty() && power.iter().all(|one| (one - watts).abs() < 1e-9),
            "{run}: {power:?}"
        );
    }
    assert_eq!(seen.len(), 2, "{shown:#?}");
}
