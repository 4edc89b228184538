//! The functions of libtorch that tch does not bind, through `shim.cc`, which build.rs compiles for this binary alone.

use std::ffi::{CStr, CString, c_void};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tch::{Device, Tensor};

/// Autocast to 16-bit brain floats on the calling thread, for as long as it lives.
#[must_use]
#[derive(Debug)]
pub(super) struct Autocast {
    device: Device,
}

/// Memory of an accelerator, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DevicePeaks {
    /// The most that tensors held at once, since the process began.
    pub(super) allocated: i64,
    /// The most that the allocator had taken from the driver.
    pub(super) reserved: i64,
}

mod ffi {
    use std::ffi::{c_char, c_void};

    #[expect(unsafe_code, reason = "functions of shim.cc")]
    #[link(name = "perftune_shim", kind = "static")]
    unsafe extern "C" {
        pub(super) fn perftune_autocast(device: i32, enabled: i32) -> i32;
        pub(super) fn perftune_device_peaks(
            device: i32,
            index: i32,
            allocated: *mut i64,
            reserved: *mut i64,
        ) -> i32;
        pub(super) fn perftune_script_load(
            path: *const c_char,
            device: i32,
            index: i32,
            step: *mut i32,
            why: *mut c_char,
            room: usize,
        ) -> *mut c_void;
        pub(super) fn perftune_script_free(script: *mut c_void);
        pub(super) fn perftune_script_mode(script: *mut c_void, train: i32) -> i32;
        pub(super) fn perftune_script_tensors(
            script: *mut c_void,
            data: *mut c_void,
            see: extern "C" fn(*mut c_void, *mut c_void, i32),
        ) -> i32;
        pub(super) fn perftune_script_apply(
            script: *mut c_void,
            input: *const c_void,
            output: *mut *mut c_void,
            results: *mut i32,
            why: *mut c_char,
            room: usize,
        ) -> i32;
        pub(super) fn perftune_script_flops(
            script: *mut c_void,
            input: *const c_void,
            flops: *mut i64,
        ) -> i32;
    }
}

/// Room for what libtorch says.
const ROOM: usize = 4096;

/// The text that was written into this room.
fn said(why: &[u8]) -> String {
    CStr::from_bytes_until_nul(why)
        .map(|text| text.to_string_lossy().trim().to_owned())
        .unwrap_or_default()
}

/// A module of TorchScript.
#[derive(Debug)]
pub(super) struct Script(*mut c_void);

// SAFETY: a module is a handle with a count of its users that any thread may change; it belongs to no thread.
#[expect(unsafe_code, reason = "the pointer to a module may be passed on to another thread")]
unsafe impl Send for Script {}

/// Why a file is no module.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoScript {
    /// The archive cannot be read: it is cut short, damaged, or of a newer libtorch.
    Archive(String),
    /// It is an archive of something else.
    Other,
    /// It holds objects of Python, which nobody unpacks.
    Pickle,
    /// Its module cannot be made: an operation is missing, for example.
    Module(String),
}

/// What a module makes of a tensor.
#[derive(Debug)]
pub(super) struct Applied {
    /// Its result, or the first of them.
    pub(super) output: Tensor,
    /// How many there are.
    pub(super) results: u32,
}

/// Why a module makes nothing of a tensor.
#[derive(Debug)]
pub(super) enum Unapplied {
    /// It failed.
    Failed(String),
    /// Its result is of this type.
    Type(String),
}

/// The tensors of a module, each once.
#[derive(Debug, Default)]
pub(super) struct ScriptTensors {
    pub(super) parameters: Vec<Tensor>,
    pub(super) buffers: Vec<Tensor>,
}

impl Script {
    /// Reads a file.
    #[expect(unsafe_code, reason = "calls shim.cc")]
    pub(super) fn load(path: &Path, device: Device) -> Result<Self, NoScript> {
        use std::os::unix::ffi::OsStrExt;
        let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
            return Err(NoScript::Archive("its path has a null character".to_owned()));
        };
        let index = match device {
            Device::Cuda(index) => i32::try_from(index).unwrap_or(i32::MAX),
            Device::Cpu | Device::Mps | Device::Vulkan => -1,
        };
        let (mut step, mut why) = (0, [0_u8; ROOM]);
        // SAFETY: the path ends with a zero, `step` is a live number and `why` has as much room as is said; the function keeps
        // none of them and lets no exception out. c_char is one byte, like u8.
        let script = unsafe {
            ffi::perftune_script_load(
                path.as_ptr(),
                device_type(device),
                index,
                &raw mut step,
                why.as_mut_ptr().cast(),
                ROOM,
            )
        };
        if !script.is_null() {
            return Ok(Self(script));
        }
        Err(match step {
            1 => NoScript::Archive(said(&why)),
            4 => NoScript::Pickle,
            3 => NoScript::Module(said(&why)),
            _ => NoScript::Other,
        })
    }

    /// Switches between training and evaluation.
    #[expect(unsafe_code, reason = "calls shim.cc")]
    pub(super) fn set_mode(&self, train: bool) -> bool {
        // SAFETY: the module lives as long as `self`; the function lets no exception out.
        unsafe { ffi::perftune_script_mode(self.0, i32::from(train)) == 0 }
    }

    /// Its parameters and buffers: handles of the same tensors.
    #[expect(unsafe_code, reason = "calls shim.cc, which hands over tensors")]
    pub(super) fn tensors(&self) -> Option<ScriptTensors> {
        extern "C" fn see(data: *mut c_void, tensor: *mut c_void, buffer: i32) {
            // SAFETY: `data` is the `ScriptTensors` below, which nothing else uses meanwhile; `tensor` is a new `at::Tensor` that
            // belongs to this function, as `Tensor` takes them.
            let (found, tensor) =
                unsafe { (&mut *data.cast::<ScriptTensors>(), Tensor::from_ptr(tensor.cast())) };
            let kind = if buffer == 0 { &mut found.parameters } else { &mut found.buffers };
            kind.push(tensor);
        }
        let mut found = ScriptTensors::default();
        // SAFETY: the module lives as long as `self`, and `found` longer than the call, which alone calls `see`.
        let status =
            unsafe { ffi::perftune_script_tensors(self.0, (&raw mut found).cast::<c_void>(), see) };
        (status == 0).then_some(found)
    }

    /// Applies it.
    #[expect(unsafe_code, reason = "calls shim.cc, which hands over a tensor")]
    pub(super) fn apply(&self, input: &Tensor) -> Result<Applied, Unapplied> {
        let (mut output, mut results, mut why) = (std::ptr::null_mut(), 0, [0_u8; ROOM]);
        // SAFETY: the module lives as long as `self`, `input` is a live `at::Tensor`, the others are live and `why` has as much
        // room as is said; the function keeps none of them and lets no exception out.
        let status = unsafe {
            ffi::perftune_script_apply(
                self.0,
                input.as_ptr().cast(),
                &raw mut output,
                &raw mut results,
                why.as_mut_ptr().cast(),
                ROOM,
            )
        };
        match status {
            0 => {
                // SAFETY: a new `at::Tensor` that belongs to the caller, as `Tensor` takes them.
                let output = unsafe { Tensor::from_ptr(output.cast()) };
                Ok(Applied { output, results: results.unsigned_abs() })
            }
            2 => Err(Unapplied::Type(said(&why))),
            _ => Err(Unapplied::Failed(said(&why))),
        }
    }
}

