//! The machine around the worker: what others use of it, and how long work had to wait.

use std::io;
use std::path::PathBuf;

use super::cgroup::Cgroups;
use super::probe::{GapLedger, Probe, Tick};
use super::proc::{ProcFile, ProcRoot, parse, reason};
use super::sysfs::SysRoot;
use super::thermal::Thermal;
use crate::event::{GapKind, HostReading};

/// Shortest time between two readings, in nanoseconds: at 10 Hz about every second tick. These figures tell interference
/// over seconds, and they are a third of a tick's cost with cold caches, more on machines with many cores, where
/// `/proc/stat` is a long file. A tick in between repeats the last reading.
const PACE_NS: u64 = 180_000_000;

/// How much longer it waits for a look at the tree, which is made less often where it is dear, in nanoseconds.
const PATIENCE_NS: u64 = 700_000_000;

/// Reads machine-wide counters.
pub(super) struct HostProbe {
    stat: ProcFile,
    pressure: [ProcFile; 3],
    /// `cpu.stat` of the worker's control group, if there is one that says how long it was throttled.
    throttle: Option<ProcFile>,
    quota_is_own: bool,
    thermal: Thermal,
    ns_per_tick: u64,
    reading: HostReading,
    due_ns: u64,
    buffer: Vec<u8>,
    /// The CPUs of the run's lane, where other lanes have the others.
    lane: Option<Vec<u32>>,
}

/// Room for the line of a CPU in `/proc/stat`: ten numbers of twenty digits.
const LINE: usize = 220;

/// Why a figure of all lanes together is none of one.
const OF_ALL_LANES: &str = "it is one figure for all lanes together";

const PRESSURE: [(&str, &str); 3] = [
    ("cpu", "host.cpu_pressure_ns"),
    ("memory", "host.memory_pressure_ns"),
    ("io", "host.io_pressure_ns"),
];

impl HostProbe {
    /// The machine as seen by process `pid`, whose control group may be throttled.
    pub(super) fn new(root: &ProcRoot, pid: u32) -> Self {
        let keep = |path: PathBuf| ProcFile::new(path, true);
        let groups = Cgroups::of(root, &pid.to_string());
        let group = Cgroups::pressure_dir(root, &pid.to_string());
        let pressure = |name: &str| match &group {
            Some(dir) => dir.join(format!("{name}.pressure")),
            None => root.join(format!("pressure/{name}")),
        };
        Self {
            stat: keep(root.join("stat")),
            pressure: PRESSURE.map(|(name, _)| keep(pressure(name))),
            throttle: groups.throttle_file().map(keep),
            quota_is_own: groups.quota_is_of_a_run(),
            thermal: Thermal::new(&SysRoot::system()),
            ns_per_tick: 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1),
            reading: HostReading::default(),
            due_ns: 0,
            // The first line is all that is wanted of /proc/stat.
            buffer: vec![0; 1024],
            lane: None,
        }
    }

    /// The same as seen from a lane of these CPUs: what is counted by CPU is that of the lane, and what is not is a gap.
    pub(super) fn in_lane(mut self, cpus: &[u32]) -> Self {
        let lines = cpus.iter().max().map_or(0, |last| *last as usize + 2);
        self.buffer.resize(self.buffer.len().max(lines * LINE), 0);
        self.thermal = Thermal::of(&SysRoot::system(), Some(cpus));
        self.lane = Some(cpus.to_vec());
        self
    }

    /// One reading, with what could not be read reported to `gaps`.
    pub(super) fn read_now(&mut self, now_ns: u64, gaps: &mut GapLedger) -> HostReading {
        let mut reading = HostReading { quota_is_own: self.quota_is_own, ..HostReading::default() };
        match self.thermal.read(now_ns) {
            Ok(ns) => reading.thermal_ns = Some(ns),
            Err(why) => gaps.report("host.thermal_ns", why),
        }
        let buffer = &mut self.buffer;
        let stat = self.stat.read(buffer).and_then(|text| {
            let known =
                parse::host_times(&mut reading, text, self.ns_per_tick, self.lane.as_deref());
            known.then_some(()).ok_or_else(|| io::ErrorKind::InvalidData.into())
        });
        if let Err(error) = stat {
            for field in ["host.busy_ns", "host.steal_ns"] {
                gaps.report(field, &reason("/proc/stat", &error));
            }
        }
        if self.lane.is_some() {
            self.leave_out(gaps);
        } else {
            self.read_waits(&mut reading, gaps);
        }
        if self.lane.is_none() || self.quota_is_own {
            self.read_throttled(&mut reading, gaps);
        }
        reading
    }

    /// What is counted for all lanes together.
    fn leave_out(&self, gaps: &mut GapLedger) {
        let throttled = (!self.quota_is_own).then_some("host.throttled_ns");
        for field in PRESSURE.map(|(_, field)| field).into_iter().chain(throttled) {
            gaps.report_as(field, GapKind::Unsupported, OF_ALL_LANES);
        }
    }

    fn read_waits(&mut self, reading: &mut HostReading, gaps: &mut GapLedger) {
        let buffer = &mut self.buffer;
        let waits = self.pressure.each_ref().map(|source| {
            let text = source.read(buffer)?;
            parse::pressure(text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
        });
        for (wait, (name, field)) in waits.iter().zip(PRESSURE) {
            if let Err(error) = wait {
                let mut why = reason(&format!("the pressure of {name}"), error);
                why.detail += " (pressure stall information may be switched off)";
                gaps.report(field, &why);
            }
        }
        let [cpu, memory, io] = waits.map(Result::ok);
        (reading.cpu_pressure_ns, reading.memory_pressure_ns, reading.io_pressure_ns) =
            (cpu, memory, io);
    }

    fn read_throttled(&mut self, reading: &mut HostReading, gaps: &mut GapLedger) {
        let buffer = &mut self.buffer;
        reading.throttled_ns =
            self.throttle.as_ref().and_then(|source| parse::throttled(source.read(buffer).ok()?));
        if reading.throttled_ns.is_none() {
            let why = "no control group with a CPU controller says how long it was throttled";
            gaps.report_as("host.throttled_ns", GapKind::Unsupported, why);
        }
    }
}

