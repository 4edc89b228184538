//! Whether this machine is quiet enough to measure on now, and what troubles it where it is not.
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

/// What can be done something about, or has to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Others use the cores.
    Others,
    /// The host gives the cores to other guests.
    Steal,
    /// A quota holds work back.
    Quota,
    /// Cores are slowed by heat.
    Heat,
    /// Threads wait for a core that nobody is seen to use.
    Waiting,
    /// Somebody waits for memory.
    Memory,
    /// Somebody waits for a disk.
    Disks,
    /// The clock of a core follows its load.
    Governor,
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

/// What was found. Shares of CPU time in percent of one core; `null`: the system does not tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoiseCheck {
    /// How quiet it was.
    pub verdict: NoiseLevel,
    /// For how long it was looked, in seconds.
    pub looked_s: f64,
    /// Used by others, beside the thread that looks and wants a core all the time.
    pub others_cpu_percent: Option<f64>,
    /// Given to other guests of the host.
    pub steal_percent: Option<f64>,
    /// Held back by a quota.
    pub throttled_percent: Option<f64>,
    /// Lost to heat.
    pub thermal_percent: Option<f64>,
    /// Share of the time in which some thread waited for a core, in percent.
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
    /// What to do something about.
    #[serde(skip)]
    pub troubles: Vec<Trouble>,
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

/// The governor under which clocks do not follow the load.
const STEADY: &str = "performance";

impl NoiseCheck {
    /// A governor under which clocks follow the load.
    pub fn unsteady_governor(&self) -> Option<&str> {
        self.governors.iter().map(String::as_str).find(|name| *name != STEADY)
    }

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
            troubles: troubles(noise, levels.map(|level| level > NoiseLevel::Quiet)),
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

/// What troubles the machine; `[others, steal, quota, heat, missed, late]`: what is above its threshold.
fn troubles(noise: &Noise, above: [bool; 6]) -> Vec<Trouble> {
    let [others, steal, quota, heat, missed, late] = above;
    let [_, memory, disks] = noise.pressure.map(|share| share.is_some_and(|s| s > PRESSURE));
    let found = [
        (others, Trouble::Others),
        (steal, Trouble::Steal),
        (quota, Trouble::Quota),
        (heat, Trouble::Heat),
        ((missed || late) && !(others || steal || quota), Trouble::Waiting),
        (memory, Trouble::Memory),
        (disks, Trouble::Disks),
        (noise.governors.iter().any(|name| name != STEADY), Trouble::Governor),
    ];
    found.into_iter().filter(|(is, _)| *is).map(|(_, trouble)| trouble).collect()
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

    /// What is changed of a quiet machine, the verdict then, and what troubles it.
    type Case = (fn(&mut Noise), NoiseLevel, &'static [Trouble]);

    #[test]
    fn a_machine_is_as_quiet_as_its_noisiest_figure() {
        use NoiseLevel::{Noisy, Quiet, VeryNoisy};
        use Trouble::{Disks, Governor, Heat, Memory, Others, Quota, Steal, Waiting};
        let cases: [Case; 14] = [
            (|_| (), Quiet, &[]),
            (|n| n.others = Some(0.2), Quiet, &[]),
            (|n| n.others = Some(0.93), Noisy, &[Others]),
            (|n| n.others = Some(2.1), VeryNoisy, &[Others]),
            (|n| n.steal = Some(0.12), Noisy, &[Steal]),
            (|n| n.steal = Some(0.5), VeryNoisy, &[Steal]),
            (|n| n.throttled = Some(0.3), Noisy, &[Quota]),
            (|n| n.thermal = Some(3.0), Noisy, &[Heat]),
            (|n| n.ran = Some(0.9), Noisy, &[Waiting]),
            (|n| n.wake_late_s = Some(0.02), VeryNoisy, &[Waiting]),
            (|n| (n.ran, n.steal) = (Some(0.9), Some(0.12)), Noisy, &[Steal]),
            (|n| n.pressure[1] = Some(0.2), Quiet, &[Memory]),
            (|n| n.pressure[2] = Some(0.2), Quiet, &[Disks]),
            (
                |n| n.governors = vec!["performance".to_owned(), "powersave".to_owned()],
                Quiet,
                &[Governor],
            ),
        ];
        for (change, verdict, troubles) in cases {
            let mut noise = quiet();
            change(&mut noise);
            let found = NoiseCheck::of(&noise, 4.0);
            assert_eq!((found.verdict, &*found.troubles), (verdict, troubles));
        }
        let nothing = NoiseCheck::of(&Noise::default(), 4.0);
        assert_eq!((nothing.verdict, &*nothing.troubles), (Quiet, &[][..]));
    }

    /// Beside a process whose name is meant for the terminal.
    pub(crate) fn hostile_example() -> NoiseCheck {
        let mut noise = quiet();
        noise.others = Some(1.0);
        noise.busiest = vec![Busy { pid: 1, name: "a\u{1b}[2J".to_owned(), cores: 1.0 }];
        NoiseCheck::of(&noise, 2.0)
    }
}
