//! `perftune exec` with axes and with several commands: which cells there are, what they are told, how they end and go on.

use std::fs;
use std::process::Command as Process;

use rustix::process::Signal;

use crate::support::{Lab, Perftune, Row, Running, Watched};

/// A folder for commands.
fn lab() -> Lab {
    Lab::new("")
}

/// `perftune exec` with these flags, its results in `results/t`, and this command behind them.
fn exec<'a>(flags: &[&'a str], command: &[&'a str]) -> Vec<&'a str> {
    [&["exec", "--out", "results/t"], flags, &["--"], command].concat()
}

/// What a command has written to this file, line by line, sorted.
fn told(lab: &Lab, file: &str) -> Vec<String> {
    let text = fs::read_to_string(lab.path(file)).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn cells(rows: &[Row], keys: &[&str]) -> Vec<String> {
    let of = |row: &Row| keys.iter().map(|key| row[*key].clone()).collect::<Vec<_>>().join(" ");
    let mut all: Vec<String> = rows.iter().map(of).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn the_product_of_the_axes_is_run_in_rounds_and_reported_like_a_grid() {
    let lab = lab();
    let script = "echo \"$1|$2|$N\" >> told; echo out; echo err >&2";
    let command = ["sh", "-c", script, "sh", "--lr={lr}", "{}{{lr}}"];
    let axes = ["-L", "lr=1e-3,0.1", "--parameter-list", "env.N=1,2"];
    let args = exec(&[&axes[..], &["--repeat", "2", "--progress", "plain"]].concat(), &command);
    let shown = lab.call(&args).exits(0);
    let once =
        ["--lr=0.1|{}{lr}|1", "--lr=0.1|{}{lr}|2", "--lr=1e-3|{}{lr}|1", "--lr=1e-3|{}{lr}|2"];
    let twice: Vec<&str> = once.iter().flat_map(|line| [*line, *line]).collect();
    assert_eq!(told(&lab, "told"), twice);
    // All cells once, then all again.
    let started: Vec<&str> =
        shown.stderr.lines().filter(|line| line.ends_with(": started")).collect();
    assert_eq!(started.len(), 8, "{}", shown.stderr);
    assert!(started[..4].iter().all(|line| !line.contains("-r2")), "{started:?}");
    assert!(!shown.stderr.contains("err\n"), "{}", shown.stderr);
    assert_eq!(lab.text("runs/sh-lr_0.1-env.N_1/stderr.log").len(), "out\nerr\n".len());

    let rows = lab.rows("report.csv");
    assert_eq!(cells(&rows, &["lr", "env.N"]), ["0.1 1", "0.1 2", "1e-3 1", "1e-3 2"]);
    for unset in ["dataset", "seed"] {
        assert!(rows.iter().all(|row| row[unset].is_empty()), "{unset}");
    }
    assert_eq!(lab.rows("summary.csv").len(), 4);
    for says in ["command", "lr", "command  ", "4 cells: ", "8 runs: 8 ok", "reports in results/t"]
    {
        assert!(shown.stdout.contains(says), "{says}: {}", shown.stdout);
    }
    assert!(!shown.stdout.contains("dataset"), "{}", shown.stdout);

    // What is whole is kept, and more of it is what is missing.
    let resumed = |axes: &[&str]| {
        let shown = lab.call(&exec(
            &[axes, &["--repeat", "2", "--resume", "--progress", "plain"]].concat(),
            &command,
        ));
        shown.exits(0).stderr.matches(": started").count()
    };
    assert_eq!(resumed(&axes), 0);
    assert_eq!(resumed(&["-L", "lr=1e-3,0.1,1", "-L", "env.N=1,2"]), 4);
    // `perftune report` makes the same of it.
    let before = lab.text("report.csv");
    lab.call(&["report", "results/t"]).exits(0);
    assert_eq!(lab.text("report.csv"), before);
}

#[test]
fn a_value_reaches_the_command_as_it_is_written_and_no_shell() {
    let lab = lab();
    let script = "printf '%s\\n' \"$@\" >> told";
    let axes = ["-L", "v=$(touch owned),a\\,b,=1+1,3.10,-x,\u{1b}[31m", "--repeat", "1"];
    let shown = lab.call(&exec(&axes, &["sh", "-c", script, "sh", "{v}"])).exits(0);
    assert_eq!(told(&lab, "told"), ["\u{1b}[31m", "$(touch owned)", "-x", "3.10", "=1+1", "a,b"]);
    assert!(!lab.path("owned").exists());
    assert!(!shown.stdout.contains('\u{1b}') && !shown.stderr.contains('\u{1b}'), "{shown:?}");
    assert!(lab.text("report.csv").contains(",'=1+1,"), "{}", lab.text("report.csv"));
    assert!(lab.text("report.csv").contains(",3.10,"), "{}", lab.text("report.csv"));
}

#[test]
fn without_axes_braces_are_the_commands_own() {
    let lab = lab();
    let shown = lab.call(&exec(&["--pass-stdout"], &["echo", "{}", "{batch}", "{{x}}"])).exits(0);
    assert_eq!(shown.stdout, "{} {batch} {{x}}\n");
}

#[test]
fn axes_that_make_no_sense_are_told_before_anything_is_written() {
    let lab = lab();
    let see = |flags: &[&str], command: &[&str]| {
        let args = exec(flags, command);
        let shown = lab.call(&args).exits(2);
        assert_eq!(shown.stdout, "");
        format!("$ perftune {}\n{}\n", args.join(" "), shown.stderr)
    };
    let shown = [
        see(&["-L", "batch"], &["echo", "{batch}"]),
        see(&["-L", "batch="], &["echo", "{batch}"]),
        see(&["-L", "a=1", "-L", "a=2", "-L", "b=1,,2", "-L", "a b=1"], &["echo", "{a}{b}"]),
        see(&["-L", "seed=1,2", "-L", "run=1", "-L", "env.PERFTUNE_EVENTS=x"], &["echo", "{seed}"]),
        see(&["-L", "batch=1,2"], &["echo", "x"]),
        see(&["-L", "batch=1,2"], &["echo", "{bacth}"]),
        see(&["-L", "batch=2,2"], &["echo", "{batch}"]),
        see(&["-L", "program=no-such-program"], &["{program}"]),
        see(&["-L", "a=1,2,3,4,5,6,7,8,9,10,11", "--repeat", "10000"], &["echo", "{a}"]),
    ];
    insta::assert_snapshot!("exec_axes", shown.concat());
    assert_eq!(lab.files(), ["grid.toml"]);
    // Braces that are nearly those of an axis may be meant, and may not.
    let args = exec(&["-L", "batch=1", "--repeat", "1"], &["echo", "{batch}", "{bacth}"]);
    let warned = lab.call(&args).exits(0).stderr;
    assert!(
        warned.contains("{bacth} names no axis and stays as it is: is {batch} meant?"),
        "{warned}"
    );
}

#[test]
fn hyperfine_s_way_to_write_an_axis_is_read_too() {
    let lab = lab();
    lab.call(&exec(&["-L", "n", "1,2", "-L", "m=3", "--repeat", "1"], &["echo", "{n}{m}"]))
        .exits(0);
    assert_eq!(cells(&lab.rows("report.csv"), &["run"]), ["echo-n_1-m_3", "echo-n_2-m_3"]);
}

#[test]
fn a_cell_that_fails_is_told_and_the_others_go_on() {
    let lab = lab();
    let args = exec(&["-L", "n=0,3", "--repeat", "1"], &["sh", "-c", "exit $0", "{n}"]);
    let shown = lab.call(&args).exits(3);
    assert!(shown.stdout.contains("2 runs: 1 ok (1 completed), 1 failed"), "{}", shown.stdout);
    assert_eq!(lab.report("sh-n_0")["status"], "completed");
    assert_eq!(lab.report("sh-n_3")["status"], "failed");
}

#[test]
fn an_end_in_the_middle_leaves_no_process_and_is_gone_on_with() {
    for (signal, code) in [(Signal::INT, Some(130)), (Signal::KILL, None)] {
        let lab = lab();
        let made = Process::new("mkfifo").arg(lab.path("ready")).status().unwrap();
        assert!(made.success());
        let script = "test $0 = 1 || test ! -e ready || { echo $$ > ready; exec sleep 1000; }";
        let flags = ["-L", "n=1,2,3", "--repeat", "1"];
        let command = ["sh", "-c", script, "{n}"];
        let running = Running::new(lab.perftune(&exec(&flags, &command)));
        // Waits until one of them is there.
        let pid = fs::read_to_string(lab.path("ready")).unwrap();
        let waiting = Watched::new(pid.trim());
        assert!(waiting.lives());
        running.signal(signal);
        assert!(waiting.ends());
        assert_eq!(running.end().code, code);
        fs::remove_file(lab.path("ready")).unwrap();
        lab.call(&exec(&[&flags[..], &["--resume"]].concat(), &command)).exits(0);
        let rows = lab.rows("report.csv");
        assert_eq!(cells(&rows, &["run", "status"]).len(), 3);
        assert!(rows.iter().all(|row| row["status"] == "completed"), "{rows:?}");
    }
}

#[test]
fn the_budget_ends_a_sweep_and_resume_runs_the_rest() {
    let lab = lab();
    let flags = ["-L", "n=0,1000", "--repeat", "1", "--budget", "1500ms"];
    // A round is in an order of its own: either cell may be first.
    let shown = lab.call(&exec(&flags, &["sleep", "{n}"]));
    assert!(matches!(shown.code, Some(0 | 2)), "{shown:?}");
    let says = ["--resume runs the rest", "the budget was used up"];
    assert!(
        says.iter().any(|says| (shown.stdout.clone() + &shown.stderr).contains(says)),
        "{shown:?}"
    );
}

#[test]
fn the_help_says_how_axes_are_written() {
    let help = Perftune::new().args(["exec", "--help"]).run();
    assert!(help.contains("-L, --parameter-list <NAME=VALUE,...>"), "{help}");
}
