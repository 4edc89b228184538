//! Whether a new session of measurements lies outside of what earlier ones predict.
//!
//! One earlier session cannot tell: how far two sessions of the same program lie apart is not to be seen within one,
//! however many runs it has. Several can. With the mean `m` and the variance `s^2` of `n` earlier sessions the next one,
//! if nothing has changed, lies at `m` with variance `s^2 (1 + 1/n)`, and `t = (new - m) / sqrt(s~^2 (1 + 1/n))` has
//! Student's distribution. The variance is moderated as in [`super::permutation`]: `(4 s0^2 + d s^2) / (4 + d)`, `s0^2` the
//! median variance of the tests of the same kind; the degrees of freedom are `d + 4 (1 - 1/k)` with `k` such tests, since
//! a test alone has nothing to borrow.
//!
//! p-values are Bonferroni's over the family, because nothing is known of how sessions make the tests depend on one
//! another. It takes sessions for independent draws: sessions of one afternoon are not.
//!
//! Where a session moves all tests together the borrowed degrees of freedom are not there, and with few sessions that shows:
//! of families of 24 tests in which nothing had changed 5% had an alarm at 1% with two sessions, 2% with three, 0.7% with
//! five (`cargo bench --bench gate -- stored`). That is why few sessions must not fail a build.

use super::distribution::{student_t, student_t_tail};
use super::permutation::{PRIOR, moderated};
use super::shift::median;

/// One figure, in earlier sessions and in the new one.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionTest {
    /// Tests of the same kind share a variance.
    pub kind: usize,
    /// Mean logarithm of each earlier session; a value that is not finite is none.
    pub sessions: Vec<f64>,
    /// The new session's.
    pub new: f64,
}

/// How the new session compares. Effects are differences of logarithms, new less earlier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictionOutcome {
    /// The new session less the mean of the earlier ones.
    pub effect: f64,
    /// Standard deviation of that, if nothing has changed; above 0.
    pub se: f64,
    /// Family-wise probability of an effect as large, if nothing has changed; above 0.
    pub p_up: f64,
    /// The same of one as small.
    pub p_down: f64,
    /// Lower bound of the effect: no bound of the family is too high, with probability `1 - alpha`.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// Mean, variance and count of a test's sessions.
struct Earlier {
    mean: f64,
    variance: f64,
    count: f64,
}

/// Holds each new value against its earlier ones; `alpha` is the family-wise error of each side. `None` with fewer than
/// two earlier sessions, or without a new one.
pub fn prediction_family(tests: &[PredictionTest], alpha: f64) -> Vec<Option<PredictionOutcome>> {
    let earlier: Vec<Option<Earlier>> = tests.iter().map(earlier).collect();
    let judged = earlier.iter().flatten().count() as f64;
    tests
        .iter()
        .zip(&earlier)
        .map(|(test, own)| {
            let own = own.as_ref()?;
            let mut alike: Vec<f64> = tests
                .iter()
                .zip(&earlier)
                .filter(|(other, _)| other.kind == test.kind)
                .filter_map(|(_, earlier)| Some(earlier.as_ref()?.variance))
                .collect();
            let shared = median(&mut alike)?;
            let freedom = own.count - 1.0;
            let variance = moderated(shared, PRIOR, own.variance, freedom);
            let se = (variance * (1.0 + 1.0 / own.count)).sqrt();
            let freedom = freedom + PRIOR * (1.0 - 1.0 / alike.len() as f64);
            let effect = test.new - own.mean;
            // Never 0, however far out: the model is no better than that.
            let p = |t: f64| (judged * student_t_tail(t, freedom)).clamp(f64::MIN_POSITIVE, 1.0);
            let critical = student_t(1.0 - 2.0 * alpha / judged, freedom);
            Some(PredictionOutcome {
                effect,
                se,
                p_up: p(effect / se),
                p_down: p(-effect / se),
                low: effect - critical * se,
                high: effect + critical * se,
            })
        })
        .collect()
}

