//! What the control groups of a process grant, and how long they held it back. Version 2, or version 1 where a
//! controller is still mounted so.

use std::path::{Path, PathBuf};

use super::proc::{ProcRoot, parse};
use crate::event::limits::{GROUP, GROUP_OF_RUN};

/// Where one controller of a process is: its own group, then the groups above.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Groups {
    dirs: Vec<PathBuf>,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Version {
    One,
    #[default]
    Two,
}

/// The control groups of a process that matter to a measurement.
#[derive(Debug, Clone, Default)]
pub(super) struct Cgroups {
    cpu: Groups,
    memory: Groups,
}

impl Cgroups {
    /// Those of `process` (a process id, or `self`); empty where there are none.
    pub(super) fn of(root: &ProcRoot, process: &str) -> Self {
        let text = |name: &str| {
            let bytes = root.read(Path::new(process).join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self::of_texts(&text("cgroup"), &text("mountinfo"))
    }

    /// From the texts of `/proc/PID/cgroup` and `/proc/PID/mountinfo`.
    pub(super) fn of_texts(groups: &str, mounts: &str) -> Self {
        Self { cpu: find(groups, mounts, "cpu"), memory: find(groups, mounts, "memory") }
    }

    /// How many groups are above one another, itself included.
    #[cfg(test)]
    pub(super) fn depth(&self) -> usize {
        self.cpu.dirs.len().max(self.memory.dirs.len())
    }

    /// Cores that the tightest quota grants; `None`: no quota.
    pub(super) fn cores(&self) -> Option<f64> {
        let limits = self.cpu.dirs.iter().filter_map(|dir| quota(dir, self.cpu.version));
        limits.min_by(f64::total_cmp)
    }

    /// The tightest memory limit in bytes; `None`: no limit.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        let name = match self.memory.version {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        };
        let limits = self.memory.dirs.iter().filter_map(|dir| {
            // "max" is no number, and version 1 writes the largest page-aligned one instead.
            read(&dir.join(name))?.trim().parse::<u64>().ok().filter(|limit| *limit < 1 << 60)
        });
        limits.min()
    }

    /// Whether the quota of [`Cgroups::throttle_file`] is that of a group which was made for one run, by `[limits]`.
    pub(super) fn quota_is_of_a_run(&self) -> bool {
        let mut dirs = self.cpu.dirs.iter();
        let nearest = dirs.find(|dir| quota(dir, self.cpu.version).is_some());
        nearest.is_some_and(|dir| is_of_a_run(dir))
    }

    /// Where the kernel tells how long the processes of the group of `process` waited; `None`: it is in none below the root of
    /// what is mounted, and the machine's own figures have to do.
    pub(super) fn pressure_dir(root: &ProcRoot, process: &str) -> Option<PathBuf> {
        let dirs = Unified::of(root, process).ok()?.dirs;
        let own = dirs.first().filter(|_| dirs.len() > 1)?;
        own.join("cpu.pressure").exists().then(|| own.clone())
    }

    /// The `cpu.stat` that tells how long the process was held back: that of the nearest group with a quota, else of its own.
    pub(super) fn throttle_file(&self) -> Option<PathBuf> {
        let with_quota = self.cpu.dirs.iter().find(|dir| quota(dir, self.cpu.version).is_some());
        let path = with_quota.or(self.cpu.dirs.first())?.join("cpu.stat");
        parse::throttled(read(&path)?.as_bytes()).map(|_| path)
    }
}

/// Whether perftune has made this group for one run: its name says so.
fn is_of_a_run(dir: &Path) -> bool {
    let name = dir.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(GROUP) && name.ends_with(GROUP_OF_RUN))
}

/// The groups of a process in version 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unified {
    /// Its own directory, then those above, as far as they can be seen from here.
    pub(super) dirs: Vec<PathBuf>,
    /// Controllers that are mounted as version 1, and so are not here.
    pub(super) version_one: Vec<String>,
}

impl Unified {
    /// Those of `process` (a process id, or `self`), or why there are none.
    pub(super) fn of(root: &ProcRoot, process: &str) -> Result<Self, String> {
        let text = |name: &str| {
            let path = Path::new(process).join(name);
            let bytes = root
                .read(path)
                .map_err(|error| format!("/proc/self/{name} cannot be read: {}", error.kind()))?;
            Ok::<_, String>(String::from_utf8_lossy(&bytes).into_owned())
        };
        let (groups, mounts) = (text("cgroup")?, text("mountinfo")?);
        let version_one = memberships(&groups)
            .flat_map(|(names, _)| names.split(','))
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        let dirs = unified(&groups, &mounts).dirs;
        if dirs.is_empty() {
            return Err("version 2 of control groups is not mounted".to_owned());
        }
        Ok(Self { dirs, version_one })
    }
}

