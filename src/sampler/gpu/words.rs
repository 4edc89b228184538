//! What NVML's errors mean, for people.

use nvml_wrapper::error::NvmlError;

/// Why a reading is missing. What will not change while the driver stays the same begins with `unsupported: `.
pub(super) fn words(error: &NvmlError) -> String {
    match error {
        NvmlError::NotSupported => {
            "unsupported: the driver does not tell it of this device".to_owned()
        }
        NvmlError::FailedToLoadSymbol(missing) => {
            let name = missing.rsplit(' ').next().unwrap_or_default();
            format!("unsupported: the driver is too old for it, it has no {name}")
        }
        NvmlError::NoPermission => {
            "unsupported: the driver tells it to the administrator only".to_owned()
        }
        NvmlError::GpuLost => {
            "the device is lost: it fell off the bus, or its driver went away".to_owned()
        }
        NvmlError::Uninitialized | NvmlError::DriverNotLoaded => "the driver went away".to_owned(),
        NvmlError::NotFound | NvmlError::NoData => "the driver has no sample of it".to_owned(),
        other => format!("the driver says: {other}"),
    }
}

/// Why there is no NVML.
pub(super) fn unsupported(error: &NvmlError) -> String {
    match error {
        NvmlError::LibloadingError(library) if library.to_string().contains("No such file") => {
            "unsupported: libnvidia-ml.so.1 not found (no NVIDIA driver)".to_owned()
        }
        NvmlError::LibloadingError(library) => {
            format!("unsupported: libnvidia-ml.so.1 cannot be loaded: {library}")
        }
        NvmlError::DriverNotLoaded => {
            "unsupported: libnvidia-ml.so.1 is there, but the kernel's part of the NVIDIA driver is not loaded"
                .to_owned()
        }
        NvmlError::LibRmVersionMismatch => {
            "unsupported: libnvidia-ml.so.1 and the kernel's part of the NVIDIA driver are of different versions; \
             reload the driver or restart the machine"
                .to_owned()
        }
        other => format!("unsupported: NVML: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_are_for_people() {
        for (error, says) in [
            (NvmlError::DriverNotLoaded, "kernel's part of the NVIDIA driver is not loaded"),
            (NvmlError::LibRmVersionMismatch, "different versions; reload"),
            (NvmlError::NoPermission, "NVML: "),
        ] {
            let why = unsupported(&error);
            assert!(why.starts_with("unsupported: ") && why.contains(says), "{why}");
        }
        let missing = "/a/b: undefined symbol: nvmlDeviceGetX".to_owned();
        for (error, says) in [
            (NvmlError::NotSupported, "unsupported: the driver does not tell"),
            (NvmlError::FailedToLoadSymbol(missing), "it has no nvmlDeviceGetX"),
            (NvmlError::GpuLost, "the device is lost"),
            (NvmlError::Unknown, "the driver says: "),
        ] {
            let why = words(&error);
            assert!(why.contains(says), "{why}");
        }
    }
}
