//! What sampling costs: CPU time of the sampler's thread, and steps of a busy worker with two threads with and without it.
//!
//! The worker's two threads share each step and wait for each other, as those of a tensor library do. Rounds with and
//! without the sampler alternate, in pairs whose order alternates too, so that a slow drift of the machine falls on both.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use perftune::clock::{Clock, MonotonicClock};
use perftune::sampler::{Sampler, SamplerPolicy};
use perftune::stats::Interval;

use super::ROLE;

/// Length of a round, in nanoseconds.
const ROUND_NS: u64 = 4_000_000_000;

/// Share of a core that the sampler may use.
const MOST_COST: f64 = 0.0015;

/// Change of a step's p99 that is none.
const UNCHANGED: f64 = 0.01;

/// Work of one thread in one step: about 0.35 ms.
const WORK: u64 = 130_000;

/// Plays the worker: a line on the standard input is a round of so many nanoseconds, answered with its figures.
pub(super) fn worker() {
    let turn = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicU64::new(0));
    let (theirs, finished) = (Arc::clone(&turn), Arc::clone(&done));
    std::thread::spawn(move || {
        let mut seen = 0;
        loop {
            let now = theirs.load(Ordering::Acquire);
            if now == seen {
                std::hint::spin_loop();
                continue;
            }
            seen = now;
            work();
            finished.store(seen, Ordering::Release);
        }
    });
    let mut step = 0;
    for line in std::io::stdin().lines() {
        let length_ns: u64 = line.unwrap().parse().unwrap();
        let (begin, cpu) = (MonotonicClock.now_ns(), cpu_ns());
        let mut steps = Vec::new();
        let mut now = begin;
        while now - begin < length_ns {
            step += 1;
            turn.store(step, Ordering::Release);
            work();
            while done.load(Ordering::Acquire) != step {
                std::hint::spin_loop();
            }
            let after = MonotonicClock.now_ns();
            steps.push(after - now);
            now = after;
        }
        let cpu_s = (cpu_ns() - cpu) as f64 * 1e-9;
        steps.sort_unstable();
        let p99 = steps[steps.len() * 99 / 100];
        let p50 = steps[steps.len() / 2];
        println!("{} {cpu_s} {p50} {p99}", steps.len());
        std::io::stdout().flush().unwrap();
    }
}

fn work() {
    let mut x = std::hint::black_box(1.000_000_1_f64);
    for _ in 0..WORK {
        x = x.mul_add(0.999_999, 1e-7);
    }
    std::hint::black_box(x);
}

fn cpu_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

struct Busy {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// One round of the worker: steps per CPU second, the median and the 99th percentile of a step in seconds.
#[derive(Clone, Copy)]
struct Round {
    rate: f64,
    middle: f64,
    slow: f64,
}

impl Busy {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(ROLE, "busy")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            ask: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn round(&mut self) -> Round {
        writeln!(self.ask, "{ROUND_NS}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let told: Vec<f64> =
            line.split_ascii_whitespace().map(|word| word.parse().unwrap()).collect();
        Round { rate: told[0] / told[1], middle: told[2] * 1e-9, slow: told[3] * 1e-9 }
    }
}

/// What the sampler has spent over all rounds.
#[derive(Default)]
struct Spent {
    cost_ns: u64,
    /// Of it the first and the last look of each round.
    ends_ns: u64,
    span_ns: u64,
    ticks: u64,
    probes: Vec<(&'static str, u64)>,
}

impl Spent {
    /// A round of the worker with the sampler at work.
    fn round(&mut self, busy: &mut Busy) -> Round {
        let (send, costs) = channel();
        let handle = Sampler::new(SamplerPolicy::default())
            .start(busy.child.id(), MonotonicClock, move |sample| {
                let _ = send.send(sample.cost_ns);
            })
            .unwrap();
        let round = busy.round();
        let report = handle.stop();
        let costs: Vec<u64> = costs.iter().collect();
        self.ends_ns += costs[0] + costs[costs.len() - 1];
        self.cost_ns += report.cost_ns;
        self.span_ns += report.span_ns;
        self.ticks += report.ticks;
        for (at, (name, ns)) in report.probe_cost_ns.into_iter().enumerate() {
            if self.probes.len() <= at {
                self.probes.push((name, 0));
            }
            self.probes[at].1 += ns;
        }
        round
    }

