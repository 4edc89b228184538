//! Our own rule on one series of intervals: the looks, the streak and the judgement that the controller has for gauges.

use super::observe::{Observation, Opinion, SeriesRule, Standing};
use super::spec::{ParamKind, RuleDef, RuleSpec, WITHIN, confidence, count, param, time};
use crate::control::looks::{Looks, Streak};
use crate::control::measure::assessment::{Assessment, Cut, Measure as _};
use crate::control::measure::gauge::{Gauge, GaugeMean};
use crate::control::policy::StopPolicy;
use crate::event::{Note, Num, RuleSaid};
use crate::stats::{Estimate, Interval};

/// Its declaration.
pub(super) const PERFTUNE: RuleDef = RuleDef {
    name: "perftune",
    about: "ours: warm-up cut off, batch means that heed correlation, no trend",
    params: &[
        WITHIN,
        confidence(0.95),
        count("looks", 1, 1.0, "looks in a row that must agree"),
        time("min-time", 1.0, "before that no look is taken"),
        time(
            "max-time",
            60.0,
            "then a stage of a run is left; a file of series goes on unless this is given",
        ),
        param(
            "horizon",
            ParamKind::SecondsOrOff,
            f64::INFINITY,
            "the length of what the figure is to speak of; off: of what was seen",
        ),
        param(
            "futility",
            ParamKind::Word(&["on", "off"]),
            0.0,
            "whether a stage is left as soon as noise outlasts its time",
        ),
    ],
    build: Some(|spec| Box::new(Own::new(spec))),
    takes_precision: true,
};

/// The rule of the controller, for one series.
#[derive(Debug, Clone)]
pub(super) struct Own {
    policy: StopPolicy,
    /// Value-seconds, seconds; there is no interference to mark in a recorded series.
    series: Gauge,
    /// When a series is left that is not known, in seconds from its beginning.
    limit_s: Option<f64>,
    looks: Option<Looks>,
    streak: Streak,
    now_ns: u64,
    /// The value of all intervals so far, while they are all the same: what rounding leaves of it is no spread.
    constant: Option<f64>,
}

impl Own {
    pub(super) fn new(spec: &RuleSpec) -> Self {
        Self {
            policy: policy_of(spec, &StopPolicy::default()),
            series: Gauge::default(),
            limit_s: spec.given("max-time"),
            looks: None,
            streak: Streak::default(),
            now_ns: 0,
            constant: None,
        }
    }

    fn assess(&self) -> Assessment {
        let series =
            GaugeMean { gauge: &self.series, factor: 1.0, floor: 0.0, most: f64::INFINITY };
        series.assess(&self.policy)
    }
}

/// A policy with the parameters that our own rule was given.
pub(super) fn policy_of(spec: &RuleSpec, policy: &StopPolicy) -> StopPolicy {
    let mut policy = policy.clone();
    for (slot, name) in [
        (&mut policy.within, "within"),
        (&mut policy.confidence, "confidence"),
        (&mut policy.min_time_s, "min-time"),
        (&mut policy.max_time_s, "max-time"),
    ] {
        *slot = spec.given(name).unwrap_or(*slot);
    }
    if let Some(horizon_s) = spec.given("horizon") {
        policy.horizon_s = Some(horizon_s).filter(|horizon_s| horizon_s.is_finite());
    }
    if let Some(place) = spec.given("futility") {
        policy.futility = place == 0.0;
    }
    if spec.given("looks").is_some() {
        policy.looks = u32::try_from(spec.count("looks")).unwrap_or(policy.looks);
    }
    policy
}

/// Whole nanoseconds of a time that was checked to be finite and not negative.
fn ns(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates at both ends"
    )]
    let whole = (seconds * 1e9).round() as u64;
    whole
}

impl SeriesRule for Own {
    fn push(&mut self, observation: Observation) -> Standing {
        let Observation { end_s, width_s, value } = observation;
        self.now_ns = ns(end_s);
        let first = self.looks.is_none();
        let looks = self
            .looks
            .get_or_insert_with(|| Looks::new(ns(end_s - width_s), ns(self.policy.min_time_s)));
        let same = |known: &f64| known.to_bits() == value.to_bits();
        self.constant = match self.constant {
            None if first => Some(value),
            known => known.filter(same),
        };
        self.series.add(value * width_s, width_s);
        if !looks.due(self.now_ns) {
            return Standing::Open;
        }
        looks.taken(self.now_ns);
        let left_s = self.limit_s.map(|limit_s| limit_s - looks.age_s(self.now_ns));
        let assessment = self.assess();
        self.streak.look(&assessment);
        let takes = assessment.takes;
        let drowns = |left_s| takes.is_some_and(|takes| takes.least_more_s > left_s);
        let futile = |left_s| left_s <= 0.0 || (self.policy.futility && drowns(left_s));
        match left_s {
            _ if self.streak.reaches(self.policy.looks) => Standing::Known,
            Some(left_s) if futile(left_s) => Standing::GaveUp,
            _ => Standing::Open,
        }
    }

    fn opinion(&self) -> Opinion {
        let assessment = self.assess();
        let mut estimate = assessment.estimate;
        if let (Some(value), Some(Estimate { interval, samples, .. })) = (self.constant, estimate) {
            estimate = Some(Estimate {
                value,
                interval: interval.map(|_| Interval::around(value, 0.0)),
                samples,
            });
        }
        let seen = self.series.series.observations();
        let reached = match self.constant {
            Some(_) => Some(0.0),
            None => assessment.reached(),
        };
        let agreed = self.streak.reaches(self.policy.looks);
        let cut = assessment.cut.filter(Cut::is_much).map(|cut| cut.note());
        let seen_s = self.looks.map_or(0.0, |looks| looks.age_s(self.now_ns));
        let past = self.policy.horizon_s.filter(|horizon_s| *horizon_s < seen_s);
        let past = past.map(|of_s| Note::PastHorizon { seen_s: Num(seen_s), of_s: Num(of_s) });
        Opinion {
            estimate,
            reason: RuleSaid::Look {
                half_width: reached,
                confidence: self.policy.confidence,
                seen,
                notes: past.into_iter().chain(cut).collect(),
                agreed: agreed.then_some(self.policy.looks),
                open: assessment.open.filter(|_| !agreed),
            },
        }
    }
}
