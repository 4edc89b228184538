//! A straight line through a gauge, with a standard error that respects autocorrelation.
//!
//! Neighbouring points are merged until the residuals' lag-1 correlation no longer stands out, at least [`MIN_GROUPS`]
//! groups remaining (as in [`super::ratio`]). What is left is paid for as in Santer et al. 2000 (*Statistical
//! significance of trends and trend differences in layer-average atmospheric temperature time series*, J. Geophys. Res.
//! 105, 7337): `m` groups count as `m (1 - r) / (1 + r)`, in the residuals' variance and in the degrees of freedom of
//! Student's t. There `r` is not the correlation that was found, which is too small for few groups (Kendall 1954), and
//! most of all where it matters: the caller says how many standard errors are added to it.

use super::distribution::student_t;
use super::ratio::MIN_GROUPS;

/// Lag-1 correlation of residuals, in units of its standard error, above which groups are merged further.
const CORRELATED: f64 = 1.0;

/// A straight line through a gauge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineFit {
    /// Change per second.
    pub slope: f64,
    /// Standard error of the slope.
    pub error: f64,
    /// Degrees of freedom of the error.
    pub df: f64,
}

impl LineFit {
    /// Least squares through (time, value) points of equal weight, neighbours merged until their residuals look
    /// independent; `None` under [`MIN_GROUPS`] points. `caution`: standard errors that are added to their correlation.
    pub fn fit(points: &[(f64, f64)], caution: f64) -> Option<Self> {
        let mut merged = points.to_vec();
        loop {
            let (line, correlation) = Self::through(&merged, caution)?;
            let groups = merged.len();
            if correlation * (groups as f64).sqrt() <= CORRELATED || groups / 2 < MIN_GROUPS {
                return Some(line);
            }
            merged = grouped(&merged, groups / 2);
        }
    }

    /// The line, and the lag-1 correlation of its residuals.
    fn through(points: &[(f64, f64)], caution: f64) -> Option<(Self, f64)> {
        let m = points.len() as f64;
        let (slope, xx) = least_squares(points)?;
        if points.len() < MIN_GROUPS {
            return None;
        }
        let residuals = residuals(points, slope);
        let squares: f64 = residuals.iter().map(|e| e * e).sum();
        let products: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let correlation = if squares > 0.0 { products / squares } else { 0.0 };
        let bias = (1.0 + 4.0 * correlation) / m;
        let left = (correlation + bias + caution / m.sqrt()).clamp(0.0, 0.9);
        let effective = (m * (1.0 - left) / (1.0 + left)).max(3.0);
        let line =
            Self { slope, error: (squares / (effective - 2.0) / xx).sqrt(), df: effective - 2.0 };
        Some((line, correlation))
    }

    /// The end of the one-sided interval at this level of error, upwards for a positive sign.
    pub fn end(&self, level: f64, sign: f64) -> f64 {
        if self.error <= 0.0 {
            return self.slope;
        }
        self.slope + sign * student_t(1.0 - 2.0 * level, self.df) * self.error
    }
}

/// Slope, and the sum of squares of the times around their mean; `None` where all times are one.
pub(super) fn least_squares(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let (x, y) = means(points);
    let (mut xx, mut xy) = (0.0, 0.0);
    for point in points {
        xx += (point.0 - x) * (point.0 - x);
        xy += (point.0 - x) * (point.1 - y);
    }
    // A hair of rounding in times that are all one.
    (xx > n * x * x * 1e-20).then(|| (xy / xx, xx))
}

fn means(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n))
}

pub(super) fn residuals(points: &[(f64, f64)], slope: f64) -> Vec<f64> {
    let (x, y) = means(points);
    points.iter().map(|p| p.1 - y - slope * (p.0 - x)).collect()
}

/// Means of about `groups` groups of neighbours, as many in each; the oldest may be left out.
pub(super) fn grouped(points: &[(f64, f64)], groups: usize) -> Vec<(f64, f64)> {
    let size = (points.len() / groups.max(1)).max(1);
    let skip = points.len() % size;
    points[skip..].chunks(size).map(means).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Noise;
    use super::*;

    #[test]
    fn a_slope_has_its_interval() {
        let mut covered = 0;
        for seed in 0..500u64 {
            let mut noise = Noise::new(seed * 17 + 1);
            let points: Vec<_> =
                (0..40).map(|i| (f64::from(i), f64::from(i) * 0.5 + noise.normal())).collect();
            let line = LineFit::fit(&points, 0.0).unwrap();
            covered += u32::from((line.end(0.025, -1.0)..=line.end(0.025, 1.0)).contains(&0.5));
        }
        assert!((465..=490).contains(&covered), "{covered} of 500");
    }

    #[test]
    fn a_line_without_noise_is_exact_and_few_points_are_none() {
        let points: Vec<_> = (0..12).map(|i| (f64::from(i), 3.0)).collect();
        let line = LineFit::fit(&points, 2.5).unwrap();
        assert!(line.slope.abs() < 1e-12 && line.end(0.001, 1.0).abs() < 1e-12);
        assert_eq!(LineFit::fit(&points[..9], 0.0), None);
        assert_eq!(LineFit::fit(&[(1.0, 2.0); 20], 0.0), None, "all at one time");
    }
}
