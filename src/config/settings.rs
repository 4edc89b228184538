//! All that a grid file says besides its axes, the models and which cells are meant. What is not said is the default, which
//! the policies know.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::axis::Choice;
use super::constraints::Limited;
use super::engine::EngineAsked;
use super::export::Asked;
use super::limits::LimitsAsked;
use super::metrics::{self, Chosen};
use super::objectives::Aimed;
use super::plan::{WorkerProgram, WorkerSettings};
use super::search::SearchAsked;
use super::serving::Serving;
use super::template::MetricFile;
use crate::control::policy::StopPolicy;
use crate::document::problems::{GRID, Place};
use crate::engine::Lanes;
use crate::event::{Axis, DeclaredMetric, Price, TrainSpec, Work};
use crate::gate::GatePolicy;
use crate::sampler::policy::SamplerPolicy;
use crate::schedule::Repeats;

/// What `[cost]` says.
#[derive(Debug, Clone, Default)]
pub(super) struct PriceAsked {
    pub(super) per_hour: Option<f64>,
    pub(super) currency: Option<(String, Place)>,
}

impl PriceAsked {
    /// The price, if there is one.
    pub(super) fn price(&self) -> Option<Price> {
        let currency = self.currency.as_ref().map(|(currency, _)| currency.clone());
        Some(Price { per_hour: self.per_hour?, currency: currency.unwrap_or_default() })
    }
}

/// What a grid file says, of the whole grid or of one cell.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Absent: the name of the file.
    pub(super) name: Option<String>,
    pub(super) seed: (u64, Place),
    pub(super) repeats: Repeats,
    /// `max_repeats`, and where it stands.
    pub(super) max_repeats: Option<(u32, Place)>,
    pub(super) budget_s: Option<f64>,
    /// How many cells run side by side, and where that stands.
    pub(super) lanes: Option<(Lanes, Place)>,
    pub(super) search: SearchAsked,
    /// Its axes are not set.
    pub(super) train: TrainSpec,
    pub(super) epochs_place: Place,
    pub(super) serving: Serving,
    /// Its metrics and constraints are not set.
    pub(super) stop: StopPolicy,
    pub(super) stop_place: Place,
    /// What `[stop]` waits for.
    pub(super) metrics: Vec<Chosen>,
    /// Whether `[stop]` names metrics.
    pub(super) chosen: bool,
    pub(super) constraints: Vec<Limited>,
    pub(super) limits: LimitsAsked,
    /// Axes that an `[[override]]` sets where `[grid]` does not name them.
    pub(super) fixed: Vec<(Axis, Choice)>,
    pub(super) objectives: Vec<Aimed>,
    pub(super) gate: GatePolicy,
    /// The metrics of the user's own.
    pub(super) declared: Vec<DeclaredMetric>,
    /// The files in which they are read.
    pub(super) files: Rc<[MetricFile]>,
    /// Where the retired cells are named.
    pub(super) retired: BTreeMap<String, Place>,
    pub(super) sampler: SamplerPolicy,
    pub(super) grams_per_kwh: Option<f64>,
    /// What an hour of the machine costs, and where `[cost]` is.
    pub(super) price: PriceAsked,
    pub(super) worker: WorkerSettings,
    pub(super) engine: EngineAsked,
    /// What the results are handed on as.
    pub(super) exports: Vec<Asked>,
    /// `[worker] options`, and where they are.
    pub(super) options: Option<(serde_json::Value, Place)>,
}

impl Settings {
    /// What does the jobs of models that are no commands.
    pub(super) fn work(&self) -> Work {
        if self.worker.program == WorkerProgram::Native {
            return Work::Native;
        }
        let options = self.options.as_ref().map(|(options, _)| options.clone());
        Work::Protocol { options: options.unwrap_or_default() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: None,
            seed: (1, Place::whole(GRID)),
            repeats: Repeats::AUTO,
            max_repeats: None,
            budget_s: None,
            lanes: None,
            search: SearchAsked::default(),
            train: TrainSpec {
                epochs: 10,
                validation_share: 0.1,
                warmup_steps: 5,
                ..TrainSpec::default()
            },
            epochs_place: Place::whole(GRID),
            serving: Serving::default(),
            stop: StopPolicy::default(),
            stop_place: Place::whole(GRID),
            metrics: metrics::default(),
            chosen: false,
            constraints: Vec::new(),
            limits: LimitsAsked::default(),
            fixed: Vec::new(),
            objectives: Vec::new(),
            gate: GatePolicy::default(),
            declared: Vec::new(),
            files: Rc::default(),
            retired: BTreeMap::new(),
            sampler: SamplerPolicy::default(),
            grams_per_kwh: None,
            price: PriceAsked::default(),
            worker: WorkerSettings::default(),
            engine: EngineAsked::default(),
            exports: Vec::new(),
            options: None,
        }
    }
}
