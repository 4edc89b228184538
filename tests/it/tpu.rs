//! TPUs from a made-up bus and a stand-in of the runtime's metrics service to the reports.

mod stand_in;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command as Process;

use serde_json::{Value, json};

use self::stand_in::{Device, Play, StandIn, frame};
use crate::support::{Lab, Running, Shown};

const GIB: i64 = 1 << 30;

/// A worker that trains for seconds of real time, with a chip open or without.
fn lab(opens: &[u32], body: &str) -> Lab {
    let perftune = assert_cmd::cargo::cargo_bin!("perftune");
    let opened = opens.iter().zip(6..);
    let opened: Vec<String> = opened
        .map(|(node, fd)| format!("exec {fd}<\"$PERFTUNE_SYSFS_ROOT/dev/vfio/{node}\"; "))
        .collect();
    let script = format!("{}exec '{}' __scripted-worker", opened.concat(), perftune.display());
    let command = json!(["sh", "-c", script]);
    let lab = Lab::new(&format!(
        r#"
name = "t"
repeat = 1
[worker]
command = {command}
grace = "200ms"
options = {{ time = "real", talks = true, step_us = 2000.0, steps_per_epoch = 100 }}
[grid]
model = "one"
dataset = "made-up"
[train]
epochs = 18
[serve]
enabled = false
{body}
"#
    ));
    for node in 0..2 {
        let address = format!("0000:00:0{}.0", 4 + node);
        let folder = lab.path("machine/sys/bus/pci/devices").join(address);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("vendor"), "0x1ae0\n").unwrap();
        fs::write(folder.join("device"), "0x0063\n").unwrap();
        let group = format!("../../../../kernel/iommu_groups/{node}");
        symlink(group, folder.join("iommu_group")).unwrap();
        fs::create_dir_all(lab.path("machine/dev/vfio")).unwrap();
        fs::write(lab.path(&format!("machine/dev/vfio/{node}")), "").unwrap();
    }
    lab
}

fn perftune(lab: &Lab, ports: &str, args: &[&str]) -> Process {
    let mut command = lab.perftune(args);
    command
        .env("PERFTUNE_SYSFS_ROOT", lab.path("machine").canonicalize().unwrap())
        .env("TPU_RUNTIME_METRICS_PORTS", ports);
    command
}

fn run(lab: &Lab, ports: &str, args: &[&str]) -> Shown {
    let args = [&["run", "grid.toml"], args].concat();
    Shown::of(perftune(lab, ports, &args).output().unwrap())
}

/// Two chips of one device each, out of order.
fn two() -> Vec<Device> {
    let device = |id, duty, used| Device { id, duty, used, total: 16 * GIB };
    vec![device(1, 75.0, 3 * GIB), device(0, 25.0, GIB)]
}

const RUN: &str = "one-made-up";

const FULL: &str = "[stop]\nenabled = false\n";

/// A row of `metrics.csv`.
fn figure(lab: &Lab, phase: &str, metric: &str) -> (String, String) {
    let rows = lab.rows("metrics.csv");
    let mut of = rows.iter().filter(|row| row["phase"] == phase && row["metric"] == metric);
    let row = of.next().unwrap_or_else(|| panic!("{phase} {metric}"));
    (row["estimate"].clone(), row["note"].clone())
}

/// A figure without the last digits of a sum, or nothing.
fn percent(text: &str) -> String {
    let value = text.parse::<f64>();
    value.map_or_else(|_| text.to_owned(), |value| format!("{value:.3}"))
}

/// Every gap of TPUs that a run's samples speak of.
fn gaps(lab: &Lab) -> String {
    let rows = lab.rows(&format!("runs/{RUN}/samples.csv"));
    let gaps: Vec<_> = rows.iter().map(|row| row["gaps"].clone()).collect();
    gaps.join("\n")
}

