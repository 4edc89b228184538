//! Figures that only serving has: the highest rate, the best batch size, and what the load says of all others.

use super::constraint::{Constraint, Ruling};
use super::measure::assess;
use super::row::add_note;
use super::run::Run;
use super::stage::StageState;
use crate::event::{FoundRate, MetricRow, Num, Pattern, Stage};
use crate::metric::MetricId;
use crate::stats::{Bounds, Estimate};
use crate::units::percent;

/// Share of the time of a search with interference that is worth a word.
const TAKEN: f64 = 0.05;

/// The metric that searches find.
const MAX_RATE: MetricId = MetricId::ServeMaxRate;

/// Bounds on the highest rate; none where there is no rate.
fn bounds(found: &FoundRate) -> Bounds {
    let end = |end: Option<Num>| end.and_then(Num::finite);
    Bounds { low: end(found.low), high: end(found.high) }
}

impl Run {
    /// Why there is no stage of these requests.
    pub(super) fn no_stage(&self, of: Stage) -> String {
        let searched = |size: u32| self.context.probe_sizes.contains(&size);
        match of {
            Stage::Serve(size) if searched(size) && !self.context.serve_sizes.contains(&size) => {
                "nothing is served at a rate: find_max_rate without rate".to_owned()
            }
            Stage::Train if self.context.work.is_command() => {
                "the command reported no steps".to_owned()
            }
            _ => "the run ended before this phase".to_owned(),
        }
    }

