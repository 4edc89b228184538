//! The whole gate as a user has it, on this machine: real runs, in turns, from the worker to the exit code.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use perftune::app::compare;
use perftune::gate::{GatePolicy, Outcome, RowVerdict, Side, judge};

use super::common::{number, verdict};
use super::{at_least, at_most};

const PERFTUNE: &str = env!("CARGO_BIN_EXE_perftune");

/// Three cheap cells that are really trained, each for a second or two.
const NATIVE: &str = r#"
name = "pool"
[grid]
model = ["mlp", "cnn"]
dataset = "digits"
batch_size = [32, 256]
threads = 1
[[exclude]]
model = "cnn"
batch_size = 32
[train]
epochs = 30
[[override]]
match = { model = "mlp", batch_size = 256 }
train.epochs = 90
[serve]
enabled = false
[stop]
enabled = false
"#;

/// Two cells that keep a core busy for as long as they say. They are too short for quartiles of rates.
const SCRIPTED: &str = r#"
name = "found"
[worker]
program = "scripted"
options = { time = "real", step_us = 200.0, steps_per_epoch = 1000, slow_batch_size = 64 }
[grid]
model = "scripted"
dataset = "made-up"
batch_size = [16, 64]
[train]
epochs = 1
[serve]
enabled = false
[stop]
enabled = false
[gate.metrics]
train.throughput_p75 = { role = "info" }
"#;

const SLOWED: &str = "scripted-made-up-b64";

/// `perftune run` of this grid against itself; its exit code.
fn compared(folder: &Path, grid: &str, args: &[&str]) -> i32 {
    let file = folder.join("grid.toml");
    std::fs::write(&file, grid).unwrap();
    let status = Command::new(PERFTUNE)
        .args(["run", "grid.toml", "--against", "grid.toml", "--out", "out", "--fresh", "-q"])
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::null())
        .status();
    status.unwrap().code().unwrap_or(-1)
}

/// Both sides are the same: one recorded pool of blocks, judged in groups that share no run. `POOL` (42) blocks of each
/// cell; `KEEP=DIR` keeps the recording there, and judges what is there already.
pub(crate) fn same() {
    let blocks = number("POOL", 42) as u32;
    let scratch = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("KEEP").map_or_else(|| scratch.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    println!("\nreal A/A, three native cells, {blocks} blocks of four runs each, in turns");
    // Written when all runs are over.
    let recorded = folder.join("out/candidate/report.html");
    if !recorded.exists() {
        let asked = blocks.to_string();
        let code = compared(&folder, NATIVE, &["--blocks", &asked, "--all-blocks"]);
        println!("  all blocks in one comparison: exit code {code}");
        if !recorded.exists() {
            println!(
                "  not measured: no comparison was made (the native worker is built by `make`)"
            );
            return;
        }
    }
    let [baseline, candidate] = compare::sides_of(&folder.join("out")).unwrap_or_else(|fault| {
        panic!("{}: {:?}", folder.display(), fault.error);
    });
    println!(
        "  {:>6} {:>6} {:>5} {:>9} {:>7} {:>12} {:>10}  95% bound",
        "blocks", "groups", "fails", "rows", "passed", "inconclusive", "suspect"
    );
    for size in [7, 10] {
        groups((&baseline, &candidate), blocks, size);
    }
}

fn groups((baseline, candidate): (&Side, &Side), blocks: u32, size: u32) {
    let (mut fails, mut rows, mut passed, mut open, mut suspect) = (0, 0, 0, 0, 0);
    let count = blocks / size;
    for group in 0..count {
        let within = group * size + 1..=(group + 1) * size;
        let part = |side: &Side| {
            let mut side = side.clone();
            side.runs.retain(|run| {
                let pairing = run.pairing.as_ref();
                pairing.is_some_and(|pairing| within.contains(&pairing.block))
            });
            side
        };
        let judgement = judge(&part(baseline), &part(candidate), &GatePolicy::default()).unwrap();
        fails += u64::from(judgement.exit_code(false) != 0);
        if judgement.outcome != Outcome::Ok {
            for row in judgement.rows.iter().filter(|row| row.verdict == RowVerdict::Regressed) {
                println!(
                    "  group {}: {} {} {} {:?}",
                    group + 1,
                    row.cell,
                    row.phase,
                    row.metric,
                    row.change
                );
            }
        }
        let of = |verdict| judgement.rows.iter().filter(|row| row.verdict == verdict).count();
        rows += judgement.coverage.of;
        passed += of(RowVerdict::Pass) + of(RowVerdict::Improved);
        open += of(RowVerdict::Inconclusive);
        suspect += of(RowVerdict::Suspect);
    }
    println!(
        "  {size:>6} {count:>6} {fails:>5} {rows:>9} {passed:>7} {open:>12} {suspect:>10}  at most {:.1}% of invocations fail",
        at_most(fails, u64::from(count)),
    );
}

/// One cell of the candidate is slower by 10%, in real time: `TRIALS` (20) comparisons of 10 blocks.
pub(crate) fn found() {
    let trials = number("TRIALS", 20);
    let scratch = tempfile::tempdir().unwrap();
    let (mut named, mut quiet) = (0_u64, 0_u64);
    for trial in 1..=trials {
        let seed = format!("seed={}", 1000 * trial);
        let args = ["--set-b", &*seed, "--set-b", "worker.options.slowdown=1.1"];
        let code = compared(scratch.path(), SCRIPTED, &args);
        let text = std::fs::read_to_string(scratch.path().join("out/verdict.json")).unwrap();
        let judgement: perftune::gate::Judgement = serde_json::from_str(&text).unwrap();
        let red = |cell: &dyn Fn(&str) -> bool| {
            let rows = judgement.rows.iter();
            rows.filter(|row| row.verdict == RowVerdict::Regressed).any(|row| cell(&row.cell))
        };
        let (right, wrong) = (red(&|cell| cell == SLOWED), red(&|cell| cell != SLOWED));
        named += u64::from(code == 1 && right && !wrong);
        quiet += u64::from(!wrong);
        if code != 1 || wrong {
            println!("  trial {trial}: exit code {code}, {}", judgement.coverage);
        }
    }
    let of = trials;
    println!("\nscripted worker in real time, one of two cells slower by 10%, 10 blocks");
    println!(
        "  found and named, and nothing else: {named} of {of} (at least {:.1}% at 95%); the other cell quiet: {quiet} of {of}  target 20 of 20: {}",
        at_least(named, of),
        verdict(named == of),
    );
}