#[test]
fn the_devices_that_a_workload_holds_are_measured() {
    let lab = lab(&[0, 1], &format!("{FULL}[constraints]\n\"tpu.memory_peak\" = \"<= 8GiB\"\n"));
    let service = StandIn::new(Play::Devices(two(), 1));
    let shown = run(&lab, &service.port.to_string(), &[]).exits(0);
    assert!(service.calls() >= 6, "{}", service.calls());
    let row = lab.report(RUN);
    assert_eq!(percent(&row["tpu_duty_cycle_percent"]), "50.000");
    assert_eq!(row["tpu_memory_peak_bytes"], (4 * GIB).to_string());
    assert_eq!(row["verdict"], "feasible", "{}", row["verdict_reason"]);
    assert!(shown.stdout.contains("TPU"), "{}", shown.stdout);
    let samples = lab.rows(&format!("runs/{RUN}/samples.csv"));
    let last = samples.last().unwrap();
    let cells = ["duty_cycle_percent", "memory_bytes", "memory_total_bytes"];
    let of = |index: u32| cells.map(|name| last[&format!("tpu{index}_{name}")].clone());
    assert_eq!(of(0), ["25", "1073741824", "17179869184"]);
    assert_eq!(of(1), ["75", "3221225472", "17179869184"]);
    let (_, note) = figure(&lab, "train", "tpu.duty_cycle");
    assert!(!note.contains("all chips"), "{note}");
    // Once a second, however often it is seen.
    let log = lab.text(&format!("runs/{RUN}/events.jsonl"));
    let mut times = log.split("\"vendor\":\"tpu\",\"device\":\"tpu-0\",\"t_ns\":");
    let began = times.next().unwrap();
    assert!(!began.contains("\"vendor\":\"tpu\""), "{began}");
    let mut times: Vec<_> = times.map(|rest| rest.split_once(',').unwrap().0).collect();
    let seen = times.len();
    times.dedup();
    assert!(times.len() >= 2 && times.len() <= seen / 4, "{} of {seen}", times.len());
    let manifest: Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    assert_eq!(manifest["fingerprint"]["hard"]["tpu"], "2 x v5e");
}

#[test]
fn what_breaks_a_limit_of_memory_ends_the_run() {
    let constraint = "[constraints]\n\"tpu.memory_peak\" = \"<= 2GiB\"\n";
    let held = lab(&[0, 1], constraint);
    let service = StandIn::new(Play::Devices(two(), 1));
    run(&held, &service.port.to_string(), &[]).exits(0);
    let row = held.report(RUN);
    assert_eq!((&*row["stop_reason"], &*row["verdict"]), ("infeasible", "infeasible"));
    assert!(
        row["verdict_reason"]
            .contains("tpu.memory_peak <= 2.00 GiB is broken: it reached 4.00 GiB"),
        "{row:?}"
    );
}

#[test]
fn chips_that_the_workload_does_not_hold_are_nobodys_figures() {
    let idle = lab(&[], FULL);
    let service = StandIn::new(Play::Devices(two(), 1));
    run(&idle, &service.port.to_string(), &[]).exits(0);
    let row = idle.report(RUN);
    assert!(
        !row.contains_key("tpu_duty_cycle_percent") && !row.contains_key("tpu_memory_peak_bytes")
    );
    for (phase, metric) in [("train", "tpu.duty_cycle"), ("run", "tpu.memory_peak")] {
        let (estimate, note) = figure(&idle, phase, metric);
        assert_eq!(estimate, "");
        assert!(note.contains("the run holds no TPU"), "{note}");
    }
    // One chip of two: which of the devices are its own, nobody can tell.
    let half = lab(&[1], FULL);
    run(&half, &service.port.to_string(), &[]).exits(0);
    let (estimate, note) = figure(&half, "train", "tpu.duty_cycle");
    assert_eq!(percent(&estimate), "50.000");
    assert!(note.contains("all chips of the machine"), "{note}");
    let (_, note) = figure(&half, "run", "tpu.memory_peak");
    assert!(note.contains("all chips of the machine"), "{note}");
}