fn read(path: &Path) -> Option<String> {
    fs_err::read_to_string(path).ok()
}

fn quota(dir: &Path, version: Version) -> Option<f64> {
    match version {
        Version::Two => parse::cpu_max(&read(&dir.join("cpu.max"))?),
        Version::One => {
            let number = |name: &str| read(&dir.join(name))?.trim().parse::<i64>().ok();
            parse::quota_cores(number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?)
        }
    }
}

/// The directories of one controller, from `/proc/PID/cgroup` and `/proc/PID/mountinfo`.
fn find(groups: &str, mounts: &str, controller: &str) -> Groups {
    // A controller is in version 1 if it is named on a line of its own.
    let first =
        memberships(groups).find(|(names, _)| names.split(',').any(|name| name == controller));
    if let Some((_, path)) = first {
        let mount = mounts.lines().filter_map(mount).find(|mount| {
            mount.kind == "cgroup" && mount.options.split(',').any(|option| option == controller)
        });
        return Groups {
            dirs: mount.map(|mount| mount.dirs(path)).unwrap_or_default(),
            version: Version::One,
        };
    }
    unified(groups, mounts)
}

/// Names of controllers and the group, line by line.
fn memberships(groups: &str) -> impl Iterator<Item = (&str, &str)> {
    groups.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.split_once(':')
    })
}

/// The directories in version 2, whatever controllers are there.
fn unified(groups: &str, mounts: &str) -> Groups {
    let unified = memberships(groups).find(|(names, _)| names.is_empty());
    let mount = mounts.lines().filter_map(mount).find(|mount| mount.kind == "cgroup2");
    let dirs = unified.zip(mount).map(|((_, path), mount)| mount.dirs(path));
    Groups { dirs: dirs.unwrap_or_default(), version: Version::Two }
}

struct Mount<'a> {
    root: String,
    point: PathBuf,
    kind: &'a str,
    options: &'a str,
}

fn mount(line: &str) -> Option<Mount<'_>> {
    let (front, back) = line.split_once(" - ")?;
    let mut front = front.split(' ').skip(3);
    let mut back = back.split(' ');
    Some(Mount {
        root: unescape(front.next()?),
        point: PathBuf::from(unescape(front.next()?)),
        kind: back.next()?,
        options: back.nth(1)?,
    })
}

/// mountinfo writes space, tab, newline and backslash in octal.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

