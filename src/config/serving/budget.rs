//! Percentiles that the budget of requests can never resolve, said before anything is run.

use super::{Around, Load, Serving, percentile};
use crate::config::constraints::Limited;
use crate::config::metrics::Chosen;
use crate::control::budget::{fewest_for_interval, fewest_for_limit, fewest_to_enclose};
use crate::document::problems::{Place, Problems};
use crate::event::job::percentile_name;
use crate::event::{MaxRate, Pattern, ServeSpec};
use crate::load::SearchAsk;
use crate::metric::MetricId;
use crate::units;

impl Serving {
    /// Says which percentiles no run can resolve.
    pub(super) fn check_budget(
        &self,
        spec: &ServeSpec,
        around: &Around<'_>,
        problems: &mut Problems,
    ) {
        let Some((allowed, from, place)) = self.budget(spec, around) else {
            return;
        };
        if allowed < 1 {
            let time = units::seconds(spec.max_time_s);
            problems.error(place, format!("`rate`: in {time} less than one request is expected"));
            return;
        }
        let shown = format!("the budget allows {} ({from})", grouped(allowed));
        for limited in around.constraints {
            let upper = limited.constraint.op.is_upper();
            let needed = percentile(limited.def).filter(|_| upper).and_then(|level| {
                let (needed, confidence) = fewest_for_limit(level)?;
                Some((percentile_name(level), needed, confidence))
            });
            if let Some((name, needed, confidence)) = needed.filter(|found| found.1 > allowed) {
                problems.error_with(
                    limited.place,
                    format!(
                        "{name} at {} needs {} requests to be found within a limit (one-sided test, valid at every look), {shown}",
                        units::percent(confidence),
                        grouped(needed)
                    ),
                    enough(needed, spec, from),
                );
            }
        }
        for Chosen { def, named } in self.waited_for(around) {
            let confidence = around.stop.confidence;
            let needed = percentile(def).and_then(|level| {
                let needed = fewest_for_interval(level, confidence)?;
                Some((percentile_name(level), needed))
            });
            let Some((name, needed)) = needed.filter(|found| found.1 > allowed) else {
                continue;
            };
            let text = format!(
                "{name} at {} needs {} requests for a two-sided interval, {shown}",
                units::percent(confidence),
                grouped(needed)
            );
            match named {
                Some(named) => problems.error_with(named, text, enough(needed, spec, from)),
                None => problems.warn(place, format!("{}: {text}", def.name)),
            }
        }
    }

    /// The metrics whose intervals are waited for: those of the objectives, each with its place there, and the other chosen
    /// ones.
    fn waited_for(&self, around: &Around<'_>) -> Vec<Chosen> {
        let aimed = around.objectives.iter();
        let measured = aimed.filter(|aimed| self.unmeasured(aimed.def).is_none());
        let mut all: Vec<Chosen> =
            measured.map(|aimed| Chosen { def: aimed.def, named: Some(aimed.place) }).collect();
        for chosen in around.metrics {
            if all.iter().all(|other| other.def.name != chosen.def.name) {
                all.push(*chosen);
            }
        }
        all
    }

    /// Says what no throughput can be where requests come at a rate: more than that.
    pub(super) fn check_offer(spec: &ServeSpec, around: &Around<'_>, problems: &mut Problems) {
        let Pattern::Server { rate_per_s: Some(rate_per_s) } = spec.pattern else {
            return;
        };
        let Some(size) = spec.batch_sizes.iter().min() else {
            return;
        };
        let offered = rate_per_s * f64::from(*size);
        let on_throughput = |limited: &&Limited| {
            let constraint = &limited.constraint;
            limited.def.id == MetricId::ServeThroughput && !constraint.op.is_upper()
        };
        for limited in around.constraints.iter().filter(on_throughput) {
            if limited.constraint.limit < offered {
                continue;
            }
            let of = match size {
                1 => String::new(),
                size => format!("requests of {size} samples "),
            };
            let offered = units::rate(offered);
            problems.error_with(
                limited.place,
                format!("only {offered} are offered ({of}at `rate`), so no model can serve more"),
                format!(
                    "limit `{}` (with find_max_rate = true), or give a higher rate",
                    MetricId::ServeMaxRate
                ),
            );
        }
    }

    /// Says which highest rate no search can find: its percentile needs more requests than all probes may have.
    pub(super) fn check_search(&self, limit: MaxRate, place: Place, problems: &mut Problems) {
        let most = self.max_requests;
        let asked = SearchAsk::new(limit.percentile, limit.limit_s);
        let probe_requests =
            most.map_or(asked.probe_requests, |most| asked.probe_requests.min(most.value.into()));
        let asked = SearchAsk { probe_requests, ..asked };
        if let Some(most) = most
            && let Err(why) = asked.check()
        {
            let text = format!("`max_requests` with find_max_rate: {why}");
            return problems.error(most.place, text);
        }
        let allowed = u64::from(asked.max_probes) * probe_requests;
        let needed = fewest_to_enclose(limit.percentile, asked.confidence);
        if needed <= allowed {
            return;
        }
        let by_probe = needed.div_ceil(asked.max_probes.into());
        let limit_place = self.latency_limit.map(|limit| limit.place);
        let search_place = self.find_max_rate.map(|flag| flag.key);
        let place = limit_place.or(search_place).unwrap_or(place);
        let own = SearchAsk::new(limit.percentile, limit.limit_s).probe_requests;
        let hint = if by_probe <= own {
            format!("give max_requests at least {by_probe}, or choose a lower percentile")
        } else {
            "choose a lower percentile".to_owned()
        };
        problems.error_with(
            place,
            format!(
                "{} at {} needs {} requests for a two-sided interval, the search for the highest rate has {} ({} probes of {})",
                percentile_name(limit.percentile),
                units::percent(asked.confidence),
                grouped(needed),
                grouped(allowed),
                asked.max_probes,
                grouped(probe_requests)
            ),
            hint,
        );
    }

    /// Most requests of a size, what sets that number, and where; `None` where nothing but time does.
    fn budget(&self, spec: &ServeSpec, around: &Around<'_>) -> Option<(u64, &'static str, Place)> {
        let most = self.max_requests;
        let most = most.map(|most| (u64::from(most.value), "max_requests", most.place));
        let by_rate = self.rate.filter(|_| self.load() == Load::Server).map(|rate| {
            let time_s = if around.stop.enabled {
                spec.max_time_s.min(around.stop.max_time_s)
            } else {
                spec.max_time_s
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "both are positive; saturates"
            )]
            let requests = (rate.value * time_s) as u64;
            (requests, "rate x max_time", rate.place)
        });
        match (most, by_rate) {
            (Some(most), Some(by_rate)) if by_rate.0 < most.0 => Some(by_rate),
            (Some(most), _) => Some(most),
            (None, by_rate) => by_rate,
        }
    }
}

/// What would be enough.
fn enough(needed: u64, spec: &ServeSpec, from: &str) -> String {
    let lower = "or choose a lower percentile";
    match spec.pattern {
        Pattern::Server { rate_per_s: Some(rate) } if from != "max_requests" => {
            let time = units::seconds((needed as f64 / rate).ceil());
            format!("give max_time at least {time} (in [serve] and in [stop]), {lower}")
        }
        _ => format!("give max_requests at least {needed}, {lower}"),
    }
}

/// `4,603`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_have_commas() {
        for (number, text) in [(0, "0"), (999, "999"), (4603, "4,603"), (1_000_000, "1,000,000")] {
            assert_eq!(grouped(number), text);
        }
    }
}
