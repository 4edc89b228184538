//! The calls to NVML whose answers have a length, within bounds of our own.
//!
//! nvml-wrapper makes as much room as the driver asks for, and reads a text up to a NUL that a broken driver need not write.
//! Here the room is ours and the driver is told how much it is, so that no number that it answers can hurt.
#![expect(
    unsafe_code,
    reason = "a function of a C library that was loaded can be called in no other way"
)]

use std::ffi::{c_char, c_uint};
use std::fmt::Display;

use nvml_wrapper::error::NvmlError;
use nvml_wrapper::gpm::GpmSample;
use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::{
    NVML_GPM_METRICS_GET_VERSION, nvmlGpmMetric_t, nvmlGpmMetric_t__bindgen_ty_1,
    nvmlGpmMetricId_t_NVML_GPM_METRIC_ANY_TENSOR_UTIL as TENSOR,
    nvmlGpmMetricId_t_NVML_GPM_METRIC_DRAM_BW_UTIL as DRAM,
    nvmlGpmMetricId_t_NVML_GPM_METRIC_SM_UTIL as SM, nvmlGpmMetricsGet_t, nvmlMemory_t,
    nvmlPciInfo_t, nvmlProcessInfo_t, nvmlProcessUtilizationSample_t,
    nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE as INSUFFICIENT_SIZE,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED,
    nvmlReturn_enum_NVML_SUCCESS as SUCCESS, nvmlReturn_t,
};

use super::reading::FieldResult;
use super::words::words;
use crate::event::Reason;

/// Room for the entries of one list at the first attempt.
const ROOM: usize = 64;

/// Most entries of one list.
const MOST: usize = 8192;

/// Length of a text, its NUL included: the longest that NVML has.
const TEXT: c_uint = 96;

/// `GPU-<uuid>` or `MIG-<uuid>`.
pub(super) fn uuid(device: &Device<'_>) -> Result<String, Reason> {
    let call = symbol(&device.nvml().lib().nvmlDeviceGetUUID)?;
    // SAFETY: the handle came from this very library, and `text` has room for as much as the call is told of.
    text(|text, room| unsafe { call(device.handle(), text, room) })
}

/// The product's name.
pub(super) fn name(device: &Device<'_>) -> Result<String, Reason> {
    let call = symbol(&device.nvml().lib().nvmlDeviceGetName)?;
    // SAFETY: as in `uuid`.
    text(|text, room| unsafe { call(device.handle(), text, room) })
}

/// The driver's version.
pub(super) fn driver(library: &Nvml) -> Result<String, Reason> {
    let call = symbol(&library.lib().nvmlSystemGetDriverVersion)?;
    // SAFETY: `text` has room for as much as the call is told of.
    text(|text, room| unsafe { call(text, room) })
}

/// The text that a call writes, which is told of one less than there is room for, so that there always is a NUL.
fn text(call: impl FnOnce(*mut c_char, c_uint) -> nvmlReturn_t) -> Result<String, Reason> {
    let mut text = [0; TEXT as usize + 1];
    done(call(text.as_mut_ptr(), TEXT)).and_then(|()| printed(&text))
}

/// Its place on the bus, in the driver's spelling.
pub(super) fn bus_id(device: &Device<'_>) -> Result<String, Reason> {
    let call = symbol(&device.nvml().lib().nvmlDeviceGetPciInfo_v3)?;
    let mut info = nvmlPciInfo_t {
        busIdLegacy: [0; 16],
        domain: 0,
        bus: 0,
        device: 0,
        pciDeviceId: 0,
        pciSubSystemId: 0,
        busId: [0; 32],
    };
    // SAFETY: the handle came from this very library, and the structure has the layout of version 3 of the call.
    let code = unsafe { call(device.handle(), &raw mut info) };
    done(code).and_then(|()| printed(&info.busId))
}

/// Bytes in use and bytes in all by the first version of the call: what drivers from before 2021 have. What the driver keeps
/// for itself counts as used.
pub(super) fn memory_v1(device: &Device<'_>) -> Result<(u64, u64), Reason> {
    let call = symbol(&device.nvml().lib().nvmlDeviceGetMemoryInfo)?;
    let mut info = nvmlMemory_t { total: 0, free: 0, used: 0 };
    // SAFETY: the handle came from this very library, and the structure is the call's own.
    let code = unsafe { call(device.handle(), &raw mut info) };
    done(code).map(|()| (info.used, info.total))
}

