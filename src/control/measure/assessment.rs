//! One metric at one look: its estimate, its interval, why it is not good enough yet, and bounds that hold at all looks.

use super::disturbance::{Disturbance, TimeColumns, set_in};
use crate::control::policy::StopPolicy;
use crate::event::{Note, Num, Why};
use crate::stats::batches::total;
use crate::stats::distribution::normal;
use crate::stats::ratio::MIN_GROUPS;
use crate::stats::{
    AnytimeAsk, BatchSeries, Bounds, Estimate, Interval, Lasting, Part, Tail, Truncation, Wander,
    fit_ratio, ratio_bounds, trend, truncate, truncation,
};

/// Level of the trend test.
const TREND_LEVEL: f64 = 0.05;

/// Drift over the window, as a share of what is asked, above which a significant trend blocks. What is let pass may have
/// left the level half of that away from the mean.
const TREND_SHARE: f64 = 0.3;

/// What is added to each side of an interval of so many parts, as a share of what is asked. Over fewer than [`MIN_GROUPS`] the
/// trend test sees little but a series that rises all the way: the level may be as far from the mean as the drift let pass.
const fn let_pass(parts: usize) -> f64 {
    if parts < MIN_GROUPS { TREND_SHARE } else { TREND_SHARE / 2.0 }
}

/// Uncertainty of the drift over the window, in half-widths of the mean's interval: a slope's standard error times the
/// window is the square root of 12 standard errors of the mean, and a half-width about two of them. Four fifths of one
/// standard error are charged. Where the noise could hide a drift as large as what is asked, nothing is known yet.
const DRIFT_HALVES: f64 = 1.4;

/// Fewest observations that an estimate is good with, if each is itself a mean over [`LONG_S`]; else [`MIN_GROUPS`]. The range of
/// six holds the median at 95% (`1 - 2 x 0.5^6`), that of five does not (David and Nagaraja, *Order Statistics*, 2003,
/// section 7.1).
const FEWEST_LONG: usize = 6;

/// Share of a series that has not settled which its figure leaves out.
const FIRST_STEPS: usize = 10;

/// An observation over so many seconds holds so many steps or ticks that neighbours are hardly correlated by what is
/// shorter than it.
const LONG_S: f64 = 5.0;

/// How often the long-run variance may be smaller than the least that is reckoned with, where the time is told that a narrow
/// interval takes.
const LUCK: f64 = 0.01;

/// Probability with which each bound may be wrong, over all looks of a stage.
pub(crate) const ALPHA: f64 = 0.005;

/// Level of the trend test that tells a series with a steady state.
const STEADY_LEVEL: f64 = 0.05;

/// A metric of a stage that is judged while the stage lasts.
pub(crate) trait Measure {
    /// The figure now, and why it is not good enough yet.
    fn assess(&self, policy: &StopPolicy) -> Assessment;

    /// Bounds that hold at all looks at once.
    fn bounds(&self) -> Bounded {
        Bounded::default()
    }

    /// The same, where it is enough to know on which side of this limit the figure lies.
    fn bounds_by(&self, _limit: f64) -> Bounded {
        self.bounds()
    }

    /// The bounds of a latency as it would be if the load generator took no time.
    fn ideal(&self) -> Bounds {
        Bounds::default()
    }
}

/// Bounds, and the observations that they rest on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Bounded {
    pub(crate) bounds: Bounds,
    pub(crate) seen: u64,
}

/// One metric at one look.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assessment {
    /// The figure, as far as there is one.
    pub(crate) estimate: Option<Estimate>,
    /// What `within` is a share of.
    pub(crate) scale: f64,
    /// Why it is not good; `None`: it is.
    pub(crate) open: Option<Why>,
    /// Observations seen, truncated or not: tells whether there is new data.
    pub(crate) seen: u64,
    /// What was left out as warm-up; absent where nothing is ever left out.
    pub(crate) cut: Option<Cut>,
    /// What others did to it.
    pub(crate) disturbed: Option<Disturbance>,
    /// Of a peak: growth that is excluded, in bytes a second.
    pub(crate) growth_below: Option<f64>,
    /// What it takes, where nothing but noise keeps it from being good.
    pub(crate) takes: Option<Takes>,
    /// The regime that was seen, where it has an interval.
    pub(crate) regime: Option<Regime>,
}

/// How well the regime seen so far is known, and how it wanders.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Regime {
    /// Half of its interval.
    pub(crate) half: f64,
    /// How long it was seen, in seconds.
    pub(crate) seen_s: f64,
    wander: Wander,
    /// By how much the warm-up that was left out would move its figure.
    warm_up: f64,
}

impl Regime {
    /// Half of the interval for a whole of so many seconds, its warm-up included, if the level goes on to wander as it did.
    pub(crate) fn whole(self, whole_s: f64, confidence: f64) -> f64 {
        let times = (whole_s / self.seen_s).max(1.0);
        self.half.hypot(self.wander.over(times, normal(confidence))) + self.warm_up / times
    }
}

