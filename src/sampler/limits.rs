//! Which limits this machine lets perftune impose on a worker, and where it may make control groups for that.
//!
//! A limit on memory or on CPU time needs a control group (version 2) of the run's own, below one that hands out the
//! controllers `memory` and `cpu`. The kernel lets a group hand out controllers only while no process is in the group
//! itself (the root excepted), so there are three places: perftune's own group where it hands them out already or can be
//! made to; the same where perftune is alone in it and can step aside; the group above, where that hands them out and may
//! be written. Nothing is changed here.

use std::path::PathBuf;

use crate::event::MemoryGuard;

/// Which limits can be enforced here, and why others cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitMeans {
    /// The CPUs that perftune may use, ascending: a worker can be bound to any of them.
    pub cpus: Result<Vec<u32>, String>,
    /// Who sees to a limit on memory.
    pub memory: Result<MemoryGuard, String>,
    /// Why a limit on memory is only watched; absent where it is not.
    pub why_watched: Option<String>,
    /// Whether CPU time can be limited.
    pub quota: Result<(), String>,
    /// Memory that perftune itself may use, in bytes, if the system tells.
    pub memory_bytes: Option<u64>,
    /// Where the control group of a run can be made; absent: nowhere.
    pub base: Option<GroupBase>,
}

/// The control group below which those of the runs can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupBase {
    /// Its directory.
    pub dir: PathBuf,
    /// The controllers that it has and does not hand out yet.
    pub enable: Vec<&'static str>,
    /// It hands none out before perftune, which is alone in it, has left it for a group below.
    pub step_aside: bool,
}

#[cfg(target_os = "linux")]
pub use self::linux::limit_means;

