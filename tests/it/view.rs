//! `perftune view`, with a terminal and without.

use std::io::{Read, Write};
use std::process::{Command as Process, Stdio};

use super::support::Lab;

const GRID: &str = r#"
name = "t"
repeat = 2
[worker]
program = "scripted"
options = { steps_per_epoch = 50 }
[grid]
model = "played"
dataset = "made-up"
batch_size = [16, 32]
[train]
epochs = 2
[sampler]
gpu = false
"#;

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let lab = Lab::new(GRID);
    lab.run(&["-q"]).exits(0);
    let shown = lab.call(&["view", "results/t"]).exits(2);
    assert!(shown.stderr.contains("needs a terminal"), "{}", shown.stderr);
    assert!(shown.stderr.contains("perftune report results/t"), "{}", shown.stderr);
    let shown = lab.call(&["view", "nowhere"]).exits(2);
    assert!(shown.stderr.contains("nowhere"), "{}", shown.stderr);
}

/// `script` makes the terminal. Where it is not, as on some systems, nothing is tested.
#[test]
fn on_a_terminal_it_shows_the_cells_and_gives_the_screen_back() {
    let lab = Lab::new(GRID);
    lab.run(&["-q"]).exits(0);
    let perftune = env!("CARGO_BIN_EXE_perftune");
    let line = format!("stty rows 70 cols 80; '{perftune}' view results/t; echo code $?");
    let mut command = Process::new("script");
    command.args(["-qefc", &line, "/dev/null"]).current_dir(lab.path(""));
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = spawned else {
        eprintln!("skipped: there is no `script`");
        return;
    };
    // Down, into the cell, out again, the runs, and out.
    // Held open: `script` ends the terminal with its own input.
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(b"\x1b[B\r\x1b3q").unwrap();
    let mut shown = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut shown).unwrap();
    drop(keyboard);
    child.wait().unwrap();
    let shown = String::from_utf8_lossy(&shown);
    let seen = shown.split("\x1b[?1049h").nth(1).unwrap_or_else(|| panic!("{shown}"));
    let (seen, after) = seen.split_once("\x1b[?1049l").unwrap_or_else(|| panic!("{shown}"));
    assert!(seen.contains("[1 cells]") && seen.contains("[3 runs]"), "{seen}");
    assert!(
        seen.contains("4 of 4 runs") && seen.contains("run played-made-up-b32, 1 of 2"),
        "{seen}"
    );
    assert!(after.contains("code 0"), "{after}");
}
