//! NVIDIA's driver, asked without libtorch: whether it works, and what identifies a device wherever it is counted.

use std::ffi::{CStr, c_char, c_int, c_uint};
use std::fmt::Write;
use std::mem::ManuallyDrop;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use perftune::event::{DEVICE_PCI, DEVICE_UUID};

/// The name that libraries of CUDA themselves load it by.
const LIBRARY: &str = "libcuda.so.1";

/// `CUresult`: 0 is success, the others are listed in cuda.h.
type Status = c_int;

/// The driver's library, initialised. It counts devices as libtorch does, by `CUDA_VISIBLE_DEVICES`.
#[derive(Debug)]
pub(super) struct Driver {
    /// Never unloaded: libtorch and the library's own threads go on using it.
    library: ManuallyDrop<Library>,
    /// How many devices it shows to this process.
    pub(super) devices: usize,
    /// The newest CUDA that it can serve, 1000 times the major version and 10 times the minor: 13020 is 13.2.
    pub(super) version: Option<i64>,
}

/// Why the driver is of no use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DriverError {
    /// It is not installed, or a container lacks it.
    #[error(
        "{LIBRARY} cannot be loaded ({0}): install NVIDIA's driver, or give the container its GPU"
    )]
    Missing(String),
    /// A library of this name that is something else.
    #[error("{LIBRARY} has no `{0}`: is it NVIDIA's?")]
    Foreign(&'static str),
    /// It works, and has nothing to work with.
    #[error("the driver finds none ({0})")]
    NoDevice(String),
    /// It does not work.
    #[error("{0}")]
    Broken(String),
}

/// What the driver says of one device; what it does not say is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Identity {
    uuid: Option<String>,
    pci: Option<String>,
    name: Option<String>,
}

impl Driver {
    /// Loads and initialises it.
    #[expect(unsafe_code, reason = "loads a library and calls its C functions")]
    pub(super) fn start() -> Result<Self, DriverError> {
        // SAFETY: loading the driver's library is what every program that uses CUDA does; its initialisers need nothing.
        let opened = unsafe { Library::open(Some(LIBRARY), RTLD_NOW | RTLD_LOCAL) };
        let library = opened.map_err(|error| DriverError::Missing(reason(&error)))?;
        let mut driver = Self { library: ManuallyDrop::new(library), devices: 0, version: None };
        driver.version = driver.read_version();
        // SAFETY: `CUresult cuInit(unsigned int)`, of every version of the driver; 0 is the only flag.
        let status = unsafe {
            let init = driver.function::<unsafe extern "C" fn(c_uint) -> Status>(c"cuInit");
            init.ok_or(DriverError::Foreign("cuInit"))?(0)
        };
        driver.check(status)?;
        let mut count: c_int = 0;
        // SAFETY: `CUresult cuDeviceGetCount(int*)`, given a live int.
        let status = unsafe {
            let get =
                driver.function::<unsafe extern "C" fn(*mut c_int) -> Status>(c"cuDeviceGetCount");
            get.ok_or(DriverError::Foreign("cuDeviceGetCount"))?(&raw mut count)
        };
        driver.check(status)?;
        driver.devices = usize::try_from(count).unwrap_or(0);
        if driver.devices == 0 {
            return Err(DriverError::NoDevice(visible()));
        }
        Ok(driver)
    }

    /// A function of the library by its name.
    ///
    /// # Safety
    ///
    /// `F` must be the type of the C function of this name, as cuda.h declares it.
    #[expect(unsafe_code, reason = "the type of a symbol cannot be checked")]
    unsafe fn function<F: Copy>(&self, name: &CStr) -> Option<F> {
        // SAFETY: the caller names the right type. The function outlives the symbol, since the library is never unloaded.
        unsafe { self.library.get::<F>(name.to_bytes_with_nul()) }.ok().map(|symbol| *symbol)
    }

