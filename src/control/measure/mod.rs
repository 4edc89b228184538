//! What is measured: one implementation a kind of series, whatever the source. Which sources there are is what the
//! registry ([`crate::metric`]) says; how a figure is shown, and what follows from it, is decided elsewhere.

pub(crate) mod device;
pub(crate) mod gauge;
pub(crate) mod peak;
pub(crate) mod sampled;
pub(crate) mod tick;
