//! What a run would meet on this machine now: measured for a few seconds with one thread that wants a core all the time and one
//! that sleeps and is woken.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::sysfs::{self, SysRoot};
use crate::clock::Clock;
use crate::event::HostReading;

/// How long the second thread sleeps each time, in nanoseconds.
const NAP_NS: u64 = 1_000_000;

/// Processes that are named.
const NAMED: usize = 3;

/// Share of a core below which a process is not worth its name.
const WORTH_A_NAME: f64 = 0.02;

/// A process of somebody else.
#[derive(Debug, Clone, PartialEq)]
pub struct Busy {
    /// Its id.
    pub pid: u32,
    /// Its short name, as the kernel has it.
    pub name: String,
    /// CPU time that it used, in cores.
    pub cores: f64,
}

/// What was found. Rates are in cores: seconds of one core a second.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Noise {
    /// For how long it was looked, in seconds.
    pub seconds: f64,
    /// CPU time of everything else.
    pub others: Option<f64>,
    /// CPU time that the hypervisor gave to other guests.
    pub steal: Option<f64>,
    /// Time for which a quota held this control group back.
    pub throttled: Option<f64>,
    /// Time for which cores ran below their clock because of heat.
    pub thermal: Option<f64>,
    /// Share of the time in which somebody waited for a core, memory or a disk.
    pub pressure: [Option<f64>; 3],
    /// Share of the time for which a thread ran that wanted to run all the time.
    pub ran: Option<f64>,
    /// How late a sleeping thread was woken: the 99th percentile, in seconds.
    pub wake_late_s: Option<f64>,
    /// Who used most, those first.
    pub busiest: Vec<Busy>,
    /// Load average over one minute.
    pub load: Option<f64>,
    /// Frequency governors of the cores, each once.
    pub governors: Vec<String>,
    /// Whether cores may run above their nominal clock.
    pub turbo: Option<bool>,
    /// Whether cores share their units with a sibling.
    pub smt: Option<bool>,
}

/// Looks for `length_ns`, which it takes in full.
pub fn measure(clock: &impl Clock, length_ns: u64) -> Noise {
    let root = SysRoot::system();
    let mut watch = platform::Watch::new();
    let (before, processes) = (watch.host(0), platform::processes());
    let (began, own) = (clock.now_ns(), platform::own_cpu_ns());
    let end = began.saturating_add(length_ns);
    let (ran, wake_late_s) = thread::scope(|scope| {
        // What the system gives no thread for is not known.
        let spin = thread::Builder::new().spawn_scoped(scope, || spin(clock, began, end)).ok();
        let nap = thread::Builder::new().spawn_scoped(scope, || nap(clock, began, end)).ok();
        let found = |made: Option<thread::ScopedJoinHandle<'_, _>>| made?.join().ok().flatten();
        (found(spin), found(nap))
    });
    let ended = clock.now_ns();
    let own_s = platform::own_cpu_ns().saturating_sub(own) as f64 * 1e-9;
    let after = watch.host(ended);
    let seconds = ended.saturating_sub(began) as f64 * 1e-9;
    let rate = |of: fn(&HostReading) -> Option<u64>| {
        let ns = of(&after)?.checked_sub(of(&before)?)?;
        (seconds > 0.0).then(|| ns as f64 * 1e-9 / seconds)
    };
    let busy = rate(|host| host.busy_ns);
    Noise {
        seconds,
        others: busy.map(|busy| (busy - own_s / seconds).max(0.0)),
        steal: rate(|host| host.steal_ns),
        throttled: rate(|host| host.throttled_ns),
        thermal: rate(|host| host.thermal_ns),
        pressure: [
            rate(|host| host.cpu_pressure_ns),
            rate(|host| host.memory_pressure_ns),
            rate(|host| host.io_pressure_ns),
        ],
        ran,
        wake_late_s,
        busiest: busiest(&processes, &platform::processes(), seconds),
        load: platform::load(),
        governors: governors(&root),
        turbo: turbo(&root),
        smt: switch(&root, "smt/active"),
    }
}

