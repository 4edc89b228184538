//! A counter that wraps, as one that only grows. Pure.

/// No package and no memory of one draws more than this, in watts: a rise beyond it is no energy but a counter that was
/// set anew. Eight times the hottest package there is.
const MOST_WATTS: u64 = 4000;

/// How long a counter may stand still and then rise at once, in nanoseconds. RAPL's are updated each millisecond.
const UPDATE_NS: u64 = 10_000_000;

/// A part that is looked at so seldom that it could have wrapped unnoticed at this power, in watts, is not followed.
const LIKELY_WATTS: u64 = 1000;

/// A counter of microjoules.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter {
    /// Where it begins anew, if that is known.
    range_uj: Option<u64>,
    /// Time and value of the last reading that can be built on.
    last: Option<(u64, u64)>,
    total_uj: u64,
}

impl Counter {
    /// One that begins anew beyond `range_uj`.
    pub(super) fn new(range_uj: Option<u64>) -> Self {
        Self { range_uj: range_uj.filter(|range| *range > 0), ..Self::default() }
    }

    /// Takes a reading; the energy since the first one, in microjoules, which never falls. An error says why this reading
    /// does not follow from the one before: what was used in between is not known, and the next one begins from here.
    pub(super) fn push(&mut self, t_ns: u64, raw_uj: u64) -> Result<u64, &'static str> {
        if self.range_uj.is_some_and(|range| raw_uj > range) {
            self.last = None;
            return Err("the counter is beyond its own range");
        }
        let Some((before_ns, before_uj)) = self.last.replace((t_ns, raw_uj)) else {
            return Ok(self.total_uj);
        };
        let elapsed_ns = t_ns.saturating_sub(before_ns);
        let risen_uj = match raw_uj.checked_sub(before_uj) {
            Some(risen_uj) => risen_uj,
            None => self
                .wrapped(before_uj, raw_uj)
                .ok_or("the counter fell, and its range is not known")?,
        };
        if self.may_hide_a_turn(elapsed_ns) {
            return Err(
                "it was not looked at for so long that the counter may have wrapped unnoticed",
            );
        }
        if risen_uj > energy_uj(MOST_WATTS, elapsed_ns.saturating_add(UPDATE_NS)) {
            return Err("the counter jumped by more than any processor can use: it was set anew");
        }
        self.total_uj = self.total_uj.saturating_add(risen_uj);
        Ok(self.total_uj)
    }

    /// The reading between was lost: the next one begins anew, without what was used meanwhile.
    pub(super) fn lose(&mut self) {
        self.last = None;
    }

    fn wrapped(&self, before_uj: u64, raw_uj: u64) -> Option<u64> {
        let left_uj = self.range_uj?.checked_sub(before_uj)?;
        Some(left_uj.saturating_add(raw_uj))
    }

    fn may_hide_a_turn(&self, elapsed_ns: u64) -> bool {
        self.range_uj.is_some_and(|range| energy_uj(LIKELY_WATTS, elapsed_ns) > range)
    }
}

