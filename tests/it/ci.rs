//! The script of docs/ci.md, as a stranger runs it: green on identical builds, red on a slower one.

use std::fs;
use std::path::Path;
use std::process::Command as Process;

use super::support::{Lab, Shown};

const SCRIPT: &str = "ci/gate.sh";

/// Two cells, `played-made-up-b16` and `played-made-up-b32`.
const GRID: &str = include_str!("../ci/grid.toml");

fn script(lab: &Lab, baseline: &str) -> Shown {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT);
    // The environment of a test, and the words that the script takes.
    let plain = lab.perftune(&[]);
    let mut command = Process::new("sh");
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let summary = lab.path("step-summary.md");
    command
        .arg(script)
        .args(["grid.toml", baseline])
        .current_dir(lab.path(""))
        .env("PERFTUNE", env!("CARGO_BIN_EXE_perftune"))
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", summary)
        .env_remove("OUT")
        .env_remove("BLOCKS")
        .env_remove("ON_INCONCLUSIVE");
    Shown::of(command.output().unwrap())
}

fn text(lab: &Lab, name: &str) -> String {
    let path = lab.path(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn verdict(lab: &Lab) -> serde_json::Value {
    serde_json::from_str(&text(lab, "results/gate/verdict.json")).unwrap()
}

/// Every row with this verdict, by cell and metric.
fn rows(verdict: &serde_json::Value, which: &str) -> Vec<(String, String)> {
    let rows = verdict["rows"].as_array().unwrap().iter();
    let which = rows.filter(|row| row["verdict"] == which);
    let named = |row: &serde_json::Value| {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        (text("cell"), text("metric"))
    };
    which.map(named).collect()
}

/// The verdict gives its exit code once more, and every report speaks of it.
fn agrees(lab: &Lab, code: i32) {
    lab.call(&["check", "results/gate/verdict.json"]).exits(code);
    let junit = text(lab, "results/gate/junit.xml");
    assert_eq!(junit.contains("<failure"), code == 1, "{junit}");
    let summary = text(lab, "results/gate/summary.md");
    assert_eq!(text(lab, "step-summary.md"), summary, "the summary of the step");
    let annotations = text(lab, "results/gate/annotations.txt");
    assert_eq!(annotations.contains("::error"), code != 0, "{annotations}");
}

/// The action's first step, with its inputs as GitHub hands them over: its outputs, and what it ended with.
fn action(lab: &Lab, baseline: &str) -> (String, Shown) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/actions/gate");
    let file = fs::read_to_string(folder.join("action.yml")).unwrap();
    let (_, block) = file.split_once("run: |\n").unwrap();
    let lines = block.lines().map_while(|line| line.strip_prefix("        "));
    let step = lines.collect::<Vec<_>>().join("\n");
    let plain = lab.perftune(&[]);
    let outputs = lab.path("outputs.txt");
    let mut command = Process::new("bash");
    for (name, value) in plain.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        command.env(name, value);
    }
    command
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &step])
        .current_dir(lab.path(""))
        .envs([("GRID", "grid.toml"), ("BASELINE", baseline), ("ON_INCONCLUSIVE", "pass")])
        .envs([("PERFTUNE", env!("CARGO_BIN_EXE_perftune")), ("OUT", "results/gate")])
        .envs([("BLOCKS", "10"), ("GITHUB_ACTIONS", "true")])
        .env("GITHUB_ACTION_PATH", &folder)
        .env("GITHUB_STEP_SUMMARY", lab.path("step-summary.md"))
        .env("GITHUB_OUTPUT", &outputs);
    for name in ["GRID", "BASELINE", "ON_INCONCLUSIVE", "PERFTUNE", "OUT", "BLOCKS"] {
        assert!(file.contains(&format!("        {name}: ${{{{ inputs.")), "{name}");
    }
    let shown = Shown::of(command.output().unwrap());
    (text(lab, "outputs.txt"), shown)
}

#[test]
fn the_action_of_github_tells_verdict_and_code() {
    let lab = Lab::new(&format!("{GRID}slowdown = 1.3\n"));
    fs::write(lab.path("old.toml"), GRID).unwrap();
    let (outputs, shown) = action(&lab, "old.toml");
    shown.exits(1);
    assert_eq!(outputs, "exit-code=1\nverdict=regressed\n");
    assert!(text(&lab, "step-summary.md").contains("regressed"));
    // Without a verdict there is a code.
    let lab = Lab::new(GRID);
    let (outputs, shown) = action(&lab, "nowhere.toml");
    shown.exits(2);
    assert_eq!(outputs, "exit-code=2\nverdict=\n");
}

#[test]
fn identical_builds_are_green() {
    let lab = Lab::new(GRID);
    fs::write(lab.path("old.toml"), GRID).unwrap();
    script(&lab, "old.toml").exits(0);
    let verdict = verdict(&lab);
    assert_eq!(verdict["full_verdicts"], true);
    assert_eq!(rows(&verdict, "regressed"), []);
    assert!(rows(&verdict, "pass").len() >= 4, "{verdict:#}");
    agrees(&lab, 0);
}

