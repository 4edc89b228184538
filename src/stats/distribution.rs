//! Critical values. A parameter that makes no sense gives infinity: an infinite interval claims nothing.

use statrs::distribution::{
    Binomial, ChiSquared, Continuous, ContinuousCDF, DiscreteCDF, Normal, StudentsT,
};

/// Two-sided critical value of Student's t: a share `confidence` of it lies within plus and minus this.
pub fn student_t(confidence: f64, df: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, df) {
        Ok(t) if (0.0..1.0).contains(&confidence) && df.is_finite() => {
            t.inverse_cdf(f64::midpoint(1.0, confidence))
        }
        _ => f64::INFINITY,
    }
}

/// Probability that Student's t is above `t`. 1 for parameters that make no sense: it shows nothing.
pub fn student_t_tail(t: f64, df: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, df) {
        Ok(student) if t.is_finite() && df.is_finite() => student.sf(t),
        _ => 1.0,
    }
}

/// Two-sided critical value of the standard normal distribution.
pub fn normal(confidence: f64) -> f64 {
    if (0.0..1.0).contains(&confidence) {
        Normal::standard().inverse_cdf(f64::midpoint(1.0, confidence))
    } else {
        f64::INFINITY
    }
}

/// Probability that a standard normal variable is at least this far from 0.
pub fn normal_tails(z: f64) -> f64 {
    2.0 * Normal::standard().sf(z.abs())
}

/// Probability that a standard normal variable is below this.
pub fn normal_below(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// The mean of what a normal variable exceeds a value by, 0 where it does not.
pub fn excess(mean: f64, sd: f64, over: f64) -> f64 {
    /// Deviations beyond which what is left is below the precision of the numbers.
    const FAR: f64 = 9.0;
    let by = mean - over;
    if sd <= 0.0 {
        return by.max(0.0);
    }
    let z = by / sd;
    if z.abs() > FAR {
        return by.max(0.0);
    }
    (sd * Normal::standard().pdf(z) + by * normal_below(z)).max(0.0)
}

/// The value that chi-squared with `df` degrees of freedom does not exceed with this probability.
pub fn chi_squared(probability: f64, df: f64) -> f64 {
    match ChiSquared::new(df) {
        Ok(chi) if (0.0..1.0).contains(&probability) && df.is_finite() => {
            chi.inverse_cdf(probability)
        }
        _ => f64::INFINITY,
    }
}

/// P(X <= k) for X binomial with `n` trials of probability `p`.
pub fn binomial_cdf(n: u64, p: f64, k: u64) -> f64 {
    Binomial::new(p, n).map_or(f64::NAN, |binomial| binomial.cdf(k))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_values_are_those_of_the_tables() {
        for (confidence, df, expected) in [
            (0.95, 1.0, 12.706),
            (0.95, 9.0, 2.262),
            (0.95, 30.0, 2.042),
            (0.99, 15.0, 2.947),
            (0.95, 1e4, 1.960),
        ] {
            let got = student_t(confidence, df);
            assert!((got - expected).abs() < 1e-3, "{confidence} {df}: {got}");
        }
        for (probability, df, expected) in
            [(0.95, 9.0, 16.919), (0.95, 1.0, 3.841), (0.5, 4.0, 3.357)]
        {
            let got = chi_squared(probability, df);
            assert!((got - expected).abs() < 1e-3, "{probability} {df}: {got}");
        }
        assert!(chi_squared(0.95, 0.0).is_infinite() && chi_squared(1.0, 5.0).is_infinite());
        assert!((normal(0.95) - 1.95996).abs() < 1e-4);
        assert!((normal_tails(-1.95996) - 0.05).abs() < 1e-4);
        assert!((normal_below(1.64485) - 0.95).abs() < 1e-4);
        assert!(student_t(0.95, 0.0).is_infinite() && student_t(1.0, 5.0).is_infinite());
        for (t, df, expected) in [(2.262, 9.0, 0.025), (-12.706, 1.0, 0.975), (0.0, 4.0, 0.5)] {
            let got = student_t_tail(t, df);
            assert!((got - expected).abs() < 1e-4, "{t} {df}: {got}");
        }
        assert!(student_t_tail(3.0, 0.0) >= 1.0 && student_t_tail(f64::NAN, 5.0) >= 1.0);
    }

    #[test]
    fn an_excess_is_that_of_many_draws() {
        // By the midpoints of 10^5 equal shares of the distribution.
        let normal = Normal::standard();
        for (mean, sd, over) in
            [(0.0, 1.0, 0.0), (1.0, 2.0, 3.0), (5.0, 0.5, 4.0), (-2.0, 1.0, 1.0)]
        {
            let shares = (0..100_000).map(|at| (f64::from(at) + 0.5) / 1e5);
            let by = shares.map(|share| (mean + sd * normal.inverse_cdf(share) - over).max(0.0));
            let drawn = by.sum::<f64>() / 1e5;
            let found = excess(mean, sd, over);
            assert!((found - drawn).abs() < 1e-4, "{mean} {sd} {over}: {found}, {drawn}");
        }
        assert!((excess(3.0, 0.0, 1.0) - 2.0).abs() < 1e-12 && excess(0.0, 0.0, 1.0) <= 0.0);
    }

    #[test]
    fn the_binomial_agrees_with_its_sum() {
        for (n, p, k) in [(10u64, 0.5, 3u64), (60, 0.99, 58), (500, 0.05, 30)] {
            let mut term = (1.0f64 - p).powf(n as f64);
            let mut sum = term;
            for i in 0..k {
                term *= (n - i) as f64 / (i + 1) as f64 * p / (1.0 - p);
                sum += term;
            }
            assert!((binomial_cdf(n, p, k) - sum).abs() < 1e-9, "{n} {p} {k}");
        }
    }
}
