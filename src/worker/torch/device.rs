//! Devices: what a name means, and whether it is there.

use tch::{Cuda, Device};

use super::failure::Failure;

/// The device of this name, known to be there.
pub(super) fn open(name: &str) -> Result<Device, Failure> {
    match name {
        "cpu" => Ok(Device::Cpu),
        "mps" if tch::utils::has_mps() => Ok(Device::Mps),
        "mps" => Err(missing(name, "libtorch was built without it or finds none")),
        _ => cuda(name),
    }
}

fn cuda(name: &str) -> Result<Device, Failure> {
    let index = match name.strip_prefix("cuda") {
        Some("") => Some(0),
        Some(rest) => rest.strip_prefix(':').and_then(|index| index.parse().ok()),
        None => None,
    };
    let Some(index) = index else {
        return Err(Failure::Device(format!(
            "`{name}` is not a device: write cpu, cuda, cuda:N or mps"
        )));
    };
    load_cuda().map_err(|why| missing(name, &why))?;
    let count = usize::try_from(Cuda::device_count()).unwrap_or(0);
    if !Cuda::is_available() || count == 0 {
        return Err(missing(
            name,
            "CUDA finds no device (is the driver loaded?)",
        ));
    }
    if index >= count {
        return Err(missing(name, &format!("there are {count}, counted from 0")));
    }
    Ok(Device::Cuda(index))
}

fn missing(name: &str, why: &str) -> Failure {
    Failure::Device(format!(
        "device `{name}` is not there: {why}; `device = \"cpu\"` always is"
    ))
}

/// Loads libtorch's CUDA part, which registers itself with the rest. The linker has dropped it from this program, since
/// nothing here names it, so that the program starts on machines without CUDA.
#[expect(unsafe_code, reason = "loading a library runs its initialisers")]
fn load_cuda() -> Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: the library is the one that belongs to the libtorch in this process, found by the same search path; its
    // initialisers are meant to run after those of libtorch_cpu, which have. It is never unloaded.
    match unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(format!("libtorch_cuda cannot be loaded: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_named_with_what_is() {
        assert_eq!(open("cpu").unwrap(), Device::Cpu);
        for name in ["gpu", "cuda0", "cuda:x", "cuda:", "CPU", ""] {
            let report = open(name).unwrap_err().report().unwrap();
            assert_eq!(report.kind, "device");
            assert!(
                report.message.contains("is not a device: write cpu, cuda"),
                "{name}"
            );
        }
        let report = open("cuda:4096").unwrap_err().report().unwrap();
        assert_eq!(report.kind, "device");
        assert!(
            report.message.contains("`cuda:4096` is not there"),
            "{}",
            report.message
        );
    }
}