#[test]
fn a_slower_build_is_red_and_the_row_is_named() {
    let lab = Lab::new(&format!("{GRID}slowdown = 1.2\nslow_batch_size = 32\n"));
    fs::write(lab.path("old.toml"), GRID).unwrap();
    let shown = script(&lab, "old.toml").exits(1);
    let found = rows(&verdict(&lab), "regressed");
    let slow = "played-made-up-b32";
    let p25 = (slow.to_owned(), "train.step_latency_p25".to_owned());
    assert!(found.contains(&p25), "{found:?}");
    assert!(found.iter().all(|(cell, _)| cell == slow), "{found:?}");
    let said = format!("{} {}", shown.stdout, text(&lab, "results/gate/summary.md"));
    assert!(said.contains(slow) && said.contains("train.step_latency_p25"), "{said}");
    agrees(&lab, 1);
    // A pipe loses the code, and the verdict still has it.
    let piped = "\"$0\" check results/gate/verdict.json | cat";
    let mut command = Process::new("sh");
    command.args(["-c", piped, env!("CARGO_BIN_EXE_perftune")]);
    let piped = Shown::of(command.current_dir(lab.path("")).output().unwrap());
    assert_eq!(piped.code, Some(0), "a pipe has the code of its last command");
}

#[test]
fn a_cell_that_is_gone_is_no_pass() {
    let lab = Lab::new(GRID);
    lab.run(&["--out", "results/before"]).exits(0);
    fs::write(lab.path("grid.toml"), GRID.replace("[16, 32]", "[16]")).unwrap();
    // One value is no axis any more, so the name of the cell would change as well.
    let grid = GRID.replace("[train]", "[[exclude]]\nbatch_size = 32\n[train]");
    fs::write(lab.path("grid.toml"), grid).unwrap();
    script(&lab, "results/before").exits(5);
    let missing = rows(&verdict(&lab), "missing");
    assert!(!missing.is_empty());
    assert!(missing.iter().all(|(cell, _)| cell == "played-made-up-b32"), "{missing:?}");
    agrees(&lab, 5);
}

#[test]
fn a_cell_that_fails_is_no_pass_either() {
    let fault = "[worker.options.fault]\nkind = 'exit'\nphase = 'train'\nbatch_size = 32\n";
    let lab = Lab::new(&format!("{GRID}{fault}"));
    fs::write(lab.path("old.toml"), GRID).unwrap();
    script(&lab, "old.toml").exits(5);
    let failed = rows(&verdict(&lab), "failed");
    assert!(!failed.is_empty());
    assert!(failed.iter().all(|(cell, _)| cell == "played-made-up-b32"), "{failed:?}");
    agrees(&lab, 5);
}

#[test]
fn another_machine_is_not_compared() {
    let lab = Lab::new(GRID);
    lab.run(&["--out", "results/before"]).exits(0);
    let path = lab.path("results/before/manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest.as_object_mut().unwrap().remove("checksum");
    manifest["fingerprint"]["hard"]["cpu.model"] = "Another Processor 9000".into();
    fs::write(&path, manifest.to_string()).unwrap();
    let shown = script(&lab, "results/before").exits(4);
    assert!(shown.stdout.contains("cpu.model"), "{shown:#?}");
    assert!(shown.stdout.contains("Another Processor 9000"), "{shown:#?}");
    agrees(&lab, 4);
}

#[test]
fn what_is_wrong_before_anything_is_judged_keeps_its_own_code() {
    let lab = Lab::new(GRID);
    let shown = script(&lab, "nowhere.toml").exits(2);
    assert!(shown.stderr.contains("nowhere.toml"), "{shown:#?}");
    assert!(!lab.path("results/gate/verdict.json").exists());
}

/// Makes the results those of another day.
fn dated(lab: &Lab, day: u32) {
    let mut manifest: serde_json::Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    manifest.as_object_mut().unwrap().remove("checksum");
    manifest["created"] = format!("2026-01-{day:02}T08:00:00Z").into();
    fs::write(lab.file("manifest.json"), manifest.to_string()).unwrap();
}

#[test]
fn one_stored_session_never_fails_a_build_and_eight_do() {
    let lab = Lab::new(GRID);
    for day in 1..=8 {
        let seed = (day * 100).to_string();
        lab.run(&["--fresh", "--seed", &seed]).exits(0);
        // Eight sessions of one afternoon would say less than their number.
        dated(&lab, day);
        lab.call(&["baseline", "add", "results/t"]).exits(0);
        if seed == "100" {
            let slow = format!("{GRID}slowdown = 1.5\n");
            fs::write(lab.path("grid.toml"), slow).unwrap();
            script(&lab, "baseline").exits(0);
            let verdict = verdict(&lab);
            assert_eq!(rows(&verdict, "regressed"), []);
            assert!(!rows(&verdict, "suspect").is_empty(), "{verdict:#}");
            fs::write(lab.path("grid.toml"), GRID).unwrap();
        }
    }
    fs::write(lab.path("grid.toml"), format!("seed = 900\n{GRID}")).unwrap();
    script(&lab, "baseline").exits(0);
    let slow = format!("seed = 900\n{GRID}slowdown = 1.5\n");
    fs::write(lab.path("grid.toml"), slow).unwrap();
    script(&lab, "baseline").exits(1);
    let found = rows(&verdict(&lab), "regressed");
    assert!(!found.is_empty());
}

/// A stranger pastes what is tested here.
#[test]
fn the_page_shows_the_script_that_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/ci.md")).unwrap();
    let script = fs::read_to_string(root.join(SCRIPT)).unwrap();
    assert!(page.contains(&format!("```sh\n{script}```")), "{SCRIPT} is not what the page shows");
}
