//! What a run must keep: a metric, a comparison and a limit.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::metric::find;
use crate::stats::Bounds;
use crate::units::Unit;

/// How a figure is compared with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
    /// Below.
    #[serde(rename = "<")]
    Below,
    /// Above.
    #[serde(rename = ">")]
    Above,
}

impl Op {
    /// Whether it limits from above.
    pub const fn is_upper(self) -> bool {
        matches!(self, Self::AtMost | Self::Below)
    }

    /// Whether a figure keeps the limit.
    pub fn holds(self, figure: f64, limit: f64) -> bool {
        match self {
            Self::AtMost => figure <= limit,
            Self::AtLeast => figure >= limit,
            Self::Below => figure < limit,
            Self::Above => figure > limit,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::Above => ">",
        })
    }
}

/// A limit on a metric. A metric of several stages (requests of several sizes, training and serving) must keep it in
/// each of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    /// The catalogue's name.
    pub metric: String,
    /// How it is compared.
    pub op: Op,
    /// The limit, in the metric's base unit; finite.
    pub limit: f64,
}

impl Constraint {
    /// What bounds that hold for certain say of it.
    pub(super) fn ruling(&self, bounds: Bounds) -> Ruling {
        let (near, far) =
            if self.op.is_upper() { (bounds.low, bounds.high) } else { (bounds.high, bounds.low) };
        if far.is_some_and(|far| self.op.holds(far, self.limit)) {
            Ruling::Met
        } else if near.is_some_and(|near| !self.op.holds(near, self.limit)) {
            Ruling::Broken
        } else {
            Ruling::Open
        }
    }

    /// A figure of the metric, for people.
    pub(super) fn shown(&self, figure: f64) -> String {
        find(&self.metric).map_or(Unit::One, |metric| metric.unit).show(figure)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.metric, self.op, self.shown(self.limit))
    }
}

/// What is certain of a constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It is kept.
    Met,
    /// It is not.
    Broken,
    /// Neither is certain.
    Open,
}

/// What is certain of one constraint in one place, with a sentence.
pub(super) struct Finding {
    pub(super) ruling: Ruling,
    pub(super) says: String,
}

impl Finding {
    pub(super) fn new(ruling: Ruling, says: String) -> Self {
        Self { ruling, says }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraint(op: Op) -> Constraint {
        Constraint { metric: "serve.latency_p99".to_owned(), op, limit: 2.0 }
    }

    #[test]
    fn a_limit_is_decided_when_both_ends_agree() {
        use Ruling::{Broken, Met, Open};
        for (op, low, high, says) in [
            (Op::AtMost, Some(1.0), Some(1.9), Met),
            (Op::AtMost, Some(1.0), Some(2.0), Met),
            (Op::Below, Some(1.0), Some(2.0), Open),
            (Op::AtMost, Some(1.0), Some(2.1), Open),
            (Op::AtMost, Some(1.0), None, Open),
            (Op::AtMost, Some(2.1), None, Broken),
            (Op::AtMost, Some(2.0), Some(3.0), Open),
            (Op::Below, Some(2.0), Some(3.0), Broken),
            (Op::AtLeast, Some(2.0), None, Met),
            (Op::Above, Some(2.0), None, Open),
            (Op::AtLeast, Some(1.0), Some(1.9), Broken),
            (Op::Above, None, Some(2.0), Broken),
            (Op::AtLeast, None, None, Open),
        ] {
            let found = constraint(op).ruling(Bounds { low, high });
            assert_eq!(found, says, "{op} {low:?} {high:?}");
        }
    }

    #[test]
    fn it_reads_as_it_is_written() {
        for (metric, op, limit, says) in [
            ("serve.latency_p99", Op::AtMost, 0.01, "serve.latency_p99 <= 10.0 ms"),
            ("memory.peak", Op::Below, 536_870_912.0, "memory.peak < 512 MiB"),
            ("train.throughput", Op::AtLeast, 5000.0, "train.throughput >= 5.00 k/s"),
            ("test_accuracy", Op::AtLeast, 0.88, "test_accuracy >= 0.88"),
            ("cpu.utilisation", Op::Above, 150.0, "cpu.utilisation > 150%"),
        ] {
            let constraint = Constraint { metric: metric.to_owned(), op, limit };
            assert_eq!(constraint.to_string(), says);
            let text = serde_json::to_string(&constraint).unwrap();
            assert_eq!(serde_json::from_str::<Constraint>(&text).unwrap(), constraint);
        }
    }
}
