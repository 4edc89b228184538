//! `[limits]`: resource limits: emulates a smaller device. What is asked is checked against what this machine can enforce, so that
//! nothing is asked in vain.

use super::read::{self, Quantity, Read};
use crate::document::problems::{Place, Problem, Problems};
use crate::document::tree::{Node, Value};
use crate::event::{Limits, cpu_list};
use crate::sampler::LimitMeans;
use crate::units::{Bytes, bytes, percent};

/// The CPUs that a table asks for.
#[derive(Debug, Clone)]
pub(super) enum Cpus {
    Count(u32),
    These(Vec<(u32, Place)>),
}

/// What was written, each with its place.
#[derive(Debug, Clone, Default)]
pub(super) struct LimitsAsked {
    pub(super) cpus: Option<(Cpus, Place)>,
    /// CPU time over wall time, as a multiple of one core.
    pub(super) quota: Option<(f64, Place)>,
    pub(super) memory: Option<(u64, Place)>,
}

/// The most CPUs that a set of them may hold (`CPU_SETSIZE`), and so the first number that is none.
const MOST_CPUS: u32 = 1024;
/// Less than this is no process with a network in it, but a slip of the unit.
const LEAST_MEMORY: u64 = 16 << 20;

impl LimitsAsked {
    /// Where the CPUs were asked for, or the quota.
    pub(super) fn place(&self) -> Place {
        let cpus = self.cpus.as_ref().map(|(_, place)| *place);
        let quota = self.quota.map(|(_, place)| place);
        cpus.or(quota).unwrap_or_default()
    }

    /// The limits on this machine; what it cannot enforce is reported.
    pub(super) fn resolve(&self, means: &LimitMeans, problems: &mut Problems) -> Limits {
        let cpus = self.cpus(means, problems);
        Limits {
            cpu_quota_percent: self.quota(&cpus, means, problems),
            cpus,
            memory_bytes: self.memory(means, problems),
            memory_guard: None,
        }
    }

    fn cpus(&self, means: &LimitMeans, problems: &mut Problems) -> Vec<u32> {
        let Some((asked, place)) = &self.cpus else {
            return Vec::new();
        };
        let there = match &means.cpus {
            Ok(there) => there,
            Err(why) => {
                cannot("cpus", *place, why, problems);
                return Vec::new();
            }
        };
        let shown = cpu_list(there);
        match asked {
            // The first ones: where two CPUs share a core, the kernel numbers the cores first.
            Cpus::Count(count) if *count as usize <= there.len() => {
                there[..*count as usize].to_vec()
            }
            Cpus::Count(count) => {
                problems.error_with(
                    *place,
                    format!("`cpus` = {count} is more than perftune may use here: CPU {shown}"),
                    format!("ask for at most {}, or leave it out", there.len()),
                );
                Vec::new()
            }
            Cpus::These(asked) => {
                for (cpu, place) in asked.iter().filter(|(cpu, _)| !there.contains(cpu)) {
                    problems.error_with(
                        *place,
                        format!("CPU {cpu} of `cpus` is not one that perftune may use here"),
                        format!("it may use CPU {shown}"),
                    );
                }
                let mut cpus: Vec<u32> = asked.iter().map(|(cpu, _)| *cpu).collect();
                cpus.sort_unstable();
                cpus
            }
        }
    }

    fn quota(&self, cpus: &[u32], means: &LimitMeans, problems: &mut Problems) -> Option<f64> {
        let (share, place) = self.quota?;
        if let Err(why) = &means.quota {
            cannot("cpu_quota", place, why, problems);
            return None;
        }
        let there = means.cpus.as_ref().map_or(0, Vec::len);
        let most = if cpus.is_empty() { there } else { cpus.len() };
        if most > 0 && share > most as f64 {
            let quota = percent(share);
            let plural = if most == 1 { "CPU" } else { "CPUs" };
            problems.error_with(
                place,
                format!("`cpu_quota` = \"{quota}\" is more than {most} {plural} can give"),
                format!("100% is one CPU: write at most \"{}%\", or leave it out", most * 100),
            );
        }
        // Written in percent, and not a hair beside it.
        Some((share * 1e8).round() / 1e6)
    }

    fn memory(&self, means: &LimitMeans, problems: &mut Problems) -> Option<u64> {
        let (limit, place) = self.memory?;
        if let Err(why) = &means.memory {
            cannot("memory", place, why, problems);
        } else if let Some(there) = means.memory_bytes.filter(|there| limit > *there) {
            let (limit, there) = (bytes(limit as f64), bytes(there as f64));
            problems.error_with(
                place,
                format!("`memory` = {limit} is more than perftune may use here: {there}"),
                "a larger device cannot be emulated: ask for less, or leave it out",
            );
        }
        Some(limit)
    }
}

fn cannot(key: &str, place: Place, why: &str, problems: &mut Problems) {
    problems.error_with(
        place,
        format!("this machine cannot enforce `{key}`: {why}"),
        "leave it out; `perftune doctor` tells what can be enforced here",
    );
}

