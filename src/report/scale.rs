//! One unit a column, so that a reader compares digits and not units.

use crate::metric::Unit;
use crate::units::significant;

/// The unit that a column of figures is shown in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// What a value is divided by.
    factor: f64,
    /// As the heading shows it.
    pub(super) name: &'static str,
}

const SECONDS: &[Scale] =
    &[scale(1.0, "s"), scale(1e-3, "ms"), scale(1e-6, "us"), scale(1e-9, "ns")];
const BYTES: &[Scale] = &[
    scale(1_073_741_824.0, "GiB"),
    scale(1_048_576.0, "MiB"),
    scale(1024.0, "KiB"),
    scale(1.0, "B"),
];
const RATE: &[Scale] = &[scale(1e9, "G/s"), scale(1e6, "M/s"), scale(1e3, "k/s"), scale(1.0, "/s")];
const PERCENT: &[Scale] = &[scale(1.0, "%")];
const WATTS: &[Scale] = &[scale(1.0, "W")];
const JOULES: &[Scale] =
    &[scale(1e6, "MJ"), scale(1e3, "kJ"), scale(1.0, "J"), scale(1e-3, "mJ"), scale(1e-6, "uJ")];
const GRAMS: &[Scale] = &[scale(1e3, "kg"), scale(1.0, "g"), scale(1e-3, "mg"), scale(1e-6, "ug")];
const PLAIN: &[Scale] = &[scale(1.0, "")];

const fn scale(factor: f64, name: &'static str) -> Scale {
    Scale { factor, name }
}

impl Scale {
    /// The unit in which the middle one of `values` is 1 or more: the large ones then have few digits more than
    /// three, and the small ones few zeros.
    pub(super) fn of(unit: Unit, values: impl IntoIterator<Item = f64>) -> Self {
        let scales = match unit {
            Unit::Seconds => SECONDS,
            Unit::Bytes => BYTES,
            Unit::SamplesPerSecond | Unit::RequestsPerSecond => RATE,
            Unit::Percent => PERCENT,
            Unit::Watts => WATTS,
            Unit::Joules => JOULES,
            Unit::Grams => GRAMS,
            Unit::Ratio | Unit::One => PLAIN,
        };
        let mut values: Vec<_> =
            values.into_iter().map(f64::abs).filter(|value| value.is_normal()).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.get(values.len() / 2);
        let found =
            middle.and_then(|middle| scales.iter().find(|scale| *middle >= scale.factor * 0.9995));
        // Nothing to show: the largest unit; all too small: the smallest.
        let fallback = if middle.is_none() { scales.first() } else { scales.last() };
        found.or(fallback).copied().unwrap_or(scale(1.0, ""))
    }

    /// A value in this unit.
    pub(super) fn scaled(self, value: f64) -> f64 {
        value / self.factor
    }

    /// A value in this unit back in the base unit.
    pub(super) fn unscaled(self, value: f64) -> f64 {
        value * self.factor
    }

    /// Three significant digits in this unit.
    pub(super) fn show(self, value: f64) -> String {
        if value.is_nan() {
            return "nan".to_owned();
        }
        significant(value / self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_unit_of_its_middle_value() {
        for (unit, values, name, shown) in [
            (Unit::Seconds, vec![0.000_6, 0.052_9, 0.002], "ms", "0.600"),
            (Unit::Seconds, vec![0.000_1, 0.000_8], "us", "100"),
            (Unit::Bytes, vec![231e6, 1.3e9, 2e8], "MiB", "220"),
            (Unit::SamplesPerSecond, vec![98_100.0, 1210.0, 560.0], "k/s", "98.1"),
            (Unit::SamplesPerSecond, vec![f64::NAN], "G/s", "nan"),
            (Unit::Percent, vec![186.5], "%", "186"),
            (Unit::Seconds, vec![], "s", ""),
        ] {
            let scale = Scale::of(unit, values.clone());
            assert_eq!(scale.name, name, "{values:?}");
            assert_eq!(values.first().map(|&value| scale.show(value)).unwrap_or_default(), shown);
        }
    }
}
