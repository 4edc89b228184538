use super::*;
use crate::event::ResourceSample;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

/// A `/sys` with these domains: folder, name, counter, range.
fn machine(domains: &[(&str, &str, &str, &str)]) -> (tempfile::TempDir, SysRoot) {
    let dir = tempfile::tempdir().unwrap();
    for (folder, name, energy, range) in domains {
        let at = dir.path().join("class/powercap").join(folder);
        fs_err::create_dir_all(&at).unwrap();
        fs_err::write(at.join("name"), format!("{name}\n")).unwrap();
        fs_err::write(at.join("energy_uj"), format!("{energy}\n")).unwrap();
        fs_err::write(at.join("max_energy_range_uj"), format!("{range}\n")).unwrap();
    }
    let root = SysRoot::at(dir.path());
    (dir, root)
}

fn set(dir: &tempfile::TempDir, folder: &str, energy: &str) {
    let file = dir.path().join("class/powercap").join(folder).join("energy_uj");
    fs_err::write(file, energy).unwrap();
}

struct Ticks {
    probe: EnergyProbe,
    gaps: GapLedger,
}

impl Ticks {
    fn new(root: &SysRoot) -> Self {
        Self { probe: EnergyProbe::new(true, root), gaps: GapLedger::default() }
    }

    /// A tick: what it read and what gaps it said.
    fn at(&mut self, ms: u64) -> (Vec<(String, u64)>, Vec<String>) {
        let mut sample = ResourceSample::default();
        self.gaps.begin();
        self.probe.read(&mut Tick {
            now_ns: ms * MS,
            thorough: false,
            sample: &mut sample,
            gaps: &mut self.gaps,
            pids: &mut Vec::new(),
            looked: &mut false,
        });
        let read = sample.energy.into_iter();
        let gaps = self.gaps.end().into_iter();
        (
            read.map(|reading| (reading.domain, reading.energy_uj)).collect(),
            gaps.map(|gap| format!("{}: {}", gap.field, gap.reason)).collect(),
        )
    }
}

fn reading(domain: &str, energy_uj: u64) -> (String, u64) {
    (domain.to_owned(), energy_uj)
}

#[test]
fn packages_their_memory_and_the_platform_are_read_and_nothing_twice() {
    let (dir, root) = machine(&[
        ("intel-rapl", "", "", ""),
        ("intel-rapl:0", "package-0", "100", "262143328850"),
        ("intel-rapl:0:0", "core", "60", "262143328850"),
        ("intel-rapl:0:1", "uncore", "10", "262143328850"),
        ("intel-rapl:0:2", "dram", "50", "65712999613"),
        ("intel-rapl:1", "package-1-die-0", "1000", "262143328850"),
        ("intel-rapl:1:0", "dram", "1", "65712999613"),
        ("intel-rapl:2", "psys", "7", "262143328850"),
        ("intel-rapl-mmio:0", "package-0", "100", "262143328850"),
        ("dtpm", "something", "1", "1"),
    ]);
    let mut ticks = Ticks::new(&root);
    let zeros = ["package-0", "dram-0", "package-1-die-0", "dram-1-die-0", "psys"];
    let (read, gaps) = ticks.at(0);
    assert_eq!(read, zeros.map(|name| reading(name, 0)));
    assert!(gaps.is_empty(), "{gaps:?}");
    set(&dir, "intel-rapl:0", "5000100");
    set(&dir, "intel-rapl:0:2", "250");
    // The pace is not yet over: nothing was read, and nothing is missing.
    assert_eq!(ticks.at(20), (Vec::new(), Vec::new()));
    let (read, gaps) = ticks.at(100);
    assert_eq!(read[..2], [reading("package-0", 5_000_000), reading("dram-0", 200)]);
    assert!(gaps.is_empty(), "{gaps:?}");
    let found = counters(&root).unwrap();
    assert_eq!((found.readable.len(), found.others.len()), (5, 0));
}

