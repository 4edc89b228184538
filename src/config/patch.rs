//! What `[train]`, `[serve]`, `[stop]`, `[constraints]` and `[limits]` say, at the top of the file or in an `[[override]]`.

use std::ops::Bound;

use super::axis::{self, Choice};
use super::constraints::{self, Limited};
use super::keys::Scope;
use super::limits;
use super::metrics::{self, Chosen};
use super::problems::{Place, Problems};
use super::read::{self, Section};
use super::serving::ServePatch;
use super::tree::Table;
use super::world::World;
use crate::event::{Axis, Range};

/// Settings that were written; the others stay as they were.
#[derive(Debug, Default)]
pub(super) struct Patch {
    pub(super) train: TrainPatch,
    pub(super) serve: ServePatch,
    pub(super) stop: StopPatch,
    pub(super) constraints: Vec<Limited>,
    pub(super) limits: limits::Asked,
}

#[derive(Debug, Default)]
pub(super) struct TrainPatch {
    pub(super) epochs: Option<u32>,
    pub(super) validation_share: Option<f64>,
    pub(super) warmup_steps: Option<u32>,
    pub(super) target_accuracy: Option<f64>,
    /// Axes that `[grid]` does not name, for the cells of an `[[override]]`.
    pub(super) fixed: Vec<(Axis, Choice)>,
    pub(super) place: Option<Place>,
}

#[derive(Debug, Default)]
pub(super) struct StopPatch {
    pub(super) enabled: Option<bool>,
    pub(super) metrics: Option<Vec<Chosen>>,
    pub(super) within: Option<f64>,
    pub(super) confidence: Option<f64>,
    pub(super) looks: Option<u32>,
    pub(super) min_time_s: Option<f64>,
    pub(super) max_time_s: Option<f64>,
    pub(super) max_run_time_s: Option<f64>,
    pub(super) patience: Option<u32>,
    pub(super) min_delta: Option<f64>,
    pub(super) place: Option<Place>,
}

const VALIDATION_SHARE: Range = Range::new(Bound::Included(0.0), Bound::Included(0.5));
const WITHIN: Range = Range::new(Bound::Excluded(0.0), Bound::Excluded(1.0));
const CONFIDENCE: Range = Range::new(Bound::Excluded(0.5), Bound::Excluded(1.0));
const MIN_DELTA: Range = Range::new(Bound::Included(0.0), Bound::Excluded(1.0));
const TARGET: Range =
    Range { such_as: Some("0.88"), ..Range::new(Bound::Excluded(0.0), Bound::Included(1.0)) };
/// The most that a count of steps, requests or looks may be.
const MANY: u32 = 100_000;

impl Patch {
    /// From a table that holds `train`, `serve`, `stop`, `constraints` and `limits`; the axes that `[train]` may fix are read for an
    /// `[[override]]` alone (`world` is given), since at the top of the file they belong to the grid.
    pub(super) fn read(root: &Table, world: Option<&World<'_>>, problems: &mut Problems) -> Self {
        let mut patch = Self::default();
        if let Some((table, place)) = read::table(root, "train", problems) {
            patch.train = TrainPatch::read(table, place, world, problems);
        }
        if let Some((table, _)) = read::table(root, "serve", problems) {
            patch.serve = ServePatch::read(table, problems);
        }
        if let Some((table, place)) = read::table(root, "stop", problems) {
            patch.stop = StopPatch::read(table, place, problems);
        }
        if let Some((table, _)) = read::table(root, "constraints", problems) {
            patch.constraints = constraints::read(table, problems);
        }
        if let Some((table, _)) = read::table(root, "limits", problems) {
            patch.limits = limits::Asked::read(table, problems);
        }
        patch
    }
}

impl TrainPatch {
    fn read(
        table: &Table,
        place: Place,
        world: Option<&World<'_>>,
        problems: &mut Problems,
    ) -> Self {
        let mut section = Section::new(Scope::Train, table, problems);
        let mut patch = Self {
            epochs: section.count("epochs", 0..=MANY),
            validation_share: section.share("validation_share", &VALIDATION_SHARE),
            warmup_steps: section.count("warmup_steps", 0..=MANY),
            target_accuracy: section.fraction("target_accuracy", &TARGET),
            fixed: Vec::new(),
            place: section.key_place("epochs").or(Some(place)),
        };
        let Some(world) = world else {
            return patch;
        };
        for axis in Axis::all().filter(|axis| axis.def().in_train) {
            let Some(entry) = table.get(axis.key()) else {
                continue;
            };
            if let Some(mut choice) = axis::read(axis, &entry.node, world, problems) {
                choice.place = Some(entry.key_place);
                patch.fixed.push((axis, choice));
            }
        }
        patch
    }
}

impl StopPatch {
    fn read(table: &Table, place: Place, problems: &mut Problems) -> Self {
        let mut section = Section::new(Scope::Stop, table, problems);
        let metrics = section.get("metrics");
        let mut seconds =
            |key, shortest| section.duration(key, shortest).map(crate::units::Span::as_secs);
        let min_time_s = seconds("min_time", 0.0);
        let max_time_s = seconds("max_time", 0.001);
        let max_run_time_s = seconds("max_run_time", 0.001);
        Self {
            enabled: section.flag("enabled"),
            metrics: metrics.and_then(|node| metrics::read(node, section.problems)),
            within: section.share("within", &WITHIN),
            confidence: section.fraction("confidence", &CONFIDENCE),
            looks: section.count("looks", 1..=1000),
            min_time_s,
            max_time_s,
            max_run_time_s,
            patience: section.count("patience", 1..=MANY),
            min_delta: section.number("min_delta", &MIN_DELTA),
            place: ["max_time", "min_time", "metrics"]
                .into_iter()
                .find_map(|key| section.key_place(key))
                .or(Some(place)),
        }
    }
}
