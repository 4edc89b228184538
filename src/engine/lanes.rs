//! Lanes: which parts of this machine run visits side by side. Disjoint sets of cores, all of them alike, each within a NUMA
//! node where that is possible; the hardware threads of a core stay together.
//!
//! Which processors there are is asked elsewhere. Invariant: a pure function of them, and no processor is in two lanes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::event::{Lane, Processor, cpu_list};

/// How many lanes, or how they are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    /// So many, as large as they can be.
    Count(u32),
    /// As many as there are, of so many cores each.
    Cores(u32),
    /// One for each GPU.
    Gpu,
}

impl Lanes {
    /// One visit after the other.
    pub const ONE: Self = Self::Count(1);
    /// What may be written.
    pub const EXPECTED: &str = "a number of lanes from 1, \"cores:2\" or \"gpu\"";
    const CORES: &str = "cores:";
}

impl FromStr for Lanes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, of): (&str, fn(u32) -> Self) = match text.strip_prefix(Self::CORES) {
            Some(cores) => (cores, Self::Cores),
            None => (text, Self::Count),
        };
        match number.parse() {
            _ if text == "gpu" => Ok(Self::Gpu),
            Ok(number) if number > 0 => Ok(of(number)),
            _ => Err(format!("write {}", Self::EXPECTED)),
        }
    }
}

impl fmt::Display for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(lanes) => write!(f, "{lanes}"),
            Self::Cores(cores) => write!(f, "{}{cores}", Self::CORES),
            Self::Gpu => f.write_str("gpu"),
        }
    }
}

/// A GPU that a lane can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneGpu {
    /// What identifies it wherever it is counted.
    pub uuid: String,
    /// The NUMA node that it is at, where the system tells.
    pub node: Option<u32>,
}

/// What lanes are cut from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ground {
    /// What perftune may use.
    pub processors: Vec<Processor>,
    /// Whole cores that a quota grants at most; absent: no quota.
    pub quota: Option<u32>,
    /// The GPUs; asked only where lanes are to have them.
    pub gpus: Vec<LaneGpu>,
}

/// Why there are no such lanes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LanesError {
    /// Each lane has a core of its own at least.
    #[error(
        "{lanes} lanes need {lanes} cores, and perftune may use {there} here: CPU {}",
        cpu_list(cpus)
    )]
    TooMany {
        /// How many were asked for.
        lanes: u32,
        /// How many cores there are, with all of their hardware threads.
        there: usize,
        /// What perftune may use.
        cpus: Vec<u32>,
    },
    /// What all lanes use together would be held back.
    #[error("{lanes} lanes need {lanes} CPUs, and the quota of the control group grants {quota}")]
    BeyondQuota {
        /// How many were asked for.
        lanes: u32,
        /// Whole CPUs of the quota.
        quota: u32,
    },
    /// There is no lane of that size.
    #[error(
        "a lane of {cores} cores is larger than what perftune may use here: {there} cores, CPU {}",
        cpu_list(cpus)
    )]
    TooLarge {
        /// Cores of a lane.
        cores: u32,
        /// How many cores there are.
        there: usize,
        /// What perftune may use.
        cpus: Vec<u32>,
    },
    /// There is no GPU to give to a lane.
    #[error("no GPU can be given to a lane: {0}")]
    NoGpu(String),
    /// The system does not tell.
    #[error("lanes need to know the CPUs: {0}")]
    Unknown(String),
}

/// A core: its hardware threads, by number.
type Core = Vec<u32>;

/// The lanes of this ground; one of them is none: then the whole machine is used.
pub fn cut(asked: Lanes, ground: &Ground) -> Result<Vec<Lane>, LanesError> {
    let lanes = match asked {
        Lanes::Count(1) => return Ok(Vec::new()),
        Lanes::Gpu if ground.gpus.is_empty() => {
            return Err(LanesError::NoGpu("none was found".to_owned()));
        }
        Lanes::Gpu => u32::try_from(ground.gpus.len()).unwrap_or(u32::MAX),
        Lanes::Count(lanes) => lanes,
        Lanes::Cores(_) => 0,
    };
    let nodes = nodes(&ground.processors);
    let cpus = || ground.processors.iter().map(|processor| processor.cpu).collect::<Vec<_>>();
    let there = nodes.values().map(Vec::len).sum();
    let quota = ground.quota.unwrap_or(u32::MAX) as usize;
    if lanes as usize > there {
        return Err(LanesError::TooMany { lanes, there, cpus: cpus() });
    }
    if lanes as usize > quota {
        return Err(LanesError::BeyondQuota { lanes, quota: ground.quota.unwrap_or(0) });
    }
    // Where a part of the hardware threads of a core may be used, lanes are alike all the same.
    let most = nodes.values().flatten().map(Vec::len).max().unwrap_or(0);
    let ways = (1..=most).rev().map(|threads| {
        let nodes: Vec<Vec<Core>> = nodes.values().map(|cores| trimmed(cores, threads)).collect();
        match asked {
            Lanes::Cores(cores) => of_size(&nodes, cores as usize, quota / threads),
            _ => of_number(&nodes, lanes as usize, quota / threads),
        }
    });
    let size = |way: &Vec<Vec<u32>>| way.iter().map(Vec::len).sum::<usize>();
    // Of ways that use as much, the one whose cores have the most hardware threads, which comes first.
    let best = ways.rev().max_by_key(size).filter(|way| !way.is_empty());
    let Some(sets) = best else {
        return Err(match asked {
            Lanes::Cores(cores) => LanesError::TooLarge { cores, there, cpus: cpus() },
            _ => LanesError::TooMany { lanes, there, cpus: cpus() },
        });
    };
    Ok(named(sets, asked, ground))
}

