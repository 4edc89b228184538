//! For how much of the time an accelerator was read: a figure of a part of a run must not look like one of all of it.

use crate::units::percent;

/// Share of the time without a reading that is worth a word, and in which a peak may have been higher.
const BLIND: f64 = 0.05;

/// Time with and without readings of a device, from when the run was known to work on it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Coverage {
    /// Time of the last tick, in nanoseconds; the other two are lengths.
    last: Option<u64>,
    read: u64,
    blind: u64,
}

impl Coverage {
    /// Adds a tick; `expected`: the run is known to work on a device, which then should have been read.
    pub(crate) fn push(&mut self, t_ns: u64, (read, expected): (bool, bool)) {
        let before = self.last.replace(t_ns);
        let Some(before) = before.filter(|_| expected || read) else {
            return;
        };
        let since = t_ns.saturating_sub(before);
        if read {
            self.read += since;
        } else {
            self.blind += since;
        }
    }

    /// What must be said of a peak, if anything.
    pub(crate) fn sentence(&self) -> Option<String> {
        let (read, blind) = (self.read as f64, self.blind as f64);
        let share = blind / (read + blind);
        (share > BLIND).then(|| format!("not read for {} of the time", percent(share)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_without_a_reading_counts_from_when_one_could_be() {
        for (ticks, says) in [
            (&[(0, false, false), (9, false, false)][..], None),
            (&[(0, false, false), (9, true, true), (19, true, true)], None),
            (
                &[(0, false, false), (10, true, true), (40, false, true)],
                Some("not read for 75% of the time"),
            ),
            (&[(0, true, true), (96, true, true), (100, false, true)], None),
            (&[(0, false, true), (10, false, true)], Some("not read for 100% of the time")),
        ] {
            let mut coverage = Coverage::default();
            for (t_ns, read, expected) in ticks {
                coverage.push(*t_ns, (*read, *expected));
            }
            assert_eq!(coverage.sentence().as_deref(), says, "{ticks:?}");
        }
    }
}
