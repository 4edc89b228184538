//! The functions of libtorch that tch does not bind, through `shim.cc`, which build.rs compiles for this binary alone.

use tch::Device;

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
