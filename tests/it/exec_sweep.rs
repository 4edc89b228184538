//! `perftune exec` with axes and with several commands: which cells there are, what they are told, how they end and go on.

use std::fs;
use std::process::Command as Process;

use rustix::process::Signal;

use crate::support::{Lab, Perftune, Row, Running, Watched, two_cpus};

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
    // Lines end where the terminal does.
    let said = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for says in ["command", "lr", "4 cells: ", "8 runs: 8 ok", "reports in results/t"] {
        assert!(said.contains(says), "{says}: {}", shown.stdout);
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
        warned.contains("{bacth} is not an axis and stays as it is: did you mean {batch}?"),
        "{warned}"
    );
    // Doubled ones are the text with single ones, as is documented.
    let args = exec(&["-L", "x=1", "--repeat", "1", "--fresh"], &["echo", "{x}", "{{x}}"]);
    let warned = lab.call(&args).exits(0).stderr;
    assert!(!warned.contains("is not an axis"), "{warned}");
}

#[test]
fn an_axis_that_is_built_in_is_swept_like_in_a_grid() {
    let lab = lab();
    let flags = [
        "-L",
        "batch_size=16,32",
        "-L",
        "learning_rate=1e-3,0.01",
        "-L",
        "device=cpu",
        "--repeat",
        "1",
    ];
    let words =
        ["sh", "-c", "echo \"$*\" >> told", "sh", "{batch_size}", "{learning_rate}", "{device}"];
    lab.call(&exec(&flags, &words)).exits(0);
    let mut said = told(&lab, "told");
    said.sort();
    assert_eq!(said, ["16 0.001 cpu", "16 0.01 cpu", "32 0.001 cpu", "32 0.01 cpu"]);
    let rows = lab.rows("report.csv");
    let cells = cells(&rows, &["batch_size", "learning_rate"]);
    assert_eq!(cells, ["16 0.001", "16 0.01", "32 0.001", "32 0.01"]);
    for (axis, says) in [
        ("batch_size=0", "must be a whole number"),
        ("learning_rate=fast", "`learning_rate` must be"),
        ("model=a", "a command brings its own data"),
        ("batch_size=64", "nothing uses the axis `batch_size`"),
    ] {
        let command =
            if says.contains("uses") { "x" } else { "{batch_size}{learning_rate}{model}" };
        let shown = lab.call(&exec(&["-L", axis], &["echo", command])).exits(2);
        assert!(shown.stderr.contains(says), "{axis}: {}", shown.stderr);
    }
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
    let says = ["--resume runs the rest", "the budget ran out"];
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

/// What was done, in order.
fn done(lab: &Lab) -> Vec<String> {
    fs::read_to_string(lab.path("done")).unwrap().lines().map(str::to_owned).collect()
}

/// A command that writes down that it was run, and how it ends.
fn note(what: &str, code: &str) -> String {
    format!("sh -c 'echo {what} $1 >> done; echo no-$1; exit {code}' sh {{n}}")
}

#[test]
fn what_comes_around_the_runs_is_done_once_a_cell_or_before_each_run() {
    let lab = lab();
    let [setup, prepare, cleanup] = ["setup", "prepare", "cleanup"].map(|what| note(what, "0"));
    let hooks = ["--setup", &setup, "--prepare", &prepare, "--cleanup", &cleanup];
    let args = exec(
        &[&["-L", "n=1,2", "--repeat", "2"], &hooks[..]].concat(),
        &["sh", "-c", "echo run $0 >> done", "{n}"],
    );
    let shown = lab.call(&args).exits(0);
    let done = done(&lab);
    let of = |n: &str| -> Vec<&str> {
        let own = done.iter().filter(|line| line.ends_with(n));
        own.map(|line| line.split(' ').next().unwrap()).collect()
    };
    let whole = ["setup", "prepare", "run", "prepare", "run", "cleanup"];
    assert_eq!((of("1"), of("2")), (whole.to_vec(), whole.to_vec()), "{done:?}");
    assert!(!shown.stdout.contains("no-"), "{shown:?}");
    assert!(lab.figure("sh-n_1", "run", "command.time").unwrap() > 0.0);
}

#[test]
fn a_setup_that_fails_ends_its_cell_alone_and_says_why() {
    for (flag, kind) in [("--setup", "setup"), ("--prepare", "prepare")] {
        let lab = lab();
        let (fails, cleanup) = (note(kind, "$(($1 - 1))"), note("cleanup", "0"));
        let flags = ["-L", "n=1,4", "--repeat", "2", flag, &fails, "--cleanup", &cleanup];
        let args = exec(&flags, &["sh", "-c", "echo run $0 >> done", "{n}"]);
        let shown = lab.call(&args).exits(3);
        let row = lab.report("sh-n_4");
        assert_eq!(row["status"], "failed");
        let said = "exit $(($1 - 1))' sh 4` exited with code 3; its last output: no-4";
        assert!(row["failure"].starts_with(&format!("{kind} failed: `sh -c ")), "{row:?}");
        assert!(row["failure"].ends_with(said), "{row:?}");
        assert!(shown.stdout.contains(&format!("1 completed, 1 {kind}")), "{}", shown.stdout);
        let failure = &lab.record("sh-n_4-r2")["failure"];
        assert_eq!((&failure["kind"], &failure["exit_code"]), (&kind.into(), &3.into()));
        let done = done(&lab);
        let count = |line: &str| done.iter().filter(|other| *other == line).count();
        assert_eq!(
            [count("run 1"), count("run 4"), count(&format!("{kind} 4"))],
            [2, 0, 1],
            "{done:?}"
        );
        assert_eq!([count("cleanup 1"), count("cleanup 4")], [1, 1], "{done:?}");
    }
}

#[test]
fn a_cleanup_that_fails_is_a_warning() {
    let lab = lab();
    let cleanup = note("cleanup", "7");
    let args = exec(
        &["-L", "n=1", "--cleanup", &cleanup, "--repeat", "1"],
        &["sh", "-c", "exit $0", "{n}"],
    );
    let shown = lab.call(&args).exits(3);
    let says = "warning: cleanup failed: sh-n_1: `sh -c";
    assert!(
        shown.stderr.contains(says) && shown.stderr.contains("its last output: no-1"),
        "{shown:?}"
    );
}

#[test]
fn what_comes_around_the_runs_ends_in_time_and_with_ctrl_c_and_is_cleaned_up() {
    let lab = lab();
    let ready = lab.path("ready");
    assert!(Process::new("mkfifo").arg(&ready).status().unwrap().success());
    let cleanup = note("cleanup", "0");
    let setup = "sh -c 'sleep 1000 & echo $! > child; test $1 = 1 || exec sleep 1000; echo $$ > ready; wait' sh {n}";
    let flags = ["--fresh", "--repeat", "1", "--setup", setup, "--cleanup", &cleanup];
    let exec = |more: &[&'static str]| exec(&[&flags[..], more].concat(), &["echo", "{n}"]);
    let shown = lab.call(&exec(&["-L", "n=2", "--timeout", "300ms"])).exits(3);
    assert!(shown.stdout.contains("took longer than 300 ms"), "{}", shown.stdout);
    let child = || Watched::new(fs::read_to_string(lab.path("child")).unwrap().trim());
    assert!(child().ends());
    assert_eq!(done(&lab), ["cleanup 2"]);

    let running = Running::new(lab.perftune(&exec(&["-L", "n=1"])));
    let pid = fs::read_to_string(&ready).unwrap();
    let (setup, child) = (Watched::new(pid.trim()), child());
    assert!(setup.lives() && child.lives());
    running.signal(Signal::INT);
    assert!(setup.ends() && child.ends());
    assert_eq!(running.end().code, Some(130));
    assert_eq!(done(&lab), ["cleanup 2", "cleanup 1"]);
}

#[test]
fn no_value_reaches_a_shell_as_more_than_a_value() {
    let lab = lab();
    let see = |flags: &[&str], command: &[&str]| {
        let args = exec(flags, command);
        format!("$ perftune {}\n{}\n", args.join(" "), lab.call(&args).exits(2).stderr)
    };
    let shown = [
        see(&["-L", "x=a b,c"], &["bash", "-ec", "echo {x}"]),
        see(&["-L", "x=$(touch owned)", "--prepare", "sh -c 'rm -f {x}'"], &["echo", "{x}"]),
        see(&["--setup", "sh -c 'sync"], &["true"]),
        see(&["--cleanup", " "], &["true"]),
        see(&["--prepare", "no-such-program {x}", "-L", "x=1"], &["echo", "{x}"]),
    ];
    insta::assert_snapshot!("exec_shells", shown.concat());
    assert_eq!(lab.files(), ["grid.toml"]);
    let plain = ["-L", "x=1,b-2", "--repeat", "1", "--prepare", "sh -c 'echo {x} >> told'"];
    lab.call(&exec(&plain, &["sh", "-c", "echo {x} >> told"])).exits(0);
    assert_eq!(told(&lab, "told"), ["1", "1", "b-2", "b-2"]);
}

#[test]
fn a_command_of_a_grid_file_has_the_same_keys() {
    let lab = Lab::new(
        r#"name = "t"
repeat = 2
[models.mine]
command = ["sh", "-c", "echo run $0 >> done", "{n}"]
setup = ["sh", "note.sh", "setup", "{n}"]
prepare = ["sh", "note.sh", "prepare", "{n}"]
cleanup = ["sh", "note.sh", "cleanup", "{n}"]
steps = false
[grid]
model = "mine"
dataset = "none"
n = [1, 2]
"#,
    );
    fs::write(lab.path("note.sh"), "echo $1 $2 >> done\n").unwrap();
    // Side by side as one after the other: what is around the runs of a cell is of all of them.
    for jobs in ["1", "2"].into_iter().take(1 + usize::from(two_cpus())) {
        lab.run(&["--fresh", "--jobs", jobs]).exits(0);
        assert_eq!(told(&lab, "done"), AROUND_TWO_CELLS, "{jobs}");
        fs::remove_file(lab.path("done")).unwrap();
    }
}

/// What a command of two cells tells, sorted.
const AROUND_TWO_CELLS: [&str; 12] = [
    "cleanup 1",
    "cleanup 2",
    "prepare 1",
    "prepare 1",
    "prepare 2",
    "prepare 2",
    "run 1",
    "run 1",
    "run 2",
    "run 2",
    "setup 1",
    "setup 2",
];

#[test]
fn several_commands_are_run_in_rounds_and_the_fastest_is_told() {
    let lab = lab();
    let args = exec(&["--repeat", "3"], &["sleep", "0.05", "---", "sleep", "0.2"]);
    let shown = lab.call(&args).exits(0);
    let rows = lab.rows("report.csv");
    assert_eq!(cells(&rows, &["model"]), ["sleep-0.05", "sleep-0.2"]);
    assert_eq!(rows.len(), 6);
    let told = shown.stdout.replace("\n  ", " ");
    assert!(told.contains("fastest: sleep-0.05; sleep-0.2 takes "), "{told}");
    assert!(told.contains(" over 3 rounds); intervals of all at 95%\n"), "{told}");
    // The same from the folder, and for programs.
    let report = lab.call(&["report", "results/t"]).exits(0).stdout.replace("\n  ", " ");
    assert!(report.contains("fastest: sleep-0.05; "), "{report}");
    let json = lab.call(&["report", "results/t", "--format", "json"]).exits(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let slower = &json["fastest"][0]["slower"][0];
    assert_eq!(slower["cell"], "sleep-0.2");
    assert!(slower["low"].as_f64().unwrap() > 1.0, "{slower}");
}

#[test]
fn an_axis_is_one_of_the_commands_that_use_it() {
    let lab = lab();
    let flags = ["-L", "n=1,2", "-L", "env.N=3", "--repeat", "1", "--name", "new", "--name", "old"];
    lab.call(&exec(&flags, &["echo", "{n}", "---", "true"])).exits(0);
    let rows = lab.rows("report.csv");
    let runs = ["new-n_1-env.N_3 1 3", "new-n_2-env.N_3 2 3", "old-env.N_3  3"];
    assert_eq!(cells(&rows, &["run", "n", "env.N"]), runs);
}

#[test]
fn commands_without_words_and_names_without_commands_are_mistakes() {
    let lab = lab();
    let see = |flags: &[&str], command: &[&str]| {
        let args = exec(flags, command);
        format!("$ perftune {}\n{}\n", args.join(" "), lab.call(&args).exits(2).stderr)
    };
    let shown = [
        see(&[], &["true", "---"]),
        see(&["--name", "a", "--name", "b", "--name", "c"], &["true", "---", "false"]),
        see(&["--name", "a", "--name", "a"], &["true", "---", "false"]),
        see(&[], &["true", "---", "no-such-program"]),
    ];
    insta::assert_snapshot!("exec_commands", shown.concat());
    assert_eq!(lab.files(), ["grid.toml"]);
}

#[test]
fn the_times_are_exported_as_hyperfine_has_them() {
    let lab = lab();
    let flags = ["-L", "n=0.01,0.02", "--repeat", "2", "--export-hyperfine", "times.json"];
    lab.call(&exec(&flags, &["sleep", "{n}"])).exits(0);
    let text = fs::read_to_string(lab.path("times.json")).unwrap();
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    let results = found["results"].as_array().unwrap();
    let commands: Vec<&str> = results.iter().map(|one| one["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["sleep 0.01", "sleep 0.02"]);
    assert_eq!(results[0]["parameters"]["n"], "0.01");
    assert_eq!(results[0]["times"].as_array().unwrap().len(), 2);
    // Where it cannot be written is said before anything is run.
    for (file, says) in
        [("nowhere/times.json", "there is no such folder"), ("results", "it is a folder")]
    {
        let shown = lab.call(&["exec", "--export-hyperfine", file, "--", "true"]).exits(2);
        assert!(shown.stderr.contains(says), "{}", shown.stderr);
    }
    assert!(!lab.path("results/true").exists());
}

#[test]
fn a_failure_says_what_the_command_said_last() {
    let lab = lab();
    let flags = ["-L", "script=nosuch.py,neither.py", "--repeat", "1"];
    let shown = lab.call(&exec(&flags, &["python3", "{script}"])).exits(3);
    let told = shown.stdout.replace("\n  ", " ");
    let (_, last) = told.split_once("its last output: ").unwrap();
    assert!(last.lines().next().unwrap().contains("can't open file"), "{told}");
}
