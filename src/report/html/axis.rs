//! One axis of a drawing: its range, its ticks and how they are written, in one unit.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::units::{Scale, Unit};

/// A range that spans more than this many times its smallest value is shown in decades.
const DECADES_FROM: f64 = 12.0;

/// Share of the range that is left free at each end.
const MARGIN: f64 = 0.07;

/// Whether an axis begins at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zero {
    /// Only where a value is near.
    Free,
    /// Unless the values span decades.
    Even,
    /// Always.
    Always,
}

/// What an axis is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wish {
    /// The unit of the values.
    pub(super) unit: Unit,
    /// Most ticks.
    pub(super) ticks: usize,
    /// Whether the axis begins at 0.
    pub(super) zero: Zero,
    /// Whether its ends are free of values.
    pub(super) margin: bool,
}

/// An axis. Values are in base units, ticks are written in the unit of [`Axis::unit`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    /// Whether it is one of decades.
    pub(super) decades: bool,
    ticks: Vec<(f64, String)>,
    scale: Scale,
    /// As the title shows it.
    pub(super) unit: &'static str,
}

impl Axis {
    /// Over all these values, of which none but finite ones count; `None` where there are none.
    pub(super) fn over(values: &[f64], wish: Wish) -> Option<Self> {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (mut low, mut high) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
        if wish.zero == Zero::Always {
            low = low.min(0.0);
        }
        let share = wish.unit == Unit::Ratio;
        let decades = low > 0.0 && high / low > DECADES_FROM && !share;
        if decades {
            let room = if wish.margin { (high / low).powf(MARGIN) } else { 1.0 };
            (low, high) = (low / room, high * room);
        } else {
            if wish.zero == Zero::Even {
                low = low.min(0.0);
            }
            (low, high) = roomy((low, high), wish, share);
        }
        // Decades are read from their middle, an even scale from its end.
        let typical = if decades { (low * high).sqrt() } else { high.max(-low) };
        let scale = Scale::of(wish.unit, [typical]);
        let found = if decades { decade_ticks((low, high), scale, wish.ticks) } else { None };
        let ticks = found.unwrap_or_else(|| even_ticks((low, high), scale, wish.ticks));
        Some(Self { low, high, decades, ticks, scale, unit: scale.name })
    }

    /// Of levels between 0 and 1, of which as many are written as have room in so many pixels; `wide`: what a level takes of it.
    pub(super) fn of_levels(
        levels: &[(f64, String)],
        room: i32,
        wide: impl Fn(&str) -> i32,
    ) -> Self {
        let mut ticks: Vec<(f64, String)> = Vec::new();
        let mut free_from = f64::NEG_INFINITY;
        let mut sorted = levels.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (at, level) in sorted {
            let half = f64::from(wide(&level)) / 2.0;
            let middle = at * f64::from(room);
            if middle - half >= free_from {
                free_from = middle + half;
                ticks.push((at, level));
            }
        }
        let scale = Scale::of(Unit::One, []);
        Self { low: -0.06, high: 1.06, decades: false, ticks, scale, unit: "" }
    }

    /// Whether a value lies on the axis.
    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Both ends.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Both ends, in the unit of its title.
    pub(super) fn written_ends(&self) -> [f64; 2] {
        [self.low, self.high].map(|end| self.scale.scaled(end))
    }
}

/// Ends with some room, not below 0 where no value is, and not above 1 for a share.
fn roomy((low, high): (f64, f64), wish: Wish, share: bool) -> (f64, f64) {
    let span = high - low;
    let room = if span > 0.0 {
        span * MARGIN
    } else if low == 0.0 {
        1.0
    } else {
        low.abs() * MARGIN
    };
    let bottom = if low >= 0.0 { (low - room).max(0.0) } else { low - room };
    let top = if share && high <= 1.0 { (high + room).min(1.0) } else { high + room };
    match wish.margin {
        true if wish.zero != Zero::Free && low >= 0.0 => (0.0, top),
        true => (bottom, top),
        false if span > 0.0 => (low, high),
        false => (low, top),
    }
}

/// Ticks at 1, 2 or 5 times a power of ten of the unit.
fn even_ticks((low, high): (f64, f64), scale: Scale, most: usize) -> Vec<(f64, String)> {
    let (from, to) = (scale.scaled(low), scale.scaled(high));
    let raw = (to - from) / most.max(1) as f64;
    let power = raw.log10().floor();
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * 10_f64.powf(power))
        .find(|step| *step >= raw * (1.0 - 1e-9))
        .unwrap_or(raw);
    let decimals = decimals(step);
    let (first, last) = ((from / step - 1e-9).ceil(), (to / step + 1e-9).floor());
    // The guard is against steps that rounding has made too small to count by.
    let places = (0..=2 * most).map(|at| first + at as f64).take_while(|place| *place <= last);
    let tick = |value: f64| (scale.unscaled(value), format!("{:.decimals$}", value + 0.0));
    places.map(|place| tick(place * step)).collect()
}

