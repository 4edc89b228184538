//! Whether this machine is quiet enough to measure on now, and what to do where it is not.
//!
//! A figure is *noisy* where it would mark a stretch of a run ([`crate::interference`], which has the recordings behind
//! the thresholds), or make a timing worse by about what a stopping rule asks for, 5%: a thread that got less than 95%
//! of the time that it wanted (0.7% of it was lost on a quiet machine, half beside one busy loop on two cores), a wake-up
//! later than 3 ms, less than one tick of the scheduler (quiet: 0.1 ms). *Very noisy* is what no repetition averages
//! away: others on half of the cores, a tenth of the cores given to other guests, half a core held back, a thread that got
//! less than 80%, a wake-up later than 10 ms.

use serde::Serialize;

use crate::interference::{OTHERS, STEAL, THERMAL, THROTTLED};
use crate::report::layout::harmless;
use crate::sampler::noise::{Busy, Noise};
use crate::units;

/// How quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum NoiseLevel {
    /// Nothing would mark a run.
    #[serde(rename = "quiet")]
    Quiet,
    /// Something would.
    #[serde(rename = "noisy")]
    Noisy,
    /// No repetition averages it away.
    #[serde(rename = "very noisy")]
    VeryNoisy,
}

/// A process of somebody else.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Foreign {
    /// Its id.
    pub pid: u32,
    /// As it calls itself.
    pub name: String,
    /// Percent of one core.
    pub cpu_percent: f64,
}

/// What was found, and what to do. Shares of CPU time in percent of one core; `null`: the system does not tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoiseCheck {
    /// How quiet it was.
    pub verdict: NoiseLevel,
    /// For how long it was looked, in seconds.
    pub looked_s: f64,
    /// Used by others.
    pub others_cpu_percent: Option<f64>,
    /// Given to other guests of the host.
    pub steal_percent: Option<f64>,
    /// Held back by a quota.
    pub throttled_percent: Option<f64>,
    /// Lost to heat.
    pub thermal_percent: Option<f64>,
    /// Share of the time in which somebody waited for a core, in percent.
    pub cpu_pressure_percent: Option<f64>,
    /// The same for memory.
    pub memory_pressure_percent: Option<f64>,
    /// The same for a disk.
    pub io_pressure_percent: Option<f64>,
    /// How much of the time a thread ran that wanted to run all the time, in percent.
    pub probe_ran_percent: Option<f64>,
    /// How late a sleeping thread was woken: the 99th percentile, in seconds.
    pub wake_late_p99_s: Option<f64>,
    /// Of the last minute.
    pub load_average: Option<f64>,
    /// Of the clocks of the cores.
    pub governors: Vec<String>,
    /// Whether clocks may exceed their base.
    pub turbo: Option<bool>,
    /// Whether a core has several hardware threads.
    pub smt: Option<bool>,
    /// Who used most.
    pub busiest: Vec<Foreign>,
    /// What to do.
    pub advice: Vec<String>,
}

/// A figure that counts, from which value on it is noisy, and very noisy.
struct Limit {
    value: Option<f64>,
    noisy: f64,
    very: f64,
}

impl Limit {
    fn verdict(&self) -> NoiseLevel {
        match self.value {
            Some(value) if value > self.very => NoiseLevel::VeryNoisy,
            Some(value) if value > self.noisy => NoiseLevel::Noisy,
            _ => NoiseLevel::Quiet,
        }
    }
}

/// Share of a core that a thread may miss.
const MISSED: (f64, f64) = (0.05, 0.2);

/// Lateness of a wake-up, in seconds.
const LATE: (f64, f64) = (0.003, 0.010);

/// Share of the time in which somebody waited for memory or a disk that is worth advice.
const PRESSURE: f64 = 0.05;

