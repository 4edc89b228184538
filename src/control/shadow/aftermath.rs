//! The look at the test data of a run that would have been stopped before.
//!
//! It comes after the stop, and may set the record of the run's memory. By how much it rises above what the process holds when
//! it begins was recorded; what the process holds was not the same at the stop, so the rise is added to what it held there.

use crate::event::{Phase, ResourceSample, WorkerEvent};

/// Resident memory of a tick, and the high-water mark, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Held {
    rss: f64,
    high_water: f64,
}

/// Memory around the look at the test data.
#[derive(Debug, Clone, Default)]
pub(super) struct Aftermath {
    last: Option<Held>,
    at_stop: Option<Held>,
    before_test: Option<Held>,
    /// The largest of the ticks in it, and the newest high-water mark.
    in_test: Option<Held>,
    testing: bool,
}

impl Aftermath {
    pub(super) fn on_sample(&mut self, sample: &ResourceSample) {
        let (Some(rss), Some(high_water)) = (sample.rss_bytes, sample.peak_bytes) else {
            return;
        };
        let held = Held { rss: rss as f64, high_water: high_water as f64 };
        self.last = Some(held);
        if self.testing {
            let rss = self.in_test.map_or(held.rss, |test| test.rss.max(held.rss));
            self.in_test = Some(Held { rss, ..held });
        }
    }

    pub(super) fn on_worker(&mut self, event: &WorkerEvent) {
        match event {
            WorkerEvent::Phase { phase } => {
                self.testing = *phase == Phase::Test;
                if self.testing {
                    (self.before_test, self.in_test) = (self.last, None);
                }
            }
            WorkerEvent::Finished(finished) => {
                // The kernel's own last word is newer than the last tick.
                let said = finished.usage.vm_hwm_bytes.map(|bytes| bytes as f64);
                if let (Some(said), true, Some(last)) = (said, self.testing, self.last) {
                    let test = self.in_test.unwrap_or(last);
                    let high_water = test.high_water.max(said);
                    self.in_test = Some(Held { high_water, ..test });
                }
                self.testing = false;
            }
            _ => {}
        }
    }

    /// The run is stopped now.
    pub(super) fn stop(&mut self) {
        self.at_stop = self.last;
    }

    /// What the process would have held at most while it looked at the test data, in bytes; absent where a tick is missing.
    pub(super) fn peak(&self) -> Option<f64> {
        let (at_stop, before, test) = (self.at_stop?, self.before_test?, self.in_test?);
        // A new high-water mark was reached in it, between the ticks.
        let most = if test.high_water > before.high_water {
            test.high_water.max(test.rss)
        } else {
            test.rss
        };
        Some(at_stop.rss + (most - before.rss).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Finished, Usage};

    fn tick(rss: u64, high_water: u64) -> ResourceSample {
        ResourceSample {
            rss_bytes: Some(rss),
            peak_bytes: Some(high_water),
            ..ResourceSample::default()
        }
    }

    fn finished(high_water: u64) -> WorkerEvent {
        WorkerEvent::Finished(Finished {
            stopped: false,
            epochs: 1,
            test_loss: None,
            test_accuracy: None,
            test_samples: None,
            usage: Usage { cpu_ns: None, vm_hwm_bytes: Some(high_water), hwm_at_most_bytes: None },
        })
    }

    #[test]
    fn the_rise_is_that_of_the_recording() {
        // Tick in the test, what the kernel says at the end, and the peak that follows; the run held 100 at the stop and
        // 150 (at most 180) when the test began.
        for (in_test, end, says) in [
            (Some((170, 180)), 180, Some(120.0)),
            (Some((170, 200)), 230, Some(180.0)),
            (Some((140, 180)), 180, Some(100.0)),
            (None, 190, Some(140.0)),
        ] {
            let mut aftermath = Aftermath::default();
            aftermath.on_sample(&tick(100, 110));
            aftermath.stop();
            aftermath.on_sample(&tick(150, 180));
            aftermath.on_worker(&WorkerEvent::Phase { phase: Phase::Test });
            if let Some((rss, high_water)) = in_test {
                aftermath.on_sample(&tick(rss, high_water));
            }
            aftermath.on_worker(&finished(end));
            assert_eq!(aftermath.peak(), says, "{in_test:?} {end}");
        }
        assert_eq!(Aftermath::default().peak(), None);
    }
}