fn earlier(test: &PredictionTest) -> Option<Earlier> {
    let finite = || test.sessions.iter().filter(|value| value.is_finite());
    let count = finite().count() as f64;
    if count < 2.0 || !test.new.is_finite() {
        return None;
    }
    let mean = finite().sum::<f64>() / count;
    let squares: f64 = finite().map(|value| (value - mean).powi(2)).sum();
    Some(Earlier { mean, variance: squares / (count - 1.0), count })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Noise;
    use super::*;
    use proptest::prelude::*;

    fn one(kind: usize, sessions: &[f64], new: f64) -> PredictionTest {
        PredictionTest { kind, sessions: sessions.to_vec(), new }
    }

    /// Alone there is nothing to borrow: it is the prediction interval of the textbooks.
    #[test]
    fn one_test_is_the_t_test_of_one_further_observation() {
        // Mean 5, deviation 2.1381 (n = 8): se = 2.2678, t = 7 / 2.2678 = 3.0867 with 7 degrees of freedom.
        let sessions = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let found = prediction_family(&[one(0, &sessions, 12.0)], 0.01)[0].unwrap();
        assert!((found.effect - 7.0).abs() < 1e-12);
        assert!((found.se - 2.2678).abs() < 1e-4, "{}", found.se);
        assert!((found.p_up - 0.008_833).abs() < 2e-4, "{}", found.p_up);
        assert!((found.p_up + found.p_down - 1.0).abs() < 1e-12);
        // One-sided 99% of t with 7 degrees of freedom: 2.998.
        assert!((found.low - (7.0 - 2.998 * 2.2678)).abs() < 2e-3, "{}", found.low);
    }

    #[test]
    fn a_family_pays_for_its_size_and_shares_its_variance() {
        let wide = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0];
        let narrow: Vec<f64> = wide.iter().map(|value| value / 10.0).collect();
        let tests = [
            one(0, &wide, 5.0),
            one(0, &wide, 0.0),
            one(0, &narrow, 5.0),
            one(1, &narrow, 5.0),
            one(0, &[1.0], 5.0),
            one(0, &wide, f64::NAN),
        ];
        let found = prediction_family(&tests, 0.01);
        assert_eq!((found[4], found[5]), (None, None));
        // s^2 = 6/5; the median of its kind is the same, so moderation changes nothing.
        let se = (1.2_f64 * (1.0 + 1.0 / 6.0)).sqrt();
        let first = found[0].unwrap();
        assert!((first.se - se).abs() < 1e-12);
        let tail = 4.0 * student_t_tail(5.0 / se, 5.0 + 4.0 * (1.0 - 1.0 / 3.0));
        assert!((first.p_up - tail).abs() < 1e-12, "four tests, three of a kind");
        // (4 * 1.2 + 5 * 0.012) / 9 is the narrow one's variance among wide ones.
        let moderate = ((4.8 + 0.06) / 9.0 * (7.0 / 6.0_f64)).sqrt();
        assert!((found[2].unwrap().se - moderate).abs() < 1e-12);
        assert!((found[3].unwrap().se - se / 10.0).abs() < 1e-12);
    }

    #[test]
    fn constant_sessions_stay_finite() {
        let found = prediction_family(&[one(0, &[1.0; 8], 1.5), one(0, &[1.0; 8], 1.0)], 0.01);
        let (moved, still) = (found[0].unwrap(), found[1].unwrap());
        assert!(moved.p_up > 0.0 && moved.p_up < 1e-6 && moved.low > 0.0);
        assert!((still.p_up - 1.0).abs() < 1e-12 && still.low < 0.0 && still.high > 0.0);
        let far = prediction_family(&[one(0, &[0.0; 8], 1e300)], 0.01)[0].unwrap();
        assert!(far.p_up > 0.0 && far.se.is_finite());
    }

    /// 24 tests in which nothing has changed, with sessions that move all of them together or each alone.
    #[test]
    fn it_is_wrong_as_rarely_as_it_says() {
        for (name, common, most) in [("each alone", 0.0, 110), ("all together", 0.9, 110)] {
            let wrong = (0..2000_u64).filter(|seed| {
                let mut noise = Noise::new(seed * 7919 + 1);
                let together: Vec<f64> = (0..9).map(|_| noise.normal()).collect();
                let tests: Vec<PredictionTest> = (0..24)
                    .map(|test| {
                        let values: Vec<f64> = together
                            .iter()
                            .map(|all| {
                                common * all + (1.0 - common * common).sqrt() * noise.normal()
                            })
                            .collect();
                        one(test % 2, &values[..8], values[8])
                    })
                    .collect();
                prediction_family(&tests, 0.05).iter().flatten().any(|test| test.p_up <= 0.05)
            });
            let wrong = wrong.count();
            assert!(wrong <= most, "{name}: {wrong} of 2000, 100 are allowed");
        }
    }

    proptest! {
        #[test]
        fn scale_order_and_exchanged_signs(
            seed in 0..1000u64,
            scale in 1.0..50.0f64,
            shift in -5.0..5.0f64,
            sessions in 2..12usize,
        ) {
            let mut noise = Noise::new(seed);
            let tests: Vec<PredictionTest> = (0..5)
                .map(|test| {
                    let values: Vec<f64> = (0..sessions).map(|_| noise.normal()).collect();
                    one(test % 2, &values, 3.0 * noise.normal())
                })
                .collect();
            let with = |f: &dyn Fn(f64) -> f64| -> Vec<PredictionTest> {
                let changed = |test: &PredictionTest| {
                    let values: Vec<f64> = test.sessions.iter().map(|v| f(*v)).collect();
                    one(test.kind, &values, f(test.new))
                };
                tests.iter().map(changed).collect()
            };
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (1e-6 + a.abs().max(b.abs()));
            let found = prediction_family(&tests, 0.01);
            let moved = prediction_family(&with(&|v| scale * v + shift), 0.01);
            let turned = prediction_family(&with(&|v| -v), 0.01);
            let mut backwards = prediction_family(&tests.iter().rev().cloned().collect::<Vec<_>>(), 0.01);
            backwards.reverse();
            prop_assert_eq!(&backwards, &found);
            for ((one, moved), turned) in found.iter().flatten().zip(moved.iter().flatten()).zip(turned.iter().flatten()) {
                prop_assert!(close(one.p_up, moved.p_up) && close(scale * one.se, moved.se));
                prop_assert!(close(one.p_up, turned.p_down) && close(one.low, -turned.high));
                prop_assert!(one.p_up > 0.0 && one.p_up <= 1.0 && one.low <= one.effect);
                prop_assert_eq!(one.low > 0.0, one.p_up < 0.01);
            }
        }
    }
}
