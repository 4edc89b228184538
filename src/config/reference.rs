//! What a grid file may say, from the tables of keys and axes: the list for people, and the JSON Schema for editors.

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::declared;
use super::engine_keys;
use super::gate;
use super::key::{KeyDef, Kind, Shown};
use super::keys::KEYS;
use super::models;
use super::own;
use super::plan::Plan;
use super::random;
use super::range;
use super::recorded;
use super::schema::{Holds, TABLES, TableDef};
use super::scripts;
use super::settings::Settings;
use super::world::MachineFacts;
use crate::document::problems::Problems;
use crate::event::{AXES, AxisDef, AxisKind, AxisValue, OwnKind};
use crate::sampler::LimitMeans;

/// The longest default that is listed, in bytes.
const LONGEST_DEFAULT: usize = 40;

/// A key as `perftune list keys` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyRow {
    /// Its tables and its name; a name in capitals stands for any.
    pub key: String,
    /// What it may hold.
    pub value: String,
    /// What stands where the file does not say it, as it could be written; empty: nothing.
    pub default: String,
    /// Whether an `[[override]]` may say it for some cells.
    pub overridable: bool,
    /// What it means.
    pub about: &'static str,
}

/// A key, whatever it sets.
struct Described {
    path: &'static str,
    about: &'static str,
    says: String,
    schema: Json,
    default: String,
}

/// The plan of a grid file that says nothing.
pub(super) fn default_plan() -> Plan {
    let settings = Settings::default();
    let nothing = || "nothing is asked".to_owned();
    let limits = LimitMeans {
        cpus: Err(nothing()),
        memory: Err(nothing()),
        why_watched: None,
        quota: Err(nothing()),
        memory_bytes: None,
        base: None,
    };
    let resolved =
        settings.resolve(&MachineFacts { usable_cores: 1, limits }, &mut Problems::default());
    let mut job = resolved.job();
    job.seed = settings.seed.0;
    let run = resolved.planned(String::new(), job);
    settings.plan(String::new(), Vec::new(), vec![run])
}

fn describe<T: 'static>(
    keys: &'static [KeyDef<T>],
    plan: &Plan,
) -> impl Iterator<Item = Described> {
    keys.iter().map(move |key| {
        let get = match key.shown {
            Shown::Always(_, get) | Shown::Unusual(_, get) | Shown::Never(get) => Some(get),
            Shown::Nothing => None,
        };
        let value = get.map(|get| get(plan, &plan.runs[0])).unwrap_or_default();
        Described {
            path: key.path,
            about: key.about,
            says: key.kind.says(),
            schema: key.kind.schema(),
            // A longer one is told of where the key is described.
            default: Some(key.kind.written(&value))
                .filter(|default| default.len() <= LONGEST_DEFAULT)
                .unwrap_or_default(),
        }
    })
}

/// Every key that is no axis, the tables in the order of the file.
fn described() -> Vec<Described> {
    let plan = default_plan();
    let mut all: Vec<Described> = describe(KEYS, &plan).collect();
    all.extend(describe(engine_keys::KEYS, &plan));
    all.extend(describe(models::KEYS, &plan));
    all.extend(describe(recorded::KEYS, &plan));
    all.extend(describe(scripts::KEYS, &plan));
    all.extend(describe(own::KEYS, &plan));
    all.extend(describe(declared::KEYS, &plan));
    all.extend(describe(gate::KEYS, &plan));
    let at =
        |path: &str| TABLES.iter().position(|table| path.starts_with(&format!("{}.", table.name)));
    all.sort_by_key(|key| at(key.path));
    all
}

