//! The comparison; it needs `/proc`.

#[path = "cost.rs"]
mod cost;
#[path = "naive.rs"]
mod naive;
#[path = "trees.rs"]
mod trees;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;

use nix::sys::resource::{UsageWho, getrusage};
use perftune::clock::MonotonicClock;
use perftune::sampler::{Sampler, SamplerPolicy};
use rustix::process::{WaitId, WaitIdOptions, WaitOptions, waitid};

const ROLE: &str = "PERFTUNE_BENCH_ROLE";
const TRUTH: &str = "PERFTUNE_BENCH_TRUTH";
const MB: f64 = 1_048_576.0;

/// Most that a figure may be off, as a share of the truth.
const TARGET: f64 = 0.02;

/// A tree: its name, its role, and why a figure cannot be had without a control group of its own.
struct Tree {
    name: &'static str,
    role: &'static str,
    hopeless: Option<&'static str>,
}

const fn tree(name: &'static str, role: &'static str) -> Tree {
    Tree { name, role, hopeless: None }
}

const TREES: &[Tree] = &[
    tree("a 100 children of 15 ms in turn", "sequence:100:15"),
    tree("b double fork, setsid, 600 ms", "daemon:600"),
    tree("c children of another thread", "nested:4:150"),
    tree("d 64 threads, 256 MB", "threads:64:10:256"),
    tree("e fork sharing 300 MB, 4 readers", "sharing:4:300"),
    tree("f 400 MB for 30 ms over 100 MB", "spike:100:400:30:1200"),
    tree("f2 the same at the end of a life", "spike:100:400:30:0"),
    tree("g 20 zombies, never waited for", "zombies:20:30"),
    tree("h parent killed before it waits", "killed:10:40"),
    tree("h2 the root itself killed so", "orphaned:10:40"),
    Tree {
        name: "i parent that ignores SIGCHLD",
        role: "ignores:20:30",
        hopeless: Some("the kernel throws these counters away"),
    },
    tree("k 4 children of 60 MB, not shared", "separate:4:60"),
];

pub(super) fn main() {
    if let Ok(role) = std::env::var(ROLE) {
        trees::play(&role);
        return;
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let asked = |part: &str| {
        let parts = ["trees", "cost"];
        let any = args.iter().any(|arg| parts.contains(&arg.as_str()));
        !any || args.iter().any(|arg| arg == part)
    };
    if asked("trees") {
        accounting();
    }
    if asked("cost") {
        let rounds = args.iter().find_map(|arg| arg.parse().ok());
        cost::compare(rounds.unwrap_or(20));
    }
}

/// What one sampler says: CPU seconds, peak bytes.
#[derive(Clone, Copy)]
struct Said {
    cpu_s: f64,
    peak: f64,
}

struct Outcome {
    truth: Said,
    ours: Said,
    naive: Said,
}

fn accounting() {
    println!(
        "{:<36}{:>8} {:>16} {:>16}   {:>7} {:>16} {:>16}",
        "", "CPU", "perftune", "naive", "peak", "perftune", "naive"
    );
    let dir = tempfile::tempdir().unwrap();
    let (mut met, mut asked) = (0, 0);
    for tree in TREES {
        let outcome = measure(tree, dir.path());
        let Outcome { truth, ours, naive } = outcome;
        let cpu_ok = within(ours.cpu_s, truth.cpu_s);
        let peak_ok = truth.peak == 0.0 || within(ours.peak, truth.peak);
        let verdict = match (cpu_ok && peak_ok, tree.hopeless) {
            (true, _) => "met".to_owned(),
            (false, Some(why)) => format!("not possible: {why}"),
            (false, None) => "MISSED".to_owned(),
        };
        asked += u32::from(tree.hopeless.is_none());
        met += u32::from(tree.hopeless.is_none() && cpu_ok && peak_ok);
        println!(
            "{:<36}{:>7.3}s {:>16} {:>16}   {} {verdict}",
            tree.name,
            truth.cpu_s,
            beside(ours.cpu_s, truth.cpu_s),
            beside(naive.cpu_s, truth.cpu_s),
            if truth.peak == 0.0 {
                format!("{:>7} {:>16} {:>16}  ", "", "", "")
            } else {
                format!(
                    "{:>5.0}MB {:>16} {:>16}  ",
                    truth.peak / MB,
                    beside(ours.peak / MB, truth.peak / MB),
                    beside(naive.peak / MB, truth.peak / MB)
                )
            },
        );
    }
    println!("target, both figures within 2%: met by {met} of {asked} trees");
}

fn within(value: f64, truth: f64) -> bool {
    (value - truth).abs() <= TARGET * truth
}

fn beside(value: f64, truth: f64) -> String {
    let off = 100.0 * (value - truth) / truth;
    if value < 10.0 {
        format!("{value:.3} ({off:+.1}%)")
    } else {
        format!("{value:.0} ({off:+.1}%)")
    }
}

fn children_s() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let total = usage.user_time() + usage.system_time();
    total.tv_sec() as f64 + total.tv_usec() as f64 * 1e-6
}

fn start(role: &str, truth: &Path) -> Child {
    let exe = std::env::current_exe().unwrap();
    // A shell can make it ignore SIGCHLD, and that is kept over exec.
    let mut command = if role.starts_with("ignores") {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' CHLD; exec \"$0\""]).arg(exe);
        shell
    } else {
        Command::new(exe)
    };
    command
        .env(ROLE, role)
        .env(TRUTH, truth)
        .stdin(Stdio::piped())
        // A group of its own, as the runner gives its worker.
        .process_group(0)
        .spawn()
        .unwrap()
}

fn measure(tree: &Tree, dir: &Path) -> Outcome {
    let file = dir.join(tree.role.replace(':', "-"));
    let before_s = children_s();
    let mut child = start(tree.role, &file);
    let (send, samples) = channel();
    let handle = Sampler::new(SamplerPolicy::default())
        .start(child.id(), MonotonicClock, move |sample| {
            drop(send.send(sample));
        })
        .unwrap();
    let naive = naive::Naive::start(child.id());
    drop(child.stdin.take());
    let pid = rustix::process::Pid::from_child(&child);
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(pid), ended).unwrap();
    handle.stop();
    let naive = naive.stop();
    child.wait().unwrap();
    while rustix::process::wait(WaitOptions::empty()).is_ok_and(|found| found.is_some()) {}
    let last = samples.iter().last().unwrap();
    let text = fs_err::read_to_string(&file).unwrap_or_default();
    let said = |key: &str| -> f64 {
        let values = text.lines().filter_map(|line| line.strip_prefix(key));
        values.map(|value| value.trim().parse::<f64>().unwrap()).sum()
    };
    let allocated = said("allocated");
    Outcome {
        truth: Said {
            // What nobody could wait for has said itself what it used.
            cpu_s: children_s() - before_s + said("unwaited") * 1e-9,
            peak: if allocated > 0.0 { allocated + said("base") } else { 0.0 },
        },
        ours: Said {
            cpu_s: last.cpu_ns.unwrap() as f64 * 1e-9,
            peak: last.peak_bytes.unwrap_or(0) as f64,
        },
        naive,
    }
}
