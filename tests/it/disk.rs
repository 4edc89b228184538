//! Places that cannot be written, and disks that fill up.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::{Lab, Running, Shown};

const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { talks = true, steps_per_epoch = 100 }
[grid]
model = "one"
dataset = "made-up"
batch_size = [16, 64]
[train]
epochs = 3
[[override]]
match = { batch_size = 64 }
train.epochs = 20000
[serve]
enabled = false
[stop]
enabled = false
"#;

/// Said before the first run: no run was started.
fn refused(shown: Shown, says: &[&str]) {
    let shown = shown.exits(2);
    assert!(!shown.stderr.contains("started"), "{}", shown.stderr);
    assert_eq!(shown.stdout, "");
    for word in says {
        assert!(shown.stderr.contains(word), "{word}: {}", shown.stderr);
    }
}

#[test]
fn a_file_where_the_folder_should_be_is_named_before_the_first_run() {
    let lab = Lab::new(GRID);
    fs::write(lab.path("taken"), "mine").unwrap();
    for out in ["taken", "taken/below"] {
        refused(lab.run(&["--out", out]), &["error: ", "taken"]);
    }
    assert_eq!(lab.files(), ["grid.toml", "taken"]);
    assert_eq!(fs::read_to_string(lab.path("taken")).unwrap(), "mine");
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let lab = Lab::new(GRID);
    fs::create_dir(lab.path("thesis")).unwrap();
    fs::write(lab.path("thesis/chapter.tex"), "mine").unwrap();
    for flag in [&[][..], &["--resume"], &["--fresh"]] {
        let shown = lab.run(&[&["--out", "thesis"], flag].concat());
        refused(shown, &["thesis is not a results folder of perftune", "--out"]);
    }
    assert_eq!(lab.files(), ["grid.toml", "thesis/chapter.tex"]);
}

/// A command below which permissions bind even the superuser, and the folder to which nothing can be added there.
fn closed(folder: &Path) -> Option<&'static [&'static str]> {
    const BOUND: [&[&str]; 2] =
        [&["env"], &["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]];
    fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
    let probe = folder.join("probe");
    let binds = |below: &&&[&str]| {
        let mut command = Command::new(below[0]);
        let refused = command.args(&below[1..]).args(["sh", "-c", "! touch \"$0\""]).arg(&probe);
        let refused = refused.stderr(Stdio::null()).status();
        let _ = fs::remove_file(&probe);
        refused.is_ok_and(|refused| refused.success())
    };
    let found = BOUND.iter().find(binds).copied();
    if found.is_none() {
        skipped("permissions do not bind this user");
    }
    found
}

#[test]
fn a_folder_without_permission_is_named_before_the_first_run() {
    let lab = Lab::new(GRID);
    fs::create_dir(lab.path("closed")).unwrap();
    let Some(below) = closed(&lab.path("closed")) else { return };
    let mut run = lab.perftune_below(below, &["run", "grid.toml", "--out", "closed/t"]);
    refused(Shown::of(run.output().unwrap()), &["closed", "denied"]);
}

#[test]
fn results_that_cannot_be_written_are_shown_all_the_same() {
    let lab = Lab::new(GRID);
    lab.run(&["--only", "batch_size=16"]).exits(0);
    let before = lab.call(&["report", "results/t"]).exits(0);
    fs::remove_file(lab.file("report.html")).unwrap();
    // With the lock of the runs, and as from a medium that never had one.
    for lock in [true, false] {
        if !lock {
            fs::set_permissions(lab.file(""), fs::Permissions::from_mode(0o755)).unwrap();
            fs::remove_file(lab.file(".lock")).unwrap();
        }
        let Some(below) = closed(&lab.file("")) else { return };
        let mut report = lab.perftune_below(below, &["report", "results/t"]);
        let shown = Shown::of(report.output().unwrap()).exits(0);
        assert!(before.stdout.starts_with(shown.stdout.trim_end()), "{shown:#?}");
        assert!(shown.stderr.contains("note: the reports in results/t stay as they are: cannot"));
        assert!(!lab.file("report.html").exists());
    }
}

/// Says so past the test harness, which would keep it to itself.
fn skipped(why: &str) {
    let _ = std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes());
}

/// A file system of some megabytes, where one may be had.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "none"])
            .arg(&at)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(at))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_disk_with_hardly_any_room_is_named_before_the_first_run() {
    let lab = Lab::new(GRID);
    let Some(small) = Small::mount(lab.path("small")) else {
        return skipped("this user may not mount a small file system");
    };
    refused(lab.run(&["--out", "small/t"]), &["bytes are free", "small/t", "are needed"]);
    drop(small);
}

#[test]
fn a_disk_that_fills_up_ends_the_grid_and_keeps_what_is_whole() {
    // Files may grow to a megabyte or two (the unit of `ulimit` differs between shells): enough for the first run, by
    // far too little for the log of the second. What the kernel then says is an error like a full disk's.
    let lab = Lab::new(GRID);
    let perftune = assert_cmd::cargo::cargo_bin!("perftune");
    let script = "trap '' XFSZ; ulimit -f 2000; exec \"$0\" run grid.toml -v";
    let mut shell = lab.perftune(&[]);
    let mut command = Command::new("sh");
    command
        .args(["-c", script, perftune.to_str().unwrap()])
        .current_dir(shell.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    std::mem::swap(&mut shell, &mut command);
    let mut running = Running::new(shell);
    running.until("one-made-up-b64: started");
    let worker = running.until_phase("train");
    let shown = running.end().exits(2);
    for word in ["error: ", "events.jsonl", "File too large", "--resume"] {
        assert!(shown.stderr.contains(word), "{word}: {}", shown.stderr);
    }
    assert!(!worker.lives(), "an orphan");
    let done = |run: &str| lab.file(&format!("runs/one-made-up-b{run}/done.json")).exists();
    assert_eq!((done("16"), done("64")), (true, false));

    // With room again, only the run that was cut off is run.
    let mut again = lab.start(&["--resume", "-v"]);
    again.until("[1/1] one-made-up-b64: started");
    again.until_phase("train");
    again.signal(Signal::INT);
    again.end().exits(130);
    assert_eq!(lab.report("one-made-up-b16")["status"], "completed");
}
