//! What identifies this process and its environment, and what it has used.

use std::collections::BTreeMap;

use super::device;
use perftune::event::{Hello, JobSpec, PROTOCOL_VERSION, READS_LATE, Usage};

/// Name and version of this worker.
pub(super) const WORKER: &str = concat!("perftune-worker ", env!("CARGO_PKG_VERSION"));

/// Variables that change how the C library allocates.
const ALLOCATOR_VARIABLES: &[&str] = &[
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_ARENA_MAX",
    "GLIBC_TUNABLES",
    "LD_PRELOAD",
];

/// Variables that change how libtorch's threads compute and wait.
const THREAD_VARIABLES: &[&str] = &[
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "OMP_PROC_BIND",
    "OMP_PLACES",
    "GOMP_SPINCOUNT",
    "GOMP_CPU_AFFINITY",
    "MKL_NUM_THREADS",
    "MKL_CBWR",
    "ONEDNN_MAX_CPU_ISA",
];

/// The first message. `denormals` is what [`super::denormals::flush`] returned.
pub(super) fn hello(job: &JobSpec, denormals: &str) -> Hello {
    let read = |name: &str| std::env::var(name).ok();
    let mut facts = vec![
        ("libtorch", libtorch()),
        ("cpu_capability", cpu_capability()),
        ("threads", tch::get_num_threads().to_string()),
        ("interop_threads", tch::get_num_interop_threads().to_string()),
        ("flush_denormals", denormals.to_owned()),
        ("allocator", variables(ALLOCATOR_VARIABLES, "system", read)),
        ("thread_environment", variables(THREAD_VARIABLES, "default", read)),
        ("device", job.device.clone()),
        (READS_LATE, "read when serving is over".to_owned()),
        ("mkl", tch::utils::has_mkl().to_string()),
        ("onednn", tch::utils::has_mkldnn().to_string()),
    ];
    facts.extend(device::facts(&job.device));
    Hello {
        protocol: PROTOCOL_VERSION,
        worker: WORKER.to_owned(),
        pid: std::process::id(),
        facts: facts
            .into_iter()
            .map(|(name, fact)| (name.to_owned(), fact))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// The version of the libtorch in this process, or `unknown`.
pub(super) fn libtorch() -> String {
    match abi_version() {
        // Major, minor and patch in the three highest bytes: torch/headeronly/version.h.
        Some(version) => {
            let [major, minor, patch, ..] = version.to_be_bytes();
            format!("{major}.{minor}.{patch}")
        }
        None => "unknown".to_owned(),
    }
}

#[expect(unsafe_code, reason = "calls a C function of libtorch that tch does not bind")]
fn abi_version() -> Option<u64> {
    let process = libloading::os::unix::Library::this();
    // SAFETY: the symbol is part of libtorch's stable C interface and has been `uint64_t (void)` since it was added; it
    // reads a constant. Looked up by name, since older versions lack it.
    unsafe {
        let version =
            process.get::<unsafe extern "C" fn() -> u64>(b"aoti_torch_abi_version\0").ok()?;
        Some(version())
    }
}

/// The widest vector instructions that libtorch's own rule allows here (`compute_cpu_capability` in ATen's
/// `DispatchStub`), which is not exported where Rust could call it.
fn cpu_capability() -> String {
    if let Ok(forced) = std::env::var("ATEN_CPU_CAPABILITY") {
        return format!("{forced} (ATEN_CPU_CAPABILITY)");
    }
    detected().to_owned()
}

#[cfg(target_arch = "x86_64")]
fn detected() -> &'static str {
    let fma = std::arch::is_x86_feature_detected!("fma");
    let wide = std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq");
    if fma && wide {
        "AVX512"
    } else if fma && std::arch::is_x86_feature_detected!("avx2") {
        "AVX2"
    } else {
        "DEFAULT"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detected() -> &'static str {
    std::env::consts::ARCH
}

/// What the environment really says: `NAME=value` for each that is set, or `nothing`.
fn variables(names: &[&str], nothing: &str, read: impl Fn(&str) -> Option<String>) -> String {
    let set: Vec<_> =
        names.iter().filter_map(|name| read(name).map(|value| format!("{name}={value}"))).collect();
    if set.is_empty() { nothing.to_owned() } else { set.join(" ") }
}

/// What this process has used so far.
pub(super) fn usage() -> Usage {
    Usage {
        cpu_ns: Some(cpu_ns()),
        vm_hwm_bytes: fs_err::read_to_string("/proc/self/status")
            .ok()
            .and_then(|status| vm_hwm(&status)),
        hwm_at_most_bytes: None,
    }
}

fn cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    // Both fields are non-negative for this clock.
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// The line `VmHWM:   123 kB` of `/proc/PID/status`, in bytes.
fn vm_hwm(status: &str) -> Option<u64> {
    let value =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?;
    value.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allocator_fact_is_what_the_environment_says() {
        let fact =
            |read: fn(&str) -> Option<String>| variables(ALLOCATOR_VARIABLES, "system", read);
        assert_eq!(fact(|_| None), "system");
        let set = |name: &str| (name == "MALLOC_TOP_PAD_").then(|| "100".to_owned());
        assert_eq!(fact(set), "MALLOC_TOP_PAD_=100");
    }

    #[test]
    fn the_version_is_that_of_the_loaded_library() {
        let version = libtorch();
        assert!(version == "unknown" || version.starts_with("2."), "{version}");
    }

    #[test]
    fn the_peak_is_read_in_bytes_or_not_at_all() {
        assert_eq!(vm_hwm("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(vm_hwm("VmPeak:\t 9 kB\n"), None);
        assert_eq!(vm_hwm("VmHWM:\t lots\n"), None);
        let used = usage();
        assert!(used.cpu_ns.unwrap() > 0 && used.vm_hwm_bytes.unwrap() > 1 << 20);
    }
}
