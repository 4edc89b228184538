//! The order of the samples: seeded, and the same on every machine and with every libtorch.

use perftune::dataset::SplitMix64;

/// A generator for one purpose.
#[derive(Debug, Clone)]
pub(super) struct Rng(SplitMix64);

impl Rng {
    /// Streams of one seed are unrelated.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut mixer = SplitMix64(seed ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03));
        Self(SplitMix64(mixer.draw()))
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.below(bound as u64)).unwrap_or(0)
    }

    /// Fisher and Yates's shuffle, from the last element down.
    pub(super) fn shuffle(&mut self, items: &mut [i64]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_every_item_and_depends_on_seed_and_stream() {
        let shuffled = |seed, stream| {
            let mut items: Vec<i64> = (0..1000).collect();
            Rng::new(seed, stream).shuffle(&mut items);
            items
        };
        let first = shuffled(1, 1);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert_eq!(first, shuffled(1, 1));
        assert_ne!(first, shuffled(2, 1));
        assert_ne!(first, shuffled(1, 2));
    }

    #[test]
    fn every_order_of_three_is_about_as_likely() {
        let mut counts = std::collections::BTreeMap::new();
        let mut rng = Rng::new(7, 0);
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            rng.shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        // Six orders, 1000 each; the standard deviation is 29.
        assert!(
            counts.len() == 6 && counts.values().all(|n| (880..1120).contains(n)),
            "{counts:?}"
        );
    }

    #[test]
    fn the_generator_is_the_published_one() {
        // First output of SplitMix64 from state 0.
        assert_eq!(SplitMix64(0).draw(), 0xe220_a839_7b1d_cdaf);
    }
}
