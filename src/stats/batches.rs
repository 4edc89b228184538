//! Any number of observations in bounded memory: batches of equally many, whose size doubles when there are too many.

/// One summand of a ratio: an amount and the weight it is counted against (samples and seconds, byte-seconds and
/// seconds, seconds and steps).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Part {
    /// What the numerator adds up.
    pub amount: f64,
    /// What the denominator adds up.
    pub weight: f64,
}

impl Part {
    /// Amount over weight; `None` without weight.
    pub fn ratio(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.amount / self.weight)
    }
}

/// Sum of parts.
pub fn total(parts: &[Part]) -> Part {
    parts.iter().fold(Part::default(), |sum, part| Part {
        amount: sum.amount + part.amount,
        weight: sum.weight + part.weight,
    })
}

/// Merges each `size` neighbours from the back, so that an incomplete group would hold the oldest; it is left out.
pub fn regroup(parts: &[Part], size: usize) -> Vec<Part> {
    let size = size.max(1);
    let skip = parts.len() % size;
    parts[skip..].chunks(size).map(total).collect()
}

/// A series of observations, each `N` numbers that add up, as at most `capacity` batch sums.
///
/// Each batch holds equally many observations, but for the newest, which holds what does not fill one of its own as well: a
/// figure without the last few steps would lack the very stall in which a series ended. When `capacity` batches are full,
/// neighbours merge and batches hold twice as many from then on, so that there are always between `capacity / 2` and `capacity`
/// (after the first few) and a batch is never more than `4 / capacity` of the series.
#[derive(Debug, Clone)]
pub struct BatchSeries<const N: usize> {
    full: Vec<[f64; N]>,
    capacity: usize,
    per_batch: u64,
    open: [f64; N],
    in_open: u64,
}

impl<const N: usize> BatchSeries<N> {
    /// Holds at most `capacity` batches, made even and at least 2.
    pub fn new(capacity: usize) -> Self {
        Self {
            full: Vec::new(),
            capacity: capacity.max(2).next_multiple_of(2),
            per_batch: 1,
            open: [0.0; N],
            in_open: 0,
        }
    }

    /// Adds one observation.
    pub fn push(&mut self, observation: [f64; N]) {
        for (sum, value) in self.open.iter_mut().zip(observation) {
            *sum += value;
        }
        self.in_open += 1;
        if self.in_open < self.per_batch {
            return;
        }
        self.full.push(std::mem::replace(&mut self.open, [0.0; N]));
        self.in_open = 0;
        if self.full.len() == self.capacity {
            self.halve();
        }
    }

    /// Adds to the batch that holds this observation, counted from 0: for what is found out later. An observation that
    /// has not come yet is left alone.
    pub fn amend(&mut self, observation: u64, more: [f64; N]) {
        if observation >= self.observations() {
            return;
        }
        let batch = usize::try_from(observation / self.per_batch).unwrap_or(usize::MAX);
        let sums = self.full.get_mut(batch).unwrap_or(&mut self.open);
        for (sum, value) in sums.iter_mut().zip(more) {
            *sum += value;
        }
    }

    fn halve(&mut self) {
        let half = self.full.len() / 2;
        for i in 0..half {
            let (a, b) = (self.full[2 * i], self.full[2 * i + 1]);
            self.full[i] = std::array::from_fn(|n| a[n] + b[n]);
        }
        self.full.truncate(half);
        self.per_batch *= 2;
    }

    /// Batches.
    pub fn len(&self) -> usize {
        self.full.len()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.full.is_empty()
    }

    /// Observations in each batch but the newest, which may hold up to twice as many.
    pub fn per_batch(&self) -> u64 {
        self.per_batch
    }

    /// Observations in the first so many batches.
    pub fn in_first(&self, batches: usize) -> u64 {
        if batches < self.full.len() {
            batches as u64 * self.per_batch
        } else {
            self.observations()
        }
    }

