//! What is written as the value of an axis, checked.

use super::{Axis, Choice, Dataset, Setting, World};
use crate::config::models;
use crate::config::problems::Problems;
use crate::config::read::{self, Allowed};
use crate::config::suggest;
use crate::config::tree::{Node, Value};
use crate::event::{Allocator, MODELS, Optimizer, Precision};

/// Numbers that a step size may be.
const LEARNING_RATE: Allowed =
    Allowed { test: |value| value.is_finite() && value > 0.0, says: "greater than 0" };
const WEIGHT_DECAY: Allowed =
    Allowed { test: |value| value.is_finite() && value >= 0.0, says: "of at least 0" };
const OPTIMIZERS: &[(&str, Optimizer)] =
    &[("sgd", Optimizer::Sgd), ("adam", Optimizer::Adam), ("adamw", Optimizer::Adamw)];
const ALLOCATORS: &[(&str, Allocator)] =
    &[("retain", Allocator::Retain), ("system", Allocator::System)];
const PRECISIONS: &[(&str, Precision)] = &[("fp32", Precision::Fp32), ("bf16", Precision::Bf16)];
/// The longest name of a model or a data set, in bytes: with the longest tag of every other axis (122 bytes in all) two of
/// them still fit into a file name, which has at most 255.
const LONGEST_NAME: usize = 64;
/// The most samples that a step or a request may have.
pub(in crate::config) const LARGEST_BATCH: u32 = 1 << 24;

/// The value of an axis, or nothing when it is wrong, which is then reported.
pub(in crate::config) fn read(
    axis: Axis,
    node: &Node,
    world: &World<'_>,
    problems: &mut Problems,
) -> Option<Choice> {
    let key = axis.key();
    let setting = match axis {
        Axis::Model => Setting::Text(model(node, world, problems)?),
        Axis::Dataset => Setting::Dataset(dataset(node, world, problems)?),
        Axis::BatchSize => Setting::Count(read::count(key, node, 1..=LARGEST_BATCH, problems)?),
        Axis::LearningRate => Setting::Number(read::number(key, node, &LEARNING_RATE, problems)?),
        Axis::WeightDecay => Setting::Number(read::number(key, node, &WEIGHT_DECAY, problems)?),
        Axis::Optimizer => Setting::Optimizer(read::word(key, node, OPTIMIZERS, problems)?),
        Axis::Allocator => Setting::Allocator(read::word(key, node, ALLOCATORS, problems)?),
        Axis::Precision => Setting::Precision(read::word(key, node, PRECISIONS, problems)?),
        Axis::Threads => Setting::Count(match read::count(key, node, 0..=1024, problems)? {
            0 => world.cores.max(1),
            threads => threads,
        }),
        Axis::Device => Setting::Text(device(node, problems)?),
        Axis::FlushDenormals => Setting::Flag(read::flag(key, node, problems)?),
        Axis::Depth => Setting::Count(read::count(key, node, 1..=1000, problems)?),
        Axis::Width => Setting::Count(read::count(key, node, 1..=65_536, problems)?),
    };
    let mut choice = Choice::new(axis, setting, Some(node.place));
    let written = match &node.value {
        Value::Text(text) => text.clone(),
        other => other.shown(),
    };
    choice.written = (written != choice.label).then_some(written);
    Some(choice)
}

fn model(node: &Node, world: &World<'_>, problems: &mut Problems) -> Option<String> {
    let name = read::text("model", node, "the name of a model in quotes", problems)?;
    let command = models::find(world.commands, name).is_some();
    if !world.foreign && !command && !MODELS.iter().any(|model| model.name == name) {
        let native = MODELS.iter().map(|model| model.name);
        let commands = world.commands.iter().map(|command| &*command.name);
        let names: Vec<&str> = native.chain(commands).collect();
        problems.error_with(
            node.place,
            format!("unknown model {}", node.value.shown()),
            suggest::hint(name, &names, "the models are"),
        );
        return None;
    }
    check_length("model", name, node, problems)
}

fn check_length(key: &str, name: &str, node: &Node, problems: &mut Problems) -> Option<String> {
    if (1..=LONGEST_NAME).contains(&name.len()) {
        return Some(name.to_owned());
    }
    let expected = format!("a name of 1 to {LONGEST_NAME} bytes");
    read::wrong(key, &expected, node, problems);
    None
}

fn dataset(node: &Node, world: &World<'_>, problems: &mut Problems) -> Option<Dataset> {
    let expected = "the name or the folder of a data set in quotes";
    let written = read::text("dataset", node, expected, problems)?;
    let is_path = written.contains('/') || written.starts_with('.');
    let known = world.dataset_names.iter().any(|name| name == written);
    if (world.foreign || !world.commands.is_empty()) && !known && !is_path {
        let name = check_length("dataset", written, node, problems)?;
        return Some(Dataset { dir: world.bases.of(node).join(written), name, train_rows: None });
    }
    if !known && !is_path {
        let names: Vec<&str> = world.dataset_names.iter().map(String::as_str).collect();
        problems.error_with(
            node.place,
            format!("unknown data set {}", node.value.shown()),
            suggest::hint(written, &names, "the data sets are"),
        );
        return None;
    }
    let folder = world.bases.of(node).join(written);
    let asked = if known { written.to_owned() } else { folder.to_string_lossy().into_owned() };
    match world.catalogue.resolve(&asked) {
        Ok(facts) => Some(Dataset {
            name: check_length("dataset", &facts.name, node, problems)?,
            dir: std::path::absolute(&facts.dir).unwrap_or(facts.dir),
            train_rows: (!world.foreign).then_some(facts.train_rows),
        }),
        Err(_) if world.foreign => {
            let name = folder.file_name().map(std::ffi::OsStr::to_string_lossy);
            let name = name.as_deref().unwrap_or(written);
            Some(Dataset {
                name: check_length("dataset", name, node, problems)?,
                dir: folder,
                train_rows: None,
            })
        }
        Err(why) => {
            let shown = node.value.shown();
            problems.error(node.place, format!("the data set {shown} cannot be used: {why}"));
            None
        }
    }
}

fn device(node: &Node, problems: &mut Problems) -> Option<String> {
    let expected = "one of cpu, cuda, cuda:N (N from 0 to 255), mps";
    let written = read::text("device", node, expected, problems)?;
    let numbered =
        |text: &str| text.strip_prefix("cuda:").and_then(|number| number.parse::<u8>().ok());
    if matches!(written, "cpu" | "cuda" | "mps") {
        return Some(written.to_owned());
    }
    // Written anew, so that `cuda:01` and `cuda:1` are one device.
    if let Some(number) = numbered(written) {
        return Some(format!("cuda:{number}"));
    }
    read::wrong("device", expected, node, problems);
    None
}
