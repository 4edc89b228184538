//! From what NVML answers to a reading. Pure.

use crate::event::GpuReading;
use crate::sampler::probe::GapLedger;

/// One device's answers; an error is what NVML says.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) index: u32,
    /// Percent.
    pub(super) utilisation: Result<u32, String>,
    /// Bytes in use on the whole device.
    pub(super) memory_used: Result<u64, String>,
    /// Processes with a compute context, and the bytes that each has; `None` where the driver does not say.
    pub(super) processes: Result<Vec<(u32, Option<u64>)>, String>,
    /// Milliwatts.
    pub(super) power: Result<u32, String>,
    /// Millijoules since the driver was loaded.
    pub(super) energy: Result<u64, String>,
}

/// The reading of one device. `tree`: the worker's process ids. `shared_ids`: whether the driver's process ids are ours;
/// in a container they are not, and an equal number would be chance.
pub(super) fn map(raw: &Raw, tree: &[u32], shared_ids: bool, gaps: &mut GapLedger) -> GpuReading {
    let index = raw.index;
    let mut known = |field: &str, gap: Option<&String>| {
        if let Some(why) = gap {
            gaps.report(
                &format!("gpu[{index}].{field}"),
                &format!("unsupported: {why}"),
            );
        }
    };
    known("utilisation_percent", raw.utilisation.as_ref().err());
    known("power_watts", raw.power.as_ref().err());
    known("energy_mj", raw.energy.as_ref().err());
    let own = own_memory(raw.processes.as_deref().ok(), tree, shared_ids);
    let memory = own.or_else(|| {
        raw.memory_used
            .as_ref()
            .ok()
            .copied()
            .filter(|b| *b != u64::MAX)
    });
    if memory.is_none() {
        let unavailable = "the driver says that it is not available".to_owned();
        known(
            "memory_bytes",
            Some(raw.memory_used.as_ref().err().unwrap_or(&unavailable)),
        );
    }
    GpuReading {
        index,
        utilisation_percent: raw
            .utilisation
            .as_ref()
            .ok()
            .map(|percent| f64::from(*percent)),
        memory_bytes: memory,
        memory_is_own: own.is_some(),
        power_watts: raw.power.as_ref().ok().map(|mw| f64::from(*mw) / 1000.0),
        energy_mj: raw.energy.as_ref().ok().copied(),
        ..GpuReading::default()
    }
}

/// Bytes of the tree's own processes: 0 if none of them uses the device, `None` if that cannot be told.
fn own_memory(
    processes: Option<&[(u32, Option<u64>)]>,
    tree: &[u32],
    shared_ids: bool,
) -> Option<u64> {
    let processes = processes.filter(|_| shared_ids)?;
    processes
        .iter()
        .filter(|(pid, _)| tree.contains(pid))
        .map(|(_, bytes)| bytes.filter(|bytes| *bytes != u64::MAX))
        .try_fold(0_u64, |sum, bytes| sum.checked_add(bytes?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> Raw {
        Raw {
            index: 1,
            utilisation: Ok(37),
            memory_used: Ok(9000),
            processes: Ok(vec![(10, Some(300)), (11, Some(50)), (99, Some(8000))]),
            power: Ok(61_500),
            energy: Ok(123_456),
        }
    }

    #[test]
    fn everything_that_answers_is_read() {
        let mut gaps = GapLedger::default();
        let reading = map(&raw(), &[10, 11, 12], true, &mut gaps);
        let expected = GpuReading {
            index: 1,
            utilisation_percent: Some(37.0),
            memory_bytes: Some(350),
            memory_is_own: true,
            power_watts: Some(61.5),
            energy_mj: Some(123_456),
            ..GpuReading::default()
        };
        assert_eq!(reading, expected);
        assert!(gaps.current().is_empty());
    }

    #[test]
    fn memory_is_the_trees_own_only_where_the_driver_can_tell() {
        type Processes = Result<Vec<(u32, Option<u64>)>, String>;
        type Case<'a> = (Processes, &'a [u32], bool, (Option<u64>, bool));
        let list = raw().processes;
        let cases: [Case<'_>; 7] = [
            (list.clone(), &[10], true, (Some(300), true)),
            (list.clone(), &[5], true, (Some(0), true)),
            (list, &[10], false, (Some(9000), false)),
            (Ok(vec![(10, None)]), &[10], true, (Some(9000), false)),
            (
                Ok(vec![(10, Some(u64::MAX))]),
                &[10],
                true,
                (Some(9000), false),
            ),
            (Ok(vec![(99, None)]), &[10], true, (Some(0), true)),
            (
                Err("not supported".to_owned()),
                &[10],
                true,
                (Some(9000), false),
            ),
        ];
        for (processes, tree, shared, expected) in cases {
            let case = format!("{processes:?} {tree:?} {shared}");
            let raw = Raw { processes, ..raw() };
            let reading = map(&raw, tree, shared, &mut GapLedger::default());
            assert_eq!(
                (reading.memory_bytes, reading.memory_is_own),
                expected,
                "{case}"
            );
        }
    }

    #[test]
    fn what_does_not_answer_is_a_gap_with_the_drivers_words() {
        let no = || "not supported".to_owned();
        let raw = Raw {
            index: 0,
            utilisation: Err(no()),
            memory_used: Ok(u64::MAX),
            processes: Err(no()),
            power: Err(no()),
            energy: Err("GPU is lost".to_owned()),
        };
        let mut gaps = GapLedger::default();
        let reading = map(&raw, &[1], true, &mut gaps);
        assert_eq!(reading, GpuReading::default());
        let said: Vec<_> = gaps
            .current()
            .iter()
            .map(|gap| format!("{}: {}", gap.field, gap.reason))
            .collect();
        assert_eq!(
            said,
            [
                "gpu[0].utilisation_percent: unsupported: not supported",
                "gpu[0].power_watts: unsupported: not supported",
                "gpu[0].energy_mj: unsupported: GPU is lost",
                "gpu[0].memory_bytes: unsupported: the driver says that it is not available",
            ]
        );
    }
}
