//! Figures that only serving has: the highest rate, the best batch size, and what the load says of all others.

use super::assess::{Assessment, assess, percent};
use super::constraint::{Constraint, Ruling};
use super::controller::Controller;
use super::disturbance::whole_percent;
use super::rows::add_note;
use super::stage::StageState;
use crate::event::metric::find;
use crate::event::{FoundRate, MetricDef, MetricRow, Num, Pattern, Stage};
use crate::stats::{Bounds, Interval};

/// Share of the time of a search with interference that is worth a word.
const TAKEN: f64 = 0.05;

/// The metric that searches find.
pub(super) const MAX_RATE: &str = "serve.max_rate";

/// The metric that compares sizes.
pub(super) const BEST_SIZE: &str = "serve.best_batch_size";

/// What the load does to a figure of a stage, for its note.
pub(super) fn load_note(state: &StageState, metric: &str) -> Option<String> {
    let serves = matches!(state.stage, Stage::Serve(_));
    let concerned = metric.starts_with("serve.latency") || metric.starts_with("serve.throughput");
    (serves && concerned).then(|| state.load())?.sentence()
}

/// Bounds on the highest rate; none where there is no rate.
fn bounds(found: &FoundRate) -> Bounds {
    let end = |end: Option<Num>| end.and_then(Num::finite);
    Bounds {
        low: end(found.low),
        high: end(found.high),
    }
}

impl Controller {
    /// Sizes of requests that have rows: those that are served, or only searched with.
    pub(super) fn sizes(&self) -> &[u32] {
        let context = &self.context;
        if context.serve_sizes.is_empty() {
            &context.probe_sizes
        } else {
            &context.serve_sizes
        }
    }

    /// Why there is no stage of these requests.
    pub(super) fn no_stage(&self, of: Stage) -> String {
        let searched = |size: u32| self.context.probe_sizes.contains(&size);
        match of {
            Stage::Serve(size) if searched(size) && !self.context.serve_sizes.contains(&size) => {
                "nothing is served at a rate: find_max_rate without rate".to_owned()
            }
            _ => "the run ended before this phase".to_owned(),
        }
    }

    /// The highest rate of requests of one size.
    pub(super) fn fill_max_rate(&self, row: &mut MetricRow, of: Stage) {
        let Stage::Serve(size) = of else { return };
        let Some(found) = self.totals.rates.get(&size) else {
            let asked = self.context.probe_sizes.contains(&size);
            add_note(
                row,
                if asked && self.totals.finished.is_some() {
                    "the worker said nothing of a search for it"
                } else if asked {
                    "the run ended before the search for it did"
                } else {
                    "not searched for; find_max_rate = true in [serve] asks for it"
                },
            );
            return;
        };
        let Bounds { low, high } = bounds(found);
        row.estimate = found.rate_per_s.and_then(Num::finite);
        (row.low, row.high) = (low, high);
        row.confidence = found.confidence.filter(|_| low.is_some());
        row.samples = found.requests;
        row.plateaued = row
            .plateaued
            .map(|_| found.precise && row.estimate.is_some());
        let probes = match found.probes {
            1 => "1 probe".to_owned(),
            more => format!("{more} probes"),
        };
        add_note(row, &format!("{}; {probes}", found.why));
        let search = self.totals.searches.get(&size);
        let taken = search.and_then(|search| search.marked.ratio());
        if let Some(share) = taken.filter(|share| *share > TAKEN) {
            let share = whole_percent(share);
            add_note(
                row,
                &format!("interference in {share} of the time of the search"),
            );
        }
    }

