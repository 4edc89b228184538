//! The ledger against a model of the kernel: processes that run, fork, exit and are reaped, also between two readings of
//! one tick.

use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;

/// The real granularity: 10 ms, in units of 1 ms.
const TICK: u64 = 10;

#[derive(Clone, Copy)]
struct Task {
    parent: u32,
    start: u64,
    own: u64,
    absorbed: u64,
}

/// Root is process 1; its parent (0) is outside.
struct Kernel {
    tasks: BTreeMap<u32, Task>,
    next: u32,
    /// All CPU time that was ever used in the tree.
    truth: u64,
    /// Whether parents wait for their children; otherwise their counters go nowhere.
    waits: bool,
}

impl Kernel {
    fn new(waits: bool) -> Self {
        let root = Task { parent: 0, start: 0, own: 0, absorbed: 0 };
        Self { tasks: BTreeMap::from([(1, root)]), next: 2, truth: 0, waits }
    }

    fn nth(&self, n: usize) -> u32 {
        *self.tasks.keys().nth(n % self.tasks.len()).unwrap()
    }

    fn apply(&mut self, event: &Event) {
        match *event {
            Event::Run(n, ms) => {
                let pid = self.nth(n);
                self.tasks.get_mut(&pid).unwrap().own += ms;
                self.truth += ms;
            }
            Event::Fork(n) => {
                let task =
                    Task { parent: self.nth(n), start: u64::from(self.next), own: 0, absorbed: 0 };
                self.tasks.insert(self.next, task);
                self.next += 1;
            }
            Event::Exit(n) => {
                let pid = self.nth(n);
                if pid == 1 {
                    return;
                }
                let gone = self.tasks.remove(&pid).unwrap();
                // The root is a subreaper: orphans are its children from now on.
                for task in self.tasks.values_mut().filter(|task| task.parent == pid) {
                    task.parent = 1;
                }
                if self.waits {
                    self.tasks.get_mut(&gone.parent).unwrap().absorbed += gone.own + gone.absorbed;
                }
            }
        }
    }

    /// Ids of all processes, parents first.
    fn order(&self) -> Vec<u32> {
        let depth = |mut pid: u32| {
            let mut depth = 0;
            while let Some(task) = self.tasks.get(&pid) {
                pid = task.parent;
                depth += 1;
            }
            depth
        };
        let mut order: Vec<_> = self.tasks.keys().copied().collect();
        order.sort_by_key(|pid| depth(*pid));
        order
    }

    fn entry(&self, pid: u32) -> Option<ProcessReading> {
        let task = self.tasks.get(&pid)?;
        let mut amounts = [Amount::default(); COUNTERS];
        // CPU: a fine clock, and children's time cut to ticks. The second counter moves wholly, as `io` does.
        amounts[0] = Amount { own: task.own, absorbed: task.absorbed / TICK * TICK };
        amounts[1] = Amount { own: 0, absorbed: task.own + task.absorbed };
        amounts[2] = Amount { own: task.own, absorbed: task.absorbed };
        Some(ProcessReading { id: Id { pid, start: task.start }, amounts })
    }
}

#[derive(Debug, Clone)]
enum Event {
    Run(usize, u64),
    Fork(usize),
    Exit(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (any::<usize>(), 1..40u64).prop_map(|(n, ms)| Event::Run(n, ms)),
        2 => any::<usize>().prop_map(Event::Fork),
        2 => any::<usize>().prop_map(Event::Exit),
    ]
}

/// What happens before a tick, and between each two of its readings.
fn history() -> impl Strategy<Value = Vec<(Vec<Event>, Vec<Event>)>> {
    let some = |n| prop::collection::vec(event(), 0..n);
    prop::collection::vec((some(12), some(4)), 1..40)
}

fn ledger() -> Ledger {
    Ledger::new([TICK, 0, 0, 0, 0])
}

/// One tick whose readings are apart: after each reading one of `between` happens.
fn tick(kernel: &mut Kernel, ledger: &mut Ledger, between: &[Event]) {
    let mut entries = Vec::new();
    let mut between = between.iter();
    for pid in kernel.order() {
        entries.extend(kernel.entry(pid));
        if let Some(event) = between.next() {
            kernel.apply(event);
        }
    }
    between.for_each(|event| kernel.apply(event));
    ledger.update(&entries);
}

