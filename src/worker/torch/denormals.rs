//! Subnormal numbers: read and written as zero, if asked, which spares the processor its slow path for them.

/// Flush results to zero (bit 15) and read operands as zero (bit 6): Intel's Software Developer's Manual, volume 1,
/// section 10.2.3.
#[cfg(target_arch = "x86_64")]
const FLUSH: u32 = 0x8040;

/// Sets the calling thread's mode, which the threads that it starts later inherit: so call it before libtorch starts any.
/// Returns what the processor does from now on: `on`, `off` or `unsupported`.
#[cfg(target_arch = "x86_64")]
pub(super) fn flush(wanted: bool) -> &'static str {
    let before = control();
    set_control(if wanted { before | FLUSH } else { before & !FLUSH });
    if control() & FLUSH == FLUSH { "on" } else { "off" }
}

/// Other processors have such a mode too, but nothing here sets it.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn flush(wanted: bool) -> &'static str {
    if wanted { "unsupported" } else { "off" }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "MXCSR can only be read by an instruction")]
fn control() -> u32 {
    let mut value = 0_u32;
    // SAFETY: the instruction stores 32 bits at the address given, which is that of a live u32.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack, preserves_flags));
    }
    value
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "MXCSR can only be written by an instruction")]
fn set_control(value: u32) {
    // SAFETY: `value` is what `control` returned but for the two flush bits, which every x86-64 processor has, so no
    // reserved bit is set. Rust assumes the default mode when it folds constants; nothing here depends on subnormals.
    unsafe {
        std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack, readonly, preserves_flags));
    }
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::*;
    use tch::{Kind, Tensor};

    /// How many of a million subnormal numbers survive a product that libtorch spreads over its threads.
    fn survivors() -> i64 {
        // From bits, since arithmetic would flush them already: 0x000f_ffff is 1.5e-39.
        let bits = vec![0x000f_ffff_i32; 1 << 20];
        let product = Tensor::from_slice(&bits).view_dtype(Kind::Float) * 1.0_f64;
        let left = product.view_dtype(Kind::Int).count_nonzero(None);
        left.int64_value(&[])
    }

    /// On a thread of its own, whose mode is not another test's and for which libtorch starts a team of its own.
    fn alone(test: impl FnOnce() + Send + 'static) {
        let thread = std::thread::spawn(|| {
            tch::set_num_threads(4);
            test();
        });
        thread.join().unwrap();
    }

    #[test]
    fn every_compute_thread_inherits_the_mode() {
        alone(|| {
            assert_eq!(flush(true), "on");
            assert_eq!(survivors(), 0);
        });
        alone(|| {
            assert_eq!(flush(false), "off");
            assert_eq!(survivors(), 1 << 20);
            // Too late for the team, which has started: only this thread's own share is flushed now.
            assert_eq!(flush(true), "on");
            assert!((1..1 << 20).contains(&survivors()));
        });
    }
}
