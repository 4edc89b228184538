//! Which accelerators are the run's: by what the worker says that it uses, else by whose processes the driver sees there.
//!
//! The rules, the first that applies: the ids that the worker gave with its `hello` ([`DEVICE_UUID`], [`DEVICE_PCI`]); the
//! devices that its processes were seen on; the only one there is, where nobody tells whose processes use it; none, with a
//! reason. An index never decides: the driver counts devices in another order than CUDA, and `CUDA_VISIBLE_DEVICES` renumbers
//! CUDA's. The one exception are recordings from before devices were read with an id, where there is nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{
    DEVICE_PCI, DEVICE_UUID, DeviceLack, GpuReading, Note, ResourceSample, Vendor, bus_id,
};

/// The accelerators of a run, as far as they are known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection {
    wanted: Wanted,
    /// What the worker says; absent before its `hello`.
    told: Option<Vec<Id>>,
    /// `device` of those that its processes were seen on.
    seen: BTreeSet<String>,
    /// How the last tick with readings was settled.
    settled: Settled,
}

/// What the job asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Wanted {
    /// No accelerator.
    #[default]
    Nothing,
    /// Whatever its processes are seen on.
    Seen,
    /// An accelerator, this one by CUDA's count.
    One(u32),
}

/// What identifies a device.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Id {
    Uuid(String),
    Pci(String),
}

impl Id {
    fn is_of(&self, gpu: &GpuReading) -> bool {
        match self {
            Self::Uuid(uuid) => bare(&gpu.device) == *uuid,
            // Parts share the place of the whole.
            Self::Pci(pci) => gpu.parent.is_empty() && (gpu.pci == *pci || gpu.device == *pci),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Settled {
    #[default]
    Not,
    /// These, by the driver's indexes.
    Of(Vec<u32>),
    /// The only one there is.
    Only,
    /// None, for a reason.
    Without(DeviceLack),
}

impl Selection {
    /// Of a job on this device: `cpu` and what is no accelerator that can be read select nothing, `cuda` and `cuda:N` the
    /// device that the worker turns out to use, `auto` those that its processes are seen on.
    pub fn of_device(device: &str) -> Self {
        let wanted = match (device, device.strip_prefix("cuda")) {
            ("auto", _) => Wanted::Seen,
            (_, Some("")) => Wanted::One(0),
            (_, Some(rest)) => {
                let index = rest.strip_prefix(':').and_then(|index| index.parse().ok());
                index.map_or(Wanted::Nothing, Wanted::One)
            }
            _ => Wanted::Nothing,
        };
        Self { wanted, ..Self::default() }
    }

    /// Whether the run works on no accelerator at all.
    pub fn is_none(&self) -> bool {
        self.wanted == Wanted::Nothing
    }

    /// Whether the run is known to work on some accelerator by now.
    pub(super) fn is_known(&self) -> bool {
        match self.wanted {
            Wanted::Nothing => false,
            Wanted::Seen => !self.seen.is_empty(),
            Wanted::One(_) => self.told.is_some(),
        }
    }

    /// Takes the facts of the worker's `hello`. Several devices are parted by commas.
    pub fn learn(&mut self, facts: &BTreeMap<String, String>) {
        let each = |name: &str, id: fn(&str) -> Id| -> Vec<Id> {
            let all = facts.get(name).map(String::as_str).unwrap_or_default();
            let all = all.split(',').map(str::trim).filter(|id| !id.is_empty());
            all.map(id).collect()
        };
        let mut told = each(DEVICE_UUID, |id| Id::Uuid(bare(id)));
        if told.is_empty() {
            // What is no place is kept as it is: it matches nothing, and is said.
            told = each(DEVICE_PCI, |id| Id::Pci(bus_id(id).unwrap_or_else(|| id.to_owned())));
        }
        self.told = Some(told);
    }

    /// Takes a tick: whose processes the driver sees, and how many devices there are.
    pub fn see(&mut self, sample: &ResourceSample) {
        if self.is_none() {
            return;
        }
        for gpu in devices(sample).filter(|gpu| gpu.own == Some(true)) {
            if !self.seen.contains(&gpu.device) {
                self.seen.insert(gpu.device.clone());
            }
        }
        if devices(sample).next().is_some() {
            let found = self.pick(sample);
            self.settled = match found {
                Ok((_, true)) => Settled::Only,
                Ok((found, _)) => Settled::Of(found.iter().map(|gpu| gpu.index).collect()),
                Err(why) => Settled::Without(why),
            };
        }
    }

    /// The readings of the run's devices in this tick: all of them, or none.
    pub fn readings<'a>(&self, sample: &'a ResourceSample) -> Vec<&'a GpuReading> {
        self.pick(sample).map(|(found, _)| found).unwrap_or_default()
    }

    /// Why no reading is the run's, if that is so.
    pub fn without(&self) -> Option<DeviceLack> {
        match &self.settled {
            _ if self.is_none() => Some(DeviceLack::NotUsed),
            Settled::Without(why) => Some(why.clone()),
            _ => None,
        }
    }

    /// What must be said beside a figure of theirs, if anything. `sum`: the figure is their sum, else their mean.
    pub fn note(&self, sum: bool) -> Option<Note> {
        match &self.settled {
            Settled::Only => Some(Note::OnlyDevice),
            Settled::Of(found) if found.len() > 1 => {
                Some(Note::Devices { count: found.len(), sum })
            }
            _ => None,
        }
    }

    /// Whether a gap of this field of the sampler (`gpu[1].power_watts`) may be one of the run's devices.
    pub(super) fn concerns(&self, field: &str) -> bool {
        let rest = field.strip_prefix("gpu[");
        match (&self.settled, rest.and_then(|rest| rest.split_once("]."))) {
            (Settled::Of(found), Some((index, _))) => {
                found.iter().any(|own| own.to_string() == index)
            }
            _ => true,
        }
    }

    /// The devices, and whether they were taken only because there is no other; an error says why there are none.
    fn pick<'a>(
        &self,
        sample: &'a ResourceSample,
    ) -> Result<(Vec<&'a GpuReading>, bool), DeviceLack> {
        let all: Vec<_> = devices(sample).collect();
        let known = all.iter().any(|gpu| !gpu.device.is_empty());
        match (self.wanted, &self.told) {
            (Wanted::Nothing, _) => Err(DeviceLack::NotUsed),
            _ if all.is_empty() => Err(DeviceLack::NoneRead),
            (Wanted::One(index), _) if !known => by_index(&all, index),
            (_, None) => Err(DeviceLack::BeforeHello),
            (_, Some(ids)) if !ids.is_empty() => by_id(&all, ids),
            _ if !self.seen.is_empty() => self.by_sight(&all),
            (Wanted::One(_), _) => the_only(&all),
            _ => Err(DeviceLack::Unseen),
        }
    }