impl NoiseCheck {
    /// Judges what was measured on a machine of which `cores` can be used.
    pub fn of(noise: &Noise, cores: f64) -> Self {
        let limit = |value, (noisy, very)| Limit { value, noisy, very };
        let limits = [
            limit(noise.others, (OTHERS, (cores / 2.0).max(OTHERS))),
            limit(noise.steal, (STEAL, (cores / 10.0).max(STEAL))),
            limit(noise.throttled, (THROTTLED, 0.5)),
            limit(noise.thermal, (THERMAL, f64::INFINITY)),
            limit(noise.ran.map(|ran| 1.0 - ran), MISSED),
            limit(noise.wake_late_s, LATE),
        ];
        let levels = limits.map(|limit| limit.verdict());
        let percent = |share: Option<f64>| share.map(|share| share * 100.0);
        let [cpu, memory, io] = noise.pressure.map(percent);
        Self {
            verdict: levels.into_iter().max().unwrap_or(NoiseLevel::Quiet),
            looked_s: noise.seconds,
            others_cpu_percent: percent(noise.others),
            steal_percent: percent(noise.steal),
            throttled_percent: percent(noise.throttled),
            thermal_percent: percent(noise.thermal),
            cpu_pressure_percent: cpu,
            memory_pressure_percent: memory,
            io_pressure_percent: io,
            probe_ran_percent: percent(noise.ran),
            wake_late_p99_s: noise.wake_late_s,
            load_average: noise.load,
            governors: noise.governors.clone(),
            turbo: noise.turbo,
            smt: noise.smt,
            busiest: noise.busiest.iter().map(foreign).collect(),
            advice: advice(noise, levels.map(|level| level > NoiseLevel::Quiet)),
        }
    }
}

fn foreign(busy: &Busy) -> Foreign {
    Foreign {
        pid: busy.pid,
        // A process names itself.
        name: harmless(&busy.name),
        cpu_percent: busy.cores * 100.0,
    }
}

/// What to do; `[others, steal, quota, heat, missed, late]`: what is above its threshold.
fn advice(noise: &Noise, above: [bool; 6]) -> Vec<String> {
    let [others, steal, quota, heat, missed, late] = above;
    let percent = |share: Option<f64>| units::rough_percent(share.unwrap_or(0.0));
    let mut advice = Vec::new();
    if others {
        let named = noise.busiest.iter().map(foreign).map(|busy| {
            let share = units::rough_percent(busy.cpu_percent * 0.01);
            format!("{} (pid {}, {share} of a core)", busy.name, busy.pid)
        });
        let named: Vec<_> = named.collect();
        let stop = if named.is_empty() {
            "stop what runs beside it (short-lived processes, none of which can be named)"
                .to_owned()
        } else {
            format!("stop {}", named.join(", "))
        };
        advice.push(format!("{stop}; or keep runs off their cores with `[limits] cpus`"));
    }
    if steal {
        advice.push(format!(
            "a noisy neighbour steals {} of a core: no setting here helps; compare only with `perftune check --against`, \
             which measures both sides in turns",
            percent(noise.steal)
        ));
    }
    if quota {
        advice.push(format!(
            "the quota of this control group holds work back {} of the time: raise cpu.max, or use fewer threads",
            percent(noise.throttled)
        ));
    }
    if heat {
        advice.push("cores run below their clock because of heat: let the machine cool, or use fewer threads".to_owned());
    }
    if (missed || late) && !(others || steal || quota) {
        advice.push(
            "threads wait for a core although nobody is seen to use it: look for other control groups or containers that \
             share these cores"
                .to_owned(),
        );
    }
    advice.extend(remedies(noise));
    advice
}

/// What to do about figures that say little of a run without what they mean for it.
fn remedies(noise: &Noise) -> Vec<String> {
    let percent = |share: Option<f64>| units::rough_percent(share.unwrap_or(0.0));
    let mut advice = Vec::new();
    for (share, what, remedy) in [
        (
            noise.pressure[1],
            "memory",
            "stop what holds it, or the runs will be measured while swapping",
        ),
        (noise.pressure[2], "disks", "stop what reads and writes, or keep the data sets in memory"),
    ] {
        if share.is_some_and(|share| share > PRESSURE) {
            advice.push(format!(
                "somebody waits for {what} {} of the time: {remedy}",
                percent(share)
            ));
        }
    }
    if let Some(governor) = noise.governors.iter().find(|name| *name != "performance") {
        advice.push(format!(
            "governor is {governor}: clocks follow the load; `cpupower frequency-set -g performance` while you measure"
        ));
    }
    advice
}

