//! The shape of the code: who may import whom, who owns which foreign crate, how long a file may be, what the binaries
//! link.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Module, and the modules of the crate that it may name.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("clock", &[]),
    ("stats", &[]),
    ("document", &[]),
    ("export", &["document"]),
    ("dataset", &["document", "units"]),
    ("metric", &["units", "stats"]),
    ("event", &["metric", "units"]),
    ("recorded", &["dataset", "event", "metric", "store", "units"]),
    ("load", &["clock", "stats"]),
    ("interference", &["event"]),
    ("control", &["interference", "event", "metric", "stats", "units"]),
    ("schedule", &["event", "metric", "stats", "units"]),
    ("search", &["schedule", "stats"]),
    ("sampler", &["event", "metric", "clock", "units"]),
    ("worker", &["event", "metric", "clock", "load", "units", "dataset"]),
    ("store", &["event", "metric", "units"]),
    ("engine", &["event", "store"]),
    ("runner", &["recorded", "event", "metric", "clock", "control", "sampler", "units"]),
    ("gate", &["event", "metric", "stats", "store", "units"]),
    ("report", &["interference", "event", "metric", "stats", "store", "gate", "engine", "units"]),
    (
        "config",
        &[
            "event", "metric", "load", "units", "control", "schedule", "search", "sampler",
            "document", "dataset", "gate", "recorded", "engine", "export",
        ],
    ),
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
            "schedule",
            "search",
            "sampler",
            "worker",
            "store",
            "gate",
            "engine",
            "runner",
            "report",
            "config",
            "export",
        ],
    ),
    // Its results are records and verdicts, its progress is that of events, and a verdict goes to a file whole.
    (
        "cli",
        &[
            "app", "clock", "config", "event", "export", "gate", "metric", "report", "schedule",
            "store", "units",
        ],
    ),
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
    ("signal_hook", &["cli", "worker"]),
    ("comfy_table", &["report"]),
    ("plotters", &["report/html"]),
    ("minreq", &["app/export"]),
    ("csv", &["report", "dataset", "recorded"]),
    ("toml", &["document"]),
    ("statrs", &["stats"]),
    ("nalgebra", &["search"]),
    ("hdrhistogram", &["stats"]),
    ("flate2", &["dataset"]),
    ("rawzip", &["dataset/stored"]),
    ("image", &["dataset/stored"]),
    ("parquet", &["dataset/stored", "report/export"]),
    ("sha2", &["dataset", "event", "recorded"]),
    ("regex", &["event"]),
    ("shlex", &["config"]),
];

/// A file that is longer tells more than one story.
const MOST_LINES: usize = 400;

/// Files that are one table, with an entry for each thing that there is.
const TABLES: &[&str] =
    &["config/keys.rs", "event/axis.rs", "event/note.rs", "metric/catalogue.rs"];

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
        // Tests of the controller hold what people read of its decisions as well.
        let text = match file.as_str() {
            "control/tests/said.rs" => text.replace("use crate::report::words;", ""),
            _ => text,
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

/// The words and signs of a source file, without comments, texts and what only tests see.
fn tokens(text: &str) -> Vec<String> {
    lexed(text).into_iter().filter(|token| !token.starts_with('"')).collect()
}

/// The same with the texts.
fn lexed(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '"' {
            let closes = |(at, _): &(usize, char)| {
                let before = rest[..*at].chars().rev().take_while(|c| *c == '\\').count();
                *at > 0 && before % 2 == 0
            };
            let mut quotes = rest.match_indices('"').map(|(at, _)| (at, '"'));
            let length = quotes.find(closes).map_or(rest.len(), |(at, _)| at + 1);
            found.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |at| at + 2)
        } else if rest.starts_with("'\"'") || rest.starts_with("'{'") || rest.starts_with("'}'") {
            3
        } else if first.is_alphabetic() || first == '_' {
            let word: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push(word.clone());
            word.len()
        } else if rest.starts_with("::") {
            found.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                found.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    without_tests(&found)
}

/// Leaves out every item that `#[cfg(test)]` stands before.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_mark = tokens[at..].iter().zip(mark).filter(|(a, b)| *a == b).count() == mark.len();
        if !is_mark {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0_i32;
        at += mark.len();
        while let Some(token) = tokens.get(at) {
            depth += match token.as_str() {
                "{" => 1,
                "}" => -1,
                _ => 0,
            };
            at += 1;
            if depth == 0 && (token == "}" || token == ";") {
                break;
            }
        }
    }
    kept
}

