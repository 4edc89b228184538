//! What the sampler's ticks say of one stage: differences of counters and means of gauges between neighbouring ticks.

use crate::event::{GpuReading, ResourceSample};
use crate::stats::{BatchSeries, GrowthWatch, Part};

/// Batches of each series; a look costs in proportion.
const CAPACITY: usize = 256;

/// The series of one stage. Only intervals that lie wholly within the stage get here; where an end has a gap, that
/// quantity is left out for the interval.
#[derive(Debug, Clone)]
pub(super) struct ResourceSeries {
    /// Intervals used.
    pub(super) intervals: u64,
    /// CPU seconds, seconds.
    pub(super) cpu: BatchSeries<2>,
    /// Byte-seconds, seconds.
    pub(super) rss: BatchSeries<2>,
    /// Whether resident memory grows.
    pub(super) rss_growth: GrowthWatch,
    /// Percent-seconds, seconds.
    pub(super) gpu_utilisation: BatchSeries<2>,
    /// Whether device memory grows.
    pub(super) gpu_growth: GrowthWatch,
    /// Joules, seconds.
    pub(super) gpu_power: BatchSeries<2>,
    /// Seconds in the run queue, the same and CPU seconds.
    pub(super) run_delay: Part,
    /// CPU seconds of everything else, seconds.
    pub(super) others: Part,
    /// Stolen seconds, seconds.
    pub(super) steal: Part,
}

impl Default for ResourceSeries {
    fn default() -> Self {
        Self {
            intervals: 0,
            cpu: BatchSeries::new(CAPACITY),
            rss: BatchSeries::new(CAPACITY),
            rss_growth: GrowthWatch::default(),
            gpu_utilisation: BatchSeries::new(CAPACITY),
            gpu_growth: GrowthWatch::default(),
            gpu_power: BatchSeries::new(CAPACITY),
            run_delay: Part::default(),
            others: Part::default(),
            steal: Part::default(),
        }
    }
}

impl ResourceSeries {
    /// Adds the interval between two neighbouring ticks; `gpu_index`: the device of the run.
    pub(super) fn push(
        &mut self,
        (before, after): (&ResourceSample, &ResourceSample),
        gpu_index: Option<u32>,
    ) {
        let Some(seconds) = risen(Some(before.t_ns), Some(after.t_ns)).filter(|s| *s > 0.0) else {
            return;
        };
        self.intervals += 1;
        let cpu = risen(before.cpu_ns, after.cpu_ns);
        if let Some(cpu) = cpu {
            self.cpu.push([cpu, seconds]);
        }
        let middle_s = before.t_ns as f64 * 1e-9 + seconds / 2.0;
        let bytes = |value: u64| value as f64;
        let rss = (before.rss_bytes.map(bytes), after.rss_bytes.map(bytes));
        gauge(&mut self.rss, rss, seconds);
        if let Some(rss) = middle(rss) {
            self.rss_growth.push((middle_s, seconds), rss);
        }
        let (old, new) = (GpuNow::of(before, gpu_index), GpuNow::of(after, gpu_index));
        gauge(
            &mut self.gpu_utilisation,
            (old.utilisation, new.utilisation),
            seconds,
        );
        if let Some(memory) = middle((old.memory, new.memory)) {
            self.gpu_growth.push((middle_s, seconds), memory);
        }
        gauge(&mut self.gpu_power, (old.power, new.power), seconds);
        if let (Some(cpu), Some(delay)) = (cpu, risen(before.run_delay_ns, after.run_delay_ns)) {
            add(&mut self.run_delay, delay, delay + cpu);
        }
        if let (Some(cpu), Some(busy)) = (cpu, risen(before.host.busy_ns, after.host.busy_ns)) {
            // The two counters are not read at the same instant: one interval's difference may be below 0 by what the
            // next has too much, so leaving it out would raise the mean. A sum below 0 is no reading.
            add(&mut self.others, busy - cpu, seconds);
        }
        if let Some(steal) = risen(before.host.steal_ns, after.host.steal_ns) {
            add(&mut self.steal, steal, seconds);
        }
    }
}