/// Ticks within decades, as many as fit; `None` where there would be fewer than two.
fn decade_ticks((low, high): (f64, f64), scale: Scale, most: usize) -> Option<Vec<(f64, String)>> {
    let (from, to) = (scale.scaled(low), scale.scaled(high));
    let (first, last) = (from.log10().floor(), to.log10().ceil());
    for (factors, every) in [
        (&[1.0, 2.0, 5.0][..], 1.0),
        (&[1.0, 3.0], 1.0),
        (&[1.0], 1.0),
        (&[1.0], 2.0),
        (&[1.0], 3.0),
    ] {
        let mut ticks = Vec::new();
        let mut power = (first / every).floor() * every;
        while power <= last && ticks.len() <= 2 * most {
            for factor in factors {
                let value = factor * 10_f64.powf(power);
                if (from..=to).contains(&value) {
                    let decimals = decimals(10_f64.powf(power));
                    ticks.push((scale.unscaled(value), format!("{value:.decimals$}")));
                }
            }
            power += every;
        }
        if ticks.len() <= most {
            return (ticks.len() > 1).then_some(ticks);
        }
    }
    None
}

/// Decimals that a step needs.
fn decimals(step: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=9")]
    let decimals = (-(step * (1.0 + 1e-9)).log10().floor()).clamp(0.0, 9.0) as usize;
    decimals
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let place = |value: f64| {
            if self.decades { value.max(f64::MIN_POSITIVE).log10() } else { value }
        };
        let (low, high) = (place(self.low), place(self.high));
        let share = (place(*value) - low) / (high - low);
        #[expect(clippy::cast_possible_truncation, reason = "clamped to the pixels of the drawing")]
        let pixel = (share.clamp(0.0, 1.0) * f64::from(to - from)).round() as i32;
        from + pixel
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // One kind of grid line is enough.
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.iter().map(|(value, _)| *value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let found = self.ticks.iter().find(|(tick, _)| tick.total_cmp(value).is_eq());
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wish(unit: Unit) -> Wish {
        Wish { unit, ticks: 6, zero: Zero::Free, margin: true }
    }

    fn shown(values: &[f64], wish: Wish) -> (String, &'static str) {
        let axis = Axis::over(values, wish).unwrap();
        let ticks: Vec<_> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
        (ticks.join(" "), axis.unit)
    }

    #[test]
    fn ticks_are_round_numbers_of_the_unit() {
        let zero = Wish { zero: Zero::Always, ..wish(Unit::Bytes) };
        for (values, wish, ticks, unit) in [
            (&[0.82, 0.99][..], wish(Unit::Ratio), "0.85 0.90 0.95 1.00", ""),
            (&[1.8e-5, 4.3e-4], wish(Unit::Seconds), "20 50 100 200 500", "us"),
            (&[1.6e3, 1.1e5], wish(Unit::SamplesPerSecond), "2 5 10 20 50 100", "k/s"),
            (&[1e-6, 1.0], wish(Unit::Seconds), "0.01 1 100", "ms"),
            (&[1.4e8, 5.3e8], zero, "0 100 200 300 400 500", "MiB"),
            (&[5.0], wish(Unit::Percent), "4.8 5.0 5.2", "%"),
            (&[0.0], wish(Unit::One), "0.0 0.2 0.4 0.6 0.8 1.0", ""),
        ] {
            assert_eq!(shown(values, wish), (ticks.to_owned(), unit), "{values:?}");
        }
        assert!(Axis::over(&[f64::NAN, f64::INFINITY], wish(Unit::One)).is_none());
    }

    proptest! {
        #[test]
        fn every_value_is_on_the_axis_and_a_few_ticks_are(
            values in proptest::collection::vec(1e-9_f64..1e12, 1..20),
            ticks in 3_usize..8,
            zero in proptest::sample::select(vec![Zero::Free, Zero::Even, Zero::Always]),
            margin: bool,
        ) {
            let wish = Wish { unit: Unit::One, ticks, zero, margin };
            let axis = Axis::over(&values, wish).unwrap();
            prop_assert!(values.iter().all(|value| axis.holds(*value)), "{axis:?}");
            prop_assert!((1..=ticks + 1).contains(&axis.ticks.len()), "{axis:?}");
            prop_assert!(axis.ticks.iter().all(|(_, text)| !text.is_empty()));
            let pixels: Vec<_> = axis.ticks.iter().map(|(tick, _)| axis.map(tick, (0, 10_000))).collect();
            prop_assert!(pixels.windows(2).all(|pair| pair[0] < pair[1]), "{axis:?}");
        }
    }
}
