//! The diagnosis of a machine for people.
//!
//! Nothing is looked at or decided here. Invariant: every line fits the width, and what is missing is said with its
//! reason.

use std::fmt::Write;

use super::advice::{advice, of_a_core};
use super::lanes;
use crate::app::doctor::{
    Accelerator, Card, Counter, Diagnosis, Energy, Enforceable, Fact, Facts, Keyed, NoiseCheck,
    NoiseLevel, Tpus,
};
use crate::event::{MemoryGuard, cpu_list};
use crate::report::layout::{counted, wrap};
use crate::units::{bytes, rough_percent, seconds, significant};

/// For people, in lines of at most `width` characters.
pub(super) fn render(diagnosis: &Diagnosis, width: usize) -> String {
    let facts = &diagnosis.facts;
    let worker = match &diagnosis.worker {
        Fact::Value(version) => version.clone(),
        Fact::Unsupported(why) => format!("cannot be used: {why}"),
    };
    let results = match &diagnosis.results_free_bytes {
        Fact::Value(free) => format!("can be written, {} free", bytes(*free as f64)),
        Fact::Unsupported(why) => why.clone(),
    };
    let mut rows = Vec::from(machine(facts));
    let others = facts.others_cpu_percent.as_ref();
    rows.extend(others.map(|others| ("others now", text(others, |load| of_a_core(*load)))));
    rows.push(("TPU", tpus(&facts.tpu)));
    rows.extend(energy(&diagnosis.energy));
    rows.push(("worker", worker));
    rows.push(("fingerprint", fingerprint(&diagnosis.fingerprint)));
    rows.push(("results", results));
    rows.extend(limits(&facts.limits));
    rows.extend(diagnosis.noise.iter().flat_map(noise));
    rows.extend(diagnosis.lanes.iter().map(|check| ("lanes", lanes::said(check))));
    let (unmeasured, measured): (Vec<_>, Vec<_>) =
        diagnosis.groups().into_iter().partition(|(_, why)| why.is_some());
    let measured: Vec<_> = measured.into_iter().map(|(group, _)| group).collect();
    let mut told = vec![("measured", measured.join(", "))];
    let why = |(group, why): (&str, Option<String>)| Some(format!("{group}: {}", why?));
    told.extend(unmeasured.into_iter().filter_map(why).map(|text| ("not measured", text)));
    let mut out = String::new();
    for (name, text) in rows {
        entry(&mut out, name, &text, width);
    }
    out.push('\n');
    for (name, text) in told {
        entry(&mut out, name, &text, width);
    }
    out
}

/// Appends a line `name   text` for each line of the text, wrapped under it.
fn entry(out: &mut String, name: &str, text: &str, width: usize) {
    let lines = text.lines();
    let wrapped = lines.map(|line| wrap(line, width.saturating_sub(14).max(20), ""));
    let wrapped: Vec<String> = wrapped.collect();
    for (at, line) in wrapped.iter().flat_map(|text| text.lines()).enumerate() {
        let _ = writeln!(out, "{:<14}{line}", if at == 0 { name } else { "" });
    }
}

fn text<T>(fact: &Fact<T>, show: impl FnOnce(&T) -> String) -> String {
    match fact {
        Fact::Value(value) => show(value),
        Fact::Unsupported(why) => format!("unsupported: {why}"),
    }
}

