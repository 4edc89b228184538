//! Whether the measured processes have a chip open.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::chips::TpuChips;
use crate::sampler::sysfs::is_number;

/// The chips that processes hold, by what they have opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    nodes: BTreeSet<PathBuf>,
    /// The open files of a process could not be listed.
    blind: bool,
}

/// What these processes have open below `root/dev` that could be a chip; `proc` is `/proc`.
pub(super) fn held(proc: &Path, root: &Path, pids: &[u32]) -> Held {
    let dev = root.join("dev");
    let mut held = Held::default();
    for pid in pids {
        let folder = proc.join(pid.to_string()).join("fd");
        let entries = match fs_err::read_dir(folder) {
            Ok(entries) => entries,
            // It has ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => {
                held.blind = true;
                continue;
            }
        };
        let links = entries.flatten().filter_map(|entry| fs_err::read_link(entry.path()).ok());
        held.nodes.extend(links.filter(|link| is_node(&dev, link)));
    }
    held
}

/// `/dev/accelN`, `/dev/vfio/N`. The latter may be any other card that a program drives itself.
fn is_node(dev: &Path, path: &Path) -> bool {
    let Some(name) = path.strip_prefix(dev).ok().and_then(Path::to_str) else {
        return false;
    };
    let number = name.strip_prefix("accel").or_else(|| name.strip_prefix("vfio/"));
    number.is_some_and(is_number)
}

impl Held {
    /// Whether the processes hold the machine's chips: all of them, none of them; `None` where nobody tells, and where they
    /// hold some, since the runtime's devices cannot be told apart by chip.
    pub(super) fn chips(&self, chips: &TpuChips) -> Option<bool> {
        if chips.chips.is_empty() {
            return None;
        }
        if self.nodes.is_empty() {
            return (!self.blind).then_some(false);
        }
        let holds = chips.chips.iter().map(|chip| {
            let node = chip.node.as_ref()?;
            Some(self.nodes.contains(node))
        });
        let holds: Vec<Option<bool>> = holds.collect();
        if holds.iter().all(|one| *one == Some(true)) {
            return Some(true);
        }
        let none = holds.iter().all(|one| *one == Some(false));
        (none && !self.blind).then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::sampler::tpu::chips::TpuChip;

    fn chips(nodes: &[Option<&str>]) -> TpuChips {
        let chip = |node: Option<&str>| TpuChip {
            address: "0000:00:05.0".to_owned(),
            generation: "v5e",
            devices: 1,
            node: node.map(PathBuf::from),
        };
        TpuChips { chips: nodes.iter().copied().map(chip).collect(), unknown: Vec::new() }
    }

    #[test]
    fn who_holds_a_chip_is_told_by_open_files_alone() {
        let proc = TempDir::new().unwrap();
        let open = |pid: u32, links: &[&str]| {
            let folder = proc.path().join(pid.to_string()).join("fd");
            fs_err::create_dir_all(&folder).unwrap();
            for (number, link) in links.iter().enumerate() {
                symlink(link, folder.join(number.to_string())).unwrap();
            }
        };
        open(1, &["/dev/null", "socket:[77]", "/dev/vfio/vfio", "/dev/acceleration"]);
        open(2, &["/dev/vfio/0", "pipe:[3]"]);
        open(3, &["/dev/vfio/1", "/dev/accel4"]);
        // Not a folder: what cannot be listed.
        fs_err::create_dir_all(proc.path().join("4")).unwrap();
        fs_err::write(proc.path().join("4/fd"), "").unwrap();
        let both = [Some("/dev/vfio/0"), Some("/dev/vfio/1")];
        let other = [Some("/dev/vfio/9")];
        let untold = [None];
        for (pids, nodes, expected) in [
            (&[1][..], &both[..], Some(false)),
            (&[1, 2, 3], &both, Some(true)),
            (&[2], &both, None),
            (&[2], &both[..1], Some(true)),
            (&[2], &other, Some(false)),
            (&[1], &untold, Some(false)),
            (&[2], &untold, None),
            (&[1, 4], &both, None),
            (&[2, 3, 4], &both, Some(true)),
            (&[2, 4], &other, None),
            (&[1, 99], &both, Some(false)),
            (&[], &both, Some(false)),
            (&[2], &[], None),
        ] {
            let held = held(proc.path(), Path::new("/"), pids);
            assert_eq!(held.chips(&chips(nodes)), expected, "{pids:?} {nodes:?}");
        }
    }
}