    /// The highest rate of requests of one size.
    pub(super) fn fill_max_rate(&self, row: &mut MetricRow, of: Stage) {
        let Stage::Serve(size) = of else { return };
        let asked = self.context.probe_sizes.contains(&size);
        let found = self.totals.rates.get(&size);
        // Whoever asks for the search asks for its precision, also where nothing waits for it.
        row.plateaued = row.plateaued.or(asked.then_some(false));
        let Some(found) = found else {
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
        row.plateaued = row.plateaued.map(|_| found.precise && row.estimate.is_some());
        let probes = match found.probes {
            1 => "1 probe".to_owned(),
            more => format!("{more} probes"),
        };
        add_note(row, &format!("{}; {probes}", found.why));
        let search = self.totals.searches.get(&size);
        let taken = search.and_then(|search| search.marked.ratio());
        if let Some(share) = taken.filter(|share| *share > TAKEN) {
            let share = crate::units::rough_percent(share);
            add_note(row, &format!("interference in {share} of the time of the search"));
        }
    }

    /// What the interval of a found rate says of a constraint on it, and on which weights: it is not searched for again.
    pub(super) fn rate_ruling(&self, constraint: &Constraint, size: u32) -> (Ruling, String) {
        let Some(found) = self.totals.rates.get(&size) else {
            return (Ruling::Open, String::new());
        };
        let bounds = bounds(found);
        let shown = |end: Option<f64>| end.map(|end| constraint.shown(end));
        let at = found
            .confidence
            .map_or_else(String::new, |confidence| format!(" at {}", percent(confidence)));
        let says = match (shown(bounds.low), shown(bounds.high)) {
            _ if bounds.high == Some(0.0) => String::new(),
            (Some(low), Some(high)) => format!("from {low} to {high}{at}"),
            (Some(low), None) => format!("at least {low}{at}"),
            (None, Some(high)) => format!("at most {high}{at}"),
            (None, None) => String::new(),
        };
        let says =
            if says.is_empty() { found.why.clone() } else { format!("{says}; {}", found.why) };
        let weights = self.weights(MAX_RATE.def(), Stage::Serve(size));
        (constraint.ruling(bounds), says + weights)
    }

    /// Searches that did not end with a rate as precise as was asked, each with what it said; none where nobody waits for
    /// the rate.
    pub(super) fn open_searches(&self) -> Vec<(Stage, String)> {
        let chosen = self.is_chosen(MAX_RATE.def());
        let waits = chosen && self.policy.enabled;
        let sizes = self.context.probe_sizes.iter().filter(|_| waits);
        let open = |size: &u32| {
            let why = match self.totals.rates.get(size) {
                Some(found) if found.precise => return None,
                Some(found) => found.why.as_str(),
                None => "it did not end",
            };
            Some((Stage::Probe(*size), format!("{MAX_RATE}: {why}")))
        };
        sizes.filter_map(open).collect()
    }

    /// Whether searches were asked for, and every one ended with a precise rate.
    pub(super) fn searched(&self) -> bool {
        let sizes = &self.context.probe_sizes;
        let precise = |size| self.totals.rates.get(size).is_some_and(|rate| rate.precise);
        !sizes.is_empty() && sizes.iter().all(precise)
    }

    /// A constraint on a highest rate that is broken for certain, in words.
    pub(super) fn broken_rate(&self) -> Option<String> {
        let on_rate = |constraint: &&Constraint| constraint.metric == MAX_RATE.name();
        let constraints = self.policy.constraints.iter().filter(on_rate);
        constraints
            .flat_map(|constraint| self.totals.rates.keys().map(move |size| (constraint, *size)))
            .find_map(|(constraint, size)| {
                let (ruling, says) = self.rate_ruling(constraint, size);
                let of = Stage::Serve(size);
                (ruling == Ruling::Broken)
                    .then(|| format!("{constraint} is broken in {of}: {says}"))
            })
    }

    /// The size with the highest throughput; of those that cannot be told apart from it, the smallest. No size where one of
    /// them has no interval: nobody knows how far apart they are.
    pub(super) fn fill_best_size(&self, row: &mut MetricRow) {
        if self.context.pattern != Pattern::Offline {
            return add_note(row, "only pattern = \"offline\" compares sizes");
        }
        let mut sizes = self.context.serve_sizes.clone();
        sizes.sort_unstable();
        let served: Vec<(u32, Estimate)> =
            sizes.iter().filter_map(|size| Some((*size, self.throughput(*size)?))).collect();
        let Some((fastest, highest)) = served.iter().max_by(|(_, a), (_, b)| {
            let (a, b) = (a.value, b.value);
            a.total_cmp(&b)
        }) else {
            return add_note(row, "no size was served");
        };
        row.samples = served.len() as u64;
        let rate = crate::units::rate(highest.value);
        if let Some(lacking) = lacking(&sizes, &served) {
            return add_note(
                row,
                &format!("the sizes cannot be compared ({lacking}); {fastest} was fastest, {rate}"),
            );
        }
        let low = highest.interval.map(|interval| interval.low);
        let tied = |(size, rate): &&(u32, Estimate)| {
            size == fastest || rate.interval.map(|interval| interval.high) >= low
        };
        let alike: Vec<u32> = served.iter().filter(tied).map(|(size, _)| *size).collect();
        row.estimate = alike.first().map(|size| f64::from(*size));
        row.plateaued = row.plateaued.map(|_| row.estimate.is_some());
        let highest = format!("{fastest} has the highest throughput, {rate}");
        if alike.len() > 1 {
            let list = listed(&alike);
            add_note(row, &format!("{list} are as fast within their intervals; {highest}"));
        } else {
            add_note(row, &highest);
        }
    }

    fn throughput(&self, size: u32) -> Option<Estimate> {
        let of_size = |state: &&StageState| state.stage == Stage::Serve(size);
        let state = self.stages.iter().find(of_size)?;
        assess(MetricId::ServeThroughput.def(), &state.series, self.ask(state))?.estimate
    }
}

/// Which of the sizes have no throughput with an interval, and why; nothing where all have one.
fn lacking(sizes: &[u32], served: &[(u32, Estimate)]) -> Option<String> {
    let throughput = |size: &u32| served.iter().find(|(served, _)| served == size);
    let unserved = sizes.iter().filter(|size| throughput(size).is_none());
    let blind = served.iter().filter(|(_, rate)| rate.interval.is_none());
    let lacking = [
        (listed(unserved), "not served"),
        (listed(blind.map(|(size, _)| size)), "too little for an interval"),
    ];
    let lacking = lacking.into_iter().filter(|(sizes, _)| !sizes.is_empty());
    let each: Vec<String> = lacking.map(|(sizes, why)| format!("{sizes} {why}")).collect();
    (!each.is_empty()).then(|| each.join(", "))
}

/// `1, 4`.
fn listed<'a>(sizes: impl IntoIterator<Item = &'a u32>) -> String {
    let sizes: Vec<String> = sizes.into_iter().map(u32::to_string).collect();
    sizes.join(", ")
}
