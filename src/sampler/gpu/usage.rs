//! Shares of single processes: the driver hands out samples that are new since it was asked last.

use std::collections::BTreeMap;

/// A sample speaks of the present for this long, in nanoseconds: the longest of the driver's periods.
const FRESH_NS: u64 = 1_000_000_000;

/// The newest samples of a device's processes.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// Time of the newest sample, in microseconds of the driver's clock.
    newest_us: u64,
    /// Process; when its share was told, in nanoseconds of our clock; percent.
    shares: BTreeMap<u32, (u64, u32)>,
    begun: bool,
}

impl Usage {
    /// From when on samples are new.
    pub(super) fn since_us(&self) -> u64 {
        self.newest_us
    }

    /// Takes what is new (process, microseconds of the driver's clock, percent), and says what holds now.
    pub(super) fn take(&mut self, new: &[(u32, u64, u32)], now_ns: u64) -> Vec<(u32, u32)> {
        let mut new = new.to_vec();
        new.sort_by_key(|(_, at_us, _)| *at_us);
        let since_us = self.newest_us;
        for (pid, at_us, percent) in new.into_iter().filter(|(_, at, _)| *at > since_us) {
            self.newest_us = at_us;
            // The first answer is all that the driver still has, of whatever time.
            if self.begun {
                self.shares.insert(pid, (now_ns, percent));
            }
        }
        self.begun = true;
        self.shares.retain(|_, (told_ns, _)| now_ns.saturating_sub(*told_ns) <= FRESH_NS);
        let now = self.shares.iter();
        now.map(|(pid, (_, percent))| (*pid, *percent)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_share_holds_until_there_is_a_newer_one_or_it_is_old() {
        let mut usage = Usage::default();
        // What was there before anybody asked is of an unknown time.
        assert_eq!(usage.take(&[(1, 500, 90)], 0), []);
        assert_eq!(usage.since_us(), 500);
        assert_eq!(
            usage.take(&[(1, 700, 40), (2, 600, 5), (1, 600, 1)], 100 * MS),
            [(1, 40), (2, 5)]
        );
        assert_eq!(usage.since_us(), 700);
        assert_eq!(usage.take(&[], 200 * MS), [(1, 40), (2, 5)]);
        assert_eq!(usage.take(&[(2, 900, 7)], 900 * MS), [(1, 40), (2, 7)]);
        assert_eq!(usage.take(&[], 1_200 * MS), [(2, 7)]);
        // A driver that gives old samples again is not believed.
        assert_eq!(usage.take(&[(2, 900, 99)], 1_300 * MS), [(2, 7)]);
        assert_eq!(usage.take(&[], 3_000 * MS), []);
    }
}