fn machine(facts: &Facts) -> [(&'static str, String); 7] {
    let memory = text(&facts.memory_bytes, |total| bytes(*total as f64));
    let limit =
        facts.memory_limit_bytes.map(|limit| format!(", limited to {}", bytes(limit as f64)));
    let usable = text(&facts.usable_cores, ToString::to_string);
    let told = |told: &bool| {
        if *told { "told by the kernel" } else { "not told by the kernel" }
    };
    [
        ("system", text(&facts.system, Clone::clone)),
        ("processor", text(&facts.processor, Clone::clone)),
        ("cores", format!("{usable} usable of {}", text(&facts.cores, ToString::to_string))),
        ("memory", memory + &limit.unwrap_or_default()),
        ("accelerators", text(&facts.accelerators, |devices| lines(devices))),
        ("pressure", text(&facts.pressure, |fact| told(fact).to_owned())),
        (
            "sampler",
            text(&facts.sampler_tick_s, |tick| format!("{} of CPU time a tick", seconds(*tick))),
        ),
    ]
}

fn limits(limits: &Enforceable) -> [(&'static str, String); 3] {
    let since = limits.memory_only_watched_because.as_deref();
    let memory = |guard: &MemoryGuard| match (guard, since) {
        (MemoryGuard::Cgroup, _) => "enforced by a control group".to_owned(),
        (MemoryGuard::Watched, since) => {
            let why = since.map_or_else(String::new, |why| format!("; no control group: {why}"));
            format!("watched: a run is ended at the tick that finds it beyond{why}")
        }
    };
    [
        (
            "limit cpus",
            text(&limits.cpus, |cpus| format!("enforced by affinity, CPU {}", cpu_list(cpus))),
        ),
        ("limit memory", text(&limits.memory, memory)),
        ("limit quota", text(&limits.cpu_quota, |_| "enforced by a control group".to_owned())),
    ]
}

fn fingerprint(keyed: &Keyed) -> String {
    let fields = keyed.fingerprint.hard.iter();
    let fields = fields.map(|(name, value)| format!("{name} {value}"));
    format!("{}: {}", keyed.key, fields.collect::<Vec<_>>().join("; "))
}

/// A line for each device.
fn lines(devices: &[Accelerator]) -> String {
    match devices {
        [] => "none".to_owned(),
        devices => devices.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

/// `gpu0: NVIDIA L4, 23.0 GiB, GPU-8d6f5fd1, driver 550.54.15; tells ...; not ...`.
fn line(device: &Accelerator) -> String {
    let mut facts = vec![device.name.clone()];
    facts.extend(device.memory_bytes.map(|total| bytes(total as f64)));
    facts.extend(device.uuid.as_deref().map(short));
    let part = device.parent.as_deref();
    facts.extend(part.map(|whole| format!("a part (MIG) of {}", short(whole))));
    let driver = device.driver.as_deref();
    facts.extend(driver.map(|version| format!("driver {version}")));
    let mut line = format!("{}: {}", device.device, facts.join(", "));
    if !device.tells.is_empty() {
        let _ = write!(line, "; tells {}", device.tells.join(", "));
    }
    for (why, what) in by_reason(device.lacks.iter().map(|(what, why)| (&**what, &**why))) {
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        let _ = write!(line, "; not {}{why}", what.join(", "));
    }
    line
}

/// What is missing for the same reason, together.
fn by_reason<'a>(lacks: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for (what, why) in lacks {
        match found.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, all)) => all.push(what),
            None => found.push((why, vec![what])),
        }
    }
    found
}

/// A UUID as far as people compare it: `GPU-8d6f5fd1`.
fn short(uuid: &str) -> String {
    let mut parts = uuid.split('-');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(kind), Some(first), Some(_)) => format!("{kind}-{first}"),
        _ => uuid.to_owned(),
    }
}

fn energy(energy: &Energy) -> Vec<(&'static str, String)> {
    let mut rows = vec![("energy", text(&energy.counters, |counters| said(counters)))];
    rows.extend(energy.graphics.iter().map(|card| ("graphics", graphics(card))));
    rows
}

/// The counters that can be read, then each reason why others cannot, once.
fn said(counters: &[Counter]) -> String {
    let readable = counters.iter().filter(|counter| counter.unreadable_because.is_none());
    let readable: Vec<_> = readable.map(|counter| &*counter.domain).collect();
    let mut parts = Vec::new();
    if !readable.is_empty() {
        parts.push(format!("{} (RAPL), of the whole machine", readable.join(", ")));
    }
    let lacks = counters.iter().filter_map(|counter| {
        let why = counter.unreadable_because.as_deref()?;
        Some((&*counter.domain, why))
    });
    let lacks = by_reason(lacks).into_iter();
    parts.extend(lacks.map(|(why, what)| format!("not {}: {why}", what.join(", "))));
    parts.join("; ")
}