/// The cores of each NUMA node.
fn nodes(processors: &[Processor]) -> BTreeMap<u32, Vec<Core>> {
    let mut nodes: BTreeMap<u32, BTreeMap<u32, Core>> = BTreeMap::new();
    let mut sorted = processors.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    for Processor { node, core, cpu } in sorted {
        nodes.entry(node).or_default().entry(core).or_default().push(cpu);
    }
    nodes.into_iter().map(|(node, cores)| (node, cores.into_values().collect())).collect()
}

/// So many hardware threads of each core that has them.
fn trimmed(cores: &[Core], threads: usize) -> Vec<Core> {
    let large = cores.iter().filter(|core| core.len() >= threads);
    large.map(|core| core[..threads].to_vec()).collect()
}

/// So many lanes, as large as they can be; `most`: cores that they may have together.
fn of_number(nodes: &[Vec<Core>], lanes: usize, most: usize) -> Vec<Vec<u32>> {
    let all: usize = nodes.iter().map(Vec::len).sum();
    let largest = (all / lanes).min(most / lanes);
    let fits = |cores: &usize| nodes.iter().map(|node| node.len() / cores).sum::<usize>() >= lanes;
    let within = (1..=largest).rev().find(fits).unwrap_or(0);
    // Fewer lanes than nodes: each has several of these.
    let each = nodes.len() / lanes;
    let smallest = nodes.iter().map(Vec::len).min().unwrap_or(0);
    let across = if each > 1 { (each * smallest).min(largest) } else { 0 };
    if across > within {
        let groups: Vec<Vec<Core>> = nodes.chunks(each).map(<[Vec<Core>]>::concat).collect();
        return of_size(&groups, across, across * lanes);
    }
    let mut sets = match within {
        0 => return Vec::new(),
        cores => of_size(nodes, cores, usize::MAX),
    };
    if sets.len() > lanes {
        sets = spread(nodes, within, lanes);
    }
    sets
}

/// As many lanes as there are of so many cores each; `most`: cores that they may have together.
fn of_size(nodes: &[Vec<Core>], cores: usize, most: usize) -> Vec<Vec<u32>> {
    let mut sets: Vec<Vec<u32>> = Vec::new();
    let mut left: Vec<Core> = Vec::new();
    let mut take = |set: &[Core]| {
        let mut cpus = set.concat();
        cpus.sort_unstable();
        sets.push(cpus);
    };
    for node in nodes {
        let parts = node.chunks_exact(cores);
        left.extend_from_slice(parts.remainder());
        parts.for_each(&mut take);
    }
    // What no node holds alone.
    if nodes.iter().all(|node| node.len() < cores) {
        left.chunks_exact(cores).for_each(&mut take);
    }
    sets.truncate(most / cores);
    sets
}

/// The same, so many of them, from all nodes in turn: lanes that share a node share its memory.
fn spread(nodes: &[Vec<Core>], cores: usize, lanes: usize) -> Vec<Vec<u32>> {
    let parts: Vec<Vec<&[Core]>> =
        nodes.iter().map(|node| node.chunks_exact(cores).collect()).collect();
    let deepest = parts.iter().map(Vec::len).max().unwrap_or(0);
    let in_turn = (0..deepest).flat_map(|at| parts.iter().filter_map(move |node| node.get(at)));
    let mut sets: Vec<Vec<u32>> = in_turn.take(lanes).map(|set| set.concat()).collect();
    for set in &mut sets {
        set.sort_unstable();
    }
    sets.sort_unstable();
    sets
}

