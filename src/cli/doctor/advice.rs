//! What to do about a machine that is not quiet.
//!
//! Whether there is a trouble is decided by `app`. Invariant: each has one sentence, which says what to do.

use crate::app::doctor::{NoiseCheck, Trouble};
use crate::units::rough_percent;

/// A sentence for each trouble.
pub(super) fn advice(check: &NoiseCheck) -> Vec<String> {
    check.troubles.iter().map(|trouble| sentence(check, *trouble)).collect()
}

fn sentence(check: &NoiseCheck, trouble: Trouble) -> String {
    let share = |percent: Option<f64>| rough_percent(percent.unwrap_or(0.0) * 0.01);
    match trouble {
        Trouble::Others => {
            format!("stop {}; or keep runs off their cores with `[limits] cpus`", busiest(check))
        }
        Trouble::Steal => format!(
            "a noisy neighbour steals {} of a core: no setting here helps; compare only with `perftune run --against`, which \
             alternates both sides",
            share(check.steal_percent)
        ),
        Trouble::Quota => format!(
            "the quota of this control group holds back {} of a core: raise cpu.max, or use fewer threads",
            share(check.throttled_percent)
        ),
        Trouble::Heat => "cores run below their clock because of heat: let the machine cool, or use fewer threads".to_owned(),
        Trouble::Waiting => {
            "threads wait for a core although no process is seen to use it: look for other control groups or containers that \
             share these cores"
                .to_owned()
        }
        Trouble::Memory => format!(
            "processes wait for memory {} of the time: stop what holds it, or the runs will be measured while swapping",
            share(check.memory_pressure_percent)
        ),
        Trouble::Disks => format!(
            "processes wait for disks {} of the time: stop what reads and writes, or keep the data sets in memory",
            share(check.io_pressure_percent)
        ),
        Trouble::Governor => format!(
            "governor is {}: clocks follow the load; `cpupower frequency-set -g performance` while you measure",
            check.unsteady_governor().unwrap_or_default()
        ),
    }
}

/// `93% of a core`.
pub(super) fn of_a_core(percent: f64) -> String {
    format!("{} of a core", rough_percent(percent * 0.01))
}

/// From this share of what others use on, those who can be named are whom to stop.
const MOST: f64 = 0.5;

/// Who used most; where that is but a part, how much it is of the whole.
fn busiest(check: &NoiseCheck) -> String {
    let named = check
        .busiest
        .iter()
        .map(|busy| format!("{} (pid {}, {})", busy.name, busy.pid, of_a_core(busy.cpu_percent)));
    let named: Vec<String> = named.collect();
    let known: f64 = check.busiest.iter().map(|busy| busy.cpu_percent).sum();
    let all = check.others_cpu_percent.unwrap_or(known);
    match named.join(", ") {
        nobody if nobody.is_empty() => {
            "what runs beside it (short-lived processes, which cannot be named)".to_owned()
        }
        named if known >= all * MOST => named,
        named => format!(
            "what runs beside it: {} in all, most of it by short-lived processes, which cannot be named, and {named}",
            of_a_core(all)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::noise::busy_example;

    #[test]
    fn each_trouble_has_its_advice() {
        let some = |trouble| NoiseCheck {
            throttled_percent: Some(30.0),
            memory_pressure_percent: Some(20.0),
            io_pressure_percent: Some(7.0),
            troubles: vec![trouble],
            ..busy_example()
        };
        for (trouble, says) in [
            (Trouble::Others, "stop cargo (pid 712, 92% of a core); or keep runs off"),
            (
                Trouble::Steal,
                "steals 4% of a core: no setting here helps; compare only with `perftune run --against`",
            ),
            (Trouble::Quota, "holds back 30% of a core: raise cpu.max"),
            (Trouble::Heat, "let the machine cool"),
            (Trouble::Waiting, "look for other control groups"),
            (
                Trouble::Memory,
                "wait for memory 20% of the time: stop what holds it, or the runs will be measured while swapping",
            ),
            (Trouble::Disks, "wait for disks 7% of the time"),
            (Trouble::Governor, "governor is powersave"),
        ] {
            let said = advice(&some(trouble)).join("; ");
            assert!(said.contains(says), "{said}");
        }
        let nobody = NoiseCheck { busiest: Vec::new(), ..some(Trouble::Others) };
        assert!(advice(&nobody)[0].contains("which cannot be named"));
        let few = NoiseCheck { others_cpu_percent: Some(206.0), ..some(Trouble::Others) };
        let said = "stop what runs beside it: 206% of a core in all, most of it by short-lived processes, which cannot be \
                    named, and cargo (pid 712, 92% of a core); or keep";
        assert!(advice(&few)[0].starts_with(said), "{}", advice(&few)[0]);
        assert!(advice(&NoiseCheck { troubles: Vec::new(), ..nobody }).is_empty());
    }
}
