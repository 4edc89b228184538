//! The vocabulary that all sides share: what a worker is told, what it says, what a run says, what is recorded.
//!
//! Data, and what several sides must read from it alike. These types leave the process (a pipe, a file), so each format
//! is versioned in [`wire`].

pub mod axis;
pub mod bounds;
mod command;
pub mod constraint;
mod declared;
pub mod end;
mod figure_pattern;
pub mod fingerprint;
pub mod gap;
pub mod interference;
pub mod job;
pub mod lack;
mod lane;
pub mod limits;
pub mod model;
pub mod note;
pub mod objective;
pub mod own;
pub mod reach;
pub mod record;
pub mod run;
pub mod said;
pub mod sample;
pub mod stop;
pub mod wire;
pub(crate) mod words;
pub mod work;
pub mod worker;

pub use axis::{AXES, Axis, AxisDef, AxisKind, AxisList, COLUMNS, NO_DATA, OwnKind, Range};
pub use command::{CommandSpec, Hooks, is_plain, typed};
pub use constraint::{Constraint, Evidence, Finding, Op, Ruling, Shortage, Weights};
pub use declared::{DeclaredMetric, FigureLack, Outlet, ReadFrom};
pub use end::{Age, Cut, StopReason};
pub use figure_pattern::{FigurePattern, LONGEST_PATTERN};
pub use fingerprint::{Fingerprint, FingerprintDifference};
pub use gap::{Gap, GapKind, Reason};
pub use interference::{Disturber, Interference};
pub use job::{
    Allocator, JobSpec, MaxRate, ModelSpec, OmpWait, Optimizer, Pattern, Precision, Price,
    RandomData, ScriptSpec, ServeSpec, TrainSpec,
};
pub use lack::{DeviceLack, EnergyLack, PeakGrowth, ToTheEnd};
pub use lane::{Lane, Processor};
pub use limits::{Limits, MemoryGuard, cpu_list};
pub use model::{MODELS, ModelInfo, ScriptGives, ScriptHolds};
pub use note::{LeftOut, Note, Why};
pub use objective::Objective;
pub use own::{AxisValue, ENV, MOST_OWN, OwnAxes};
pub use reach::{Bar, BarOf, Reach};
pub use record::{
    Arm, Failure, FailureKind, Feasibility, MetricRow, Pairing, RowFields, RunRecord, RunStatus,
    RunVerdict,
};
pub use run::{OpenMetric, Progress, RunEvent, RunEventKind};
pub use said::RuleSaid;
pub use sample::{EnergyReading, GpuReading, HostReading, ResourceSample, Vendor, bus_id};
pub use stop::{
    Asked, Divergence, Grounds, LossOf, OpenEnd, OpenFigure, OpenHow, OpenStage, RunOpen, Spared,
    StageEnd, StageLeft, StopDetail, StopRecord,
};
pub use wire::{Command, Envelope, PROTOCOL_VERSION, WireError};
pub use work::{RecordedSpec, Work};
pub use worker::{
    DEVICE_MEMORY_PEAK, DEVICE_MEMORY_RESERVED_PEAK, DEVICE_PCI, DEVICE_UUID, EPOCH_SAMPLES,
    EpochReport, Finished, FoundRate, Hello, LONGEST_NAME, MOST_FIGURES, Num, Phase, READS_LATE,
    Request, SYNC_COST, Stage, StepBatch, Usage, WorkerEvent, WorkerFailure, is_own_name,
};
