//! What the axes and the settings say of a cell.

use super::axes::{Axes, Cell};
use super::axis::{Choice, Dataset};
use super::resolve::{Resolved, Resolver};
use crate::event::{Axis, JobSpec};

/// The value of every axis for one cell.
pub(super) struct Values<'a> {
    pub(super) cell: &'a Cell,
    pub(super) axes: &'a Axes,
    pub(super) settings: &'a Resolved,
}

impl<'a> Values<'a> {
    pub(super) fn choice(&self, axis: Axis) -> Option<&'a Choice> {
        self.settings.fixed(axis).or_else(|| self.axes.choice(axis, self.cell))
    }

    pub(super) fn dataset(&self) -> Option<&'a Dataset> {
        self.choice(Axis::DATASET)?.dataset.as_ref()
    }

    pub(super) fn label(&self, axis: Axis) -> &'a str {
        self.choice(axis).map_or("", |choice| &choice.label)
    }

    pub(super) fn count(&self, axis: Axis) -> Option<u32> {
        self.choice(axis)?.count()
    }

    /// The job of this cell, as far as its axes and settings say it.
    pub(super) fn job(&self) -> JobSpec {
        let mut job = self.settings.job();
        for axis in self.axes.list.all() {
            if let Some(choice) = self.choice(axis) {
                let def = self.axes.list.def(axis);
                (def.set)(def, &mut job, &choice.value);
            }
        }
        job.axis_labels.clone_from(&self.axes.labels);
        // Where threads are left to the machine, as many as the cell's own limits allow.
        if self.choice(Axis::THREADS).is_some_and(Choice::is_automatic) {
            job.threads = self.settings.threads;
        }
        job
    }
}

impl Resolver<'_> {
    /// The values of each cell that was checked.
    pub(super) fn values<'c>(
        &'c self,
        cells: &'c [Cell],
        axes: &'c Axes,
    ) -> impl Iterator<Item = Values<'c>> {
        let values = move |cell| Some(Values { cell, axes, settings: self.settings(cell)? });
        cells.iter().filter_map(values)
    }
}