/// The time that an interval as narrow as asked takes, if the noise stays what it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Takes {
    /// In all, in seconds of the series.
    pub(crate) likely_s: f64,
    /// At the least, from now on.
    pub(crate) least_more_s: f64,
}

impl Assessment {
    pub(crate) fn missing(note: Note) -> Self {
        Self {
            estimate: None,
            scale: 0.0,
            open: Some(Why::NoReading { note: Box::new(note) }),
            seen: 0,
            cut: None,
            disturbed: None,
            growth_below: None,
            takes: None,
            regime: None,
        }
    }

    /// Half-width of the interval over what `within` is a share of.
    pub(crate) fn reached(&self) -> Option<f64> {
        let half = self.estimate?.half_width()?;
        if half <= 0.0 {
            return Some(0.0);
        }
        (self.scale > 0.0).then(|| half / self.scale)
    }
}

/// A series of parts judged for its warm-up: how many batches are cut, whether it has settled, and whether there are
/// enough to say anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning {
    pub(crate) cut: usize,
    /// What is left out where the beginning must not decide: of a series that has not settled, as much as may be cut.
    pub(crate) cut_for_bounds: usize,
    pub(crate) settled: bool,
    pub(super) enough: bool,
    /// What is cut was clear, and others took most of the rest.
    pub(crate) quiet: bool,
}

impl Beginning {
    /// The same, with whether it was a quiet one.
    pub(crate) fn beside<const N: usize>(
        self,
        series: &BatchSeries<N>,
        columns: TimeColumns,
    ) -> Self {
        Self { quiet: set_in(series, self.cut, columns), ..self }
    }
}

/// `seconds`: the time that all of them cover.
pub(crate) fn settle(parts: &[Part], seconds: f64) -> Beginning {
    let n = parts.len();
    let long = n >= FEWEST_LONG && seconds >= LONG_S * n as f64;
    let (cut, cut_for_bounds, settled) = match truncate(parts) {
        Truncation::Cut(cut) => (cut, cut, true),
        // Too few to tell a warm-up: nothing is cut, and nothing is known.
        Truncation::Unsettled if n < MIN_GROUPS => (0, 0, false),
        // What never settles is all of it but the first steps.
        Truncation::Unsettled => (n.div_ceil(FIRST_STEPS), n / truncation::SHARE, false),
    };
    Beginning { cut, cut_for_bounds, settled, enough: n >= MIN_GROUPS || long, quiet: false }
}

/// Share of a stage's steps or time that may be left out as warm-up without a word.
const CUT_SHARE: f64 = 0.05;

/// The beginning that an estimate leaves out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    /// Time left out and in all, in seconds.
    seconds: (f64, f64),
    /// Observations left out and in all.
    observations: (u64, u64),
    quiet: bool,
}

impl Cut {
    /// `parts`: those of a time, in seconds, against anything or anything against it: `time` picks it. `observations`: left out and in all.
    pub(crate) fn of(
        parts: &[Part],
        Beginning { cut, quiet, .. }: Beginning,
        observations: (u64, u64),
        time: fn(&Part) -> f64,
    ) -> Self {
        let seconds = |parts: &[Part]| parts.iter().map(time).sum::<f64>();
        Self { seconds: (seconds(&parts[..cut]), seconds(parts)), observations, quiet }
    }

    /// Whether a reader must know.
    pub(crate) fn is_much(&self) -> bool {
        let (cut, all) = self.seconds;
        let (steps, all_steps) = self.observations;
        cut > CUT_SHARE * all || steps as f64 > CUT_SHARE * all_steps as f64
    }

    /// As a note.
    pub(crate) fn note(&self) -> Note {
        let (cut, all) = self.seconds;
        Note::WarmUp { cut_s: Num(cut), of_s: Num(all), quiet: self.quiet }
    }
}

/// The estimate of a series and what it is judged by.
pub(crate) struct Found<'a> {
    pub(crate) estimate: Estimate,
    /// What `within` is a share of.
    pub(crate) scale: f64,
    /// The warm-up of the series, and what is left without it.
    pub(crate) first: &'a [Part],
    pub(crate) left: &'a [Part],
    pub(crate) beginning: Beginning,
    pub(crate) disturbed: Option<Disturbance>,
    pub(crate) seen: u64,
    pub(crate) cut: Cut,
    /// What is left of the series are means of the steps, and the figure is none.
    pub(crate) of_means: bool,
}