/// Share of the time from `began` to `end` for which this thread ran; what it had to wait for at first is in it.
fn spin(clock: &impl Clock, began: u64, end: u64) -> Option<f64> {
    let cpu = super::cpu_clock::thread_cpu_ns();
    while clock.now_ns() < end {
        std::hint::spin_loop();
    }
    let wall = clock.now_ns().saturating_sub(began);
    let ran = super::cpu_clock::thread_cpu_ns().saturating_sub(cpu);
    (wall > 0).then(|| (ran as f64 / wall as f64).min(1.0))
}

/// How late this thread is woken, in seconds: the 99th percentile. One that is not even begun before `end` is that late.
fn nap(clock: &impl Clock, began: u64, end: u64) -> Option<f64> {
    let mut late = Vec::new();
    // Nobody ever sends: each wait lasts to its end.
    let (_sender, receiver) = channel::<()>();
    loop {
        let before = clock.now_ns();
        if before >= end {
            break;
        }
        if receiver.recv_timeout(Duration::from_nanos(NAP_NS)) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        let slept = clock.now_ns().saturating_sub(before);
        late.push(slept.saturating_sub(NAP_NS));
    }
    if late.is_empty() {
        late.push(clock.now_ns().saturating_sub(began));
    }
    late.sort_unstable();
    let place = late.len().saturating_sub(1) * 99 / 100;
    Some(*late.get(place)? as f64 * 1e-9)
}

/// A process at one moment: its id, when it started, its name, its CPU time in seconds.
type At = (u32, u64, String, f64);

/// Who used most between two looks; one that began in between has used all that it has.
fn busiest(before: &[At], after: &[At], seconds: f64) -> Vec<Busy> {
    let used = after.iter().map(|(pid, start, name, cpu_s)| {
        let same = before.iter().find(|(other, began, ..)| (other, began) == (pid, start));
        let earlier_s = same.map_or(0.0, |(.., cpu_s)| *cpu_s);
        Busy {
            pid: *pid,
            name: name.clone(),
            cores: (cpu_s - earlier_s).max(0.0) / seconds.max(f64::MIN_POSITIVE),
        }
    });
    let mut used: Vec<_> = used.filter(|busy| busy.cores >= WORTH_A_NAME).collect();
    used.sort_by(|one, other| other.cores.total_cmp(&one.cores));
    used.truncate(NAMED);
    used
}