fn graphics(card: &Card) -> String {
    let driver = card.driver.as_deref().unwrap_or("no driver");
    let tells = if card.tells.is_empty() {
        "has no readings of its own; only what a run's programs do on it".to_owned()
    } else {
        format!("tells {}", card.tells.join(", "))
    };
    format!("{} at {} ({driver}): {tells}", card.name, card.device)
}

fn tpus(tpus: &Tpus) -> String {
    let mut said = vec![tpus.named.clone().unwrap_or_else(|| "none found".to_owned())];
    for unknown in &tpus.unknown {
        said.push(format!("not taken for one: {unknown}"));
    }
    match &tpus.devices_now {
        Some(Fact::Value(count)) => {
            let devices = counted(*count, "device");
            said.push(format!("the metrics service speaks of {devices} now"));
        }
        Some(Fact::Unsupported(why)) => {
            said.push(format!("the metrics service gives nothing now: {why}"));
        }
        None => {}
    }
    said.extend(tpus.cannot_ask.clone());
    said.join("; ")
}

fn noise(check: &NoiseCheck) -> Vec<(&'static str, String)> {
    let mut found = vec![
        share("others", check.others_cpu_percent, " of a core"),
        share("steal", check.steal_percent, " of a core"),
        share("throttled by a quota", check.throttled_percent, " of a core"),
        share("slowed by heat", check.thermal_percent, " of a core"),
        share("some thread waited for a core", check.cpu_pressure_percent, " of the time"),
        share("that thread got", check.probe_ran_percent, " of the time"),
    ];
    let late = check.wake_late_p99_s;
    found.push(late.map(|late| format!("wake-ups {} late (p99)", seconds(late))));
    found.push(check.load_average.map(|load| format!("load {}", significant(load))));
    let found: Vec<_> = found.into_iter().flatten().collect();
    let what = format!(
        "{} in {}, beside a thread that is always ready to run: {}",
        level(check.verdict),
        seconds(check.looked_s),
        found.join(", ")
    );
    let mut rows = vec![("noise", what)];
    let clock = clock(check);
    if !clock.is_empty() {
        rows.push(("clock", clock));
    }
    rows.extend(advice(check).into_iter().map(|advice| ("advice", advice)));
    rows
}

const fn level(level: NoiseLevel) -> &'static str {
    match level {
        NoiseLevel::Quiet => "quiet",
        NoiseLevel::Noisy => "noisy",
        NoiseLevel::VeryNoisy => "very noisy",
    }
}