pub(super) fn cpus(node: &Node) -> Read<Cpus> {
    let Value::List(items) = &node.value else {
        return read::count("cpus", node, 1..=MOST_CPUS).map(Cpus::Count);
    };
    if items.is_empty() {
        let expected = "how many, or a list of their numbers such as [0, 2]";
        return Err(read::wrong("cpus", expected, node));
    }
    let mut these: Vec<(u32, Place)> = Vec::new();
    for item in items {
        let cpu = read::count("cpus", item, 0..=MOST_CPUS - 1)?;
        if these.iter().any(|(other, _)| *other == cpu) {
            return Err(Problem::new(item.place, format!("`cpus` holds CPU {cpu} twice")));
        }
        these.push((cpu, item.place));
    }
    Ok(Cpus::These(these))
}

pub(super) fn memory(node: &Node) -> Read<u64> {
    let kind = Quantity {
        noun: "a size",
        expected: "a size such as \"256MiB\"",
        read: str::parse::<Bytes>,
        meant: |number| format!("write \"{0}MiB\" or \"{0}GiB\"", number.shown()),
        example: None,
    };
    match read::quantity("memory", node, &kind)? {
        Bytes(size) if size >= LEAST_MEMORY => Ok(size),
        _ => Err(read::wrong("memory", "a size of at least \"16MiB\"", node)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::MemoryGuard;

    fn means() -> LimitMeans {
        LimitMeans {
            cpus: Ok(vec![1, 2, 3, 7]),
            memory: Ok(MemoryGuard::Watched),
            why_watched: None,
            quota: Ok(()),
            memory_bytes: Some(8 << 30),
            base: None,
        }
    }

    fn limits(body: &str, means: &LimitMeans) -> Result<Limits, String> {
        let mut problems = Problems::default();
        let body = format!("[limits]\n{body}");
        let asked = super::super::schema::settings_of(&body, &mut problems).limits;
        let limits = asked.resolve(means, &mut problems);
        let checked = problems.check(Some(limits));
        checked.map_err(|error| error.render())
    }

    #[test]
    fn what_is_asked_is_resolved_on_this_machine() {
        let found = |body| limits(body, &means()).unwrap();
        assert!(found("").is_none());
        for (body, cpus) in [
            ("cpus = 1", &[1][..]),
            ("cpus = 3", &[1, 2, 3]),
            ("cpus = 4", &[1, 2, 3, 7]),
            ("cpus = [7, 2]", &[2, 7]),
        ] {
            assert_eq!(found(body).cpus, cpus, "{body}");
        }
        for (body, percent) in [
            ("cpu_quota = \"150%\"", 150.0),
            ("cpu_quota = \"7 %\"", 7.0),
            ("cpu_quota = \"400%\"", 400.0),
            ("cpus = 2\ncpu_quota = \"33.3%\"", 33.3),
        ] {
            assert_eq!(found(body).cpu_quota_percent, Some(percent), "{body}");
        }
        assert_eq!(found("memory = \"16MiB\"").memory_bytes, Some(16 << 20));
        assert_eq!(found("memory = \"1 GB\"").memory_bytes, Some(1_000_000_000));
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (body, says) in [
            ("cpus = 0", "whole number from 1 to 1024, not 0"),
            ("cpus = -1", "whole number from 1"),
            ("cpus = 1.5", "whole number from 1"),
            ("cpus = []", "how many, or a list of their numbers"),
            ("cpus = [1, 1]", "holds CPU 1 twice"),
            ("cpus = [0, 2]", "CPU 0 of `cpus` is not one"),
            ("cpus = [1024]", "from 0 to 1023"),
            ("cpus = 5", "more than perftune may use here: CPU 1-3,7"),
            ("cpu_quota = \"0%\"", "of at least \"1%\""),
            ("cpu_quota = 1.5", "has no unit"),
            ("cpu_quota = \"401%\"", "more than 4 CPUs can give"),
            ("cpus = 1\ncpu_quota = \"101%\"", "more than 1 CPU can give"),
            ("memory = 256", "write \"256MiB\""),
            ("memory = \"0B\"", "at least \"16MiB\""),
            ("memory = \"16383KiB\"", "at least \"16MiB\""),
            ("memory = \"-1GiB\"", "is not a size"),
            ("memory = \"256 ms\"", "is not a unit of size"),
            ("memory = \"9GiB\"", "more than perftune may use here"),
            ("memory = true", "a size such as"),
            ("cores = 1", "unknown key `cores` in [limits]"),
        ] {
            let error = limits(body, &means()).unwrap_err();
            assert!(error.contains(says), "{body}: {error}");
        }
    }

    #[test]
    fn what_this_machine_cannot_enforce_is_no_silent_nothing() {
        let none = || "it is another system".to_owned();
        let means =
            LimitMeans { cpus: Err(none()), memory: Err(none()), quota: Err(none()), ..means() };
        for (key, value) in [("cpus", "1"), ("memory", "\"1GiB\""), ("cpu_quota", "\"50%\"")] {
            let error = limits(&format!("{key} = {value}"), &means).unwrap_err();
            let says = format!("this machine cannot enforce `{key}`: it is another system");
            assert!(error.contains(&says), "{error}");
            assert!(error.contains("perftune doctor"), "{error}");
        }
    }
}
