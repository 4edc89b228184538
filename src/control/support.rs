//! Which chosen metrics this machine can measure.

use super::policy::{StopPolicy, default_metrics};
use crate::event::{LeftOut, Reason};
use crate::metric::{EnergyOf, MetricDef, MetricName, Source};
use std::collections::BTreeMap;

/// Why no stopping rule is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupportError {
    /// Everything that was chosen cannot be measured here.
    #[error(
        "none of the metrics chosen in [stop] can be measured here ({}); choose others, or switch early stopping off",
        reasons.join("; ")
    )]
    NothingLeft {
        /// Each metric with its reason.
        reasons: Vec<String>,
    },
}

/// The policy without the chosen metrics that cannot be measured, and a warning for each; an error when none is left.
/// `unsupported` gives the reason by the name of a metric, of a group, or of a field of the sampler.
pub fn check_supported(
    policy: &StopPolicy,
    unsupported: &BTreeMap<String, Reason>,
) -> Result<(StopPolicy, Vec<LeftOut>), SupportError> {
    let chosen = chosen_or_default(policy);
    let mut left_out = Vec::new();
    let mut left = Vec::new();
    for name in chosen {
        match name.def().and_then(|metric| why_unsupported(metric, unsupported)) {
            Some(why) => left_out.push((name, why)),
            None => left.push(name),
        }
    }
    if left.is_empty() && policy.enabled && !policy.limits_only {
        let reasons = left_out.iter().map(|(name, why)| format!("{name}: {}", why.detail));
        return Err(SupportError::NothingLeft { reasons: reasons.collect() });
    }
    let left_out = left_out.into_iter();
    let left_out = left_out.map(|(metric, why)| LeftOut { metric, why: why.clone().into() });
    let policy = StopPolicy { metrics: left, ..policy.clone() };
    Ok((policy, left_out.collect()))
}

pub(super) fn chosen_or_default(policy: &StopPolicy) -> Vec<MetricName> {
    let mut chosen = if policy.metrics.is_empty() && !policy.limits_only {
        default_metrics()
    } else {
        policy.metrics.clone()
    };
    for constraint in &policy.constraints {
        if !chosen.contains(&constraint.metric) {
            chosen.push(constraint.metric.clone());
        }
    }
    chosen
}

/// Why a metric cannot be measured, if it is known that it cannot.
pub(super) fn why_unsupported<'a>(
    metric: &MetricDef,
    unsupported: &'a BTreeMap<String, Reason>,
) -> Option<&'a Reason> {
    let of = |name: &str| unsupported.get(name);
    if let Source::Energy(whose) = metric.source {
        return of(metric.name).or_else(|| match whose {
            // The gap `energy` is that of the processors alone, while the group has the devices too.
            EnergyOf::Processors => of("energy"),
            EnergyOf::Devices => of("gpu"),
            // Which of the two it needs depends on the run's device, which is not known here.
            EnergyOf::Run | EnergyOf::Sample | EnergyOf::Emissions => of("gpu").and(of("energy")),
        });
    }
    of(metric.name).or_else(|| of(metric.group)).or_else(|| {
        let mut reasons = unsupported.iter();
        reasons.find_map(|(key, why)| metric.source.reads(key).then_some(why))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Note;

    fn policy(metrics: &[&str]) -> StopPolicy {
        StopPolicy {
            metrics: metrics.iter().map(|name| (*name).into()).collect(),
            ..StopPolicy::default()
        }
    }

    #[test]
    fn what_cannot_be_measured_is_left_out_and_said() {
        let both = ["cpu.utilisation", "gpu.utilisation"];
        for (key, left) in [
            ("gpu", &both[..1]),
            ("gpu.utilisation", &both[..1]),
            ("cpu_ns", &both[1..]),
            ("cpu", &both[1..]),
            ("host.busy_ns", &both[..]),
        ] {
            let unsupported = BTreeMap::from([(key.to_owned(), Reason::unsupported("no NVML"))]);
            let (checked, warnings) = check_supported(&policy(&both), &unsupported).unwrap();
            assert_eq!(checked.metrics, left, "{key}");
            assert_eq!(warnings.len(), 2 - left.len(), "{key}");
            let why = Note::from(Reason::unsupported("no NVML"));
            assert!(warnings.iter().all(|left| left.why == why), "{warnings:?}");
        }
    }

    #[test]
    fn nothing_left_is_an_error_that_says_why() {
        let unsupported = BTreeMap::from([("gpu".to_owned(), Reason::unsupported("no NVML"))]);
        let chosen = policy(&["gpu.utilisation", "gpu.memory_peak"]);
        let message = check_supported(&chosen, &unsupported).unwrap_err().to_string();
        assert!(
            message.contains("gpu.memory_peak: no NVML") && message.contains("choose others"),
            "{message}"
        );
        let off = StopPolicy { enabled: false, ..chosen };
        assert!(check_supported(&off, &unsupported).is_ok(), "a full run needs no rule");
        let defaults = check_supported(&policy(&[]), &unsupported).unwrap().0;
        assert!(
            !defaults.metrics.is_empty() && !defaults.metrics.iter().any(|m| m.starts_with("gpu"))
        );
    }
}
