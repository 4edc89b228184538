//! One results folder and the runs that go to it: checked, opened, resumed.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::super::diagnostic::Fault;
use super::environment::{self, Before, Session};
use super::manifest::{self, AllRuns};
use super::recorder::Recorder;
use super::{Executed, Order, Prepared, checks, data, exec, launch};
use crate::event::{MemoryGuard, RunRecord, Vendor};
use crate::runner::{Launch, RunSpec};
use crate::sampler::{self, LimitMeans, Machine, Sampler};
use crate::store::{Existing, Results};

/// An order in which nothing is known to be wrong: its runs are ready to be started.
pub(in crate::cli) struct Checked {
    prepared: Vec<Prepared>,
    launch: Launch,
    /// What the user should know before anything is run.
    pub(in crate::cli) warnings: Vec<String>,
}

impl Checked {
    /// Says everything that can be known to be wrong; nothing is written.
    pub(in crate::cli) fn new(order: &Order<'_>) -> Result<Self, Fault> {
        checks::data(order)?;
        exec::programs(order)?;
        let launch = launch::of_order(order)?;
        checks::devices(order, &launch)?;
        let mut warnings = checks::metrics(order, &Sampler::new(order.plan.sampler))?;
        let means = sampler::limit_means();
        warnings.extend(checks::watched_limits(order, &means));
        let prepared = prepare(order, &launch, &means)?;
        Ok(Self { prepared, launch, warnings })
    }

    /// Which program does the work, and how.
    pub(in crate::cli) fn launch(&self) -> &Launch {
        &self.launch
    }
}

/// A results folder that is open, and what is known of its runs. Until [`Station::begin`] nothing in it is changed but what
/// the order says.
pub(in crate::cli) struct Station<'a> {
    order: &'a Order<'a>,
    results: Results,
    prepared: Vec<Prepared>,
    /// The records of runs that are whole, each beside its place in `prepared`.
    kept: Vec<Option<RunRecord>>,
}

impl<'a> Station<'a> {
    /// Opens the folder, and finds out which runs are whole.
    pub(in crate::cli) fn open(order: &'a Order<'a>, checked: Checked) -> Result<Self, Fault> {
        let existing = match (order.resume, order.fresh) {
            (true, _) => Existing::Resume,
            (_, true) => Existing::Replace,
            _ => Existing::Refuse,
        };
        let results = Results::open(order.folder, existing)?;
        let prepared = checked.prepared;
        let finished = |run: &Prepared| results.finished(&run.spec.run, &run.recorded);
        let kept: Result<Vec<_>, _> = prepared.iter().map(finished).collect();
        let kept = kept?;
        Ok(Self { order, results, prepared, kept })
    }

    /// The runs that must be started.
    pub(in crate::cli) fn missing(&self) -> impl Iterator<Item = &RunSpec> {
        let runs = self.prepared.iter().zip(&self.kept);
        runs.filter(|(_, kept)| kept.is_none()).map(|(run, _)| &run.spec)
    }

    /// This repeat of this cell, and its record, if it is whole.
    pub(in crate::cli) fn find(
        &self,
        cell: &str,
        repeat: u32,
    ) -> Option<(&RunSpec, Option<&RunRecord>)> {
        let is_it = |run: &Prepared| run.spec.cell == cell && run.spec.repeat == repeat;
        let place = self.prepared.iter().position(is_it)?;
        Some((&self.prepared[place].spec, self.kept[place].as_ref()))
    }

    /// Forgets what is kept of these runs, here and in the folder: they have to run again.
    pub(in crate::cli) fn discard(&mut self, runs: &[String]) -> Result<(), Fault> {
        for (run, kept) in self.prepared.iter().zip(&mut self.kept) {
            if runs.contains(&run.spec.run) {
                *kept = None;
                self.results.discard_run(&run.spec.run)?;
            }
        }
        Ok(())
    }

