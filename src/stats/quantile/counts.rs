//! A batch of steps as the buckets that they fell into.

/// How many steps fell into each bucket, by the bucket's lower limit in units, in rising order.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    buckets: Vec<(u64, u64)>,
    pub(super) steps: u64,
}

impl Counts {
    pub(super) fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let buckets =
            values.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect();
        Self { buckets, steps: values.len() as u64 }
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut buckets = Vec::with_capacity(self.buckets.len().max(other.buckets.len()));
        let (mut left, mut right) = (&self.buckets[..], &other.buckets[..]);
        while let (Some(a), Some(b)) = (left.first(), right.first()) {
            let mut count = 0;
            let value = a.0.min(b.0);
            if a.0 == value {
                count += a.1;
                left = &left[1..];
            }
            if b.0 == value {
                count += b.1;
                right = &right[1..];
            }
            buckets.push((value, count));
        }
        buckets.extend_from_slice(left);
        buckets.extend_from_slice(right);
        Self { buckets, steps: self.steps + other.steps }
    }

    /// What is left without these, never less than nothing.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut taken = other.buckets.iter().copied().peekable();
        let mut left = Vec::with_capacity(self.buckets.len());
        for (value, count) in &self.buckets {
            while taken.next_if(|(other, _)| other < value).is_some() {}
            let gone = taken.next_if(|(other, _)| other == value);
            let count = count.saturating_sub(gone.map_or(0, |(_, count)| count));
            if count > 0 {
                left.push((*value, count));
            }
        }
        let steps = left.iter().map(|(_, count)| count).sum();
        Self { buckets: left, steps }
    }

    /// The sum of all of them, merged as a tree.
    pub(super) fn sum(all: &[Self]) -> Self {
        match all {
            [] => Self::default(),
            [one] => one.clone(),
            [one, two] => one.plus(two),
            _ => {
                let (left, right) = all.split_at(all.len() / 2);
                Self::sum(left).plus(&Self::sum(right))
            }
        }
    }

    /// The bucket of the `rank`-th smallest value, from 1; that of the largest for a rank beyond.
    pub(super) fn at_rank(&self, rank: u64) -> u64 {
        let mut seen = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        found.or(self.buckets.last()).map_or(0, |bucket| bucket.0)
    }

    /// Steps in buckets above this one.
    pub(super) fn above(&self, bucket: u64) -> u64 {
        let from = self.buckets.partition_point(|(value, _)| *value <= bucket);
        self.buckets[from..].iter().map(|(_, count)| count).sum()
    }
}
