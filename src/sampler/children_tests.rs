//! The sampler on real processes. The children are this test program again, in a role; they speak in lines that begin with
//! `@`, and wait for their standard input to end. Nothing here depends on how long something takes.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests; a role speaks on standard output"
)]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;

use nix::sys::resource::{UsageWho, getrusage};
use rustix::process::{WaitId, WaitIdOptions, waitid};
use rustix::time::{ClockId, clock_gettime};

use super::probe::{GapLedger, Probe, Tick};
use super::proc::{ProcRoot, parse};
use super::tree::TreeProbe;
use super::{Sampler, SamplerPolicy};
use crate::clock::MonotonicClock;
use crate::event::ResourceSample;

const ROLE: &str = "PERFTUNE_TEST_ROLE";
const MB: usize = 1 << 20;

/// Not a test of its own: what a child of a test does.
#[test]
fn child_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let mut words = role.split(':');
    let name = words.next().unwrap();
    let numbers: Vec<usize> = words.map(|word| word.parse().unwrap()).collect();
    match name {
        "burn" => {
            burn(numbers[0]);
            say(&process_cpu_ns().to_string());
        }
        "spike" => {
            drop(touched(numbers[0] * MB));
            say("ready");
        }
        "threads" => {
            let memory = touched(numbers[1] * MB);
            for _ in 0..numbers[0] {
                std::thread::spawn(|| {
                    loop {
                        std::thread::park();
                    }
                });
            }
            say("ready");
            wait_for_end();
            drop(memory);
            return;
        }
        "many" => {
            for _ in 0..numbers[0] {
                let mut child = start(&format!("once:{}", numbers[1]));
                assert!(child.child.wait().unwrap().success());
            }
            say(&rusage_ns().to_string());
        }
        "once" => return burn(numbers[0]),
        "reaper" => return say(&adopted().to_string()),
        "daemons" => return say(&daemon_share()),
        "nested" => {
            // From a thread that is certainly not the first.
            let child = std::thread::spawn(|| start("idle")).join().unwrap();
            say(&child.child.id().to_string());
            wait_for_end();
            return;
        }
        _ => say("ready"),
    }
    wait_for_end();
}

fn say(what: &str) {
    println!("\n@{what}");
}

fn wait_for_end() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

fn process_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Uses so many milliseconds of CPU time.
fn burn(ms: usize) {
    let end = process_cpu_ns() + ms as u64 * 1_000_000;
    while process_cpu_ns() < end {
        std::hint::spin_loop();
    }
}

/// What this process and the children that it waited for have used.
fn rusage_ns() -> u64 {
    [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN]
        .into_iter()
        .map(|who| {
            let usage = getrusage(who).unwrap();
            let total = usage.user_time() + usage.system_time();
            total.tv_sec().unsigned_abs() * 1_000_000_000 + total.tv_usec().unsigned_abs() * 1000
        })
        .sum()
}

/// As a subreaper: how many processes are seen of a worker with a group of its own, one of whose two processes has become our
/// child before anybody could see it below the worker.
fn adopted() -> u32 {
    let own = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(own)).unwrap();
    let mut worker = Command::new("sh")
        .args(["-c", "exec 3<&0; (exec cat <&3 >/dev/null &); echo ready; read x"])
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(worker.stdout.take().unwrap()).read_line(&mut line).unwrap();
    // The shell has waited for what was between it and the orphan before it said so.
    let (sample, _) = read(&mut TreeProbe::new(ProcRoot::system(), worker.id()));
    drop(worker.stdin.take());
    worker.wait().unwrap();
    sample.processes
}