impl Probe for HostProbe {
    fn name(&self) -> &'static str {
        "host"
    }

    fn read(&mut self, tick: &mut Tick<'_>) {
        // Together with a look at the tree: what else ran is told by the difference.
        let waits = !*tick.looked && tick.now_ns < self.due_ns.saturating_add(PATIENCE_NS);
        if (tick.now_ns < self.due_ns || waits) && !tick.thorough {
            tick.gaps.hold("host.");
        } else {
            self.reading = self.read_now(tick.now_ns, tick.gaps);
            self.due_ns = tick.now_ns.saturating_add(PACE_NS);
        }
        tick.sample.host = self.reading;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(files: &[(&str, &str)]) -> (tempfile::TempDir, ProcRoot) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let root = ProcRoot::at(dir.path());
        (dir, root)
    }

    #[test]
    fn what_is_there_is_read_and_what_is_not_is_a_gap() {
        let (_dir, root) = fake(&[
            ("stat", "cpu  100 0 50 1000 7 0 0 25 0 0\n"),
            ("pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=31\n"),
        ]);
        let mut probe = HostProbe::new(&root, 1);
        let mut gaps = GapLedger::default();
        let reading = probe.read_now(0, &mut gaps);
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        assert_eq!(reading.busy_ns, Some(150 * tick));
        assert_eq!(reading.steal_ns, Some(25 * tick));
        assert_eq!(reading.cpu_pressure_ns, Some(31_000));
        assert_eq!((reading.memory_pressure_ns, reading.throttled_ns), (None, None));
        let fields: Vec<_> = gaps.current().into_iter().map(|gap| gap.field).collect();
        assert_eq!(
            fields,
            [
                "host.thermal_ns",
                "host.memory_pressure_ns",
                "host.io_pressure_ns",
                "host.throttled_ns"
            ]
        );
    }

    #[test]
    fn a_lane_has_what_is_counted_by_cpu_and_no_figure_of_all_lanes() {
        let (_dir, root) = fake(&[
            (
                "stat",
                "cpu  300 0 0 0 0 0 0 9 0 0\ncpu0 100 0 0 0 0 0 0 4 0 0\ncpu1 200 0 0 0 0 0 0 5 0 0\n",
            ),
            ("pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=31\n"),
        ]);
        let mut probe = HostProbe::new(&root, 1).in_lane(&[1]);
        let mut gaps = GapLedger::default();
        let reading = probe.read_now(0, &mut gaps);
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        assert_eq!((reading.busy_ns, reading.steal_ns), (Some(200 * tick), Some(5 * tick)));
        assert_eq!((reading.cpu_pressure_ns, reading.throttled_ns), (None, None));
        let of_lanes = gaps.current().into_iter().filter(|gap| gap.reason.detail == OF_ALL_LANES);
        let fields: Vec<_> = of_lanes.map(|gap| gap.field).collect();
        let waits = ["host.cpu_pressure_ns", "host.memory_pressure_ns", "host.io_pressure_ns"];
        assert_eq!(fields, [&waits[..], &["host.throttled_ns"]].concat());
    }

    #[test]
    fn this_machine_is_busy_and_not_backwards() {
        let mut probe = HostProbe::new(&ProcRoot::system(), std::process::id());
        let first = probe.read_now(0, &mut GapLedger::default());
        let second = probe.read_now(0, &mut GapLedger::default());
        assert!(first.busy_ns.unwrap() > 0);
        assert!(second.busy_ns >= first.busy_ns);
        assert!(second.cpu_pressure_ns >= first.cpu_pressure_ns);
    }
}
