//! Adds up counters over a tree of processes that come and go. Pure.
//!
//! When a process is waited for, the kernel moves its counters into its parent's (`cutime`, `cminflt`, and `io` itself),
//! and what it was last seen with must not be counted a second time. When nobody in the tree waits for it (its parent
//! ignores SIGCHLD, or it was adopted by somebody outside), what it was last seen with would be lost. The ledger therefore
//! sets what a vanished process was last seen with against the growth of what its parent has absorbed, and counts only the
//! rest. Its totals never fall.
//!
//! Readings of one tick are not simultaneous. They must come parents first: then a process that was read alive cannot be
//! part of what its ancestors had absorbed when they were read, and nothing is counted twice; an ancestor that was read
//! just before it absorbed a child is set right by the next tick.

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
pub(super) struct Entry {
    pub(super) id: Id,
    /// Its parent's process id.
    pub(super) parent: u32,
    pub(super) amounts: [Amount; COUNTERS],
}

#[derive(Debug)]
struct Account {
    entry: Entry,
    /// Counters of vanished children that have not turned up in `absorbed` (yet).
    pending: [u64; COUNTERS],
    /// Growth of `absorbed` in this tick that no vanished child accounts for (yet).
    surplus: [u64; COUNTERS],
    seen: bool,
}

/// The totals of a tree.
#[derive(Debug)]
pub(super) struct Ledger {
    accounts: Vec<Account>,
    /// What processes took with them that nobody in the tree absorbed.
    lost: [u64; COUNTERS],
    totals: [u64; COUNTERS],
    /// How far `absorbed` may lag behind for rounding alone.
    slack: [u64; COUNTERS],
}

impl Ledger {
    /// An empty ledger. `slack` is how much of each counter rounding may hide: two clock ticks of CPU time (`cutime` and
    /// `cstime` are cut to whole ticks), nothing of the others.
    pub(super) fn new(slack: [u64; COUNTERS]) -> Self {
        Self {
            accounts: Vec::new(),
            lost: [0; COUNTERS],
            totals: [0; COUNTERS],
            slack,
        }
    }

    /// Takes the readings of one tick, parents first; a process that is not among them has vanished. Returns whether one
    /// has vanished or a parent absorbed something that was not known: then the tree should be looked at again.
    pub(super) fn update(&mut self, entries: &[Entry]) -> bool {
        for account in &mut self.accounts {
            account.seen = false;
            account.surplus = [0; COUNTERS];
        }
        for (position, entry) in entries.iter().enumerate() {
            self.take(position, entry);
        }
        let vanished = self.settle();
        let surprised = self.accounts.iter().any(|account| account.surplus[0] > 0);
        self.add_up();
        vanished || surprised
    }

    /// The totals, which never fall.
    pub(super) fn totals(&self) -> [u64; COUNTERS] {
        self.totals
    }

    fn take(&mut self, hint: usize, entry: &Entry) {
        let at_hint = self
            .accounts
            .get(hint)
            .is_some_and(|a| a.entry.id == entry.id);
        let place = if at_hint {
            Some(hint)
        } else {
            self.accounts
                .iter()
                .position(|account| account.entry.id == entry.id)
        };
        let Some(account) = place.and_then(|place| self.accounts.get_mut(place)) else {
            self.accounts.push(Account {
                entry: *entry,
                pending: [0; COUNTERS],
                surplus: [0; COUNTERS],
                seen: true,
            });
            return;
        };
        account.seen = true;
        account.entry.parent = entry.parent;
        for k in 0..COUNTERS {
            let (old, new) = (&mut account.entry.amounts[k], entry.amounts[k]);
            let growth = new.absorbed.saturating_sub(old.absorbed);
            old.own = old.own.max(new.own);
            old.absorbed = old.absorbed.max(new.absorbed);
            let matched = growth.min(account.pending[k]);
            account.pending[k] -= matched;
            account.surplus[k] = growth - matched;
        }
    }

    /// Sets what is owed against what ancestors have absorbed. Returns whether a process has vanished.
    fn settle(&mut self) -> bool {
        let mut vanished = Vec::new();
        let mut place = 0;
        while place < self.accounts.len() {
            if self.accounts[place].seen {
                place += 1;
            } else {
                // In order: `take` finds the others by their place.
                vanished.push(self.accounts.remove(place));
            }
        }
        self.settle_old(&vanished);
        for gone in &vanished {
            let amounts = gone.entry.amounts;
            let mut owed: [u64; COUNTERS] =
                std::array::from_fn(|k| amounts[k].own + amounts[k].absorbed + gone.pending[k]);
            let heir = self.claim(gone.entry.parent, &vanished, &mut owed);
            let keeper = match heir {
                Some(heir) => &mut self.accounts[heir].pending,
                None => &mut self.lost,
            };
            for k in 0..COUNTERS {
                keeper[k] += owed[k];
            }
        }
        !vanished.is_empty()
    }

    /// Settles what was left open by the tick before. All readings of this one are later than the ends of those processes: what
    /// they do not hold will not come any more.
    fn settle_old(&mut self, vanished: &[Account]) {
        for place in 0..self.accounts.len() {
            let mut owed = self.accounts[place].pending;
            if owed == [0; COUNTERS] {
                continue;
            }
            self.claim(self.accounts[place].entry.parent, vanished, &mut owed);
            // Another branch may have been set against what this one was waiting for.
            for account in &mut self.accounts {
                offset(&mut owed, &mut account.surplus);
            }
            for (k, owed) in owed.iter_mut().enumerate() {
                self.lost[k] += owed.saturating_sub(self.slack[k]);
                *owed = (*owed).min(self.slack[k]);
            }
            self.accounts[place].pending = owed;
        }
    }

    /// Takes what is `owed` out of the surplus of the ancestors, the nearest first: an orphan is waited for by an ancestor
    /// further up. Returns the nearest.
    fn claim(
        &mut self,
        parent: u32,
        vanished: &[Account],
        owed: &mut [u64; COUNTERS],
    ) -> Option<usize> {
        let nearest = self.heir(parent, vanished);
        let mut at = nearest;
        // Bounded, as the chain of heirs is.
        for _ in 0..self.accounts.len() {
            let Some(place) = at else { break };
            let account = &mut self.accounts[place];
            offset(owed, &mut account.surplus);
            let parent = account.entry.parent;
            at = self.heir(parent, vanished);
        }
        nearest
    }

    /// The nearest ancestor that still lives, through those that vanished in the same tick.
    fn heir(&self, parent: u32, vanished: &[Account]) -> Option<usize> {
        let mut parent = parent;
        // A chain is at most as long as there are vanished processes; ids that were used again could make a circle.
        for _ in 0..=vanished.len() {
            if let Some(place) = self.accounts.iter().position(|a| a.entry.id.pid == parent) {
                return Some(place);
            }
            parent = vanished
                .iter()
                .find(|a| a.entry.id.pid == parent)?
                .entry
                .parent;
        }
        None
    }

    fn add_up(&mut self) {
        for k in 0..COUNTERS {
            let living: u64 = self
                .accounts
                .iter()
                .map(|account| {
                    let Amount { own, absorbed } = account.entry.amounts[k];
                    own + absorbed + account.pending[k]
                })
                .sum();
            self.totals[k] = self.totals[k].max(living + self.lost[k]);
        }
    }
}

/// Takes from both what they have in common.
fn offset(owed: &mut [u64; COUNTERS], surplus: &mut [u64; COUNTERS]) {
    for (owed, surplus) in owed.iter_mut().zip(surplus) {
        let matched = (*owed).min(*surplus);
        *owed -= matched;
        *surplus -= matched;
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
