//! By which rules is judged: directions, floors, what is gated and what is only told.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::error::GateError;
use crate::event::{DEVICE_MEMORY_PEAK, DEVICE_MEMORY_RESERVED_PEAK, EPOCH_SAMPLES, SYNC_COST};
use crate::metric::{Better, MetricName};

/// What a metric is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It is judged.
    Gate,
    /// It is told and decides nothing.
    Info,
}

/// How one metric is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricRule {
    /// Which values are better.
    pub direction: Option<Better>,
    /// Whether it is judged.
    pub role: Role,
    /// The smallest change that counts, as a share: 0.05 is 5%. Absent: the policy's, or twice that for medians.
    pub floor: Option<f64>,
    /// The smallest change that counts in the metric's base unit, besides the floor.
    pub at_least: Option<f64>,
    /// The metric to judge instead where a run has fewer than [`FEW_SAMPLES`] samples of this one.
    pub fallback: Option<MetricName>,
}

/// Below so many samples a quartile of a run is too coarse to be judged.
pub const FEW_SAMPLES: u64 = 20;

/// The rules of a judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GatePolicy {
    /// The chance that a comparison of equal builds fails at all, over all cells and metrics together.
    pub alpha: f64,
    /// The smallest change that counts, as a share.
    pub floor: f64,
    /// Rules that replace [`default_rule`]; what they leave open is filled from there.
    pub metrics: BTreeMap<MetricName, MetricRule>,
    /// Metrics that were asked to gate in so many words: where no run of either side has one, that is a finding. A metric that only
    /// the catalogue gates may be absent, such as the memory of a device that the machine has not got.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub wanted: BTreeSet<MetricName>,
    /// Cells that are gone on purpose, each with a date and a reason.
    pub retired: BTreeMap<String, String>,
    /// Fields of the fingerprint that may differ, since they are what is tested.
    pub subject: BTreeSet<String>,
    /// Arrangements that are drawn where there are too many to look at all.
    pub draws: u32,
    /// What they are drawn from.
    pub seed: u64,
    /// Whether results of unknown or different machines are compared all the same.
    pub any_machine: bool,
}

impl Default for GatePolicy {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            floor: 0.05,
            metrics: BTreeMap::new(),
            wanted: BTreeSet::new(),
            retired: BTreeMap::new(),
            subject: BTreeSet::new(),
            draws: 19_999,
            seed: 1,
            any_machine: false,
        }
    }
}

impl GatePolicy {
    /// How this metric is judged; `None`: nobody has declared it.
    pub fn rule(&self, metric: &MetricName) -> Option<MetricRule> {
        let default = default_rule(metric);
        let Some(asked) = self.metrics.get(metric) else {
            return default;
        };
        let mut rule = asked.clone();
        if let Some(default) = default {
            rule.direction = rule.direction.or(default.direction);
            rule.floor = rule.floor.or(default.floor);
            rule.at_least = rule.at_least.or(default.at_least);
            rule.fallback = rule.fallback.or(default.fallback);
        }
        Some(rule)
    }

    /// The smallest change of this metric that counts, as a share.
    pub fn floor_of(&self, metric: &MetricName, rule: &MetricRule) -> f64 {
        let gate = metric.def().and_then(|metric| metric.gate);
        let factor = gate.map_or(1.0, |gate| gate.floor_factor);
        rule.floor.unwrap_or(factor * self.floor)
    }

    /// Whether the policy itself, and not the catalogue, gates this metric.
    pub(super) fn wants(&self, metric: &MetricName) -> bool {
        let usual = default_rule(metric).is_some_and(|rule| rule.role == Role::Gate);
        let asked = self.metrics.get(metric);
        asked.is_some_and(|rule| rule.role == Role::Gate)
            && (!usual || self.wanted.contains(metric))
    }

    /// Judges what the catalogue gates, as it did, and nothing that the policy alone gates.
    pub fn demand_nothing(&mut self) {
        self.wanted.clear();
        let own: Vec<MetricName> =
            self.metrics.keys().filter(|name| self.wants(name)).cloned().collect();
        self.metrics.retain(|name, _| !own.contains(name));
    }

