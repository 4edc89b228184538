//! Every key of the grid file, one entry each. Reading, defaults, `--dry-run`, suggestions, `perftune list keys` and the JSON
//! Schema come from [`KEYS`]; a new key is an entry here, and the place that obeys it. Axes have a table of their own
//! ([`crate::event::AXES`]).

use std::ops::Bound::{Excluded, Included, Unbounded};

use super::constraints;
use super::gate;
use super::header::{self, MOST_REPEATS};
use super::key::{Assign, At, KeyDef, Kind, Shown};
use super::limits;
use super::metrics;
use super::objectives;
use super::plan::WorkerProgram;
use super::read::{self, LONGEST_S};
use super::serving::{self, Placed};
use super::settings::Settings;
use super::worker;
use crate::event::{Pattern, Range, cpu_list};
use crate::metric::Better;

fn assign(set: impl Fn(&mut Settings) + 'static) -> Option<Assign<Settings>> {
    Some(Box::new(set))
}

/// The most that a count of steps, requests or looks may be.
const MANY: u32 = 100_000;
/// The most timed requests of a size.
const MOST_REQUESTS: u32 = 1_000_000_000;
/// The most clients.
const MOST_CLIENTS: u32 = 10_000;
/// Beyond this a check takes minutes, and its p values gain nothing.
const MOST_DRAWS: u32 = 1_000_000;

const WHOLE: &str = r#"{ "type": "integer", "minimum": 0 }"#;
/// A text, or a list of them.
const TEXTS: &str =
    r#"{ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }"#;