/// Which limits can be enforced here; takes a few system calls.
#[cfg(not(target_os = "linux"))]
pub fn limit_means() -> LimitMeans {
    let no = || "limits are enforced on Linux only".to_owned();
    LimitMeans {
        cpus: Err(no()),
        memory: Err(no()),
        why_watched: None,
        quota: Err(no()),
        memory_bytes: None,
        base: None,
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;

    use rustix::fs::{Access, access};
    use rustix::thread::{CpuSet, sched_getaffinity};

    use super::{GroupBase, LimitMeans};
    use crate::event::MemoryGuard;
    use crate::sampler::cgroup::{Cgroups, Unified};
    use crate::sampler::proc::ProcRoot;

    /// Which limits can be enforced here; takes a few system calls.
    pub fn limit_means() -> LimitMeans {
        let root = ProcRoot::system();
        let offer = Unified::of(&root, "self").and_then(|own| best(&own));
        let (memory, quota, base) = match offer {
            Ok(offer) => (offer.memory, offer.cpu, Some(offer.base)),
            Err(why) => (Err(why.clone()), Err(why), None),
        };
        let usable = memory.is_ok() || quota.is_ok();
        LimitMeans {
            cpus: cpus(),
            // What /proc tells of the tree is there on every Linux.
            memory: Ok(memory.as_ref().map_or(MemoryGuard::Watched, |()| MemoryGuard::Cgroup)),
            why_watched: memory.err(),
            quota,
            memory_bytes: memory_bytes(&root),
            base: base.filter(|_| usable),
        }
    }

    fn cpus() -> Result<Vec<u32>, String> {
        let set = sched_getaffinity(None)
            .map_err(|error| format!("the system does not tell the CPUs: {error}"))?;
        let numbers = (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu));
        Ok(numbers.filter_map(|cpu| u32::try_from(cpu).ok()).collect())
    }

    fn memory_bytes(root: &ProcRoot) -> Option<u64> {
        let info = rustix::system::sysinfo();
        // `c_ulong` has 32 bits on some machines.
        #[allow(clippy::useless_conversion, reason = "not on every machine")]
        let total = u64::from(info.totalram).checked_mul(u64::from(info.mem_unit));
        let limit = Cgroups::of(root, "self").memory_bytes();
        total.into_iter().chain(limit).filter(|bytes| *bytes > 0).min()
    }

    /// What a group offers to the runs' groups.
    #[derive(Debug, PartialEq, Eq)]
    struct Offer {
        base: GroupBase,
        memory: Result<(), String>,
        cpu: Result<(), String>,
    }

    impl Offer {
        fn count(&self) -> usize {
            [&self.memory, &self.cpu].iter().filter(|offered| offered.is_ok()).count()
        }
    }

    /// The better of perftune's own group and the one above.
    fn best(own: &Unified) -> Result<Offer, String> {
        let first = own.dirs.first().ok_or("perftune's control group is not to be seen")?;
        let mine = offer(first, own, true);
        let above = own.dirs.get(1).map(|dir| offer(dir, own, false));
        match (mine, above) {
            (Ok(mine), Some(Ok(above))) if above.count() > mine.count() => Ok(above),
            (Err(why), Some(Ok(above))) if above.count() == 0 => Err(why),
            (Err(_), Some(Ok(above))) => Ok(above),
            (mine, _) => mine,
        }
    }

    fn offer(dir: &Path, own: &Unified, is_own: bool) -> Result<Offer, String> {
        let shown = dir.display();
        for name in ["", "cgroup.procs"] {
            access(dir.join(name), Access::WRITE_OK)
                .map_err(|error| format!("the control group {shown} cannot be written: {error}"))?;
        }
        let words = |name: &str| -> Vec<String> {
            let text = fs_err::read_to_string(dir.join(name)).unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect()
        };
        let (there, handed_out) = (words("cgroup.controllers"), words("cgroup.subtree_control"));
        // The root has no type.
        let kind = words("cgroup.type");
        if kind.first().is_some_and(|kind| kind != "domain") {
            return Err(format!("the control group {shown} is {}", kind.join(" ")));
        }
        let seat = seat(dir, kind.is_empty(), is_own, &words("cgroup.procs"));
        let mut base = GroupBase { dir: dir.to_owned(), enable: Vec::new(), step_aside: false };
        let mut offers = |name: &'static str| {
            let has = |words: &[String]| words.iter().any(|word| word == name);
            if has(&handed_out) {
                return Ok(());
            }
            if own.version_one.iter().any(|other| other == name) {
                return Err(format!(
                    "the controller `{name}` is mounted as version 1 of control groups, and version 2 is needed"
                ));
            }
            if !has(&there) {
                return Err(format!(
                    "the control group {shown} is not given the controller `{name}`"
                ));
            }
            base.step_aside |= seat.clone()?;
            base.enable.push(name);
            Ok(())
        };
        let (memory, cpu) = (offers("memory"), offers("cpu"));
        Ok(Offer { base, memory, cpu })
    }

    /// Whether perftune has to step aside before a group hands out more controllers; an error: it cannot be made to.
    fn seat(dir: &Path, is_root: bool, is_own: bool, inside: &[String]) -> Result<bool, String> {
        let shown = dir.display();
        if !is_own {
            return Err(format!("the control group {shown} is not perftune's own"));
        }
        if let Err(error) = access(dir.join("cgroup.subtree_control"), Access::WRITE_OK) {
            return Err(format!("the control group {shown} hands out no controllers: {error}"));
        }
        if is_root || inside.is_empty() {
            return Ok(false);
        }
        let own = std::process::id().to_string();
        if inside.iter().all(|pid| *pid == own) {
            return Ok(true);
        }
        Err(format!(
            "other processes are in perftune's control group {shown}; give it one of its own: \
             systemd-run --user --scope -p Delegate=yes perftune ..."
        ))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// A group and the one above it, with what their files say.
        fn groups(files: &[(&str, &str)]) -> (tempfile::TempDir, Unified) {
            let dir = tempfile::tempdir().unwrap();
            for folder in ["up", "up/own"] {
                fs_err::create_dir_all(dir.path().join(folder)).unwrap();
                for name in ["cgroup.procs", "cgroup.subtree_control"] {
                    fs_err::write(dir.path().join(folder).join(name), "").unwrap();
                }
                let kind = dir.path().join(folder).join("cgroup.type");
                fs_err::write(kind, "domain\n").unwrap();
            }
            for (name, text) in files {
                fs_err::write(dir.path().join("up").join(name), text).unwrap();
            }
            let dirs = vec![dir.path().join("up/own"), dir.path().join("up")];
            let own = Unified { dirs, version_one: Vec::new() };
            (dir, own)
        }

        /// Files; the base's folder; what must be enabled; whether perftune steps aside; why there is no memory and no CPU.
        type Case<'a> =
            (&'a [(&'a str, &'a str)], &'a str, &'a [&'a str], bool, [Option<&'a str>; 2]);

        #[test]
        #[expect(clippy::too_many_lines, reason = "a table")]
        fn a_group_is_found_where_controllers_are_handed_out() {
            const BOTH: &str = "cpu memory pids\n";
            let own_pid = format!("{}\n", std::process::id());
            let others = format!("{}\n1\n", std::process::id());
            let table: [Case<'_>; 7] = [
                (&[("own/cgroup.subtree_control", BOTH)], "up/own", &[], false, [None, None]),
                (
                    &[("own/cgroup.controllers", BOTH), ("own/cgroup.procs", &own_pid)],
                    "up/own",
                    &["memory", "cpu"],
                    true,
                    [None, None],
                ),
                (
                    &[("own/cgroup.controllers", BOTH)],
                    "up/own",
                    &["memory", "cpu"],
                    false,
                    [None, None],
                ),
                (
                    &[
                        ("own/cgroup.controllers", BOTH),
                        ("own/cgroup.procs", &others),
                        ("cgroup.subtree_control", "memory\n"),
                    ],
                    "up",
                    &[],
                    false,
                    [None, Some("is not given the controller `cpu`")],
                ),
                (
                    &[("own/cgroup.controllers", "memory\n"), ("own/cgroup.procs", &own_pid)],
                    "up/own",
                    &["memory"],
                    true,
                    [None, Some("is not given the controller `cpu`")],
                ),
                (
                    &[("own/cgroup.controllers", BOTH), ("own/cgroup.procs", &others)],
                    "up/own",
                    &[],
                    false,
                    [Some("other processes are in"), Some("systemd-run")],
                ),
                (
                    &[("own/cgroup.type", "threaded\n"), ("cgroup.subtree_control", BOTH)],
                    "up",
                    &[],
                    false,
                    [None, None],
                ),
            ];
            for (files, folder, enable, step_aside, why) in table {
                let (dir, own) = groups(files);
                let found = best(&own).unwrap();
                assert_eq!(found.base.dir, dir.path().join(folder), "{files:?}");
                assert_eq!(found.base.enable, enable, "{files:?}");
                assert_eq!(found.base.step_aside, step_aside, "{files:?}");
                for (found, why) in [&found.memory, &found.cpu].into_iter().zip(why) {
                    match (found, why) {
                        (Ok(()), None) => {}
                        (Err(found), Some(why)) => assert!(found.contains(why), "{found}"),
                        (found, why) => panic!("{files:?}: {found:?}, {why:?}"),
                    }
                }
            }
        }

        #[test]
        fn the_root_hands_out_whoever_is_in_it() {
            let (dir, mut own) = groups(&[
                ("own/cgroup.controllers", "memory cpu\n"),
                ("own/cgroup.procs", "1\n2\n"),
            ]);
            fs_err::remove_file(dir.path().join("up/own/cgroup.type")).unwrap();
            own.dirs.truncate(1);
            let found = best(&own).unwrap();
            assert_eq!(found.base.enable, ["memory", "cpu"]);
            assert!(!found.base.step_aside);
        }

        #[test]
        fn where_there_are_no_groups_it_says_why() {
            let (_dir, mut own) = groups(&[("own/cgroup.subtree_control", "cpu\n")]);
            own.version_one = vec!["memory".to_owned()];
            let found = best(&own).unwrap();
            assert!(found.memory.unwrap_err().contains("as version 1"));
            assert_eq!(found.cpu, Ok(()));
            own.dirs = vec![std::path::PathBuf::from("/nowhere/at/all")];
            let why = best(&own).unwrap_err();
            assert!(why.contains("/nowhere/at/all cannot be written"), "{why}");
            own.dirs.clear();
            assert!(best(&own).is_err());
        }

        #[test]
        fn this_machine_has_cpus_and_watches_memory_at_least() {
            let means = limit_means();
            assert!(!means.cpus.unwrap().is_empty());
            assert!(means.memory.is_ok());
            assert_eq!(means.memory == Ok(MemoryGuard::Watched), means.why_watched.is_some());
            assert!(means.memory_bytes.unwrap() > 1 << 20);
        }
    }
}
