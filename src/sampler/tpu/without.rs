//! In place of the client, where the feature `tpu` is off.

use super::reading::Service;
use crate::event::Reason;

/// There is none.
pub(super) enum MetricsClient {}

impl MetricsClient {
    /// Says how to have one.
    pub(super) fn new(_ports: Vec<u16>) -> Result<Self, Reason> {
        Err(Reason::unsupported(super::HOW_TO_BUILD))
    }

    /// Never called.
    pub(super) fn ask(&mut self) -> Vec<Service> {
        match *self {}
    }
}
