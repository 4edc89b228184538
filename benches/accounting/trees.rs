//! The trees, as their processes play them.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{ROLE, TRUTH};

const MB: usize = 1 << 20;

/// Plays a role: a name and numbers, separated by colons.
pub(super) fn play(role: &str) {
    let mut words = role.split(':');
    let name = words.next().unwrap();
    let n: Vec<usize> = words.map(|word| word.parse().unwrap()).collect();
    // Nothing is to be done before the samplers are there: they say so by closing the standard input.
    if !matches!(name, "burn" | "hold" | "between" | "parent" | "busy") {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        pause(150);
    }
    match name {
        "busy" => super::cost::worker(),
        "burn" => burn(n[0]),
        "hold" => {
            let memory = touched(n[0] * MB);
            pause(n[1]);
            drop(memory);
        }
        "sequence" => {
            for _ in 0..n[0] {
                child(&format!("burn:{}", n[1])).wait().unwrap();
            }
        }
        "daemon" => {
            child(&format!("between:{}", n[0])).wait().unwrap();
            pause(n[0] * 5 / 2);
        }
        "between" => {
            rustix::process::setsid().unwrap();
            // It is left to whoever adopts it.
            drop(child(&format!("burn:{}", n[0])));
        }
        "nested" => nested(&n),
        "threads" => threads(&n),
        "sharing" => sharing(n[0], n[1] * MB),
        "spike" => spike(&n),
        "zombies" | "orphaned" => {
            children(n[0], n[1]);
            pause(400);
            if name == "orphaned" {
                kill_self();
            }
        }
        "parent" => {
            children(n[0], n[1]);
            println!("ready");
            pause(60_000);
        }
        "killed" => killed(&n),
        "ignores" => {
            for _ in 0..n[0] {
                // Its end cannot be waited for: the kernel has forgotten it by then.
                let _ = child(&format!("burn:{}:1", n[1])).wait();
            }
        }
        "separate" => separate(&n),
        other => panic!("there is no role {other}"),
    }
    if name == "burn" && n.len() > 1 {
        say("unwaited", usize::try_from(used_ns()).unwrap());
    }
}

fn nested(n: &[usize]) {
    let threads: Vec<_> = (0..n[0])
        .map(|_| {
            let role = format!("burn:{}", n[1]);
            std::thread::spawn(move || child(&role).wait().unwrap())
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn separate(n: &[usize]) {
    let own = base();
    let held: Vec<_> = (0..n[0]).map(|_| child(&format!("hold:{}:900", n[1]))).collect();
    for mut one in held {
        one.wait().unwrap();
    }
    say("base", own);
    say("allocated", n[0] * n[1] * MB);
}

fn threads(n: &[usize]) {
    let own = base();
    let memory = touched(n[2] * MB);
    let threads: Vec<_> = (0..n[0])
        .map(|_| {
            let ms = n[1];
            std::thread::spawn(move || burn_thread(ms))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    pause(300);
    drop(memory);
    say("base", own);
    say("allocated", n[2] * MB);
}

/// Memory that this process and what it forks have in common.
fn sharing(readers: usize, bytes: usize) {
    let own = base();
    let memory = touched(bytes);
    let mut forked = Vec::new();
    for _ in 0..readers {
        #[expect(unsafe_code, reason = "there is no safe fork")]
        // SAFETY: this process has one thread, so the child may do all that this one may.
        match unsafe { nix::unistd::fork() }.unwrap() {
            nix::unistd::ForkResult::Parent { child } => forked.push(child),
            nix::unistd::ForkResult::Child => {
                for _ in 0..10 {
                    let sum: u64 = memory.iter().step_by(4096).map(|byte| u64::from(*byte)).sum();
                    std::hint::black_box(sum);
                    pause(100);
                }
                return;
            }
        }
    }
    for one in forked {
        nix::sys::wait::waitpid(one, None).unwrap();
    }
    drop(memory);
    say("base", own);
    say("allocated", bytes);
}

fn spike(n: &[usize]) {
    let own = base();
    let memory = touched(n[0] * MB);
    pause(500);
    let spike = touched(n[1] * MB);
    pause(n[2]);
    drop(spike);
    say("base", own);
    say("allocated", (n[0] + n[1]) * MB);
    pause(n[3]);
    drop(memory);
}

/// Starts as many children at a time as there are cores, and waits for none of them; they have ended when this returns.
fn children(count: usize, ms: usize) {
    let mut started = Vec::new();
    for _ in 0..count {
        let one = child(&format!("burn:{ms}"));
        let pid = rustix::process::Pid::from_child(&one);
        let ended = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), ended).unwrap();
        started.push(one);
    }
}

/// A parent between this one and its children is killed before it has waited for them.
fn killed(n: &[usize]) {
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .env(ROLE, format!("parent:{}:{}", n[0], n[1]))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    parent.stdout.take().unwrap().read_exact(&mut [0; 6]).unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    pause(200);
}

fn kill_self() {
    let pid = rustix::process::getpid();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    pause(60_000);
}

fn child(role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap()).env(ROLE, role).spawn().unwrap()
}

fn pause(ms: usize) {
    std::thread::sleep(Duration::from_millis(ms as u64));
}

fn nanoseconds(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

fn used_ns() -> u64 {
    nanoseconds(ClockId::ProcessCPUTime)
}

/// Uses so many milliseconds of CPU time.
fn burn(ms: usize) {
    until(ClockId::ProcessCPUTime, ms);
}

/// The same on the clock of the thread.
fn burn_thread(ms: usize) {
    until(ClockId::ThreadCPUTime, ms);
}

fn until(clock: ClockId, ms: usize) {
    let end = nanoseconds(clock) + ms as u64 * 1_000_000;
    while nanoseconds(clock) < end {
        std::hint::spin_loop();
    }
}

fn touched(bytes: usize) -> Vec<u8> {
    let mut memory = vec![0_u8; bytes];
    for page in memory.chunks_mut(4096) {
        page[0] = 1;
    }
    std::hint::black_box(memory)
}

/// What this process holds now, in bytes.
fn base() -> usize {
    let text = fs_err::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size()
}

/// A line for who measures.
fn say(key: &str, value: usize) {
    let path = std::env::var(TRUTH).unwrap();
    let mut file = fs_err::OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{key} {value}").unwrap();
}
