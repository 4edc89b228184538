//! A rule as it is declared, and with the parameters that it was given: `NAME[:k=v,...]`.

use std::fmt;

use super::error::RuleError;
use super::observe::SeriesRule;
use crate::units::{Share, Span};

/// What a parameter is measured in, how it is written, and which values it may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamKind {
    /// A share of one above this and below 1, written `5%` or `0.05`.
    Share(f64),
    /// A time of at most a year, written with its unit, such as `500ms`; kept in seconds.
    Seconds,
    /// A time above 0, or `off`; kept in seconds or as infinity.
    SecondsOrOff,
    /// A whole number from this on.
    Count(u32),
    /// One of these words; kept as its place.
    Word(&'static [&'static str]),
}

/// The largest count.
const MOST: u32 = 100_000;

const YEAR_S: f64 = 31_536_000.0;

impl ParamKind {
    /// Whether a value, in the base unit, is allowed.
    fn allows(self, value: f64) -> bool {
        match self {
            Self::Share(above) => value > above && value < 1.0,
            Self::Seconds => (0.0..=YEAR_S).contains(&value),
            Self::SecondsOrOff => value > 0.0,
            Self::Count(from) => (f64::from(from)..=f64::from(MOST)).contains(&value),
            Self::Word(_) => true,
        }
    }

    /// How a message says which values are.
    pub(super) fn allowed(self) -> String {
        match self {
            Self::Share(above) => format!("a percentage between {} and 100%", Share(above)),
            Self::Seconds => "a duration such as 500ms, at most a year".to_owned(),
            Self::SecondsOrOff => "a duration such as 15s, or off".to_owned(),
            Self::Count(from) => format!("a whole number from {from} to {MOST}"),
            Self::Word(words) => format!("one of {}", words.join(", ")),
        }
    }
}

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub struct ParamDef {
    /// Its name.
    pub name: &'static str,
    /// Its unit and its range.
    pub kind: ParamKind,
    /// In the base unit.
    pub default: f64,
    /// One line.
    pub about: &'static str,
}

/// Begins a rule with its parameters.
pub(super) type Build = fn(&RuleSpec) -> Box<dyn SeriesRule>;

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
    pub(super) build: Option<Build>,
    /// Whether the precision and the confidence that a run asks for take the place of its defaults.
    pub(super) takes_precision: bool,
}

pub(super) const fn param(
    name: &'static str,
    kind: ParamKind,
    default: f64,
    about: &'static str,
) -> ParamDef {
    ParamDef { name, kind, default, about }
}

pub(super) const fn share(name: &'static str, default: f64, about: &'static str) -> ParamDef {
    param(name, ParamKind::Share(0.0), default, about)
}

pub(super) const fn confidence(default: f64) -> ParamDef {
    param("confidence", ParamKind::Share(0.5), default, "nominal confidence of the interval")
}

/// A number of at least `from`: a spread or an agreement needs three.
pub(super) const fn count(
    name: &'static str,
    from: u32,
    default: f64,
    about: &'static str,
) -> ParamDef {
    param(name, ParamKind::Count(from), default, about)
}

pub(super) const fn time(name: &'static str, default: f64, about: &'static str) -> ParamDef {
    param(name, ParamKind::Seconds, default, about)
}

pub(super) const WITHIN: ParamDef =
    share("within", 0.05, "half-width of the interval, as a share of the figure");

/// A rule and the parameters that were given; the others have their defaults. Displayed as it is written, without
/// parameters that have their default; as `{:#}` with all that were given, which take the place of a run's own.
#[derive(Clone)]
pub struct RuleSpec {
    pub(super) rule: &'static RuleDef,
    /// In the base unit, in the order of the catalogue.
    pub(super) given: Vec<Option<f64>>,
}

impl fmt::Debug for RuleSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string())
    }
}

/// Equal names and equal values: a default that was written out is the default.
impl PartialEq for RuleSpec {
    fn eq(&self, other: &Self) -> bool {
        let values = |spec: &Self| -> Vec<u64> {
            let names = spec.rule.params.iter().map(|param| param.name);
            names.map(|name| spec.value(name).to_bits()).collect()
        };
        self.rule.name == other.rule.name && values(self) == values(other)
    }
}