/// The lanes of these sets; each GPU goes to one that is at its node, as far as there are any.
fn named(sets: Vec<Vec<u32>>, asked: Lanes, ground: &Ground) -> Vec<Lane> {
    let of = u32::try_from(sets.len()).unwrap_or(u32::MAX);
    // One lane of a size is not the whole machine, but nothing runs beside it.
    let mut gpus: Vec<Option<LaneGpu>> = match asked {
        Lanes::Gpu => ground.gpus.iter().cloned().map(Some).collect(),
        Lanes::Count(_) | Lanes::Cores(_) => Vec::new(),
    };
    let node_of = |set: &[u32]| {
        let first = ground.processors.iter().find(|processor| set.first() == Some(&processor.cpu));
        first.map(|processor| processor.node)
    };
    let near: Vec<Option<LaneGpu>> = sets
        .iter()
        .map(|set| {
            let node = node_of(set);
            let at = |gpu: &&mut Option<LaneGpu>| {
                gpu.as_ref().is_some_and(|gpu| gpu.node.is_some() && gpu.node == node)
            };
            gpus.iter_mut().find(at).and_then(Option::take)
        })
        .collect();
    let mut rest = gpus.into_iter().flatten();
    let each = (1..).zip(sets).zip(near);
    each.map(|((number, cpus), near)| Lane {
        number,
        of,
        cpus,
        gpu: near.or_else(|| rest.next()).map(|gpu| gpu.uuid),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `node: core core ...`, a core as its hardware threads: `0: 0,4 1,5`.
    fn ground(text: &str, quota: Option<u32>) -> Ground {
        let mut processors = Vec::new();
        for node in text.split("; ").filter(|node| !node.is_empty()) {
            let (node, cores) = node.split_once(": ").unwrap();
            for core in cores.split(' ') {
                let cpus: Vec<u32> = core.split(',').map(|cpu| cpu.parse().unwrap()).collect();
                let node = node.parse().unwrap();
                processors.extend(cpus.iter().map(|cpu| Processor {
                    node,
                    core: cpus[0],
                    cpu: *cpu,
                }));
            }
        }
        Ground { processors, quota, gpus: Vec::new() }
    }

    fn sets(asked: &str, ground: &Ground) -> Result<String, String> {
        let lanes = cut(asked.parse().unwrap(), ground).map_err(|error| error.to_string())?;
        let sets: Vec<String> = lanes.iter().map(|lane| cpu_list(&lane.cpus)).collect();
        Ok(sets.join(" | "))
    }

    #[test]
    fn lanes_are_alike_disjoint_and_near() {
        for (machine, quota, asked, says) in [
            // No hardware threads, one node.
            ("0: 0 1", None, "1", Ok("")),
            ("0: 0 1", None, "2", Ok("0 | 1")),
            ("0: 0 1 2 3", None, "2", Ok("0-1 | 2-3")),
            ("0: 0 1 2 3", None, "cores:2", Ok("0-1 | 2-3")),
            // Odd counts leave something over, so that all lanes are alike.
            ("0: 0 1 2", None, "2", Ok("0 | 1")),
            ("0: 0 1 2 3 4", None, "cores:2", Ok("0-1 | 2-3")),
            // The hardware threads of a core stay together.
            ("0: 0,4 1,5 2,6 3,7", None, "2", Ok("0-1,4-5 | 2-3,6-7")),
            ("0: 0,1 2,3", None, "2", Ok("0-1 | 2-3")),
            ("0: 0,1 2,3", None, "cores:1", Ok("0-1 | 2-3")),
            // A cpuset that holds a part of a core, or of which a CPU is offline.
            ("0: 0,4 1", None, "2", Ok("0 | 1")),
            ("0: 0,4 1,5 2", None, "2", Ok("0,4 | 1,5")),
            ("0: 3 5 9", None, "3", Ok("3 | 5 | 9")),
            // Nodes: lanes within one, and from all in turn.
            ("0: 0 1 2 3; 1: 4 5 6 7", None, "2", Ok("0-3 | 4-7")),
            ("0: 0 1 2 3; 1: 4 5 6 7", None, "4", Ok("0-1 | 2-3 | 4-5 | 6-7")),
            ("0: 0 1 2 3 4; 1: 5 6 7 8 9", None, "3", Ok("0-1 | 2-3 | 5-6")),
            ("0: 0 1 2; 1: 4 5 6", None, "cores:2", Ok("0-1 | 4-5")),
            // Larger than a node.
            ("0: 0 1; 1: 2 3; 2: 4 5; 3: 6 7", None, "2", Ok("0-3 | 4-7")),
            ("0: 0 1; 1: 2 3; 2: 4 5; 3: 6 7", None, "3", Ok("0-1 | 2-3 | 4-5")),
            ("0: 0 1; 1: 2 3; 2: 4 5", None, "cores:3", Ok("0-2 | 3-5")),
            // A quota bounds all lanes together.
            ("0: 0 1 2 3", Some(2), "2", Ok("0 | 1")),
            ("0: 0,4 1,5 2,6 3,7", Some(4), "2", Ok("0,4 | 1,5")),
            ("0: 0,4 1,5", Some(2), "2", Ok("0 | 1")),
            ("0: 0 1 2 3", Some(3), "cores:1", Ok("0 | 1 | 2")),
            // What cannot be.
            (
                "0: 0 1",
                None,
                "3",
                Err("3 lanes need 3 cores, and perftune may use 2 here: CPU 0-1"),
            ),
            (
                "0: 0,1",
                None,
                "2",
                Err("2 lanes need 2 cores, and perftune may use 1 here: CPU 0-1"),
            ),
            ("0: 0 1 2", Some(1), "2", Err("the quota of the control group grants 1")),
            ("0: 0 1", None, "cores:3", Err("a lane of 3 cores is larger than")),
            ("0: 0 1", None, "gpu", Err("no GPU can be given to a lane")),
            ("", None, "2", Err("perftune may use 0 here")),
        ] {
            match (sets(asked, &ground(machine, quota)), says) {
                (Ok(found), Ok(says)) => assert_eq!(found, says, "{machine} {quota:?} {asked}"),
                (Err(found), Err(says)) => assert!(found.contains(says), "{machine}: {found}"),
                (found, says) => panic!("{machine} {quota:?} {asked}: {found:?}, not {says:?}"),
            }
        }
    }

    #[test]
    fn each_gpu_has_a_lane_near_it() {
        let gpu = |uuid: &str, node| LaneGpu { uuid: uuid.to_owned(), node };
        let machine = ground("0: 0 1 2 3; 1: 4 5 6 7", None);
        let of = |gpus: Vec<LaneGpu>| {
            let lanes = cut(Lanes::Gpu, &Ground { gpus, ..machine.clone() }).unwrap();
            lanes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            of(vec![gpu("GPU-b", Some(1)), gpu("GPU-a", Some(0))]),
            "lane 1 of 2: CPU 0-3, GPU-a; lane 2 of 2: CPU 4-7, GPU-b"
        );
        assert_eq!(
            of(vec![gpu("GPU-b", Some(1)), gpu("GPU-c", None), gpu("GPU-d", Some(1))]),
            "lane 1 of 3: CPU 0-1, GPU-c; lane 2 of 3: CPU 2-3, GPU-d; lane 3 of 3: CPU 4-5, GPU-b"
        );
        // One GPU is one lane: the cells are run one after the other, each on that device.
        assert_eq!(of(vec![gpu("GPU-a", None)]), "lane 1 of 1: CPU 0-7, GPU-a");
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["1", "12", "cores:2", "gpu"] {
            assert_eq!(text.parse::<Lanes>().unwrap().to_string(), text);
        }
        for text in ["0", "-1", "cores:0", "cores:", "gpus", "", "1.5"] {
            let why = text.parse::<Lanes>().unwrap_err();
            assert!(why.starts_with("write a number of lanes"), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn no_processor_is_in_two_lanes(
            nodes in prop::collection::vec(prop::collection::vec(1_usize..3, 1..9), 1..5),
            asked in prop_oneof![(2_u32..12).prop_map(Lanes::Count), (1_u32..6).prop_map(Lanes::Cores)],
            quota in prop::option::of(1_u32..20),
        ) {
            let (mut cpu, mut processors) = (0, Vec::new());
            for (node, cores) in (0..).zip(&nodes) {
                for threads in cores {
                    let core = cpu;
                    for _ in 0..*threads {
                        processors.push(Processor { node, core, cpu });
                        cpu += 1;
                    }
                }
            }
            if let Ok(lanes) = cut(asked, &Ground { processors, quota, gpus: Vec::new() }) {
                let mut all: Vec<u32> = lanes.iter().flat_map(|lane| lane.cpus.clone()).collect();
                prop_assert!(quota.is_none_or(|quota| all.len() <= quota as usize));
                let used = all.len();
                all.sort_unstable();
                all.dedup();
                prop_assert_eq!(all.len(), used);
                prop_assert!(lanes.windows(2).all(|two| two[0].cpus.len() == two[1].cpus.len()));
                if let Lanes::Count(count) = asked {
                    prop_assert_eq!(lanes.len(), count as usize);
                }
            }
        }
    }
}
