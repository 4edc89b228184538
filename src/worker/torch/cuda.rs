//! Whether CUDA can be used: libtorch's part of it, the driver and the device, each with what to do where it is missing.

use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use tch::Cuda;

use super::driver::{Driver, DriverError, version_text};

/// libtorch's part for NVIDIA's devices. Nothing here names it, so the linker has dropped it and this program starts
/// without it.
const LIBRARY: &str = "libtorch_cuda.so";

/// Loads what is needed for the device of this index; else all that is missing, so that it can be repaired at once.
pub(super) fn check(index: usize) -> Result<(), String> {
    let driver = Driver::start();
    let needs = load();
    let mut missing = Vec::new();
    if let Err(why) = &needs {
        missing.push(format!("no library: {why}"));
    }
    match &driver {
        Err(error @ DriverError::NoDevice(_)) => missing.push(format!("no device: {error}")),
        Err(error) => missing.push(format!("no driver: {error}")),
        Ok(driver) => {
            let version = needs.ok().flatten().zip(driver.version);
            missing.extend(version.and_then(|(needs, has)| too_old(needs, has)));
            missing.extend(out_of_range(index, driver.devices));
        }
    }
    if missing.is_empty() {
        missing.extend(unusable(index));
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
}

/// A driver serves every CUDA of its own major version and of those before it.
fn too_old(needs: i64, has: i64) -> Option<String> {
    (has / 1000 < needs / 1000).then(|| {
        format!(
            "no driver that is new enough: it serves CUDA {} and older, this libtorch needs {}; update it",
            version_text(has),
            version_text(needs)
        )
    })
}

fn out_of_range(index: usize, devices: usize) -> Option<String> {
    (index >= devices).then(|| {
        let last = devices.saturating_sub(1);
        let which = match last {
            0 => "cuda:0".to_owned(),
            _ => format!("cuda:0 to cuda:{last}"),
        };
        format!("no such device: the driver shows {devices} ({which})")
    })
}

/// What libtorch makes of it, when all seems to be there.
fn unusable(index: usize) -> Option<String> {
    let devices = usize::try_from(Cuda::device_count()).unwrap_or(0);
    if Cuda::is_available() && index < devices {
        return None;
    }
    Some(format!("no device: libtorch can use {devices} of those that the driver shows"))
}

/// Loads libtorch's CUDA part, once, which registers itself with the rest; returns the CUDA that it needs, where it tells.
fn load() -> Result<Option<i64>, String> {
    static LOADED: OnceLock<Result<Option<i64>, String>> = OnceLock::new();
    LOADED.get_or_init(open).clone()
}

#[expect(unsafe_code, reason = "loading a library runs its initialisers")]
fn open() -> Result<Option<i64>, String> {
    // SAFETY: the library is the one that belongs to the libtorch in this process, found by the same search path; its
    // initialisers are meant to run after those of libtorch_cpu, which have. It is never unloaded.
    match unsafe { Library::open(Some(LIBRARY), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            std::mem::forget(library);
            // Asking a libtorch that does not know it would be a failure.
            Ok(tch::utils::has_cudart().then(tch::utils::version_cudart))
        }
        Err(error) => Err(lacking(&error.to_string())),
    }
}

/// Which file is missing, from the loader's words.
fn lacking(said: &str) -> String {
    let fetch = "`make setup CUDA=1` fetches it, or point LIBTORCH at a libtorch with CUDA";
    match said.split_once(": cannot open shared object file") {
        Some((file, _)) if file == LIBRARY => format!("{LIBRARY} is not there: {fetch}"),
        Some((file, _)) => format!("{LIBRARY} needs {file}, which is not there: {fetch}"),
        None => format!("{LIBRARY} cannot be loaded: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_file_is_named() {
        let no_such = ": cannot open shared object file: No such file or directory";
        for (said, expected) in [
            (
                format!("libtorch_cuda.so{no_such}"),
                "libtorch_cuda.so is not there: `make setup CUDA=1` fetches it",
            ),
            (
                format!("libcusparse.so.12{no_such}"),
                "libtorch_cuda.so needs libcusparse.so.12, which is not there: `make setup",
            ),
            (
                "libx.so: undefined symbol: f".to_owned(),
                "libtorch_cuda.so cannot be loaded: libx.so: undefined symbol: f",
            ),
        ] {
            let text = lacking(&said);
            assert!(text.starts_with(expected), "{text}");
        }
    }

    #[test]
    fn a_driver_serves_its_own_major_version_and_those_before() {
        for (needs, has, old) in [
            (13000, 13000, false),
            (13020, 13000, false),
            (12080, 13000, false),
            (13000, 12090, true),
        ] {
            assert_eq!(too_old(needs, has).is_some(), old, "{needs} {has}");
        }
        let text = too_old(13000, 12080).unwrap();
        assert!(text.contains("serves CUDA 12.8 and older, this libtorch needs 13.0"), "{text}");
    }

    #[test]
    fn an_index_beyond_the_last_is_told_with_those_that_are_there() {
        assert_eq!(out_of_range(1, 2), None);
        assert_eq!(
            out_of_range(7, 2).unwrap(),
            "no such device: the driver shows 2 (cuda:0 to cuda:1)"
        );
        assert_eq!(out_of_range(1, 1).unwrap(), "no such device: the driver shows 1 (cuda:0)");
    }
}
