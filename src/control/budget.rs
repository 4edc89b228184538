//! What a number of requests can tell of a percentile at best: asked before anything is run.
//!
//! Two questions with two answers, both for independent requests; those that hang together tell less:
//! - The *two-sided interval* of a chosen percentile is that of order statistics. The extremes must enclose the
//!   percentile at the confidence: 368 requests for p99 at 95%, 3,688 for p99.9.
//! - The *one-sided test* of a constrained one finds it within its limit when so few are over it. It may be read at every
//!   look, so it needs more than the binomial test of a fixed number.

use super::limit;
use crate::stats::order_ranks;

/// Fewest requests for a two-sided interval of the percentile at `level`; `None` where no number does.
pub fn fewest_for_interval(level: f64, confidence: f64) -> Option<u64> {
    limit::fewest(|n| order_ranks(n, level, confidence).is_some())
}

/// Fewest requests with which the percentile at `level` can be found to be within a limit, with the confidence of that
/// test; `None` where no number does.
pub fn fewest_for_limit(level: f64) -> Option<(u64, f64)> {
    Some((limit::fewest_within(level)?, limit::confidence()))
}

/// Fewest requests whose extremes enclose the percentile at `level`, by the closed formula: `level`, or what is left of it, to
/// this power is half of what the confidence leaves. For what computes its interval otherwise than by order statistics.
pub fn fewest_to_enclose(level: f64, confidence: f64) -> u64 {
    let tail = (1.0 - confidence) / 2.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the logarithms of two shares; saturates"
    )]
    let fewest = (tail.ln() / level.max(1.0 - level).ln()).ceil() as u64;
    fewest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_need_the_extremes_to_enclose_the_percentile() {
        for (level, confidence, needed) in [
            (0.5, 0.95, 6),
            (0.9, 0.95, 36),
            (0.95, 0.95, 72),
            (0.99, 0.95, 368),
            (0.999, 0.95, 3688),
        ] {
            assert_eq!(fewest_for_interval(level, confidence), Some(needed), "{level}");
            // None over it among so few is as likely as the tail, or likelier.
            let exact = fewest_to_enclose(level, confidence);
            assert!(exact.abs_diff(needed) <= 1, "{level}: {exact}");
        }
        for (level, needed) in [(0.01, 368), (0.9999, 36_888), (0.99999, 368_887)] {
            let found = fewest_to_enclose(level, 0.95);
            assert!(found.abs_diff(needed) <= 1, "{level}: {found}");
        }
    }

    #[test]
    fn a_test_that_may_be_read_at_every_look_needs_more_than_one_look() {
        for (level, one_look) in [(0.5, 8), (0.9, 51), (0.99, 528), (0.999, 5296)] {
            let (needed, confidence) = fewest_for_limit(level).unwrap();
            assert!((confidence - 0.995).abs() < 1e-12);
            assert!(needed > one_look && needed < 2 * one_look, "{level}: {needed}");
            assert_eq!(crate::stats::anytime_ranks(needed - 1, level, 0.005).1, None);
        }
        assert_eq!(fewest_for_limit(1.0), None);
    }
}