impl Found<'_> {
    /// Judged by what is asked.
    pub(crate) fn judged(self, policy: &StopPolicy) -> Assessment {
        let mut estimate =
            with_drift(self.estimate, self.scale * let_pass(self.left.len()), policy);
        let regime = self.regime(&estimate);
        let takes_half = estimate.half_width();
        if let (Some(whole_s), Some(regime)) = (policy.horizon_s, regime) {
            let more = regime.whole(whole_s, policy.confidence) - regime.half;
            estimate.interval = estimate.interval.map(|interval| interval.widened(more));
        }
        let mut open = judge(&estimate, self.beginning, self.left, self.scale, policy);
        if let Some(Why::Trend { of_mean, .. }) = &mut open {
            *of_mean = self.of_means;
        }
        let takes = takes_half.and_then(|half| self.takes(half, open.as_ref(), policy));
        let blocks = || self.disturbed?.blocks(estimate.value, policy.within * self.scale);
        Assessment {
            estimate: Some(estimate),
            scale: self.scale,
            open: open.or_else(blocks),
            disturbed: self.disturbed,
            seen: self.seen,
            cut: Some(self.cut),
            growth_below: None,
            takes,
            regime,
        }
    }

    /// The regime of which this is the estimate.
    fn regime(&self, estimate: &Estimate) -> Option<Regime> {
        let half = estimate.half_width()?;
        let (cut_s, all_s) = self.cut.seconds;
        // The parts may be those of another figure of the same steps.
        let (first, left) = (total(self.first), total(self.left));
        let mean = left.ratio().filter(|mean| *mean != 0.0)?;
        let factor = (estimate.value / mean).abs();
        let wander = Wander::of(self.left)?.times(factor);
        let warm_up = factor * ((first.amount - mean * first.weight) / left.weight).abs();
        (all_s > cut_s).then_some(Regime { half, seen_s: all_s - cut_s, wander, warm_up })
    }

    /// How long it takes until noise is no longer in the way.
    fn takes(&self, half: f64, open: Option<&Why>, policy: &StopPolicy) -> Option<Takes> {
        if !matches!(open, Some(Why::Wide | Why::Noisy)) {
            return None;
        }
        let lasting = Lasting::of(self.left, policy.confidence, LUCK)?;
        let asked = policy.within * self.scale;
        let passes = let_pass(self.left.len());
        let noise = half - passes * asked;
        let (cut_s, all_s) = self.cut.seconds;
        // A series without a drift that is as narrow as this is good.
        let good = (1.0 - passes).min(1.0 / DRIFT_HALVES) * asked;
        let takes_s = |share: f64| (all_s - cut_s) * (share * noise / good).powi(2);
        Some(Takes {
            likely_s: all_s.max(cut_s + takes_s(lasting.likely)),
            least_more_s: (cut_s + takes_s(lasting.least) - all_s).max(0.0),
        })
    }
}

/// Why the estimate is not good, in the order in which a user can do something about it.
fn judge(
    estimate: &Estimate,
    beginning: Beginning,
    parts: &[Part],
    scale: f64,
    policy: &StopPolicy,
) -> Option<Why> {
    if !beginning.enough {
        return Some(Why::TooFew);
    }
    // The parts may be those of another figure of the same steps: its drift counts relative to itself.
    let Some(mean) = total(parts).ratio().map(f64::abs) else {
        return Some(Why::TooFew);
    };
    let drift = trend(parts);
    let p_value = drift.map_or(1.0, |trend| trend.p_value);
    let of_mean = drift.map_or(0.0, |trend| trend.drift / mean.max(f64::MIN_POSITIVE));
    let share = if scale > mean { of_mean * mean / scale } else { of_mean };
    if p_value < TREND_LEVEL && share.abs() > TREND_SHARE * policy.within {
        return Some(Why::Trend { share: Num(of_mean), of_mean: false });
    }
    if !beginning.settled {
        return Some(Why::WarmingUp);
    }
    let Some(half) = estimate.half_width() else {
        return Some(Why::TooFew);
    };
    if half > policy.within * scale {
        return Some(Why::Wide);
    }
    let noise = half / scale.max(f64::MIN_POSITIVE) - let_pass(parts.len()) * policy.within;
    let hidden = share.abs() + DRIFT_HALVES * noise.max(0.0) > policy.within;
    hidden.then_some(Why::Noisy)
}

pub(crate) fn of_ratio(parts: &[Part], confidence: f64, samples: u64) -> Option<Estimate> {
    let fit = fit_ratio(parts)?;
    Some(Estimate { value: fit.value, interval: fit.interval(confidence), samples })
}

/// The estimate with its interval widened by the drift that would not have blocked. What does not vary at all has not
/// drifted: it is known exactly.
fn with_drift(estimate: Estimate, scale: f64, policy: &StopPolicy) -> Estimate {
    let margin = policy.within * scale;
    let widened = |interval: Interval| {
        let varies = interval.high > interval.low;
        interval.widened(if varies { margin } else { 0.0 })
    };
    Estimate { interval: estimate.interval.map(widened), ..estimate }
}