/// What a file names of its crate: the paths of its imports and of its code, and what it hands on by `pub use`.
#[derive(Default)]
struct Named {
    paths: Vec<Vec<String>>,
    handed_on: Vec<Vec<String>>,
}

fn named(tokens: &[String], children: &BTreeSet<String>) -> Named {
    let mut named = Named::default();
    let is_start =
        |word: &str| matches!(word, "crate" | "self" | "super") || children.contains(word);
    let mut at = 0;
    while at < tokens.len() {
        let before = at.checked_sub(1).map_or("", |before| tokens[before].as_str());
        if tokens[at] == "use" {
            let mut paths = Vec::new();
            at = use_tree(tokens, at + 1, &[], &mut paths);
            if matches!(before, "pub" | ")") { &mut named.handed_on } else { &mut named.paths }
                .extend(paths);
        } else if is_start(&tokens[at])
            && before != "::"
            // `pub(in crate::a)` says who may see, and names nothing.
            && !(before == "in" && tokens[at - 2] == "(")
            && tokens.get(at + 1).is_some_and(|next| next == "::")
        {
            let mut path = vec![tokens[at].clone()];
            while tokens.get(at + 1).is_some_and(|next| next == "::") {
                path.extend(tokens.get(at + 2).cloned());
                at += 2;
            }
            named.paths.push(path);
            at += 1;
        } else {
            at += 1;
        }
    }
    named
}

/// Reads `a::{b, c::d as e}`; returns the place behind it.
fn use_tree(
    tokens: &[String],
    mut at: usize,
    prefix: &[String],
    out: &mut Vec<Vec<String>>,
) -> usize {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = use_tree(tokens, at, &path, out);
                    at += usize::from(tokens.get(at).is_some_and(|token| token == ","));
                }
                return at + 1;
            }
            "," | "}" | ";" => break,
            "::" => at += 1,
            "as" => at += 2,
            "self" if !path.is_empty() => at += 1,
            word => {
                path.push(word.to_owned());
                at += 1;
            }
        }
    }
    out.push(path);
    at
}

/// `cli/args/help.rs` and `cli/args/mod.rs` as paths of modules.
fn path_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// The files of a module, and which of them each one imports. What `pub use` hands on is imported from where it is.
struct Imports {
    files: BTreeMap<Vec<String>, String>,
    named: BTreeMap<String, Named>,
}

impl Imports {
    fn of(sources: &[(String, String)]) -> Self {
        let code = sources.iter().filter(|(file, _)| !is_for_tests(file));
        let files: BTreeMap<_, _> =
            code.clone().map(|(file, _)| (path_of(file), file.clone())).collect();
        let named = code.map(|(file, text)| {
            let own = path_of(file);
            let child = |path: &&Vec<String>| path.len() == own.len() + 1 && path.starts_with(&own);
            let children = files.keys().filter(child).filter_map(|path| path.last().cloned());
            (file.clone(), self::named(&tokens(text), &children.collect()))
        });
        Self { named: named.collect(), files }
    }

    /// The file in which what a path names is defined.
    fn file_of(&self, from: &[String], path: &[String]) -> Option<&String> {
        let mut module = from.to_vec();
        let mut words = path.iter().peekable();
        if words.next_if(|word| *word == "crate").is_some() {
            module.clear();
        } else if words.next_if(|word| *word == "self").is_none() {
            while words.next_if(|word| *word == "super").is_some() {
                module.pop();
            }
        }
        while let Some(word) = words.peek() {
            module.push((*word).clone());
            if !self.files.contains_key(&module) {
                module.pop();
                break;
            }
            words.next();
        }
        let file = self.files.get(&module)?;
        let Some(item) = words.next() else {
            return Some(file);
        };
        let handed_on = self.named[file].handed_on.iter();
        // A name alone is a macro of the file itself.
        let mut from_below =
            handed_on.filter(|handed| handed.len() > 1 && handed.last() == Some(item));
        let below = from_below.find_map(|handed| self.file_of(&module, handed));
        Some(below.unwrap_or(file))
    }