fn add(part: &mut Part, amount: f64, weight: f64) {
    part.amount += amount;
    part.weight += weight;
}

/// Seconds by which a nanosecond counter has risen; `None` where an end is missing or it fell.
fn risen(before: Option<u64>, after: Option<u64>) -> Option<f64> {
    Some(after?.checked_sub(before?)? as f64 * 1e-9)
}

fn gauge(series: &mut BatchSeries<2>, ends: (Option<f64>, Option<f64>), seconds: f64) {
    if let Some(mean) = middle(ends) {
        series.push([mean * seconds, seconds]);
    }
}

fn middle((before, after): (Option<f64>, Option<f64>)) -> Option<f64> {
    Some(f64::midpoint(before?, after?))
}

/// The accelerator of the run in one tick. Others of the machine are not the run's, whatever they do.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct GpuNow {
    pub(super) utilisation: Option<f64>,
    pub(super) memory: Option<f64>,
    pub(super) power: Option<f64>,
    /// The memory is that of the whole device, other programs included.
    pub(super) shared_memory: bool,
}

impl GpuNow {
    /// The readings of the device with this index; none without one, or where the tick lacks it.
    pub(super) fn of(sample: &ResourceSample, index: Option<u32>) -> Self {
        let is_own = |gpu: &&GpuReading| Some(gpu.index) == index;
        let Some(gpu) = sample.gpus.iter().find(is_own) else {
            return Self::default();
        };
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        Self {
            utilisation: finite(gpu.utilisation_percent),
            memory: gpu.memory_bytes.map(|bytes| bytes as f64),
            power: finite(gpu.power_watts),
            shared_memory: gpu.memory_bytes.is_some() && !gpu.memory_is_own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::HostReading;
    use crate::stats::batches::total;

    fn tick(ms: u64, cpu_ms: Option<u64>, rss: Option<u64>) -> ResourceSample {
        ResourceSample {
            t_ns: ms * 1_000_000,
            cpu_ns: cpu_ms.map(|ms| ms * 1_000_000),
            rss_bytes: rss,
            host: HostReading {
                busy_ns: Some(ms * 1_500_000),
                ..HostReading::default()
            },
            ..ResourceSample::default()
        }
    }

    #[test]
    fn a_gap_is_left_out_and_never_a_zero() {
        let ticks = [
            tick(0, Some(0), Some(100)),
            tick(100, Some(50), Some(100)),
            tick(200, None, None),
            tick(300, Some(150), Some(300)),
            tick(500, Some(250), Some(500)),
        ];
        let mut series = ResourceSeries::default();
        for pair in ticks.windows(2) {
            series.push((&pair[0], &pair[1]), None);
        }
        let cpu = total(&series.cpu.parts(0, 1));
        assert!(
            (cpu.weight - 0.3).abs() < 1e-9 && (cpu.amount - 0.15).abs() < 1e-9,
            "{cpu:?}"
        );
        // 100 for 0.1 s and 400 for 0.2 s.
        let rss = total(&series.rss.parts(0, 1)).ratio().unwrap();
        assert!((rss - 300.0).abs() < 1e-9, "{rss}");
        assert!((series.others.ratio().unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(series.steal.ratio(), None);
        assert_eq!(series.intervals, 4);
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
        assert_eq!(GpuNow::of(&sample, Some(0)), GpuNow::default());
        // Another program works on device 1; the run's own device is idle.
        sample.gpus = vec![gpu(0, Some(0.0), 5, true), gpu(1, Some(80.0), 7, false)];
        for (index, utilisation, memory, shared) in [
            (Some(0), Some(0.0), Some(5.0), false),
            (Some(1), Some(80.0), Some(7.0), true),
            (Some(2), None, None, false),
            (None, None, None, false),
        ] {
            let now = GpuNow::of(&sample, index);
            assert_eq!(
                (now.utilisation, now.memory, now.shared_memory, now.power),
                (utilisation, memory, shared, None),
                "{index:?}"
            );
        }
    }
}
