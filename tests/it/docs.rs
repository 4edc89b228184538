//! What README.md and docs/ show works as it stands there: every command, every grid, every link.
//!
//! A `run` is made as a plan only (`--dry-run`); all else is run for real, in a folder that has what the pages speak of.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use super::support::{Lab, Shown};

/// What the lines of a shell call `perftune`: a run is planned, and measuring a command once more replaces its results.
const WRAPPER: &str = r#"#!/bin/sh
case "$*" in
*--dry-run*) ;;
"run "*) set -- "$@" --dry-run ;;
"exec "*) shift; set -- exec --fresh "$@" ;;
esac
exec "$PERFTUNE" "$@"
"#;

/// Results for the commands that read some: five repeats of a cell, whole.
const GRID: &str = r#"
name = "t"
repeat = 5
[grid]
model = "played"
dataset = "made-up"
batch_size = 16
[train]
epochs = 2
[serve]
max_time = "100ms"
[worker]
program = "scripted"
[worker.options]
steps_per_epoch = 100
[sampler]
gpu = false
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page, as a path from the root.
fn pages() -> Vec<PathBuf> {
    let folders =
        ["docs", "docs/reference"].map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let docs = folders.into_iter().flatten();
    let mut pages: Vec<PathBuf> = docs.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    pages.insert(0, root().join("README.md"));
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

/// The blocks of this language, each with the line that it begins at.
fn blocks(page: &Path, language: &str) -> Vec<(usize, String)> {
    let text = fs::read_to_string(page).unwrap();
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open: Option<bool> = None;
    for (number, line) in (1..).zip(text.lines()) {
        match (line.strip_prefix("```"), open) {
            (Some(name), None) => {
                open = Some(name == language);
                if name == language {
                    found.push((number, String::new()));
                }
            }
            (Some(_), Some(_)) => open = None,
            (None, Some(true)) => {
                let (_, block) = found.last_mut().unwrap();
                *block += line;
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    assert_eq!(open, None, "{}: a block without an end", page.display());
    found
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What the pages take for granted: this checkout beside another one, programs to measure, results of earlier runs.
fn stage() -> Lab {
    let lab = Lab::new(GRID);
    let here = lab.path("here");
    for folder in
        ["bin", "here/results", "main/target/release", "main/configs", ".local/share/perftune"]
    {
        fs::create_dir_all(lab.path(folder)).unwrap();
    }
    for name in ["configs", "ci"] {
        symlink(root().join(name), here.join(name)).unwrap();
    }
    symlink(root().join("configs/grid.toml"), lab.path("main/configs/grid.toml")).unwrap();
    symlink(root().join("configs"), lab.path(".local/share/perftune/configs")).unwrap();

    executable(&lab.path("bin/perftune"), WRAPPER);
    executable(&lab.path("bin/python"), "#!/bin/sh\nexec python3 \"$@\"\n");
    for worker in ["main/target/release/perftune-worker", "here/old-worker"] {
        executable(&lab.path(worker), "#!/bin/sh\n");
    }
    for program in ["server", "job"] {
        executable(&here.join(program), "#!/bin/sh\nexec sleep 0.3\n");
    }
    fs::write(here.join("train.py"), "print(sum(range(1000000)))\n").unwrap();
    symlink(root().join("tests/nets/flat.pt"), here.join("net.pt")).unwrap();
    fs::write(here.join("eval.py"), "print('f1: 0.9')\n").unwrap();
    fs::write(here.join("Makefile"), "all:\n\t@sleep 0.3\n").unwrap();
    let values: Vec<String> = (0..300).map(|i| format!("a,{i},{}\n", 100 + i % 7)).collect();
    let series = "series,t_s,value\n".to_owned() + &values.concat();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, series.as_bytes()).unwrap();
    fs::write(here.join("series.csv.gz"), packed.finish().unwrap()).unwrap();

    // The example of a page is what a reader would type.
    fs::create_dir(here.join("iris")).unwrap();
    let page = root().join("docs/extending.md");
    for (language, to) in [
        ("toml dataset.toml", "iris/dataset.toml"),
        ("csv iris.csv", "iris/iris.csv"),
        ("toml iris.toml", "iris.toml"),
    ] {
        let [(_, text)] = &blocks(&page, language)[..] else { panic!("{language}") };
        fs::write(here.join(to), text).unwrap();
    }
    // Some rows of what R would write.
    let rows = |classes: [&str; 2]| -> String {
        let rows = (0..200).map(|row| format!("{row},{},{}", row % 7, classes[row % 2]));
        rows.collect::<Vec<_>>().join("\n")
    };
    fs::write(here.join("letters.csv"), "x,y,lettr\n".to_owned() + &rows(["A", "B"])).unwrap();
    fs::write(here.join("shuttle.csv"), "x,y,Class\n".to_owned() + &rows(["High", "Bypass"]))
        .unwrap();
    for name in ["three-by-three", "whole", "nightly", "branch"] {
        let out = format!("here/results/{name}");
        lab.run(&["--full", "--out", &out]).exits(0);
    }
    for part in 1..=4 {
        let out = format!("here/results/sweep-{part}-of-4");
        lab.run(&["--full", "--out", &out, "--shard", &format!("{part}/4")]).exits(0);
    }
    let knobs = ["--full", "--set", "grid.batch_size=[16,32]", "--out", "here/results/knobs"];
    lab.run(&knobs).exits(0);
    let searched = ["--set", "search.trials=5", "--out", "here/results/monday"];
    lab.call(&[&["run", "here/configs/recorded.toml"], &searched[..]].concat()).exits(0);
    lab
}

/// One line of a shell, on the stage.
fn shell(lab: &Lab, line: &str) -> Shown {
    let path = format!("{}:{}", lab.path("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Process::new("sh");
    for (name, value) in lab.perftune(&[]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .args(["-c", line])
        .current_dir(lab.path("here"))
        .env("PATH", path)
        .env("HOME", lab.path(""))
        .env("PERFTUNE", env!("CARGO_BIN_EXE_perftune"))
        .env("PERFTUNE_DATASETS", root().join("datasets"))
        .stdin(Stdio::null());
    Shown::of(command.output().unwrap())
}

#[test]
fn every_command_of_the_pages_works() {
    let lab = stage();
    shell(&lab, "git init -q && git -c user.name=a -c user.email=a commit -q --allow-empty -m a")
        .exits(0);
    let mut count = 0;
    for page in pages() {
        let scripts = blocks(&page, "sh").into_iter().filter(|(_, text)| !text.starts_with("#!"));
        for (number, line) in scripts.flat_map(|(number, text)| {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            (number + 1..).zip(lines)
        }) {
            if !line.starts_with("perftune ") {
                continue;
            }
            count += 1;
            let shown = shell(&lab, &line);
            // On a loaded machine a command may end before anybody has looked at its memory.
            let undecided = line.contains("--strict") && shown.stdout.contains("undecided");
            let code = i32::from(undecided);
            assert_eq!(shown.code, Some(code), "{}:{number}: {line}\n{shown:#?}", page.display());
        }
    }
    assert!(count > 25, "{count}");
}

#[test]
fn every_grid_of_the_pages_is_one() {
    let lab = stage();
    for name in ["letters", "shuttle"] {
        shell(&lab, &format!("perftune dataset add {name}.csv")).exits(0);
    }
    let mut count = 0;
    for page in pages() {
        for (number, block) in blocks(&page, "toml") {
            count += 1;
            // A part is shown without the cells that it is for.
            let cells = "[grid]\nmodel = \"mlp\"\ndataset = \"digits\"\n";
            let grid = if block.contains("[grid]") { block } else { block + cells };
            fs::write(lab.path("here/shown.toml"), &grid).unwrap();
            let shown = shell(&lab, "perftune run shown.toml");
            // A quota needs control groups, which not every machine hands out.
            let enforced = !shown.stderr.contains("this machine cannot enforce");
            assert!(shown.code == Some(0) || !enforced, "{}:{number}\n{shown:#?}", page.display());
        }
    }
    assert!(count > 5, "{count}");
}

#[test]
fn what_the_example_of_own_data_says_is_what_is_said() {
    let shown = shell(&stage(), "perftune run iris.toml").exits(0);
    let [(_, says)] = &blocks(&root().join("docs/extending.md"), "text")[..] else { panic!() };
    assert_eq!(&shown.stderr, says);
}

/// The name that a heading is linked by.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_of_the_pages_leads_somewhere_and_some_link_leads_to_every_page() {
    let mut count = 0;
    let mut linked = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if target.contains("://") {
                continue;
            }
            count += 1;
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            let to = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(to.exists(), "{}: {target}", page.display());
            let to = to.canonicalize().unwrap();
            linked.extend((!file.is_empty()).then(|| to.clone()));
            if !section.is_empty() {
                let text = fs::read_to_string(&to).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                let found = headings.any(|line| anchor(line.trim_start_matches('#')) == section);
                assert!(found, "{}: {target}", page.display());
            }
        }
    }
    assert!(count > 20, "{count}");
    let alone = pages().into_iter().skip(1).map(|page| page.canonicalize().unwrap());
    let alone: Vec<PathBuf> = alone.filter(|page| !linked.contains(page)).collect();
    assert!(alone.is_empty(), "no page links to {alone:?}");
}

/// At most 250 lines and 14 KiB, and nothing but a table or a link is wider than a terminal.
#[test]
fn the_readme_is_read_in_one_sitting() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let longer = "what is longer has its page in docs/";
    assert!(text.lines().count() <= 250, "{} lines: {longer}", text.lines().count());
    assert!(text.len() <= 14 << 10, "{} bytes: {longer}", text.len());
    let wide = text.lines().filter(|line| line.chars().count() > 80 && !line.starts_with('|'));
    assert_eq!(wide.collect::<Vec<_>>(), [""; 0]);
}