/// The parts with this many times their amounts.
pub(crate) fn scaled(parts: Vec<Part>, factor: f64) -> Vec<Part> {
    parts.into_iter().map(|part| Part { amount: part.amount * factor, ..part }).collect()
}

/// Bounds on the ratio of what is left of a series, wrong with a probability of at most `alpha`; `settled`: its warm-up is
/// over.
pub(crate) fn bounds_of(
    left: &[Part],
    settled: bool,
    per_batch: u64,
    tail: Tail,
    alpha: f64,
) -> Bounds {
    let steady = settled && is_steady(left);
    ratio_bounds(left, per_batch, tail, AnytimeAsk { alpha, steady })
}

/// Whether a series has a steady state.
pub(crate) fn is_steady(parts: &[Part]) -> bool {
    trend(parts).is_none_or(|trend| trend.p_value >= STEADY_LEVEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_weight_is_not_good() {
        let parts = [Part::default(); 2 * MIN_GROUPS];
        let estimate =
            Estimate { value: 1.0, interval: Some(Interval::around(1.0, 0.001)), samples: 20 };
        let policy = StopPolicy::default();
        let settled = settle(&parts, 0.0);
        let settled = Beginning { settled: true, ..settled };
        let found = judge(&estimate, settled, &parts, 1.0, &policy);
        assert_eq!(found, Some(Why::TooFew));
    }

    /// A trend test of six observations is passed by drifts that one of sixty finds.
    #[test]
    fn an_interval_of_few_observations_has_room_for_twice_the_drift() {
        let policy = StopPolicy::default();
        let half = |count: usize| {
            let left = vec![Part { amount: 1.0, weight: 1.0 }; count];
            let interval = Some(Interval::around(1.0, 0.001));
            let estimate = Estimate { value: 1.0, interval, samples: count as u64 };
            let beginning = Beginning { cut: 0, settled: true, ..settle(&left, 0.0) };
            let found = Found {
                estimate,
                scale: 1.0,
                first: &[],
                left: &left,
                beginning,
                disturbed: None,
                seen: count as u64,
                cut: Cut::of(&left, beginning, (0, count as u64), |part| part.amount),
                of_means: false,
            };
            found.judged(&policy).estimate.unwrap().half_width().unwrap() - 0.001
        };
        assert!((half(MIN_GROUPS - 1) - 0.3 * policy.within).abs() < 1e-9);
        assert!((half(MIN_GROUPS) - 0.15 * policy.within).abs() < 1e-9);
    }

    /// What is said of the steps' mean is one thing, whichever of their quantiles it is said beside.
    #[test]
    fn a_drift_is_told_of_the_mean_and_judged_by_the_figure() {
        let parts: Vec<Part> =
            (0..40_u8).map(|at| Part { amount: 1.0 + f64::from(at) / 40.0, weight: 1.0 }).collect();
        let policy = StopPolicy::default();
        let beginning = Beginning { settled: true, ..settle(&parts, 0.0) };
        let drift = |scale: f64| {
            let interval = Some(Interval::around(scale, 0.0));
            let estimate = Estimate { value: scale, interval, samples: 40 };
            match judge(&estimate, beginning, &parts, scale, &policy) {
                Some(Why::Trend { share, .. }) => Some(share.0),
                _ => None,
            }
        };
        let (mean, tail) = (drift(1.5).unwrap(), drift(6.0).unwrap());
        assert!((mean - tail).abs() < 1e-12 && mean > 0.5, "{mean} {tail}");
        // Of a tail a hundred times as large it is next to nothing.
        assert_eq!(drift(150.0), None);
    }

    #[test]
    fn a_twentieth_may_be_left_out_without_a_word() {
        let part = |amount| Part { amount, weight: 2.0 };
        let long_first: Vec<Part> = [1.81].into_iter().chain([0.026; 90]).map(part).collect();
        let even: Vec<Part> = [0.1; 100].map(part).to_vec();
        for (parts, cut, says) in [
            (&long_first, 1, Some((1.81, 4.15))),
            (&long_first, 0, None),
            (&even, 4, None),
            (&even, 6, Some((0.6, 10.0))),
        ] {
            let beginning = Beginning { cut, ..settle(parts, 0.0) };
            let counts = (2 * cut as u64, 2 * parts.len() as u64);
            let found = Cut::of(parts, beginning, counts, |part| part.amount);
            let Note::WarmUp { cut_s, of_s, quiet: false } = found.note() else {
                panic!("{found:?}")
            };
            let close = |(cut, of): (f64, f64)| (cut_s.0 - cut).abs() + (of_s.0 - of).abs() < 1e-9;
            assert_eq!(found.is_much(), says.is_some());
            assert!(says.is_none_or(close), "{found:?}");
        }
    }
}