    /// What the interval of a found rate says of a constraint on it.
    pub(super) fn rate_ruling(&self, constraint: &Constraint, size: u32) -> (Ruling, String) {
        let Some(found) = self.totals.rates.get(&size) else {
            return (Ruling::Open, String::new());
        };
        let bounds = bounds(found);
        let shown = |end: Option<f64>| end.map(|end| constraint.shown(end));
        let at = found.confidence.map_or_else(String::new, |confidence| {
            format!(" at {}", percent(confidence))
        });
        let says = match (shown(bounds.low), shown(bounds.high)) {
            _ if bounds.high == Some(0.0) => String::new(),
            (Some(low), Some(high)) => format!("from {low} to {high}{at}"),
            (Some(low), None) => format!("at least {low}{at}"),
            (None, Some(high)) => format!("at most {high}{at}"),
            (None, None) => String::new(),
        };
        let says = if says.is_empty() {
            found.why.clone()
        } else {
            format!("{says}; {}", found.why)
        };
        (constraint.ruling(bounds), says)
    }

    /// A constraint on a highest rate that is broken for certain, in words.
    pub(super) fn broken_rate(&self) -> Option<String> {
        let on_rate = |constraint: &&Constraint| constraint.metric == MAX_RATE;
        let constraints = self.policy.constraints.iter().filter(on_rate);
        constraints
            .flat_map(|constraint| {
                self.totals
                    .rates
                    .keys()
                    .map(move |size| (constraint, *size))
            })
            .find_map(|(constraint, size)| {
                let (ruling, says) = self.rate_ruling(constraint, size);
                let of = Stage::Serve(size);
                (ruling == Ruling::Broken)
                    .then(|| format!("{constraint} is broken in {of}: {says}"))
            })
    }

    /// The size with the highest throughput; of those that cannot be told apart from it, the smallest.
    pub(super) fn fill_best_size(&self, row: &mut MetricRow) {
        if self.context.pattern != Pattern::Offline {
            return add_note(row, "only pattern = \"offline\" compares sizes");
        }
        let Some(metric) = find("serve.throughput") else {
            return;
        };
        let mut found: Vec<(u32, Assessment)> = self
            .context
            .serve_sizes
            .iter()
            .filter_map(|size| Some((*size, self.throughput(metric, *size)?)))
            .collect();
        found.sort_by_key(|(size, _)| *size);
        let value = |(_, of): &(u32, Assessment)| of.estimate.map_or(0.0, |rate| rate.value);
        let Some(fastest) = found.iter().max_by(|a, b| value(a).total_cmp(&value(b))) else {
            return add_note(row, "no size was served");
        };
        let interval = |of: &Assessment| of.estimate.and_then(|rate| rate.interval);
        let tied = |other: &Assessment| match (interval(other), interval(&fastest.1)) {
            (Some(Interval { high, .. }), Some(Interval { low, .. })) => high >= low,
            // Nobody knows how far they are apart.
            _ => true,
        };
        let alike: Vec<u32> = found
            .iter()
            .filter(|(size, of)| *size == fastest.0 || tied(of))
            .map(|(size, _)| *size)
            .collect();
        row.estimate = alike.first().map(|size| f64::from(*size));
        row.samples = found.len() as u64;
        row.plateaued = row.plateaued.map(|_| row.estimate.is_some());
        let rate = crate::units::rate(value(fastest));
        let highest = format!("{} has the highest throughput, {rate}", fastest.0);
        if alike.len() > 1 {
            let list: Vec<String> = alike.iter().map(u32::to_string).collect();
            let list = list.join(", ");
            add_note(
                row,
                &format!("{list} are as fast within their intervals; {highest}"),
            );
        } else {
            add_note(row, &highest);
        }
        let missing = self.context.serve_sizes.len() - found.len();
        if missing > 0 {
            add_note(row, &format!("{missing} of the sizes were not served"));
        }
    }

    fn throughput(&self, metric: &MetricDef, size: u32) -> Option<Assessment> {
        let of_size = |state: &&StageState| state.stage == Stage::Serve(size);
        let state = self.stages.iter().find(of_size)?;
        let found = assess(metric, state, self.ask(state))?;
        found.estimate.is_some().then_some(found)
    }
}