/// Processes with a compute context, and the bytes that each has; `None` where the driver does not say.
pub(super) fn processes(device: &Device<'_>) -> Result<Vec<(u32, Option<u64>)>, Reason> {
    let call = symbol(&device.nvml().lib().nvmlDeviceGetComputeRunningProcesses_v3)?;
    let blank =
        nvmlProcessInfo_t { pid: 0, usedGpuMemory: 0, gpuInstanceId: 0, computeInstanceId: 0 };
    let found = list(blank, |entries, count| {
        // SAFETY: the handle came from this very library, and `count` says how many entries there is room for.
        unsafe { call(device.handle(), count, entries) }
    })?;
    let said = found.into_iter().map(|process| {
        let bytes = process.usedGpuMemory;
        (process.pid, Some(bytes).filter(|bytes| *bytes != u64::MAX))
    });
    Ok(said.collect())
}

/// Share of the compute units of processes in the driver's periods after `since_us`: process, when in microseconds of the
/// driver's clock, percent. The driver answers `NotFound` where there was none.
pub(super) fn process_utilisation(
    device: &Device<'_>,
    since_us: u64,
) -> Result<Vec<(u32, u64, u32)>, Reason> {
    let call = symbol(&device.nvml().lib().nvmlDeviceGetProcessUtilization)?;
    let blank = nvmlProcessUtilizationSample_t {
        pid: 0,
        timeStamp: 0,
        smUtil: 0,
        memUtil: 0,
        encUtil: 0,
        decUtil: 0,
    };
    let found = list(blank, |entries, count| {
        // SAFETY: the handle came from this very library, and `count` says how many entries there is room for.
        unsafe { call(device.handle(), entries, count, since_us) }
    })?;
    let said = found.into_iter();
    Ok(said.map(|sample| (sample.pid, sample.timeStamp, sample.smUtil)).collect())
}

/// Whether samples of counters can be freed: the wrapper panics where there is no such call.
pub(super) fn can_free_samples(device: &Device<'_>) -> Result<(), Reason> {
    symbol(&device.nvml().lib().nvmlGpmSampleFree).map(|_| ())
}

/// How active the device's parts were between two samples of its counters: multiprocessors, tensor cores, memory. The
/// wrapper would copy the names of the figures as well, wherever the driver says that they are.
pub(super) fn activity(
    before: &GpmSample<'_>,
    after: &GpmSample<'_>,
) -> Result<[FieldResult<f64>; 3], Reason> {
    const ASKED: [c_uint; 3] = [SM, TENSOR, DRAM];
    let call = symbol(&after.nvml().lib().nvmlGpmMetricsGet)?;
    let nowhere = std::ptr::null_mut();
    let info =
        nvmlGpmMetric_t__bindgen_ty_1 { shortName: nowhere, longName: nowhere, unit: nowhere };
    let blank = nvmlGpmMetric_t {
        metricId: 0,
        nvmlReturn: NOT_SUPPORTED,
        value: f64::NAN,
        metricInfo: info,
    };
    let mut request = nvmlGpmMetricsGet_t {
        version: NVML_GPM_METRICS_GET_VERSION,
        numMetrics: 3,
        // SAFETY: they are passed on to one call, which frees neither.
        sample1: unsafe { before.handle() },
        // SAFETY: as above.
        sample2: unsafe { after.handle() },
        metrics: [blank; 210],
    };
    for (metric, id) in request.metrics.iter_mut().zip(ASKED) {
        metric.metricId = id;
    }
    // SAFETY: both samples came from this very library, and the structure is that of version 1 of the call, with room for
    // more than it is asked.
    done(unsafe { call(&raw mut request) })?;
    let told = |at: usize| {
        let metric = &request.metrics[at];
        done(metric.nvmlReturn).map(|()| metric.value)
    };
    Ok([told(0), told(1), told(2)])
}