/// As a subreaper: what is seen of a worker that waits for a child which has left a daemon behind in another session, before
/// anybody looked; and of a worker that starts only after that. Processes of each, and whether the account is exact.
fn daemon_share() -> String {
    let own = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(own)).unwrap();
    let worker = |script: &str| {
        let mut worker = Command::new("sh")
            .args(["-c", script])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(worker.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        worker
    };
    let mut first = worker("exec 3<&0; setsid sh -c 'cat <&3 >/dev/null &'; echo ready; read x");
    let mut probe = TreeProbe::new(ProcRoot::system(), first.id());
    let (sample, pids) = read(&mut probe);
    // A process starts at a clock tick, and one that starts in the same tick could be anybody's.
    let ticks = rustix::param::clock_ticks_per_second();
    let begin = pids.iter().map(|pid| process_start(*pid)).max().unwrap();
    let mut second = loop {
        let mut one = worker("echo ready; read x");
        if process_start(one.id()) > begin + ticks / 50 {
            break one;
        }
        drop(one.stdin.take());
        one.wait().unwrap();
    };
    let (other, _) = read(&mut TreeProbe::new(ProcRoot::system(), second.id()));
    // There is one worker at a time.
    drop(second.stdin.take());
    second.wait().unwrap();
    drop(first.stdin.take());
    let pid = rustix::process::Pid::from_child(&first);
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(pid), ended).unwrap();
    let daemon = pids.iter().find(|pid| **pid != first.id());
    let daemon = rustix::process::Pid::from_raw(i32::try_from(*daemon.unwrap()).unwrap());
    waitid(WaitId::Pid(daemon.unwrap()), ended).unwrap();
    let before = children_ns();
    let last = read(&mut probe).0.cpu_ns.unwrap();
    first.wait().unwrap();
    rustix::process::waitpid(daemon, rustix::process::WaitOptions::empty()).unwrap();
    let truth = children_ns() - before;
    // Each account is cut to microseconds once.
    let exact = last.abs_diff(truth) <= 4000;
    format!("{} {} {exact} {last} {truth}", sample.processes, other.processes)
}

fn process_start(pid: u32) -> u64 {
    let text = ProcRoot::system().read(format!("{pid}/stat")).unwrap();
    super::proc::parse::stat(&text).unwrap().start
}

fn children_ns() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let total = usage.user_time() + usage.system_time();
    total.tv_sec().unsigned_abs() * 1_000_000_000 + total.tv_usec().unsigned_abs() * 1000
}

fn touched(bytes: usize) -> Vec<u8> {
    let mut memory = vec![0_u8; bytes];
    for page in memory.chunks_mut(1024) {
        page[0] = 1;
    }
    std::hint::black_box(memory)
}

/// A child in a role; killed when dropped.
struct Role {
    child: Child,
    out: BufReader<ChildStdout>,
}

fn start(role: &str) -> Role {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sampler::children_tests::child_role", "--nocapture"])
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    Role { child, out }
}

impl Role {
    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it says next.
    fn heard(&mut self) -> String {
        let mut line = String::new();
        while self.out.read_line(&mut line).unwrap() > 0 {
            if let Some(said) = line.trim_end().strip_prefix('@') {
                return said.to_owned();
            }
            line.clear();
        }
        panic!("the child has ended without a word");
    }

    fn heard_number(&mut self) -> u64 {
        self.heard().parse().unwrap()
    }

