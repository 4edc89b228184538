//! Seeded draws that depend on their own number alone, so that threads can share them out.

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// `SplitMix64` (Steele, Lea and Flood 2014), one stream for each draw.
pub(super) struct Draws(u64);

impl Draws {
    /// The stream of draw `index` under `seed`.
    pub(super) fn of(seed: u64, index: u64) -> Self {
        // Mixed twice: the streams of neighbouring draws would be one sequence a step apart otherwise.
        Self(mix(mix(seed ^ STEP).wrapping_add(mix(index))))
    }

    pub(super) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// Uniform in `0..bound`, by the upper half of a product (Lemire 2019); the bias is below `bound / 2^64`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.word()) * bound as u128;
        #[expect(clippy::cast_possible_truncation, reason = "below `bound`")]
        let value = (product >> 64) as usize;
        value
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        assert_eq!(Draws(0).word(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(0), 0);
    }

    #[test]
    fn streams_differ_and_bounds_hold() {
        let first = |index| Draws::of(1, index).word();
        let mut firsts: Vec<u64> = (0..1000).map(first).collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 1000);
        let mut counts = [0u32; 7];
        for index in 0..7000 {
            counts[Draws::of(3, index).below(7)] += 1;
        }
        assert!(counts.iter().all(|count| (880..=1120).contains(count)), "{counts:?}");
        assert_eq!(Draws::of(0, 0).below(1), 0);
    }
}
