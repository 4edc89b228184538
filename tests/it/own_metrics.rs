//! Metrics of the user's own, from the grid file to the reports.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::Lab;

/// A command that says its F1 and its lag, the last of which counts.
const SAYS: &str = r#"for f1 in 0.1 "$1"; do
printf '{"metric": {"name": "f1", "value": %s}}\n' "$f1" >> "$PERFTUNE_EVENTS"
done
printf '{"metric": {"name": "lag", "value": 250}}\n{"metric": {"name": "extra", "value": 3}}\n' >> "$PERFTUNE_EVENTS"
"#;

const GRID: &str = r#"name = "t"
repeat = 1
[models.mine]
command = ["sh", "says.sh", "{f}"]
steps = false

[metrics.f1]
better = "higher"
label = "F1"

[metrics.lag]
unit = "ms"
better = "lower"

[grid]
model = "mine"
dataset = "none"
f = [0.5, 0.75]

[constraints]
f1 = ">= 0.6"
lag = "<= 0.3s"

[objectives]
maximize = ["f1"]
minimize = ["lag"]
"#;

fn lab(grid: &str) -> Lab {
    let lab = Lab::new(grid);
    fs::write(lab.path("says.sh"), SAYS).unwrap();
    lab
}

const LOW: &str = "mine-none-f_0.5";
const HIGH: &str = "mine-none-f_0.75";

#[test]
fn one_that_is_declared_is_limited_compared_and_shown_like_a_built_in_one() {
    let lab = lab(GRID);
    let plan = lab.run(&["--dry-run"]).exits(0).stdout;
    let plan = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = "metrics f1 (scalar, higher is better), lag (scalar, in ms, lower is better)";
    assert!(plan.contains(says), "{plan}");
    let table = lab.run(&[]).exits(0).stdout;
    assert!(table.contains("F1") && table.contains("lag ms"), "{table}");
    assert!(table.contains("f1 >= 0.6 is broken: 0.5"), "{table}");
    let [low, high] = [LOW, HIGH].map(|run| lab.report(run));
    assert_eq!((&*low["f1"], &*low["lag_s"], &*low["verdict"]), ("0.5", "0.25", "infeasible"));
    assert_eq!((&*high["f1"], &*high["verdict"], &*high["pareto"]), ("0.75", "feasible", "front"));
    // What nobody declared is a figure of the run, and no more.
    assert_eq!(lab.figure(LOW, "run", "extra"), Some(3.0));
    assert!(!low.contains_key("extra"));

    // The reports know of it without the grid file.
    fs::remove_file(lab.path("grid.toml")).unwrap();
    fs::remove_file(lab.file("report.csv")).unwrap();
    let again = lab.call(&["report", "results/t"]).exits(0).stdout;
    assert!(
        again.contains("lag ms") && again.contains("front: maximize f1; minimize lag"),
        "{again}"
    );
    assert_eq!(lab.report(HIGH), high);
    let summary = lab.rows("summary.csv");
    assert_eq!(&*summary.iter().find(|row| row["cell"] == HIGH).unwrap()["f1"], "0.75");
    let markdown = lab.call(&["report", "results/t", "--format", "markdown"]).exits(0).stdout;
    assert!(markdown.contains("F1") && markdown.contains("lag ms"), "{markdown}");
    assert!(lab.text("report.html").contains("F1"));
    let json = lab.call(&["report", "results/t", "--format", "json"]).exits(0).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let rows = json["runs"][0]["metrics"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["metric"] == "lag" && row["unit"] == "s"), "{rows:?}");
    assert_eq!(lab.figure(HIGH, "run", "f1"), Some(0.75));
}