    /// Ends its standard input and waits until it is a zombie.
    fn becomes_zombie(&mut self) {
        drop(self.child.stdin.take());
        let pid = rustix::process::Pid::from_child(&self.child);
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn probe(role: &Role) -> TreeProbe {
    TreeProbe::new(ProcRoot::system(), role.pid())
}

fn read(probe: &mut TreeProbe) -> (ResourceSample, Vec<u32>) {
    let mut sample = ResourceSample::default();
    let (mut gaps, mut pids) = (GapLedger::default(), Vec::new());
    probe.read(&mut Tick {
        now_ns: 0,
        thorough: true,
        sample: &mut sample,
        gaps: &mut gaps,
        pids: &mut pids,
        looked: &mut false,
    });
    sample.gaps = gaps.current();
    (sample, pids)
}

fn near(value: u64, truth: u64, share: f64, beside: u64) -> bool {
    value.abs_diff(truth) as f64 <= truth as f64 * share + beside as f64
}

const MS: u64 = 1_000_000;

#[test]
fn cpu_time_is_right_at_every_pace() {
    for hertz in [10, 20, 100] {
        let policy = SamplerPolicy {
            interval_ns: 1_000_000_000 / hertz,
            gpu: false,
            energy: false,
            tpu: false,
        };
        let mut role = start("burn:300");
        let (send, samples) = channel();
        let handle = Sampler::new(policy)
            .start(role.pid(), MonotonicClock, move |sample| {
                send.send(sample).unwrap();
            })
            .unwrap();
        let truth = role.heard_number();
        role.becomes_zombie();
        let report = handle.stop();
        let samples: Vec<_> = samples.iter().collect();
        assert_eq!(report.ticks, samples.len() as u64);
        assert!(report.ticks >= 2 && report.cost_ns > 0);
        for pair in samples.windows(2) {
            assert!(pair[0].t_ns < pair[1].t_ns && pair[0].cpu_ns <= pair[1].cpu_ns);
        }
        // After it has told, the child still has to end, which costs a few milliseconds at most.
        let last = samples.last().unwrap().cpu_ns.unwrap();
        assert!(last >= truth && near(last, truth, 0.03, 10 * MS), "{hertz} Hz: {last} of {truth}");
    }
}

#[test]
fn memory_is_counted_once_for_all_threads() {
    let mut role = start("threads:64:64");
    role.heard();
    let (sample, _) = read(&mut probe(&role));
    let rss = sample.rss_bytes.unwrap();
    assert!((64 * MB as u64..160 * MB as u64).contains(&rss), "{rss}");
    assert!((65..=67).contains(&sample.threads), "{}", sample.threads);
    assert_eq!(sample.processes, 1);
    assert!(sample.peak_bytes.unwrap() >= rss);
}

#[test]
fn a_spike_that_no_tick_saw_is_in_the_peak() {
    let mut role = start("spike:200");
    role.heard();
    let (sample, _) = read(&mut probe(&role));
    assert!(sample.rss_bytes.unwrap() < 100 * MB as u64);
    assert!(sample.peak_bytes.unwrap() >= 200 * MB as u64);
}

#[test]
fn the_memory_of_the_parent_is_not_in_the_childs_peak() {
    let memory = touched(300 * MB);
    let mut role = start("idle");
    role.heard();
    let (sample, _) = read(&mut probe(&role));
    assert!(sample.peak_bytes.unwrap() < 100 * MB as u64, "{sample:?}");
    drop(memory);
}

#[test]
fn short_children_are_counted() {
    let mut role = start("many:50:5");
    let mut probe = probe(&role);
    // The child works while the tree is read as fast as it can be, until it says what it has used.
    let truth = std::thread::scope(|scope| {
        let heard = scope.spawn(|| role.heard_number());
        let mut before = 0;
        while !heard.is_finished() {
            let now = read(&mut probe).0.cpu_ns.unwrap();
            assert!(now >= before, "{now} after {before}");
            before = now;
        }
        heard.join().unwrap()
    });
    let cpu = read(&mut probe).0.cpu_ns.unwrap();
    assert!(truth >= 250 * MS);
    assert!(near(cpu, truth, 0.03, 30 * MS), "{cpu} of {truth}");
    role.becomes_zombie();
    let last = read(&mut probe).0;
    assert!(near(last.cpu_ns.unwrap(), truth, 0.03, 30 * MS), "{last:?}");
    assert_eq!(last.rss_bytes, None);
}

#[test]
fn a_child_of_another_thread_is_found() {
    let mut role = start("nested");
    let nested = u32::try_from(role.heard_number()).unwrap();
    let (sample, pids) = read(&mut probe(&role));
    assert_eq!(pids, [role.pid(), nested]);
    assert_eq!(sample.processes, 2);
    // In order, so that its own child is ended by it.
    role.becomes_zombie();
}

#[test]
fn an_orphan_that_a_subreaper_adopted_belongs_to_its_group() {
    assert_eq!(start("reaper").heard_number(), 2);
}

#[test]
fn a_daemon_belongs_to_the_worker_it_came_from_and_the_last_account_is_exact() {
    let said = start("daemons").heard();
    assert!(said.starts_with("2 1 true "), "{said}");
}

#[test]
fn a_spike_right_before_the_end_is_in_the_peak() {
    // Above what this process has had: other tests run in it, and its mark is the least that the kernel says of a child.
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let own = parse::high_water(status.as_bytes()).unwrap();
    let spike = own / MB as u64 + 100;
    let mut role = start(&format!("spike:{spike}"));
    let mut probe = probe(&role);
    // Nobody looks while it has the memory.
    role.heard();
    role.becomes_zombie();
    let (last, _) = read(&mut probe);
    assert_eq!(last.rss_bytes, None);
    assert!(last.peak_bytes.unwrap() >= spike * MB as u64, "{last:?}");
}

#[test]
fn a_worker_that_is_gone_is_no_failure() {
    let mut role = start("idle");
    role.heard();
    let mut probe = probe(&role);
    let first = read(&mut probe).0;
    role.becomes_zombie();
    let zombie = read(&mut probe).0;
    assert!(zombie.cpu_ns >= first.cpu_ns && zombie.rss_bytes.is_none());
    role.child.wait().unwrap();
    let gone = read(&mut probe).0;
    assert_eq!(gone.cpu_ns, zombie.cpu_ns);
    assert_eq!(gone.peak_bytes, zombie.peak_bytes);
}

#[test]
fn another_reader_agrees() {
    let mut role = start("threads:4:20");
    role.heard();
    let sample = read(&mut probe(&role)).0;
    let pid = sysinfo::Pid::from_u32(role.pid());
    let mut system = sysinfo::System::new().unwrap();
    system.refresh_processes_specifics(
        sysinfo::ProcessesToUpdate::Some(&[pid]),
        true,
        sysinfo::ProcessRefreshKind::nothing().with_cpu().with_memory(),
    );
    let process = system.process(pid).unwrap();
    assert!(near(sample.rss_bytes.unwrap(), process.memory(), 0.02, MB as u64));
    let theirs = process.accumulated_cpu_time() * MS;
    assert!(near(sample.cpu_ns.unwrap(), theirs, 0.02, 25 * MS), "{sample:?} {theirs}");
}

#[test]
fn stopping_does_not_wait_for_the_next_tick() {
    let policy =
        SamplerPolicy { interval_ns: 3_600_000_000_000, gpu: false, energy: false, tpu: false };
    let mut role = start("idle");
    role.heard();
    let (send, samples) = channel();
    let handle = Sampler::new(policy)
        .start(role.pid(), MonotonicClock, move |sample| {
            send.send(sample).unwrap();
        })
        .unwrap();
    samples.recv().unwrap();
    let report = handle.stop();
    assert_eq!((report.ticks, report.skipped), (2, 0), "the first and the last");
    assert!(report.interval_ns().unwrap() > 0.0);
    let names: Vec<_> = report.probe_cost_ns.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["tree", "host", "counters", "energy", "gpu", "drm", "tpu"]);
}

#[test]
fn gaps_are_said_once_and_known_beforehand() {
    let policy = SamplerPolicy { interval_ns: 10 * MS, gpu: false, energy: false, tpu: false };
    let prepared = Sampler::new(policy);
    assert!(prepared.unsupported().iter().any(|gap| gap.field == "gpu"));
    let mut role = start("idle");
    role.heard();
    let (send, samples) = channel();
    // A sink whose receiver is gone must not stop the sampler.
    let handle = prepared
        .start(role.pid(), MonotonicClock, move |sample| {
            drop(send.send(sample));
        })
        .unwrap();
    let some: Vec<_> = samples.iter().take(5).collect();
    assert!(handle.stop().ticks >= 5);
    let said = |sample: &ResourceSample| sample.gaps.iter().any(|gap| gap.field == "gpu");
    assert_eq!(some.iter().map(said).collect::<Vec<_>>(), [true, false, false, false, false]);
}
