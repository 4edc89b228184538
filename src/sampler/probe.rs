//! What a probe is, and how it says that it could not read something.

use crate::event::{Gap, GapKind, Reason, ResourceSample};

/// One source of readings. A tick asks each probe in turn, all on the sampler's thread.
pub trait Probe: Send {
    /// A short name for the cost report, such as `tree` or `gpu`.
    fn name(&self) -> &'static str;

    /// Fills its own fields of the tick's sample. A field that it cannot read stays `None` and is reported to the
    /// tick's [`GapLedger`], on every tick for as long as that lasts.
    fn read(&mut self, tick: &mut Tick<'_>);
}

/// The fields that are absent when the tree cannot be read at all.
pub(super) const TREE_FIELDS: [&str; 10] = [
    "cpu_ns",
    "rss_bytes",
    "peak_bytes",
    "read_bytes",
    "write_bytes",
    "minor_faults",
    "major_faults",
    "involuntary_switches",
    "voluntary_switches",
    "run_delay_ns",
];

/// What one tick has read so far.
pub struct Tick<'a> {
    /// When the tick began, on the sampler's clock, in nanoseconds.
    pub now_ns: u64,
    /// The first or the last tick: read everything anew, whatever its usual pace.
    pub thorough: bool,
    /// The sample that is being filled.
    pub sample: &'a mut ResourceSample,
    /// What could not be read.
    pub gaps: &'a mut GapLedger,
    /// Whether the sample's CPU time is that of all who belong to the tree now: what else ran can be told from it.
    pub looked: &'a mut bool,
    /// The process ids of the worker's tree, zombies included; the first probe fills it.
    pub pids: &'a mut Vec<u32>,
}

/// Remembers which gaps have been said, so that the stream of samples stays small.
///
/// The rule: a gap is in the first sample in which it holds, and again only when its reason has changed or when the field
/// had been read in between. A consumer that wants the reason for a `None` therefore looks backwards in the stream.
#[derive(Debug, Default)]
pub struct GapLedger {
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    field: String,
    reason: Reason,
    said: bool,
    holds: bool,
}

impl GapLedger {
    /// Reports that `field` could not be read. `reason` must not vary from tick to tick without need: it is compared.
    pub fn report(&mut self, field: &str, reason: &Reason) {
        self.report_as(field, reason.kind, &reason.detail);
    }

    /// The same, of a reason in parts.
    pub fn report_as(&mut self, field: &str, kind: GapKind, detail: &str) {
        let Some(known) = self.known.iter_mut().find(|known| known.field == field) else {
            self.known.push(Known {
                field: field.to_owned(),
                reason: Reason::new(kind, detail),
                said: false,
                holds: true,
            });
            return;
        };
        known.holds = true;
        if known.reason.kind != kind || known.reason.detail != detail {
            known.reason = Reason::new(kind, detail);
            known.said = false;
        }
    }

    /// The gaps whose field begins with `prefix` still hold: for a probe that skips this tick.
    pub fn hold(&mut self, prefix: &str) {
        for known in &mut self.known {
            known.holds |= known.field.starts_with(prefix);
        }
    }

    /// What was reported of this field is made good by another source.
    pub(super) fn withdraw(&mut self, field: &str) {
        for known in &mut self.known {
            known.holds &= known.field != field;
        }
    }

    /// Every gap that holds now, said or not.
    pub fn current(&self) -> Vec<Gap> {
        self.known.iter().filter(|known| known.holds).map(Known::gap).collect()
    }

    /// Starts a tick: nothing holds until it is reported again.
    pub(super) fn begin(&mut self) {
        for known in &mut self.known {
            known.holds = false;
        }
    }

    /// Ends a tick: forgets what no longer holds and returns what has not been said yet.
    pub(super) fn end(&mut self) -> Vec<Gap> {
        self.known.retain(|known| known.holds);
        let mut fresh = Vec::new();
        for known in &mut self.known {
            if !known.said {
                known.said = true;
                fresh.push(known.gap());
            }
        }
        fresh
    }
}

impl Known {
    fn gap(&self) -> Gap {
        Gap { field: self.field.clone(), reason: self.reason.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_said_when_it_begins_and_when_its_reason_changes() {
        /// What is reported in a tick, and what the sample must carry.
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
        let ticks: [Case<'_>; 7] = [
            (&[("gpu", "no driver"), ("io", "denied")], &["gpu: no driver", "io: denied"]),
            (&[("gpu", "no driver"), ("io", "denied")], &[]),
            (&[("gpu", "lost"), ("io", "denied")], &["gpu: lost"]),
            (&[("gpu", "lost")], &[]),
            (&[("gpu", "lost"), ("io", "denied")], &["io: denied"]),
            (&[], &[]),
            (&[("gpu", "lost")], &["gpu: lost"]),
        ];
        let mut ledger = GapLedger::default();
        for (tick, (reported, expected)) in ticks.iter().enumerate() {
            ledger.begin();
            for (field, reason) in *reported {
                ledger.report_as(field, GapKind::Failed, reason);
            }
            assert_eq!(ledger.current().len(), reported.len(), "tick {tick}");
            let said: Vec<_> =
                ledger.end().iter().map(|gap| format!("{}: {}", gap.field, gap.reason)).collect();
            assert_eq!(said, *expected, "tick {tick}");
        }
    }

    #[test]
    fn a_probe_that_skips_a_tick_keeps_its_gaps() {
        let mut ledger = GapLedger::default();
        ledger.begin();
        ledger.report_as("gpu[0].power_watts", GapKind::Unsupported, "not supported");
        assert_eq!(ledger.end().len(), 1);
        ledger.begin();
        ledger.hold("gpu");
        assert!(ledger.end().is_empty());
        ledger.begin();
        ledger.report_as("gpu[0].power_watts", GapKind::Unsupported, "not supported");
        assert!(ledger.end().is_empty(), "it has held all along");
    }
}
