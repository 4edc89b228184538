//! Names of metrics that are known in more than one place.

use crate::metric::MetricId;

pub(super) const TIME_TO_ACCURACY: &str = MetricId::TrainTimeToAccuracy.name();
pub(super) const COMMAND_TIME: &str = MetricId::CommandTime.name();
pub(super) const ENERGY: &str = MetricId::EnergyTotal.def().group;
pub(super) const ENERGY_TOTAL: &str = MetricId::EnergyTotal.name();
pub(super) const ENERGY_PER_SAMPLE: &str = MetricId::EnergyPerSample.name();
pub(super) const CPU_ENERGY: &str = MetricId::CpuEnergy.name();
pub(super) const GPU_ENERGY: &str = MetricId::GpuEnergy.name();
pub(super) const EMISSIONS: &str = MetricId::EmissionsCo2e.name();