    /// All observations.
    pub fn observations(&self) -> u64 {
        self.full.len() as u64 * self.per_batch + self.in_open
    }

    /// Number `amount` and number `weight` of all observations.
    pub fn sum(&self, amount: usize, weight: usize) -> Part {
        total(&self.parts(amount, weight))
    }

    /// The batches as summands of number `amount` over number `weight`: all observations.
    pub fn parts(&self, amount: usize, weight: usize) -> Vec<Part> {
        let part = |batch: &[f64; N]| Part { amount: batch[amount], weight: batch[weight] };
        let mut parts: Vec<Part> = self.full.iter().map(part).collect();
        if let Some(newest) = parts.last_mut() {
            *newest = total(&[*newest, part(&self.open)]);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ten_million_observations_stay_in_bounded_memory() {
        let mut series = BatchSeries::<2>::new(128);
        for i in 0..10_000_000u32 {
            series.push([f64::from(i % 7), 1.0]);
        }
        assert!((64..128).contains(&series.len()), "{}", series.len());
        assert_eq!(series.observations(), 10_000_000);
        let all: f64 = (0..10_000_000u32).map(|i| f64::from(i % 7)).sum();
        assert_eq!(series.sum(0, 1), Part { amount: all, weight: 1e7 });
        let sum = total(&series.parts(0, 1));
        assert!((sum.ratio().unwrap() - 3.0).abs() < 1e-3);
    }

    #[test]
    fn groups_are_counted_from_the_newest() {
        let parts: Vec<Part> =
            (1..=7).map(|i| Part { amount: f64::from(i), weight: 1.0 }).collect();
        let sums: Vec<f64> = regroup(&parts, 3).iter().map(|p| p.amount).collect();
        assert_eq!(sums, [2.0 + 3.0 + 4.0, 5.0 + 6.0 + 7.0]);
    }

    proptest! {
        /// What is said of an observation later lands where it would have been if it had been said at once.
        #[test]
        fn later_is_as_good_as_at_once(marks in prop::collection::vec(any::<bool>(), 1..500), late in 1usize..60, capacity in 2usize..20) {
            let mut at_once = BatchSeries::<2>::new(capacity);
            let mut later = BatchSeries::<2>::new(capacity);
            for (i, mark) in marks.iter().enumerate() {
                at_once.push([1.0, f64::from(u8::from(*mark))]);
                later.push([1.0, 0.0]);
                if i >= late && marks[i - late] {
                    later.amend((i - late) as u64, [0.0, 1.0]);
                }
            }
            let rest = marks.len().saturating_sub(late);
            for (i, _) in marks.iter().enumerate().skip(rest).filter(|(_, mark)| **mark) {
                later.amend(i as u64, [0.0, 1.0]);
            }
            later.amend(marks.len() as u64, [0.0, 100.0]);
            prop_assert_eq!(at_once.parts(1, 0), later.parts(1, 0));
            prop_assert!((at_once.open[1] - later.open[1]).abs() < 1e-9);
        }

        #[test]
        fn nothing_is_lost_or_made_up(values in prop::collection::vec(0u32..1000, 0..700), capacity in 2usize..20) {
            let mut series = BatchSeries::<1>::new(capacity);
            for value in &values {
                series.push([f64::from(*value)]);
            }
            prop_assert_eq!(series.observations(), values.len() as u64);
            let sum = total(&series.parts(0, 0)).amount;
            prop_assert!((sum - f64::from(values.iter().sum::<u32>())).abs() < 1e-9);
            let first = series.len() / 2;
            let in_first = usize::try_from(series.in_first(first)).unwrap();
            let sum = total(&series.parts(0, 0)[..first]).amount;
            prop_assert!((sum - f64::from(values[..in_first].iter().sum::<u32>())).abs() < 1e-9);
            prop_assert_eq!(series.in_first(series.len()), values.len() as u64);
            prop_assert!(series.len() < capacity.next_multiple_of(2));
        }
    }
}
