//! The JSON Schema of grid files, as `perftune::config::reference` makes it: valid files match it, mistakes of keys, types
//! and ranges do not.

use std::path::Path;

use perftune::config::reference::{json_schema, keys};
use perftune::event::AXES;
use serde_json::Value;

/// What of draft 2020-12 the schema uses; why the first value that does not match does not.
fn mismatch(root: &Value, value: &Value) -> Option<String> {
    mismatch_of(root, root, value, "grid")
}

fn mismatch_of(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let of_part = |schema: &Value, value: &Value, at: &str| mismatch_of(root, schema, value, at);
    let says = |what: &str| Some(format!("{at}: {value} is not {what}"));
    for (keyword, rule) in schema.as_object().unwrap() {
        let number = || value.as_f64().zip(rule.as_f64());
        let wrong = match keyword.as_str() {
            "type" => !is_type(rule, value),
            "enum" => !rule.as_array().unwrap().contains(value),
            "minimum" => number().is_some_and(|(value, limit)| value < limit),
            "maximum" => number().is_some_and(|(value, limit)| value > limit),
            "exclusiveMinimum" => number().is_some_and(|(value, limit)| value <= limit),
            "exclusiveMaximum" => number().is_some_and(|(value, limit)| value >= limit),
            "minLength" => value.as_str().is_some_and(str::is_empty),
            "minItems" => value.as_array().is_some_and(Vec::is_empty),
            "required" => value.as_object().is_some_and(|fields| {
                rule.as_array()
                    .unwrap()
                    .iter()
                    .any(|key| !fields.contains_key(key.as_str().unwrap()))
            }),
            "anyOf" => {
                rule.as_array().unwrap().iter().all(|schema| of_part(schema, value, at).is_some())
            }
            "$ref" => {
                let place = rule.as_str().unwrap().strip_prefix('#').unwrap();
                of_part(root.pointer(place).unwrap(), value, at).is_some()
            }
            // Patterns are left to those who have regular expressions; the last three are walked below.
            "pattern"
            | "description"
            | "title"
            | "$schema"
            | "properties"
            | "additionalProperties"
            | "items" => false,
            other => panic!("{other} is not known here"),
        };
        if wrong {
            return says(&format!("{keyword} {rule}"));
        }
    }
    let items = value.as_array().into_iter().flatten();
    let of_items = schema.get("items").and_then(|schema| {
        items.enumerate().find_map(|(index, item)| of_part(schema, item, &format!("{at}[{index}]")))
    });
    let mut fields = value.as_object().into_iter().flatten();
    of_items.or_else(|| {
        fields.find_map(|(key, value)| {
            let at = format!("{at}.{key}");
            let of = schema.get("properties").and_then(|properties| properties.get(key));
            match of.or(schema.get("additionalProperties")) {
                Some(Value::Bool(false)) => Some(format!("{at}: unknown key")),
                Some(schema) => of_part(schema, value, &at),
                None => None,
            }
        })
    })
}

fn is_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is not known here"),
    };
    rule.as_array().map_or_else(|| is(rule), |names| names.iter().any(is))
}

fn grid(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    let table: toml::Table = toml::from_str(&text).unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn grid_files_match_the_schema() {
    let schema = json_schema();
    let mut found = 0;
    for folder in ["configs", "tests/configs/valid"] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "toml") {
                assert_eq!(mismatch(&schema, &grid(&path)), None, "{}", path.display());
                found += 1;
            }
        }
    }
    assert!(found >= 20, "{found}");
}

#[test]
fn mistakes_of_keys_types_and_ranges_do_not() {
    let schema = json_schema();
    for name in [
        "train-unknown-key",
        "epochs-out-of-range",
        "batch-size-zero",
        "duration-without-unit",
        "percentage-without-unit",
        "confidence-out-of-range",
        "learning-rate-zero",
        "unknown-optimizer",
        "override-unknown-setting",
        "override-of-the-sampler",
        "gate-metric-unknown-key",
        "gate-metric-no-table",
        "gate-direction-unknown",
        "wrong-type-flag",
        "no-grid",
    ] {
        let path = Path::new("tests/configs/invalid").join(name).with_extension("toml");
        assert!(mismatch(&schema, &grid(&path)).is_some(), "{name}");
    }
}

#[test]
fn the_dots_of_a_metric_may_be_tables_and_its_keys_are_known() {
    let schema = json_schema();
    let whole = |body: &str| {
        let text = format!("grid = {{ model = 'mlp', dataset = 'digits' }}\n{body}");
        serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap()
    };
    for (body, right) in [
        ("[gate.metrics.memory.peak]\nfloor = '1%'", true),
        ("[gate.metrics]\nmemory.peak.floor = '1%'", true),
        ("[gate.metrics]\n'memory.peak'.floor = '1%'", true),
        ("[gate.metrics.'memory.peak']", true),
        ("[gate.metrics]\ntokens = { direction = 'higher' }", true),
        ("[gate.metrics.memory.peak]\nflor = '1%'", false),
        ("[gate.metrics]\n'memory.peak'.flor = '1%'", false),
        ("[gate.metrics]\ntokens = { direction = 'higher', flor = '1%' }", false),
        ("[constraints]\nmemory.peak = '<= 1GiB'", true),
        ("[constraints]\n'memory.peak' = ['<= 1GiB', '> 1MiB']", true),
        ("[constraints]\nmemory.peak = 3", false),
        ("[[override]]\nmatch.model = 'mlp'\nconstraints.memory.peak = '<= 1GiB'", true),
        ("[[override]]\nmatch.model = 'mlp'\nconstraints.memory.peak = 3", false),
    ] {
        assert_eq!(mismatch(&schema, &whole(body)).is_none(), right, "{body}");
    }
}

#[test]
fn every_key_is_listed_once_and_described() {
    let rows = keys();
    let mut names: Vec<&str> = rows.iter().map(|row| &*row.key).collect();
    assert!(names.contains(&"stop.within") && names.contains(&"gate.metrics.METRIC.floor"));
    for key in AXES.iter().map(|def| &def.key) {
        assert!(names.contains(&&*format!("grid.{key}")), "{key}");
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len());
    assert!(rows.iter().all(|row| !row.about.is_empty() && !row.value.is_empty()));
}
