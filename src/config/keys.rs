//! Every key of the grid file, one entry each. Reading, defaults, `--dry-run`, suggestions, `perftune list keys` and the JSON
//! Schema come from [`KEYS`]; a new key is an entry here, and the place that obeys it. Axes have a table of their own
//! ([`crate::event::AXES`]).

use std::ops::Bound::{Excluded, Included, Unbounded};

use super::constraints;
use super::export;
use super::gate;
use super::header::{self, MOST_REPEATS, SEED};
use super::key::Kind::{Count, Duration, Flag, Fraction, Names, Number, Own, Share, Word};
use super::key::{At, KeyDef, Kind};
use super::lanes;
use super::limits;
use super::metrics;
use super::objectives;
use super::plan::{PlannedRun, WorkerProgram};
use super::read::{self, LONGEST_S};
use super::search::{AUTO, METHODS, TRIALS};
use super::serving::{self, Load, Placed};
use super::settings::Settings;
use super::worker;
use crate::event::{Pattern, Range, ServeSpec, Work, cpu_list};
use crate::metric::{Better, MetricName, is_label};
use crate::schedule::Repeats;

const fn key(path: &'static str, kind: Kind<Settings>) -> KeyDef<Settings> {
    KeyDef::new(path, kind)
}

fn serve(run: &PlannedRun) -> Option<&ServeSpec> {
    run.job.serve.as_ref()
}

/// The most that a count of steps, requests or looks may be.
const MANY: u32 = 100_000;
/// The most timed requests of a size.
const MOST_REQUESTS: u32 = 1_000_000_000;
/// The most clients.
const MOST_CLIENTS: u32 = 10_000;
/// Beyond this a check takes minutes, and its p values gain nothing.
const MOST_DRAWS: u32 = 1_000_000;

const REPEAT: &str = r#"{ "anyOf": [{ "type": "integer", "minimum": 1 }, { "enum": ["auto"] }] }"#;
const WHOLE: &str = r#"{ "type": "integer", "minimum": 0 }"#;
const SIZES: &str = r#"{ "anyOf": [
    { "type": "integer", "minimum": 1 },
    { "type": "array", "items": { "type": "integer", "minimum": 1 }, "minItems": 1 }] }"#;
const CPUS: &str = r#"{ "anyOf": [
    { "type": "integer", "minimum": 1, "maximum": 1024 },
    { "type": "array", "items": { "type": "integer", "minimum": 0 }, "minItems": 1 }] }"#;
const LANES: &str = r#"{ "anyOf": [
    { "type": "integer", "minimum": 1 },
    { "type": "string", "pattern": "^(cores:[1-9][0-9]*|gpu)$" }] }"#;
/// A text, or a list of them.
const TEXTS: &str =
    r#"{ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }"#;

