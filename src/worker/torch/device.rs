//! Devices: what a name means, whether it is there, and waiting for it.

use perftune::clock::Clock;
use tch::{Cuda, Device};

use super::cuda;
use super::driver::Driver;
use super::failure::Failure;

/// Waits that are timed to tell what one costs.
const WAITS: u32 = 200;

/// The device of this name, known to be there.
pub(super) fn open(name: &str) -> Result<Device, Failure> {
    find(name).map_err(|why| {
        Failure::Device(format!(
            "device `{name}` cannot be used: {why}; `device = \"cpu\"` always can"
        ))
    })
}

/// The same, or only why not.
pub(super) fn find(name: &str) -> Result<Device, String> {
    match name {
        "cpu" => Ok(Device::Cpu),
        "mps" if tch::utils::has_mps() => Ok(Device::Mps),
        "mps" => Err("libtorch was built without it or finds none".to_owned()),
        _ => {
            let index = cuda_index(name);
            let index = index.ok_or("a device is cpu, cuda, cuda:N or mps")?;
            cuda::check(index)?;
            Ok(Device::Cuda(index))
        }
    }
}

/// N of `cuda:N`.
fn cuda_index(name: &str) -> Option<usize> {
    match name.strip_prefix("cuda")? {
        "" => Some(0),
        // Digits alone: `parse` would take a sign as well.
        rest => rest
            .strip_prefix(':')
            .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?
            .parse()
            .ok(),
    }
}

/// What identifies the device of this name wherever it is counted; nothing where nobody tells.
pub(super) fn facts(name: &str) -> Vec<(&'static str, String)> {
    cuda_index(name).and_then(|index| Some(Driver::start().ok()?.facts(index))).unwrap_or_default()
}

/// Waits until the device has done all that it was told. Others than NVIDIA's have done it when a value was read of them,
/// which ends every step and request.
pub(super) fn synchronize(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(i64::try_from(index).unwrap_or(i64::MAX));
    }
}

/// Mean time of [`synchronize`] when there is nothing to wait for, in seconds; none where it does nothing.
pub(super) fn sync_cost(device: Device, clock: &impl Clock) -> Option<f64> {
    if !device.is_cuda() {
        return None;
    }
    synchronize(device);
    let start = clock.now_ns();
    for _ in 0..WAITS {
        synchronize(device);
    }
    let ns = clock.now_ns().saturating_sub(start);
    Some(ns as f64 / 1e9 / f64::from(WAITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_named_with_what_is() {
        assert_eq!(open("cpu").unwrap(), Device::Cpu);
        for name in ["gpu", "cuda0", "cuda:x", "cuda:", "cuda:+1", "CPU", ""] {
            let report = open(name).unwrap_err().report().unwrap();
            assert_eq!(report.kind, "device");
            assert!(
                report.message.contains("a device is cpu, cuda, cuda:N"),
                "{name}: {}",
                report.message
            );
        }
        let report = open("cuda:4096").unwrap_err().report().unwrap();
        assert_eq!(report.kind, "device");
        assert!(
            report.message.starts_with("device `cuda:4096` cannot be used: "),
            "{}",
            report.message
        );
    }

    #[test]
    fn the_cpu_has_nothing_to_wait_for_and_no_identity() {
        assert_eq!(sync_cost(Device::Cpu, &perftune::clock::MonotonicClock), None);
        for name in ["cpu", "mps", "cuda:x", "cuda:4096"] {
            assert!(!facts(name).iter().any(|(fact, _)| *fact == "device_uuid"), "{name}");
        }
    }
}
