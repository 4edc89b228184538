//! Where the command line meets configuration, data sets, sampler, runner and store: one function for each thing that
//! a subcommand needs of them, and nothing else.

mod campaign;
mod checks;
mod data;
mod environment;
mod exec;
mod launch;
mod manifest;
mod recorder;
mod station;
mod summary;

use std::path::Path;
use std::process::ExitCode;

use super::args::RunArgs;
use super::diagnostic::Fault;
use super::doctor::{self, Fact, Facts};
use super::progress::Sink;
use crate::clock::{Clock, MonotonicClock};
use crate::config::plan::{Plan, PlannedRun};
use crate::config::{self, MachineFacts, Request, Source};
use crate::event::RunRecord;
use crate::runner::{RunSpec, Streams};
use crate::sampler::{self, LimitMeans, Machine, Sampler};
use crate::store::{self, Results, StoredResults};
use crate::worker::scripted;

pub(in crate::cli) use self::campaign::{Campaign, Shared};
pub use self::data::datasets;
pub use self::environment::fingerprint_of_defaults;
pub(in crate::cli) use self::environment::new_session;
pub use self::exec::command;
pub use self::launch::{native_worker, worker_version};
pub(in crate::cli) use self::station::{Checked, Station};
pub use self::summary::summaries;

/// What is to be run, and where its results go.
pub struct Order<'a> {
    /// The whole plan.
    pub plan: &'a Plan,
    /// The runs of it that are asked for.
    pub runs: &'a [PlannedRun],
    /// The results folder.
    pub folder: &'a Path,
    /// Keep what is finished there.
    pub resume: bool,
    /// Delete what is there.
    pub fresh: bool,
    /// The worker program, instead of the one that the grid's own settings lead to.
    pub program: Option<&'a Path>,
    /// What the runs of this order are called beside those of another.
    pub title: Option<&'static str>,
    /// Where the standard streams of commands go.
    pub streams: Streams,
}

/// What became of an order.
pub struct Executed {
    /// The runs that have ended, those that were kept included, in the order of the plan.
    pub records: Vec<RunRecord>,
    /// How many runs the folder knows.
    pub planned: usize,
    /// Whether the user has ended it.
    pub interrupted: bool,
    /// The folder, still locked: the reports go there.
    pub results: Results,
}

/// A run as it is started, and what is kept of it so that `--resume` knows it again.
pub(in crate::cli) struct Prepared {
    spec: RunSpec,
    recorded: serde_json::Value,
}

/// A grid file, and what the command line says about it.
pub struct GridFile<'a> {
    /// Its path; `-`: the standard input.
    pub path: &'a Path,
    /// Each `--set`.
    pub set: &'a [String],
    /// Each `--only`.
    pub only: &'a [String],
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--repeat`.
    pub repeat: Option<u32>,
    /// `--full`.
    pub full: bool,
}

impl<'a> GridFile<'a> {
    /// The grid of `perftune run`.
    pub fn of(args: &'a RunArgs) -> Self {
        Self {
            path: &args.grid,
            set: &args.set,
            only: &args.only,
            seed: args.seed,
            repeat: args.repeat,
            full: args.full,
        }
    }
}

/// The checked plan of a grid file.
pub fn load(grid: &GridFile<'_>) -> Result<Plan, Fault> {
    let here = std::env::current_dir()?;
    let (source, base_dir) = if grid.path.as_os_str() == "-" {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut text)?;
        (Source::Stdin(text), here)
    } else {
        let folder = grid.path.parent().map_or(here.clone(), |folder| here.join(folder));
        (Source::Path(grid.path.to_owned()), folder)
    };
    let catalogue = data::Catalogue::near(&base_dir);
    let request = Request {
        source,
        set: grid.set,
        only: grid.only,
        seed: grid.seed,
        repeat: grid.repeat,
        full: grid.full,
        machine: MachineFacts {
            usable_cores: sampler::usable_threads() as usize,
            limits: sampler::limit_means(),
        },
        catalogue: &catalogue,
        base_dir,
    };
    Ok(config::load(&request)?)
}

/// Runs what is asked for and records it in the results folder. Everything that can be known to be wrong is said before
/// anything is written.
pub fn execute(order: &Order<'_>, sink: &mut dyn Sink) -> Result<Executed, Fault> {
    let checked = Checked::new(order)?;
    for warning in &checked.warnings {
        sink.warn(warning);
    }
    let sampler = Sampler::new(order.plan.sampler);
    let station = Station::open(order, checked)?;
    let queue: Vec<_> = station.missing().map(|spec| (0, spec.clone())).collect();
    sink.expect(queue.len());
    let mut campaign = Campaign::begin(vec![station], None, &sampler, sink)?;
    campaign.work(queue)?;
    let executed = campaign.end()?.pop();
    executed.ok_or_else(|| Fault::new("no results folder is open"))
}

/// Opens a results folder for its reports.
pub fn reopen(folder: &Path) -> Result<(Results, StoredResults), Fault> {
    Ok(store::reopen(folder)?)
}

/// What this machine is.
pub fn facts() -> Result<Facts, Fault> {
    let machine = Machine::read();
    let absent = |what: &str| format!("the system does not tell {what}");
    let system = match (&machine.system, &machine.kernel) {
        (Some(system), Some(kernel)) => Fact::Value(format!("{system}, kernel {kernel}")),
        (system, kernel) => system.clone().or_else(|| kernel.clone()).ok_or(absent("")).into(),
    };
    Ok(Facts {
        system,
        processor: machine.cpu_model.clone().ok_or(absent("the processor's name")).into(),
        cores: machine.logical_cores.ok_or(absent("how many there are")).into(),
        usable_cores: Fact::Value(machine.usable_cores),
        memory_bytes: machine.memory_bytes.ok_or(absent("its memory")).into(),
        memory_limit_bytes: machine.memory_limit_bytes,
        limits: limits(sampler::limit_means()),
        accelerators: doctor::accelerators::found(sampler::look()),
        tpu: sampler::tpu_survey().into(),
        pressure: Fact::Value(machine.pressure),
        sampler_tick_s: checks::sampler_tick_s(),
        others_cpu_percent: others_cpu_percent(),
    })
}

fn limits(means: LimitMeans) -> doctor::Enforceable {
    doctor::Enforceable {
        cpus: means.cpus.into(),
        memory: means.memory.into(),
        memory_only_watched_because: means.why_watched,
        cpu_quota: means.quota.map(|()| true).into(),
    }
}

/// CPU time that everything else uses, over a quarter of a second.
fn others_cpu_percent() -> Fact<f64> {
    let (before, began) = (sampler::machine::host_reading(), MonotonicClock.now_ns());
    // A channel that nobody sends on is a wait that needs no sleep.
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    let _ = receiver.recv_timeout(std::time::Duration::from_millis(250));
    let (after, ended) = (sampler::machine::host_reading(), MonotonicClock.now_ns());
    sampler::machine::other_cores(&before, &after, 0, ended - began)
        .map(|cores| cores * 100.0)
        .ok_or_else(|| "the kernel does not tell how busy it is".to_owned())
        .into()
}

/// The worker that plays a script: what `perftune __scripted-worker` is.
pub fn scripted_worker() -> ExitCode {
    match scripted::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Its standard error is the run's log.
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("scripted worker: {error}\n").as_bytes(),
            );
            ExitCode::FAILURE
        }
    }
}
