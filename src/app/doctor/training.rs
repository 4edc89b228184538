//! By how much training on a lane slows while the other lanes train as well: with the native worker, as a grid runs it.
//!
//! Invariant: while the first lane is measured beside others, these train until it is done.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use crate::app::grid;
use crate::app::launch::native_worker;
use crate::app::session::{RunRequest, execute};
use crate::app::{Expected, Fault, Interrupts, Observer};
use crate::config::plan::Plan;
use crate::event::{Lane, RunEvent};
use crate::metric::MetricId;
use crate::sampler::beside::Block;
use crate::store::Existing;

/// What is trained.
pub(super) const MODEL: &str = "mlp";

/// Epochs that the first lane trains: about a second; and those that the others would, if nobody ended them.
const EPOCHS: u32 = 50;
const ENDLESS: u32 = 100_000;

/// A grid of one cell, which needs no data.
fn text(epochs: u32, threads: usize) -> String {
    format!(
        r#"
name = "lanes"
repeat = 1
[grid]
model = "{MODEL}"
dataset = {{ random = [64] }}
batch_size = 64
threads = {threads}
[train]
epochs = {epochs}
[serve]
enabled = false
[stop]
enabled = false
[sampler]
gpu = false
energy = false
"#
    )
}

/// Measures the first of these lanes so many times; nothing where there is no native worker.
pub(super) fn measure(lanes: &[Lane], blocks: usize) -> Result<Option<Vec<Block>>, Fault> {
    if native_worker().is_err() {
        return Ok(None);
    }
    let folder = std::env::temp_dir().join(format!("perftune-lanes-{}", std::process::id()));
    fs_err::create_dir(&folder)?;
    let block = |_| {
        let first = rate(&lanes[..1], &folder)?;
        let beside = [rate(lanes, &folder)?, rate(lanes, &folder)?];
        Ok(Block { alone: [first, rate(&lanes[..1], &folder)?], beside })
    };
    let blocks = (0..blocks).map(block).collect::<Result<Vec<_>, Fault>>();
    fs_err::remove_dir_all(&folder)?;
    blocks.map(Some)
}

/// Those who train beside the one that is measured, and whether that is done.
#[derive(Default)]
struct Others {
    all: Vec<Interrupts>,
    are_over: bool,
}

/// The rate of the first of these lanes while all of them train.
fn rate(lanes: &[Lane], folder: &Path) -> Result<f64, Fault> {
    let (first, beside) = lanes.split_first().ok_or_else(|| Fault::new("there is no lane"))?;
    let others = &Mutex::default();
    thread::scope(|scope| {
        for lane in beside {
            // What goes wrong with it goes wrong with the first one as well, which says why.
            scope.spawn(move || train(lane, ENDLESS, folder, others).map_err(drop));
        }
        let found = train(first, EPOCHS, folder, &Mutex::default());
        let mut others = others.lock().map_err(|_| Fault::new("a lane has failed"))?;
        others.are_over = true;
        others.all.iter().for_each(Interrupts::raise);
        found
    })
}

/// Trains on a lane; the rate, where it came to its end.
fn train(lane: &Lane, epochs: u32, folder: &Path, others: &Mutex<Others>) -> Result<f64, Fault> {
    let plan = Plan { lanes: vec![lane.clone()], ..grid::of_text(&text(epochs, lane.cpus.len()))? };
    let folder = folder.join(lane.number.to_string());
    let existing = Existing::Replace;
    let request = RunRequest { existing, ..RunRequest::new(&plan, &plan.runs, &folder) };
    let executed = execute(&request, &mut Silent { others })?;
    let mut rows = executed.records.iter().flat_map(|record| &record.metrics);
    let rate = rows.find(|row| row.metric == MetricId::TrainThroughput);
    let rate = rate.and_then(|row| row.estimate);
    rate.ok_or_else(|| Fault::new("a training on a lane has no rate"))
}

/// Nobody is told anything, and who is beside the first one ends with it.
struct Silent<'a> {
    others: &'a Mutex<Others>,
}

impl Observer for Silent<'_> {
    fn expect(&mut self, _: Expected) {}

    fn warn(&mut self, _: &str) {}

    fn event(&mut self, _: &RunEvent) {}

    fn begin(&mut self, interrupts: &Interrupts) -> io::Result<()> {
        let mut others = self.others.lock().map_err(|_| io::Error::other("a lane has failed"))?;
        if others.are_over {
            interrupts.raise();
        }
        others.all.push(interrupts.clone());
        Ok(())
    }
}
