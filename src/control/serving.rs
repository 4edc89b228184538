//! Figures that only serving has: the highest rate, the best batch size, and what the load says of all others.

use super::constraint::ruling;
use super::measure::assess;
use super::run::Run;
use super::stage::StageState;
use crate::event::{
    Constraint, Evidence, Finding, FoundRate, MetricRow, Note, Num, OpenFigure, OpenHow, OpenStage,
    Pattern, Ruling, Stage,
};
use crate::metric::MetricId;
use crate::stats::{Bounds, Estimate};

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
    pub(super) fn no_stage(&self, of: Stage) -> Note {
        let searched = |size: u32| self.context.probe_sizes.contains(&size);
        match of {
            Stage::Serve(size) if searched(size) && !self.context.serve_sizes.contains(&size) => {
                Note::NotServed
            }
            Stage::Train if self.context.work.is_command() => Note::NoStepsReported,
            _ => Note::NoPhase,
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
            return row.notes.push(match (asked, &self.totals.finished) {
                (true, Some(_)) => Note::SearchSilent,
                (true, None) => Note::SearchCut,
                (false, _) => Note::NotSearched,
            });
        };
        let Bounds { low, high } = bounds(found);
        row.estimate = found.rate_per_s.and_then(Num::finite);
        (row.low, row.high) = (low, high);
        row.confidence = found.confidence.filter(|_| low.is_some());
        row.samples = found.requests;
        row.plateaued = row.plateaued.map(|_| found.precise && row.estimate.is_some());
        row.notes.push(Note::RateSearch { why: found.why.clone(), probes: found.probes });
        let search = self.totals.searches.get(&size);
        let taken = search.and_then(|search| search.marked.ratio());
        if let Some(share) = taken.filter(|share| *share > TAKEN) {
            row.notes.push(Note::SearchDisturbed { share: Num(share) });
        }
    }

    /// What the interval of a found rate says of a constraint on it, and on which weights: it is not searched for again.
    pub(super) fn rate_ruling(&self, constraint: &Constraint, size: u32) -> Finding {
        let of = Stage::Serve(size);
        let Some(found) = self.totals.rates.get(&size) else {
            return Finding::new(Ruling::Open, constraint, Evidence::NoRate).within(of);
        };
        let bounds = bounds(found);
        // Nothing that is served at all is no interval to speak of.
        let shown = Some(bounds).filter(|bounds| bounds.high != Some(0.0)).unwrap_or_default();
        let evidence = Evidence::Rate {
            low: shown.low.map(Num),
            high: shown.high.map(Num),
            confidence: found.confidence.map(Num),
            why: found.why.clone(),
        };
        let finding = Finding::new(ruling(constraint, bounds), constraint, evidence).within(of);
        Finding { weights: self.weights(MAX_RATE.def(), of), ..finding }
    }

    /// Searches that did not end with a rate as precise as was asked; none where nobody waits for the rate.
    pub(super) fn open_searches(&self) -> Vec<OpenStage> {
        let chosen = self.is_chosen(MAX_RATE.def());
        let waits = chosen && self.policy.enabled;
        let sizes = self.context.probe_sizes.iter().filter(|_| waits);
        let open = |size: &u32| {
            let how = match self.totals.rates.get(size) {
                Some(found) if found.precise => return None,
                Some(found) => OpenHow::Search { why: found.why.clone() },
                None => OpenHow::NoSearch,
            };
            let figures = vec![OpenFigure { metric: MAX_RATE.into(), how }];
            Some(OpenStage { stage: Stage::Probe(*size), began: true, figures })
        };
        sizes.filter_map(open).collect()
    }

    /// Whether searches were asked for, and every one ended with a precise rate.
    pub(super) fn searched(&self) -> bool {
        let sizes = &self.context.probe_sizes;
        let precise = |size| self.totals.rates.get(size).is_some_and(|rate| rate.precise);
        !sizes.is_empty() && sizes.iter().all(precise)
    }

    /// A constraint on a highest rate that is broken for certain.
    pub(super) fn broken_rate(&self) -> Option<Finding> {
        let on_rate = |constraint: &&Constraint| constraint.metric == MAX_RATE;
        let constraints = self.policy.constraints.iter().filter(on_rate);
        constraints
            .flat_map(|constraint| self.totals.rates.keys().map(move |size| (constraint, *size)))
            .map(|(constraint, size)| self.rate_ruling(constraint, size))
            .find(|finding| finding.ruling == Ruling::Broken)
    }

    /// The size with the highest throughput; of those that cannot be told apart from it, the smallest. No size where one of
    /// them has no interval: nobody knows how far apart they are.
    pub(super) fn fill_best_size(&self, row: &mut MetricRow) {
        if self.context.pattern != Pattern::Offline {
            return row.notes.push(Note::NotOffline);
        }
        let mut sizes = self.context.serve_sizes.clone();
        sizes.sort_unstable();
        let served: Vec<(u32, Estimate)> =
            sizes.iter().filter_map(|size| Some((*size, self.throughput(*size)?))).collect();
        let Some((fastest, highest)) = served.iter().max_by(|(_, a), (_, b)| {
            let (a, b) = (a.value, b.value);
            a.total_cmp(&b)
        }) else {
            return row.notes.push(Note::NoSizeServed);
        };
        row.samples = served.len() as u64;
        let (fastest, per_s) = (*fastest, Num(highest.value));
        let has = |size: &u32| served.iter().any(|(served, _)| served == size);
        let unserved: Vec<u32> = sizes.iter().copied().filter(|size| !has(size)).collect();
        let blind = served.iter().filter(|(_, rate)| rate.interval.is_none());
        let imprecise: Vec<u32> = blind.map(|(size, _)| *size).collect();
        if !unserved.is_empty() || !imprecise.is_empty() {
            return row.notes.push(Note::SizesOpen { unserved, imprecise, fastest, per_s });
        }
        let low = highest.interval.map(|interval| interval.low);
        let tied = |(size, rate): &&(u32, Estimate)| {
            *size == fastest || rate.interval.map(|interval| interval.high) >= low
        };
        let alike: Vec<u32> = served.iter().filter(tied).map(|(size, _)| *size).collect();
        row.estimate = alike.first().map(|size| f64::from(*size));
        row.plateaued = row.plateaued.map(|_| row.estimate.is_some());
        row.notes.push(Note::BestSize { alike, fastest, per_s });
    }

    fn throughput(&self, size: u32) -> Option<Estimate> {
        let of_size = |state: &&StageState| state.stage == Stage::Serve(size);
        let state = self.stages.iter().find(of_size)?;
        assess(MetricId::ServeThroughput.def(), &state.series, self.ask(state))?.estimate
    }
}