/// What so many watts make of so many nanoseconds, in microjoules.
fn energy_uj(watts: u64, elapsed_ns: u64) -> u64 {
    watts.saturating_mul(elapsed_ns / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: u64 = 1_000_000_000;
    /// What most processors have.
    const RANGE: u64 = 262_143_328_850;

    fn pushed(range: Option<u64>, readings: &[(u64, u64)]) -> Vec<Result<u64, &'static str>> {
        let mut counter = Counter::new(range);
        readings.iter().map(|(t_ns, raw)| counter.push(*t_ns, *raw)).collect()
    }

    #[test]
    fn a_turn_adds_the_range_and_is_not_negative() {
        let before = RANGE - 3_000_000;
        let found = pushed(Some(RANGE), &[(0, before), (S / 10, 4_000_000), (S / 5, 9_000_000)]);
        assert_eq!(found, [Ok(0), Ok(7_000_000), Ok(12_000_000)]);
    }

    #[test]
    fn what_does_not_follow_is_a_gap_and_no_energy() {
        for (range, readings, says) in [
            // Set to zero by a driver that was loaded again: 200 kJ in 0.1 s were not used.
            (Some(RANGE), [(0, 60_000_000_000), (S / 10, 5)], "set anew"),
            (Some(RANGE), [(0, 5), (S / 10, 60_000_000_000)], "set anew"),
            (None, [(0, 10), (S, 5)], "range is not known"),
            (Some(0), [(0, 10), (S, 5)], "range is not known"),
            (Some(100), [(0, 10), (S, 101)], "beyond its own range"),
            // 263 s at 1 kW are once around.
            (Some(RANGE), [(0, 0), (263 * S, 1)], "wrapped unnoticed"),
        ] {
            let found = pushed(range, &readings);
            let why = found[1].unwrap_err();
            assert!(why.contains(says), "{readings:?}: {why}");
        }
        let mut counter = Counter::new(Some(RANGE));
        for (t, raw) in [(0, 0), (S, 5_000_000)] {
            counter.push(t, raw).unwrap();
        }
        counter.push(2 * S, 60_000_000_000).unwrap_err();
        // Goes on from there.
        assert_eq!(counter.push(3 * S, 60_000_000_007), Ok(5_000_007));
        counter.lose();
        assert_eq!(counter.push(4 * S, 9), Ok(5_000_007));
        assert_eq!(counter.push(5 * S, 19), Ok(5_000_017));
    }

    fn never_falls(range: Option<u64>, readings: &[(u64, u64)]) {
        let mut counter = Counter::new(range);
        let (mut t_ns, mut before) = (0_u64, 0);
        for (later, raw) in readings {
            let elapsed_ns = *later;
            t_ns = t_ns.saturating_add(elapsed_ns);
            if let Ok(total) = counter.push(t_ns, *raw) {
                assert!(total >= before);
                let most = energy_uj(MOST_WATTS, elapsed_ns.saturating_add(UPDATE_NS));
                assert!(total - before <= most, "{total} after {before}");
                before = total;
            }
        }
    }

    fn raw() -> impl Strategy<Value = u64> {
        prop_oneof![any::<u64>(), 0..1000_u64, RANGE - 1000..RANGE + 10]
    }

    fn readings() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let later = prop_oneof![Just(0), 0..2 * S, any::<u64>()];
        proptest::collection::vec((later, raw()), 0..12)
    }

    fn range() -> impl Strategy<Value = Option<u64>> {
        proptest::option::of(prop_oneof![Just(RANGE), any::<u64>(), 0..100_u64])
    }

    proptest! {
        #[test]
        fn any_readings_give_a_counter_that_never_falls(range in range(), readings in readings()) {
            never_falls(range, &readings);
        }
    }

    #[test]
    #[ignore = "two million cases"]
    fn millions_of_sequences_give_counters_that_never_fall() {
        let config = ProptestConfig::with_cases(2_000_000);
        proptest!(config, |(range in range(), readings in readings())| {
            never_falls(range, &readings);
        });
    }

    proptest! {
        /// Energy that is used at up to 1 kW, looked at now and then, is all of it found, through any number of turns.
        #[test]
        fn a_true_counter_is_followed(
            start in 0..RANGE, steps in proptest::collection::vec((1..2000_u64, 0..1000_u64), 1..300)
        ) {
            let mut counter = Counter::new(Some(RANGE));
            let (mut t_ns, mut used) = (0, 0);
            counter.push(0, start).unwrap();
            for (ms, watts) in steps {
                t_ns += ms * 1_000_000;
                used += watts * ms * 1000;
                // The hardware's: at its range it is 0 again.
                prop_assert_eq!(counter.push(t_ns, (start + used) % RANGE), Ok(used));
            }
        }
    }
}
