//! Where the command line meets configuration, data sets, sampler, runner and store: one function for each thing that
//! a subcommand needs of them, and nothing else.

mod checks;
mod data;
mod environment;
mod launch;
mod manifest;
mod recorder;
mod summary;

use std::path::Path;
use std::process::ExitCode;

use self::environment::{Before, Session};
use self::manifest::AllRuns;
use self::recorder::Recorder;
use super::args::RunArgs;
use super::diagnostic::Fault;
use super::doctor::{self, Fact, Facts};
use super::interrupt;
use super::progress::Sink;
use crate::clock::{Clock, MonotonicClock};
use crate::config::plan::{Plan, PlannedRun};
use crate::config::{self, MachineFacts, Request, Source};
use crate::event::{MemoryGuard, RunEvent, RunRecord};
use crate::runner::{self, Interrupts, RunSpec};
use crate::sampler::{self, LimitMeans, Machine, Sampler};
use crate::store::{self, Existing, Results, StoredResults};
use crate::worker::scripted;

pub use self::data::datasets;
pub use self::environment::fingerprint_of_defaults;
pub use self::launch::{native_worker, worker_version};
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

/// The checked plan of a grid file.
pub fn load(args: &RunArgs) -> Result<Plan, Fault> {
    let here = std::env::current_dir()?;
    let (source, base_dir) = if args.grid.as_os_str() == "-" {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut text)?;
        (Source::Stdin(text), here)
    } else {
        let folder = args
            .grid
            .parent()
            .map_or(here.clone(), |folder| here.join(folder));
        (Source::Path(args.grid.clone()), folder)
    };
    let catalogue = data::Catalogue::near(&base_dir);
    let request = Request {
        source,
        set: &args.set,
        only: &args.only,
        seed: args.seed,
        repeat: args.repeat,
        full: args.full,
        machine: MachineFacts {
            usable_cores: sampler::usable_threads() as usize,
            limits: sampler::limit_means(),
        },
        catalogue: &catalogue,
        base_dir,
    };
    Ok(config::load(&request)?)
}

/// What is to be run, and with which sampler. Everything that can be known to be wrong is said here, before anything is
/// written.
fn checked(order: &Order<'_>, sink: &mut dyn Sink) -> Result<(Sampler, Vec<Prepared>), Fault> {
    checks::data(order)?;
    let launch = launch::launch(&order.plan.worker)?;
    checks::devices(order, &launch)?;
    let sampler = Sampler::new(order.plan.sampler);
    for warning in checks::metrics(order, &sampler)? {
        sink.warn(&warning);
    }

    let means = sampler::limit_means();
    if let Some(warning) = checks::watched_limits(order, &means) {
        sink.warn(&warning);
    }

    let prepared = prepare(order, &launch, &means)?;
    Ok((sampler, prepared))
}

/// Runs what is asked for and records it in the results folder.
pub fn execute(order: &Order<'_>, sink: &mut dyn Sink) -> Result<Executed, Fault> {
    let (sampler, prepared) = checked(order, sink)?;
    let existing = match (order.resume, order.fresh) {
        (true, _) => Existing::Resume,
        (_, true) => Existing::Replace,
        _ => Existing::Refuse,
    };
    let results = Results::open(order.folder, existing)?;
    let machine = Machine::read();
    let created = jiff::Timestamp::now().to_string();
    let earlier = results.manifest()?;
    let before = earlier.as_ref().map(Before::of);
    let all = AllRuns::new(&prepared, earlier, data::rows(order));
    let (mut kept, missing) = divide(&prepared, &results)?;
    let ordered = |run: &String| prepared.iter().any(|p| p.spec.run == *run);
    let others = all.order.iter().filter(|run| !ordered(run));
    kept.extend(others.filter_map(|run| results.record(run)));
    let before = before.filter(|_| !kept.is_empty());
    let mut session = begin(&machine, before, &created, sink);
    let write = |session: &Session| -> Result<(), Fault> {
        let manifest = manifest::manifest(order.plan, &all, (&machine, created.as_str()), session)?;
        Ok(results.write("manifest.json", &manifest)?)
    };
    session.learn(&all.specs, &kept);
    write(&session)?;

    let interrupts = Interrupts::default();
    let raised = interrupts.clone();
    interrupt::listen(move || raised.raise())?;
    let read = machine
        .accelerators
        .iter()
        .filter(|_| order.plan.sampler.gpu);
    let devices = read.map(|device| device.index).collect();
    let planned = all.order.len();
    let mut recorder = Recorder::new(&results, &prepared, all.order.clone(), devices, kept);
    sink.expect(missing.len());
    let mut both = |event: RunEvent| {
        // A display that fails loses nothing; a record that fails ends the run.
        sink.event(&event);
        recorder.event(&event)
    };
    let done = runner::execute(&missing, &sampler, &interrupts, &mut both);
    let interrupted = interrupts.raised();
    let records = recorder.into_records();
    done.map_err(|error| {
        Fault::new(format!("{error}; the run in flight was ended"))
            .hint("what had finished is kept: `perftune report` rebuilds its reports, --resume runs the rest")
    })?;
    let before_the_runs = session.clone();
    if let Some(warning) = session.learn(&all.specs, &records) {
        sink.warn(&warning);
    }
    if session != before_the_runs {
        write(&session)?;
    }
    Ok(Executed {
        records,
        planned,
        interrupted,
        results,
    })
}