    /// Whether anything can be judged by it.
    pub(super) fn check(&self) -> Result<(), GateError> {
        let wrong = |key: &str, value: String, why: &str| {
            Err(GateError::Policy { key: key.to_owned(), value, why: why.to_owned() })
        };
        if !(self.alpha > 0.0 && self.alpha <= 0.5) {
            return wrong("alpha", self.alpha.to_string(), "it must be above 0 and at most 0.5");
        }
        if 1.0 / (f64::from(self.draws) + 1.0) > self.alpha {
            return wrong(
                "draws",
                self.draws.to_string(),
                "with so few draws no p value reaches alpha, so nothing could ever fail",
            );
        }
        let good = |share: f64| share.is_finite() && share > 0.0;
        if !good(self.floor) {
            return wrong("floor", self.floor.to_string(), "it must be above 0");
        }
        for (metric, asked) in &self.metrics {
            for (key, share) in [("floor", asked.floor), ("at_least", asked.at_least)] {
                if let Some(share) = share.filter(|share| !good(*share)) {
                    let key = format!("{metric}.{key}");
                    return wrong(&key, share.to_string(), "it must be above 0");
                }
            }
            let rule = self.rule(metric);
            if rule.is_some_and(|rule| rule.role == Role::Gate && rule.direction.is_none()) {
                return Err(GateError::NoDirection { metric: metric.clone() });
            }
        }
        Ok(())
    }
}

/// What perftune's own workers say of their data and their model, so that it is in every record. Told, as is every metric
/// that has no [`Gate`](crate::metric::Gate).
const OWN: &[(&str, Option<Better>)] = &[
    (EPOCH_SAMPLES, None),
    (DEVICE_MEMORY_PEAK, Some(Better::Lower)),
    (DEVICE_MEMORY_RESERVED_PEAK, Some(Better::Lower)),
    (SYNC_COST, None),
];