#[test]
fn the_gate_judges_one_that_is_declared() {
    let grid = GRID.replace("f = [0.5, 0.75]", "f = 0.75").replace("repeat = 1", "repeat = 8");
    let lab = lab(&grid);
    lab.run(&["--out", "good"]).exits(0);
    lab.run(&["--out", "again"]).exits(0);
    fs::write(lab.path("says.sh"), SAYS.replace("\"$1\"", "0.61")).unwrap();
    lab.run(&["--out", "bad"]).exits(0);
    lab.call(&["baseline", "add", "good"]).exits(0);
    let verdict = |baseline: &str, candidate: &str| {
        let shown = lab.call(&["check", baseline, candidate, "--format", "json"]);
        let judged: Value = serde_json::from_str(&shown.stdout).unwrap();
        let rows = judged["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["metric"] == "f1").unwrap();
        assert_eq!((&row["unit"], &row["direction"]), (&"1".into(), &"higher".into()));
        // The verdict is read again, with names alone.
        fs::write(lab.path("verdict.json"), &shown.stdout).unwrap();
        let again = lab.call(&["check", "verdict.json"]);
        assert_eq!(again.code, shown.code, "{again:#?}");
        row["verdict"].as_str().unwrap().to_owned()
    };
    // One session a side is a suspicion at most, in a folder and in a store.
    for baseline in ["good", "baseline"] {
        let verdicts = ["bad", "again"].map(|candidate| verdict(baseline, candidate));
        assert_eq!(verdicts, ["suspect", "pass"], "{baseline}");
    }
}

#[test]
fn folders_are_compared_by_one_that_is_declared() {
    let lab = lab(&GRID.replace("f = [0.5, 0.75]", "f = 0.75"));
    lab.run(&["--out", "before"]).exits(0);
    fs::write(lab.path("says.sh"), SAYS.replace("\"$1\"", "0.6")).unwrap();
    lab.run(&["--out", "after"]).exits(0);
    let table = lab.call(&["report", "before", "after"]).exits(0).stdout;
    let line = |name: &str| table.lines().find(|line| line.contains(name)).unwrap_or(&table);
    for (name, says) in [("f1", ["0.75", "0.6", "-20.0%"]), ("lag", ["250 ms", "250 ms", "+0.0%"])]
    {
        assert!(says.iter().all(|said| line(name).contains(said)), "{table}");
    }
}

/// A command whose F1 is one of two values, in turn.
const WAVERS: &str = r#"
n=$(($(cat count 2> /dev/null || echo 0) + 1)); echo $n > count
if [ $((n % 2)) = 0 ]; then f1=$1; else f1=0.75; fi
printf '{"metric": {"name": "f1", "value": %s}}\n' "$f1" >> "$PERFTUNE_EVENTS"
"#;

#[test]
fn rounds_go_on_until_one_that_is_declared_is_known() {
    let grid = GRID.replace("repeat = 1", "repeat = \"auto\"").replace("[0.5, 0.75]", "0.75");
    let grid = grid.split("[constraints]").next().unwrap().to_owned();
    let lab = Lab::new(&(grid + "[stop]\nmetrics = [\"f1\"]\n"));
    fs::write(lab.path("says.sh"), WAVERS).unwrap();
    for (f, known) in [("0.7501", "true"), ("0.2", "false")] {
        lab.run(&["--fresh", "--set", &format!("grid.f={f}")]).exits(0);
        let rows = lab.rows("summary_metrics.csv");
        let row = rows.iter().find(|row| row["metric"] == "f1").unwrap();
        let runs: u32 = row["runs"].parse().unwrap();
        assert_eq!((&*row["known"], runs > 2), (known, known == "false"), "{row:?}");
    }
}

/// A worker that speaks the protocol and says metrics that are declared.
const WORKER: &str = r#"
import json, os, sys, time
job = json.loads(sys.stdin.readline())["data"]
seq = 0
def say(kind, **data):
    global seq
    event = {"type": kind, "data": data}
    print(json.dumps({"seq": seq, "t_ns": time.monotonic_ns(), "event": event}), flush=True)
    seq += 1
say("hello", protocol=1, worker="mine", pid=os.getpid())
say("phase", phase="load")
epochs = job["train"]["epochs"]
for epoch in range(1, epochs + 1):
    say("phase", phase="train")
    start = time.monotonic_ns()
    while time.monotonic_ns() < start + 10**6:
        pass
    say("steps", phase="train", items=64, start_ns=start, dur_ns=[10**6])
    say("epoch", epoch=epoch, samples=64, train_loss=0.5)
say("phase", phase="test")
say("metric", name="f1", value=0.2)
say("metric", name="f1", value=0.8)
say("metric", name="lag", value=250)
say("finished", stopped=False, epochs=epochs, usage={}, test_accuracy=0.9)
"#;

#[test]
fn a_worker_of_the_protocol_says_those_that_are_declared() {
    let (_, declared) = GRID.split_once("[metrics.f1]").unwrap();
    let (declared, _) = declared.split_once("[grid]").unwrap();
    let (_, asked) = GRID.split_once("[constraints]").unwrap();
    let lab = Lab::new(&format!(
        "name = \"t\"\nrepeat = 1\n[worker]\ncommand = [\"python3\", \"mine.py\"]\n[grid]\nmodel = \"one\"\n\
         dataset = \"made-up\"\n[train]\nepochs = 2\n[serve]\nenabled = false\n[metrics.f1]{declared}[constraints]{asked}"
    ));
    fs::write(lab.path("mine.py"), WORKER).unwrap();
    let table = lab.run(&["--full"]).exits(0).stdout;
    assert!(table.contains("F1") && table.contains("lag ms"), "{table}");
    let row = lab.report("one-made-up");
    assert_eq!((&*row["f1"], &*row["lag_s"], &*row["verdict"]), ("0.8", "0.25", "feasible"));
    assert_eq!(row["pareto"], "front");
}

/// A command that knows nothing of perftune: it prints its figures, and leaves a file where it is told to.
const PRINTS: &str = r#"printf 'epoch 1: f1=0.2\nepoch 2: f1=%s' "$1"
printf 'lag=2\nlag=4\n' >&2
case "$2" in
none) ;;
text) echo 'no json' > left.json ;;
*) echo "{\"eval\": {\"recall\": $2}}" > left.json ;;
esac
"#;

