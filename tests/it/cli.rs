//! What the command line says before anything is run.

use std::fs::OpenOptions;
use std::io::Read;
use std::process::{Command, Stdio};

use crate::support::Perftune;

#[test]
fn help_pages() {
    for (name, args) in [
        ("help", &["--help"][..]),
        ("help_short", &["-h"]),
        ("help_run", &["run", "--help"]),
        ("help_run_short", &["run", "-h"]),
        ("help_report", &["report", "--help"]),
        ("help_check", &["check", "--help"]),
        ("help_check_short", &["check", "-h"]),
        ("help_doctor", &["doctor", "--help"]),
        ("help_list", &["list", "--help"]),
        ("help_dataset", &["dataset", "--help"]),
        ("help_dataset_add", &["dataset", "add", "--help"]),
        ("help_helper", &["helper", "--help"]),
        ("help_completions", &["completions", "--help"]),
        ("no_arguments", &[]),
    ] {
        insta::assert_snapshot!(name, Perftune::new().args(args.iter().copied()).run());
    }
}

/// A screen has 55 lines: `-h` fits one, `--help` two, and both end with examples or exit codes.
#[test]
fn help_fits_screens() {
    let help = |command: &str, detail| {
        let args = command.split(' ').filter(|word| !word.is_empty()).chain([detail]);
        let output = Perftune::new().args(args).output();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{command}");
        String::from_utf8(output.stdout).unwrap()
    };
    let all = help("", "--help");
    let listed = all.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let named = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<&str> = named.filter(|name| !name.is_empty()).collect();
    assert!(commands.len() > 12, "{commands:?}");
    for command in [&commands[..], &["", "baseline add", "baseline promote"]].concat() {
        for (detail, most) in [("-h", 55), ("--help", 110)] {
            let text = help(command, detail);
            assert!(text.lines().count() <= most, "{command} {detail}\n{text}");
            assert!(text.contains("Usage: perftune"), "{command} {detail}");
            assert!(text.contains("Example"), "{command} {detail}: no example");
        }
        let asked = Perftune::new().args(["help"].into_iter().chain(command.split(' '))).output();
        if !command.is_empty() {
            assert_eq!(String::from_utf8(asked.stdout).unwrap(), help(command, "--help"));
        }
    }
}

#[test]
fn help_fits_80_columns_however_wide_the_terminal() {
    for args in [&["--help"][..], &["run", "--help"], &["run", "-h"]] {
        let shown = Perftune::new().env("COLUMNS", "200").args(args.iter().copied()).run();
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    }
}

#[test]
fn lists() {
    for (name, args) in [
        ("list_models", &["list", "models"][..]),
        ("list_models_json", &["list", "models", "--format", "json"]),
        ("list_metrics", &["list", "metrics"]),
        ("list_metrics_csv", &["list", "metrics", "--format", "csv"]),
        ("list_rules", &["list", "rules"]),
        ("list_rules_json", &["list", "rules", "--format", "json"]),
        ("list_keys", &["list", "keys"]),
        ("list_keys_csv", &["list", "keys", "--format", "csv"]),
        ("list_models_schema", &["list", "models", "--format", "schema"]),
    ] {
        insta::assert_snapshot!(name, Perftune::new().args(args.iter().copied()).run());
    }
}

#[test]
fn a_narrow_terminal_is_respected() {
    for width in [60, 80, 100] {
        for what in ["metrics", "keys"] {
            let shown =
                Perftune::new().env("COLUMNS", &width.to_string()).args(["list", what]).output();
            let text = String::from_utf8(shown.stdout).unwrap();
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}\n{text}");
        }
    }
}

#[test]
fn wrong_arguments_exit_2_with_a_hint() {
    for (name, args) in [
        ("unknown_command", &["rum", "grid.toml"][..]),
        ("unknown_option", &["run", "grid.toml", "--onyl", "model=cnn"]),
        ("missing_grid", &["run"]),
        ("set_without_value", &["run", "grid.toml", "--set", "epochs"]),
        ("shard_out_of_range", &["run", "grid.toml", "--shard", "5/4"]),
        ("resume_and_fresh", &["run", "grid.toml", "--resume", "--fresh"]),
        ("unknown_list", &["list", "modles"]),
    ] {
        insta::assert_snapshot!(name, Perftune::new().args(args.iter().copied()).run());
    }
}

#[test]
fn completions_offer_what_the_help_shows_and_nothing_hidden() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Perftune::new().args(["completions", shell]).output();
        let script = String::from_utf8(output.stdout).unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
        assert!(script.contains("dry-run") && script.contains("doctor"), "{shell}");
        assert!(!script.contains("scripted"), "{shell}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for args in [&["list", "metrics"][..], &["--help"], &["completions", "zsh"]] {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("perftune"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The pipe is closed before anything can be written to it, or after one byte: both must be fine.
        let mut first = [0];
        let _ = child.stdout.take().unwrap().read(&mut first);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{args:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn data_that_cannot_be_written_is_said() {
    for args in [&["list", "metrics"][..], &["--help"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(assert_cmd::cargo::cargo_bin!("perftune"))
            .args(args)
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.starts_with("error:") && stderr.contains("No space left"), "{stderr}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_closed_standard_error_is_survived() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = Command::new(assert_cmd::cargo::cargo_bin!("perftune"))
        .args(["run", "--no-such-option"])
        .stdout(Stdio::null())
        .stderr(full)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(2));
}
