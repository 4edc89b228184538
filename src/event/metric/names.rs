//! Names of metrics that are known in more than one place.

/// The time in training until the target accuracy was reached.
pub const TIME_TO_ACCURACY: &str = "train.time_to_accuracy";

/// Wall time of a whole command.
pub const COMMAND_TIME: &str = "command.time";

/// The group of what is said of energy.
pub const ENERGY: &str = "energy";

/// The energy of everything that the run works on.
pub const ENERGY_TOTAL: &str = "energy.total";

/// The same of a phase, over its samples.
pub const ENERGY_PER_SAMPLE: &str = "energy.per_sample";

/// The energy of the processors and their memory.
pub const CPU_ENERGY: &str = "cpu.energy";

/// The energy of the run's accelerators.
pub const GPU_ENERGY: &str = "gpu.energy";

/// What the energy means in CO2, by the user's intensity.
pub const EMISSIONS: &str = "emissions.co2e";
