//! The text formats of `/proc`, as proc(5) describes them. Pure; whatever is not as described is `None`.

use crate::event::HostReading;

/// What `/proc/PID/stat` says. Times in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sampler) struct Stat {
    pub(in crate::sampler) zombie: bool,
    pub(in crate::sampler) parent: u32,
    pub(in crate::sampler) group: u32,
    pub(in crate::sampler) session: u32,
    pub(in crate::sampler) minor_faults: u64,
    pub(in crate::sampler) children_minor_faults: u64,
    pub(in crate::sampler) major_faults: u64,
    pub(in crate::sampler) children_major_faults: u64,
    /// utime + stime.
    pub(in crate::sampler) cpu_ticks: u64,
    /// cutime + cstime: of children that were waited for, with theirs.
    pub(in crate::sampler) children_cpu_ticks: u64,
    pub(in crate::sampler) threads: u32,
    /// Ticks since boot; with the process id it names a process for good.
    pub(in crate::sampler) start: u64,
}

/// `/proc/PID/stat`. The name may hold spaces, parentheses and any bytes: the fields begin after the last `)`.
pub(in crate::sampler) fn stat(text: &[u8]) -> Option<Stat> {
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&text[close + 1..]).ok()?;
    let mut fields = [""; 20];
    let mut count = 0;
    for (slot, field) in fields.iter_mut().zip(rest.split_ascii_whitespace()) {
        *slot = field;
        count += 1;
    }
    if count < fields.len() {
        return None;
    }
    // fields[0] is field 3 of proc(5). The counters of children are signed there, and never negative.
    let number = |place: usize| fields[place - 3].parse::<u64>().ok();
    let small = |place: usize| fields[place - 3].parse::<u32>().ok();
    Some(Stat {
        zombie: matches!(fields[0], "Z" | "X" | "x"),
        parent: small(4)?,
        group: small(5)?,
        session: small(6)?,
        minor_faults: number(10)?,
        children_minor_faults: number(11)?,
        major_faults: number(12)?,
        children_major_faults: number(13)?,
        cpu_ticks: number(14)?.checked_add(number(15)?)?,
        children_cpu_ticks: number(16)?.checked_add(number(17)?)?,
        threads: small(20)?,
        start: number(22)?,
    })
}

/// The process's short name in `/proc/PID/stat`, which may hold any bytes.
pub(in crate::sampler) fn stat_name(text: &[u8]) -> Option<String> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let name = text.get(open + 1..close)?;
    Some(String::from_utf8_lossy(name).into_owned())
}

/// The load average over one minute: the first field of `/proc/loadavg`.
pub(in crate::sampler) fn load(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let load: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    (load.is_finite() && load >= 0.0).then_some(load)
}

