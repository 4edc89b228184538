//! How active the parts of a device were: counters of GPM (GPU Performance Monitoring), which Hopper and its successors have.
//!
//! A figure is of the time between two samples of the counters, so the first look tells nothing yet.

use nvml_wrapper::Device;
use nvml_wrapper::gpm::GpmSample;

use super::calls;
use super::reading::Activity;
use super::words::words;
use crate::event::{GapKind, Reason};

/// The counters of a device.
#[derive(Debug, Default)]
pub(super) struct ActivityCounters {
    /// Whether it has them: asked once.
    there: Option<Result<(), Reason>>,
    /// As they were when it was asked last.
    before: Option<GpmSample<'static>>,
}

impl ActivityCounters {
    /// What they say of the time since the call before.
    pub(super) fn ask(&mut self, device: &Device<'static>) -> Activity {
        self.since_before(device).unwrap_or_else(Activity::from)
    }

    fn since_before(&mut self, device: &Device<'static>) -> Result<Activity, Reason> {
        // After a failure there is nothing to compare with.
        let before = self.before.take();
        self.there.get_or_insert_with(|| there(device)).clone()?;
        let now = device.gpm_sample().map_err(|error| words(&error))?;
        let now = self.before.insert(now);
        let first =
            || Reason::new(GapKind::Waiting, "it is told between two looks, from the second on");
        let [sm, tensor, dram] = calls::activity(&before.ok_or_else(first)?, now)?;
        Ok(Activity { sm, tensor, dram })
    }
}

/// Whether a device has such counters, and its driver all calls to read and free them.
fn there(device: &Device<'static>) -> Result<(), Reason> {
    let has_them = device.gpm_support().map_err(|error| words(&error))?;
    let why = "the device has no such counters (GPM): Hopper and its successors have them; `gpu.utilisation` and `gpu.power` are told of others";
    if !has_them {
        return Err(Reason::unsupported(why));
    }
    calls::can_free_samples(device)
}
