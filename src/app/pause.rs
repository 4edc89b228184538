//! A wait of a length that is known.

use std::sync::mpsc;
use std::time::Duration;

/// Nothing happens for so long.
pub fn pause(time: Duration) {
    // Nobody sends anything.
    let (_waiting, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(time);
}