#[test]
fn counters_that_turn_vanish_or_hold_text() {
    let range = "262143328850";
    let (dir, root) = machine(&[
        ("intel-rapl:0", "package-0", "262143328000", range),
        ("intel-rapl:0:0", "dram", "5", range),
    ]);
    let mut ticks = Ticks::new(&root);
    ticks.at(0);
    set(&dir, "intel-rapl:0", "150");
    assert_eq!(ticks.at(100).0, [reading("package-0", 1000), reading("dram-0", 0)]);
    set(&dir, "intel-rapl:0:0", "what?");
    let (read, gaps) = ticks.at(200);
    assert_eq!(read, [reading("package-0", 1000)]);
    assert_eq!(gaps, ["energy.dram-0: unsupported: the counter of dram-0: it holds no number"]);
    // It comes back without what it used meanwhile.
    set(&dir, "intel-rapl:0:0", "500");
    let (read, gaps) = ticks.at(300);
    assert_eq!(read[1], reading("dram-0", 0));
    assert!(gaps.is_empty());
    set(&dir, "intel-rapl:0", "90000000000");
    let (read, gaps) = ticks.at(400);
    assert_eq!(read, [reading("dram-0", 0)]);
    assert!(gaps[0].contains("set anew"), "{gaps:?}");
    fs_err::remove_dir_all(dir.path().join("class/powercap")).unwrap();
    let (read, gaps) = ticks.at(500);
    assert!(read.is_empty());
    assert_eq!(gaps, ["energy: unsupported: the counter of package-0 has gone"]);
    assert_eq!(ticks.at(600).1.len(), 0, "a gap is said once");
}

#[test]
fn a_machine_without_counters_says_so_and_the_switch_is_respected() {
    let (_dir, root) = machine(&[("intel-rapl-mmio:0", "package-0", "1", "1")]);
    let (read, gaps) = Ticks::new(&root).at(0);
    assert!(read.is_empty());
    assert!(gaps[0].starts_with("energy: unsupported: no RAPL counters"), "{gaps:?}");
    let mut gaps = GapLedger::default();
    EnergyProbe::new(false, &root).read_now(0, &mut gaps);
    assert!(gaps.current()[0].reason.detail.contains("`[sampler] energy`"));
}

#[test]
fn two_counters_of_one_name_are_no_reading() {
    let (_dir, root) = machine(&[
        ("intel-rapl:0", "package-0", "1", "1000"),
        ("intel-rapl:1", "package-0", "2", "1000"),
        ("intel-rapl:2", "psys", "2", "1000"),
    ]);
    let (read, gaps) = Ticks::new(&root).at(0);
    assert_eq!(read, [reading("psys", 0)]);
    assert!(gaps[0].contains("two counters have this name"), "{gaps:?}");
}

#[test]
fn a_counter_that_may_not_be_read_says_what_to_do() {
    let said = unsupported("package-0", &Unreadable::Denied).detail;
    assert!(said.contains("sudo chmod a+r") && said.contains("CVE-2020-8694"), "{said}");
    let (dir, root) = machine(&[
        ("intel-rapl:0", "package-0", "1", "1000"),
        ("intel-rapl:1", "package-1", "1", "1000"),
    ]);
    // Also root cannot read this.
    for folder in ["intel-rapl:0", "intel-rapl:1"] {
        let file = dir.path().join("class/powercap").join(folder).join("energy_uj");
        fs_err::remove_file(&file).unwrap();
        fs_err::create_dir(&file).unwrap();
    }
    let (read, gaps) = Ticks::new(&root).at(0);
    assert!(read.is_empty());
    assert_eq!(gaps.len(), 1, "once for all of them: {gaps:?}");
    let found = counters(&root).unwrap();
    assert_eq!((found.readable.len(), found.others.len()), (0, 2));
}

fn never_breaks(texts: &[(u16, Vec<u8>)], range: &[u8]) {
    let (dir, root) = machine(&[("intel-rapl:0", "package-0", "1", "1")]);
    let folder = dir.path().join("class/powercap/intel-rapl:0");
    fs_err::write(folder.join("max_energy_range_uj"), range).unwrap();
    let mut ticks = Ticks::new(&root);
    let (mut ms, mut last) = (0, 0);
    for (later, text) in texts {
        ms += u64::from(*later);
        fs_err::write(folder.join("energy_uj"), text).unwrap();
        for (_, energy_uj) in ticks.at(ms).0 {
            assert!(energy_uj >= last);
            last = energy_uj;
        }
    }
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u64>().prop_map(|n| n.to_string().into_bytes()),
        (0..100_000_u64).prop_map(|n| format!("{n}\n").into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..30),
    ]
}

fn contents() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    proptest::collection::vec((any::<u16>(), content()), 0..6)
}

proptest! {
    #[test]
    fn no_content_breaks_the_probe(texts in contents(), range in content()) {
        never_breaks(&texts, &range);
    }
}

#[test]
#[ignore = "200,000 cases of files: a minute"]
fn no_content_of_many_breaks_the_probe() {
    let config = ProptestConfig::with_cases(200_000);
    proptest!(config, |(texts in contents(), range in content())| {
        never_breaks(&texts, &range);
    });
}
