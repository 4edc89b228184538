//! What the kernel has counted of a process that has ended, said once: when it is removed from the process table.

use crate::event::Usage;

/// Removes an ended child from the process table. CPU time is that of the process and of all that it and its children
/// have waited for, to the microsecond; the peak that of the largest of these processes, where it can be told.
///
/// The kernel's `ru_maxrss` begins with the memory of the process that was copied to start the child, this one: what is
/// not above the most that this process ever had may be that.
#[cfg(target_os = "linux")]
pub fn reap(pid: u32) -> Option<Usage> {
    use nix::libc;
    use nix::sys::resource::{UsageWho, getrusage};

    let own = getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss();
    let pid = i32::try_from(pid).ok()?;
    let mut status = 0;
    #[expect(unsafe_code, reason = "no crate in use has a safe wait4")]
    // SAFETY: a `rusage` is plain numbers, for which all zeros are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    #[expect(unsafe_code, reason = "no crate in use has a safe wait4")]
    // SAFETY: both pointers are to values that live until the call returns, and the kernel writes into nothing else.
    let found = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    let ns = |time: libc::timeval| {
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let micros = u64::try_from(time.tv_usec).unwrap_or(0);
        seconds * 1_000_000_000 + micros * 1_000
    };
    let most = u64::try_from(usage.ru_maxrss).ok().map(|kib| kib * 1024);
    let is_its = usage.ru_maxrss > own;
    (found == pid).then(|| Usage {
        cpu_ns: Some(ns(usage.ru_utime) + ns(usage.ru_stime)),
        vm_hwm_bytes: most.filter(|_| is_its),
        hwm_at_most_bytes: most.filter(|_| !is_its),
    })
}

/// The same where nobody tells: the child stays for who started it.
#[cfg(not(target_os = "linux"))]
pub const fn reap(_pid: u32) -> Option<Usage> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn short_children_of_a_child_are_counted_to_the_microsecond() {
        let script = "i=0; while [ $i -lt 50 ]; do /bin/true; i=$((i+1)); done";
        #[expect(clippy::zombie_processes, reason = "`reap` is what waits for it")]
        let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let usage = reap(child.id()).unwrap();
        // Fifty processes cost some milliseconds; counted in ticks of 10 ms each would be nothing.
        let cpu = usage.cpu_ns.unwrap();
        assert!(cpu > 5_000_000, "{cpu}");
        // Of a process smaller than this one the kernel tells a bound.
        assert!(usage.vm_hwm_bytes.is_some() != usage.hwm_at_most_bytes.is_some());
        assert_eq!(reap(child.id()), None);
    }
}