#[cfg(test)]
pub(crate) use tests::{busy_example, hostile_example};

#[cfg(test)]
mod tests {
    use super::*;

    /// For the doctor's own tests.
    pub(crate) fn busy_example() -> NoiseCheck {
        let mut noise = quiet();
        noise.others = Some(0.933);
        noise.steal = Some(0.04);
        noise.busiest = vec![Busy { pid: 712, name: "cargo".to_owned(), cores: 0.92 }];
        noise.governors = vec!["powersave".to_owned()];
        NoiseCheck::of(&noise, 2.0)
    }

    fn quiet() -> Noise {
        Noise {
            seconds: 3.0,
            others: Some(0.012),
            steal: Some(0.0),
            throttled: None,
            thermal: Some(0.0),
            pressure: [Some(0.004), Some(0.0), Some(0.001)],
            ran: Some(0.998),
            wake_late_s: Some(0.000_09),
            busiest: Vec::new(),
            load: Some(0.12),
            governors: vec!["performance".to_owned()],
            turbo: Some(false),
            smt: Some(false),
        }
    }

    /// What is changed of a quiet machine, the verdict then, and a piece of the advice.
    type Case = (fn(&mut Noise), NoiseLevel, &'static str);

    #[test]
    fn a_machine_is_as_quiet_as_its_noisiest_figure() {
        use NoiseLevel::{Noisy, Quiet, VeryNoisy};
        let with = |change: fn(&mut Noise)| {
            let mut noise = quiet();
            change(&mut noise);
            let found = NoiseCheck::of(&noise, 4.0);
            (found.verdict, found.advice.join("; "))
        };
        let busy = |noise: &mut Noise| {
            noise.others = Some(0.93);
            noise.busiest = vec![Busy { pid: 712, name: "cargo".to_owned(), cores: 0.92 }];
        };
        let cases: [Case; 12] = [
            (|_| (), Quiet, ""),
            (|n| n.others = Some(0.2), Quiet, ""),
            (busy, Noisy, "stop cargo (pid 712, 92% of a core)"),
            (|n| n.others = Some(2.1), VeryNoisy, "none of which can be named"),
            (|n| n.steal = Some(0.12), Noisy, "steals 12% of a core"),
            (|n| n.steal = Some(0.5), VeryNoisy, "--against"),
            (|n| n.throttled = Some(0.3), Noisy, "raise cpu.max"),
            (|n| n.thermal = Some(3.0), Noisy, "cool"),
            (|n| n.ran = Some(0.9), Noisy, "other control groups"),
            (|n| n.wake_late_s = Some(0.02), VeryNoisy, "other control groups"),
            (|n| n.pressure[1] = Some(0.2), Quiet, "swapping"),
            (
                |n| n.governors = vec!["performance".to_owned(), "powersave".to_owned()],
                Quiet,
                "governor is powersave",
            ),
        ];
        for (change, verdict, says) in cases {
            let (found, advice) = with(change);
            assert_eq!(found, verdict, "{advice}");
            assert!(advice.contains(says) && advice.is_empty() == says.is_empty(), "{advice}");
        }
        let nothing = NoiseCheck::of(&Noise::default(), 4.0);
        assert_eq!((nothing.verdict, nothing.advice.len()), (Quiet, 0));
    }

    /// Beside a process whose name is meant for the terminal.
    pub(crate) fn hostile_example() -> NoiseCheck {
        let mut noise = quiet();
        noise.others = Some(1.0);
        noise.busiest = vec![Busy { pid: 1, name: "a\u{1b}[2J".to_owned(), cores: 1.0 }];
        NoiseCheck::of(&noise, 2.0)
    }
}