impl Script {
    /// Operations of products and convolutions when it is applied to this; none where it fails, or where libtorch makes some of
    /// them in one piece with other things. One thread at a time.
    #[expect(unsafe_code, reason = "calls shim.cc")]
    pub(super) fn flops(&self, input: &Tensor) -> Option<i64> {
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut flops = 0;
        // SAFETY: the module lives as long as `self`, `input` is a live `at::Tensor` and `flops` a live number; the function
        // keeps none of them, is not called twice at once and lets no exception out.
        let status =
            unsafe { ffi::perftune_script_flops(self.0, input.as_ptr().cast(), &raw mut flops) };
        (status == 0).then_some(flops)
    }
}

impl Drop for Script {
    #[expect(unsafe_code, reason = "calls shim.cc")]
    fn drop(&mut self) {
        // SAFETY: it was made by `perftune_script_load` and is freed once.
        unsafe { ffi::perftune_script_free(self.0) }
    }
}

/// The number of this kind of device in `c10::DeviceType`, part of libtorch's stable interface.
const fn device_type(device: Device) -> i32 {
    match device {
        Device::Cuda(_) => 1,
        Device::Mps => 13,
        Device::Vulkan => 10,
        Device::Cpu => 0,
    }
}

#[expect(unsafe_code, reason = "calls shim.cc")]
fn set_autocast(device: Device, enabled: bool) -> bool {
    // SAFETY: the function takes two numbers, touches only the calling thread's state and libtorch's own cache, which it
    // locks, and lets no exception out.
    unsafe { ffi::perftune_autocast(device_type(device), i32::from(enabled)) == 0 }
}

impl Autocast {
    /// Switches it on; none: libtorch knows none for this device.
    pub(super) fn on(device: Device) -> Option<Self> {
        set_autocast(device, true).then_some(Self { device })
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        // What could be switched on can be switched off.
        set_autocast(self.device, false);
    }
}

/// The peaks of the allocator of this device; none on the CPU, which has no such allocator.
#[expect(unsafe_code, reason = "calls shim.cc")]
pub(super) fn device_peaks(device: Device) -> Option<DevicePeaks> {
    let index = match device {
        Device::Cuda(index) => i32::try_from(index).ok()?,
        Device::Cpu | Device::Mps | Device::Vulkan => return None,
    };
    let (mut allocated, mut reserved) = (0, 0);
    // SAFETY: both pointers are to live numbers of the size that the function writes; it keeps neither, checks that the
    // allocator is there and lets no exception out.
    let status = unsafe {
        ffi::perftune_device_peaks(
            device_type(device),
            index,
            &raw mut allocated,
            &raw mut reserved,
        )
    };
    (status == 0).then_some(DevicePeaks { allocated, reserved })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Kind, Tensor};

    #[test]
    fn products_are_of_brain_floats_while_it_lives_and_of_floats_after_it() {
        let square = Tensor::ones([4, 4], (Kind::Float, Device::Cpu));
        let product = || square.matmul(&square).kind();
        assert_eq!(product(), Kind::Float);
        let autocast = Autocast::on(Device::Cpu).unwrap();
        assert_eq!(product(), Kind::BFloat16);
        // Another thread is none of its business.
        let elsewhere = std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let square = Tensor::ones([4, 4], (Kind::Float, Device::Cpu));
                square.matmul(&square).kind()
            });
            other.join().unwrap()
        });
        assert_eq!(elsewhere, Kind::Float);
        drop(autocast);
        assert_eq!(product(), Kind::Float);
    }

    #[test]
    fn the_cpu_has_no_peaks_and_a_device_that_is_not_there_none_either() {
        assert_eq!(device_peaks(Device::Cpu), None);
        assert_eq!(device_peaks(Device::Cuda(4096)), None);
    }
}