/// The session that the results belong to: a new one, or that of results which are there `before`.
fn begin(machine: &Machine, before: Option<Before>, created: &str, sink: &mut dyn Sink) -> Session {
    let now = environment::fingerprint(machine);
    let (session, warning) = Session::begin(now, before, created);
    if let Some(warning) = warning {
        sink.warn(&warning);
    }
    session
}

fn prepare(
    order: &Order<'_>,
    launch: &runner::Launch,
    means: &LimitMeans,
) -> Result<Vec<Prepared>, Fault> {
    let usable_cores = sampler::usable_cores();
    order
        .runs
        .iter()
        .enumerate()
        .map(|(index, run)| {
            let mut recorded = serde_json::json!({ "job": run.job, "stop": run.stop });
            if !run.limits.is_none() {
                recorded["limits"] = serde_json::to_value(&run.limits)?;
            }
            // Where the data lies is no setting: a moved checkout may resume.
            if let Some(job) = recorded["job"].as_object_mut() {
                job.remove("dataset_dir");
            }
            let mut limits = run.limits.clone();
            limits.memory_guard = limits.memory_bytes.and(means.memory.clone().ok());
            let grouped = limits.cpu_quota_percent.is_some()
                || limits.memory_guard == Some(MemoryGuard::Cgroup);
            let spec = RunSpec {
                run: run.run.clone(),
                cell: run.cell.clone(),
                repeat: run.repeat,
                index,
                job: run.job.clone(),
                stop: run.stop.clone(),
                launch: launch.clone(),
                // A run that starts fewer threads than there are cores may use no more than those.
                usable_cores: limits
                    .cores(usable_cores)
                    .min(f64::from(run.job.threads.max(1))),
                limits,
                group: means.base.clone().filter(|_| grouped),
            };
            Ok(Prepared { spec, recorded })
        })
        .collect()
}

/// The records of runs that are whole, and the runs that must be started.
fn divide(
    prepared: &[Prepared],
    results: &Results,
) -> Result<(Vec<RunRecord>, Vec<RunSpec>), Fault> {
    let (mut kept, mut missing) = (Vec::new(), Vec::new());
    for run in prepared {
        match results.finished(&run.spec.run, &run.recorded)? {
            Some(record) => kept.push(record),
            None => missing.push(run.spec.clone()),
        }
    }
    Ok((kept, missing))
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
        (system, kernel) => system
            .clone()
            .or_else(|| kernel.clone())
            .ok_or(absent(""))
            .into(),
    };
    let devices = machine
        .accelerators
        .iter()
        .map(|device| doctor::Accelerator {
            device: format!("cuda:{}", device.index),
            name: device.name.clone(),
            memory_bytes: device.memory_bytes,
        });
    Ok(Facts {
        system,
        processor: machine
            .cpu_model
            .clone()
            .ok_or(absent("the processor's name"))
            .into(),
        cores: machine
            .logical_cores
            .ok_or(absent("how many there are"))
            .into(),
        usable_cores: Fact::Value(machine.usable_cores),
        memory_bytes: machine.memory_bytes.ok_or(absent("its memory")).into(),
        memory_limit_bytes: machine.memory_limit_bytes,
        limits: limits(sampler::limit_means()),
        accelerators: match &machine.no_accelerators {
            Some(why) => Fact::Unsupported(why.trim_start_matches("unsupported: ").to_owned()),
            None => Fact::Value(devices.collect()),
        },
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
