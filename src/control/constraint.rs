//! What bounds say of a constraint.

use crate::event::{Constraint, Ruling};
use crate::stats::Bounds;

/// What bounds that hold for certain say of it.
pub(super) fn ruling(of: &Constraint, bounds: Bounds) -> Ruling {
    let (near, far) =
        if of.op.is_upper() { (bounds.low, bounds.high) } else { (bounds.high, bounds.low) };
    if far.is_some_and(|far| of.op.holds(far, of.limit)) {
        Ruling::Met
    } else if near.is_some_and(|near| !of.op.holds(near, of.limit)) {
        Ruling::Broken
    } else {
        Ruling::Open
    }
}

/// What a figure that will not change makes certain.
pub(super) const fn decided(holds: bool) -> Ruling {
    if holds { Ruling::Met } else { Ruling::Broken }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Op;

    fn constraint(op: Op) -> Constraint {
        Constraint { metric: "serve.latency_p99".into(), op, limit: 2.0 }
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
            let found = ruling(&constraint(op), Bounds { low, high });
            assert_eq!(found, says, "{op} {low:?} {high:?}");
        }
    }
}
