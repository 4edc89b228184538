//! What the load does to the figures of a stage.

use super::assessment::{ALPHA, bounds_of, settle};
use super::series::Series;
use super::times::{BUSY, STEPS, own_share};
use crate::event::{Note, Num};
use crate::stats::batches::total;
use crate::stats::{Bounds, Tail};

/// What the load does to the figures of a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Load {
    /// Nothing: they are the model's.
    Bearable,
    /// For certain the answers take longer than the gaps between the requests, in seconds each: the queue grows without
    /// end.
    Overloaded { answer_s: f64, gap_s: f64 },
    /// The worker does not play the pattern: nothing is known of how requests would wait.
    Unplayed,
    /// For this share of the mean latency a request was due and the model was not at work.
    Generator { own: f64 },
}

impl Load {
    /// As a note; nothing where there is nothing to say.
    pub(crate) fn note(self) -> Option<Note> {
        match self {
            Self::Bearable => None,
            Self::Overloaded { answer_s, gap_s } => Some(Note::Overloaded {
                answer_s: Num(answer_s),
                gap_s: Num(gap_s),
                confidence: Num(1.0 - ALPHA),
            }),
            Self::Unplayed => Some(Note::Unplayed),
            Self::Generator { own } => Some(Note::GeneratorBound { share: Num(own) }),
        }
    }
}

impl Series {
    /// What the load does to the figures.
    pub(crate) fn load(&self) -> Load {
        if self.unplayed {
            return Load::Unplayed;
        }
        if let Some(rate_per_s) = self.queue.rate_per_s() {
            let found = self.answers();
            if let Some(answer_s) = found.low.filter(|answer_s| answer_s * rate_per_s > 1.0) {
                let gap_s = 1.0 / rate_per_s;
                return Load::Overloaded { answer_s, gap_s };
            }
        }
        let own = own_share(&self.times, self.beginning().cut);
        own.map_or(Load::Bearable, |own| Load::Generator { own })
    }

    /// Bounds on the mean time of an answer. In a queue that grows the latencies never settle, while the answers may.
    fn answers(&self) -> Bounds {
        let parts = self.times.parts(BUSY, STEPS);
        let settled = settle(&parts, total(&parts).amount);
        let left = &parts[settled.cut..];
        bounds_of(left, settled.settled, self.times.per_batch(), Tail::Above, ALPHA)
    }
}
