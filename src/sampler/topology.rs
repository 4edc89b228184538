//! Where the processors lie that perftune may use: their cores and NUMA nodes, and at which node a device is.

use crate::event::Processor;

use super::limits::limit_means;
use super::sysfs::{SysRoot, is_number, names, number, text};

/// The hardware threads that perftune may use: those that are online and in its cpuset and its affinity.
pub fn processors() -> Result<Vec<Processor>, String> {
    Ok(processors_of(&limit_means().cpus?, &SysRoot::system()))
}

/// Binds the calling thread to these CPUs.
#[cfg(target_os = "linux")]
pub(super) fn bind(cpus: &[u32]) -> std::io::Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    let numbers = cpus.iter().map(|cpu| *cpu as usize);
    numbers.filter(|cpu| *cpu < CpuSet::MAX_CPU).for_each(|cpu| set.set(cpu));
    Ok(sched_setaffinity(None, &set)?)
}

/// Nobody binds a thread here.
#[cfg(not(target_os = "linux"))]
pub(super) fn bind(_cpus: &[u32]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// The NUMA node of the device at this place on the bus, where the system tells.
pub fn node_of_device(pci: &str) -> Option<u32> {
    let path = SysRoot::system().join("bus/pci/devices").join(pci).join("numa_node");
    // A machine of one node says -1.
    u32::try_from(number(&path).ok()?).ok()
}

/// The same, of these CPUs; where nothing is told of one, it is a core of its own at node 0.
fn processors_of(cpus: &[u32], root: &SysRoot) -> Vec<Processor> {
    let list = |path: &str| text(&root.join(path)).map(|text| cpus_in(&text)).unwrap_or_default();
    let nodes = names(&root.join("devices/system/node")).into_iter();
    let nodes: Vec<(u32, Vec<u32>)> = nodes
        .filter_map(|name| {
            let digits = name.strip_prefix("node").filter(|digits| is_number(digits))?;
            Some((digits.parse().ok()?, list(&format!("devices/system/node/{name}/cpulist"))))
        })
        .collect();
    let of = |cpu: &u32| {
        let node = nodes.iter().find(|(_, cpus)| cpus.contains(cpu)).map_or(0, |(node, _)| *node);
        let folder = format!("devices/system/cpu/cpu{cpu}/topology");
        // The second one is the name of older kernels.
        let siblings = ["core_cpus_list", "thread_siblings_list"].into_iter();
        let mut siblings = siblings.map(|name| list(&format!("{folder}/{name}")));
        let core = siblings.find_map(|siblings| siblings.into_iter().min());
        Processor { node, core: core.unwrap_or(*cpu), cpu: *cpu }
    };
    cpus.iter().map(of).collect()
}

/// The numbers of a list such as `0-3,8`; what is no such list holds none.
fn cpus_in(text: &str) -> Vec<u32> {
    /// More than any kernel has.
    const MOST: u32 = 1 << 16;
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (last < MOST).then_some(first..=last)
    };
    text.split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::cpu_list;
    use proptest::prelude::*;

    fn put(dir: &std::path::Path, name: &str, text: &str) {
        let path = dir.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    #[test]
    fn cores_and_nodes_are_read_and_what_is_not_told_is_a_core_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "devices/system/node/node0/cpulist", "0-1,4-5\n");
        put(dir.path(), "devices/system/node/node1/cpulist", "2-3,6-7\n");
        put(dir.path(), "devices/system/node/possible", "0-1\n");
        for (cpu, siblings) in [(0, "0,4"), (4, "0,4"), (2, "2,6"), (6, "2,6")] {
            let folder = format!("devices/system/cpu/cpu{cpu}/topology");
            put(dir.path(), &format!("{folder}/core_cpus_list"), siblings);
        }
        put(dir.path(), "devices/system/cpu/cpu5/topology/thread_siblings_list", "1,5\n");
        let found = processors_of(&[0, 2, 4, 5, 6, 9], &SysRoot::at(dir.path()));
        let shown: Vec<_> = found.iter().map(|p| (p.node, p.core, p.cpu)).collect();
        assert_eq!(shown, [(0, 0, 0), (1, 2, 2), (0, 0, 4), (0, 1, 5), (1, 2, 6), (0, 9, 9)]);
    }

    #[test]
    fn this_machine_tells_its_processors() {
        let found = processors().unwrap();
        assert!(!found.is_empty());
        assert!(found.iter().all(|processor| processor.core <= processor.cpu));
    }

    proptest! {
        #[test]
        fn a_list_is_read_as_it_is_written(cpus in prop::collection::btree_set(0_u32..2000, 0..50)) {
            let cpus: Vec<u32> = cpus.into_iter().collect();
            prop_assert_eq!(cpus_in(&cpu_list(&cpus)), cpus);
        }

        #[test]
        fn no_text_is_too_much(text in ".{0,40}") {
            let _ = cpus_in(&text);
        }
    }

    #[test]
    fn what_is_no_list_holds_nothing() {
        for text in ["", "x", "1-", "0-4294967295", "5-2"] {
            assert_eq!(cpus_in(text), Vec::<u32>::new(), "{text}");
        }
    }
}