    #[expect(unsafe_code, reason = "calls a C function")]
    fn read_version(&self) -> Option<i64> {
        let mut version: c_int = 0;
        // SAFETY: `CUresult cuDriverGetVersion(int*)`, which needs no cuInit, given a live int.
        let status = unsafe {
            self.function::<unsafe extern "C" fn(*mut c_int) -> Status>(c"cuDriverGetVersion")?(
                &raw mut version,
            )
        };
        (status == 0 && version > 0).then_some(i64::from(version))
    }

    fn check(&self, status: Status) -> Result<(), DriverError> {
        match status {
            0 => Ok(()),
            100 => Err(DriverError::NoDevice(visible())),
            _ => {
                let own = self
                    .version
                    .map(|version| format!("; it is a driver for CUDA {}", version_text(version)));
                Err(DriverError::Broken(format!(
                    "the driver does not start: {} (cuInit says {status}){}",
                    words(status),
                    own.unwrap_or_default()
                )))
            }
        }
    }

    /// What identifies the device of this index.
    #[expect(unsafe_code, reason = "calls C functions")]
    pub(super) fn identity(&self, index: usize) -> Option<Identity> {
        type Text = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> Status;
        type Bytes = unsafe extern "C" fn(*mut [u8; 16], c_int) -> Status;
        let index = c_int::try_from(index).ok()?;
        let mut device: c_int = 0;
        // SAFETY: `CUresult cuDeviceGet(CUdevice*, int)`, where CUdevice is an int, given a live one.
        let status = unsafe {
            self.function::<unsafe extern "C" fn(*mut c_int, c_int) -> Status>(c"cuDeviceGet")?(
                &raw mut device,
                index,
            )
        };
        if status != 0 {
            return None;
        }
        let text = |name: &CStr| {
            let mut buffer = [0_u8; 256];
            let size = 255;
            // SAFETY: `CUresult NAME(char*, int, CUdevice)` writes at most so many bytes with a zero at their end; the
            // buffer has one more, which stays zero whatever it does. c_char is one byte, like u8.
            let status =
                unsafe { self.function::<Text>(name)?(buffer.as_mut_ptr().cast(), size, device) };
            let text = CStr::from_bytes_until_nul(&buffer).ok()?.to_string_lossy();
            (status == 0 && !text.is_empty()).then(|| text.trim().to_owned())
        };
        let bytes = |name: &CStr| {
            let mut uuid = [0_u8; 16];
            // SAFETY: `CUresult NAME(CUuuid*, CUdevice)`, where CUuuid is 16 chars, given as many live bytes.
            let status = unsafe { self.function::<Bytes>(name)?(&raw mut uuid, device) };
            (status == 0).then_some(uuid)
        };
        let name = text(c"cuDeviceGetName");
        // The first version names the physical device where the second names the MIG instance.
        let uuid =
            uuid_text(name.as_deref(), bytes(c"cuDeviceGetUuid"), bytes(c"cuDeviceGetUuid_v2"));
        Some(Identity { uuid, pci: text(c"cuDeviceGetPCIBusId").map(|id| pci_text(&id)), name })
    }

    /// The facts of `hello` that tell which device this is.
    pub(super) fn facts(&self, index: usize) -> Vec<(&'static str, String)> {
        let identity = self.identity(index).unwrap_or_default();
        let version = self.version.map(version_text);
        let facts = [
            (DEVICE_UUID, identity.uuid),
            (DEVICE_PCI, identity.pci),
            ("device_name", identity.name),
            ("cuda_driver", version),
        ];
        facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect()
    }
}

/// `13.2` of 13020.
pub(super) fn version_text(version: i64) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

/// What the user has hidden, where that may be why nothing is found.
fn visible() -> String {
    match std::env::var("CUDA_VISIBLE_DEVICES") {
        Ok(value) => format!("CUDA_VISIBLE_DEVICES is `{value}`"),
        Err(_) => "CUDA_VISIBLE_DEVICES hides none".to_owned(),
    }
}

