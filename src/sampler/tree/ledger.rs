//! Adds up counters over a tree of processes that come and go. Pure.
//!
//! When a process is waited for, the kernel moves its counters into its parent's (`cutime`, `cminflt`, and `io` itself),
//! and what it was last seen with must not be counted a second time. When nobody in the tree waits for it (its parent
//! ignores SIGCHLD, or it was adopted by somebody outside), what it was last seen with would be lost. The ledger therefore
//! sets what vanished processes were last seen with against the growth of what the others have absorbed, and counts only the
//! rest. Its totals never fall.
//!
//! Readings of one tick are not simultaneous. They must come parents first: then a process that was read alive cannot be
//! part of what its ancestors had absorbed when they were read, and nothing is counted twice. The growth that belongs to
//! a vanished process is then in the tick that misses it, or, if its ancestor was read just before, in the next (later still if
//! that ancestor vanishes meanwhile). What is owed is matched with growth over the whole tree, since an orphan may turn up
//! in any ancestor. As long as everybody is waited for in the tree, no match can go wrong, because growth is only ever
//! passed over when nothing is owed. Where somebody is not waited for, growth with another cause may be taken for his: there
//! the totals are lower bounds.

/// CPU time, bytes read, bytes written, minor faults, major faults: in this order.
pub(super) const COUNTERS: usize = 5;

/// A process for good: its id, and when it started, since ids are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Id {
    pub(super) pid: u32,
    pub(super) start: u64,
}

/// One counter of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Amount {
    /// What can only be its own.
    pub(super) own: u64,
    /// What holds, or may hold, the counters of children that it waited for.
    pub(super) absorbed: u64,
}

/// What one process was read with.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProcessReading {
    pub(super) id: Id,
    pub(super) amounts: [Amount; COUNTERS],
}

#[derive(Debug)]
struct Account {
    entry: ProcessReading,
    seen: bool,
}

type Sums = [u64; COUNTERS];

/// The totals of a tree.
#[derive(Debug)]
pub(super) struct Ledger {
    accounts: Vec<Account>,
    /// What vanished processes were last seen with that nobody has absorbed (yet).
    owed: Sums,
    /// What will not be absorbed any more, and was used all the same.
    lost: Sums,
    totals: Sums,
    /// How far `absorbed` of one process may lag behind for rounding alone.
    slack: Sums,
}

impl Ledger {
    /// An empty ledger. `slack` is how much of each counter rounding may hide: two clock ticks of CPU time (`cutime` and
    /// `cstime` are cut to whole ticks), nothing of the others.
    pub(super) fn new(slack: Sums) -> Self {
        Self {
            accounts: Vec::new(),
            owed: [0; COUNTERS],
            lost: [0; COUNTERS],
            totals: [0; COUNTERS],
            slack,
        }
    }

    /// Takes the readings of one tick, parents first; a process that is not among them has vanished. Returns whether one
    /// has vanished or somebody absorbed CPU time that was not known: then the tree should be looked at again.
    pub(super) fn update(&mut self, entries: &[ProcessReading]) -> bool {
        for account in &mut self.accounts {
            account.seen = false;
        }
        let mut growth = [0; COUNTERS];
        for (position, entry) in entries.iter().enumerate() {
            self.take(position, entry, &mut growth);
        }
        offset(&mut self.owed, &mut growth);
        let vanished = self.accounts.iter().any(|account| !account.seen);
        if vanished {
            self.retire_vanished();
            offset(&mut self.owed, &mut growth);
        } else {
            self.write_off();
        }
        self.add_up();
        vanished || growth[0] > 0
    }

    /// The totals, which never fall.
    pub(super) fn totals(&self) -> Sums {
        self.totals
    }

    /// Enters one reading, and adds to `growth` what has been absorbed since the last.
    fn take(&mut self, hint: usize, entry: &ProcessReading, growth: &mut Sums) {
        let is_it = |account: &Account| account.entry.id == entry.id;
        let place = if self.accounts.get(hint).is_some_and(is_it) {
            Some(hint)
        } else {
            self.accounts.iter().position(is_it)
        };
        let Some(account) = place.and_then(|place| self.accounts.get_mut(place)) else {
            self.accounts.push(Account { entry: *entry, seen: true });
            return;
        };
        account.seen = true;
        let amounts = account.entry.amounts.iter_mut().zip(entry.amounts);
        for ((old, new), growth) in amounts.zip(growth) {
            *growth += new.absorbed.saturating_sub(old.absorbed);
            old.own = old.own.max(new.own);
            old.absorbed = old.absorbed.max(new.absorbed);
        }
    }

    /// Moves what vanished processes were last seen with to what is owed.
    fn retire_vanished(&mut self) {
        let owed = &mut self.owed;
        self.accounts.retain(|account| {
            if !account.seen {
                for (owed, amount) in owed.iter_mut().zip(account.entry.amounts) {
                    *owed += amount.own + amount.absorbed;
                }
            }
            account.seen
        });
    }

    /// Gives up what is still owed after a tick in which nobody vanished: whoever absorbed it has been read since.
    fn write_off(&mut self) {
        for k in 0..COUNTERS {
            let rounding = self.slack[k].saturating_mul(self.accounts.len() as u64);
            let excess = self.owed[k].saturating_sub(rounding);
            self.lost[k] += excess;
            self.owed[k] -= excess;
        }
    }

    fn add_up(&mut self) {
        for k in 0..COUNTERS {
            let amounts = self.accounts.iter().map(|account| account.entry.amounts[k]);
            let living: u64 = amounts.map(|amount| amount.own + amount.absorbed).sum();
            self.totals[k] = self.totals[k].max(living + self.owed[k] + self.lost[k]);
        }
    }
}

/// Takes from both what they have in common.
fn offset(owed: &mut Sums, growth: &mut Sums) {
    for (owed, growth) in owed.iter_mut().zip(growth) {
        let matched = (*owed).min(*growth);
        *owed -= matched;
        *growth -= matched;
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
