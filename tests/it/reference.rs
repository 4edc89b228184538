//! The reference pages and the man pages are what the code declares: `make docs` writes them, and this test finds what is stale.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use perftune::cli::exit::{
    CHECK_CODES, EXEC_CODES, GRID_CODES, MERGE_CODES, Meaning, READING_CODES,
};
use perftune::cli::parser::{Detail, command};
use perftune::config::reference::keys;
use perftune::control::rule::RULES;
use perftune::event::MODELS;
use perftune::metric::{Better, CATALOGUE, MetricDef};

/// With this variable the files are written instead of compared.
const WRITE: &str = "PERFTUNE_DOCS";

const MADE: &str = "<!-- Made by `make docs` from what the code declares. -->";

#[test]
fn reference_and_man_pages_are_those_of_the_code() {
    let mut pages: BTreeMap<String, Vec<u8>> = man_pages();
    for (name, text) in [
        ("commands", commands()),
        ("keys", grid_keys()),
        ("metrics", metrics()),
        ("models-and-rules", models_and_rules()),
        ("exit-codes", exit_codes()),
    ] {
        pages.insert(format!("docs/reference/{name}.md"), text.into_bytes());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let write = std::env::var_os(WRITE).is_some();
    let mut found = Vec::new();
    for folder in ["docs/reference", "docs/man"] {
        fs::create_dir_all(root.join(folder)).unwrap();
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            found.push(format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    for name in found.iter().filter(|name| !pages.contains_key(*name)) {
        assert!(write, "{name} is no page of the reference any more: make docs");
        fs::remove_file(root.join(name)).unwrap();
    }
    for (name, bytes) in &pages {
        let path = root.join(name);
        if write {
            fs::write(path, bytes).unwrap();
        } else {
            assert!(
                fs::read(path).is_ok_and(|there| there == *bytes),
                "{name} is stale: make docs"
            );
        }
    }
}

fn man_pages() -> BTreeMap<String, Vec<u8>> {
    let mut perftune = command(Detail::Long);
    perftune.build();
    let commands = perftune.get_subcommands().cloned();
    let named = commands.map(|sub| (format!("perftune-{}", sub.get_name()), sub));
    let all = std::iter::once(("perftune".to_owned(), perftune.clone())).chain(named);
    all.map(|(name, command)| {
        // clap calls a subcommand "perftune run"; a page of it is looked up as perftune-run.
        let man = clap_mangen::Man::new(command).title(name.to_uppercase()).date("");
        let mut page = Vec::new();
        man.render(&mut page).unwrap();
        (format!("docs/man/{name}.1"), page)
    })
    .collect()
}

/// A page with this heading; `about` says whence it comes.
fn page(title: &str, about: &str) -> String {
    format!("{MADE}\n# {title}\n\n{about}\n")
}

fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| {
        let cells: Vec<String> =
            cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let head = line(headings.iter().map(|&text| text.to_owned()).collect());
    let rule = line(headings.iter().map(|_| "---".to_owned()).collect());
    rows.into_iter().fold(head + &rule, |text, row| text + &line(row))
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

fn commands() -> String {
    let mut text = page("Commands", "What `perftune COMMAND --help` prints; `-h` is shorter.");
    let mut perftune = command(Detail::Long).term_width(80);
    perftune.build();
    describe(&mut text, &mut perftune);
    text
}

fn describe(text: &mut String, command: &mut clap::Command) {
    let name = command.get_bin_name().unwrap_or("perftune").to_owned();
    let help = command.render_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    write!(text, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end()).unwrap();
    for sub in command.get_subcommands_mut() {
        describe(text, sub);
    }
}

fn grid_keys() -> String {
    let about = "Every key of a grid file, as `perftune list keys` has them; `--format schema` makes a JSON Schema of it, for \
                 editors. How a grid is written: [the grid file](../grid.md). A key with * may stand in an `[[override]]`. \
                 NAME and AXIS stand for names of yours.";
    let mut text = page("Keys of a grid file", about);
    let rows = keys();
    let table_of =
        |key: &str| key.rsplit_once('.').map_or(String::new(), |(table, _)| table.to_owned());
    let mut tables: Vec<String> = Vec::new();
    for row in &rows {
        let name = table_of(&row.key);
        if !tables.contains(&name) {
            tables.push(name);
        }
    }
    for name in tables {
        let title = if name.is_empty() { "Top level".to_owned() } else { format!("`[{name}]`") };
        let own = rows.iter().filter(|row| table_of(&row.key) == name);
        let own = own.map(|row| {
            let key = row.key.rsplit('.').next().unwrap_or_default();
            let star = if row.overridable { " *" } else { "" };
            vec![code(key) + star, row.value.clone(), code(&row.default), row.about.to_owned()]
        });
        let rows = table(&["key", "values", "default", "meaning"], own);
        write!(text, "\n## {title}\n\n{rows}").unwrap();
    }
    text
}

fn metrics() -> String {
    let about = "Every metric, as `perftune list metrics` has them. How they are measured: [what is measured](../metrics.md). \
                 A group name in `[stop] metrics` selects its metrics that are marked *. \
                 `report.csv` has a column for those that are marked +; `metrics.csv` has all.";
    let mut text = page("Metrics", about);
    let mut groups: Vec<&str> = Vec::new();
    for metric in CATALOGUE {
        if !groups.contains(&metric.group) {
            groups.push(metric.group);
        }
    }
    for group in groups {
        let own = CATALOGUE.iter().filter(|metric| metric.group == group).map(metric);
        let rows = table(&["metric", "unit", "better", "meaning"], own);
        write!(text, "\n## {group}\n\n{rows}").unwrap();
    }
    text
}

fn metric(metric: &MetricDef) -> Vec<String> {
    let better = match metric.better {
        Some(Better::Lower) => "lower",
        Some(Better::Higher) => "higher",
        None => "",
    };
    let marks = [(metric.in_group, " *"), (metric.in_report, " +")];
    let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    vec![
        code(metric.name) + &marks,
        metric.unit.to_string(),
        better.to_owned(),
        metric.about.to_owned(),
    ]
}

fn models_and_rules() -> String {
    let about = "What `perftune list models` and `perftune list rules` print. How a model of your own is added: \
                 [your own data, model, worker](../extending.md).";
    let models = MODELS.iter().map(|model| vec![code(model.name), model.about.to_owned()]);
    let models = table(&["model", "what it is"], models);
    let mut text = page("Models and stopping rules", about);
    write!(text, "\n## Models\n\n{models}\n## Stopping rules\n\n").unwrap();
    text += "A rule is written as `NAME:KEY=VALUE,KEY=VALUE`, for `perftune replay --rule` and `--shadow --rule`. Live runs are stopped by `perftune` alone.\n\n";
    let rules = RULES.iter().flat_map(|rule| {
        let own = vec![code(rule.name), String::new(), rule.about.to_owned()];
        let params = rule.params.iter().map(|param| {
            let default = format!("{}={}", param.name, param.written(param.default));
            vec![String::new(), code(&default), param.about.to_owned()]
        });
        std::iter::once(own).chain(params)
    });
    text + &table(&["rule", "parameter and default", "meaning"], rules)
}

fn exit_codes() -> String {
    let about = "What the exit code of a command says. Where several are true, the table has the one first that is given.";
    let mut text = page("Exit codes", about);
    for (commands, codes) in [
        ("`run`, and every command that is not named below", GRID_CODES),
        ("`exec`", EXEC_CODES),
        ("`check`, and `run --against`", CHECK_CODES),
        ("`merge`", MERGE_CODES),
        ("`report`, `replay`, `list`, `doctor`", READING_CODES),
    ] {
        let rows =
            codes.iter().map(|&Meaning { code, when }| vec![code.to_string(), when.to_owned()]);
        write!(text, "\n## {commands}\n\n{}", table(&["code", "means"], rows)).unwrap();
    }
    text
}
