//! What a run told while it ran, read from its log in a stream.

use std::collections::HashMap;
use std::path::Path;

use crate::event::{Envelope, WorkerEvent};
use crate::metric::MetricId;
use crate::report::export::Point;
use crate::store::{Line, StoreError, read_lines};

/// The epochs of a run, and the figures of its own, as they came: a worker may tell 10,000 of those at most.
pub(super) fn read(folder: &Path) -> Result<Vec<Point>, StoreError> {
    let mut course = Course::default();
    for line in read_lines(folder)? {
        match line? {
            Line::Started { t_ns, .. } => course.started_ns = t_ns,
            Line::Worker(envelope) => course.worker(envelope),
            Line::Sample(_) | Line::Asked { .. } | Line::Warning { .. } | Line::Ended(_) => {}
        }
    }
    Ok(course.points)
}

#[derive(Default)]
struct Course {
    started_ns: u64,
    points: Vec<Point>,
    told: HashMap<String, u64>,
}

impl Course {
    fn worker(&mut self, envelope: Envelope) {
        let after_s = envelope.t_ns.saturating_sub(self.started_ns) as f64 * 1e-9;
        match envelope.event {
            WorkerEvent::Epoch(epoch) => {
                let figures = [
                    (MetricId::TrainLoss, Some(epoch.train_loss)),
                    (MetricId::ValidationLoss, epoch.validation_loss),
                    (MetricId::ValidationAccuracy, epoch.validation_accuracy),
                ];
                self.points.extend(figures.into_iter().filter_map(|(metric, value)| {
                    let (name, step) = (metric.name().to_owned(), u64::from(epoch.epoch));
                    Some(Point { name, step, after_s, value: value?.0 })
                }));
            }
            WorkerEvent::Metric { name, value, .. } => {
                let step = self.told.entry(name.clone()).or_default();
                *step += 1;
                self.points.push(Point { name, step: *step, after_s, value: value.0 });
            }
            WorkerEvent::Hello(_)
            | WorkerEvent::Phase { .. }
            | WorkerEvent::Steps(_)
            | WorkerEvent::Unread { .. }
            | WorkerEvent::MaxRate(_)
            | WorkerEvent::Finished(_)
            | WorkerEvent::Failed(_) => {}
        }
    }
}