proptest! {
    #[test]
    fn totals_never_fall_and_never_exceed_what_was_used(history in history(), waits: bool) {
        let (mut kernel, mut ledger) = (Kernel::new(waits), ledger());
        let mut before = [0; COUNTERS];
        for (events, between) in &history {
            for event in events {
                kernel.apply(event);
            }
            tick(&mut kernel, &mut ledger, between);
            let totals = ledger.totals();
            for k in 0..3 {
                prop_assert!(totals[k] >= before[k], "{k} fell from {} to {}", before[k], totals[k]);
                prop_assert!(totals[k] <= kernel.truth, "{k}: {} of {}", totals[k], kernel.truth);
            }
            before = totals;
        }
    }

    #[test]
    fn nothing_is_missing_where_parents_wait(history in history()) {
        let (mut kernel, mut ledger) = (Kernel::new(true), ledger());
        for (events, between) in &history {
            for event in events {
                kernel.apply(event);
            }
            tick(&mut kernel, &mut ledger, between);
        }
        // A tick in peace sees every process that still lives, and all that was absorbed.
        tick(&mut kernel, &mut ledger, &[]);
        let rounding = TICK * kernel.tasks.len() as u64;
        let totals = ledger.totals();
        prop_assert!(totals[0] + rounding >= kernel.truth, "{} of {}", totals[0], kernel.truth);
        prop_assert_eq!(totals[1], kernel.truth);
        prop_assert_eq!(totals[2], kernel.truth);
    }
}

fn entry(pid: u32, own: u64, absorbed: u64) -> ProcessReading {
    let id = Id { pid, start: u64::from(pid) };
    ProcessReading { id, amounts: [Amount { own, absorbed }; COUNTERS] }
}

/// Name, the readings of each tick, the total after each.
type History = (&'static str, Vec<Vec<ProcessReading>>, Vec<u64>);

fn histories() -> Vec<History> {
    vec![
        (
            "a child is reaped: its time moves, and is counted once",
            vec![vec![entry(1, 5, 0), entry(2, 100, 0)], vec![entry(1, 6, 120)]],
            vec![105, 126],
        ),
        (
            "the parent was read before it reaped: nothing is lost meanwhile, nothing doubled afterwards",
            vec![
                vec![entry(1, 5, 0), entry(2, 100, 0)],
                vec![entry(1, 5, 0)],
                vec![entry(1, 5, 120)],
                vec![entry(1, 7, 120)],
            ],
            vec![105, 105, 125, 127],
        ),
        (
            "nobody waits: what was seen stays counted",
            vec![
                vec![entry(1, 5, 0), entry(2, 100, 0)],
                vec![entry(1, 6, 0)],
                vec![entry(1, 7, 0)],
                vec![entry(1, 8, 300)],
            ],
            vec![105, 106, 107, 408],
        ),
        (
            "parent and child vanish together into the grandparent",
            vec![vec![entry(1, 1, 0), entry(2, 10, 0), entry(3, 100, 0)], vec![entry(1, 1, 115)]],
            vec![111, 116],
        ),
        (
            "children nobody saw arrive as a lump",
            vec![vec![entry(1, 1, 0)], vec![entry(1, 1, 900)]],
            vec![1, 901],
        ),
        (
            "the whole tree is gone: the total stays",
            vec![vec![entry(1, 50, 7), entry(2, 3, 0)], vec![]],
            vec![60, 60],
        ),
        (
            "a counter that falls is not believed",
            vec![vec![entry(1, 50, 7)], vec![entry(1, 40, 7)]],
            vec![57, 57],
        ),
    ]
}

#[test]
fn histories_with_known_answers() {
    for (name, ticks, expected) in histories() {
        let mut ledger = Ledger::new([0; COUNTERS]);
        let totals: Vec<_> = ticks
            .iter()
            .map(|entries| {
                ledger.update(entries);
                ledger.totals()[0]
            })
            .collect();
        assert_eq!(totals, expected, "{name}");
    }
}

#[test]
fn an_id_that_is_used_again_is_another_process() {
    let mut ledger = Ledger::new([0; COUNTERS]);
    let mut second = entry(2, 3, 0);
    ledger.update(&[entry(1, 0, 0), entry(2, 100, 0)]);
    second.id.start = 99;
    assert!(ledger.update(&[entry(1, 0, 100), second]), "the first has vanished");
    assert_eq!(ledger.totals()[0], 103);
}
