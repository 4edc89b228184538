//! What a rule is declared with: its name, its parameters with their units and defaults, and how it begins.

use super::{RuleSpec, SeriesRule};

/// What a parameter is measured in, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// A share of one, written `5%` or `0.05`.
    Share,
    /// A time, written with its unit, such as `500ms`; kept in seconds.
    Seconds,
    /// The same, or `off`; kept as infinity.
    SecondsOrOff,
    /// A whole number.
    Count,
    /// One of these words; kept as its place.
    Word(&'static [&'static str]),
}

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub struct ParamDef {
    /// Its name.
    pub name: &'static str,
    /// Its unit.
    pub kind: ParamKind,
    /// In the base unit.
    pub default: f64,
    /// Which values are allowed, in the base unit.
    pub allowed: fn(f64) -> bool,
    /// How a message says so.
    pub says: &'static str,
    /// One line.
    pub about: &'static str,
}

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct RuleDef {
    /// Its name.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// Its parameters, in the order in which they are shown.
    pub params: &'static [ParamDef],
    /// The rule at the beginning of a series; absent for one that needs the whole of it.
    pub(super) build: Option<fn(&RuleSpec) -> Box<dyn SeriesRule>>,
    /// Whether the precision and the confidence that a run asks for take the place of its defaults.
    pub(super) takes_precision: bool,
}

pub(super) const fn share(name: &'static str, default: f64, about: &'static str) -> ParamDef {
    ParamDef {
        name,
        kind: ParamKind::Share,
        default,
        allowed: |value| value > 0.0 && value < 1.0,
        says: "a percentage between 0% and 100%",
        about,
    }
}

pub(super) const fn confidence(default: f64) -> ParamDef {
    ParamDef {
        name: "confidence",
        kind: ParamKind::Share,
        default,
        allowed: |value| value > 0.5 && value < 1.0,
        says: "a percentage between 50% and 100%",
        about: "nominal confidence of the interval",
    }
}

pub(super) const fn count(name: &'static str, default: f64, about: &'static str) -> ParamDef {
    ParamDef {
        name,
        kind: ParamKind::Count,
        default,
        allowed: |value| (1.0..=100_000.0).contains(&value),
        says: "a whole number from 1 to 100000",
        about,
    }
}

pub(super) const fn count_from_0(
    name: &'static str,
    default: f64,
    about: &'static str,
) -> ParamDef {
    ParamDef {
        allowed: |value| (0.0..=100_000.0).contains(&value),
        says: "a whole number from 0 to 100000",
        ..count(name, default, about)
    }
}

/// A number of intervals whose spread or agreement is asked for, so more than one or two.
pub(super) const fn count_from_3(
    name: &'static str,
    default: f64,
    about: &'static str,
) -> ParamDef {
    ParamDef {
        allowed: |value| (3.0..=100_000.0).contains(&value),
        says: "a whole number from 3 to 100000",
        ..count(name, default, about)
    }
}

pub(super) const fn time(name: &'static str, default: f64, about: &'static str) -> ParamDef {
    ParamDef {
        name,
        kind: ParamKind::Seconds,
        default,
        allowed: |value| (0.0..=31_536_000.0).contains(&value),
        says: "a duration such as 500ms, at most a year",
        about,
    }
}

pub(super) const WITHIN: ParamDef =
    share("within", 0.05, "half-width of the interval, as a share of the figure");
