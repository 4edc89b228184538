//! `[stop] metrics`: names of the catalogue, their short forms, and groups.

use super::read::{self, Read};
use crate::control::policy::DEFAULT_GROUPS;
use crate::document::problems::{Place, Problem, Problems};
use crate::document::suggest;
use crate::document::tree::Node;
use crate::metric::{CATALOGUE, MetricDef, MetricId, all as every, find_among, why_no_name};

/// A metric to wait for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    pub(super) def: &'static MetricDef,
    /// Where it is named; absent when a group chose it.
    pub(super) named: Option<Place>,
}

/// The metrics of the default.
pub(super) fn default() -> Vec<Chosen> {
    DEFAULT_GROUPS.iter().flat_map(|name| group(name)).collect()
}

fn group(name: &str) -> impl Iterator<Item = Chosen> + '_ {
    CATALOGUE
        .iter()
        .filter(move |def| def.in_group && def.group == name)
        .map(|def| Chosen { def, named: None })
}

/// The metrics that a list (or a single name) chooses, each once, in the order of the list.
pub(super) fn read(node: &Node, own: &[MetricId], problems: &mut Problems) -> Read<Vec<Chosen>> {
    let expected = "a list of metrics and groups, such as [\"throughput\", \"memory\"]";
    let items = read::texts("metrics", node, expected)?;
    if items.is_empty() {
        let message = "`metrics` is an empty list, so no run could stop early";
        let hint = "name a metric, or write enabled = false to use every budget in full";
        return Err(Problem::new(node.place, message).hint(hint));
    }
    let mut chosen: Vec<Chosen> = Vec::new();
    for metric in items.iter().filter_map(|item| problems.ok(one(item, own))).flatten() {
        if !chosen.iter().any(|other| other.def.name == metric.def.name) {
            chosen.push(metric);
        }
    }
    Ok(chosen)
}

/// The metrics that a name means, in the words of the command line: a full name, a group or a name without its scope;
/// an error with a hint where it means none. `own`: those of the user's own that there are.
pub fn named(name: &str, own: &[MetricId]) -> Result<Vec<&'static MetricDef>, (String, String)> {
    let members = group(name).map(|chosen| chosen.def).collect();
    [all(own, |def| def.name == name), members, all(own, |def| short_name(def) == name)]
        .into_iter()
        .find(|found| !found.is_empty())
        .ok_or_else(|| (format!("unknown metric `{name}`"), hint(name, own)))
}

fn one(item: &Node, own: &[MetricId]) -> Read<Vec<Chosen>> {
    let name = read::text("metrics", item, "the name of a metric or a group in quotes")?;
    let wrong = |message: String, hint: String| Err(Problem::new(item.place, message).hint(hint));
    let of_group = all(&[], |def| def.group == name);
    if find_among(name, own).is_none() && !of_group.is_empty() {
        let members: Vec<Chosen> = group(name).collect();
        if members.is_empty() {
            let message = format!("the group `{name}` cannot be chosen");
            return wrong(message, format!("name what you mean: {}", listed(&of_group)));
        }
        return Ok(members);
    }
    match named(name, own).as_deref() {
        Ok([def]) => Ok(vec![Chosen { def, named: Some(item.place) }]),
        Ok(several) => wrong(
            format!("`{name}` is more than one metric"),
            format!("write one of {}", listed(several)),
        ),
        Err((_, hint)) => wrong(format!("unknown metric {}", item.value.shown()), hint.clone()),
    }
}

/// The metrics of which this is true.
fn all(own: &[MetricId], is: impl Fn(&MetricDef) -> bool) -> Vec<&'static MetricDef> {
    every(own).filter(|def| is(def)).collect()
}

/// Their names for a sentence.
fn listed(metrics: &[&MetricDef]) -> String {
    let names: Vec<&str> = metrics.iter().map(|def| def.name).collect();
    names.join(", ")
}

/// The name without its scope.
fn short_name(def: &MetricDef) -> &'static str {
    def.name.split_once('.').map_or(def.name, |(_, short)| short)
}

fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = Vec::new();
    for def in CATALOGUE.iter().filter(|def| def.in_group) {
        if !groups.contains(&def.group) {
            groups.push(def.group);
        }
    }
    groups
}

fn hint(name: &str, own: &[MetricId]) -> String {
    let groups = groups();
    let full = every(own).map(|def| def.name);
    let short = every(own).map(short_name);
    let candidates = groups.iter().copied().chain(full).chain(short);
    let all =
        format!("the groups are {}; `perftune list metrics` shows every metric", groups.join(", "));
    match suggest::nearest(name, candidates) {
        Some(found) => format!("did you mean `{found}`? {all}"),
        None => all,
    }
}

/// The hint for a name where only the full name of one metric will do.
pub(super) fn full_name_hint(name: &str, own: &[MetricId]) -> String {
    let members = all(&[], |def| def.group == name);
    if !members.is_empty() {
        return format!("name one of {}", listed(&members));
    }
    let full = every(own).map(|def| def.name);
    let nearest = suggest::nearest(name, full).or_else(|| {
        let short = CATALOGUE.iter().find(|def| short_name(def) == name);
        short.map(|def| def.name)
    });
    match nearest {
        Some(found) => format!("did you mean `{found}`?"),
        None if why_no_name(name).is_none() => format!(
            "`perftune list metrics` shows every metric; one of your own is declared: [metrics.{name}]"
        ),
        None => "`perftune list metrics` shows every metric".to_owned(),
    }
}

/// Whether a name is so like that of a metric that it was most likely meant.
pub(super) fn resembles(name: &str) -> bool {
    let short = CATALOGUE.iter().map(short_name);
    let full = CATALOGUE.iter().map(|def| def.name);
    suggest::nearest(name, full.chain(short)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(toml: &str) -> Result<Vec<&'static str>, String> {
        let mut problems = Problems::default();
        let body = format!("metrics = {toml}");
        let text = problems.add_file("f".into(), body);
        let root = crate::document::tree::parse_document(text, &mut problems).unwrap();
        let found = read(&root.get("metrics").unwrap().node, &[], &mut problems);
        let found = problems.ok(found);
        problems
            .check(found)
            .map(|found| found.iter().map(|metric| metric.def.name).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn names_short_names_and_groups_choose_each_metric_once() {
        for (toml, expected) in [
            ("\"memory\"", vec!["memory.rss_mean", "memory.peak"]),
            ("[\"memory.peak\", \"memory\"]", vec!["memory.peak", "memory.rss_mean"]),
            ("[\"step_latency_p99\"]", vec!["train.step_latency_p99"]),
            ("[\"latency_p99\"]", vec!["serve.latency_p99"]),
            ("[\"io.read\"]", vec!["io.read"]),
        ] {
            assert_eq!(chosen(toml), Ok(expected), "{toml}");
        }
    }

    #[test]
    fn what_chooses_nothing_or_too_much_is_said() {
        for (toml, says) in [
            ("[\"io\"]", "io.read, io.write"),
            ("[\"utilisation\"]", "cpu.utilisation, gpu.utilisation"),
            ("[\"thoughput\"]", "did you mean `throughput`?"),
            ("[\"teapots\"]", "the groups are throughput"),
            ("[]", "empty list"),
            ("[3]", "the name of a metric"),
            ("3", "a list of metrics"),
        ] {
            let error = chosen(toml).unwrap_err();
            assert!(error.contains(says), "{toml}: {error}");
        }
    }

    #[test]
    fn every_default_group_chooses_something() {
        for name in DEFAULT_GROUPS {
            assert!(group(name).next().is_some(), "{name}");
        }
    }
}
