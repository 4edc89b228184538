//! The shape of the code: who may import whom, who owns which foreign crate, how long a file may be, what the binaries
//! link.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Module, and the modules of the crate that it may name.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("clock", &[]),
    ("stats", &[]),
    ("dataset", &["units"]),
    ("metric", &["units", "stats"]),
    ("event", &["metric", "units"]),
    ("load", &["clock", "stats"]),
    ("interference", &["event"]),
    ("control", &["interference", "event", "metric", "stats", "units"]),
    ("sampler", &["event", "metric", "clock", "units"]),
    ("worker", &["event", "metric", "clock", "load", "units", "dataset"]),
    ("store", &["event", "metric", "units"]),
    ("runner", &["event", "metric", "clock", "control", "sampler", "units"]),
    ("gate", &["event", "metric", "stats", "store", "units"]),
    ("report", &["interference", "event", "metric", "stats", "store", "gate", "units"]),
    ("config", &["event", "metric", "load", "units", "control", "sampler", "dataset", "gate"]),
    (
        "app",
        &[
            "interference",
            "units",
            "clock",
            "stats",
            "dataset",
            "metric",
            "event",
            "load",
            "control",
            "sampler",
            "worker",
            "store",
            "gate",
            "runner",
            "report",
            "config",
        ],
    ),
    // Its results are records and verdicts, its progress is that of events, and a verdict goes to a file whole.
    ("cli", &["app", "clock", "config", "event", "gate", "metric", "report", "store", "units"]),
];

