//! What the sampler's ticks say of one stage: differences of counters and means of gauges between neighbouring ticks.

use std::collections::VecDeque;

use super::devices::{Selection, total};
use super::disturbance::{Columns, Mark, Marks};
use super::tpu::TpuSeries;
use crate::event::ResourceSample;
use crate::stats::{BatchSeries, GrowthWatch, Part};

/// Batches of each series; a look costs in proportion.
pub(super) const CAPACITY: usize = 256;

/// Intervals that wait for their mark: those of seconds.
const WAITING: usize = 64;

/// Amount, seconds, both of the clear intervals, seconds of the marked ones.
pub(super) type Gauge = BatchSeries<5>;

/// The columns of a [`Gauge`].
pub(super) const GAUGE: Columns = Columns { clear: (2, 3), time: (1, 3, 4) };

/// An interval between two ticks that is not known to be disturbed or not: its place and amount in each gauge.
#[derive(Debug, Clone)]
struct Waiting {
    span_ns: (u64, u64),
    seconds: f64,
    gauges: [Option<(u64, f64)>; 4],
}

/// The series of one stage. Only intervals that lie wholly within the stage get here; where an end has a gap, that
/// quantity is left out for the interval.
#[derive(Debug, Clone)]
pub(super) struct ResourceSeries {
    /// Intervals used.
    pub(super) intervals: u64,
    /// Their length in seconds.
    pub(super) seconds: f64,
    /// CPU seconds, seconds.
    pub(super) cpu: Gauge,
    /// Byte-seconds, seconds.
    pub(super) rss: Gauge,
    /// Whether resident memory grows.
    pub(super) rss_growth: GrowthWatch,
    /// Percent-seconds, seconds.
    pub(super) gpu_utilisation: Gauge,
    /// Whether device memory grows.
    pub(super) gpu_growth: GrowthWatch,
    /// Joules, seconds.
    pub(super) gpu_power: Gauge,
    /// The run's TPUs.
    pub(super) tpu: TpuSeries,
    /// Seconds in the run queue, the same and CPU seconds.
    pub(super) run_delay: Part,
    /// CPU seconds of everything else, seconds.
    pub(super) others: Part,
    /// Stolen seconds, seconds.
    pub(super) steal: Part,
    /// Seconds in which a quota held the run back, seconds.
    pub(super) throttled: Part,
    /// Seconds in which cores ran below their clock because of heat, seconds.
    pub(super) thermal: Part,
    /// Marked seconds, seconds of which it is known.
    pub(super) marked: Part,
    waiting: VecDeque<Waiting>,
}

impl Default for ResourceSeries {
    fn default() -> Self {
        Self {
            intervals: 0,
            seconds: 0.0,
            cpu: BatchSeries::new(CAPACITY),
            rss: BatchSeries::new(CAPACITY),
            rss_growth: GrowthWatch::default(),
            gpu_utilisation: BatchSeries::new(CAPACITY),
            gpu_growth: GrowthWatch::default(),
            gpu_power: BatchSeries::new(CAPACITY),
            tpu: TpuSeries::default(),
            run_delay: Part::default(),
            others: Part::default(),
            steal: Part::default(),
            throttled: Part::default(),
            thermal: Part::default(),
            marked: Part::default(),
            waiting: VecDeque::new(),
        }
    }
}

impl ResourceSeries {
    /// Adds the interval between two neighbouring ticks; `devices`: those of the run.
    pub(super) fn push(
        &mut self,
        (before, after): (&ResourceSample, &ResourceSample),
        devices: &Selection,
    ) {
        let Some(seconds) = risen(Some(before.t_ns), Some(after.t_ns)).filter(|s| *s > 0.0) else {
            return;
        };
        self.intervals += 1;
        self.seconds += seconds;
        self.tpu.push((before, after));
        let cpu = risen(before.cpu_ns, after.cpu_ns);
        let middle_s = before.t_ns as f64 * 1e-9 + seconds / 2.0;
        let bytes = |value: u64| value as f64;
        let rss = (before.rss_bytes.map(bytes), after.rss_bytes.map(bytes));
        let rss = middle(rss);
        if let Some(rss) = rss {
            self.rss_growth.push((middle_s, seconds), rss);
        }
        let (old, new) = (GpuNow::of(before, devices), GpuNow::of(after, devices));
        if let Some(memory) = middle((old.memory, new.memory)) {
            self.gpu_growth.push((middle_s, seconds), memory);
        }
        let utilisation = middle((old.utilisation, new.utilisation));
        let power = middle((old.power, new.power));
        let gauges = [
            gauge(&mut self.cpu, cpu, seconds),
            gauge(&mut self.rss, rss.map(|mean| mean * seconds), seconds),
            gauge(&mut self.gpu_utilisation, utilisation.map(|mean| mean * seconds), seconds),
            gauge(&mut self.gpu_power, power.map(|mean| mean * seconds), seconds),
        ];
        self.wait(Waiting { span_ns: (before.t_ns, after.t_ns), seconds, gauges });
        if let (Some(cpu), Some(delay)) = (cpu, risen(before.run_delay_ns, after.run_delay_ns)) {
            add(&mut self.run_delay, delay, delay + cpu);
        }
        if let (Some(cpu), Some(busy)) = (cpu, risen(before.host.busy_ns, after.host.busy_ns)) {
            // The two counters are not read at the same instant: one interval's difference may be below 0 by what the
            // next has too much, so leaving it out would raise the mean. A sum below 0 is no reading.
            add(&mut self.others, busy - cpu, seconds);
        }
        let (old, new) = (&before.host, &after.host);
        for (part, from, to) in [
            (&mut self.steal, old.steal_ns, new.steal_ns),
            (&mut self.throttled, old.throttled_ns, new.throttled_ns),
            (&mut self.thermal, old.thermal_ns, new.thermal_ns),
        ] {
            if let Some(amount) = risen(from, to) {
                add(part, amount, seconds);
            }
        }
    }