/// The values of an axis, in the terms of keys.
fn kind(def: &AxisDef) -> Kind<()> {
    match def.kind {
        AxisKind::Model => {
            Kind::Own("a name", r#"{ "type": "string", "minLength": 1 }"#, |(), _, _, _| Ok(()))
        }
        AxisKind::Dataset => Kind::Own(random::OR_NAME, random::SCHEMA, |(), _, _, _| Ok(())),
        AxisKind::Device => Kind::Own(
            "cpu, cuda, cuda:N or mps",
            r#"{ "type": "string", "pattern": "^(cpu|mps|cuda(:[0-9]+)?)$" }"#,
            |(), _, _, _| Ok(()),
        ),
        AxisKind::Threads { most } => Kind::Count(0, most, |(), _, _| ()),
        AxisKind::Count { most } => Kind::Count(1, most, |(), _, _| ()),
        AxisKind::Number(range) => Kind::Number(range, |(), _, _| ()),
        AxisKind::Flag => Kind::Flag(|(), _, _| ()),
        AxisKind::Word(words) => Kind::Word(words, |(), _, _| ()),
        AxisKind::Own(kind) => Kind::Own(
            kind.says(),
            r#"{ "type": ["number", "string", "boolean"] }"#,
            |(), _, _, _| Ok(()),
        ),
    }
}

fn axis_default(def: &AxisDef) -> String {
    match &def.default {
        None | Some(AxisValue::Unset) => String::new(),
        Some(value) => Json::from(value.clone()).to_string(),
    }
}

/// Every key of the grid file.
pub fn keys() -> Vec<KeyRow> {
    let described = described();
    let row = |key: &Described, overridable| KeyRow {
        key: key.path.to_owned(),
        value: key.says.clone(),
        default: key.default.clone(),
        overridable,
        about: key.about,
    };
    let table_row = |key: String, value: &str, about| KeyRow {
        key,
        value: value.to_owned(),
        default: String::new(),
        overridable: false,
        about,
    };
    let top = described.iter().filter(|key| !key.path.contains('.'));
    let mut rows: Vec<KeyRow> = top.map(|key| row(key, false)).collect();
    for table in &TABLES {
        match table.holds {
            Holds::Axes => {
                rows.extend(AXES.iter().map(|def| KeyRow {
                    key: format!("grid.{}", def.key),
                    value: kind(def).says(),
                    default: axis_default(def),
                    overridable: def.in_train,
                    about: def.about,
                }));
                let value = OwnKind::Any.says();
                for (key, about) in own::FREE {
                    rows.push(table_row(format!("grid.{key}"), value, about));
                }
            }
            Holds::GridKeys | Holds::CellKeys => {
                let prefix = format!("{}.", table.name);
                let keys = described.iter().filter(|key| key.path.starts_with(&prefix));
                rows.extend(keys.map(|key| row(key, table.holds == Holds::CellKeys)));
            }
            Holds::Cells => {
                rows.push(table_row(
                    format!("{}.AXIS", table.name),
                    "a value of the axis",
                    table.about,
                ));
            }
            Holds::Whens => {
                for (key, value) in [("match", "a value, or a list"), ("grid", "as in [grid]")] {
                    rows.push(table_row(format!("when.{key}.AXIS"), value, table.about));
                }
            }
            Holds::Overrides => {
                rows.push(table_row(
                    "override.match.AXIS".to_owned(),
                    "a value, or a list",
                    table.about,
                ));
            }
        }
    }
    rows
}

fn or_list(schema: &Json) -> Json {
    json!({ "anyOf": [schema, { "type": "array", "items": schema, "minItems": 1 }] })
}

/// The values of an axis of `[grid]`: one, a list, or a range of numbers.
fn values(def: &AxisDef) -> Json {
    let mut values = or_list(&kind(def).schema());
    let numbers = [AxisKind::Own(OwnKind::Any)].contains(&def.kind)
        || matches!(
            def.kind,
            AxisKind::Count { .. } | AxisKind::Threads { .. } | AxisKind::Number(_)
        );
    if let (true, Some(kinds)) = (numbers, values["anyOf"].as_array_mut()) {
        kinds.push(json!({
            "type": "object",
            "properties": {
                "from": { "type": "number" },
                "to": { "type": "number" },
                "scale": { "enum": range::SCALES },
                "steps": { "type": "integer", "minimum": 2, "maximum": range::MOST_STEPS },
            },
            "required": ["from", "to"],
            "additionalProperties": false,
        }));
    }
    values
}

/// An object of these axes, and any others: only perftune knows which of one's own there are.
fn of_axes(schema: impl Fn(&AxisDef) -> Json) -> Json {
    let own = schema(&AxisDef::own("own"));
    let mut found = object(&axes(schema));
    found["properties"][own::ENV_TABLE] = json!({ "type": "object", "additionalProperties": own });
    found["additionalProperties"] = own;
    found
}

/// An object of these properties and no others.
fn object(properties: &Map<String, Json>) -> Json {
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn axes(schema: impl Fn(&AxisDef) -> Json) -> Map<String, Json> {
    let property = |def: &AxisDef| {
        let mut schema = schema(def);
        schema["description"] = def.about.into();
        (def.key.clone().into_owned(), schema)
    };
    AXES.iter().map(property).collect()
}

/// The properties of the keys below `table`.
fn properties(table: &str, keys: &[Described]) -> Json {
    let mut found = Map::new();
    let mut free = None;
    for key in keys {
        let Some(rest) = key.path.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'))
        else {
            continue;
        };
        let name = rest.split('.').next().unwrap_or(rest);
        let inner = format!("{table}.{name}");
        let is_table = keys.iter().any(|key| key.path.starts_with(&format!("{inner}.")));
        let mut schema = if is_table { properties(&inner, keys) } else { key.schema.clone() };
        if inner == key.path {
            schema["description"] = key.about.into();
        }
        if name.starts_with(char::is_uppercase) {
            free = free.or(Some((name, schema)));
        } else if !found.contains_key(name) {
            found.insert(name.to_owned(), schema);
        }
    }
    match free {
        // The dots in the name of a metric may be written as tables within tables.
        Some(("METRIC", schema)) => {
            let here = format!("#/properties/{}", table.replace('.', "/properties/"));
            let below = json!({ "$ref": format!("{here}/additionalProperties") });
            let tables = json!({ "type": "object", "additionalProperties": below });
            let either = json!({ "anyOf": [schema, tables] });
            json!({ "type": "object", "additionalProperties": either })
        }
        Some((_, schema)) => json!({ "type": "object", "additionalProperties": schema }),
        None => object(&found),
    }
}

fn table_schema(table: &TableDef, keys: &[Described]) -> Json {
    let mut schema = match table.holds {
        Holds::Axes => {
            let mut schema = of_axes(values);
            // A recorded table needs no data.
            schema["required"] = json!(["model"]);
            schema
        }
        Holds::GridKeys | Holds::CellKeys => {
            let mut schema = properties(table.name, keys);
            if table.name == "axes" {
                let axis = schema["additionalProperties"].clone();
                schema["properties"][own::ENV_TABLE] =
                    json!({ "type": "object", "additionalProperties": axis });
            }
            if table.name == "train" {
                for def in AXES.iter().filter(|def| def.in_train) {
                    schema["properties"][&*def.key] = kind(def).schema();
                }
            }
            schema
        }
        Holds::Cells => {
            let cell = of_axes(|axis| match table.name {
                "include" => kind(axis).schema(),
                _ => or_list(&kind(axis).schema()),
            });
            json!({ "type": "array", "items": cell })
        }
        Holds::Whens => {
            let mut found = Map::new();
            found.insert("match".to_owned(), of_axes(|axis| or_list(&kind(axis).schema())));
            found.insert("grid".to_owned(), of_axes(values));
            let mut item = object(&found);
            item["required"] = json!(["match", "grid"]);
            json!({ "type": "array", "items": item })
        }
        Holds::Overrides => {
            let mut found = Map::new();
            found.insert("match".to_owned(), of_axes(|axis| or_list(&kind(axis).schema())));
            for table in TABLES.iter().filter(|table| table.holds == Holds::CellKeys) {
                found.insert(table.name.to_owned(), table_schema(table, keys));
            }
            let mut item = object(&found);
            item["required"] = json!(["match"]);
            json!({ "type": "array", "items": item })
        }
    };
    schema["description"] = table.about.into();
    schema
}

/// The JSON Schema (draft 2020-12) of a grid file. It knows the keys, the types and the ranges; units, names of metrics
/// and what the keys say against one another are checked by perftune alone.
pub fn json_schema() -> Json {
    let keys = described();
    let mut properties = Map::new();
    for key in keys.iter().filter(|key| !key.path.contains('.')) {
        let mut schema = key.schema.clone();
        schema["description"] = key.about.into();
        properties.insert(key.path.to_owned(), schema);
    }
    for table in &TABLES {
        properties.insert(table.name.to_owned(), table_schema(table, &keys));
    }
    let mut schema = object(&properties);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "perftune grid file".into();
    schema["required"] = json!(["grid"]);
    schema
}