impl RuleSpec {
    pub(super) fn of(rule: &'static RuleDef) -> Self {
        Self { rule, given: vec![None; rule.params.len()] }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.rule.name
    }

    /// The value of a parameter in its base unit, given or default; NaN where the rule has no such parameter.
    pub fn value(&self, name: &str) -> f64 {
        let at = self.rule.params.iter().position(|p| p.name == name);
        at.map_or(f64::NAN, |at| self.given[at].unwrap_or(self.rule.params[at].default))
    }

    /// The value of a parameter, if it was given.
    pub fn given(&self, name: &str) -> Option<f64> {
        let at = self.rule.params.iter().position(|p| p.name == name)?;
        self.given[at]
    }

    /// The same rule with this value (in the base unit) for a parameter that it has and that was not given.
    #[must_use]
    pub fn or(mut self, name: &str, value: f64) -> Self {
        let at = self.rule.params.iter().position(|p| p.name == name);
        if let Some(at) = at
            && self.rule.params[at].kind.allows(value)
        {
            self.given[at].get_or_insert(self.rule.params[at].tidy(value));
        }
        self
    }

    /// Whether it can judge a series only as a whole.
    pub fn needs_future(&self) -> bool {
        self.rule.build.is_none()
    }

    /// The same rule with the precision and the confidence that a run asks for, where it has such parameters and was not
    /// given them.
    #[must_use]
    pub fn asked(self, within: f64, confidence: f64) -> Self {
        if !self.rule.takes_precision {
            return self;
        }
        self.or("within", within).or("confidence", confidence)
    }

    /// The rule at the beginning of a series; an error for the one that needs the future.
    pub fn build(&self) -> Result<Box<dyn SeriesRule>, RuleError> {
        let build = self.rule.build.ok_or(RuleError::NeedsFuture { rule: self.rule.name })?;
        Ok(build(self))
    }

    /// A count parameter.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are whole and at most 100000"
    )]
    pub(in crate::control) fn count(&self, name: &str) -> usize {
        self.value(name) as usize
    }
}

impl ParamDef {
    pub(super) fn read(&self, text: &str) -> Option<f64> {
        let time = |text: &str| text.parse::<Span>().ok().map(Span::as_secs);
        let value = match self.kind {
            ParamKind::Share(_) if text.ends_with('%') => text.parse::<Share>().ok().map(|s| s.0),
            ParamKind::Share(_) => text.parse().ok(),
            ParamKind::SecondsOrOff if text == "off" => Some(f64::INFINITY),
            ParamKind::Seconds | ParamKind::SecondsOrOff => time(text),
            ParamKind::Count(_) => text.parse::<u32>().ok().map(f64::from),
            ParamKind::Word(words) => {
                let at = words.iter().position(|word| *word == text)?;
                Some(at as f64)
            }
        };
        value.map(|value| self.tidy(value)).filter(|value| self.kind.allows(*value))
    }

    /// 7% is 0.07, whatever arithmetic it has been through: a share has twelve digits.
    fn tidy(&self, value: f64) -> f64 {
        match self.kind {
            ParamKind::Share(_) => (value * 1e12).round() / 1e12,
            _ => value,
        }
    }

    /// A value as it is written; it reads back to the same.
    pub fn written(&self, value: f64) -> String {
        match self.kind {
            ParamKind::Share(_) => format!("{}%", (value * 1e12).round() / 1e10),
            ParamKind::SecondsOrOff if value.is_infinite() => "off".to_owned(),
            ParamKind::Seconds | ParamKind::SecondsOrOff => format!("{value}s"),
            ParamKind::Count(_) => value.to_string(),
            ParamKind::Word(words) => {
                let at = words.iter().zip(0_u32..).find(|(_, at)| f64::from(*at) >= value);
                at.map_or_else(String::new, |(word, _)| (*word).to_owned())
            }
        }
    }
}

impl fmt::Display for RuleSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.rule.name.to_owned();
        let mut sign = ':';
        for (param, given) in self.rule.params.iter().zip(&self.given) {
            let told = |value: &f64| f.alternate() || value.to_bits() != param.default.to_bits();
            let Some(value) = given.filter(told) else {
                continue;
            };
            text.push(sign);
            text.push_str(param.name);
            text.push('=');
            text.push_str(&param.written(value));
            sign = ',';
        }
        f.pad(&text)
    }
}
