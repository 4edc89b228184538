//! What a job says of metrics of the user's own: what each is, and where its values come from.

use serde::{Deserialize, Serialize};

use crate::metric::{MetricId, MetricName};

/// A metric of the user's own in a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeclaredMetric {
    /// What is declared of it.
    pub metric: MetricName,
}

impl DeclaredMetric {
    /// Which metric it is; nothing where its name alone is known.
    pub fn id(&self) -> Option<MetricId> {
        self.metric.def().map(|metric| metric.id)
    }
}