    /// Writes what is asked into the folder; from now on its runs can be recorded. With it what the user must know.
    pub(super) fn begin(self, terms: &Terms<'_>) -> Result<(Working<'a>, Option<String>), Fault> {
        let Self { order, results, prepared, kept } = self;
        let earlier = results.manifest()?;
        let before = earlier.as_ref().map(Before::of);
        let all = AllRuns::new(&prepared, earlier, data::rows(order));
        let ordered = |run: &String| prepared.iter().any(|p| p.spec.run == *run);
        let others = all.order.iter().filter(|run| !ordered(run));
        let others = others.filter_map(|run| results.record(run));
        let kept: Vec<RunRecord> = kept.into_iter().flatten().chain(others).collect();
        let before = before.filter(|_| !kept.is_empty());
        let now = environment::fingerprint(&terms.machine);
        let (mut session, warning) = Session::begin(now, before, &terms.created);
        if let Some(name) = terms.session {
            name.clone_into(&mut session.id);
        }
        session.learn(&all.specs, &kept);
        let devices = devices(order, &terms.machine);
        let recorder = Recorder::new(results, prepared, all.order.clone(), devices, kept);
        let promise = Promise {
            order,
            machine: Rc::clone(&terms.machine),
            created: terms.created.clone(),
            later: terms.later.clone(),
            all,
            session,
        };
        promise.write(recorder.results())?;
        Ok((Working { promise, recorder }, warning))
    }
}

/// The accelerators that will be sampled.
fn devices(order: &Order<'_>, machine: &Machine) -> Vec<(Vendor, u32)> {
    let wanted = &order.plan.sampler;
    let gpus = machine.accelerators.iter().filter(|_| wanted.gpu);
    let gpus = gpus.map(|device| (device.vendor, device.index));
    let cards = if wanted.gpu { sampler::graphics_cards() } else { Vec::new() };
    let cards = cards.iter().map(|card| (card.vendor, card.index));
    let chips = machine.tpus.iter().filter(|_| wanted.tpu);
    let tpus = (0..chips.map(|chip| chip.devices).sum()).map(|index| (Vendor::Tpu, index));
    gpus.chain(cards).chain(tpus).collect()
}

/// What all folders that are worked on together have in common.
pub(super) struct Terms<'a> {
    /// Where.
    pub(super) machine: Rc<Machine>,
    /// When.
    pub(super) created: String,
    /// The session that the runs belong to, where it is not one of their own.
    pub(super) session: Option<&'a str>,
    /// Runs of which it is not known yet whether they will be made: the manifests do not promise them.
    pub(super) later: BTreeSet<String>,
}

/// A results folder while its runs are made.
pub(super) struct Working<'a> {
    promise: Promise<'a>,
    pub(super) recorder: Recorder,
}

/// What the manifest says.
struct Promise<'a> {
    order: &'a Order<'a>,
    machine: Rc<Machine>,
    created: String,
    all: AllRuns,
    later: BTreeSet<String>,
    session: Session,
}

impl Promise<'_> {
    fn write(&self, results: &Results) -> Result<(), Fault> {
        let promised = self.all.without(&self.later);
        let written = (&*self.machine, &*self.created);
        let manifest = manifest::manifest(self.order.plan, &promised, written, &self.session)?;
        Ok(results.write("manifest.json", &manifest)?)
    }
}

impl Working<'_> {
    /// What its runs are called beside those of another folder.
    pub(super) fn title(&self) -> Option<&'static str> {
        self.promise.order.title
    }

    /// Now it is known that all runs will be made.
    pub(super) fn promise_all(&mut self) -> Result<(), Fault> {
        self.promise.later.clear();
        self.promise.write(self.recorder.results())
    }

    /// What became of it, and what the user must know.
    pub(super) fn end(self, interrupted: bool) -> Result<(Executed, Option<String>), Fault> {
        let Self { mut promise, recorder } = self;
        let (results, records) = recorder.into_parts();
        let before = promise.session.clone();
        let warning = promise.session.learn(&promise.all.specs, &records);
        if promise.session != before {
            promise.write(&results)?;
        }
        let executed = Executed {
            planned: promise.all.without(&promise.later).order.len(),
            records,
            interrupted,
            results,
        };
        Ok((executed, warning))
    }
}

fn prepare(order: &Order<'_>, launch: &Launch, means: &LimitMeans) -> Result<Vec<Prepared>, Fault> {
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
                launch: match &run.job.command {
                    Some(command) => launch::of_command(command, order),
                    None => launch.clone(),
                },
                // A run that starts fewer threads than there are cores may use no more than those.
                usable_cores: limits.cores(usable_cores).min(match run.job.command {
                    // A command starts as many threads as it likes.
                    Some(_) => f64::INFINITY,
                    None => f64::from(run.job.threads.max(1)),
                }),
                grams_per_kwh: order.plan.grams_per_kwh,
                limits,
                group: means.base.clone().filter(|_| grouped),
                pairing: None,
            };
            Ok(Prepared { spec, recorded })
        })
        .collect()
}