/// The loader's words without the name that is said anyhow.
fn reason(error: &libloading::Error) -> String {
    let said = error.to_string();
    let said = said.strip_prefix("libcuda.so.1: ").unwrap_or(&said);
    said.to_owned()
}

/// What a `CUresult` means for somebody who wants to begin; cuda.h lists them.
fn words(status: Status) -> &'static str {
    match status {
        2 => "there is too little memory",
        34 => "a stub of the CUDA toolkit stands in for it: take its folder out of LD_LIBRARY_PATH",
        35 | 36 => "it is too old for this CUDA: update it",
        46 => "a device is busy, or in exclusive use",
        101 => "CUDA_VISIBLE_DEVICES names a device that is not there",
        304 => {
            "the system refused: are /dev/nvidia0 and /dev/nvidiactl there, and may they be opened?"
        }
        800 => "it is not permitted",
        802 => "the system is not ready: is the fabric manager running?",
        803 => {
            "libcuda.so.1 and the kernel's module are of different versions: restart after an update"
        }
        804 => {
            "it is too old: libcuda.so.1 is of the forward compatibility package, which this device does not have"
        }
        _ => "an error that has no plain words",
    }
}

/// `0000:65:00.0`: digits in lower case, as sysfs writes them.
fn pci_text(id: &str) -> String {
    id.to_ascii_lowercase()
}

/// `GPU-<uuid>`, or `MIG-<uuid>` of a part of a GPU: then the device's name says so, or the first version of the function,
/// which knows physical devices only, gives another one.
fn uuid_text(
    name: Option<&str>,
    first: Option<[u8; 16]>,
    second: Option<[u8; 16]>,
) -> Option<String> {
    let named = name.is_some_and(|name| name.split(' ').any(|word| word == "MIG"));
    let part = named || (first.is_some() && second.is_some() && first != second);
    // Of a part the first version would name the whole.
    let uuid = second.or_else(|| first.filter(|_| !part));
    let uuid = uuid.filter(|uuid| uuid.iter().any(|byte| *byte != 0))?;
    let mut text = if part { "MIG-" } else { "GPU-" }.to_owned();
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_the_names_that_nvml_gives_them() {
        let bytes = |first: u128| {
            (first * 0x0101_0101_0101_0101_0101_0101_0101_0101
                + 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f)
                .to_be_bytes()
        };
        let (one, other) = (Some(bytes(0x10)), Some(bytes(0xa0)));
        let whole = "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f";
        let part = "MIG-a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf";
        for (name, first, second, expected) in [
            (Some("NVIDIA H200"), one, one, Some(whole)),
            (Some("NVIDIA H200"), None, one, Some(whole)),
            (Some("NVIDIA H200"), one, None, Some(whole)),
            (None, one, other, Some(part)),
            (Some("NVIDIA H200 MIG 1g.18gb"), None, other, Some(part)),
            (Some("NVIDIA H200 MIG 1g.18gb"), one, None, None),
            (Some("NVIDIA MIGHTY"), None, one, Some(whole)),
            (Some("NVIDIA H200"), None, Some([0; 16]), None),
            (Some("NVIDIA H200"), None, None, None),
        ] {
            assert_eq!(uuid_text(name, first, second).as_deref(), expected, "{name:?}");
        }
        assert_eq!(pci_text("0000:0E:00.0"), "0000:0e:00.0");
    }

    #[test]
    fn versions_are_read_as_the_driver_counts_them() {
        for (version, text) in [(13000, "13.0"), (12080, "12.8"), (11020, "11.2")] {
            assert_eq!(version_text(version), text);
        }
    }

    #[test]
    fn every_known_trouble_has_words_of_its_own() {
        let known = [2, 34, 36, 46, 101, 304, 800, 802, 803, 804];
        let distinct: std::collections::BTreeSet<_> = known.map(words).into();
        assert_eq!(distinct.len(), known.len());
        assert!(!distinct.contains(words(999)));
    }
}
