//! A line of bounded length through any number of readings: neighbours are kept as their smallest and largest, so that
//! a spike is seen however long the run was.

/// Groups of neighbours that are kept, each as at most two points.
const GROUPS: usize = 180;

/// A point: seconds since the run began, and a value in base units.
pub(super) type Point = (f64, f64);

/// Neighbouring readings: the smallest and the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Group {
    low: Point,
    high: Point,
}

impl Group {
    fn with(self, other: Self) -> Self {
        Self {
            low: if other.low.1 < self.low.1 { other.low } else { self.low },
            high: if other.high.1 > self.high.1 { other.high } else { self.high },
        }
    }
}

/// A line that may have gaps. However many readings come, it has at most 360 points.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    pieces: Vec<Vec<Group>>,
    /// Readings in a full group.
    per_group: u64,
    /// Readings in the last group of the last piece.
    in_last: u64,
}

impl Default for Trace {
    fn default() -> Self {
        Self { pieces: Vec::new(), per_group: 1, in_last: 0 }
    }
}

impl Trace {
    /// Appends a reading; one that is no number is a gap.
    pub fn push(&mut self, t_s: f64, value: f64) {
        if !t_s.is_finite() || !value.is_finite() {
            self.gap();
            return;
        }
        let point = (t_s, value);
        let group = Group { low: point, high: point };
        if self.pieces.is_empty() {
            self.pieces.push(Vec::new());
        }
        let Some(piece) = self.pieces.last_mut() else {
            return;
        };
        match piece.last_mut() {
            Some(last) if self.in_last < self.per_group => {
                *last = last.with(group);
                self.in_last += 1;
            }
            _ => {
                piece.push(group);
                self.in_last = 1;
            }
        }
        while self.groups() > GROUPS && self.pieces.iter().any(|piece| piece.len() > 1) {
            self.halve();
        }
    }

    /// Ends the line; what comes next is not joined to it.
    pub fn gap(&mut self) {
        if self.pieces.last().is_some_and(|piece| !piece.is_empty()) {
            self.pieces.push(Vec::new());
            self.in_last = 0;
        }
        // Gaps upon gaps: every other piece is enough to see that, and no line is drawn across a gap.
        if self.pieces.len() > GROUPS {
            let pieces = self.pieces.iter().step_by(2).cloned();
            self.pieces = pieces.chain([Vec::new()]).collect();
        }
    }

    fn groups(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    fn halve(&mut self) {
        if self.pieces.last().is_some_and(|piece| piece.len() % 2 == 0) {
            self.in_last += self.per_group;
        }
        for piece in &mut self.pieces {
            let pairs = piece.chunks(2);
            *piece = pairs.filter_map(|pair| pair.iter().copied().reduce(Group::with)).collect();
        }
        self.per_group *= 2;
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.groups() == 0
    }

    /// The pieces of the line, each in the order of time.
    pub fn pieces(&self) -> impl Iterator<Item = Vec<Point>> {
        let filled = self.pieces.iter().filter(|piece| !piece.is_empty());
        filled.map(|piece| {
            let mut points = Vec::with_capacity(2 * piece.len());
            for group in piece {
                let (first, second) = if group.low.0 <= group.high.0 {
                    (group.low, group.high)
                } else {
                    (group.high, group.low)
                };
                points.push(first);
                if second != first {
                    points.push(second);
                }
            }
            points
        })
    }

    /// All values that the line goes through.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        let groups = self.pieces.iter().flatten();
        groups.flat_map(|group| [group.low.1, group.high.1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_readings_stay_as_they_are() {
        let mut trace = Trace::default();
        for (t, value) in [(0.0, 3.0), (1.0, 1.0), (2.0, 2.0)] {
            trace.push(t, value);
        }
        trace.gap();
        trace.gap();
        trace.push(4.0, 5.0);
        trace.push(5.0, f64::NAN);
        trace.push(6.0, 7.0);
        let pieces: Vec<_> = trace.pieces().collect();
        assert_eq!(
            pieces,
            [vec![(0.0, 3.0), (1.0, 1.0), (2.0, 2.0)], vec![(4.0, 5.0)], vec![(6.0, 7.0)]]
        );
    }

    #[test]
    fn a_spike_among_a_million_is_seen() {
        let mut trace = Trace::default();
        for i in 0..1_000_000 {
            trace.push(f64::from(i), if i == 654_321 { 9.0 } else { 1.0 });
        }
        let points: Vec<_> = trace.pieces().flatten().collect();
        assert!(points.len() <= 2 * GROUPS, "{}", points.len());
        assert!(points.contains(&(654_321.0, 9.0)));
        // Groups stay as even as doubling allows: none is so wide that the line would be coarse.
        assert!(points.len() > GROUPS / 2, "{}", points.len());
    }

    proptest! {
        #[test]
        fn order_extremes_and_bound_are_kept(
            readings in proptest::collection::vec((0_u8..20, -1e6_f64..1e6), 1..3000)
        ) {
            let mut trace = Trace::default();
            for (i, (gap, value)) in readings.iter().enumerate() {
                if *gap == 0 {
                    trace.gap();
                }
                trace.push(i as f64, *value);
            }
            let points: Vec<_> = trace.pieces().flatten().collect();
            prop_assert!(points.len() <= 2 * GROUPS);
            prop_assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
            let pieces = readings.iter().skip(1).filter(|(gap, _)| *gap == 0).count() + 1;
            if pieces < GROUPS {
                let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::MIN, f64::max);
                let (mut all, mut kept) = (readings.iter().map(|(_, value)| *value), trace.values());
                prop_assert_eq!(largest(&mut all).to_bits(), largest(&mut kept).to_bits());
            }
        }
    }
}
