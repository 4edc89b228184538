//! What came of attacks.

use std::fmt;

/// Resident memory that the runner stays below whatever happens, in bytes.
pub(crate) const MOST_MEMORY: u64 = 200 << 20;

/// What must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// It did not end within its bound.
    Hang,
    Panic,
    /// A file that is not whole.
    Torn,
    /// What was finished is gone or changed.
    Lost,
    /// A process is left.
    Orphan,
    /// Nonsense was taken for a result.
    Silent,
    /// An exit code that says something else.
    Code,
    Memory,
}

const HARMS: [Harm; 8] = [
    Harm::Hang,
    Harm::Panic,
    Harm::Torn,
    Harm::Lost,
    Harm::Orphan,
    Harm::Silent,
    Harm::Code,
    Harm::Memory,
];

#[derive(Debug, Default)]
pub(crate) struct Toll {
    pub(crate) cases: u64,
    /// Largest resident memory of a runner, in bytes.
    pub(crate) peak_bytes: u64,
    kinds: Vec<Harm>,
    pub(crate) harms: Vec<String>,
}

impl Toll {
    pub(crate) fn add(&mut self, harm: Harm, what: impl fmt::Display) {
        self.kinds.push(harm);
        self.harms.push(format!("{harm:?}: {what}"));
    }

    pub(crate) fn saw_memory(&mut self, bytes: u64, what: &str) {
        self.peak_bytes = self.peak_bytes.max(bytes);
        if bytes > MOST_MEMORY {
            self.add(Harm::Memory, format!("{} MiB: {what}", bytes >> 20));
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.cases += other.cases;
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
        self.kinds.extend(other.kinds);
        self.harms.extend(other.harms);
        self
    }
}

impl fmt::Display for Toll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:6} cases:", self.cases)?;
        for harm in HARMS {
            let count = self.kinds.iter().filter(|kind| **kind == harm).count();
            write!(f, " {count} {}", format!("{harm:?}").to_lowercase())?;
        }
        write!(f, "; peak {} MiB", self.peak_bytes >> 20)
    }
}

/// Deals the cases out to twice as many workers as there are cores, since most of them wait; each makes a place of its own.
pub(crate) fn deal<P>(
    cases: u64,
    place: impl Fn() -> P + Sync,
    attack: impl Fn(&mut P, u64, &mut Toll) + Sync,
) -> Toll {
    let workers = std::thread::available_parallelism().map_or(1, usize::from) * 2;
    let one = |worker: usize| {
        let (mut toll, mut place) = (Toll::default(), place());
        for case in (worker as u64..cases).step_by(workers) {
            attack(&mut place, case, &mut toll);
            toll.cases += 1;
        }
        toll
    };
    std::thread::scope(|scope| {
        let one = &one;
        let started: Vec<_> = (0..workers).map(|worker| scope.spawn(move || one(worker))).collect();
        let tolls = started.into_iter().map(|worker| worker.join().unwrap());
        tolls.fold(Toll::default(), Toll::merge)
    })
}
