//! What NVML's errors mean, for people.

use nvml_wrapper::error::NvmlError;

use crate::event::{GapKind, Reason};

/// Why a reading is missing. What will not change while the driver stays the same is unsupported.
pub(super) fn words(error: &NvmlError) -> Reason {
    match error {
        NvmlError::NotSupported => {
            Reason::unsupported("the driver does not tell it of this device")
        }
        NvmlError::FailedToLoadSymbol(missing) => {
            let name = missing.rsplit(' ').next().unwrap_or_default();
            Reason::unsupported(format!("the driver is too old for it, it has no {name}"))
        }
        NvmlError::NoPermission => {
            Reason::unsupported("the driver tells it to the administrator only")
        }
        NvmlError::GpuLost => {
            "the device is lost: it fell off the bus, or its driver went away".into()
        }
        NvmlError::Uninitialized | NvmlError::DriverNotLoaded => "the driver went away".into(),
        NvmlError::NotFound | NvmlError::NoData => {
            Reason::new(GapKind::NoSample, "the driver has no sample of it")
        }
        other => format!("the driver says: {other}").into(),
    }
}

/// Why there is no NVML.
pub(super) fn unsupported(error: &NvmlError) -> Reason {
    match error {
        NvmlError::LibloadingError(library) if library.to_string().contains("No such file") => {
            Reason::unsupported("libnvidia-ml.so.1 not found (no NVIDIA driver)")
        }
        NvmlError::LibloadingError(library) => {
            Reason::unsupported(format!("libnvidia-ml.so.1 cannot be loaded: {library}"))
        }
        NvmlError::DriverNotLoaded => Reason::unsupported(
            "libnvidia-ml.so.1 is there, but the kernel's part of the NVIDIA driver is not loaded",
        ),
        NvmlError::LibRmVersionMismatch => Reason::unsupported(
            "libnvidia-ml.so.1 and the kernel's part of the NVIDIA driver are of different versions; \
                 reload the driver or restart the machine",
        ),
        other => Reason::unsupported(format!("NVML: {other}")),
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
            assert!(why.is_lasting() && why.detail.contains(says), "{why}");
        }
        let missing = "/a/b: undefined symbol: nvmlDeviceGetX".to_owned();
        for (error, says) in [
            (NvmlError::NotSupported, "unsupported: the driver does not tell"),
            (NvmlError::FailedToLoadSymbol(missing), "it has no nvmlDeviceGetX"),
            (NvmlError::GpuLost, "the device is lost"),
            (NvmlError::Unknown, "the driver says: "),
        ] {
            let why = words(&error);
            assert!(why.to_string().contains(says), "{why}");
        }
    }
}
