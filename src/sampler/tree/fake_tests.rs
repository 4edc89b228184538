//! The tree probe on directories that look like `/proc`: the cases that a real one shows too seldom.

use std::path::{Path, PathBuf};

use super::*;
use crate::event::Gap;

/// A `/proc` under a temporary directory. Processes have one thread unless said otherwise.
struct Fake {
    dir: tempfile::TempDir,
}

/// What a fake process says of itself. CPU in clock ticks, memory in pages.
struct Proc {
    pid: u32,
    parent: u32,
    name: &'static str,
    state: &'static str,
    start: u64,
    cpu: u64,
    children_cpu: u64,
    pages: u64,
    high_water_kb: u64,
    threads: &'static [u32],
}

fn process(pid: u32, parent: u32) -> Proc {
    Proc {
        pid,
        parent,
        name: "worker",
        state: "S",
        start: u64::from(pid) * 100,
        cpu: 10,
        children_cpu: 0,
        pages: 100,
        high_water_kb: 0,
        threads: &[],
    }
}

impl Fake {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(below)
    }

    fn write(&self, below: &str, text: impl AsRef<[u8]>) {
        let path = self.path(below);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    fn put(&self, p: &Proc) {
        let pid = p.pid;
        let threads = p.threads.len().max(1);
        self.write(
            &format!("{pid}/stat"),
            format!(
                "{pid} ({}) {} {} {pid} {pid} 0 -1 0 7 0 1 0 {} 0 {} 0 20 0 {threads} 0 {} 0 0 0\n",
                p.name, p.state, p.parent, p.cpu, p.children_cpu, p.start
            ),
        );
        self.write(&format!("{pid}/statm"), format!("999 {} 1 1 0 1 0\n", p.pages));
        self.write(&format!("{pid}/io"), "read_bytes: 4096\nwrite_bytes: 512\n");
        let hwm = match p.high_water_kb {
            0 => String::new(),
            kb => format!("VmHWM:\t{kb} kB\n"),
        };
        self.write(&format!("{pid}/status"), format!("Name:\tx\n{hwm}"));
        let own = [pid];
        for tid in if p.threads.is_empty() { &own } else { p.threads } {
            let dir = format!("{pid}/task/{tid}");
            self.write(
                &format!("{dir}/status"),
                "voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t2\n",
            );
            self.write(&format!("{dir}/schedstat"), "100 30 4\n");
            if !self.path(&dir).join("children").exists() {
                self.write(&format!("{dir}/children"), "");
            }
        }
    }

    fn children(&self, pid: u32, tid: u32, children: &str) {
        self.write(&format!("{pid}/task/{tid}/children"), children);
    }

    fn remove(&self, pid: u32) {
        fs_err::remove_dir_all(self.path(pid.to_string())).unwrap();
    }

    fn probe(&self, pid: u32) -> TreeProbe {
        TreeProbe::new(ProcRoot::at(self.dir.path()), pid)
    }
}

/// A tick `ms` after the origin.
fn tick(probe: &mut TreeProbe, ms: u64, thorough: bool) -> ResourceSample {
    let mut sample = ResourceSample::default();
    let mut gaps = GapLedger::default();
    probe.read(&mut Tick {
        now_ns: ms * 1_000_000,
        thorough,
        sample: &mut sample,
        gaps: &mut gaps,
        pids: &mut Vec::new(),
        looked: &mut false,
    });
    sample.gaps = gaps.current();
    sample
}

fn has_gap(sample: &ResourceSample, field: &str, says: &str) -> bool {
    let fits = |gap: &Gap| gap.field == field && gap.reason.detail.contains(says);
    sample.gaps.iter().any(fits)
}

/// Ticks in nanoseconds.
fn ns(ticks: u64) -> u64 {
    ticks * Units::of_system().tick_ns
}

fn pages(pages: u64) -> u64 {
    pages * Units::of_system().page
}

#[test]
fn one_process_is_read_whatever_its_name() {
    for name in ["worker", "a b", "x) Z 1 1 (", ")))", ""] {
        let fake = Fake::new();
        fake.put(&Proc { name, high_water_kb: 5000, threads: &[10, 11], ..process(10, 1) });
        let sample = tick(&mut fake.probe(10), 0, true);
        assert_eq!(sample.cpu_ns, Some(ns(10)), "{name}");
        assert_eq!(sample.rss_bytes, Some(pages(100)));
        assert_eq!(sample.peak_bytes, Some(5000 * 1024));
        assert_eq!((sample.read_bytes, sample.write_bytes), (Some(4096), Some(512)));
        assert_eq!((sample.minor_faults, sample.major_faults), (Some(7), Some(1)));
        assert_eq!((sample.voluntary_switches, sample.involuntary_switches), (Some(10), Some(4)));
        assert_eq!(sample.run_delay_ns, Some(60));
        assert_eq!((sample.processes, sample.threads), (1, 2));
        assert!(sample.gaps.is_empty(), "{:?}", sample.gaps);
    }
}