/// A port on which nothing listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_service_may_come_late_and_die() {
    let lab = lab(&[0, 1], "");
    let port = free_port();
    let args = ["run", "grid.toml", "-v", "--progress", "plain", "--set", "train.epochs=1000"];
    let args =
        [&args[..], &["--set", "stop.metrics=[\"tpu\"]", "--set", "stop.max_time=9s"]].concat();
    let mut running = Running::new(perftune(&lab, &port.to_string(), &args));
    running.until_phase("train");
    let wait = |until: &dyn Fn() -> bool| {
        let clock = std::time::Instant::now();
        while !until() {
            assert!(clock.elapsed().as_secs() < 60, "nothing comes");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    let log = lab.file(&format!("runs/{RUN}/events.jsonl"));
    let logged = |text: &str| fs::read_to_string(&log).is_ok_and(|log| log.contains(text));
    wait(&|| logged("no workload holds the TPU yet"));
    let service = StandIn::at(port, Play::Devices(two(), 1));
    wait(&|| logged("\"vendor\":\"tpu\"") && service.calls() >= 6);
    drop(service);
    let shown = running.end().exits(0);
    let row = lab.report(RUN);
    assert_eq!(row["tpu_memory_peak_bytes"], (4 * GIB).to_string());
    let all = gaps(&lab);
    let said = all.matches("tpu: no workload holds the TPU yet, or it serves no metrics").count();
    assert_eq!(said, 2, "before it came, and after it had gone: {all}");
    // It was waited for: that nothing was read at first is no reason to leave the metric out.
    assert!(!shown.stderr.contains("not waited for"), "{shown:#?}");
}

fn doctor(lab: &Lab, ports: &str) -> Value {
    let mut command = perftune(lab, ports, &["doctor", "--quick", "--format", "json"]);
    let shown = Shown::of(command.output().unwrap()).exits(0);
    let said: Value = serde_json::from_str(&shown.stdout).unwrap();
    said["diagnosis"]["tpu"].clone()
}

fn damaged(metric: &str) -> Option<Vec<u8>> {
    metric.ends_with("percent").then(|| frame(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
}

#[test]
fn whatever_answers_there_is_a_figure_or_a_reason() {
    let lab = lab(&[], "");
    let long = |length| [&[0][..], &u32::MAX.to_be_bytes(), &vec![0; length]].concat();
    let cases = [
        (Play::Devices(two(), 1), Ok(2)),
        (Play::Unknown(two(), "percent"), Ok(2)),
        (Play::But(two(), damaged), Ok(2)),
        (Play::NoEnd(two()), Err("no end")),
        (Play::Body(frame(b"")), Err("the runtime names no device")),
        (
            Play::Status("3", "Metric not found"),
            Err("does not publish this metric: INVALID_ARGUMENT (Metric not found)"),
        ),
        (Play::Status("5", ""), Err("does not publish this metric: NOT_FOUND")),
        (Play::Status("12", "x"), Err("no such service: UNIMPLEMENTED (x)")),
        (
            Play::Status("14", "starting"),
            Err("no workload holds the TPU yet: UNAVAILABLE (starting)"),
        ),
        (Play::Status("99", ""), Err("gRPC status 99")),
        (Play::Http(404), Err("HTTP status 404")),
        (Play::Http(200), Err("is not gRPC")),
        (Play::Silent, Err("does not answer within 500 ms")),
        (Play::Mute, Err("does not answer within 500 ms")),
        (Play::Http1, Err("does not speak HTTP/2")),
        (Play::HangUp, Err("broke off")),
        (Play::Body(Vec::new()), Err("cut off")),
        (Play::Body(long(9)), Err("of 4294967295 bytes has 9")),
        (Play::Body(long(3 << 20)), Err("longer than 1048576 bytes")),
        (Play::Body(b"\x01\0\0\0\0".to_vec()), Err("compressed")),
        (Play::Body(frame(b"\x0a\x05")), Err("damaged")),
    ];
    for (play, says) in cases {
        let service = StandIn::new(play);
        let said = doctor(&lab, &service.port.to_string());
        assert_eq!(said["chips"].as_array().unwrap().len(), 2);
        assert!(said["cannot_ask"].is_null());
        let now = &said["devices_now"];
        match says {
            Ok(count) => assert_eq!(now["value"], count, "{now}"),
            Err(says) => {
                let why = now["unsupported"].as_str().unwrap_or_else(|| panic!("{says}: {now}"));
                assert!(why.contains(says), "{says}: {why}");
            }
        }
    }
}

#[test]
fn several_services_are_asked_at_once_and_none_is_no_failure() {
    let lab = lab(&[], "");
    let said = doctor(&lab, &free_port().to_string());
    let why = said["devices_now"]["unsupported"].as_str().unwrap();
    assert!(why.starts_with("no workload holds the TPU yet"), "{why}");
    // Two processes, each with a chip; one of them does not answer.
    let (zero, one) = (two()[1], two()[0]);
    let services = [
        StandIn::new(Play::Devices(vec![zero], 1)),
        StandIn::new(Play::Devices(vec![one], 1)),
        StandIn::new(Play::Silent),
    ];
    let ports: Vec<_> = services.iter().map(|service| service.port.to_string()).collect();
    assert_eq!(doctor(&lab, &ports.join(","))["devices_now"]["value"], 2);
}

#[test]
fn a_service_that_does_not_answer_costs_a_tick_nothing() {
    let lab = lab(&[0, 1], FULL);
    let service = StandIn::new(Play::Silent);
    run(&lab, &service.port.to_string(), &["--set", "train.epochs=10"]).exits(0);
    let rows = lab.rows(&format!("runs/{RUN}/samples.csv"));
    let cost = |row: &crate::support::Row| row["cost_s"].parse::<f64>().unwrap();
    let dearest = rows.iter().map(cost).fold(0.0, f64::max);
    assert!(rows.len() > 10 && dearest < 0.1, "{} ticks, {dearest} s", rows.len());
    assert!(gaps(&lab).contains("tpu: the service does not answer within 500 ms"));
}

/// Google's own client reads the stand-in as we do, and we read its server: with the package `tpu-info` installed for the
/// Python that `TPU_INFO_PYTHON` names, `cargo test --features tpu google -- --ignored`.
#[test]
#[ignore = "needs Google's tpu-info"]
fn google_reads_what_we_read() {
    let python = std::env::var("TPU_INFO_PYTHON").unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ci/tpu_info_check.py");
    for (generation, devices, per_chip) in [("V5E", two(), 1), ("V3", two(), 2)] {
        let service = StandIn::new(Play::Devices(devices, per_chip));
        let mut command = Process::new(&python);
        command.arg(&script).args(["read", &service.port.to_string(), generation]);
        let read = Shown::of(command.output().unwrap()).exits(0);
        let found: Value = serde_json::from_str(&read.stdout).unwrap();
        // It repeats the first chip's duty cycle for both devices of a v3.
        let duty = if per_chip == 2 { [75.0, 75.0] } else { [25.0, 75.0] };
        let expected = json!([[0, GIB, 16 * GIB, duty[0]], [1, 3 * GIB, 16 * GIB, duty[1]]]);
        assert_eq!(found, expected, "{generation}");
    }
    let lab = lab(&[0, 1], FULL);
    for (unknown, duty) in [("", "50.000"), ("tpu.runtime.tensorcore.dutycycle.percent", "")] {
        let mut command = Process::new(&python);
        command.arg(&script).args(["serve", unknown]);
        let mut server = Running::new({
            command.stderr(std::process::Stdio::piped());
            command
        });
        let line = server.until("port ");
        let port = line.trim_start_matches("port ").trim();
        run(&lab, port, &["--fresh"]).exits(0);
        let row = lab.report(RUN);
        assert_eq!(percent(&row["tpu_duty_cycle_percent"]), duty);
        assert_eq!(row["tpu_memory_peak_bytes"], (4 * GIB).to_string());
        if duty.is_empty() {
            let says = "does not publish this metric: INVALID_ARGUMENT";
            assert!(gaps(&lab).contains(says), "{}", gaps(&lab));
        }
    }
}
