//! What is played: a file of `key = value` lines, read anew at each call, so that a test may change it meanwhile.
//!
//! A value is a number, a text, `error N` (what the call returns), or a counter that rises, `1000+250000/s`. Several are parted
//! by `|`, each but the first with the seconds since `nvmlInit` from which it holds: `40 | 1.5: error 15 | 2: 60`.

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The environment variable that names the file. Without it the file is the library's own name and `.play`, so that each copy
/// that a test makes plays its own.
pub const FILE: &str = "STAND_IN_NVML";

/// `NVML_ERROR_NOT_SUPPORTED`: what is not in the file.
pub const NOT_SUPPORTED: c_uint = 3;

/// `NVML_ERROR_UNKNOWN`: what is in the file and nothing of the above.
const UNKNOWN: c_uint = 999;

/// Without a file: two devices of a usual kind.
const TWO: &str = "
count = 2
driver = 550.54.15
gpu0.name = NVIDIA L4
gpu0.utilisation = 25
gpu0.memory_used = 1073741824
gpu0.memory_total = 24696061952
gpu0.power = 31500
gpu0.energy = 1000+31500/s
gpu0.processes =
gpu1.name = NVIDIA L4
gpu1.utilisation = 75
gpu1.memory_used = 2147483648
gpu1.memory_total = 24696061952
gpu1.power = 61500
gpu1.energy = 5000+61500/s
gpu1.processes =
";

/// `Dl_info` of the C library.
#[repr(C)]
struct Place {
    file: *const c_char,
    base: *mut c_void,
    name: *const c_char,
    address: *mut c_void,
}

unsafe extern "C" {
    fn dladdr(address: *const c_void, place: *mut Place) -> c_int;
}

/// The file beside the library that this is.
fn beside() -> Option<PathBuf> {
    let mut place = Place {
        file: std::ptr::null(),
        base: std::ptr::null_mut(),
        name: std::ptr::null(),
        address: std::ptr::null_mut(),
    };
    // SAFETY: the address is one of this library, and the answer's texts live as long as it is loaded.
    let own = unsafe {
        let found = dladdr((beside as fn() -> Option<PathBuf>) as *const c_void, &raw mut place);
        (found != 0 && !place.file.is_null())
            .then(|| CStr::from_ptr(place.file).to_bytes().to_vec())
    }?;
    let mut name = OsStr::from_bytes(&own).to_owned();
    name.push(".play");
    Some(PathBuf::from(name)).filter(|path| path.exists())
}

/// Since `nvmlInit`.
pub fn elapsed() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The value of a key that holds now.
pub fn text(key: &str) -> Option<String> {
    let named = std::env::var_os(FILE).map(PathBuf::from);
    let file = named.or_else(beside);
    let file = file.map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let file = file.as_deref().unwrap_or(TWO);
    let now = elapsed().as_secs_f64();
    let line = file.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then_some(value)
    })?;
    let mut parts = line.split('|').map(str::trim);
    let mut holds = parts.next()?;
    for part in parts {
        if let Some((from, value)) = part.split_once(':')
            && from.trim().parse().is_ok_and(|from: f64| from <= now)
        {
            holds = value.trim();
        }
    }
    Some(holds.to_owned())
}

/// A text, or the code to return.
pub fn said(key: &str) -> Result<String, c_uint> {
    let text = text(key).ok_or(NOT_SUPPORTED)?;
    match text.strip_prefix("error ") {
        Some(code) => Err(code.parse().unwrap_or(UNKNOWN)),
        None => Ok(text),
    }
}

/// A number, or the code to return.
pub fn number(key: &str) -> Result<u64, c_uint> {
    let text = said(key)?;
    if let Some((start, rate)) = text.split_once('+') {
        let rate = rate.trim_end_matches("/s").parse::<f64>();
        let (start, rate) =
            (start.parse::<u64>().map_err(|_| UNKNOWN)?, rate.map_err(|_| UNKNOWN)?);
        return Ok(start + (rate * elapsed().as_secs_f64()) as u64);
    }
    text.parse().map_err(|_| UNKNOWN)
}

/// A number with a fraction, or the code to return.
pub fn decimal(key: &str) -> Result<f64, c_uint> {
    said(key)?.parse().map_err(|_| UNKNOWN)
}

/// A list of entries `a:b:c`. `children` stands for each child of this process.
pub fn entries(key: &str) -> Result<Vec<Vec<String>>, c_uint> {
    let text = said(key)?;
    let mut found = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let fields: Vec<String> = entry.split(':').map(ToOwned::to_owned).collect();
        if fields[0] != "children" {
            found.push(fields);
            continue;
        }
        for child in children() {
            found.push([&[child], &fields[1..]].concat());
        }
    }
    Ok(found)
}

/// Processes that any thread of this one has started.
fn children() -> Vec<String> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    let pids = lists.iter().flat_map(|list| list.split_whitespace());
    pids.map(ToOwned::to_owned).collect()
}