/// Foreign crate, and the only modules that may name it.
const OWNERS: &[(&str, &[&str])] = &[
    ("tch", &["worker/torch"]),
    ("sysinfo", &["sampler"]),
    ("nvml_wrapper", &["sampler"]),
    ("nvml_wrapper_sys", &["sampler"]),
    ("nix", &["sampler"]),
    ("h2", &["sampler/tpu"]),
    ("http", &["sampler/tpu"]),
    ("prost", &["sampler/tpu"]),
    ("tokio", &["sampler/tpu"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("anyhow", &["cli"]),
    ("indicatif", &["cli"]),
    ("signal_hook", &["cli"]),
    ("comfy_table", &["report"]),
    ("plotters", &["report/html"]),
    ("csv", &["report", "dataset"]),
    ("toml", &["config", "dataset"]),
    ("statrs", &["stats"]),
    ("hdrhistogram", &["stats"]),
    ("flate2", &["dataset"]),
    ("sha2", &["dataset"]),
];

/// A file that is longer tells more than one story.
const MOST_LINES: usize = 400;

/// Files that are one table, with an entry for each thing that there is.
const TABLES: &[&str] = &["config/keys.rs", "event/axis.rs"];

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.sort();
    assert!(found.len() > 30, "the sources were not found");
    found
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The top-level module that a file belongs to; `None` for the crate's own front and the binaries.
fn module_of(file: &str) -> Option<&str> {
    match file {
        "lib.rs" | "main.rs" => None,
        _ if file.starts_with("bin/") => None,
        _ => Some(file.split('/').next().unwrap().trim_end_matches(".rs")),
    }
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

/// The modules named by `crate::X` (or, in the worker binary's own tree, `perftune::X`).
fn imports(text: &str, prefix: &str) -> BTreeSet<String> {
    code_lines(text)
        .flat_map(|line| line.split(prefix).skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .filter(|name: &String| !name.is_empty())
        .collect()
}

#[test]
fn arrows_only_point_down() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let Some(module) = module_of(&file) else {
            continue;
        };
        let (_, allowed) = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{file}: module {module} is not in the table"));
        let in_torch = file.starts_with("worker/torch/");
        assert!(!text.contains("use crate::{"), "{file}: a grouped import hides an arrow");
        let prefix = if in_torch { "perftune::" } else { "crate::" };
        for import in imports(&text, prefix) {
            let known = MAY_IMPORT.iter().any(|(name, _)| *name == import);
            if known && import != module && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{file}: {module} may not import {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_foreign_crate_has_one_owner() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        for (name, owners) in OWNERS {
            let named = code_lines(&text).any(|line| {
                line.contains(&format!("use {name}::"))
                    || line.contains(&format!(" {name}::"))
                    || line.contains(&format!("({name}::"))
                    || line.contains(&format!("<{name}::"))
                    || line.contains(&format!("&{name}::"))
            });
            if named && !owners.iter().any(|owner| file.starts_with(owner)) {
                wrong.push(format!("{file}: {name} belongs to {}", owners.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files that hold tests only, or what tests are fed with.
fn is_for_tests(file: &str) -> bool {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    folder.split('/').any(|part| part == "tests")
        || matches!(name, "tests.rs" | "fixtures.rs" | "testing.rs")
        || name.ends_with("_tests.rs")
}

/// Lines before the tests of a file; something small within the code that only tests use is indented, and counts.
fn lines_of_code(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

#[test]
fn every_file_tells_one_story() {
    let sources = sources();
    let is_table = |file: &str| TABLES.contains(&file);
    let counted = sources.iter().filter(|(file, _)| !is_for_tests(file) && !is_table(file));
    let long: Vec<String> = counted
        .map(|(file, text)| (file, lines_of_code(text)))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| format!("{file}: {lines} lines before its tests"))
        .collect();
    assert!(
        long.is_empty(),
        "a file has at most {MOST_LINES}; split these by a noun:\n{}",
        long.join("\n")
    );
}

#[test]
fn tests_do_not_count_as_code() {
    assert_eq!(lines_of_code("//! a\nfn b() {}\n#[cfg(test)]\nmod c {}\n"), 2);
    let within = "impl A {\n    #[cfg(test)]\n    fn b() {}\n}\n";
    assert_eq!(lines_of_code(within), 4);
    for (file, for_tests) in [
        ("stats/permutation/tests.rs", true),
        ("control/tests/rows.rs", true),
        ("sampler/tree/fake_tests.rs", true),
        ("report/fixtures.rs", true),
        ("stats/testing.rs", true),
        ("units.rs", false),
        ("stats/limit_test.rs", false),
    ] {
        assert_eq!(is_for_tests(file), for_tests, "{file}");
    }
}

/// Modules with functions that still take anonymous tuples of mixed meaning.
const MIXED_TUPLES: &[&str] = &["app", "config", "control", "report"];

/// The items of a list, split at the commas that are in no brackets.
fn items(list: &str) -> Vec<&str> {
    let (mut depth, mut from, mut before, mut found) = (0, 0, ' ', Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if !matches!(before, '-' | '=') => depth -= 1,
            ',' if depth == 0 => {
                found.push(&list[from..at]);
                from = at + 1;
            }
            _ => {}
        }
        before = c;
    }
    found.push(&list[from..]);
    found.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// The parameters of the function whose text begins here, after `fn `.
fn parameters(text: &str) -> Vec<&str> {
    let (mut depth, mut open, mut before) = (0, None, ' ');
    for (at, c) in text.char_indices() {
        match (c, open) {
            ('<', None) => depth += 1,
            ('>', None) if !matches!(before, '-' | '=') => depth -= 1,
            ('(', None) if depth == 0 => open = Some((at + 1, 0)),
            ('(', Some((from, inner))) => open = Some((from, inner + 1)),
            (')', Some((from, 0))) => return items(&text[from..at]),
            (')', Some((from, inner))) => open = Some((from, inner - 1)),
            ('{' | ';', None) => return Vec::new(),
            _ => {}
        }
        before = c;
    }
    Vec::new()
}

/// Whether a parameter is a tuple whose items have different types: what each of them means then stands in no signature.
fn is_mixed_tuple(parameter: &str) -> bool {
    let pattern_end = if parameter.starts_with('(') { parameter.find("):") } else { None };
    let from = pattern_end.map_or_else(|| parameter.find(':'), |at| Some(at + 1));
    let found = from.map_or("", |from| parameter[from + 1..].trim());
    let found = found.trim_start_matches('&').trim_start_matches("mut ");
    let inner = found.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let types = inner.map(items).unwrap_or_default();
    types.windows(2).any(|pair| pair[0] != pair[1])
}

#[test]
fn no_function_takes_an_anonymous_tuple_of_mixed_meaning() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let Some(module) = module_of(&file).filter(|_| !is_for_tests(&file)) else {
            continue;
        };
        let code: Vec<&str> = text.lines().take_while(|line| *line != "#[cfg(test)]").collect();
        let code = code_lines(&code.join("\n")).collect::<Vec<_>>().join("\n");
        for rest in code
            .split("fn ")
            .skip(1)
            .filter(|rest| parameters(rest).into_iter().any(is_mixed_tuple))
        {
            if !MIXED_TUPLES.contains(&module) {
                let name: String =
                    rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                wrong.push(format!("{file}: {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "name the parts, or pass them apart:\n{}", wrong.join("\n"));
}

#[test]
fn a_tuple_of_mixed_meaning_is_found() {
    for (function, mixed) in [
        ("a(b: u32, (c, d): (u64, &str)) -> bool {", true),
        ("a<F: Fn(u32) -> (u8, u16)>(&self, f: F, c: &(Vec<u8>, u64)) {", true),
        ("a((from, to): (u64, u64), range: (f64, f64)) {", false),
        ("a(f: fn(u32, u64) -> u8, pairs: &[(u32, f64)], map: Map<(u8, u16), f64>) {", false),
    ] {
        assert_eq!(parameters(function).into_iter().any(is_mixed_tuple), mixed, "{function}");
    }
}

fn needed(binary: &Path) -> String {
    let output = Command::new("readelf").arg("-d").arg(binary).output();
    let output = output.expect("readelf comes with every C compiler");
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_command_line_does_not_link_libtorch() {
    let needed = needed(Path::new(env!("CARGO_BIN_EXE_perftune")));
    assert!(needed.contains("libc.so"), "the test reads something else:\n{needed}");
    assert!(!needed.contains("torch"), "{needed}");
}

#[cfg(feature = "torch")]
#[test]
fn the_worker_does() {
    let needed = needed(Path::new(env!("CARGO_BIN_EXE_perftune-worker")));
    assert!(needed.contains("libtorch_cpu.so"), "{needed}");
    assert!(!needed.contains("libtorch_cuda.so"), "it must start without a GPU:\n{needed}");
}
