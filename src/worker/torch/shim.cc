// What tch does not bind of libtorch, with C's calling convention. No exception leaves these functions: unwinding into Rust
// is undefined, so a failure is a value other than 0.

#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/script.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
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

namespace {

// The operations of products and convolutions, as libtorch calls them one by one.
struct Counted {
  std::mutex lock;
  int64_t flops = 0;
  // A convolution may be made of products, which are no others.
  int convolutions = 0;
  // Products were seen that nobody counts here.
  bool others = false;
};

// One at a time.
Counted* counted = nullptr;

// Products in one piece with something else, or of other numbers than floats.
bool is_other_product(const std::string& name) {
  for (const char* part :
       {"_scaled_dot_product_", "_attention_forward", "rnn_layer", "lstm_layer", "quantized::", "prepacked::", "mkldnn_linear",
        "_int_mm", "_scaled_mm", "int4pack", "int8pack", "_sparse_mm", "_trilinear", "_grouped_mm"}) {
    if (name.find(part) != std::string::npos) {
      return true;
    }
  }
  return false;
}

// Two for each multiplication and its addition.
int64_t product(const at::Tensor& left, const at::Tensor& right) {
  // [.., n, k] x [.., k, m]; m is 1 where there is a vector.
  return 2 * left.numel() * (right.dim() < 2 ? 1 : right.size(-1));
}

// A convolution that is being done.
struct Convolution : public at::ObserverContext {
  // Operations for each of the values that come out, or that go in where it is a transposed one.
  int64_t each = 0;
  // How many go in; -1: those that come out count.
  int64_t places = -1;
};

std::unique_ptr<at::ObserverContext> convolution(c10::ArrayRef<const c10::IValue> in) {
  auto found = std::make_unique<Convolution>();
  const at::Tensor& weights = in[1].toTensor();
  found->each = 2 * (weights.numel() / weights.size(0));
  if (in[6].toBool()) {
    found->places = in[0].toTensor().numel();
  }
  return found;
}

void count_product(std::string name, c10::ArrayRef<const c10::IValue> in, Counted& all) {
  // The form that changes its first argument.
  if (name.back() == '_') {
    name.pop_back();
  }
  if (name == "aten::mm" || name == "aten::bmm" || name == "aten::mv") {
    all.flops += product(in[0].toTensor(), in[1].toTensor());
  } else if (name == "aten::addmm" || name == "aten::baddbmm" || name == "aten::addmv") {
    all.flops += product(in[1].toTensor(), in[2].toTensor());
  } else if (is_other_product(name)) {
    all.others = true;
  }
}

bool is_convolution(const at::RecordFunction& function) {
  return std::strcmp(function.name(), "aten::_convolution") == 0;
}

// What goes in is there before the call alone, what comes out after it.
std::unique_ptr<at::ObserverContext> begin_call(const at::RecordFunction& function) {
  const std::lock_guard<std::mutex> guard(counted->lock);
  const bool outermost = counted->convolutions == 0;
  counted->convolutions += is_convolution(function);
  if (!outermost) {
    return nullptr;
  }
  try {
    if (is_convolution(function)) {
      return convolution(function.inputs());
    }
    count_product(function.name(), function.inputs(), *counted);
  } catch (...) {
    counted->others = true;
  }
  return nullptr;
}

void end_call(const at::RecordFunction& function, at::ObserverContext* begun) {
  const std::lock_guard<std::mutex> guard(counted->lock);
  counted->convolutions -= is_convolution(function);
  const auto* convolution = dynamic_cast<Convolution*>(begun);
  if (convolution == nullptr) {
    return;
  }
  try {
    const int64_t places = convolution->places < 0 ? function.outputs().at(0).toTensor().numel() : convolution->places;
    counted->flops += places * convolution->each;
  } catch (...) {
    counted->others = true;
  }
}

}  // namespace

// The operations of products and convolutions when it is applied to a tensor. 1: it failed, or not all of them are known.
extern "C" int perftune_script_flops(void* script, const void* input, int64_t* flops) noexcept {
  Counted all;
  counted = &all;
  int status = 1;
  try {
    auto callback = at::RecordFunctionCallback(begin_call, end_call);
    callback.needsInputs(true).needsOutputs(true).scopes({at::RecordScope::FUNCTION});
    const auto handle = at::addThreadLocalCallback(callback);
    try {
      static_cast<torch::jit::Module*>(script)->forward({*static_cast<const at::Tensor*>(input)});
      status = all.others ? 1 : 0;
    } catch (...) {
    }
    at::removeCallback(handle);
  } catch (...) {
  }
  counted = nullptr;
  *flops = all.flops;
  return status;
}