    fn wait(&mut self, interval: Waiting) {
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(interval);
    }

    /// Marks what has become known.
    pub(super) fn resolve(&mut self, marks: &Marks) {
        self.tpu.resolve(marks);
        while let Some(interval) = self.waiting.front()
            && let Some(mark) = marks.of(interval.span_ns)
        {
            let Some(interval) = self.waiting.pop_front() else {
                return;
            };
            let seconds = interval.seconds;
            match mark {
                Mark::Unknown => continue,
                Mark::Clear => add(&mut self.marked, 0.0, seconds),
                Mark::Taken => add(&mut self.marked, seconds, seconds),
            }
            let series =
                [&mut self.cpu, &mut self.rss, &mut self.gpu_utilisation, &mut self.gpu_power];
            for (series, place) in series.into_iter().zip(interval.gauges) {
                if let Some((observation, amount)) = place {
                    let more = match mark {
                        Mark::Taken => [0.0, 0.0, 0.0, 0.0, seconds],
                        _ => [0.0, 0.0, amount, seconds, 0.0],
                    };
                    series.amend(observation, more);
                }
            }
        }
    }
}

impl ResourceSeries {
    /// The series behind a gauge of the catalogue, and what its ratio is multiplied with; `None` for one that has none
    /// or whose `usable_cores` are not known.
    pub(super) fn gauge(&self, name: &str, usable_cores: f64) -> Option<(&Gauge, f64)> {
        Some(match name {
            "cpu.utilisation" => (&self.cpu, 100.0),
            "cpu.utilisation_of_limit" if usable_cores > 0.0 => (&self.cpu, 100.0 / usable_cores),
            "memory.rss_mean" => (&self.rss, 1.0),
            "gpu.utilisation" => (&self.gpu_utilisation, 1.0),
            "gpu.power" => (&self.gpu_power, 1.0),
            "tpu.duty_cycle" => (&self.tpu.duty, 1.0),
            _ => return None,
        })
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

/// Adds an amount, if there is one; its place.
fn gauge(series: &mut Gauge, amount: Option<f64>, seconds: f64) -> Option<(u64, f64)> {
    let amount = amount?;
    series.push([amount, seconds, 0.0, 0.0, 0.0]);
    Some((series.observations() - 1, amount))
}

fn middle((before, after): (Option<f64>, Option<f64>)) -> Option<f64> {
    Some(f64::midpoint(before?, after?))
}

/// The accelerators of the run in one tick. Others of the machine are not the run's, whatever they do.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct GpuNow {
    pub(super) utilisation: Option<f64>,
    pub(super) memory: Option<f64>,
    pub(super) power: Option<f64>,
    /// The memory is that of a whole device, other programs included.
    pub(super) shared_memory: bool,
}

impl GpuNow {
    /// The mean utilisation of the selected devices, and the sums of their memory and power; of each only where all of
    /// them are read.
    pub(super) fn of(sample: &ResourceSample, devices: &Selection) -> Self {
        let found = devices.readings(sample);
        let memory = total(&found, |gpu| gpu.memory_bytes.map(|bytes| bytes as f64));
        Self {
            utilisation: devices.utilisation(sample),
            memory,
            power: total(&found, |gpu| gpu.power_watts),
            shared_memory: memory.is_some() && found.iter().any(|gpu| !gpu.memory_is_own),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{GpuReading, HostReading};
    use crate::stats::batches::total;

    fn tick(ms: u64, cpu_ms: Option<u64>, rss: Option<u64>) -> ResourceSample {
        ResourceSample {
            t_ns: ms * 1_000_000,
            cpu_ns: cpu_ms.map(|ms| ms * 1_000_000),
            rss_bytes: rss,
            host: HostReading { busy_ns: Some(ms * 1_500_000), ..HostReading::default() },
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
            series.push((&pair[0], &pair[1]), &Selection::default());
        }
        let cpu = total(&series.cpu.parts(0, 1));
        assert!((cpu.weight - 0.3).abs() < 1e-9 && (cpu.amount - 0.15).abs() < 1e-9, "{cpu:?}");
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
        let of = Selection::of_device;
        assert_eq!(GpuNow::of(&sample, &of("cuda")), GpuNow::default());
        // Another program works on device 1; the run's own device is idle.
        sample.gpus = vec![gpu(0, Some(0.0), 5, true), gpu(1, Some(80.0), 7, false)];
        for (device, utilisation, memory, shared) in [
            ("cuda", Some(0.0), Some(5.0), false),
            ("cuda:1", Some(80.0), Some(7.0), true),
            ("cuda:2", None, None, false),
            ("cpu", None, None, false),
        ] {
            let now = GpuNow::of(&sample, &of(device));
            assert_eq!(
                (now.utilisation, now.memory, now.shared_memory, now.power),
                (utilisation, memory, shared, None),
                "{device}"
            );
        }
    }
}