/// Every key that is no axis and in no table of a free name, table by table in the order of [`super::schema::TABLES`].
pub(super) static KEYS: &[KeyDef<Settings>] = &[
    key(
        "name",
        Own(
            "letters, digits, `.`, `_` and `-`",
            r#"{ "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*$" }"#,
            |s, entry, _, _| {
                s.name = Some(header::name(&entry.node)?);
                Ok(())
            },
        ),
    )
    .about("names the results folder; else the name of the file does"),
    key(
        "seed",
        Own("a whole number", WHOLE, |s, entry, _, _| {
            s.seed = (read::whole("seed", &entry.node, SEED)?, entry.node.place);
            Ok(())
        }),
    )
    .about("weights, validation split and sample order; repeat r uses seed + r - 1")
    .always("seed", |_, run| run.job.seed.into()),
    key(
        "repeat",
        Own("a whole number of runs, or \"auto\"", REPEAT, |s, entry, _, _| {
            s.repeats = header::repeat(&entry.node)?;
            Ok(())
        }),
    )
    .about("runs of each cell; auto: until its figures are known between runs")
    .always("repeat", |plan, _| plan.repeats.to_string().into()),
    key("max_repeats", Count(2, MOST_REPEATS, |s, v, at| s.max_repeats = Some((v, at.key))))
        .about("the most runs of a cell; with repeat = \"auto\"")
        .never(|_, _| Repeats::AUTO.most().into()),
    key(
        "extends",
        Own("a file, or a list of files", TEXTS, |_, _, _, _| Ok(())),
    )
    .about("grid files that this one extends and overrides; relative to this one"),
    key(
        "profile.NAME",
        Own("a table", r#"{ "type": "object" }"#, |_, _, _, _| Ok(())),
    )
    .about("keys of the grid that --profile NAME overrides; inherits = \"OTHER\" starts from another profile"),
    key("run.budget", Duration(0.001, LONGEST_S, |s, v, _| s.budget_s = Some(v.as_secs())))
        .about("time limit for the whole grid; --resume runs the rest")
        .never(|plan, _| plan.budget_s.into()),
    key(
        "run.lanes",
        Own("a number of lanes, \"cores:2\" or \"gpu\"", LANES, |s, entry, _, _| {
            s.lanes = Some((lanes::read(&entry.node)?, entry.node.place));
            Ok(())
        }),
    )
    .about("cells that run side by side, each on cores of its own; cores:2: as many as there are pairs of cores, gpu: one for each GPU")
    .never(|_, _| 1.into()),
    key("search.method", Word(METHODS, |s, word, at| s.search.method = Some((word, at.key))))
        .about("how cells are chosen; auto: bayes; grid: all of them")
        .never(|_, _| AUTO.into()),
    key("search.trials", Count(1, MANY, |s, v, at| s.search.trials = Some((v, at.key))))
        .about("the most runs of a search, repeats included; unlimited where a budget is set")
        .never(|_, _| TRIALS.into()),
    key(
        "search.budget",
        Duration(0.001, LONGEST_S, |s, v, at| s.search.budget = Some((v.as_secs(), at.key))),
    )
    .about("time for the whole search, instead of [run] budget; cells are chosen by expected gain per second")
    .never(|plan, _| plan.budget_s.into()),
    key("search.prune", Flag(|s, v, _| s.search.prune = Some(v)))
        .about("whether a training ends as soon as its accuracy can no longer reach what decides")
        .never(|plan, _| plan.search.is_none_or(|search| search.prunes).into()),
    key("search.seed", Count(0, MANY, |s, v, at| s.search.seed = Some((v, at.key))))
        .about("seed of the search, instead of that of the grid")
        .never(|plan, _| plan.seed.into()),
    key("train.epochs", Count(0, MANY, |s, v, at| (s.train.epochs, s.epochs_place) = (v, at.key)))
        .about("passes over the training data, at most; 0: do not train")
        .always("train.epochs", |_, run| run.job.train.epochs.into()),
    key(
        "train.validation_share",
        Share(Range::new(Included(0.0), Included(0.5)), |s, v, _| {
            s.train.validation_share = v;
        }),
    )
    .about("share of the training data that is held out for validation")
    .always("train.validation_share", |_, run| run.job.train.validation_share.into()),
    key("train.warmup_steps", Count(0, MANY, |s, v, _| s.train.warmup_steps = v))
        .about("untimed steps before the first, on weights that are discarded")
        .always("train.warmup_steps", |_, run| run.job.train.warmup_steps.into()),
    key(
        "train.target_accuracy",
        Fraction(
            Range { such_as: Some("0.88"), ..Range::new(Excluded(0.0), Included(1.0)) },
            |s, v, _| s.stop.target_accuracy = Some(v),
        ),
    )
    .about("the validation accuracy that train.time_to_accuracy waits for")
    .unusual("train.target_accuracy", |_, run| run.stop.target_accuracy.into()),
    key("serve.enabled", Flag(|s, v, _| s.serving.enabled = Some(v)))
        .about("whether to serve at all")
        .never(|_, run| run.job.serve.is_some().into()),
    // Before the keys that belong to a pattern, which it takes away.
    key(
        "serve.pattern",
        Word(Load::WORDS, |s, word, at| {
            if let Some(load) = Load::named(word) {
                s.serving.set_pattern(Placed::new(load, at));
            }
        }),
    )
    .about("load pattern: the scenarios of MLPerf Inference, and closed, a fixed number of clients")
    .unusual("serve.pattern", |_, run| serve(run).map(|serve| serve.pattern.name()).into()),
    key(
        "serve.batch_size",
        Own("a whole number, or a list of them", SIZES, |s, entry, _, problems| {
            let sizes = serving::batch_sizes(&entry.node, problems)?;
            s.serving.batch_sizes = Some((sizes, entry.node.place));
            Ok(())
        }),
    )
    .about("samples per request, each size on its own; other patterns have other defaults")
    .always("serve.batch_size", |_, run| serve(run).map(|serve| serve.batch_sizes.clone()).into()),
    key(
        "serve.rate",
        Own(
            "a rate above 0/s, such as \"200/s\"",
            r#"{ "type": "string", "pattern": "/s\\s*$" }"#,
            |s, entry, _, _| {
                s.serving.rate = Some(Placed::new(serving::rate(&entry.node)?, At::of(entry)));
                Ok(())
            },
        ),
    )
    .about("requests per second, at random times: pattern = \"server\"")
    .unusual("serve.rate_per_s", |_, run| match serve(run).map(|serve| serve.pattern) {
        Some(Pattern::Server { rate_per_s }) => rate_per_s.into(),
        _ => serde_json::Value::Null,
    }),
    key(
        "serve.clients",
        Count(1, MOST_CLIENTS, |s, v, at| s.serving.clients = Some(Placed::new(v, at))),
    )
    .about("number of clients, each waiting for its answer: pattern = \"closed\"")
    .unusual("serve.clients", |_, run| match serve(run).map(|serve| serve.pattern) {
        Some(Pattern::Closed { clients }) => clients.into(),
        _ => serde_json::Value::Null,
    }),
    key("serve.find_max_rate", Flag(|s, v, at| s.serving.find_max_rate = Some(Placed::new(v, at))))
        .about("search for the highest rate within the limit: pattern = \"server\"")
        .unusual("serve.find_max_rate", |_, run| {
            let limit = serve(run).and_then(|serve| serve.find_max_rate);
            limit.map(|limit| limit.to_string()).into()
        }),
    key(
        "serve.latency_limit",
        Own(
            "such as \"p99 <= 10ms\"",
            r#"{ "type": "string", "pattern": "^\\s*p[0-9.]+\\s*<=?.*$" }"#,
            |s, entry, _, _| {
                let limit = serving::latency_limit(&entry.node)?;
                s.serving.latency_limit = Some(Placed::new(limit, At::of(entry)));
                Ok(())
            },
        ),
    )
    .about("the limit for the highest rate; else a percentile of [constraints]"),
    key("serve.warmup_requests", Count(0, MANY, |s, v, _| s.serving.warmup_requests = Some(v)))
        .about("requests of each size before the first timed one")
        .always("serve.warmup_requests", |_, run| {
            serve(run).map(|serve| serve.warmup_requests).into()
        }),
    key(
        "serve.max_requests",
        Count(1, MOST_REQUESTS, |s, v, at| s.serving.max_requests = Some(Placed::new(v, at))),
    )
    .about("the most timed requests of each size")
    .unusual("serve.max_requests", |_, run| serve(run).and_then(|serve| serve.max_requests).into()),
    key(
        "serve.max_time",
        Duration(0.001, LONGEST_S, |s, v, _| s.serving.max_time_s = Some(v.as_secs())),
    )
    .about("the longest time for each size")
    .always("serve.max_time_s", |_, run| serve(run).map(|serve| serve.max_time_s).into()),
    key("stop.enabled", Flag(|s, v, _| s.stop.enabled = v))
        .about("whether runs stop early at all")
        .always("stop.enabled", |_, run| run.stop.enabled.into()),
    key(
        "stop.metrics",
        Own("a list of metrics and groups", TEXTS, |s, entry, context, problems| {
            s.metrics = metrics::read(&entry.node, context.metrics, problems)?;
            (s.chosen, s.stop_place) = (true, entry.key_place);
            Ok(())
        }),
    )
    .about("what must be known; default: throughput, step_latency, latency, cpu, memory and gpu")
    .always("stop.metrics", |_, run| run.stop.metrics.iter().map(MetricName::as_str).collect()),
    key(
        "stop.within",
        Share(Range::new(Excluded(0.0), Excluded(1.0)), |s, v, _| s.stop.within = v),
    )
    .about("the relative half-width of the confidence interval at which a metric counts as known")
    .always("stop.within", |_, run| run.stop.within.into()),
    key(
        "stop.confidence",
        Fraction(Range::new(Excluded(0.5), Excluded(1.0)), |s, v, _| {
            s.stop.confidence = v;
        }),
    )
    .about("confidence level of the intervals")
    .always("stop.confidence", |_, run| run.stop.confidence.into()),
    key("stop.looks", Count(1, 1000, |s, v, _| s.stop.looks = v))
        .about("consecutive looks at which all metrics must be known")
        .always("stop.looks", |_, run| run.stop.looks.into()),
    key(
        "stop.min_time",
        Duration(0.0, LONGEST_S, |s, v, at| {
            (s.stop.min_time_s, s.stop_place) = (v.as_secs(), at.key);
        }),
    )
    .about("the shortest time in a stage before it may be known")
    .always("stop.min_time_s", |_, run| run.stop.min_time_s.into()),
    key(
        "stop.max_time",
        Duration(0.001, LONGEST_S, |s, v, at| {
            (s.stop.max_time_s, s.stop_place) = (v.as_secs(), at.key);
        }),
    )
    .about("the longest time in a stage; what is not known by then is unstable")
    .always("stop.max_time_s", |_, run| run.stop.max_time_s.into()),
    key("stop.futility", Flag(|s, v, _| s.stop.futility = v))
        .about("end a stage early whose metrics cannot become known within its time")
        .never(|_, run| run.stop.futility.into()),
    key(
        "stop.max_run_time",
        Duration(0.001, LONGEST_S, |s, v, _| s.stop.max_run_time_s = Some(v.as_secs())),
    )
    .about("the longest wall time of a run")
    .always("stop.max_run_time_s", |_, run| run.stop.max_run_time_s.into()),
    key(
        "stop.horizon",
        Duration(0.001, LONGEST_S, |s, v, at| {
            (s.stop.horizon_s, s.stop_place) = (Some(v.as_secs()), at.key);
        }),
    )
    .about("the length that figures are to speak for; intervals are widened for drift until then")
    .unusual("stop.horizon_s", |_, run| run.stop.horizon_s.into()),
    key("stop.patience", Count(1, MANY, |s, v, _| s.stop.patience = v))
        .about("epochs without a better validation accuracy before a run counts as trained")
        .always("stop.patience", |_, run| run.stop.patience.into()),
    key(
        "stop.min_delta",
        Number(Range::new(Included(0.0), Excluded(1.0)), |s, v, _| {
            s.stop.min_delta = v;
        }),
    )
    .about("the smallest gain in validation accuracy that counts as better")
    .always("stop.min_delta", |_, run| run.stop.min_delta.into()),
    key(
        "constraints.METRIC",
        Names("such as \"<= 512MiB\"", TEXTS, |s, table, context, problems| {
            let limited = constraints::read(table, context.metrics, problems);
            let is_new = |name| limited.iter().any(|new| new.def.name == name);
            s.constraints.retain(|before| !is_new(before.def.name));
            s.constraints.extend(limited);
        }),
    )
    .about("a comparison and a limit in the unit of the metric; a list means all of them")
    .unusual("stop.constraints", |_, run| {
        run.stop.constraints.iter().map(ToString::to_string).collect()
    }),
    key(
        "limits.cpus",
        Own("a whole number, or a list of CPU numbers", CPUS, |s, entry, _, _| {
            s.limits.cpus = Some((limits::cpus(&entry.node)?, entry.node.place));
            Ok(())
        }),
    )
    .about("how many CPUs, or which: `perftune doctor` shows what can be enforced")
    .unusual("limits.cpus", |_, run| {
        let cpus = &run.limits.cpus;
        (!cpus.is_empty()).then(|| cpu_list(cpus)).into()
    }),
    key(
        "limits.cpu_quota",
        Share(Range::new(Included(0.01), Unbounded), |s, v, at| {
            s.limits.quota = Some((v, at.value));
        }),
    )
    .about("CPU time over wall time; 100% is one CPU")
    .unusual("limits.cpu_quota_percent", |_, run| run.limits.cpu_quota_percent.into()),
    key(
        "limits.memory",
        Own(
            "a size of at least \"16MiB\"",
            r#"{ "type": "string", "pattern": "B\\s*$" }"#,
            |s, entry, _, _| {
                s.limits.memory = Some((limits::memory(&entry.node)?, entry.node.place));
                Ok(())
            },
        ),
    )
    .about("a run that needs more ends as out of memory")
    .unusual("limits.memory_bytes", |_, run| run.limits.memory_bytes.into()),
    key(
        "objectives.maximize",
        Own("a list of metrics", TEXTS, |s, entry, context, problems| {
            objectives::read(entry, Better::Higher, context.metrics, &mut s.objectives, problems)
        }),
    )
    .about("metrics of which more is better")
    .unusual("objectives.maximize", |plan, _| plan.aimed(Better::Higher)),
    key(
        "objectives.minimize",
        Own("a list of metrics", TEXTS, |s, entry, context, problems| {
            objectives::read(entry, Better::Lower, context.metrics, &mut s.objectives, problems)
        }),
    )
    .about("metrics of which less is better")
    .unusual("objectives.minimize", |plan, _| plan.aimed(Better::Lower)),
    key(
        "gate.alpha",
        Fraction(Range::new(Excluded(0.0), Included(0.2)), |s, v, _| s.gate.alpha = v),
    )
    .about("false-alarm rate of a whole comparison, over all rows (family-wise)")
    .never(|plan, _| plan.gate.alpha.into()),
    key("gate.floor", Share(gate::FLOOR, |s, v, _| s.gate.floor = v))
        .about("the smallest change that counts")
        .never(|plan, _| plan.gate.floor.into()),
    key("gate.any_machine", Flag(|s, v, _| s.gate.any_machine = v))
        .about("compare results of unknown or different machines anyway")
        .never(|plan, _| plan.gate.any_machine.into()),
    key("gate.draws", Count(1, MOST_DRAWS, |s, v, _| s.gate.draws = v))
        .about("random permutations, where there are too many to test all")
        .never(|plan, _| plan.gate.draws.into()),
    key(
        "gate.seed",
        Own("a whole number", WHOLE, |s, entry, _, _| {
            let expected = "a whole number from 0 to 2^63 - 1";
            s.gate.seed = read::whole("seed", &entry.node, expected)?;
            Ok(())
        }),
    )
    .about("seed of these permutations")
    .never(|plan, _| plan.gate.seed.into()),
    key(
        "gate.subject",
        Own("a list of fields of the fingerprint", TEXTS, |s, entry, context, problems| {
            s.gate.subject = gate::subject(&entry.node, context.axes, problems)?;
            Ok(())
        }),
    )
    .about("fields of the fingerprint that may differ, since they are under test"),
    key(
        "gate.metrics.METRIC",
        Names("a table", r#"{ "type": "object" }"#, |s, table, context, problems| {
            (s.gate.metrics, s.gate.wanted) = gate::rules(table, context, problems);
        }),
    )
    .about("how one metric is judged"),
    key(
        "gate.retired.CELL",
        Names(
            "such as \"2026-01-31 replaced\"",
            r#"{ "type": "string", "pattern": "^\\s*[0-9]{4}-[0-9]{2}-[0-9]{2}" }"#,
            |s, table, _, problems| {
                for (cell, place, why) in gate::retired(table, problems) {
                    s.gate.retired.insert(cell.clone(), why);
                    s.retired.insert(cell, place);
                }
            },
        ),
    )
    .about("a cell that was removed on purpose: since when, and why"),
    key("sampler.interval", Duration(0.010, 60.0, |s, v, _| s.sampler.interval_ns = v.as_ns()))
        .about("mean time between two readings")
        .always("sampler.interval_s", |plan, _| (plan.sampler.interval_ns as f64 / 1e9).into()),
    key("sampler.gpu", Flag(|s, v, _| s.sampler.gpu = v))
        .about("whether accelerators are read")
        .always("sampler.gpu", |plan, _| plan.sampler.gpu.into()),
    key("sampler.energy", Flag(|s, v, _| s.sampler.energy = v))
        .about("whether energy counters are read")
        .always("sampler.energy", |plan, _| plan.sampler.energy.into()),
    key("sampler.tpu", Flag(|s, v, _| s.sampler.tpu = v))
        .about("whether TPUs are read")
        .always("sampler.tpu", |plan, _| plan.sampler.tpu.into()),
    // No electricity of the world is beyond this: the dirtiest lignite is at about 1,300 g/kWh.
    key(
        "energy.grams_per_kwh",
        Number(
            Range {
                noun: "a number of grams",
                such_as: Some("350"),
                ..Range::new(Included(0.0), Included(5000.0))
            },
            |s, v, _| s.grams_per_kwh = Some(v),
        ),
    )
    .about("grams of CO2 equivalent per kilowatt hour; never guessed")
    .unusual("energy.grams_per_kwh", |plan, _| plan.grams_per_kwh.into()),
    key(
        "cost.per_hour",
        Number(
            Range {
                noun: "a price",
                such_as: Some("1.2"),
                ..Range::new(Included(0.0), Included(1e9))
            },
            |s, v, _| s.price.per_hour = Some(v),
        ),
    )
    .about("price of an hour of this machine: gives cost.run and cost.per_million_samples")
    .unusual("cost.per_hour", |plan, _| {
        plan.price.as_ref().map(|price| price.per_hour).into()
    }),
    key(
        "cost.currency",
        Own("a text", r#"{ "type": "string", "minLength": 1, "maxLength": 8 }"#, |s, entry, _, _| {
            let expected = "a currency of 1 to 8 characters, such as EUR";
            let text = read::text(&entry.key, &entry.node, expected)?;
            if !is_label(text) || text.chars().count() > 8 {
                return Err(read::wrong(&entry.key, expected, &entry.node));
            }
            s.price.currency = Some((text.to_owned(), entry.key_place));
            Ok(())
        }),
    )
    .about("currency of the price")
    .unusual("cost.currency", |plan, _| {
        plan.price.as_ref().map(|price| price.currency.clone()).into()
    }),
    key(
        "worker.program",
        Own("native or scripted", r#"{ "enum": ["native", "scripted"] }"#, |s, entry, _, _| {
            // With a mistake the plan fails; the models are not judged as those of the native one.
            s.worker.program = WorkerProgram::Scripted;
            s.worker.program = worker::program(&entry.node)?;
            Ok(())
        }),
    )
    .about("one of perftune's own workers")
    .always("worker.program", |plan, run| match run.job.work {
        Work::Command { .. } => "command".into(),
        Work::Recorded { .. } => "recorded".into(),
        _ => plan.worker.program.to_string().into(),
    }),
    key(
        "worker.command",
        Own(
            "a list of texts",
            r#"{ "type": "array", "items": { "type": "string" }, "minItems": 1 }"#,
            |s, entry, context, _| {
                s.worker.program = WorkerProgram::Scripted;
                s.worker.program = worker::command(&entry.node, context.bases)?;
                Ok(())
            },
        ),
    )
    .about("a worker of your own that speaks the protocol: the program and its arguments"),
    key(
        "worker.hang_timeout",
        Duration(0.001, LONGEST_S, |s, v, _| s.worker.hang_timeout_ns = v.as_ns()),
    )
    .about("silence after which a worker counts as hung")
    .never(|plan, _| (plan.worker.hang_timeout_ns as f64 / 1e9).into()),
    key("worker.grace", Duration(0.0, LONGEST_S, |s, v, _| s.worker.grace_ns = v.as_ns()))
        .about("wait before each escalation: request to end, SIGTERM, SIGKILL")
        .never(|plan, _| (plan.worker.grace_ns as f64 / 1e9).into()),
    key(
        "worker.options",
        Own("a table", r#"{ "type": "object" }"#, |s, entry, _, problems| {
            read::as_table(entry)?;
            s.options = Some((worker::json(&entry.node, problems), entry.key_place));
            Ok(())
        }),
    )
    .about("settings for a worker of your own, passed on as they are"),
    key(
        "export.FORMAT",
        Names(
            "a file, a folder or an address in quotes, by the format: see `perftune list exports`",
            r#"{ "type": "string", "minLength": 1 }"#,
            |s, table, _, problems| s.exports = export::read(table, problems),
        ),
    )
    .about("where the results are written in this format after each run; relative to the results folder"),
];
