//! The accelerators of the run in one tick: one figure of each kind for all of them.

use crate::control::devices::{Selection, total};
use crate::event::{GpuReading, ResourceSample, Vendor};
use crate::metric::{DeviceKind, Reading};

/// What a tick says of the run's accelerators of one kind. Of each reading the mean or the sum over the devices, only
/// where all of them have it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct DeviceNow {
    /// Devices in the tick, whoever's.
    pub(crate) seen: bool,
    /// Some of them are taken for the run's.
    pub(crate) taken: bool,
    /// Others may have a part in the figures: the memory is that of a whole device, or nobody tells whose devices they are.
    pub(crate) shared: bool,
    /// When they were read, in nanoseconds.
    pub(crate) t_ns: u64,
    /// In the order of [`Reading::ALL`].
    readings: [Option<f64>; Reading::ALL.len()],
}

impl DeviceNow {
    /// Others of the machine are not the run's, whatever they do.
    pub(crate) fn of(kind: DeviceKind, sample: &ResourceSample, selection: &Selection) -> Self {
        match kind {
            DeviceKind::Gpu => Self::of_gpus(sample, selection),
            DeviceKind::Tpu => Self::of_tpus(sample),
        }
    }

    /// A reading of all of them.
    pub(crate) fn get(&self, reading: Reading) -> Option<f64> {
        self.readings[reading as usize]
    }

    fn of_gpus(sample: &ResourceSample, selection: &Selection) -> Self {
        let taken = selection.readings(sample);
        let now = Self::sum_up(&taken);
        let shared =
            now.get(Reading::Memory).is_some() && taken.iter().any(|gpu| !gpu.memory_is_own);
        let seen = sample.gpus.iter().any(|gpu| gpu.vendor != Vendor::Tpu);
        Self { seen, shared, t_ns: sample.t_ns, ..now }
    }

    /// Those of which the run's tree holds the chips; where nobody can tell, all.
    fn of_tpus(sample: &ResourceSample) -> Self {
        let all = || sample.gpus.iter().filter(|one| one.vendor == Vendor::Tpu);
        let own: Vec<&GpuReading> = all().filter(|one| one.own == Some(true)).collect();
        let untold = own.is_empty();
        let taken = if untold { all().filter(|one| one.own.is_none()).collect() } else { own };
        let now = Self::sum_up(&taken);
        Self {
            seen: all().next().is_some(),
            shared: untold && now.readings.iter().any(Option::is_some),
            t_ns: taken.iter().filter_map(|one| one.t_ns).max().unwrap_or(sample.t_ns),
            ..now
        }
    }

    fn sum_up(taken: &[&GpuReading]) -> Self {
        let readings = Reading::ALL.map(|reading| {
            let sum = total(taken, |one| one.get(reading))?;
            Some(if reading.is_sum() { sum } else { sum / taken.len() as f64 })
        });
        Self { taken: !taken.is_empty(), readings, ..Self::default() }
    }
}

#[cfg(test)]
pub(in crate::control) mod tests {
    use super::*;

    pub(in crate::control) const GIB: u64 = 1 << 30;

    /// A TPU as a tick has it; `duty` below 0: not read.
    pub(in crate::control) fn device(
        index: u32,
        t_ms: u64,
        (duty, memory): (f64, u64),
        own: Option<bool>,
    ) -> GpuReading {
        GpuReading {
            index,
            vendor: Vendor::Tpu,
            own,
            t_ns: Some(t_ms * 1_000_000),
            utilisation_percent: (duty >= 0.0).then_some(duty),
            memory_bytes: Some(memory),
            ..GpuReading::default()
        }
    }

    pub(in crate::control) fn tick(ms: u64, gpus: Vec<GpuReading>) -> ResourceSample {
        ResourceSample { t_ns: ms * 1_000_000, gpus, ..ResourceSample::default() }
    }

    #[test]
    fn the_tpus_that_the_tree_holds_are_the_runs_and_else_all_where_nobody_tells() {
        let of =
            |sample: &ResourceSample| DeviceNow::of(DeviceKind::Tpu, sample, &Selection::default());
        let two = |own: [Option<bool>; 2]| {
            vec![device(0, 5, (40.0, GIB), own[0]), device(1, 5, (80.0, 2 * GIB), own[1])]
        };
        let gib = |count: f64| Some(count * GIB as f64);
        for (own, duty, memory, shared) in [
            ([Some(true), Some(true)], Some(60.0), gib(3.0), false),
            ([Some(true), Some(false)], Some(40.0), gib(1.0), false),
            ([None, Some(true)], Some(80.0), gib(2.0), false),
            ([None, None], Some(60.0), gib(3.0), true),
            ([None, Some(false)], Some(40.0), gib(1.0), true),
            ([Some(false), Some(false)], None, None, false),
        ] {
            let now = of(&tick(9, two(own)));
            assert_eq!(
                (now.get(Reading::Utilisation), now.get(Reading::Memory), now.shared),
                (duty, memory, shared),
                "{own:?}"
            );
        }
        let mut half = two([Some(true), Some(true)]);
        half[1].utilisation_percent = None;
        half.push(GpuReading {
            utilisation_percent: Some(99.0),
            memory_bytes: Some(7),
            own: Some(true),
            ..GpuReading::default()
        });
        let now = of(&tick(9, half));
        let both = [Reading::Utilisation, Reading::Memory].map(|reading| now.get(reading));
        assert_eq!(both, [None, gib(3.0)], "a mean over some is no mean");
        let none = DeviceNow { t_ns: 9_000_000, ..DeviceNow::default() };
        assert_eq!(of(&tick(9, Vec::new())), none);
    }

    #[test]
    fn only_the_device_of_the_run_counts() {
        let gpu = |index, percent, bytes, own| GpuReading {
            index,
            utilisation_percent: percent,
            memory_bytes: Some(bytes),
            memory_is_own: own,
            ..GpuReading::default()
        };
        let mut sample = ResourceSample::default();
        let of = |sample: &ResourceSample, device| {
            DeviceNow::of(DeviceKind::Gpu, sample, &Selection::of_device(device))
        };
        assert_eq!(of(&sample, "cuda"), DeviceNow::default());
        // Another program works on device 1; the run's own device is idle.
        sample.gpus = vec![gpu(0, Some(0.0), 5, true), gpu(1, Some(80.0), 7, false)];
        for (device, utilisation, memory, shared) in [
            ("cuda", Some(0.0), Some(5.0), false),
            ("cuda:1", Some(80.0), Some(7.0), true),
            ("cuda:2", None, None, false),
            ("cpu", None, None, false),
        ] {
            let now = of(&sample, device);
            let read = [Reading::Utilisation, Reading::Memory, Reading::Power];
            assert_eq!(
                read.map(|reading| now.get(reading)),
                [utilisation, memory, None],
                "{device}"
            );
            assert_eq!(now.shared, shared, "{device}");
        }
    }
}
