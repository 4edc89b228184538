//! For how long cores ran below their clock because of heat: `thermal_throttle` of each core in sysfs (x86, Linux 5.10 and
//! later; older kernels count how often only, which is no time).

use super::sysfs::{self, SysRoot, Unreadable};
use crate::event::Reason;
use std::path::PathBuf;

/// Shortest time between two looks, in nanoseconds: the kernel polls a hot core about once a second.
const PACE_NS: u64 = 1_000_000_000;

/// Cores whose files are read: at 2 us each, twice a core, more would be dearer than the rest of the sampler.
const MOST_CORES: usize = 64;

const NO_FILES: &str =
    "the processor's driver does not tell how long heat slowed its cores (thermal_throttle)";

/// Reads the counters of heat.
#[derive(Debug)]
pub(super) struct Thermal {
    /// Of each core, its own counter and that of its package, as far as there are any.
    cores: Vec<Vec<PathBuf>>,
    last: Result<u64, Reason>,
    due_ns: u64,
}

impl Thermal {
    /// Those of this machine.
    pub(super) fn new(root: &SysRoot) -> Self {
        Self::of(root, None)
    }

    /// The same, or those of these CPUs alone.
    pub(super) fn of(root: &SysRoot, lane: Option<&[u32]>) -> Self {
        let cpus = root.join("devices/system/cpu");
        let numbered = |name: &String| {
            let number = name.strip_prefix("cpu").filter(|number| sysfs::is_number(number));
            let is_of_lane = |number: &str| {
                lane.is_none_or(|lane| number.parse().is_ok_and(|cpu| lane.contains(&cpu)))
            };
            number.is_some_and(is_of_lane)
        };
        let numbered = sysfs::names(&cpus).into_iter().filter(numbered);
        let mut cores = Vec::new();
        for name in numbered.take(MOST_CORES) {
            let folder = cpus.join(name).join("thermal_throttle");
            let files = ["core", "package"]
                .map(|part| folder.join(format!("{part}_throttle_total_time_ms")));
            let files: Vec<_> = files.into_iter().filter(|path| path.exists()).collect();
            if !files.is_empty() {
                cores.push(files);
            }
        }
        let last = if cores.is_empty() { Err(Reason::unsupported(NO_FILES)) } else { Ok(0) };
        Self { cores, last, due_ns: 0 }
    }

    /// The sum over all cores in nanoseconds, or why it is not known. A core counts for as long as it or its package was
    /// too hot, whichever is longer. `now_ns` paces the looks; in between the last one stands.
    pub(super) fn read(&mut self, now_ns: u64) -> Result<u64, &Reason> {
        if !self.cores.is_empty() && now_ns >= self.due_ns {
            self.due_ns = now_ns.saturating_add(PACE_NS);
            self.last = self.look();
        }
        self.last.as_ref().copied()
    }

    fn look(&self) -> Result<u64, Reason> {
        let mut sum = 0_u64;
        for files in &self.cores {
            let mut longest = None;
            for path in files {
                match sysfs::number(path) {
                    Ok(ms) => longest = longest.max(Some(ms)),
                    // A core that was taken offline takes its files with it: the sum over the others would be another one.
                    Err(
                        why @ (Unreadable::Absent | Unreadable::Denied | Unreadable::Broken(_)),
                    ) => {
                        return Err(Reason::unsupported(format!(
                            "cannot read the thermal_throttle of a core: {why}"
                        )));
                    }
                }
            }
            let ns = longest.unwrap_or(0).checked_mul(1_000_000);
            sum = ns.and_then(|ns| sum.checked_add(ns)).ok_or_else(|| {
                Reason::unsupported("the counters of thermal_throttle are no times")
            })?;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put(dir: &std::path::Path, core: &str, part: &str, text: impl AsRef<[u8]>) {
        let folder = dir.join("devices/system/cpu").join(core).join("thermal_throttle");
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join(format!("{part}_throttle_total_time_ms")), text).unwrap();
    }

    #[test]
    fn each_core_counts_for_the_longer_of_its_own_heat_and_its_packages() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "cpu0", "core", "100\n");
        put(dir.path(), "cpu0", "package", "300\n");
        put(dir.path(), "cpu1", "core", "500\n");
        put(dir.path(), "cpu1", "package", "300\n");
        put(dir.path(), "cpufreq", "core", "9999\n");
        let mut thermal = Thermal::new(&SysRoot::at(dir.path()));
        assert_eq!(thermal.read(0), Ok(800_000_000));
        put(dir.path(), "cpu1", "core", "700\n");
        assert_eq!(thermal.read(PACE_NS - 1), Ok(800_000_000), "not yet");
        assert_eq!(thermal.read(PACE_NS), Ok(1_000_000_000));
    }

    #[test]
    fn what_is_no_time_is_a_gap_for_as_long_as_it_lasts() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Thermal::new(&SysRoot::at(dir.path())).read(0).unwrap_err().detail, NO_FILES);
        put(dir.path(), "cpu0", "core", "100\n");
        let mut thermal = Thermal::new(&SysRoot::at(dir.path()));
        let mut now_ns = 0;
        for (text, says) in [
            ("100\n", None),
            ("hot\n", Some("no number")),
            ("18446744073709551615", Some("no times")),
            ("120\n", None),
        ] {
            put(dir.path(), "cpu0", "core", text);
            let read = thermal.read(now_ns).map_err(|why| why.detail.clone());
            assert_eq!(read.as_ref().err().is_some(), says.is_some(), "{text}");
            if let (Err(why), Some(says)) = (read, says) {
                assert!(why.contains(says), "{why}");
            }
            now_ns += PACE_NS;
        }
        fs_err::remove_dir_all(dir.path().join("devices")).unwrap();
        assert!(thermal.read(now_ns).unwrap_err().detail.contains("not there"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_file_makes_it_panic(core: Vec<u8>, package in "[0-9]{0,22}\n?") {
            let dir = tempfile::tempdir().unwrap();
            put(dir.path(), "cpu0", "core", core);
            put(dir.path(), "cpu0", "package", package);
            let _ = Thermal::new(&SysRoot::at(dir.path())).read(0);
        }
    }
}
