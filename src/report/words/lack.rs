//! What a figure lacks, or is made of, in words.

use super::count;
use crate::event::{DEVICE_UUID, DeviceLack, EnergyLack, Num};
use crate::units::{percent, seconds, significant};

pub(super) fn missed(target: Num, best: Option<(Num, u32)>, spent_s: Option<Num>) -> String {
    let target = target.0;
    let spent = spent_s.map(|spent_s| seconds(spent_s.0));
    match (spent, best) {
        (None, _) => format!("{target} not reached: the run ended before a step of training"),
        (Some(spent), Some((best, epoch))) => format!(
            "{target} not reached: best {:.4} in epoch {epoch}, after {spent} of training",
            best.0
        ),
        (Some(spent), None) => {
            format!("{target} not reached: no epoch was validated in {spent} of training")
        }
    }
}

pub(super) fn device(why: &DeviceLack) -> String {
    match why {
        DeviceLack::NotUsed => "the run uses no GPU".to_owned(),
        DeviceLack::NoneRead => "no accelerator was read".to_owned(),
        DeviceLack::BeforeHello => "the worker has not sent hello yet".to_owned(),
        DeviceLack::Unseen => "the driver sees no process of the run on any device".to_owned(),
        DeviceLack::UnseenOnOnly => {
            "the driver sees no process of the run on the device".to_owned()
        }
        DeviceLack::Lost => "a device that the run used is no longer read".to_owned(),
        DeviceLack::NoIndex { index } => format!("no device {index} was read"),
        DeviceLack::NotAmong { id } => {
            format!("the worker uses {id}, which is not among the devices that are read")
        }
        DeviceLack::Several { count } => format!(
            "there are {count} devices, and it is not known which of them the run uses: its worker can name it in `hello` ({DEVICE_UUID})"
        ),
    }
}

pub(super) fn energy(why: &EnergyLack) -> String {
    let plain = match why {
        EnergyLack::Said { detail } => detail,
        EnergyLack::Part { part, why } => return format!("{part}: {}", energy(why)),
        EnergyLack::WithoutDevice { why } => {
            return format!("without the run's device: {}", energy(why));
        }
        EnergyLack::Outside { loose_s, of_s } => {
            let (loose, of) = (seconds(loose_s.0), seconds(of_s.0));
            return format!("{loose} of the {of} are outside its readings");
        }
        EnergyLack::Short { length_s } => {
            let length = seconds(length_s.0);
            return format!("{length} are too short: the driver updates its counter every 100 ms");
        }
        EnergyLack::Doubt { device } => {
            return format!("it is not known whether the run uses {device} as well");
        }
        EnergyLack::UnknownDevice { device } => {
            return format!("the energy of `{device}` cannot be read");
        }
        EnergyLack::NotRead => "it was not read for a while",
        EnergyLack::DeviceSilent => "the device gave no reading for a while",
        EnergyLack::Jumped => "the counter jumped by more than any device can use",
        EnergyLack::Fell => "the counter fell",
        EnergyLack::NoCounter => "its energy counter gave no reading",
        EnergyLack::NoPower => "its power gave no reading",
        EnergyLack::SeldomPower => "its power was not read for more than 2 s",
        EnergyLack::Never => "it was never read",
        EnergyLack::Once => "it was read only once",
        EnergyLack::EndedWithin => "the run ended within the stage",
        EnergyLack::NoneWithin => "no reading fell within the stage",
        EnergyLack::OnceWithin => "the stage was over before a second reading",
        EnergyLack::NotBefore => "it was not read before the stage began",
        EnergyLack::NotAfter => "it was not read after the stage had ended",
        EnergyLack::NoProcessor => "no energy counter of a processor was read",
        EnergyLack::NoDevice => "no device of the run was read",
        EnergyLack::NoPhase => "the stage was not seen",
        EnergyLack::NoSample => "no sample was timed in this stage",
        EnergyLack::NoIntensity => "no carbon intensity is given: set `[energy] grams_per_kwh`",
        EnergyLack::Tpu => "the energy of the run's TPU cannot be read",
    };
    plain.to_owned()
}

pub(super) fn projection(epochs: u32, samples: Num, between: Option<(Num, u32)>) -> String {
    let steps = format!("{} of {} samples", count(epochs, "epoch"), significant(samples.0));
    match between {
        None => format!(
            "{steps}; without validation and other time between epochs, since none is over yet"
        ),
        Some((share, seen)) => format!(
            "{steps}; {} of it between epochs (validation), as seen in {}",
            percent(share.0),
            count(seen, "epoch")
        ),
    }
}
