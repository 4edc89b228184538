//! From what the metrics services answer to readings. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Gap, GpuReading, Vendor};

/// More devices than a machine has: an answer that names more is no answer.
const MOST_DEVICES: usize = 1024;

/// A number as the service gives it.
#[cfg_attr(
    not(any(test, feature = "tpu")),
    expect(dead_code, reason = "only the client makes any")
)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Whole(i64),
    Real(f64),
}

/// What one entry of an answer says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry {
    /// The device that it speaks of, if it names one by number.
    pub(super) device: Option<i64>,
    /// `None`: no number.
    pub(super) value: Option<Value>,
}

/// The answer to one question, or why there is none.
pub(super) type Answer = Result<Vec<Entry>, String>;

/// What one service has answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answers {
    /// Percent of the time in which a core was busy; on v2 and v3 one entry a chip, else one a device.
    pub(super) duty: Answer,
    /// Bytes in use.
    pub(super) used: Answer,
    /// Bytes that there are.
    pub(super) total: Answer,
}

/// One service: a process that works on chips has one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Service {
    pub(super) port: u16,
    pub(super) said: Result<Answers, String>,
}

/// What all services together say: one reading a device, in the order of their numbers, without its time and its owner.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Readings {
    pub(super) devices: Vec<GpuReading>,
    pub(super) gaps: Vec<Gap>,
}

impl Readings {
    fn gap(&mut self, field: &str, reason: &str) {
        self.gaps.push(Gap { field: field.to_owned(), reason: reason.into() });
    }
}

/// Entries by device.
type List = BTreeMap<u32, Option<Value>>;

/// The readings. `per_chip`: devices on a chip, where it is known.
pub(super) fn readings(services: &[Service], per_chip: Option<u32>) -> Readings {
    let mut all = Readings::default();
    let mut found: BTreeMap<u32, GpuReading> = BTreeMap::new();
    let mut twice = BTreeSet::new();
    let mut missing = Vec::new();
    let several = services.len() > 1;
    let place = |port: u16| {
        if several { format!("port {port}: ") } else { String::new() }
    };
    for service in services {
        let one = match &service.said {
            Ok(answers) => of_one(answers, per_chip),
            Err(why) => Err(why.clone()),
        };
        match one {
            Err(why) => missing.push(format!("{}{why}", place(service.port))),
            Ok(one) => {
                all.gaps.extend(one.gaps);
                for device in one.devices {
                    if found.contains_key(&device.index) {
                        twice.insert(device.index);
                    }
                    found.insert(device.index, device);
                }
            }
        }
    }
    for index in twice {
        found.remove(&index);
        let of_device = format!("tpu[{index}].");
        all.gaps.retain(|gap| !gap.field.starts_with(&of_device));
        all.gap(&format!("tpu[{index}]"), "two services speak of this device");
    }
    if !missing.is_empty() {
        all.gap("tpu", &missing.join("; "));
    }
    all.devices = found.into_values().collect();
    all
}

/// What one service says; the error is why it says nothing of any device.
fn of_one(answers: &Answers, per_chip: Option<u32>) -> Result<Readings, String> {
    let lists = [&answers.duty, &answers.used, &answers.total].map(by_device);
    let [duty, used, total] = &lists;
    let mut ids: BTreeSet<u32> =
        [used, total].into_iter().flatten().flat_map(|list| list.keys().copied()).collect();
    let spread = match duty {
        Ok(duty) => spread(duty, &ids, per_chip),
        Err(why) => Err(why.clone()),
    };
    if let (Ok(duty), true) = (&spread, ids.is_empty()) {
        ids.extend(duty.keys());
    }
    if ids.is_empty() {
        let reasons = [spread.err(), used.clone().err(), total.clone().err()];
        let mut said: Vec<String> = Vec::new();
        for why in reasons.into_iter().flatten() {
            if !said.contains(&why) {
                said.push(why);
            }
        }
        return Err(said.join("; "));
    }
    let mut out = Readings::default();
    for index in ids {
        let utilisation = at(&spread, index).and_then(percent);
        let used = at(used, index).and_then(bytes);
        let total = at(total, index).and_then(bytes).and_then(|total| match total {
            0 => Err("the service says 0".to_owned()),
            total => Ok(total),
        });
        let used = match (used, &total) {
            (Ok(used), Ok(total)) if used > *total => {
                Err(format!("the service says {used} of {total} bytes"))
            }
            (used, _) => used,
        };
        out.devices.push(GpuReading {
            index,
            vendor: Vendor::Tpu,
            device: format!("tpu-{index}"),
            utilisation_percent: kept(&mut out.gaps, index, "utilisation_percent", utilisation),
            memory_bytes: kept(&mut out.gaps, index, "memory_bytes", used),
            memory_total_bytes: kept(&mut out.gaps, index, "memory_total_bytes", total),
            ..GpuReading::default()
        });
    }
    Ok(out)
}

