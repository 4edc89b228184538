//! The calls to NVML.

use std::sync::OnceLock;

use nvml_wrapper::Nvml;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use serde::Serialize;

use super::reading::Raw;

/// An accelerator of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accelerator {
    /// The driver's index.
    pub index: u32,
    /// The product's name.
    pub name: String,
    /// Its unique id, if the driver tells: the index depends on the order in which devices were found.
    pub uuid: Option<String>,
    /// Memory in bytes, if the driver tells.
    pub memory_bytes: Option<u64>,
    /// The driver's version, if it tells.
    pub driver: Option<String>,
    /// The power that it may draw, in milliwatts, if the driver tells.
    pub power_limit_mw: Option<u32>,
}

/// The devices that NVML knows, or why there are none: `unsupported: ...`.
pub fn accelerators() -> Result<Vec<Accelerator>, String> {
    let library = library()?;
    let driver = library.sys_driver_version().ok();
    let found = devices()?;
    let described = found.iter().map(|device| {
        let handle = &device.handle;
        Accelerator {
            index: device.index,
            name: handle.name().unwrap_or_else(|_| "unknown".to_owned()),
            uuid: handle.uuid().ok(),
            memory_bytes: handle.memory_info().ok().map(|memory| memory.total),
            driver: driver.clone(),
            power_limit_mw: handle.power_management_limit().ok(),
        }
    });
    Ok(described.collect())
}

/// A device that can be read.
pub(super) struct Device {
    index: u32,
    handle: nvml_wrapper::Device<'static>,
}

/// All devices that can be opened.
pub(super) fn devices() -> Result<Vec<Device>, String> {
    let library = library()?;
    let count = library
        .device_count()
        .map_err(|error| unsupported(&error))?;
    let mut found = Vec::new();
    for index in 0..count {
        let handle = library
            .device_by_index(index)
            .map_err(|error| unsupported(&error))?;
        found.push(Device { index, handle });
    }
    if found.is_empty() {
        return Err("unsupported: the NVIDIA driver is there, but no device".to_owned());
    }
    Ok(found)
}

impl Device {
    /// Asks for everything.
    pub(super) fn read(&self) -> Raw {
        let processes = self.handle.running_compute_processes().map(|list| {
            list.into_iter()
                .map(|process| match process.used_gpu_memory {
                    UsedGpuMemory::Used(bytes) => (process.pid, Some(bytes)),
                    UsedGpuMemory::Unavailable => (process.pid, None),
                })
                .collect()
        });
        Raw {
            index: self.index,
            utilisation: words(self.handle.utilization_rates().map(|rates| rates.gpu)),
            memory_used: words(self.handle.memory_info().map(|memory| memory.used)),
            processes: words(processes),
            power: words(self.handle.power_usage()),
            energy: words(self.handle.total_energy_consumption()),
        }
    }
}

fn words<T>(answer: Result<T, NvmlError>) -> Result<T, String> {
    answer.map_err(|error| error.to_string())
}

/// Loaded at the first call and never unloaded: its shutdown could only fail, and devices outlive every run.
fn library() -> Result<&'static Nvml, String> {
    static LIBRARY: OnceLock<Result<Nvml, String>> = OnceLock::new();
    let loaded = LIBRARY.get_or_init(|| Nvml::init().map_err(|error| unsupported(&error)));
    loaded.as_ref().map_err(Clone::clone)
}

fn unsupported(error: &NvmlError) -> String {
    match error {
        NvmlError::LibloadingError(library) if library.to_string().contains("No such file") => {
            "unsupported: libnvidia-ml.so.1 not found (no NVIDIA driver)".to_owned()
        }
        NvmlError::LibloadingError(library) => {
            format!("unsupported: libnvidia-ml.so.1 cannot be loaded: {library}")
        }
        other => format!("unsupported: NVML: {other}"),
    }
}

/// Whether the driver's process ids are ours: it counts in the machine's first process namespace, whose number is fixed
/// (`PROC_PID_INIT_INO`). In a container they are other numbers.
pub(super) fn pids_are_shared() -> bool {
    static SHARED: OnceLock<bool> = OnceLock::new();
    *SHARED.get_or_init(|| {
        fs_err::read_link("/proc/self/ns/pid")
            .is_ok_and(|link| link.to_str() == Some("pid:[4026531836]"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_devices_or_a_reason() {
        match accelerators() {
            Ok(found) => assert!(!found.is_empty()),
            Err(why) => assert!(why.starts_with("unsupported: "), "{why}"),
        }
    }

    #[test]
    fn the_reasons_are_for_people() {
        for (error, says) in [
            (NvmlError::DriverNotLoaded, "unsupported: NVML: "),
            (NvmlError::NoPermission, "unsupported: NVML: "),
        ] {
            let why = unsupported(&error);
            assert!(why.starts_with(says) && why.len() > says.len(), "{why}");
        }
    }
}