#[test]
fn a_child_of_any_thread_belongs_to_the_tree_and_its_memory_from_its_second_reading_on() {
    let fake = Fake::new();
    fake.put(&Proc { threads: &[10, 11], ..process(10, 1) });
    fake.put(&process(20, 10));
    fake.put(&process(30, 20));
    fake.children(10, 11, "20 ");
    fake.children(20, 20, "30 ");
    let mut probe = fake.probe(10);
    let first = tick(&mut probe, 0, true);
    assert_eq!((first.processes, first.cpu_ns), (3, Some(ns(30))));
    assert_eq!(first.rss_bytes, Some(pages(100)), "they may still run in their parent's memory");
    let second = tick(&mut probe, 100, false);
    assert_eq!(second.rss_bytes, Some(pages(300)));
    assert_eq!(second.peak_bytes, Some(pages(300)), "no VmHWM: the largest sum of a reading");
}

#[test]
fn without_children_files_the_parents_of_all_processes_tell() {
    let fake = Fake::new();
    for process in [process(10, 1), process(20, 10), process(30, 20), process(40, 1)] {
        fake.put(&process);
        let pid = process.pid;
        fs_err::remove_file(fake.path(format!("{pid}/task/{pid}/children"))).unwrap();
    }
    assert_eq!(tick(&mut fake.probe(10), 0, true).processes, 3);
}

#[test]
fn an_orphan_stays_in_the_tree() {
    let fake = Fake::new();
    for process in [process(10, 1), process(20, 10), process(30, 20)] {
        fake.put(&process);
    }
    fake.children(10, 10, "20 ");
    fake.children(20, 20, "30 ");
    let mut probe = fake.probe(10);
    tick(&mut probe, 0, true);
    // 20 ends and is waited for; 30 is adopted by process 1, outside of the tree.
    fake.remove(20);
    fake.children(10, 10, "");
    fake.put(&Proc { children_cpu: 10, ..process(10, 1) });
    fake.put(&Proc { cpu: 25, ..process(30, 1) });
    let sample = tick(&mut probe, 100, true);
    assert_eq!((sample.processes, sample.cpu_ns), (2, Some(ns(10 + 10 + 25))));
}

#[test]
fn an_id_that_is_used_again_is_not_ours() {
    let fake = Fake::new();
    for process in [process(10, 1), process(20, 10)] {
        fake.put(&process);
    }
    fake.children(10, 10, "20 ");
    let mut probe = fake.probe(10);
    tick(&mut probe, 0, true);
    fake.children(10, 10, "");
    fake.put(&Proc { start: 9999, cpu: 5000, ..process(20, 1) });
    for ms in [100, 200, 900] {
        let sample = tick(&mut probe, ms, false);
        assert_eq!((sample.processes, sample.cpu_ns), (1, Some(ns(20))), "at {ms} ms");
    }
}

#[test]
fn a_zombie_keeps_its_counters_and_has_no_memory() {
    let fake = Fake::new();
    fake.put(&process(10, 1));
    let mut probe = fake.probe(10);
    tick(&mut probe, 0, true);
    fake.put(&Proc { state: "Z", cpu: 12, pages: 0, ..process(10, 1) });
    let sample = tick(&mut probe, 100, true);
    assert_eq!(sample.cpu_ns, Some(ns(12)));
    assert_eq!((sample.processes, sample.threads), (0, 0));
    assert_eq!(sample.rss_bytes, None);
    assert!(has_gap(&sample, "rss_bytes", "ended"));
    assert_eq!(sample.peak_bytes, Some(pages(100)), "what was seen stays");
}

#[test]
fn a_tree_that_is_gone_keeps_its_totals() {
    let fake = Fake::new();
    fake.put(&process(10, 1));
    let mut probe = fake.probe(10);
    tick(&mut probe, 0, true);
    fake.remove(10);
    for (ms, thorough) in [(100, false), (200, false), (1000, true)] {
        let sample = tick(&mut probe, ms, thorough);
        assert_eq!((sample.cpu_ns, sample.read_bytes), (Some(ns(10)), Some(4096)), "at {ms} ms");
        assert_eq!(sample.rss_bytes, None);
        assert_eq!(sample.voluntary_switches, Some(5));
        assert_eq!(sample.processes, 0);
    }
}