const READS: &str = r#"name = "t"
repeat = 1
[models.mine]
command = ["sh", "prints.sh", "{f}", "{r}"]
steps = false

[metrics.f1]
from = "stdout"
pattern = 'f1=(\S+)'

[metrics.lag]
from = "output"
pattern = 'lag=([0-9.]+)'
unit = "ms"

[metrics.recall]
from = "left.json"
path = "eval.recall"

[grid]
model = "mine"
dataset = "none"
f = [0.5]
r = [0.75]

[constraints]
f1 = ">= 0.1"
recall = ">= 0.1"
"#;

#[test]
fn an_unchanged_program_is_read_and_what_it_does_not_say_is_absent_for_a_reason() {
    let lab = Lab::new(READS);
    fs::write(lab.path("prints.sh"), PRINTS).unwrap();
    let run = |f: &str, r: &str| {
        let set = [format!("grid.f={f}"), format!("grid.r={r}")];
        lab.run(&["--fresh", "--set", &set[0], "--set", &set[1]]).exits(0);
        let rows = lab.rows("metrics.csv");
        let of = |name: &str| rows.iter().find(|row| row["metric"] == name).unwrap().clone();
        let verdict = lab.rows("report.csv").remove(0)["verdict"].clone();
        (["f1", "lag", "recall"].map(of), verdict)
    };
    let ([f1, lag, recall], verdict) = run("0.5", "0.75");
    assert_eq!([&f1["estimate"], &lag["estimate"], &recall["estimate"]], ["0.5", "0.004", "0.75"]);
    assert_eq!(verdict, "feasible");
    // What it prints is in its log as ever.
    let log = lab.text(&format!("runs/{}/stderr.log", f1["run"]));
    assert!(log.contains("f1=0.5") && log.contains("lag=4"), "{log}");

    let stale = "left.json did not change during the run, so it is of an earlier one";
    let json = "left.json is not JSON: expected ident at line 1 column 2";
    for (f, r, says) in [
        ("0.5", "none", ["", stale]),
        ("0.5", "text", ["", json]),
        ("0.5", "true", ["", "the last match, \"true\", is not a number"]),
        ("1.2.3", "0.75", ["the last match, \"1.2.3\", is not a number", ""]),
        ("infinity", "0.75", ["the program reported inf", ""]),
    ] {
        let ([f1, _, recall], verdict) = run(f, r);
        for (row, says) in [f1, recall].iter().zip(says).filter(|(_, says)| !says.is_empty()) {
            assert_eq!((&*row["estimate"], &*row["note"]), ("", says), "{row:?}");
        }
        assert_eq!(verdict, "undecided", "{f} {r}");
    }
    fs::remove_file(lab.path("left.json")).unwrap();
    assert_eq!(run("0.5", "none").0[2]["note"], "the command wrote no left.json");
    let unmatched = ["--fresh", "--set", "metrics.f1.pattern=F1=(.)"];
    lab.run(&unmatched).exits(0);
    let rows = lab.rows("metrics.csv");
    let f1 = rows.iter().find(|row| row["metric"] == "f1").unwrap();
    assert_eq!(f1["note"], "nothing in its standard output matched the pattern");
}