    fn by_sight<'a>(
        &self,
        all: &[&'a GpuReading],
    ) -> Result<(Vec<&'a GpuReading>, bool), DeviceLack> {
        let seen = all.iter().filter(|gpu| self.seen.contains(&gpu.device));
        let seen: Vec<_> = seen.copied().collect();
        if seen.len() < self.seen.len() {
            return Err(DeviceLack::Lost);
        }
        Ok((seen, false))
    }
}

/// What can be a run's accelerator here. Of a TPU its own metrics speak.
fn devices(sample: &ResourceSample) -> impl Iterator<Item = &GpuReading> {
    let all = sample.gpus.iter();
    all.filter(|gpu| gpu.vendor != Vendor::Tpu)
}

fn by_index<'a>(
    all: &[&'a GpuReading],
    index: u32,
) -> Result<(Vec<&'a GpuReading>, bool), DeviceLack> {
    let found = all.iter().find(|gpu| gpu.index == index);
    found.map(|gpu| (vec![*gpu], false)).ok_or(DeviceLack::NoIndex { index })
}

fn by_id<'a>(
    all: &[&'a GpuReading],
    ids: &[Id],
) -> Result<(Vec<&'a GpuReading>, bool), DeviceLack> {
    let mut found: Vec<&GpuReading> = Vec::new();
    for id in ids {
        match all.iter().find(|gpu| id.is_of(gpu)) {
            Some(gpu) if found.iter().any(|other| other.device == gpu.device) => {}
            Some(gpu) => found.push(gpu),
            None => {
                let (Id::Uuid(text) | Id::Pci(text)) = id;
                return Err(DeviceLack::NotAmong { id: text.clone() });
            }
        }
    }
    Ok((found, false))
}

fn the_only<'a>(all: &[&'a GpuReading]) -> Result<(Vec<&'a GpuReading>, bool), DeviceLack> {
    let split = |gpu: &GpuReading| all.iter().any(|other| other.parent == gpu.device);
    let whole: Vec<_> = all.iter().filter(|gpu| !split(gpu)).collect();
    match whole[..] {
        [only] if only.own.is_none() => Ok((vec![*only], true)),
        [_] => Err(DeviceLack::UnseenOnOnly),
        _ => Err(DeviceLack::Several { count: whole.len() }),
    }
}

/// A UUID in one spelling: in small letters, and without `GPU-` where it is that of a whole device.
fn bare(uuid: &str) -> String {
    let uuid = uuid.to_ascii_lowercase();
    uuid.strip_prefix("gpu-").unwrap_or(&uuid).to_owned()
}

/// The sum over all; `None` where there are none or one lacks it.
pub(super) fn total(
    readings: &[&GpuReading],
    of: impl Fn(&GpuReading) -> Option<f64>,
) -> Option<f64> {
    let known = |gpu: &&GpuReading| of(gpu).filter(|value| value.is_finite());
    let sum = readings.iter().map(known).sum::<Option<f64>>();
    sum.filter(|_| !readings.is_empty())
}
