//! An NVIDIA driver's library as the tests need it: `libnvidia-ml.so.1` with the calls that perftune makes, which answer what
//! a file says ([`play`]). It has no `nvmlShutdown`, as no program has to call it.

pub mod play;

use std::ffi::{c_char, c_uint, c_ulonglong, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use play::{NOT_SUPPORTED, decimal, entries, number, said};

/// A device: its number, counted from 1; a part of one: that, and the number of the part above it.
type Handle = *mut c_void;

const SUCCESS: c_uint = 0;
const INVALID_ARGUMENT: c_uint = 2;
const NOT_FOUND: c_uint = 6;
const INSUFFICIENT_SIZE: c_uint = 7;
const MEMORY: c_uint = 20;

/// `gpu0.` or `gpu0.mig1.`.
fn prefix(device: Handle) -> String {
    let handle = device as usize;
    let gpu = (handle & 0xffff).wrapping_sub(1);
    match handle >> 16 {
        0 => format!("gpu{gpu}."),
        part => format!("gpu{gpu}.mig{}.", part - 1),
    }
}

fn of(device: Handle, key: &str) -> String {
    prefix(device) + key
}

/// # Safety
/// `place` must be valid for a write.
unsafe fn put<T>(place: *mut T, answer: Result<T, c_uint>) -> c_uint {
    match answer {
        Ok(value) => {
            unsafe { place.write(value) };
            SUCCESS
        }
        Err(code) => code,
    }
}

fn word(key: &str) -> Result<c_uint, c_uint> {
    number(key).map(|value| value as c_uint)
}

/// A text and its NUL; `garbage` fills the whole room and leaves the NUL out.
///
/// # Safety
/// `place` must be valid for `length` bytes.
unsafe fn put_text(place: *mut c_char, length: c_uint, text: Result<String, c_uint>) -> c_uint {
    let text = match text {
        Ok(text) => text,
        Err(code) => return code,
    };
    let mut bytes = text.into_bytes();
    bytes.push(0);
    if bytes == b"garbage\0" {
        bytes = vec![0xff; length as usize];
    }
    if bytes.len() > length as usize {
        return INSUFFICIENT_SIZE;
    }
    for (at, byte) in bytes.into_iter().enumerate() {
        unsafe { place.add(at).write(byte as c_char) };
    }
    SUCCESS
}

/// Entries into the room that there is, as NVML does it; `key_count` overrules how many there are said to be.
///
/// # Safety
/// `count` must be valid, and `place` for as many entries as it says.
unsafe fn put_list<T>(
    place: *mut T,
    count: *mut c_uint,
    found: Vec<T>,
    said: Option<c_uint>,
) -> c_uint {
    let room = unsafe { count.read() };
    let length = found.len() as c_uint;
    unsafe { count.write(said.unwrap_or(length)) };
    if length > room || place.is_null() && length > 0 {
        return INSUFFICIENT_SIZE;
    }
    for (at, entry) in found.into_iter().enumerate() {
        unsafe { place.add(at).write(entry) };
    }
    SUCCESS
}

/// Waits as long as a driver in trouble would.
fn dawdle(device: Handle) {
    if let Ok(ms) = number(&of(device, "delay_ms")) {
        std::thread::sleep(Duration::from_millis(ms));
    }
}

/// Starts the play's clock.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> c_uint {
    play::elapsed();
    word("init").unwrap_or(SUCCESS)
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetDriverVersion(text: *mut c_char, length: c_uint) -> c_uint {
    unsafe { put_text(text, length, said("driver")) }
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCount_v2(count: *mut c_uint) -> c_uint {
    unsafe { put(count, word("count")) }
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(
    index: c_uint,
    device: *mut Handle,
) -> c_uint {
    if u64::from(index) >= number("count").unwrap_or(0) {
        return INVALID_ARGUMENT;
    }
    let handle = (index as usize + 1) as Handle;
    let opened = word(&of(handle, "open")).or_else(|code| match code {
        NOT_SUPPORTED => Ok(SUCCESS),
        code => Err(code),
    });
    unsafe { put(device, opened.map(|_| handle)) }
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetName(
    device: Handle,
    text: *mut c_char,
    length: c_uint,
) -> c_uint {
    unsafe { put_text(text, length, said(&of(device, "name"))) }
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUUID(
    device: Handle,
    text: *mut c_char,
    length: c_uint,
) -> c_uint {
    let uuid = said(&of(device, "uuid")).or_else(|code| match code {
        NOT_SUPPORTED => Ok(format!("GPU-{:08x}-0000-4000-8000-000000000000", device as usize)),
        code => Err(code),
    });
    unsafe { put_text(text, length, uuid) }
}

/// `nvmlPciInfo_t` of version 3.
#[repr(C)]
pub struct PciInfo {
    bus_id_legacy: [c_char; 16],
    domain: c_uint,
    bus: c_uint,
    device: c_uint,
    pci_device_id: c_uint,
    pci_sub_system_id: c_uint,
    bus_id: [c_char; 32],
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPciInfo_v3(device: Handle, info: *mut PciInfo) -> c_uint {
    let text = said(&of(device, "pci"));
    unsafe { put_text((&raw mut (*info).bus_id).cast(), 32, text) }
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUtilizationRates(
    device: Handle,
    rates: *mut [c_uint; 2],
) -> c_uint {
    dawdle(device);
    unsafe { put(rates, word(&of(device, "utilisation")).map(|gpu| [gpu, 0])) }
}

/// `nvmlMemory_v2_t`.
#[repr(C)]
pub struct Memory {
    version: c_uint,
    total: c_ulonglong,
    reserved: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: Handle, info: *mut Memory) -> c_uint {
    let version = unsafe { (*info).version };
    if version as usize != (size_of::<Memory>() | 2 << 24) {
        return INVALID_ARGUMENT;
    }
    let used = number(&of(device, "memory_used"));
    let both = used.and_then(|used| Ok((used, number(&of(device, "memory_total"))?)));
    let memory = both.map(|(used, total)| Memory {
        version,
        total,
        reserved: 0,
        free: total.saturating_sub(used),
        used,
    });
    unsafe { put(info, memory) }
}

macro_rules! words {
    ($($symbol:ident: $key:literal as $kind:ty;)*) => {$(
        /// # Safety
        /// As of NVML.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $symbol(device: Handle, value: *mut $kind) -> c_uint {
            unsafe { put(value, number(&of(device, $key)).map(|value| value as $kind)) }
        }
    )*};
}

words! {
    nvmlDeviceGetPowerUsage: "power" as c_uint;
    nvmlDeviceGetPowerManagementLimit: "power_limit" as c_uint;
    nvmlDeviceGetTotalEnergyConsumption: "energy" as c_ulonglong;
    nvmlDeviceGetCurrentClocksThrottleReasons: "throttle" as c_ulonglong;
    nvmlDeviceGetMaxMigDeviceCount: "mig_places" as c_uint;
}

/// `nvmlGpmSupport_t`.
#[repr(C)]
pub struct GpmSupport {
    version: c_uint,
    is_supported: c_uint,
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmQueryDeviceSupport(
    device: Handle,
    support: *mut GpmSupport,
) -> c_uint {
    if unsafe { (*support).version } != 1 {
        return INVALID_ARGUMENT;
    }
    let there = word(&of(device, "gpm")).or_else(|code| match code {
        // A driver knows of every device whether it has them.
        NOT_SUPPORTED => Ok(0),
        code => Err(code),
    });
    unsafe { put(&raw mut (*support).is_supported, there) }
}

/// A sample of counters: the device, and how often one was taken of any before. 0: none yet.
type Sample = *mut [u64; 2];

/// How many samples are allocated and not freed.
static SAMPLES: AtomicU64 = AtomicU64::new(0);

/// More samples at once than anybody needs are those that somebody forgot.
const MOST_SAMPLES: u64 = 64;

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmSampleAlloc(sample: *mut Sample) -> c_uint {
    if SAMPLES.fetch_add(1, Ordering::Relaxed) >= MOST_SAMPLES {
        return MEMORY;
    }
    unsafe { put(sample, Ok(Box::into_raw(Box::new([0; 2])))) }
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmSampleFree(sample: Sample) -> c_uint {
    SAMPLES.fetch_sub(1, Ordering::Relaxed);
    drop(unsafe { Box::from_raw(sample) });
    SUCCESS
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmSampleGet(device: Handle, sample: Sample) -> c_uint {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    if let Err(code @ 4..) = word(&of(device, "gpm_sample")) {
        return code;
    }
    let taken = TAKEN.fetch_add(1, Ordering::Relaxed) + 1;
    unsafe { put(sample, Ok([device as u64, taken])) }
}

/// `nvmlGpmMetric_t`.
#[repr(C)]
pub struct GpmMetric {
    id: c_uint,
    code: c_uint,
    value: f64,
    names: [*const c_char; 3],
}

/// `nvmlGpmMetricsGet_t`.
#[repr(C)]
pub struct GpmMetrics {
    version: c_uint,
    count: c_uint,
    samples: [Sample; 2],
    metrics: [GpmMetric; 210],
}

/// Of two samples of one device, the older one first. The names lie where no memory is.
///
/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmMetricsGet(request: *mut GpmMetrics) -> c_uint {
    let request = unsafe { &mut *request };
    let [before, after] = request.samples.map(|sample| unsafe { *sample });
    if request.version != 1 || before[0] != after[0] || before[1] == 0 || before[1] >= after[1] {
        return INVALID_ARGUMENT;
    }
    for metric in request.metrics.iter_mut().take(request.count as usize) {
        let key = match metric.id {
            2 => "sm_active",
            5 => "tensor_active",
            10 => "dram_active",
            _ => return INVALID_ARGUMENT,
        };
        metric.names = [8 as *const c_char; 3];
        metric.code = unsafe { put(&raw mut metric.value, decimal(&of(after[0] as Handle, key))) };
    }
    SUCCESS
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetClockInfo(
    device: Handle,
    which: c_uint,
    mhz: *mut c_uint,
) -> c_uint {
    let key = match which {
        1 => "clock",
        2 => "memory_clock",
        _ => return INVALID_ARGUMENT,
    };
    unsafe { put(mhz, word(&of(device, key))) }
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPcieThroughput(
    device: Handle,
    which: c_uint,
    kilobytes: *mut c_uint,
) -> c_uint {
    let key = if which == 0 { "sent" } else { "received" };
    unsafe { put(kilobytes, word(&of(device, key))) }
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigMode(
    device: Handle,
    current: *mut c_uint,
    pending: *mut c_uint,
) -> c_uint {
    let mode = word(&of(device, "mig"));
    unsafe {
        put(pending, mode);
        put(current, mode)
    }
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigDeviceHandleByIndex(
    device: Handle,
    place: c_uint,
    part: *mut Handle,
) -> c_uint {
    let there = said(&of(device, &format!("mig{place}.uuid"))).is_ok();
    let handle = (device as usize | (place as usize + 1) << 16) as Handle;
    unsafe { put(part, there.then_some(handle).ok_or(NOT_FOUND)) }
}

/// `nvmlProcessInfo_t`.
#[repr(C)]
pub struct Process {
    pid: c_uint,
    used: c_ulonglong,
    instances: [c_uint; 2],
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: Handle,
    count: *mut c_uint,
    place: *mut Process,
) -> c_uint {
    let found = match entries(&of(device, "processes")) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let process = |entry: Vec<String>| Process {
        pid: entry[0].parse().unwrap_or(0),
        used: entry.get(1).and_then(|bytes| bytes.parse().ok()).unwrap_or(u64::MAX),
        instances: [u32::MAX; 2],
    };
    let said = word(&of(device, "process_count")).ok();
    unsafe { put_list(place, count, found.into_iter().map(process).collect(), said) }
}

/// `nvmlProcessUtilizationSample_t`.
#[repr(C)]
pub struct Share {
    pid: c_uint,
    time_us: c_ulonglong,
    percent: [c_uint; 4],
}

/// # Safety
/// As of NVML.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetProcessUtilization(
    device: Handle,
    place: *mut Share,
    count: *mut c_uint,
    since_us: c_ulonglong,
) -> c_uint {
    let found = match entries(&of(device, "shares")) {
        Ok(found) => found,
        Err(code) => return code,
    };
    // A new sample in each sixth of a second.
    let time_us = (play::elapsed().as_micros() as c_ulonglong / 166_667 + 1) * 166_667;
    if found.is_empty() || time_us <= since_us {
        return NOT_FOUND;
    }
    let share = |entry: Vec<String>| Share {
        pid: entry[0].parse().unwrap_or(0),
        time_us,
        percent: [entry.get(1).and_then(|percent| percent.parse().ok()).unwrap_or(0), 0, 0, 0],
    };
    let said = word(&of(device, "share_count")).ok();
    unsafe { put_list(place, count, found.into_iter().map(share).collect(), said) }
}