#[test]
fn a_file_is_that_of_the_run_where_its_name_says_so() {
    let named = |name: &str| {
        READS
            .replace("\"{r}\"]", "\"{r}\", \"{run}\"]")
            .replace("from = \"left.json\"", &format!("from = \"{name}\""))
            .replace("f = [0.5]", "f = [0.5, 0.75]")
            .replace("repeat = 1", "repeat = 2")
    };
    let lab = Lab::new(&named("{run}/{f}.json"));
    let leaves = r#"mkdir -p "$3"; echo "{\"eval\": {\"recall\": $1}}" > "$3/$1.json""#;
    fs::write(lab.path("prints.sh"), leaves).unwrap();
    lab.run(&[]).exits(0);
    for (run, recall) in [("mine-none-f_0.5", 0.5), ("mine-none-f_0.75-r2", 0.75)] {
        assert_eq!(lab.figure(run, "run", "recall"), Some(recall), "{run}");
    }
    assert!(!lab.run(&["--resume"]).exits(0).stderr.contains("started"));
    for (name, says) in [("{runn}.json", "no axis fills `{runn}`"), ("{run.json", "a single `{`")] {
        fs::write(lab.path("grid.toml"), named(name)).unwrap();
        let error = lab.run(&["--dry-run"]).exits(2).stderr;
        assert!(error.contains(says) && error.contains("from = "), "{error}");
    }
}

#[test]
fn exec_reads_figures_in_what_passes_by() {
    let lab = Lab::new("");
    fs::write(lab.path("prints.sh"), PRINTS).unwrap();
    let metric = ["--metric", "f1=f1=([0-9.]+)", "--metric", "lag=lag=([0-9.]+)"];
    let more = ["--set", "metrics.lag.unit=ms", "--constraint", "f1 >= 0.4", "--strict"];
    let command = ["--out", "results/t", "--", "sh", "prints.sh", "0.5", "none"];
    let shown = lab.call(&[&["exec"][..], &metric, &more, &command].concat()).exits(0);
    assert!(shown.stdout.contains("f1") && shown.stdout.contains("4.00 ms"), "{}", shown.stdout);
    assert!(shown.stderr.contains("epoch 2: f1=0.5") && shown.stderr.contains("lag=4"));
    assert_eq!(lab.rows("report.csv")[0]["lag_s"], "0.004");

    let passed = lab.call(&[&["exec", "--fresh", "--pass-stdout"][..], &metric, &command].concat());
    assert_eq!(passed.exits(0).stdout, "epoch 1: f1=0.2\nepoch 2: f1=0.5");

    for (wrong, says) in [
        ("f1", "a metric is a name and a regular expression"),
        ("f1=f1", "it has no group"),
        ("test_accuracy=(.)", "is a metric of perftune"),
        ("=(.)", "cannot be a metric of your own"),
    ] {
        let args = ["exec", "--metric", wrong, "--out", "results/wrong", "--", "true"];
        let shown = lab.call(&args).exits(2);
        assert!(shown.stderr.contains(says), "{}", shown.stderr);
        assert!(!lab.path("results/wrong").exists());
    }
}

#[test]
fn the_example_limits_and_compares_by_figures_of_a_program_that_knows_nothing_of_it() {
    let lab = Lab::new("");
    for file in ["own-metrics.toml", "classify.py"] {
        let example = format!("{}/configs/{file}", env!("CARGO_MANIFEST_DIR"));
        fs::copy(example, lab.path(file)).unwrap();
    }
    let args = ["run", "own-metrics.toml", "--out", "results/t", "--repeat", "1"];
    let table = lab.call(&args).exits(0).stdout;
    assert!(table.contains("F1") && table.contains("recall"), "{table}");
    let rows = lab.rows("report.csv");
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["f1"].parse::<f64>().is_ok_and(|f1| f1 > 0.5)));
    assert_eq!(rows.iter().filter(|row| row["verdict"] == "infeasible").count(), 1);
}

