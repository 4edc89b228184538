//! The rows of the lists: for programs every field, for people what fits a line.

use serde_json::{Value, json, to_value};

use crate::app::Fault;
use crate::app::datasets::{DatasetRow, datasets};
use crate::app::rules::{RULES, RuleDef};
use crate::cli::export;
use crate::cli::options::Listed;
use crate::config::reference::{self, KeyRow};
use crate::event::MODELS;
use crate::export::EXPORTS;
use crate::metric::{CATALOGUE, MetricDef};

/// The rows of a list; `short`: as people are shown them.
pub(super) fn rows(what: Listed, short: bool) -> Result<Vec<Value>, Fault> {
    let rows: Result<Vec<Value>, serde_json::Error> = match what {
        Listed::Models => {
            let rows = MODELS.iter();
            rows.map(|model| Ok(json!({ "name": model.name, "about": model.about }))).collect()
        }
        Listed::Datasets => datasets()?.iter().map(|row| dataset(row, short)).collect(),
        Listed::Metrics => CATALOGUE.iter().map(|row| Ok(metric(row, short))).collect(),
        Listed::Exports => EXPORTS.iter().map(|def| Ok(export::row(def, short))).collect(),
        Listed::Keys if short => reference::keys().iter().map(|row| Ok(key(row))).collect(),
        Listed::Keys => reference::keys().iter().map(to_value).collect(),
        Listed::Rules => RULES.iter().flat_map(|row| rule(row, short)).map(Ok).collect(),
    };
    Ok(rows?)
}

/// For people without the folder, which is long and which only programs need.
fn dataset(row: &DatasetRow, short: bool) -> Result<Value, serde_json::Error> {
    let mut value = to_value(row)?;
    if let Some(fields) = value.as_object_mut().filter(|_| short) {
        fields.retain(|name, _| !matches!(name.as_str(), "path" | "guessed" | "problem"));
        fields.insert("about".to_owned(), row.summary().into());
    }
    Ok(value)
}

/// For people what to write in `[stop] metrics`, and what it means.
fn metric(metric: &MetricDef, short: bool) -> Value {
    let &MetricDef { name, unit, group, in_group, about, .. } = metric;
    if short {
        let group = starred(group, in_group);
        return json!({ "metric": name, "unit": unit, "group": group, "about": about });
    }
    json!({ "name": name, "unit": unit, "group": group, "in_group": in_group, "scope": metric.scope, "about": about })
}

fn key(row: &KeyRow) -> Value {
    let default = match row.default.as_str() {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let about = format!("{}; {}{default}", row.about, row.value);
    json!({ "key": starred(&row.key, row.overridable), "about": about })
}

/// For people a line a parameter, as `--rule` takes it.
fn rule(rule: &RuleDef, short: bool) -> Vec<Value> {
    let params = rule.params.iter().map(|param| (param, param.written(param.default)));
    if short {
        let own = json!({ "rule": rule.name, "about": rule.about });
        let params = params.map(|(param, default)| {
            json!({ "rule": format!("  :{}={default}", param.name), "about": param.about })
        });
        return std::iter::once(own).chain(params).collect();
    }
    let params: Vec<Value> = params
        .map(|(param, default)| json!({ "name": param.name, "default": default, "about": param.about }))
        .collect();
    vec![json!({ "name": rule.name, "about": rule.about, "parameters": params })]
}

fn starred(text: &str, star: bool) -> String {
    format!("{text}{}", if star { " *" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::listing::Listing;

    #[test]
    fn data_sets_have_three_forms() {
        let row = DatasetRow {
            name: "fashion-mnist".to_owned(),
            shape: Some("1x28x28".to_owned()),
            classes: Some(10),
            train: Some(60_000),
            test: Some(10_000),
            licence: "MIT".to_owned(),
            about: "photographs of clothes, in grey".to_owned(),
            path: "datasets/fashion-mnist".to_owned(),
            guessed: "10 classes".to_owned(),
            problem: None,
        };
        let broken = DatasetRow {
            name: "broken".to_owned(),
            path: "datasets/broken".to_owned(),
            problem: Some("datasets/broken/dataset.toml:1:1: not TOML".to_owned()),
            ..DatasetRow::default()
        };
        let rows = |short| [&broken, &row].map(|row| dataset(row, short).unwrap());
        let listing = |short| Listing::new(&rows(short)).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        insta::assert_snapshot!("datasets_table", listing(true).table(80));
        insta::assert_snapshot!("datasets_csv", text(listing(false).csv().unwrap()));
        insta::assert_snapshot!("datasets_json", text(listing(false).json().unwrap()));
    }
}