fn clock(check: &NoiseCheck) -> String {
    let on = |what: &str, state: Option<bool>| {
        state.map(|on| format!("{what} {}", if on { "on" } else { "off" }))
    };
    let governor = match &check.governors[..] {
        [] => None,
        governors => Some(format!("governor {}", governors.join(", "))),
    };
    let parts = [governor, on("turbo", check.turbo), on("SMT", check.smt)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn share(what: &str, percent: Option<f64>, of: &str) -> Option<String> {
    percent.map(|percent| format!("{what} {}{of}", rough_percent(percent * 0.01)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::TpuChip;
    use crate::app::doctor::accelerators::examples;
    use crate::app::doctor::noise::{busy_example, hostile_example};
    use crate::event::Fingerprint;

    fn fingerprint() -> Fingerprint {
        let fields = |fields: &[(&str, &str)]| {
            let fields = fields.iter();
            fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        Fingerprint {
            hard: fields(&[
                ("arch", "x86_64"),
                ("cpu.model", "AMD EPYC 7B13"),
                ("cpu.cores", "8"),
                ("cpu.quota", "2 cores"),
                ("memory.class", "8 GiB"),
                ("libtorch", "2.11.0"),
                ("threads", "2"),
            ]),
            soft: fields(&[("kernel", "6.8.0")]),
        }
    }

    fn diagnosis() -> Diagnosis {
        Diagnosis {
            facts: Facts {
                system: Fact::Value("Debian GNU/Linux 12, kernel 6.8.0".to_owned()),
                processor: Fact::Value("AMD EPYC 7B13".to_owned()),
                cores: Fact::Value(8),
                usable_cores: Fact::Value(2.0),
                memory_bytes: Fact::Value(8 << 30),
                memory_limit_bytes: Some(4 << 30),
                limits: Enforceable {
                    cpus: Fact::Value(vec![0, 1, 4]),
                    memory: Fact::Value(MemoryGuard::Watched),
                    memory_only_watched_because: Some("the control group /sys/fs/cgroup/a is not given the controller `memory`".to_owned()),
                    cpu_quota: Fact::Unsupported("other processes are in perftune's control group /sys/fs/cgroup/a".to_owned()),
                },
                accelerators: Fact::Unsupported("no NVIDIA driver: libnvidia-ml.so.1 cannot be loaded (cannot open shared object file)".to_owned()),
                tpu: Tpus {
                    chips: Vec::new(),
                    unknown: Vec::new(),
                    devices_now: None,
                    cannot_ask: Some("this build cannot read one".to_owned()),
                    named: None,
                },
                pressure: Fact::Value(true),
                sampler_tick_s: Fact::Value(0.000_061),
                others_cpu_percent: None,
            },
            worker: Fact::Value("perftune-worker 0.1.0, libtorch 2.11.0".to_owned()),
            fingerprint: fingerprint().into(),
            energy: Energy {
                counters: Fact::Value(vec![Counter {
                    domain: "package-0".to_owned(),
                    unreadable_because: None,
                }]),
                graphics: Vec::new(),
            },
            lanes: None,
            noise: Some(busy_example()),
            results_free_bytes: Fact::Unsupported("/results cannot be written: Permission denied (os error 13)".to_owned()),
        }
    }

    #[test]
    fn the_doctor_says_what_is_and_what_is_not() {
        insta::assert_snapshot!("doctor_text", render(&diagnosis(), 80));
        let json = super::super::json(&diagnosis()).unwrap();
        insta::assert_snapshot!("doctor_json", String::from_utf8(json).unwrap());
    }

    #[test]
    fn what_others_use_is_said_once_and_in_one_unit() {
        let mut with = diagnosis();
        let told = |with: &Diagnosis| {
            let text = render(with, 200);
            let lines = text.lines().filter(|line| line.contains("others "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let [noise] = &told(&with)[..] else { panic!("{:?}", told(&with)) };
        assert!(noise.contains("others 93% of a core, steal 4% of a core"), "{noise}");
        (with.noise, with.facts.others_cpu_percent) = (None, Some(Fact::Value(206.4)));
        assert_eq!(told(&with), ["others now    206% of a core"]);
    }

    #[test]
    fn limits_that_the_kernel_enforces_need_no_reason() {
        let mut with = diagnosis();
        with.facts.limits.memory = Fact::Value(MemoryGuard::Cgroup);
        with.facts.limits.memory_only_watched_because = None;
        with.facts.limits.cpu_quota = Fact::Value(true);
        let text = render(&with, 80);
        assert!(text.contains("limit memory  enforced by a control group\n"), "{text}");
        assert!(text.contains("limit quota   enforced by a control group\n"), "{text}");
    }

    #[test]
    fn an_accelerator_is_measured() {
        let mut with = diagnosis();
        with.facts.accelerators = Fact::Value(vec![Accelerator {
            device: "gpu0".to_owned(),
            name: "NVIDIA H200".to_owned(),
            memory_bytes: Some(150_000_000_000),
            ..Accelerator::default()
        }]);
        let text = render(&with, 80);
        assert!(text.contains("accelerators  gpu0: NVIDIA H200, 140 GiB\n"), "{text}");
        assert!(!text.contains("not measured  gpu"), "{text}");
        with.worker = Fact::Unsupported("it is not there".to_owned());
        assert_eq!(with.groups().iter().filter(|(_, why)| why.is_some()).count(), 6);
    }

    #[test]
    fn a_device_that_tells_everything_needs_no_reasons() {
        assert_eq!(
            line(&examples::rich()),
            "gpu1: NVIDIA H200, 140 GiB, GPU-8d6f5fd1, driver 570.1; tells utilisation, memory of the run's own \
             processes, utilisation of the run's own processes, power, energy by its counter, clocks, throttle reasons, \
             PCIe traffic, activity of SMs, tensor cores and memory"
        );
    }

    #[test]
    fn what_is_missing_is_said_with_its_reason_once() {
        assert_eq!(
            line(&examples::poor()),
            "gpu1: NVIDIA H200, 140 GiB, GPU-8d6f5fd1, driver 570.1; tells memory of the whole device, power, energy by \
             integrated power only; not utilisation, energy counter, clocks, throttle reasons, PCIe traffic, activity of SMs, tensor \
             cores and memory (too old); not memory of the run's own processes, utilisation of the run's own processes (a container)"
        );
    }

    #[test]
    fn a_part_names_its_whole() {
        let line = line(&examples::part());
        assert!(line.contains("MIG-77, a part (MIG) of GPU-1234, driver"), "{line}");
    }

    #[test]
    fn what_cannot_be_read_is_said_once_with_what_to_do() {
        let counter = |domain: &str, why: Option<&str>| Counter {
            domain: domain.to_owned(),
            unreadable_because: why.map(str::to_owned),
        };
        for (counters, says, why_not) in [
            (
                vec![counter("package-0", None), counter("dram-0", None)],
                "package-0, dram-0 (RAPL), of the whole machine",
                None,
            ),
            (
                vec![
                    counter("package-0", Some("only root may")),
                    counter("dram-0", Some("only root may")),
                ],
                "not package-0, dram-0: only root may",
                Some("only root may"),
            ),
            (
                vec![counter("package-0", None), counter("psys", Some("it holds no number"))],
                "package-0 (RAPL), of the whole machine; not psys: it holds no number",
                None,
            ),
        ] {
            let energy = Energy { counters: Fact::Value(counters), graphics: Vec::new() };
            assert_eq!(self::energy(&energy), [("energy", says.to_owned())]);
            assert_eq!(energy.why_not().as_deref(), why_not);
        }
    }

    fn no_tpus() -> Tpus {
        Tpus {
            chips: Vec::new(),
            unknown: Vec::new(),
            devices_now: None,
            cannot_ask: None,
            named: None,
        }
    }

    #[test]
    fn the_line_says_what_is_there_and_what_to_do() {
        let found = Tpus {
            chips: vec![TpuChip {
                address: "0000:00:05.0".to_owned(),
                generation: "v5e",
                devices: 1,
                node: None,
            }],
            named: Some("1 x v5e".to_owned()),
            ..no_tpus()
        };
        let unknown = vec!["0000:00:07.0 of Google, with the unknown device id 0x0099".to_owned()];
        let nobody = Fact::Unsupported("no workload holds the TPU yet".to_owned());
        let how = Some("built without it: do this".to_owned());
        for (found_tpus, text, measured) in [
            (no_tpus(), "none found", false),
            (
                Tpus { unknown, ..no_tpus() },
                "none found; not taken for one: 0000:00:07.0 of Google, with the unknown device id 0x0099",
                false,
            ),
            (
                Tpus { devices_now: Some(nobody), ..found.clone() },
                "1 x v5e; the metrics service gives nothing now: no workload holds the TPU yet",
                true,
            ),
            (
                Tpus { devices_now: Some(Fact::Value(1)), ..found.clone() },
                "1 x v5e; the metrics service speaks of 1 device now",
                true,
            ),
            (
                Tpus { cannot_ask: how.clone(), ..found },
                "1 x v5e; built without it: do this",
                false,
            ),
            (Tpus { cannot_ask: how, ..no_tpus() }, "none found; built without it: do this", false),
        ] {
            assert_eq!(self::tpus(&found_tpus), text);
            assert_eq!(found_tpus.why_not().is_none(), measured, "{text}");
        }
    }

    #[test]
    fn a_name_cannot_speak_to_the_terminal() {
        let rows = noise(&hostile_example());
        assert!(!rows.iter().any(|(_, text)| text.contains('\u{1b}')));
    }
}