    /// Of each file the files of its top-level module that it imports.
    fn edges(&self) -> Edges {
        let of = |(file, named): (&String, &Named)| {
            let own = path_of(file);
            let found = named.paths.iter().filter_map(|path| self.file_of(&own, path));
            let of_module = found.filter(|to| *to != file && module_of(to) == module_of(file));
            (file.clone(), of_module.cloned().collect())
        };
        self.named.iter().map(of).collect()
    }
}

type Edges = BTreeMap<String, BTreeSet<String>>;

fn reached<'a>(edges: &'a Edges, file: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&String> = edges[file].iter().collect();
    while let Some(file) = next.pop() {
        if reached.insert(file.as_str()) {
            next.extend(&edges[file]);
        }
    }
    reached
}

#[test]
fn no_files_of_a_module_import_each_other_in_a_circle() {
    let edges = Imports::of(&sources()).edges();
    let mut wrong = Vec::new();
    let all: BTreeMap<&str, _> =
        edges.keys().map(|file| (file.as_str(), reached(&edges, file))).collect();
    for (file, imports) in &edges {
        if all[file.as_str()].contains(file.as_str()) {
            let back = |to: &&String| all[to.as_str()].contains(file.as_str());
            let names: Vec<&str> = imports.iter().filter(back).map(String::as_str).collect();
            wrong.push(format!("{file} -> {}", names.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "files that import each other in a circle:\n{}", wrong.join("\n"));
}

#[test]
fn imports_lead_to_the_file_of_what_they_name() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let edges = Imports::of(&[
        file(
            "a/mod.rs",
            "mod b;\nmod c;\npub use self::b::{Thing, other as more};\nfn f() { c::g() }",
        ),
        file(
            "a/b.rs",
            "// use super::c;\npub struct Thing;\n#[cfg(test)]\nmod t { use super::super::c::g; }",
        ),
        file(
            "a/c.rs",
            "use super::{Thing, f};\nuse crate::{d::D, a::b};\npub fn g() { let _ = \"a::b\"; }",
        ),
        file("d.rs", "pub struct D;"),
    ])
    .edges();
    let from = |file: &str| edges[file].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(from("a/mod.rs"), ["a/c.rs"]);
    assert!(from("a/b.rs").is_empty());
    assert_eq!(from("a/c.rs"), ["a/b.rs", "a/mod.rs"]);
    assert!(reached(&edges, "a/c.rs").contains("a/c.rs"));
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

/// A subcommand is a file that leads from the arguments to the exit code, and not the work itself.
#[test]
fn a_subcommand_is_short() {
    const SUBCOMMANDS: &[&str] = &[
        "against/mod",
        "baseline",
        "check",
        "completions",
        "doctor/mod",
        "exec",
        "helper",
        "list",
        "merge",
        "replay",
        "report",
        "run",
        "status",
    ];
    let names = SUBCOMMANDS.iter().map(|name| format!("cli/{name}.rs"));
    let sources: BTreeMap<String, String> = sources().into_iter().collect();
    let long: Vec<String> = names
        .map(|file| (lines_of_code(&sources[&file]), file))
        .filter(|(lines, _)| *lines > 100)
        .map(|(lines, file)| format!("{file}: {lines} lines before its tests"))
        .collect();
    assert!(long.is_empty(), "the work of a subcommand belongs to `app`:\n{}", long.join("\n"));
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
        if is_for_tests(&file) {
            continue;
        }
        let code: Vec<&str> = text.lines().take_while(|line| *line != "#[cfg(test)]").collect();
        let code = code_lines(&code.join("\n")).collect::<Vec<_>>().join("\n");
        for rest in code
            .split("fn ")
            .skip(1)
            .filter(|rest| parameters(rest).into_iter().any(is_mixed_tuple))
        {
            let name: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            wrong.push(format!("{file}: {name}"));
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

/// How a text is looked into, or compared.
const LOOKS_INTO: &[&str] = &[
    "contains",
    "ends_with",
    "find",
    "matches",
    "rsplit",
    "rsplit_once",
    "split",
    "split_once",
    "starts_with",
    "strip_prefix",
    "strip_suffix",
    "trim_end_matches",
    "trim_start_matches",
];

/// Texts of other programs that nothing else tells apart, and the layout of our own errors, one a line.
const READ_AS_THEY_ARE: &[(&str, &str)] = &[
    ("app/launch.rs", "error: "),
    ("cli/diagnostic.rs", "error: "),
    ("runner/group.rs", "populated 1"),
    ("sampler/gpu/words.rs", "No such file"),
    ("worker/torch/cuda.rs", ": cannot open shared object file"),
    ("worker/torch/driver.rs", "libcuda.so.1: "),
];

/// Whether a text is a sentence, a part of one or what joins two: several words, or one before a colon.
fn is_prose(text: &str) -> bool {
    let words = text.split(' ').filter(|word| word.chars().any(char::is_alphabetic)).count();
    words > 1 || text == "; " || (words == 1 && text.ends_with(": "))
}

/// The texts that code looks for in other texts, or compares them with.
fn looked_for(code: &[String]) -> impl Iterator<Item = &str> {
    code.windows(4).filter_map(|window| {
        let [sign, name, open, text] = window else { unreachable!("windows of four") };
        let looks = sign == "." && LOOKS_INTO.contains(&&**name) && open == "(";
        let compares = (name == "=" || name == "!") && open == "=";
        text.strip_prefix('"').filter(|_| looks || compares)?.strip_suffix('"')
    })
}

#[test]
fn nothing_decides_by_reading_prose() {
    let mut wrong = Vec::new();
    for (file, text) in sources().into_iter().filter(|(file, _)| !is_for_tests(file)) {
        let code = lexed(&text);
        for text in looked_for(&code).filter(|text| is_prose(text)) {
            if !READ_AS_THEY_ARE.contains(&(&file, text)) {
                wrong.push(format!("{file}: \"{text}\""));
            }
        }
    }
    assert!(wrong.is_empty(), "make these a type:\n{}", wrong.join("\n"));
}

#[test]
fn prose_that_is_read_is_found() {
    for (code, found) in [
        (r#"fn a() { b.starts_with("no answer") }"#, Some("no answer")),
        (r#"fn a() { b.strip_prefix("unsupported: ") }"#, Some("unsupported: ")),
        (r#"fn a() { b.split("; ") }"#, Some("; ")),
        (r#"fn a() { b == "whole device" }"#, Some("whole device")),
        (r#"fn a() { b.split(", ") == "stop" }"#, None),
        (r#"fn a() { b.starts_with("cpu ") }"#, None),
        (r#"fn a() { b.push("no answer") } #[cfg(test)] mod c { b == "a b"; }"#, None),
    ] {
        let code = lexed(code);
        assert_eq!(looked_for(&code).find(|text| is_prose(text)), found);
    }
}

/// Names that are those of other things too: files of a control group.
const OTHER_THINGS: &[(&str, &str)] = &[("runner/group.rs", "memory.peak")];

#[test]
fn a_metric_is_named_by_the_registry_alone() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if file.starts_with("metric/") || is_for_tests(&file) {
            continue;
        }
        let code: Vec<&str> = text.lines().take(lines_of_code(&text)).collect();
        let code = code.join("\n");
        for metric in perftune::metric::CATALOGUE {
            let other = OTHER_THINGS.contains(&(&file, metric.name));
            if !other
                && code_lines(&code).any(|line| line.contains(&format!("\"{}\"", metric.name)))
            {
                wrong.push(format!("{file}: `{}` is the name of a metric", metric.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