    fn print(&self) {
        let share = self.cost_ns as f64 / self.span_ns as f64;
        let ticks = self.ticks as f64;
        let probes = self.probes.iter();
        let each: Vec<_> =
            probes.map(|(name, ns)| format!("{name} {:.1}", *ns as f64 / 1e3 / ticks)).collect();
        println!(
            "cost at 10 Hz beside a worker that keeps two cores busy: {:.3}% of a core, {:.3}% without the first and the last \
             look of each round; {:.1} us a tick ({} us), {ticks} ticks; target at most {}%: {}",
            100.0 * share,
            100.0 * (self.cost_ns - self.ends_ns) as f64 / self.span_ns as f64,
            self.cost_ns as f64 / 1e3 / ticks,
            each.join(", "),
            100.0 * MOST_COST,
            if share <= MOST_COST { "met" } else { "MISSED" }
        );
    }
}

/// Runs and prints the comparison.
pub(super) fn compare(pairs: usize) {
    let mut busy = Busy::start();
    busy.round();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let mut spent = Spent::default();
    for pair in 0..pairs {
        for place in 0..2 {
            if (pair + place) % 2 == 0 {
                without.push(busy.round());
            } else {
                with.push(spent.round(&mut busy));
            }
        }
    }
    drop(busy.ask);
    busy.child.wait().unwrap();
    spent.print();
    println!(
        "{pairs} pairs of rounds of {} s, with the sampler / without, median of the pairs:",
        ROUND_NS as f64 * 1e-9
    );
    for (name, of) in [
        ("step p99", (|round| round.slow) as fn(&Round) -> f64),
        ("step p50", |round| round.middle),
        ("steps per CPU second", |round| round.rate),
    ] {
        ratio(name, (&with, &without), of);
    }
}

fn ratio(name: &str, (with, without): (&[Round], &[Round]), of: fn(&Round) -> f64) {
    let pairs = with.iter().zip(without);
    let logs: Vec<f64> = pairs.map(|(a, b)| (of(a) / of(b)).ln()).collect();
    // The median: a neighbour that comes for one round must not decide.
    let mut sorted = logs;
    sorted.sort_by(f64::total_cmp);
    let interval = median_interval(&sorted);
    let middle = f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    let percent = |log: f64| 100.0 * log.exp_m1();
    let verdict = if name == "step p99" {
        let limit = UNCHANGED.ln_1p();
        match (interval.low >= -limit && interval.high <= limit, interval.contains(0.0)) {
            (true, _) => "target within 1%: met",
            (false, true) => {
                "target within 1%: not resolved by these rounds (the machine is too noisy, or too few)"
            }
            (false, false) => "target within 1%: MISSED",
        }
    } else {
        ""
    };
    println!(
        "{name:<22} {:+.2}% (95%: {:+.2}% to {:+.2}%)  {verdict}",
        percent(middle),
        percent(interval.low),
        percent(interval.high)
    );
}

/// The order statistics between which the median lies with 95%: their number is binomial.
fn median_interval(sorted: &[f64]) -> Interval {
    let n = sorted.len();
    let (mut below, mut chance) = (0, 0.5_f64.powf(n as f64));
    let mut term = chance;
    // The chance that at most `below` of the values are on one side must stay below 2.5%.
    while below + 1 < n / 2 {
        term *= (n - below) as f64 / (below + 1) as f64;
        if chance + term > 0.025 {
            break;
        }
        chance += term;
        below += 1;
    }
    Interval { low: sorted[below], high: sorted[n - 1 - below] }
}
