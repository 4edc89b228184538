// What tch does not bind of libtorch, with C's calling convention. No exception leaves these functions: unwinding into Rust
// is undefined, so a failure is a value other than 0.

#include <ATen/autocast_mode.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/script.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_set>

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

namespace {

// Writes as much of a text as there is room for, with a zero behind it.
void tell(const std::string& text, char* why, size_t room) {
  const size_t size = text.size() < room ? text.size() : room - 1;
  std::memcpy(why, text.data(), size);
  why[size] = 0;
}

// What an exception says, without the places in libtorch that it came by.
std::string what(const std::exception& error) {
  if (const auto* own = dynamic_cast<const c10::Error*>(&error)) {
    return own->what_without_backtrace();
  }
  return error.what();
}

}  // namespace

// Reads a TorchScript file: its code is that of TorchScript, and nothing of Python is run. What is returned is freed by
// perftune_script_free. Where there is nothing, `step` says what failed: 1, the archive cannot be read; 2, it is one of something
// else; 3, its model cannot be made; 4, it holds a pickle of Python; and `why` in which words.
extern "C" void* perftune_script_load(
    const char* path, int32_t device, int32_t index, int32_t* step, char* why, size_t room) noexcept {
  *step = 1;
  try {
    {
      caffe2::serialize::PyTorchStreamReader archive{std::string(path)};
      *step = 2;
      if (!archive.hasRecord("constants.pkl") || !archive.hasRecord("data.pkl")) {
        *step = archive.hasRecord("data.pkl") ? 4 : 2;
        return nullptr;
      }
    }
    *step = 3;
    const c10::Device where(static_cast<c10::DeviceType>(device), static_cast<c10::DeviceIndex>(index));
    return new torch::jit::Module(torch::jit::load(std::string(path), where));
  } catch (const std::exception& error) {
    tell(what(error), why, room);
  } catch (...) {
    tell("an exception without words", why, room);
  }
  return nullptr;
}

extern "C" void perftune_script_free(void* script) noexcept {
  delete static_cast<torch::jit::Module*>(script);
}

// Switches between training and evaluation.
extern "C" int perftune_script_mode(void* script, int32_t train) noexcept {
  try {
    static_cast<torch::jit::Module*>(script)->train(train != 0);
    return 0;
  } catch (...) {
    return 1;
  }
}

// Hands over each parameter (`buffer` is 0) and each buffer once, however many names it has. Each tensor belongs to `see`.
extern "C" int perftune_script_tensors(void* script, void* data, void (*see)(void*, void*, int32_t buffer)) noexcept {
  try {
    const auto* module = static_cast<torch::jit::Module*>(script);
    std::unordered_set<const c10::TensorImpl*> seen;
    for (const at::Tensor& tensor : module->parameters()) {
      if (tensor.defined() && seen.insert(tensor.unsafeGetTensorImpl()).second) {
        see(data, new at::Tensor(tensor), 0);
      }
    }
    for (const at::Tensor& tensor : module->buffers()) {
      if (tensor.defined() && seen.insert(tensor.unsafeGetTensorImpl()).second) {
        see(data, new at::Tensor(tensor), 1);
      }
    }
    return 0;
  } catch (...) {
    return 1;
  }
}

// Applies it to a tensor. `output` is its result, or the first of its results, and belongs to the caller; `results` says how many
// there are. 1: it failed, 2: its results are of another kind; `why` says how.
extern "C" int perftune_script_apply(
    void* script, const void* input, void** output, int32_t* results, char* why, size_t room) noexcept {
  try {
    auto& module = *static_cast<torch::jit::Module*>(script);
    const c10::IValue result = module.forward({*static_cast<const at::Tensor*>(input)});
    *results = 1;
    if (result.isTensor()) {
      *output = new at::Tensor(result.toTensor());
      return 0;
    }
    if (result.isTuple() && !result.toTupleRef().elements().empty() && result.toTupleRef().elements()[0].isTensor()) {
      const auto& all = result.toTupleRef().elements();
      *results = static_cast<int32_t>(all.size());
      *output = new at::Tensor(all[0].toTensor());
      return 0;
    }
    if (result.isTensorList() && !result.toTensorList().empty()) {
      const auto all = result.toTensorList();
      *results = static_cast<int32_t>(all.size());
      *output = new at::Tensor(all.get(0));
      return 0;
    }
    tell(result.type()->repr_str(), why, room);
    return 2;
  } catch (const std::exception& error) {
    tell(what(error), why, room);
  } catch (...) {
    tell("an exception without words", why, room);
  }
  return 1;
}