/// Asks with room for some entries, and again with more where that was too little.
fn list<T: Copy>(
    blank: T,
    call: impl Fn(*mut T, *mut c_uint) -> nvmlReturn_t,
) -> Result<Vec<T>, Reason> {
    let mut room = ROOM;
    loop {
        let mut entries = vec![blank; room];
        // `room` is at most `MOST`.
        let mut count = c_uint::try_from(room).unwrap_or(0);
        let code = call(entries.as_mut_ptr(), &raw mut count);
        let count = count as usize;
        match code {
            SUCCESS if count <= room => {
                entries.truncate(count);
                return Ok(entries);
            }
            SUCCESS => {
                let why = format!(
                    "the driver says that it wrote {count} entries where there is room for {room}"
                );
                return Err(why.into());
            }
            INSUFFICIENT_SIZE if room < MOST && count <= MOST => {
                // Some more, for what starts in between.
                room = (count + ROOM).max(room * 2).min(MOST);
            }
            INSUFFICIENT_SIZE => {
                return Err(format!("the driver asks for {count} entries").into());
            }
            code => return Err(words(&NvmlError::from(code))),
        }
    }
}

fn done(code: nvmlReturn_t) -> Result<(), Reason> {
    match code {
        SUCCESS => Ok(()),
        code => Err(words(&NvmlError::from(code))),
    }
}

fn symbol<T, E: Display>(found: &Result<T, E>) -> Result<&T, Reason> {
    let missing = |error: &E| words(&NvmlError::FailedToLoadSymbol(error.to_string()));
    found.as_ref().map_err(missing)
}

/// A text up to its NUL, if it is one.
fn printed(text: &[c_char]) -> Result<String, Reason> {
    let bytes: Vec<u8> =
        text.iter().map(|byte| byte.to_ne_bytes()[0]).take_while(|byte| *byte != 0).collect();
    let text = String::from_utf8(bytes).ok();
    text.filter(|text| !text.is_empty() && !text.chars().any(char::is_control))
        .ok_or_else(|| "the driver's text is none".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_the_driver_makes_up_are_said_and_believed_by_nobody() {
        type Case = (&'static [(nvmlReturn_t, c_uint)], Result<usize, &'static str>);
        let cases: [Case; 9] = [
            (&[(SUCCESS, 0)], Ok(0)),
            (&[(SUCCESS, 64)], Ok(64)),
            (&[(SUCCESS, 65)], Err("wrote 65 entries where there is room for 64")),
            (&[(SUCCESS, c_uint::MAX)], Err("wrote 4294967295 entries")),
            (&[(INSUFFICIENT_SIZE, 100), (SUCCESS, 100)], Ok(100)),
            (&[(INSUFFICIENT_SIZE, c_uint::MAX)], Err("asks for 4294967295 entries")),
            (&[(INSUFFICIENT_SIZE, 5000), (INSUFFICIENT_SIZE, 5001), (SUCCESS, 5001)], Ok(5001)),
            (&[(INSUFFICIENT_SIZE, 8192), (INSUFFICIENT_SIZE, 5000)], Err("asks for 5000 entries")),
            // It never has enough.
            (&[(INSUFFICIENT_SIZE, 1)], Err("asks for 1 entries")),
        ];
        for (answers, expected) in cases {
            let at = std::cell::Cell::new(0_usize);
            let found = list(0_u8, |_, count| {
                let (code, said) = answers[at.get().min(answers.len() - 1)];
                at.set(at.get() + 1);
                // SAFETY: `list` hands out a pointer to a number of its own.
                unsafe { *count = said };
                code
            });
            assert!(at.get() < 20);
            match (found, expected) {
                (Ok(found), Ok(length)) => assert_eq!(found.len(), length),
                (Err(why), Err(says)) => assert!(why.detail.contains(says), "{why}"),
                (found, _) => panic!("{answers:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_text_is_one_only_if_it_can_be_printed() {
        let chars = |bytes: &[u8]| -> Vec<c_char> {
            bytes.iter().map(|byte| c_char::from_ne_bytes([*byte])).collect()
        };
        assert_eq!(printed(&chars(b"NVIDIA L4\0rest")).unwrap(), "NVIDIA L4");
        assert_eq!(printed(&chars(b"all of it")).unwrap(), "all of it");
        for none in [&b"\0"[..], b"", b"\xff\xfe\0", b"a\x1b[2J\0", b"a\nb\0"] {
            assert!(printed(&chars(none)).is_err(), "{none:?}");
        }
    }
}