#[test]
fn what_was_never_there_is_a_gap_in_every_field() {
    let fake = Fake::new();
    let sample = tick(&mut fake.probe(10), 0, true);
    assert_eq!(sample.cpu_ns, None);
    for field in TREE_FIELDS {
        assert!(has_gap(&sample, field, "no process 10"), "{field}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_gap_and_not_a_zero() {
    // The file that is damaged or missing, the fields that then are gaps.
    let cases: [(&str, Option<&str>, &[&str]); 4] = [
        ("10/io", Some("nonsense"), &["read_bytes", "write_bytes"]),
        ("10/io", None, &["read_bytes", "write_bytes"]),
        ("10/task/10/schedstat", None, &["run_delay_ns"]),
        ("10/task/10/status", None, &["voluntary_switches", "involuntary_switches"]),
    ];
    for (file, text, fields) in cases {
        let fake = Fake::new();
        fake.put(&process(10, 1));
        match text {
            Some(text) => fake.write(file, text),
            None => fs_err::remove_file(fake.path(file)).unwrap(),
        }
        let sample = tick(&mut fake.probe(10), 0, true);
        let gaps: Vec<_> = sample.gaps.iter().map(|gap| gap.field.as_str()).collect();
        assert_eq!(gaps, fields, "{file}: {:?}", sample.gaps);
        assert_eq!(sample.read_bytes.is_none(), fields.contains(&"read_bytes"));
        assert_eq!(sample.run_delay_ns.is_none(), fields.contains(&"run_delay_ns"));
        assert_eq!(sample.involuntary_switches.is_none(), fields.contains(&"involuntary_switches"));
        assert_eq!(sample.cpu_ns, Some(ns(10)));
    }
}

#[test]
fn a_process_that_cannot_be_read_for_a_while_is_not_counted_twice() {
    let fake = Fake::new();
    for process in [process(10, 1), process(20, 10)] {
        fake.put(&process);
    }
    fake.children(10, 10, "20 ");
    let mut probe = fake.probe(10);
    tick(&mut probe, 0, true);
    fake.write("20/stat", "garbage");
    assert_eq!(tick(&mut probe, 600, false).cpu_ns, Some(ns(20)));
    fake.put(&Proc { cpu: 11, ..process(20, 10) });
    for ms in [1200, 1800] {
        assert_eq!(tick(&mut probe, ms, false).cpu_ns, Some(ns(21)));
    }
}

/// A parent with two children of the same size; the share of each process in kB, if the kernel tells.
fn sharing(shares: Option<[u64; 3]>) -> Fake {
    let fake = Fake::new();
    for (at, process) in [process(10, 1), process(20, 10), process(30, 10)].iter().enumerate() {
        fake.put(process);
        if let Some(shares) = shares {
            fake.write(
                &format!("{}/smaps_rollup", process.pid),
                format!("Rss: 1 kB\nPss: {} kB\n", shares[at]),
            );
        }
    }
    fake.children(10, 10, "20 30 ");
    fake
}

#[test]
fn the_peak_of_several_processes_counts_shared_pages_once_where_the_kernel_tells() {
    let page_kb = pages(1) / 1024;
    for (shares, peak, gap) in [
        (Some([40 * page_kb, 40 * page_kb, 30 * page_kb]), pages(110), false),
        // Less than the largest of them alone: its own pages are not shared away.
        (Some([page_kb; 3]), pages(100), false),
        (None, pages(300), true),
    ] {
        let (once, summed) = (Some(peak), Some(pages(300)));
        let fake = sharing(shares);
        let mut probe = fake.probe(10);
        tick(&mut probe, 0, true);
        let sample = tick(&mut probe, 100, false);
        assert_eq!((sample.rss_bytes, sample.summed_bytes), (once, summed), "{shares:?}");
        assert_eq!(sample.peak_bytes, once, "{shares:?}");
        assert_eq!(has_gap(&sample, "peak_bytes", "upper bound"), gap, "{:?}", sample.gaps);
    }
}

#[test]
fn what_is_held_now_is_never_above_the_peak() {
    let page_kb = pages(1) / 1024;
    let fake = sharing(Some([40 * page_kb, 40 * page_kb, 30 * page_kb]));
    let mut probe = fake.probe(10);
    let mut held = Vec::new();
    for step in 0..6 {
        // The second and third tick have no time to tell apart what they share.
        if step == 1 {
            probe.peak.spend(10_000_000);
        }
        fake.put(&Proc { pages: 100 - 10 * step, ..process(20, 10) });
        let sample = tick(&mut probe, 200 * step, step == 5);
        let once = sample.rss_bytes.unwrap();
        assert!(sample.peak_bytes.unwrap() >= once, "{sample:?}");
        held.push(once);
    }
    assert!(held.iter().all(|once| *once >= pages(100)), "the largest holds as much: {held:?}");
    // Two of them end: what the last one shared with them is its own now.
    fake.children(10, 10, "");
    for pid in [20, 30] {
        fake.remove(pid);
    }
    let alone = tick(&mut probe, 2000, false);
    assert_eq!((alone.rss_bytes, alone.summed_bytes), (Some(pages(100)), None));
}

/// Pages that a fork copies when it writes to them raise nobody's resident memory.
#[test]
fn pages_that_are_no_longer_shared_are_found_without_a_record() {
    let page_kb = pages(1) / 1024;
    let fake = sharing(Some([40 * page_kb, 40 * page_kb, 30 * page_kb]));
    let mut probe = fake.probe(10);
    tick(&mut probe, 0, true);
    assert_eq!(tick(&mut probe, 100, false).peak_bytes, Some(pages(110)));
    for pid in [10, 20, 30] {
        let share = format!("Rss: 1 kB\nPss: {} kB\n", 90 * page_kb);
        fake.write(&format!("{pid}/smaps_rollup"), share);
    }
    let later = tick(&mut probe, 60_000, false);
    assert_eq!((later.rss_bytes, later.peak_bytes), (Some(pages(270)), Some(pages(270))));
}

#[test]
fn what_could_not_be_told_apart_in_time_is_an_upper_bound_at_the_end() {
    let page_kb = pages(1) / 1024;
    let fake = sharing(Some([100 * page_kb, 50 * page_kb, 50 * page_kb]));
    let mut probe = fake.probe(10);
    tick(&mut probe, 0, true);
    probe.peak.spend(1_000_000_000);
    let sample = tick(&mut probe, 100, false);
    assert_eq!(sample.peak_bytes, Some(pages(100)), "not yet");
    assert!(sample.gaps.is_empty(), "{:?}", sample.gaps);
    // The purse fills with time, and what was put off is told apart then.
    let mut later = fake.probe(10);
    tick(&mut later, 0, true);
    later.peak.spend(20_000_000);
    assert_eq!(tick(&mut later, 100, false).peak_bytes, Some(pages(100)));
    assert_eq!(tick(&mut later, 60_000, false).peak_bytes, Some(pages(200)));
    let last = tick(&mut probe, 200, true);
    assert_eq!(last.peak_bytes, Some(pages(300)));
    assert!(has_gap(&last, "peak_bytes", "upper bound"), "{:?}", last.gaps);
}

#[test]
fn shared_pages_are_counted_once() {
    let fake = Fake::new();
    for process in [process(10, 1), process(20, 10), process(30, 20)] {
        fake.put(&process);
    }
    fake.children(10, 10, "20 ");
    fake.children(20, 20, "30 ");
    let root = ProcRoot::at(fake.dir.path());
    // A kernel without the file.
    assert_eq!(unshared_bytes(&root, 10, None), None);
    fake.write("10/smaps_rollup", "Rss:  900 kB\nPss:  300 kB\nPss_Anon: 1 kB\n");
    fake.write("20/smaps_rollup", "Rss:  900 kB\nPss:  310 kB\n");
    // The third ends at this moment.
    assert_eq!(unshared_bytes(&root, 10, None), Some(610 * 1024));
    assert_eq!(unshared_bytes(&root, 99, None), None);
}

#[test]
fn this_process_holds_memory_of_its_own() {
    let held = unshared_bytes(&ProcRoot::system(), std::process::id(), None).unwrap();
    assert!((1 << 20..1 << 40).contains(&held), "{held}");
}

/// What a child has used before it is found would pass for the work of others, if the machine were read without a look.
#[test]
fn the_machine_is_read_when_all_of_the_tree_is() {
    let fake = Fake::new();
    fake.put(&process(10, 1));
    fake.put(&process(12, 10));
    fake.children(10, 10, "12 ");
    let mut probe = fake.probe(10);
    let mut at = |ms: u64, thorough: bool| {
        let mut sample = ResourceSample::default();
        let mut looked = false;
        probe.read(&mut Tick {
            now_ns: ms * 1_000_000,
            thorough,
            sample: &mut sample,
            gaps: &mut GapLedger::default(),
            pids: &mut Vec::new(),
            looked: &mut looked,
        });
        (looked, sample.cpu_ns.unwrap())
    };
    let (looked, before) = at(0, true);
    assert!(looked);
    fake.children(10, 10, "11 12 ");
    fake.put(&Proc { cpu: 25, ..process(11, 10) });
    assert_eq!(at(100, false), (false, before));
    assert_eq!(at(200, false), (true, before + ns(25)));
}
