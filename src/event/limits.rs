//! A device smaller than this one: what of the machine a worker's process tree may use.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who ends a run that needs more memory than it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryGuard {
    /// The kernel: the run has a control group of its own.
    Cgroup,
    /// The runner, at the first tick of the sampler that finds more.
    Watched,
}

impl fmt::Display for MemoryGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cgroup => "control group",
            Self::Watched => "watched",
        })
    }
}

/// What the names of the control groups begin with that perftune makes.
pub const GROUP: &str = "perftune-";
/// What those end with that are made for one run.
pub const GROUP_OF_RUN: &str = ".run";

/// The smaller device. What is absent is not limited.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// The CPUs that it may run on, by the system's numbers, ascending; empty: all that perftune may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u32>,
    /// CPU time over wall time, in percent of one core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota_percent: Option<f64>,
    /// Memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Who sees to the memory; absent in a plan, since that is the machine's affair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_guard: Option<MemoryGuard>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        self.cpus.is_empty() && self.cpu_quota_percent.is_none() && self.memory_bytes.is_none()
    }

    /// Cores that the run may use where perftune may use `usable`; not necessarily whole.
    pub fn cores(&self, usable: f64) -> f64 {
        let bound = match self.cpus.len() {
            0 => usable,
            cpus => usable.min(cpus as f64),
        };
        self.cpu_quota_percent.map_or(bound, |percent| bound.min(percent / 100.0))
    }

    /// Compute threads where the user has not said how many: the cores that the run may use, rounded down, at least 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 1, at most `usable`"
    )]
    pub fn threads(&self, usable: u32) -> u32 {
        self.cores(f64::from(usable)).floor().max(1.0) as u32
    }
}

/// CPU numbers as the kernel writes them: `0-3,8`.
pub fn cpu_list(cpus: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for cpu in cpus {
        match parts.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*cpu) => *last = *cpu,
            _ => parts.push((*cpu, *cpu)),
        }
    }
    let shown =
        parts.iter().map(
            |(first, last)| {
                if first == last { first.to_string() } else { format!("{first}-{last}") }
            },
        );
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_limit_counts() {
        for (cpus, quota, usable, cores, threads) in [
            (vec![], None, 4, 4.0, 4),
            (vec![0], None, 4, 1.0, 1),
            (vec![0, 2, 3], None, 2, 2.0, 2),
            (vec![0, 1], Some(150.0), 4, 1.5, 1),
            (vec![], Some(250.0), 4, 2.5, 2),
            (vec![], Some(50.0), 4, 0.5, 1),
            (vec![1], Some(100.0), 4, 1.0, 1),
        ] {
            let limits = Limits { cpus, cpu_quota_percent: quota, ..Limits::default() };
            let found = limits.cores(f64::from(usable));
            assert!((found - cores).abs() < 1e-12, "{limits:?}: {found}");
            assert_eq!(limits.threads(usable), threads, "{limits:?}");
        }
    }

    #[test]
    fn numbers_in_a_row_are_drawn_together() {
        for (cpus, says) in [
            (&[][..], ""),
            (&[3], "3"),
            (&[0, 1, 2, 3, 8], "0-3,8"),
            (&[0, 2, 4, 5], "0,2,4-5"),
            (&[u32::MAX], "4294967295"),
        ] {
            assert_eq!(cpu_list(cpus), says);
        }
    }

    #[test]
    fn a_record_holds_only_what_is_limited() {
        let text = |limits: &Limits| serde_json::to_string(limits).unwrap();
        assert_eq!(text(&Limits::default()), "{}");
        let limits = Limits {
            cpus: vec![0],
            memory_bytes: Some(1 << 28),
            memory_guard: Some(MemoryGuard::Watched),
            ..Limits::default()
        };
        let says = r#"{"cpus":[0],"memory_bytes":268435456,"memory_guard":"watched"}"#;
        assert_eq!(text(&limits), says);
        assert_eq!(serde_json::from_str::<Limits>(says).unwrap(), limits);
        assert!(Limits::default().is_none() && !limits.is_none());
    }
}
