//! `dataset = { random = [3, 224, 224], classes = 10, samples = 4096 }`: no data set, where speed alone is asked for.

use super::read::{self, Read};
use crate::document::problems::{Problem, shown};
use crate::document::suggest;
use crate::document::tree::{Node, Table, Value};
use crate::event::RandomData;

/// What a grid file may write.
const SAYS: &str = "{ random = [3, 224, 224], classes = 10, samples = 4096 }";

/// What may stand for a data set, for people.
pub(super) const OR_NAME: &str =
    "a name, or { random = [3, 224, 224], classes = 10, samples = 4096 }";

/// The same as JSON Schema.
pub(super) const SCHEMA: &str = r#"{ "anyOf": [
    { "type": "string", "minLength": 1 },
    {
        "type": "object",
        "properties": {
            "random": {
                "type": "array", "items": { "type": "integer", "minimum": 1 }, "minItems": 1, "maxItems": 3
            },
            "classes": { "type": "integer", "minimum": 2 },
            "samples": { "type": "integer", "minimum": 2 }
        },
        "required": ["random"],
        "additionalProperties": false
    }
] }"#;

const KEYS: [&str; 3] = ["random", "classes", "samples"];

/// What stands where nobody says it.
const USUAL: RandomData = RandomData { shape: [1, 1, 1], classes: 10, samples: 4096 };

/// The longest side of a sample, the most classes and the most samples: more is a typing error.
const LONGEST_SIDE: u32 = 1 << 24;
const MOST_CLASSES: u32 = 1 << 24;
const MOST_SAMPLES: u32 = 1 << 30;

/// The most values of all samples: 4 GiB of 32-bit floats are 2^30.
const MOST_VALUES: u128 = 1 << 36;

/// Reads such a value.
pub(super) fn read(table: &Table, node: &Node) -> Read<RandomData> {
    if let Some(entry) = table.entries.iter().find(|entry| !KEYS.contains(&&*entry.key)) {
        let message = format!("random data have no `{}`", shown(&entry.key));
        let hint = suggest::hint(&entry.key, &KEYS, "the keys are");
        return Err(Problem::new(entry.key_place, message).hint(hint));
    }
    let Some(random) = table.get(KEYS[0]) else {
        let message = "a data set that is a table has no `random`";
        return Err(Problem::new(node.place, message).hint(format!("for example {SAYS}")));
    };
    let count = |at: usize, usual: u32, most| match table.get(KEYS[at]) {
        Some(entry) => read::count(KEYS[at], &entry.node, 2..=most),
        None => Ok(usual),
    };
    let samples = count(2, u32::try_from(USUAL.samples).unwrap_or(u32::MAX), MOST_SAMPLES)?;
    let data = RandomData {
        shape: shape(&random.node)?,
        classes: count(1, USUAL.classes, MOST_CLASSES)?,
        samples: samples.into(),
    };
    let values = data.shape.iter().map(|side| u128::from(*side)).product::<u128>();
    if values * u128::from(samples) > MOST_VALUES {
        let message = format!("{samples} samples of {values} values do not fit into memory");
        return Err(Problem::new(node.place, message).hint("use fewer or smaller samples"));
    }
    Ok(data)
}

/// Channels, height and width, or the number of features alone.
fn shape(node: &Node) -> Read<[u32; 3]> {
    let expected =
        "a list of channels, height and width, such as [3, 224, 224], or [N] for N features";
    let Value::List(items) = &node.value else {
        return Err(read::wrong(KEYS[0], expected, node));
    };
    let sides: Vec<u32> = items
        .iter()
        .map(|item| read::count(KEYS[0], item, 1..=LONGEST_SIDE))
        .collect::<Read<_>>()?;
    match sides[..] {
        [channels, height, width] => Ok([channels, height, width]),
        [features] => Ok([features, 1, 1]),
        _ => {
            let message = format!("the shape of a sample has {} sides", sides.len());
            Err(Problem::new(node.place, message).hint(format!("write {expected}")))
        }
    }
}
