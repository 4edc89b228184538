//! What the kernel says of a child of ours that has ended and has not been waited for: its exact account.

use crate::event;
use crate::sampler::proc::{ProcRoot, parse};

/// What a child may touch between the reading of its mark and its exec: some pages of libraries, and what the kernel keeps
/// uncounted for each CPU.
const SLACK: u64 = 4 << 20;

/// Our own largest resident memory so far, in bytes.
pub(super) fn own_high_water() -> Option<u64> {
    parse::high_water(&ProcRoot::system().read("self/status").ok()?)
}

/// The kernel's mark of our own memory, in bytes, by one system call and nothing else: for a child before its exec.
pub(in crate::sampler) fn own_mark() -> Option<u64> {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).ok()?;
    u64::try_from(usage.max_rss()).ok()?.checked_mul(1024)
}

/// The account of our own child `pid`, as the end of a run tells it.
pub(in crate::sampler) fn last_account(pid: u32, inherited: Option<u64>) -> Option<event::Usage> {
    let account = of_zombie(pid)?;
    let own = own_high_water()?;
    let floor = inherited.map_or(own, |inherited| own.min(inherited.saturating_add(SLACK)));
    let most = Some(account.most_rss);
    Some(event::Usage {
        cpu_ns: Some(account.cpu_ns),
        vm_hwm_bytes: most.filter(|most| *most > floor),
        hwm_at_most_bytes: most.filter(|most| *most <= floor),
    })
}

/// The account of a process that has ended, with all descendants that were waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// User and system time in nanoseconds, counted in microseconds: `stat` cuts the part of the descendants to whole
    /// clock ticks, twice.
    pub(super) cpu_ns: u64,
    /// Largest resident memory of any one of them in bytes, which is not below that of the process that started the first of
    /// them: exec keeps the mark of whom it was spawned by.
    pub(super) most_rss: u64,
}

/// That of our own child `pid`, which stays in the process table; `None` where it has not ended, or is no child of ours.
pub(super) fn of_zombie(pid: u32) -> Option<Usage> {
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0)?;
    let mut usage = std::mem::MaybeUninit::<nix::libc::rusage>::zeroed();
    let mut info = std::mem::MaybeUninit::<nix::libc::siginfo_t>::zeroed();
    let options = nix::libc::WEXITED | nix::libc::WNOWAIT | nix::libc::WNOHANG;
    #[expect(
        unsafe_code,
        reason = "only the system call itself has the fifth argument that waitid(2) names"
    )]
    // SAFETY: both pointers are to memory of the right type and size that is ours until the call returns, and all zeros is a
    // value of both types; the kernel writes them or leaves them. With WNOWAIT and WNOHANG the call neither blocks nor
    // changes who has been waited for.
    let (result, usage, info) = unsafe {
        let result = nix::libc::syscall(
            nix::libc::SYS_waitid,
            nix::libc::P_PID,
            pid,
            info.as_mut_ptr(),
            options,
            usage.as_mut_ptr(),
        );
        (result, usage.assume_init(), info.assume_init())
    };
    // Without a child in that state the call succeeds, and leaves what it would have said as it was.
    if result != 0 || info.si_signo == 0 {
        return None;
    }
    let ns = |time: nix::libc::timeval| -> Option<u64> {
        let seconds = u64::try_from(time.tv_sec).ok()?;
        let micros = u64::try_from(time.tv_usec).ok()?;
        seconds.checked_mul(1_000_000_000)?.checked_add(micros.checked_mul(1000)?)
    };
    Some(Usage {
        cpu_ns: ns(usage.ru_utime)?.checked_add(ns(usage.ru_stime)?)?,
        most_rss: u64::try_from(usage.ru_maxrss).ok()?.checked_mul(1024)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn short_children_of_a_child_are_counted_to_the_microsecond() {
        let script = "i=0; while [ $i -lt 50 ]; do /bin/true; i=$((i+1)); done";
        let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let ended = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), ended).unwrap();
        let usage = last_account(child.id(), None).unwrap();
        // Fifty processes cost some milliseconds; counted in ticks of 10 ms each would be nothing.
        let cpu = usage.cpu_ns.unwrap();
        assert!(cpu > 5_000_000, "{cpu}");
        // Of a process smaller than this one the kernel tells a bound.
        assert!(usage.vm_hwm_bytes.is_some() != usage.hwm_at_most_bytes.is_some());
        let most = usage.vm_hwm_bytes.or(usage.hwm_at_most_bytes).unwrap();
        for (inherited, told) in [(0, most > SLACK), (most, false)] {
            let usage = last_account(child.id(), Some(inherited)).unwrap();
            assert_eq!(usage.vm_hwm_bytes.is_some(), told, "{inherited}: {usage:?}");
        }
        child.wait().unwrap();
        assert_eq!(last_account(child.id(), None), None);
    }

    #[test]
    fn only_a_child_that_has_ended_and_was_not_waited_for_has_an_account() {
        let mut child = Command::new("sh")
            .args(["-c", "read x"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(of_zombie(child.id()), None, "it lives");
        assert_eq!(of_zombie(1), None);
        assert_eq!(of_zombie(u32::MAX), None);
        assert_eq!(of_zombie(0), None, "that would be anybody in our group");
        drop(child.stdin.take());
        let pid = rustix::process::Pid::from_child(&child);
        let ended = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), ended).unwrap();
        let first = of_zombie(child.id()).unwrap();
        assert!(first.cpu_ns > 0 && first.most_rss > 100_000, "{first:?}");
        assert_eq!(of_zombie(child.id()), Some(first), "it is still there");
        child.wait().unwrap();
        assert_eq!(of_zombie(child.id()), None);
    }
}