/// Resident pages: the second field of `/proc/PID/statm`.
pub(in crate::sampler) fn statm_resident(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The first number after a line's `key` (which includes its colon, if it has one).
pub(in crate::sampler) fn keyed(text: &[u8], key: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(key));
    let rest = lines.find(|rest| rest.starts_with([' ', '\t']))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// `VmHWM` of `/proc/PID/status`, in bytes. A zombie and a kernel thread have none.
pub(in crate::sampler) fn high_water(text: &[u8]) -> Option<u64> {
    keyed(text, "VmHWM:")?.checked_mul(1024)
}

/// Bytes from and to storage in `/proc/PID/io`.
pub(in crate::sampler) fn io(text: &[u8]) -> Option<(u64, u64)> {
    Some((keyed(text, "read_bytes:")?, keyed(text, "write_bytes:")?))
}

/// Time waited in a run queue, in nanoseconds: the second field of `/proc/PID/task/TID/schedstat`.
pub(in crate::sampler) fn run_delay(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Busy and stolen ticks of the first line of `/proc/stat`. Guest time is part of user time already.
pub(in crate::sampler) fn machine_ticks(text: &[u8]) -> Option<(u64, u64)> {
    let line = text.split(|byte| *byte == b'\n').next()?;
    ticks_of(std::str::from_utf8(line).ok()?.strip_prefix("cpu ")?)
}

/// The same of these CPUs together; nothing where one of them is missing (it was taken offline): the sum over the others would
/// be another one.
pub(in crate::sampler) fn ticks_of_cpus(text: &[u8], cpus: &[u32]) -> Option<(u64, u64)> {
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let of_cpus = lines.map_while(|line| line.strip_prefix("cpu")).filter_map(|line| {
        let (number, ticks) = line.split_once(' ')?;
        cpus.contains(&number.parse().ok()?).then(|| ticks_of(ticks))
    });
    let (mut sum, mut found) = ((0_u64, 0_u64), 0);
    for ticks in of_cpus {
        let (busy, steal) = ticks?;
        sum = (sum.0.checked_add(busy)?, sum.1.checked_add(steal)?);
        found += 1;
    }
    (found == cpus.len()).then_some(sum)
}

/// Busy and stolen ticks of what follows the name in a line of `/proc/stat`.
fn ticks_of(fields: &str) -> Option<(u64, u64)> {
    let fields: Vec<u64> =
        fields.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = fields[..] else {
        return None;
    };
    let busy = [user, nice, system, irq, softirq];
    let busy = busy.iter().try_fold(0_u64, |sum, ticks| sum.checked_add(*ticks))?;
    Some((busy, steal))
}

/// Nanoseconds of the `some` line of a pressure file, which counts microseconds.
pub(in crate::sampler) fn pressure(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let line = text.lines().find(|line| line.starts_with("some "))?;
    let total = line.split_ascii_whitespace().find_map(|field| field.strip_prefix("total="))?;
    total.parse::<u64>().ok()?.checked_mul(1000)
}

/// Time throttled, in nanoseconds, in `cpu.stat` of a control group of either version.
pub(in crate::sampler) fn throttled(text: &[u8]) -> Option<u64> {
    keyed(text, "throttled_usec")
        .and_then(|us| us.checked_mul(1000))
        .or_else(|| keyed(text, "throttled_time"))
}

/// Cores that `cpu.max` (version 2) grants; `None` where it says `max`.
pub(in crate::sampler) fn cpu_max(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    quota_cores(quota.parse().ok()?, period.parse().ok()?)
}

/// Cores that a quota and a period in microseconds grant; version 1 writes -1 for no quota.
pub(in crate::sampler) fn quota_cores(quota: i64, period: i64) -> Option<f64> {
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

/// Ids separated by spaces, as in `/proc/PID/task/TID/children`.
pub(in crate::sampler) fn ids(text: &[u8]) -> impl Iterator<Item = u32> + '_ {
    text.split(u8::is_ascii_whitespace)
        .filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
}

/// Puts the busy and stolen time of the machine into `reading`, or of these CPUs; whether it is known.
pub(in crate::sampler) fn host_times(
    reading: &mut HostReading,
    text: &[u8],
    ns_per_tick: u64,
    cpus: Option<&[u32]>,
) -> bool {
    let ticks = cpus.map_or_else(|| machine_ticks(text), |cpus| ticks_of_cpus(text, cpus));
    let Some((busy, steal)) = ticks else {
        return false;
    };
    reading.busy_ns = busy.checked_mul(ns_per_tick);
    reading.steal_ns = steal.checked_mul(ns_per_tick);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAIL: &[u8] = b" S 17 18 19 0 -1 4194304 100 200 3 4 50 60 70 80 20 0 5 0 12345 1 2 3";

    fn line(name: &[u8]) -> Vec<u8> {
        [b"42 (", name, b")", TAIL].concat()
    }

    #[test]
    fn the_cpus_of_a_lane_are_told_apart() {
        let text = b"cpu  60 0 6 9 0 0 0 3 0 0\ncpu0 10 1 2 5 6 3 4 1 0 0\ncpu1 20 0 0 0 0 0 0 0 0 0\ncpu10 30 0 0 0 0 0 0 2 0 0\nintr 7 1\nctxt 1\n";
        for (cpus, found) in [
            (&[0][..], Some((20, 1))),
            (&[1], Some((20, 0))),
            (&[0, 10], Some((50, 3))),
            // Offline.
            (&[0, 2], None),
            (&[100], None),
            (&[], Some((0, 0))),
        ] {
            assert_eq!(ticks_of_cpus(text, cpus), found, "{cpus:?}");
        }
        assert_eq!(ticks_of_cpus(b"cpu0 1 2 x", &[0]), None);
        assert_eq!(ticks_of_cpus(b"", &[0]), None);
        assert_eq!(machine_ticks(text), Some((66, 3)));
    }

    #[test]
    fn a_name_may_hold_anything() {
        let names: [&[u8]; 7] =
            [b"sh", b"a b", b"a) S 9 (b", b")", b"", b"((", &[0xff, 0xfe, b'\n']];
        for name in names {
            let expected = Stat {
                zombie: false,
                parent: 17,
                group: 18,
                session: 19,
                minor_faults: 100,
                children_minor_faults: 200,
                major_faults: 3,
                children_major_faults: 4,
                cpu_ticks: 110,
                children_cpu_ticks: 150,
                threads: 5,
                start: 12345,
            };
            assert_eq!(stat(&line(name)), Some(expected), "{name:?}");
        }
    }

    #[test]
    fn what_is_not_a_stat_line_is_nothing() {
        let short = line(b"sh");
        let negative = String::from_utf8(short.clone()).unwrap().replace(" 70 ", " -70 ");
        let texts: [&[u8]; 5] =
            [b"", b"42 (sh", b"42 (sh) S 1 2", &short[..short.len() - 12], negative.as_bytes()];
        for text in texts {
            assert_eq!(stat(text), None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn zombies_are_told_apart() {
        for (letter, zombie) in [("S", false), ("R", false), ("Z", true), ("X", true), ("D", false)]
        {
            let text =
                String::from_utf8(line(b"x")).unwrap().replace(" S ", &format!(" {letter} "));
            assert_eq!(stat(text.as_bytes()).unwrap().zombie, zombie, "{letter}");
        }
    }

    #[test]
    fn the_small_files_are_read() {
        assert_eq!(statm_resident(b"100 25 3 1 0 9 0\n"), Some(25));
        assert_eq!(statm_resident(b""), None);
        let status = b"Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t    2048 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(high_water(status), Some(2048 * 1024));
        assert_eq!(keyed(status, "voluntary_ctxt_switches:"), Some(7));
        assert_eq!(keyed(status, "nonvoluntary_ctxt_switches:"), Some(3));
        assert_eq!(high_water(b"Name:\tVmHWM: 5 kB\n"), None, "a zombie has no such line");
        let text =
            b"rchar: 1\nwchar: 2\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 5\n";
        assert_eq!(io(text), Some((4096, 8192)));
        assert_eq!(io(b"rchar: 1\n"), None);
        assert_eq!(run_delay(b"11 22 33\n"), Some(22));
        assert_eq!(ids(b"12 34 5 \n").collect::<Vec<_>>(), [12, 34, 5]);
    }

    #[test]
    fn the_machine_is_read() {
        let text = b"cpu  10 20 30 1000 7 4 5 6 3 2\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(machine_ticks(text), Some((69, 6)));
        assert_eq!(machine_ticks(b"cpu  10 20 30 1000\n"), None, "kernels before 2.6");
        assert_eq!(machine_ticks(b"cpu0 10 20 30 1000 7 4 5 6 3 2\n"), None);
        let text = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=31\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9\n";
        assert_eq!(pressure(text), Some(31_000));
        assert_eq!(pressure(b"full avg10=0.00 total=9\n"), None);
    }

    #[test]
    fn quotas_and_throttling_of_both_versions_are_read() {
        for (text, cores) in [
            ("200000 100000\n", Some(2.0)),
            ("50000 100000", Some(0.5)),
            ("max 100000", None),
            ("", None),
        ] {
            assert_eq!(cpu_max(text), cores, "{text}");
        }
        assert_eq!(quota_cores(-1, 100_000), None);
        assert_eq!(quota_cores(1, 0), None);
        assert_eq!(throttled(b"usage_usec 5\nnr_throttled 1\nthrottled_usec 12\n"), Some(12_000));
        assert_eq!(throttled(b"nr_periods 0\nnr_throttled 0\nthrottled_time 17\n"), Some(17));
        assert_eq!(throttled(b"usage_usec 5\n"), None, "the root group has no such line");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text: Vec<u8>, name: Vec<u8>) {
            let _ = (stat(&text), io(&text), machine_ticks(&text), pressure(&text), throttled(&text));
            let _ = (statm_resident(&text), high_water(&text), run_delay(&text), ids(&text).count());
            prop_assert!(stat(&line(&name)).is_some());
        }
    }
}