/// Whether Python has PyTorch.
fn has_torch() -> bool {
    let python = Command::new("python3").args(["-c", "import torch"]).output();
    python.is_ok_and(|output| output.status.success())
}

#[test]
fn a_script_of_pytorch_is_swept_and_judged_as_it_is() {
    if !has_torch() {
        eprintln!("left out: python3 has no torch");
        return;
    }
    let lab = Lab::new("");
    let grid = format!("{}/configs/pytorch.toml", env!("CARGO_MANIFEST_DIR"));
    let args = ["run", &grid, "--out", "results/t", "--repeat", "1", "--set", "train.epochs=2"];
    let table = lab.call(&args).exits(0).stdout;
    assert!(table.contains("front: maximize f1; minimize command.time, memory.peak"), "{table}");
    let rows = lab.rows("report.csv");
    assert_eq!(rows.len(), 4);
    for row in rows {
        let f1: f64 = row["f1"].parse().unwrap();
        assert!((0.1..=1.0).contains(&f1), "{row:?}");
        assert_eq!(row["verdict"], "feasible", "{row:?}");
    }
}

#[test]
fn each_value_of_a_series_is_one_of_its_mean() {
    let grid = "name = \"t\"\nrepeat = 1\n[models.mine]\ncommand = [\"sh\", \"series.sh\"]\n\
                [metrics.gain]\nkind = \"series\"\n[metrics.loss_like]\nkind = \"series\"\n\
                from = \"stdout\"\npattern = \"l=([0-9]+)\"\n[grid]\nmodel = \"mine\"\ndataset = \"none\"\n";
    let lab = Lab::new(grid);
    let says = "for at in 4 6 5 4 6 5 4 6 5; do echo '{\"step\": {\"items\": 4, \"dur_s\": 0.0001, \"gain\": '$at'}}' >> \"$PERFTUNE_EVENTS\"; echo l=$at; done\n";
    fs::write(lab.path("series.sh"), says).unwrap();
    lab.run(&[]).exits(0);
    let run = "mine-none";
    assert_eq!(lab.figure(run, "train", "gain"), Some(5.0));
    let rows = lab.rows("metrics.csv");
    let gain = rows.iter().find(|row| row["metric"] == "gain").unwrap();
    assert_eq!(gain["samples"], "9");
}

/// What the baseline says in every run and the candidate in half of them is missing, whatever is left of it; and says no comfort
/// of longer runs.
#[test]
fn a_figure_that_the_candidate_says_in_some_runs_only_fails_the_gate() {
    let grid = |says: &str| {
        format!(
            "name = \"t\"\nrepeat = 1\n[models.mine]\ncommand = [\"sh\", \"-c\", \"{says}\", \"mine\", \"{{seed}}\"]\nsteps = false\n\
             [metrics.f1]\nfrom = \"stdout\"\npattern = 'f1=([0-9.]+)'\nbetter = \"higher\"\n\
             [grid]\nmodel = \"mine\"\ndataset = \"none\"\n[gate.metrics]\nf1.role = \"gate\"\n\
             \"command.time\".role = \"info\"\n\"memory.peak\".role = \"info\"\n"
        )
    };
    let lab = Lab::new(&grid("echo f1=0.9$1"));
    fs::write(lab.path("new.toml"), grid("[ $(($1 % 2)) = 0 ] || echo f1=0.9$1")).unwrap();
    let args = ["run", "new.toml", "--against", "grid.toml", "--blocks", "7", "--out", "results/t"];
    let shown = lab.call(&args).exits(5).stdout;
    let text = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = "missing: mine-none f1: 0.9";
    assert!(text.contains(says), "{text}");
    assert!(text.contains("7 of 14 runs of the candidate have no such figure"), "{text}");
    assert!(!text.contains("longer") && !text.contains("more runs"), "{text}");
}