fn governors(root: &SysRoot) -> Vec<String> {
    let policies = root.join("devices/system/cpu/cpufreq");
    let names = sysfs::names(&policies).into_iter();
    let mut found: Vec<String> = names
        .filter_map(|name| sysfs::text(&policies.join(name).join("scaling_governor")).ok())
        .filter(|governor| !governor.is_empty())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn turbo(root: &SysRoot) -> Option<bool> {
    let off = switch(root, "intel_pstate/no_turbo");
    off.map(|off| !off).or_else(|| switch(root, "cpufreq/boost"))
}

/// A file below the processors' folder that holds 0 or 1.
fn switch(root: &SysRoot, name: &str) -> Option<bool> {
    match sysfs::number(&root.join("devices/system/cpu").join(name)) {
        Ok(0) => Some(false),
        Ok(1) => Some(true),
        _ => None,
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use super::At;
    use crate::event::HostReading;
    use crate::sampler::host::HostProbe;
    use crate::sampler::probe::GapLedger;
    use crate::sampler::proc::{ProcRoot, parse};

    /// Reads the machine's counters.
    pub(super) struct Watch(HostProbe);

    impl Watch {
        pub(super) fn new() -> Self {
            Self(HostProbe::new(&ProcRoot::system(), std::process::id()))
        }

        pub(super) fn host(&mut self, now_ns: u64) -> HostReading {
            self.0.read_now(now_ns, &mut GapLedger::default())
        }
    }

    pub(super) fn own_cpu_ns() -> u64 {
        let root = ProcRoot::system();
        root.cpu_clock_ns(std::process::id()).unwrap_or(0)
    }

    /// Everybody but this process.
    pub(super) fn processes() -> Vec<At> {
        let root = ProcRoot::system();
        let per_tick = 1.0 / rustix::param::clock_ticks_per_second().max(1) as f64;
        let pids = root.numbers_in("").unwrap_or_default().into_iter();
        pids.filter(|pid| *pid != std::process::id())
            .filter_map(|pid| {
                let text = root.read(format!("{pid}/stat")).ok()?;
                let stat = parse::stat(&text)?;
                let name = parse::stat_name(&text)?;
                Some((pid, stat.start, name, stat.cpu_ticks as f64 * per_tick))
            })
            .collect()
    }

    pub(super) fn load() -> Option<f64> {
        let text = ProcRoot::system().read("loadavg").ok()?;
        parse::load(&text)
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::At;
    use crate::event::HostReading;

    pub(super) struct Watch;

    impl Watch {
        pub(super) fn new() -> Self {
            Self
        }

        pub(super) fn host(&mut self, _now_ns: u64) -> HostReading {
            HostReading::default()
        }
    }

    pub(super) fn own_cpu_ns() -> u64 {
        0
    }

    pub(super) fn processes() -> Vec<At> {
        Vec::new()
    }

    pub(super) fn load() -> Option<f64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, MonotonicClock};

    #[test]
    fn this_machine_is_measured() {
        let noise = measure(&MonotonicClock, 60_000_000);
        assert!((0.06..10.0).contains(&noise.seconds), "{noise:?}");
        // None of it where others have every core all the time.
        assert!((0.0..=1.0).contains(&noise.ran.unwrap()), "{noise:?}");
        assert!(noise.wake_late_s.unwrap() >= 0.0);
        assert!(noise.others.is_none_or(|others| others >= 0.0));
        assert!(noise.busiest.iter().all(|busy| busy.pid != std::process::id()));
    }

    #[test]
    fn threads_that_begin_too_late_are_late() {
        let clock = ManualClock::default();
        clock.advance(5_000_000_000);
        assert!(spin(&clock, 1_000_000_000, 3_000_000_000).unwrap() < 0.01);
        assert_eq!(nap(&clock, 1_000_000_000, 3_000_000_000), Some(4.0));
    }

    #[test]
    fn the_busiest_are_named_and_an_id_that_is_used_again_is_another_process() {
        let at = |pid, start, cpu_s| (pid, start, format!("p{pid}"), cpu_s);
        let before = [at(1, 5, 100.0), at(2, 5, 10.0), at(3, 5, 7.0)];
        let after =
            [at(1, 5, 100.03), at(2, 5, 11.5), at(3, 99, 0.6), at(4, 99, 0.9), at(5, 99, 0.3)];
        let found = busiest(&before, &after, 3.0);
        let found: Vec<_> =
            found.iter().map(|busy| (busy.pid, (busy.cores * 100.0).round())).collect();
        assert_eq!(found, [(2, 50.0), (4, 30.0), (3, 20.0)]);
    }

    #[test]
    fn clocks_are_read_where_they_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let root = SysRoot::at(dir.path());
        let put = |name: &str, text: &str| {
            let path = dir.path().join("devices/system/cpu").join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        assert_eq!((governors(&root), turbo(&root)), (Vec::new(), None));
        put("cpufreq/policy0/scaling_governor", "powersave\n");
        put("cpufreq/policy1/scaling_governor", "performance\n");
        put("cpufreq/policy2/scaling_governor", "powersave\n");
        put("cpufreq/boost", "0\n");
        put("smt/active", "1\n");
        assert_eq!(governors(&root), ["performance", "powersave"]);
        assert_eq!((turbo(&root), switch(&root, "smt/active")), (Some(false), Some(true)));
        put("intel_pstate/no_turbo", "0\n");
        put("smt/active", "notsupported\n");
        assert_eq!((turbo(&root), switch(&root, "smt/active")), (Some(true), None));
    }
}
