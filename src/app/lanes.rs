//! The lanes of this machine: what it has is looked up here, how it is cut is decided by `engine`.
//!
//! Invariant: of GPUs that the user has hidden from CUDA none is given to a lane.

use crate::engine::lanes::{Ground, LaneGpu, cut};
pub use crate::engine::{Lanes, LanesError};
use crate::event::Lane;
use crate::sampler::{self, Accelerator};

/// Which of CUDA's devices the user wants to be seen.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";
/// How CUDA counts them; only by their place on the bus is it the driver's order.
const ORDER: &str = "CUDA_DEVICE_ORDER";

/// Cuts this machine; none: each cell has all of it.
pub fn of_machine(asked: Lanes) -> Result<Vec<Lane>, LanesError> {
    if asked == Lanes::ONE {
        return Ok(Vec::new());
    }
    let processors = sampler::processors().map_err(LanesError::Unknown)?;
    let gpus = if asked == Lanes::Gpu { gpus().map_err(LanesError::NoGpu)? } else { Vec::new() };
    cut(asked, &Ground { processors, quota: sampler::quota_cpus(), gpus })
}

fn gpus() -> Result<Vec<LaneGpu>, String> {
    let found = sampler::accelerators().map_err(|why| why.to_string())?;
    let [visible, order] = [VISIBLE, ORDER].map(|name| std::env::var(name).ok());
    let seen = seen(&found, visible.as_deref(), order.as_deref())?;
    let gpu = |device: &Accelerator| LaneGpu {
        uuid: device.uuid.clone().unwrap_or_default(),
        node: device.pci.as_deref().and_then(sampler::node_of_device),
    };
    Ok(seen.into_iter().map(gpu).collect())
}

/// The devices that CUDA would see: those that have an id and are not split, and the parts of those that are.
fn seen<'a>(
    found: &'a [Accelerator],
    visible: Option<&str>,
    order: Option<&str>,
) -> Result<Vec<&'a Accelerator>, String> {
    let is_split = |device: &Accelerator| {
        found.iter().any(|part| part.parent.is_some() && part.parent == device.uuid)
    };
    let usable: Vec<&Accelerator> =
        found.iter().filter(|device| device.uuid.is_some() && !is_split(device)).collect();
    let Some(visible) = visible else { return Ok(usable) };
    let alike = usable.windows(2).all(|two| two[0].name == two[1].name);
    let counted = order == Some("PCI_BUS_ID") || alike;
    let mut seen: Vec<&Accelerator> = Vec::new();
    for name in visible.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let by_number = name.parse::<u32>().ok();
        if by_number.is_some() && !counted {
            return Err(format!(
                "{VISIBLE}={visible} counts GPUs of several kinds in an order that only CUDA knows; \
                 set {ORDER}=PCI_BUS_ID, or name them by their UUIDs"
            ));
        }
        let is_it = |device: &&&Accelerator| match by_number {
            Some(number) => device.index == number && device.parent.is_none(),
            None => device.uuid.as_ref().is_some_and(|uuid| uuid.starts_with(name)),
        };
        // As CUDA does, which sees nothing behind a name that it does not know.
        let Some(device) = usable.iter().find(is_it) else { break };
        if !seen.contains(device) {
            seen.push(device);
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(index: u32, name: &str, uuid: &str, parent: Option<&str>) -> Accelerator {
        Accelerator {
            index,
            name: name.to_owned(),
            uuid: Some(uuid.to_owned()),
            parent: parent.map(str::to_owned),
            ..Accelerator::default()
        }
    }

    #[test]
    fn lanes_have_the_gpus_that_cuda_would_see() {
        let alike = [device(0, "H200", "GPU-a1", None), device(1, "H200", "GPU-b2", None)];
        let mixed = [device(0, "H200", "GPU-a1", None), device(1, "T4", "GPU-b2", None)];
        let split = [
            device(0, "A100", "GPU-a1", None),
            device(1, "A100", "GPU-b2", None),
            device(2, "A100 part", "MIG-c", Some("GPU-a1")),
            device(3, "A100 part", "MIG-d", Some("GPU-a1")),
        ];
        for (found, visible, order, says) in [
            (&alike[..], None, None, Ok("GPU-a1 GPU-b2")),
            (&alike, Some(""), None, Ok("")),
            (&alike, Some("1"), None, Ok("GPU-b2")),
            (&alike, Some("1, 0,1"), None, Ok("GPU-b2 GPU-a1")),
            (&alike, Some("GPU-b"), None, Ok("GPU-b2")),
            (&alike, Some("0,7,1"), None, Ok("GPU-a1")),
            (&alike, Some("-1"), None, Ok("")),
            (&mixed, Some("0"), None, Err("PCI_BUS_ID")),
            (&mixed, Some("0"), Some("PCI_BUS_ID"), Ok("GPU-a1")),
            (&mixed, Some("GPU-b2"), None, Ok("GPU-b2")),
            (&split, None, None, Ok("GPU-b2 MIG-c MIG-d")),
            (&[], None, None, Ok("")),
        ] {
            let found = seen(found, visible, order).map(|seen| {
                let ids: Vec<_> = seen.iter().filter_map(|device| device.uuid.clone()).collect();
                ids.join(" ")
            });
            match (found, says) {
                (Ok(found), Ok(says)) => assert_eq!(found, says, "{visible:?}"),
                (Err(found), Err(says)) => assert!(found.contains(says), "{found}"),
                (found, says) => panic!("{visible:?}: {found:?}, not {says:?}"),
            }
        }
    }
}
