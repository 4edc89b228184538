//! Which cell is measured next, where a grid is too large to measure all of it.
//!
//! A Gaussian process for each figure says what the cells that were not measured may be like; the next visit goes where it
//! promises most of what is aimed at (the volume that the front would gain, where the limits are kept). What is known of the noise
//! of each figure goes in, and a cell is recommended only when it was measured and keeps the limits by more than the noise.
//!
//! Making the visits is left to the session. Invariant: the same visits with the same figures and the same seed lead to the
//! same next visit; no clock, file or process is known here.
//!
//! # Sources
//! Rasmussen and Williams 2006 (5.4.1, marginal likelihood); Emmerich, Deutz and Klinkenberg 2011 (expected improvement of the
//! hypervolume); Gramacy and Lee 2011, Schonlau et al. 1998 (expected improvement times the probability that limits are kept);
//! Minka 2001 (a figure of which only a bound is known); Frazier et al. 2009 (what one more visit may change, where visits are noisy).

mod aims;
mod bar;
pub mod effects;
mod fit;
mod gain;
mod halving;
mod kernel;
mod model;
mod policy;
mod process;
mod recommend;
mod slice;
mod space;
mod state;
mod step;

pub use self::aims::{Aims, Bound, Figure, Reading, Scale};
pub use self::bar::Bar;
pub use self::gain::covered;
pub use self::policy::{Method, SearchPolicy};
pub use self::recommend::NearMiss;
pub use self::slice::{Slice, SlicePoint};
pub use self::space::{Axis, Space, UNSET};
pub use self::state::{Search, Short, Told};

#[cfg(test)]
mod tests;