/// The value, or a gap of the device's field.
fn kept<T>(gaps: &mut Vec<Gap>, index: u32, field: &str, value: Result<T, String>) -> Option<T> {
    value
        .map_err(|reason| {
            let field = format!("tpu[{index}].{field}");
            gaps.push(Gap { field, reason: reason.into() });
        })
        .ok()
}

/// The entries of an answer, each of another device.
fn by_device(answer: &Answer) -> Result<List, String> {
    let entries = answer.as_ref().map_err(Clone::clone)?;
    if entries.is_empty() {
        return Err("the runtime names no device (no program is loaded?)".to_owned());
    }
    if entries.len() > MOST_DEVICES {
        return Err(format!("the service names {} devices", entries.len()));
    }
    let mut list = List::new();
    for entry in entries {
        let device = entry.device.ok_or("the service does not say of which device")?;
        let device = u32::try_from(device)
            .map_err(|_| format!("the service gives a device the number {device}"))?;
        if list.insert(device, entry.value).is_some() {
            return Err(format!("the service gives two values for device {device}"));
        }
    }
    Ok(list)
}

/// Duty cycles by device, where they may be by chip. Without devices to compare with, they stand for themselves.
fn spread(duty: &List, ids: &BTreeSet<u32>, per_chip: Option<u32>) -> Result<List, String> {
    let devices_on_chip = per_chip.unwrap_or(1).max(1) as usize;
    if duty.keys().eq(ids.iter()) || (ids.is_empty() && devices_on_chip == 1) {
        return Ok(duty.clone());
    }
    if devices_on_chip > 1 && duty.len() * devices_on_chip == ids.len() {
        let repeated = duty.values().flat_map(|value| std::iter::repeat_n(*value, devices_on_chip));
        return Ok(ids.iter().copied().zip(repeated).collect());
    }
    Err(format!(
        "the service gives {} duty cycles for {} devices, and they do not match",
        duty.len(),
        ids.len()
    ))
}

fn at(list: &Result<List, String>, index: u32) -> Result<Value, String> {
    let list = list.as_ref().map_err(Clone::clone)?;
    let value = list.get(&index).ok_or("the service leaves this device out")?;
    value.ok_or_else(|| "the service gives no number".to_owned())
}

/// A share of time in percent.
fn percent(value: Value) -> Result<f64, String> {
    let percent = match value {
        Value::Whole(whole) => whole as f64,
        Value::Real(real) => real,
    };
    if (0.0..=100.0).contains(&percent) {
        // Minus zero is zero.
        return Ok(percent + 0.0);
    }
    Err(format!("the service says {percent}%"))
}

/// A number of bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be within 0 and 2^53"
)]
fn bytes(value: Value) -> Result<u64, String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Whole(whole) => {
            u64::try_from(whole).map_err(|_| format!("the service says {whole} bytes"))
        }
        Value::Real(real) if (0.0..=EXACT).contains(&real) => Ok(real.round() as u64),
        Value::Real(real) => Err(format!("the service says {real} bytes")),
    }
}