/// Every key that is no axis and in no table of a free name, table by table in the order of [`TABLES`].
pub(super) static KEYS: [KeyDef<Settings>; 51] = [
    KeyDef {
        path: "name",
        about: "names the results folder; else the name of the file does",
        kind: Kind::Own {
            says: "letters, digits, `.`, `_` and `-`",
            schema: r#"{ "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*$" }"#,
            read: |entry, _, problems| {
                let name = header::name(&entry.node, problems)?;
                assign(move |s| s.name = Some(name.clone()))
            },
        },
        shown: Shown::Nothing,
    },
    KeyDef {
        path: "seed",
        about: "weights, validation split and sample order; repeat r uses seed + r - 1",
        kind: Kind::Own {
            says: "a whole number",
            schema: WHOLE,
            read: |entry, _, problems| {
                let seed = (header::seed(&entry.node, problems)?, entry.node.place);
                assign(move |s| s.seed = seed)
            },
        },
        shown: Shown::Always("seed", |_, run| run.job.seed.into()),
    },
    KeyDef {
        path: "repeat",
        about: "runs of each cell; 3 or more give intervals between runs",
        kind: Kind::Count { from: 1, to: MOST_REPEATS, set: |s, v, _| s.repeats = v },
        shown: Shown::Always("repeat", |_, run| run.repeat.into()),
    },
    KeyDef {
        path: "train.epochs",
        about: "the budget in passes over the training data; 0: do not train",
        kind: Kind::Count {
            from: 0,
            to: MANY,
            set: |s, v, at| (s.train.epochs, s.epochs_place) = (v, at.key),
        },
        shown: Shown::Always("train.epochs", |_, run| run.job.train.epochs.into()),
    },
    KeyDef {
        path: "train.validation_share",
        about: "of the training data, held out for validation",
        kind: Kind::Share(Range::new(Included(0.0), Included(0.5)), |s, v, _| {
            s.train.validation_share = v;
        }),
        shown: Shown::Always("train.validation_share", |_, run| {
            run.job.train.validation_share.into()
        }),
    },
    KeyDef {
        path: "train.warmup_steps",
        about: "steps before the first timed one, on weights that are thrown away",
        kind: Kind::Count { from: 0, to: MANY, set: |s, v, _| s.train.warmup_steps = v },
        shown: Shown::Always("train.warmup_steps", |_, run| run.job.train.warmup_steps.into()),
    },
    KeyDef {
        path: "train.target_accuracy",
        about: "the validation accuracy that train.time_to_accuracy waits for",
        kind: Kind::Fraction(
            Range { such_as: Some("0.88"), ..Range::new(Excluded(0.0), Included(1.0)) },
            |s, v, _| s.stop.target_accuracy = Some(v),
        ),
        shown: Shown::Unusual("train.target_accuracy", |_, run| run.stop.target_accuracy.into()),
    },
    KeyDef {
        path: "serve.enabled",
        about: "whether to serve at all",
        kind: Kind::Flag(|s, v, _| s.serving.enabled = Some(v)),
        shown: Shown::Never(|_, run| run.job.serve.is_some().into()),
    },
    // Before the keys that belong to a pattern, which it takes away.
    KeyDef {
        path: "serve.pattern",
        about: "when requests come, after the scenarios of MLPerf Inference",
        kind: Kind::Own {
            says: "single-stream, multi-stream, offline, server or closed",
            schema: r#"{ "enum": ["single-stream", "multi-stream", "offline", "server", "closed"] }"#,
            read: |entry, _, problems| {
                let pattern = serving::pattern(&entry.node, problems)?;
                let pattern = Placed::new(pattern, At::of(entry));
                assign(move |s| s.serving.set_pattern(pattern))
            },
        },
        shown: Shown::Unusual("serve.pattern", |_, run| {
            run.job.serve.as_ref().map(|serve| serve.pattern.name()).into()
        }),
    },
    KeyDef {
        path: "serve.batch_size",
        about: "samples a request, each size on its own; other patterns have other defaults",
        kind: Kind::Own {
            says: "a whole number, or a list of them",
            schema: r#"{ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "array", "items": { "type": "integer", "minimum": 1 }, "minItems": 1 }] }"#,
            read: |entry, _, problems| {
                let sizes = (serving::batch_sizes(&entry.node, problems)?, entry.node.place);
                assign(move |s| s.serving.batch_sizes = Some(sizes.clone()))
            },
        },
        shown: Shown::Always("serve.batch_size", |_, run| {
            run.job.serve.as_ref().map(|serve| serve.batch_sizes.clone()).into()
        }),
    },
    KeyDef {
        path: "serve.rate",
        about: "requests at random times, so many a second: pattern = \"server\"",
        kind: Kind::Own {
            says: "a rate above 0/s, such as \"200/s\"",
            schema: r#"{ "type": "string", "pattern": "/s\\s*$" }"#,
            read: |entry, _, problems| {
                let rate = Placed::new(serving::rate(&entry.node, problems)?, At::of(entry));
                assign(move |s| s.serving.rate = Some(rate))
            },
        },
        shown: Shown::Unusual("serve.rate_per_s", |_, run| match &run.job.serve {
            Some(serve) => match serve.pattern {
                Pattern::Server { rate_per_s } => rate_per_s.into(),
                _ => serde_json::Value::Null,
            },
            None => serde_json::Value::Null,
        }),
    },
    KeyDef {
        path: "serve.clients",
        about: "so many clients, each waiting for its answer: pattern = \"closed\"",
        kind: Kind::Count {
            from: 1,
            to: MOST_CLIENTS,
            set: |s, v, at| s.serving.clients = Some(Placed::new(v, at)),
        },
        shown: Shown::Unusual("serve.clients", |_, run| match &run.job.serve {
            Some(serve) => match serve.pattern {
                Pattern::Closed { clients } => clients.into(),
                _ => serde_json::Value::Null,
            },
            None => serde_json::Value::Null,
        }),
    },
    KeyDef {
        path: "serve.find_max_rate",
        about: "search for the highest rate that keeps the limit: pattern = \"server\"",
        kind: Kind::Flag(|s, v, at| s.serving.find_max_rate = Some(Placed::new(v, at))),
        shown: Shown::Unusual("serve.find_max_rate", |_, run| {
            let limit = run.job.serve.as_ref().and_then(|serve| serve.find_max_rate);
            limit.map(|limit| limit.to_string()).into()
        }),
    },
    KeyDef {
        path: "serve.latency_limit",
        about: "what the highest rate must keep; else a percentile of [constraints]",
        kind: Kind::Own {
            says: "such as \"p99 <= 10ms\"",
            schema: r#"{ "type": "string", "pattern": "^\\s*p[0-9.]+\\s*<=?.*$" }"#,
            read: |entry, _, problems| {
                let limit = serving::latency_limit(&entry.node, problems)?;
                let limit = Placed::new(limit, At::of(entry));
                assign(move |s| s.serving.latency_limit = Some(limit))
            },
        },
        shown: Shown::Nothing,
    },
    KeyDef {
        path: "serve.warmup_requests",
        about: "requests of each size before the first timed one",
        kind: Kind::Count { from: 0, to: MANY, set: |s, v, _| s.serving.warmup_requests = Some(v) },
        shown: Shown::Always("serve.warmup_requests", |_, run| {
            run.job.serve.as_ref().map(|serve| serve.warmup_requests).into()
        }),
    },
    KeyDef {
        path: "serve.max_requests",
        about: "the most timed requests of each size",
        kind: Kind::Count {
            from: 1,
            to: MOST_REQUESTS,
            set: |s, v, at| s.serving.max_requests = Some(Placed::new(v, at)),
        },
        shown: Shown::Unusual("serve.max_requests", |_, run| {
            run.job.serve.as_ref().and_then(|serve| serve.max_requests).into()
        }),
    },
    KeyDef {
        path: "serve.max_time",
        about: "the longest time for each size",
        kind: Kind::Duration {
            from: 0.001,
            to: LONGEST_S,
            set: |s, v, _| s.serving.max_time_s = Some(v.as_secs()),
        },
        shown: Shown::Always("serve.max_time_s", |_, run| {
            run.job.serve.as_ref().map(|serve| serve.max_time_s).into()
        }),
    },
    KeyDef {
        path: "stop.enabled",
        about: "whether runs stop early at all",
        kind: Kind::Flag(|s, v, _| s.stop.enabled = v),
        shown: Shown::Always("stop.enabled", |_, run| run.stop.enabled.into()),
    },
    KeyDef {
        path: "stop.metrics",
        about: "what must be known; else throughput, step_latency, latency, cpu, memory and gpu",
        kind: Kind::Own {
            says: "a list of metrics and groups",
            schema: TEXTS,
            read: |entry, _, problems| {
                let (chosen, place) = (metrics::read(&entry.node, problems)?, entry.key_place);
                assign(move |s| {
                    s.metrics.clone_from(&chosen);
                    (s.chosen, s.stop_place) = (true, place);
                })
            },
        },
        shown: Shown::Always("stop.metrics", |_, run| run.stop.metrics.clone().into()),
    },
    KeyDef {
        path: "stop.within",
        about: "half of the interval of a metric that counts as known, of its value",
        kind: Kind::Share(Range::new(Excluded(0.0), Excluded(1.0)), |s, v, _| s.stop.within = v),
        shown: Shown::Always("stop.within", |_, run| run.stop.within.into()),
    },
    KeyDef {
        path: "stop.confidence",
        about: "of the intervals",
        kind: Kind::Fraction(Range::new(Excluded(0.5), Excluded(1.0)), |s, v, _| {
            s.stop.confidence = v;
        }),
        shown: Shown::Always("stop.confidence", |_, run| run.stop.confidence.into()),
    },
    KeyDef {
        path: "stop.looks",
        about: "in a row, at which all must be known",
        kind: Kind::Count { from: 1, to: 1000, set: |s, v, _| s.stop.looks = v },
        shown: Shown::Always("stop.looks", |_, run| run.stop.looks.into()),
    },
    KeyDef {
        path: "stop.min_time",
        about: "the shortest time in a stage before it may be known",
        kind: Kind::Duration {
            from: 0.0,
            to: LONGEST_S,
            set: |s, v, at| (s.stop.min_time_s, s.stop_place) = (v.as_secs(), at.key),
        },
        shown: Shown::Always("stop.min_time_s", |_, run| run.stop.min_time_s.into()),
    },
    KeyDef {
        path: "stop.max_time",
        about: "the longest time in a stage; what is not known by then is unstable",
        kind: Kind::Duration {
            from: 0.001,
            to: LONGEST_S,
            set: |s, v, at| (s.stop.max_time_s, s.stop_place) = (v.as_secs(), at.key),
        },
        shown: Shown::Always("stop.max_time_s", |_, run| run.stop.max_time_s.into()),
    },
    KeyDef {
        path: "stop.max_run_time",
        about: "the longest wall time of a run",
        kind: Kind::Duration {
            from: 0.001,
            to: LONGEST_S,
            set: |s, v, _| s.stop.max_run_time_s = Some(v.as_secs()),
        },
        shown: Shown::Always("stop.max_run_time_s", |_, run| run.stop.max_run_time_s.into()),
    },
    KeyDef {
        path: "stop.patience",
        about: "epochs without a better validation accuracy before a run counts as trained",
        kind: Kind::Count { from: 1, to: MANY, set: |s, v, _| s.stop.patience = v },
        shown: Shown::Always("stop.patience", |_, run| run.stop.patience.into()),
    },
    KeyDef {
        path: "stop.min_delta",
        about: "the smallest gain in validation accuracy that counts as better",
        kind: Kind::Number(Range::new(Included(0.0), Excluded(1.0)), |s, v, _| {
            s.stop.min_delta = v;
        }),
        shown: Shown::Always("stop.min_delta", |_, run| run.stop.min_delta.into()),
    },
    KeyDef {
        path: "constraints.METRIC",
        about: "a comparison and a limit in the unit of the metric; a list means all of them",
        kind: Kind::Names {
            says: "such as \"<= 512MiB\"",
            schema: TEXTS,
            read: |table, _, problems| {
                let limited = constraints::read(table, problems);
                assign(move |s| {
                    let is_new = |name| limited.iter().any(|new| new.def.name == name);
                    s.constraints.retain(|before| !is_new(before.def.name));
                    s.constraints.extend_from_slice(&limited);
                })
            },
        },
        shown: Shown::Unusual("stop.constraints", |_, run| {
            run.stop.constraints.iter().map(ToString::to_string).collect()
        }),
    },
    KeyDef {
        path: "limits.cpus",
        about: "how many CPUs, or which: `perftune doctor` says what can be enforced",
        kind: Kind::Own {
            says: "a whole number, or a list of CPU numbers",
            schema: r#"{ "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 1024 }, { "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 1023 }, "minItems": 1 }] }"#,
            read: |entry, _, problems| {
                let cpus = (limits::cpus(&entry.node, problems)?, entry.node.place);
                assign(move |s| s.limits.cpus = Some(cpus.clone()))
            },
        },
        shown: Shown::Unusual("limits.cpus", |_, run| {
            let cpus = &run.limits.cpus;
            (!cpus.is_empty()).then(|| cpu_list(cpus)).into()
        }),
    },
    KeyDef {
        path: "limits.cpu_quota",
        about: "CPU time over wall time; 100% is one CPU",
        kind: Kind::Share(Range::new(Included(0.01), Unbounded), |s, v, at| {
            s.limits.quota = Some((v, at.value));
        }),
        shown: Shown::Unusual("limits.cpu_quota_percent", |_, run| {
            run.limits.cpu_quota_percent.into()
        }),
    },
    KeyDef {
        path: "limits.memory",
        about: "a run that needs more ends as out of memory",
        kind: Kind::Own {
            says: "a size of at least \"16MiB\"",
            schema: r#"{ "type": "string", "pattern": "B\\s*$" }"#,
            read: |entry, _, problems| {
                let memory = (limits::memory(&entry.node, problems)?, entry.node.place);
                assign(move |s| s.limits.memory = Some(memory))
            },
        },
        shown: Shown::Unusual("limits.memory_bytes", |_, run| run.limits.memory_bytes.into()),
    },
    KeyDef {
        path: "objectives.maximize",
        about: "metrics of which more is better",
        kind: Kind::Own {
            says: "a list of metrics",
            schema: TEXTS,
            read: |entry, _, problems| {
                let aimed = objectives::read(entry, Better::Higher, problems)?;
                assign(move |s| s.objectives.extend_from_slice(&aimed))
            },
        },
        shown: Shown::Unusual("objectives.maximize", |plan, _| plan.aimed(Better::Higher)),
    },
    KeyDef {
        path: "objectives.minimize",
        about: "metrics of which less is better",
        kind: Kind::Own {
            says: "a list of metrics",
            schema: TEXTS,
            read: |entry, _, problems| {
                let aimed = objectives::read(entry, Better::Lower, problems)?;
                assign(move |s| s.objectives.extend_from_slice(&aimed))
            },
        },
        shown: Shown::Unusual("objectives.minimize", |plan, _| plan.aimed(Better::Lower)),
    },
    KeyDef {
        path: "gate.alpha",
        about: "the chance that a comparison of equal builds fails at all",
        kind: Kind::Fraction(Range::new(Excluded(0.0), Included(0.2)), |s, v, _| s.gate.alpha = v),
        shown: Shown::Never(|plan, _| plan.gate.alpha.into()),
    },
    KeyDef {
        path: "gate.floor",
        about: "the smallest change that counts",
        kind: Kind::Share(gate::FLOOR, |s, v, _| s.gate.floor = v),
        shown: Shown::Never(|plan, _| plan.gate.floor.into()),
    },
    KeyDef {
        path: "gate.any_machine",
        about: "compare results of unknown or different machines all the same",
        kind: Kind::Flag(|s, v, _| s.gate.any_machine = v),
        shown: Shown::Never(|plan, _| plan.gate.any_machine.into()),
    },
    KeyDef {
        path: "gate.draws",
        about: "arrangements that are drawn where there are too many to look at all",
        kind: Kind::Count { from: 1, to: MOST_DRAWS, set: |s, v, _| s.gate.draws = v },
        shown: Shown::Never(|plan, _| plan.gate.draws.into()),
    },
    KeyDef {
        path: "gate.seed",
        about: "what they are drawn from",
        kind: Kind::Own {
            says: "a whole number",
            schema: WHOLE,
            read: |entry, _, problems| {
                let seed = gate::seed(&entry.node, problems)?;
                assign(move |s| s.gate.seed = seed)
            },
        },
        shown: Shown::Never(|plan, _| plan.gate.seed.into()),
    },
    KeyDef {
        path: "gate.subject",
        about: "fields of the fingerprint that may differ, since they are what is tested",
        kind: Kind::Own {
            says: "a list of fields of the fingerprint",
            schema: TEXTS,
            read: |entry, _, problems| {
                let subject = gate::subject(&entry.node, problems);
                assign(move |s| s.gate.subject = subject.iter().cloned().collect())
            },
        },
        shown: Shown::Nothing,
    },
    KeyDef {
        path: "gate.metrics.METRIC",
        about: "how one metric is judged",
        kind: Kind::Names {
            says: "a table",
            schema: r#"{ "type": "object" }"#,
            read: |table, context, problems| {
                let (rules, wanted) = gate::rules(table, context, problems);
                assign(move |s| {
                    s.gate.metrics.clone_from(&rules);
                    s.gate.wanted.clone_from(&wanted);
                })
            },
        },
        shown: Shown::Nothing,
    },
    KeyDef {
        path: "gate.retired.CELL",
        about: "a cell that is gone on purpose: since when, and why",
        kind: Kind::Names {
            says: "such as \"2026-01-31 replaced\"",
            schema: r#"{ "type": "string", "pattern": "^\\s*[0-9]{4}-[0-9]{2}-[0-9]{2}" }"#,
            read: |table, _, problems| {
                let retired = gate::retired(table, problems);
                assign(move |s| {
                    for (cell, place, why) in &retired {
                        s.gate.retired.insert(cell.clone(), why.clone());
                        s.retired.insert(cell.clone(), *place);
                    }
                })
            },
        },
        shown: Shown::Nothing,
    },
    KeyDef {
        path: "sampler.interval",
        about: "mean time between two readings",
        kind: Kind::Duration {
            from: 0.010,
            to: 60.0,
            set: |s, v, _| s.sampler.interval_ns = v.as_ns(),
        },
        shown: Shown::Always("sampler.interval_s", |plan, _| {
            (plan.sampler.interval_ns as f64 / 1e9).into()
        }),
    },
    KeyDef {
        path: "sampler.gpu",
        about: "whether accelerators are read",
        kind: Kind::Flag(|s, v, _| s.sampler.gpu = v),
        shown: Shown::Always("sampler.gpu", |plan, _| plan.sampler.gpu.into()),
    },
    KeyDef {
        path: "sampler.energy",
        about: "whether energy counters are read",
        kind: Kind::Flag(|s, v, _| s.sampler.energy = v),
        shown: Shown::Always("sampler.energy", |plan, _| plan.sampler.energy.into()),
    },
    KeyDef {
        path: "sampler.tpu",
        about: "whether TPUs are read",
        kind: Kind::Flag(|s, v, _| s.sampler.tpu = v),
        shown: Shown::Always("sampler.tpu", |plan, _| plan.sampler.tpu.into()),
    },
    KeyDef {
        path: "energy.grams_per_kwh",
        about: "grams of CO2 equivalent a kilowatt hour; nobody guesses it",
        kind: Kind::Number(
            // No electricity of the world is beyond this: the dirtiest lignite is at about 1,300 g/kWh.
            Range { such_as: Some("350"), ..Range::new(Included(0.0), Included(5000.0)) },
            |s, v, _| s.grams_per_kwh = Some(v),
        ),
        shown: Shown::Unusual("energy.grams_per_kwh", |plan, _| plan.grams_per_kwh.into()),
    },
    KeyDef {
        path: "worker.program",
        about: "one of perftune's own workers",
        kind: Kind::Own {
            says: "native or scripted",
            schema: r#"{ "enum": ["native", "scripted"] }"#,
            read: |entry, _, problems| {
                // With a mistake the plan fails, but the models must not be judged as if the native one had been meant.
                let program = worker::program(&entry.node, problems);
                let program = program.unwrap_or(WorkerProgram::Scripted);
                assign(move |s| s.worker.program = program.clone())
            },
        },
        shown: Shown::Always("worker.program", |plan, _| plan.worker.program.to_string().into()),
    },
    KeyDef {
        path: "worker.command",
        about: "a worker of your own that speaks the protocol: the program and its arguments",
        kind: Kind::Own {
            says: "a list of texts",
            schema: r#"{ "type": "array", "items": { "type": "string" }, "minItems": 1 }"#,
            read: |entry, context, problems| {
                let program = worker::command(&entry.node, context.bases, problems);
                let program = program.unwrap_or(WorkerProgram::Scripted);
                assign(move |s| s.worker.program = program.clone())
            },
        },
        shown: Shown::Nothing,
    },
    KeyDef {
        path: "worker.hang_timeout",
        about: "silence after which a worker counts as hung",
        kind: Kind::Duration {
            from: 0.001,
            to: LONGEST_S,
            set: |s, v, _| s.worker.hang_timeout_ns = v.as_ns(),
        },
        shown: Shown::Never(|plan, _| (plan.worker.hang_timeout_ns as f64 / 1e9).into()),
    },
    KeyDef {
        path: "worker.grace",
        about: "time between asking a worker to end, SIGTERM and SIGKILL",
        kind: Kind::Duration {
            from: 0.0,
            to: LONGEST_S,
            set: |s, v, _| s.worker.grace_ns = v.as_ns(),
        },
        shown: Shown::Never(|plan, _| (plan.worker.grace_ns as f64 / 1e9).into()),
    },
    KeyDef {
        path: "worker.options",
        about: "free settings of a worker of your own",
        kind: Kind::Own {
            says: "a table",
            schema: r#"{ "type": "object" }"#,
            read: |entry, _, problems| {
                read::as_table(entry, problems)?;
                let options = (worker::json(&entry.node, problems), entry.key_place);
                assign(move |s| s.options = Some(options.clone()))
            },
        },
        shown: Shown::Nothing,
    },
];