/// How a metric is judged unless the policy says otherwise; `None`: it is neither in the catalogue nor one of our workers'.
pub fn default_rule(metric: &MetricName) -> Option<MetricRule> {
    let of_catalogue = metric.def().map(|metric| (metric.better, metric.gate));
    let own = || OWN.iter().find(|(name, _)| metric == name).map(|(_, better)| (*better, None));
    let (direction, gate) = of_catalogue.or_else(own)?;
    Some(MetricRule {
        direction,
        role: if gate.is_some_and(|gate| gate.unasked) { Role::Gate } else { Role::Info },
        floor: gate.and_then(|gate| gate.floor),
        at_least: gate.and_then(|gate| gate.at_least),
        fallback: gate.and_then(|gate| gate.fallback).map(MetricName::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::CATALOGUE;

    #[test]
    fn what_our_own_workers_say_of_themselves_is_told_and_no_mistake() {
        let rule = default_rule(&EPOCH_SAMPLES.into()).unwrap();
        assert_eq!((rule.role, rule.direction), (Role::Info, None));
        assert_eq!(default_rule(&"of somebody else".into()), None);
    }

    #[test]
    fn every_metric_of_the_catalogue_has_a_rule_and_every_gated_one_a_direction() {
        for metric in CATALOGUE {
            let rule = default_rule(&metric.id.into()).unwrap();
            let gated = rule.role == Role::Gate;
            assert!(!gated || rule.direction.is_some(), "{}", metric.name);
        }
        assert_eq!(default_rule(&"train.step_latency_p26".into()), None);
    }

    #[test]
    fn how_each_metric_of_the_catalogue_is_judged() {
        let mut lines = Vec::new();
        for metric in CATALOGUE.iter().filter(|metric| metric.better.is_some()) {
            let name = MetricName::from(metric.id);
            let rule = default_rule(&name).unwrap();
            let floor = GatePolicy::default().floor_of(&name, &rule) * 100.0;
            let least = rule.at_least.map(|least| format!(" and {}", metric.unit.show(least)));
            let when = if rule.role == Role::Gate { "judged" } else { "where asked" };
            let better = if rule.direction == Some(Better::Lower) { "lower" } else { "higher" };
            let least = least.unwrap_or_default();
            lines.push(format!("{name}: {when}, {better}, {floor}%{least}"));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_the_catalogue_gates_alone_is_no_demand() {
        let direction = Some(Better::Lower);
        let rule =
            |role| MetricRule { role, direction, floor: None, at_least: None, fallback: None };
        let names = ["lat", "start.time", "serve.latency_p50", "memory.peak"];
        let names = names.map(MetricName::from);
        let mut policy = GatePolicy::default();
        policy.metrics.extend(names.iter().cloned().map(|name| (name, rule(Role::Gate))));
        policy.metrics.insert(names[3].clone(), rule(Role::Info));
        policy.wanted.insert(names[2].clone());
        assert_eq!(names.each_ref().map(|name| policy.wants(name)), [true, true, true, false]);
        policy.demand_nothing();
        assert!(names.iter().all(|name| !policy.wants(name)), "{:?}", policy.metrics);
        let judged = |name: &MetricName| policy.rule(name).map(|rule| rule.role);
        let roles = names.each_ref().map(judged);
        assert_eq!(roles, [None, Some(Role::Info), Some(Role::Gate), Some(Role::Info)]);
    }

    #[test]
    fn floors_are_the_policys_unless_the_metric_has_its_own() {
        let mut policy = GatePolicy { floor: 0.03, ..GatePolicy::default() };
        let floor = |policy: &GatePolicy, name: &str| {
            policy.floor_of(&name.into(), &policy.rule(&name.into()).unwrap())
        };
        for (name, expected) in [
            ("train.step_latency_p25", 0.03),
            ("serve.latency_p50", 0.06),
            ("serve.throughput_p75", 0.03),
            ("memory.peak", 0.02),
        ] {
            assert!((floor(&policy, name) - expected).abs() < 1e-12, "{name}");
        }
        let asked = MetricRule {
            direction: None,
            role: Role::Gate,
            floor: Some(0.01),
            at_least: None,
            fallback: None,
        };
        policy.metrics.insert("memory.peak".into(), asked);
        let rule = policy.rule(&"memory.peak".into()).unwrap();
        assert_eq!((rule.floor, rule.at_least), (Some(0.01), Some(1_048_576.0)));
        assert_eq!(rule.direction, Some(Better::Lower));
    }

    #[test]
    fn rules_by_which_nothing_could_fail_are_refused() {
        let asked = |direction, floor| MetricRule {
            direction,
            role: Role::Gate,
            floor,
            at_least: None,
            fallback: None,
        };
        let with = |change: &dyn Fn(&mut GatePolicy)| {
            let mut policy = GatePolicy::default();
            change(&mut policy);
            policy.check()
        };
        assert_eq!(with(&|_| ()), Ok(()));
        for (what, result) in [
            ("alpha", with(&|policy| policy.alpha = 0.0)),
            ("alpha", with(&|policy| policy.alpha = f64::NAN)),
            ("alpha", with(&|policy| policy.alpha = 0.9)),
            ("draws", with(&|policy| policy.draws = 50)),
            ("floor", with(&|policy| policy.floor = 0.0)),
            ("floor", with(&|policy| policy.floor = f64::INFINITY)),
            (
                "cpu.utilisation",
                with(&|policy| {
                    let rule = asked(None, None);
                    policy.metrics.insert("cpu.utilisation".into(), rule);
                }),
            ),
            (
                "tokens",
                with(&|policy| {
                    policy.metrics.insert("tokens".into(), asked(None, None));
                }),
            ),
            (
                "tokens.floor",
                with(&|policy| {
                    let rule = asked(Some(Better::Higher), Some(-0.1));
                    policy.metrics.insert("tokens".into(), rule);
                }),
            ),
        ] {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(what), "{what}: {message}");
        }
    }

    #[test]
    fn a_policy_is_read_back_and_may_leave_things_out() {
        let policy = GatePolicy::default();
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<GatePolicy>(&text).unwrap(), policy);
        assert_eq!(serde_json::from_str::<GatePolicy>("{}").unwrap(), policy);
    }
}
