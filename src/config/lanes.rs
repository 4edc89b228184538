//! `[run] lanes` and `--jobs`: how many cells run side by side. What a lane cannot give to a cell is refused.

use super::plan::PlannedRun;
use super::read::{self, Read};
use super::settings::Settings;
use super::world::{MachineFacts, Request};
use crate::document::problems::{Place, Problems};
use crate::document::tree::{Node, Value};
use crate::engine::Lanes;
use crate::event::{Lane, cpu_list};
use crate::units::bytes;

/// What every mistake of lanes ends with.
const ONE: &str = "leave `lanes` out, or write --jobs 1: then each cell has the machine to itself";

/// How many lanes.
pub(super) fn read(node: &Node) -> Read<Lanes> {
    let text = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        _ => return Err(read::wrong("lanes", Lanes::EXPECTED, node)),
    };
    text.parse().map_err(|_| read::wrong("lanes", Lanes::EXPECTED, node))
}

/// Puts `--jobs` into the place of what the file says, and cuts the machine into these lanes; none: each cell has all of it.
pub(super) fn cut(
    settings: &mut Settings,
    request: &Request<'_>,
    problems: &mut Problems,
) -> Vec<Lane> {
    if let Some(jobs) = request.jobs {
        let text = problems.add_argument(format!("--jobs {jobs}"));
        settings.lanes = Some((jobs, Place::whole(text)));
    }
    let Some((asked, place)) = settings.lanes.filter(|(asked, _)| *asked != Lanes::ONE) else {
        return Vec::new();
    };
    if settings.search.policy(0, None).is_some() {
        let what =
            "a search chooses each cell by the results of those before it, so it has one lane";
        problems.error_with(place, what, ONE);
        return Vec::new();
    }
    (request.lanes)(asked).unwrap_or_else(|why| {
        problems.error_with(place, why.to_string(), ONE);
        Vec::new()
    })
}

/// The machine as a cell sees it that runs on one of these lanes, which are alike.
pub(super) fn narrowed(machine: &MachineFacts, lanes: &[Lane]) -> MachineFacts {
    let mut seen = machine.clone();
    if let Some(lane) = lanes.first() {
        seen.usable_cores = lane.cpus.len();
        // Which of them is another matter: no cell chooses its CPUs itself.
        seen.limits.cpus = seen.limits.cpus.map(|_| lane.cpus.clone());
    }
    seen
}

/// `2 lanes: CPU 0-1 | CPU 2-3`; nothing where there are none.
pub(super) fn said(lanes: &[Lane]) -> Option<String> {
    let each = |lane: &Lane| {
        let gpu = lane.gpu.as_ref().map_or_else(String::new, |gpu| format!(" and {gpu}"));
        format!("CPU {}{gpu}", cpu_list(&lane.cpus))
    };
    let all: Vec<String> = lanes.iter().map(each).collect();
    let plural = if all.len() == 1 { "" } else { "s" };
    (!all.is_empty()).then(|| format!("{} lane{plural}: {}", all.len(), all.join(" | ")))
}

/// Reports what cells ask for that no lane can give them, or that several of them would share.
pub(super) fn check(
    lanes: &[Lane],
    settings: &Settings,
    runs: &[PlannedRun],
    machine: &MachineFacts,
    problems: &mut Problems,
) {
    let (Some(lane), Some((_, place))) = (lanes.first(), settings.lanes) else { return };
    let mut refuse = |what: String, hint: &str| problems.error_with(place, what, hint);
    if let Some(run) = runs.iter().find(|run| run.answer.is_some()) {
        let what = format!("{} is looked up in a table, so lanes do not make it faster", run.cell);
        refuse(what, ONE);
    }
    if let Some(run) = runs.iter().find(|run| !run.limits.cpus.is_empty()) {
        let cell = &run.cell;
        let what = format!("`cpus` of [limits] and the lanes both set where {cell} runs");
        refuse(what, "drop `cpus`: lanes = \"cores:2\" gives each cell two cores of its own");
    }
    let there = machine.limits.memory_bytes.unwrap_or(u64::MAX);
    let all = |limit: u64| limit.saturating_mul(lanes.len() as u64);
    let limits = runs.iter().filter_map(|run| run.limits.memory_bytes);
    if let Some(limit) = limits.max().filter(|limit| all(*limit) > there) {
        let [each, all, there] = [limit, all(limit), there].map(|size| bytes(size as f64));
        let what = format!(
            "{} cells of {each} at a time may need {all} of memory, and perftune may use {there}",
            lanes.len()
        );
        refuse(what, "use fewer lanes, or a smaller `memory` of [limits]");
    }
    let devices = runs.iter().map(|run| (&run.cell, &*run.job.device));
    let mut others = devices.filter(|(_, device)| *device != "cpu");
    if lane.gpu.is_none()
        && let Some((cell, device)) = others.next()
    {
        let what = format!("{cell} works on {device}, which cells on other lanes would share");
        refuse(what, "lanes = \"gpu\" gives each lane a GPU of its own");
    } else if let Some((cell, device)) =
        others.find(|(_, device)| !matches!(*device, "cuda" | "cuda:0"))
    {
        let what =
            format!("{cell} works on {device}, and a lane has one GPU, which is cuda:0 there");
        refuse(what, "write device = \"cuda\"");
    }
}
