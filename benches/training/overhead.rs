//! What perftune adds: two processes that take turns.

use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use perftune::clock::{Clock as _, MonotonicClock};
use rustix::process::{Pid, Signal, kill_process};

use super::pairs::{Ratio, Step, number, pairs, recorded};
use super::{bare_loop, perftune_run};

/// One turn.
const TURN: Duration = Duration::from_millis(500);

/// Time in which both have started, loaded and warmed up, on a quiet machine.
const START: Duration = Duration::from_secs(4);

/// What more that may take before the measurement is given up.
const LATE: Duration = Duration::from_mins(1);

/// `met`: whether the ratios of the work a CPU-second and in the same time are what is wanted, `least` in words.
pub(crate) fn run(cells: &[(&str, &str)], least: &str, met: impl Fn(&Ratio, &Ratio) -> bool) {
    let turns = (number("SECONDS", 6.0) / TURN.as_secs_f64()).ceil() as usize;
    println!(
        "perftune / bare loop, {} pairs of processes, {turns} turns of {} s each",
        pairs(),
        TURN.as_secs_f64()
    );
    println!(
        "  {:<22} {:>26} {:>26} {:>26}",
        "cell", "steps per CPU-second", "steps in the same time", "p99 step time"
    );
    for (model, dataset) in cells {
        let (mut work, mut rate, mut tail) = (Vec::new(), Vec::new(), Vec::new());
        for pair in 0..pairs() {
            let (ours, bare) = couple((model, dataset), turns, pair % 2 == 0);
            work.push((ours.steps / ours.cpu_s) / (bare.steps / bare.cpu_s));
            rate.push(ours.steps / bare.steps);
            tail.push(ours.p99_s / bare.p99_s);
        }
        let [work, rate, tail] = [work, rate, tail].map(|ratios| Ratio::of(&ratios));
        let verdict = if met(&work, &rate) { "ok".to_owned() } else { format!("MISSED ({least})") };
        println!("  {:<22} {work} {rate} {tail}  {verdict}", format!("{model}-{dataset}"));
    }
}

/// What was done in all turns of one side.
struct Work {
    steps: f64,
    cpu_s: f64,
    p99_s: f64,
}

/// The processes of one side; they run and rest together.
struct Side {
    pids: Vec<Pid>,
    cpu_ns: u64,
}

impl Side {
    fn signal(&self, signal: Signal) {
        for pid in &self.pids {
            kill_process(*pid, signal).unwrap();
        }
    }

    fn cpu_ns(&self) -> u64 {
        self.pids.iter().map(|pid| cpu_ns(*pid)).sum()
    }
}

/// Runs one of each; `ours_first`: who begins the first turn, and who has the second half of each pair of turns.
fn couple((model, dataset): (&str, &str), turns: usize, ours_first: bool) -> (Work, Work) {
    let folder = tempfile::tempdir().unwrap();
    let all_s = (START + 2 * TURN * turns as u32).as_secs_f64() + LATE.as_secs_f64();
    let mut run = perftune_run(model, dataset, (folder.path(), all_s + 30.0));
    let bare = bare_loop(model, dataset, all_s);
    sleep(START);
    let results = folder.path().join("out/runs").join(format!("{model}-{dataset}"));
    let begun_ns = MonotonicClock.now_ns();
    while recorded(&results).is_empty() {
        let waited = Duration::from_nanos(MonotonicClock.now_ns() - begun_ns);
        assert!(waited < LATE, "{model}-{dataset} does not begin to train");
        sleep(Duration::from_millis(50));
    }
    let runner = pid(&run);
    let mut sides = [
        Side { pids: vec![runner, child_of(runner)], cpu_ns: 0 },
        Side { pids: vec![pid(&bare)], cpu_ns: 0 },
    ];
    let mut cuts = Vec::new();
    for side in &mut sides {
        side.signal(Signal::STOP);
    }
    sleep(Duration::from_millis(20));
    for side in &mut sides {
        side.cpu_ns = side.cpu_ns();
    }
    let first_ns = MonotonicClock.now_ns();
    for turn in 0..turns {
        // A B B A: what drifts hits both alike.
        let first = usize::from((turn % 2 == 0) != ours_first);
        for who in [first, 1 - first] {
            cuts.push(MonotonicClock.now_ns());
            sides[who].signal(Signal::CONT);
            sleep(TURN);
            sides[who].signal(Signal::STOP);
        }
    }
    cuts.push(MonotonicClock.now_ns());
    sleep(Duration::from_millis(20));
    let cpu_s = sides.each_ref().map(|side| (side.cpu_ns() - side.cpu_ns) as f64 / 1e9);
    let span_ns = (first_ns, MonotonicClock.now_ns());
    for side in &sides {
        side.signal(Signal::CONT);
    }
    let theirs = bare_steps(bare);
    kill_process(runner, Signal::INT).unwrap();
    let _ = run.wait().unwrap();
    let ours = recorded(&results);
    let work = |steps: &[Step], cpu_s| Work::of(steps, cpu_s, (span_ns, &cuts));
    (work(&ours, cpu_s[0]), work(&theirs, cpu_s[1]))
}

impl Work {
    /// `cuts`: times at which somebody was stopped; a step over one of them was interrupted, and its time says nothing.
    fn of(steps: &[Step], cpu_s: f64, ((from_ns, to_ns), cuts): ((u64, u64), &[u64])) -> Self {
        let inside = |step: &&Step| step.end_ns > from_ns && step.end_ns <= to_ns;
        let whole = |step: &&Step| {
            let begin_ns = step.end_ns - step.took_ns;
            cuts.iter().all(|cut| *cut < begin_ns || *cut > step.end_ns)
        };
        let inside: Vec<&Step> = steps.iter().filter(inside).collect();
        let mut times: Vec<u64> =
            inside.iter().copied().filter(|step| whole(step)).map(|step| step.took_ns).collect();
        times.sort_unstable();
        Self {
            steps: inside.len() as f64,
            cpu_s,
            p99_s: times[times.len() * 99 / 100] as f64 / 1e9,
        }
    }
}

fn bare_steps(mut bare: Child) -> Vec<Step> {
    // It ends with its standard input.
    drop(bare.stdin.take());
    let output = bare.wait_with_output().unwrap();
    assert!(output.status.success());
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut end_ns = result["begin_ns"].as_u64().unwrap();
    let durations = result["dur_ns"].as_array().unwrap().iter();
    let steps = durations.map(|took| {
        let took_ns = took.as_u64().unwrap();
        end_ns += took_ns;
        Step { end_ns, took_ns, items: 0 }
    });
    steps.collect()
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// The only child of a process, whichever of its threads started it.
fn child_of(parent: Pid) -> Pid {
    let tasks = format!("/proc/{}/task", parent.as_raw_nonzero());
    let children = std::fs::read_dir(tasks).unwrap().find_map(|task| {
        let children = task.unwrap().path().join("children");
        let text = std::fs::read_to_string(children).unwrap();
        text.split_whitespace().next()?.parse().ok()
    });
    Pid::from_raw(children.expect("perftune has a worker")).unwrap()
}

/// CPU time of all threads of a process that rests.
fn cpu_ns(pid: Pid) -> u64 {
    let tasks = format!("/proc/{}/task", pid.as_raw_nonzero());
    let read = |path: &Path| std::fs::read_to_string(path.join("schedstat")).unwrap();
    let threads = std::fs::read_dir(tasks).unwrap();
    threads
        .map(|task| {
            let text = read(&task.unwrap().path());
            text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        })
        .sum()
}