impl Mount<'_> {
    /// The group's directory and those above it, as far as they can be seen from here.
    fn dirs(&self, path: &str) -> Vec<PathBuf> {
        let below = Path::new(path).strip_prefix(&self.root).unwrap_or(Path::new(""));
        // Outside of what is mounted ("/.." in a namespace): the mount's root is the best there is.
        let below = if below.components().any(|part| part.as_os_str() == "..") {
            Path::new("")
        } else {
            below
        };
        below.ancestors().map(|part| self.point.join(part)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    #[test]
    fn version_two_takes_the_tightest_limit_on_the_way_up() {
        let dir = tempfile::tempdir().unwrap();
        let fs = dir.path().join("my fs");
        let escaped = fs.to_str().unwrap().replace(' ', "\\040");
        put(dir.path(), "self/cgroup", "0::/user/job\n");
        let mounts = format!(
            "30 20 0:1 / / rw - ext4 x rw\n31 30 0:28 / {escaped} rw - cgroup2 cgroup2 rw\n"
        );
        put(dir.path(), "self/mountinfo", &mounts);
        put(&fs, "user/job/cpu.max", "max 100000\n");
        put(&fs, "user/job/cpu.stat", "usage_usec 9\nthrottled_usec 1\n");
        put(&fs, "user/cpu.max", "150000 100000\n");
        put(&fs, "user/cpu.stat", "usage_usec 9\nthrottled_usec 2\n");
        put(&fs, "user/memory.max", "1048576\n");
        put(&fs, "user/job/memory.max", "max\n");
        let groups = Cgroups::of(&ProcRoot::at(dir.path()), "self");
        assert_eq!(groups.cores(), Some(1.5));
        assert_eq!(groups.memory_bytes(), Some(1 << 20));
        assert_eq!(groups.throttle_file(), Some(fs.join("user/cpu.stat")));
    }

    #[test]
    fn version_one_is_read_where_the_controller_is_still_there() {
        let dir = tempfile::tempdir().unwrap();
        let fs = dir.path().join("cpu");
        put(dir.path(), "self/cgroup", "4:memory:/box/7\n1:cpu,cpuacct:/box/7\n0::/\n");
        let mounts = format!(
            "32 31 0:29 /box {} rw,relatime - cgroup cgroup rw,cpu,cpuacct\n",
            fs.display()
        );
        put(dir.path(), "self/mountinfo", &mounts);
        put(&fs, "7/cpu.cfs_quota_us", "50000\n");
        put(&fs, "7/cpu.cfs_period_us", "100000\n");
        put(&fs, "7/cpu.stat", "nr_throttled 0\nthrottled_time 0\n");
        put(&fs, "cpu.cfs_quota_us", "-1\n");
        put(&fs, "cpu.cfs_period_us", "100000\n");
        let groups = Cgroups::of(&ProcRoot::at(dir.path()), "self");
        assert_eq!(groups.cores(), Some(0.5));
        assert_eq!(groups.memory_bytes(), None, "its mount is not to be seen");
        assert_eq!(groups.throttle_file(), Some(fs.join("7/cpu.stat")));
    }

    #[test]
    fn the_groups_of_version_two_are_told_from_those_of_version_one() {
        let dir = tempfile::tempdir().unwrap();
        let root = ProcRoot::at(dir.path());
        let lines = "5:cpu,cpuacct:/box\n3:name=systemd:/\n0::/user/job\n";
        put(dir.path(), "self/cgroup", lines);
        put(dir.path(), "self/mountinfo", "");
        let why = Unified::of(&root, "self").unwrap_err();
        assert!(why.contains("not mounted"), "{why}");
        let mounts = "31 30 0:28 / /groups rw - cgroup2 cgroup2 rw\n";
        put(dir.path(), "self/mountinfo", mounts);
        let found = Unified::of(&root, "self").unwrap();
        let dirs = ["/groups/user/job", "/groups/user", "/groups/"].map(PathBuf::from);
        assert_eq!(found.dirs, dirs);
        assert_eq!(found.version_one, ["cpu", "cpuacct", "name=systemd"]);
        assert!(Unified::of(&root, "nobody").is_err());
    }

    #[test]
    fn a_quota_of_a_run_is_told_from_others_and_pressure_is_of_the_nearest_group() {
        let dir = tempfile::tempdir().unwrap();
        let (root, fs) = (ProcRoot::at(dir.path()), dir.path().join("fs"));
        let mounts = format!("31 30 0:28 / {} rw - cgroup2 cgroup2 rw\n", fs.display());
        put(dir.path(), "7/mountinfo", &mounts);
        for (group, quota, own, pressure) in [
            ("job/perftune-9-mlp.run", true, true, true),
            ("job/perftune-9-mlp.run", false, false, true),
            ("job/mine.run", true, false, true),
            ("perftune-9.aside", true, false, true),
            ("", true, false, false),
        ] {
            let _ = fs_err::remove_dir_all(&fs);
            put(dir.path(), "7/cgroup", &format!("0::/{group}\n"));
            let max = if quota { "50000 100000\n" } else { "max 100000\n" };
            put(&fs.join(group), "cpu.max", max);
            put(&fs.join(group), "cpu.pressure", "some total=1\n");
            put(&fs, "job/cpu.max", "150000 100000\n");
            let groups = Cgroups::of(&root, "7");
            assert_eq!(groups.quota_is_of_a_run(), own, "{group}");
            let found = Cgroups::pressure_dir(&root, "7");
            assert_eq!(found, pressure.then(|| fs.join(group)), "{group}");
        }
    }

    #[test]
    fn no_group_is_no_limit() {
        let dir = tempfile::tempdir().unwrap();
        let root = ProcRoot::at(dir.path());
        for text in ["", "0::/../../x\n", "nonsense\n", "1:cpu:/\n"] {
            put(dir.path(), "self/cgroup", text);
            put(
                dir.path(),
                "self/mountinfo",
                "garbage\n1 2 3:4 / /nowhere rw - cgroup2 cgroup2 rw\n",
            );
            let groups = Cgroups::of(&root, "self");
            assert_eq!((groups.cores(), groups.memory_bytes()), (None, None), "{text}");
            assert_eq!(groups.throttle_file(), None, "{text}");
        }
    }
}
