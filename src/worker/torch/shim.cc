// What tch does not bind of libtorch, with C's calling convention. No exception leaves these functions: unwinding into Rust
// is undefined, so a failure is a value other than 0.

#include <ATen/autocast_mode.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <cstdint>

// Switches autocast to 16-bit brain floats on or off for the calling thread. `device` is a c10::DeviceType.
extern "C" int perftune_autocast(int32_t device, int32_t enabled) noexcept {
  try {
    const auto type = static_cast<c10::DeviceType>(device);
    at::autocast::set_autocast_dtype(type, at::kBFloat16);
    at::autocast::set_autocast_enabled(type, enabled != 0);
    if (enabled == 0) {
      // The copies of the weights, which are changed next.
      at::autocast::clear_cache();
    }
    return 0;
  } catch (...) {
    return 1;
  }
}

// The largest sums of the bytes in tensors, and of those taken from the driver, since the process began.
extern "C" int perftune_device_peaks(int32_t device, int32_t index, int64_t* allocated, int64_t* reserved) noexcept {
  try {
    const auto type = static_cast<c10::DeviceType>(device);
    // c10::getDeviceAllocator, without its assertions.
    auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(type));
    if (allocator == nullptr || !allocator->initialized()) {
      return 1;
    }
    const auto stats = allocator->getDeviceStats(static_cast<c10::DeviceIndex>(index));
    const auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    *allocated = stats.allocated_bytes[all].peak;
    *reserved = stats.reserved_bytes[all].peak;
    return 0;
  } catch (...) {
    return 1;
  }
}
