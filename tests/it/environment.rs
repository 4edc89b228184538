//! Where results were measured: the fingerprint and the session in the manifest, and the figures made for comparisons.

use std::fs;

use serde_json::Value;

use crate::support::Lab;

const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 50, peak_bytes = 67108864 }
[grid]
model = ["one", "two"]
dataset = "made-up"
threads = 1
[train]
epochs = 60
[serve]
batch_size = [1, 32]
max_time = "2s"
"#;

fn manifest(lab: &Lab) -> Value {
    serde_json::from_str(&lab.text("manifest.json")).unwrap()
}

fn alter(lab: &Lab, change: impl FnOnce(&mut Value)) {
    let mut altered = manifest(lab);
    altered.as_object_mut().unwrap().remove("checksum");
    change(&mut altered);
    let text = serde_json::to_string_pretty(&altered).unwrap();
    fs::write(lab.file("manifest.json"), text).unwrap();
    // One of the runs has to be done again.
    fs::remove_file(lab.file("runs/two-made-up/done.json")).unwrap();
}

#[test]
fn the_manifest_tells_the_environment_as_the_doctor_does() {
    let lab = Lab::new(GRID);
    lab.run(&["--full", "-q"]).exits(0);
    let fingerprint = manifest(&lab)["fingerprint"].clone();
    let shown = lab.call(&["doctor", "--quick", "--format", "json"]).exits(0);
    let doctor: Value = serde_json::from_str(&shown.stdout).unwrap();
    let doctor = &doctor["diagnosis"]["fingerprint"];
    assert_eq!(doctor["key"].as_str().unwrap().len(), 16);
    for field in ["arch", "system", "cpu.cores", "memory.class", "gpu", "statistics"] {
        let value = fingerprint["hard"][field].as_str();
        assert!(value.is_some(), "{field}: {fingerprint}");
        assert_eq!(value, doctor["hard"][field].as_str(), "{field}");
    }
    assert_eq!(fingerprint["hard"]["threads"], "1");
    assert_eq!(fingerprint["soft"]["perftune"], env!("CARGO_PKG_VERSION"));
    let text = lab.call(&["doctor", "--quick"]).exits(0).stdout;
    assert!(text.contains(&format!("fingerprint   {}: arch ", doctor["key"].as_str().unwrap())));
    let host = rustix::system::uname();
    let host = host.nodename().to_str().unwrap().to_owned();
    let named = |part: &str| {
        let fields = fingerprint[part].as_object().unwrap();
        fields.values().any(|value| *value == host)
    };
    assert!(host.is_empty() || !named("hard") && !named("soft"), "{host}");
}

#[test]
fn a_resumed_folder_stays_in_its_session_unless_the_machine_is_another() {
    let lab = Lab::new(GRID);
    lab.run(&["--full", "-q"]).exits(0);
    let first = manifest(&lab);
    let session = first["session"].as_str().unwrap().to_owned();
    assert_eq!(session.len(), 24, "{session}");

    alter(&lab, |_| {});
    let shown = lab.run(&["--full", "--resume"]).exits(0);
    assert!(!shown.stderr.contains("environment"), "{}", shown.stderr);
    let again = manifest(&lab);
    assert_eq!(
        (&again["session"], &again["fingerprint"]),
        (&first["session"], &first["fingerprint"])
    );

    alter(&lab, |manifest| {
        manifest["fingerprint"]["soft"]["kernel"] = "0.1".into();
    });
    let shown = lab.run(&["--full", "--resume"]).exits(0);
    assert!(shown.stderr.contains("kernel was 0.1, is "), "{}", shown.stderr);
    assert_eq!(manifest(&lab)["session"], first["session"]);

    alter(&lab, |manifest| {
        manifest["fingerprint"]["hard"]["cpu.cores"] = "4096".into();
    });
    let shown = lab.run(&["--full", "--resume"]).exits(0);
    assert!(shown.stderr.contains("cpu.cores was 4096, is "), "{}", shown.stderr);
    let mixed = manifest(&lab);
    assert_ne!(mixed["session"], first["session"]);
    let cores = mixed["fingerprint"]["hard"]["cpu.cores"].as_str().unwrap();
    assert!(cores.starts_with("4096 | "), "{cores}");

    // As a folder of a version that recorded none.
    alter(&lab, |manifest| {
        let manifest = manifest.as_object_mut().unwrap();
        manifest.remove("fingerprint");
        manifest.remove("session");
    });
    let shown = lab.run(&["--full", "--resume"]).exits(0);
    assert!(shown.stderr.contains("no fingerprint"), "{}", shown.stderr);
    assert_eq!(manifest(&lab)["fingerprint"], Value::Null);

    lab.run(&["--full", "--fresh", "-q"]).exits(0);
    let fresh = manifest(&lab);
    assert_ne!(fresh["session"], first["session"]);
    assert_eq!(fresh["fingerprint"], first["fingerprint"]);
}

#[test]
fn figures_for_comparisons_are_in_the_reports() {
    let lab = Lab::new(GRID);
    lab.run(&["--full", "--repeat", "2", "-q"]).exits(0);
    for row in lab.rows("report.csv") {
        for (phase, quartile, median) in [
            ("train", "train.step_latency_p25", "train.step_latency_p50"),
            (&row["serve_phase"], "serve.latency_p25", "serve.latency_p50"),
            ("train", "train.throughput", "train.throughput_p75"),
            (&row["serve_throughput_phase"], "serve.throughput", "serve.throughput_p75"),
        ] {
            let figure = |name| lab.figure(&row["run"], phase, name).unwrap();
            let (low, high) = (figure(quartile), figure(median));
            assert!(low > 0.0 && low <= high * 1.001 && high < 3.0 * low, "{quartile}: {row:?}");
        }
    }
    let rows = lab.rows("metrics.csv");
    for metric in [
        "train.throughput_p75",
        "serve.throughput_p75",
        "train.step_latency_p25",
        "serve.latency_p25",
    ] {
        let of_metric: Vec<_> = rows.iter().filter(|row| row["metric"] == metric).collect();
        let phases = if metric.starts_with("train") { 1 } else { 2 };
        assert_eq!(of_metric.len(), 4 * phases, "{metric}");
        for row in of_metric {
            assert_eq!(row["status"], "completed");
            assert!(row["run"].starts_with(&row["cell"]), "{row:?}");
            assert!(["1", "2"].contains(&row["repeat"].as_str()), "{row:?}");
        }
    }
}
