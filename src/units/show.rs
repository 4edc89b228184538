//! Showing a quantity: three significant digits and the unit that fits.

use super::table::{Style, Symbol, Unit};

/// Three significant digits, without an exponent in the range that people read.
pub fn significant(value: f64) -> String {
    digits(value, 3)
}

fn digits(value: f64, count: u8) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { value.to_string().to_lowercase() };
    }
    let magnitude = value.abs().log10().floor();
    let decimals = (f64::from(count) - 1.0 - magnitude).clamp(0.0, 9.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=9")]
    let text = format!("{value:.*}", decimals as usize);
    // Rounding may have carried into one more digit: 9.996 is 10.0, not 10.00.
    if text.trim_start_matches(['-', '0', '.']).chars().filter(char::is_ascii_digit).count()
        > usize::from(count)
        && text.contains('.')
    {
        text[..text.len() - 1].trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Without zeros at the end that say nothing.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A share in percent: `5%`, `7.31%`, `0.05%`. Three digits without needless zeros, and near the whole one more: 99.95% is not
/// all.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    let near = (99.0..100.0).contains(&value);
    let text = if near { format!("{value:.2}") } else { significant(value) };
    format!("{}%", trimmed(&text))
}

/// A share that is known roughly, in percent: two digits, `12%`, `7.1%`, and near the whole one more.
pub fn rough_percent(share: f64) -> String {
    let value = share * 100.0;
    let near = (99.0..99.95).contains(&value);
    format!("{}%", trimmed(&digits(value, if near { 3 } else { 2 })))
}

/// A change by a share, in percent: `+12.1%`, `-0.4%`, `+250%`.
pub fn change(share: f64) -> String {
    let value = share * 100.0;
    let decimals = usize::from(value.abs() < 99.95);
    // Not "-0.0%".
    let value = if value.abs() < 0.05 { 0.0 } else { value };
    format!("{value:+.decimals$}%")
}

/// One of the units that figures of a kind are shown in. A column has one, so that a reader compares digits and not units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// What a value is divided by.
    factor: f64,
    /// As the heading shows it; empty for plain numbers.
    pub name: &'static str,
}

impl Scale {
    /// The unit in which the middle one of `values` is 1 or more: the large ones then have few digits more than
    /// three, and the small ones few zeros.
    pub fn of(unit: Unit, values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<_> =
            values.into_iter().map(f64::abs).filter(|value| value.is_normal()).collect();
        values.sort_by(f64::total_cmp);
        let scales = unit.def().scales;
        let (name, factor) = match values.get(values.len() / 2) {
            Some(middle) => fitting(scales, *middle),
            None => scales[0],
        };
        Self { factor, name }
    }

    /// A value in this unit.
    pub fn scaled(self, value: f64) -> f64 {
        value / self.factor
    }

    /// A value in this unit back in the base unit.
    pub fn unscaled(self, value: f64) -> f64 {
        value * self.factor
    }

    /// Three significant digits in this unit.
    pub fn show(self, value: f64) -> String {
        significant(self.scaled(value))
    }

    /// The same with the unit behind it.
    pub fn show_with_unit(self, value: f64) -> String {
        with_symbol(&self.show(value), self.name)
    }
}

/// The largest scale in which a value is 1 or more; the smallest for one that is too small for all.
fn fitting(scales: &[Symbol], value: f64) -> Symbol {
    // 0.9995: what would print as "1000" takes the next unit instead.
    let found = scales.iter().find(|(_, factor)| value.abs() >= factor * 0.9995);
    *found.unwrap_or(&scales[scales.len() - 1])
}

/// A number and its symbol, which a percent sign follows at once.
fn with_symbol(number: &str, symbol: &str) -> String {
    match symbol {
        "" | "%" => format!("{number}{symbol}"),
        _ => format!("{number} {symbol}"),
    }
}

impl Unit {
    /// A figure for a reader, alone: `12.3 ms`, `2 min 05 s`, `512 MiB`, `12.0%`, `4.50 kJ`, `0.8812`. [`Unit::read`] reads it.
    pub fn show(self, value: f64) -> String {
        let def = self.def();
        match def.style {
            Style::Clock if value.is_finite() && value >= 119.5 => clock(value),
            Style::Plain => plain(value),
            Style::Clock | Style::Scaled => {
                // Nothing is nothing of the base unit.
                let (symbol, factor) = fitting(def.scales, if value == 0.0 { 1.0 } else { value });
                with_symbol(&significant(value / factor), symbol)
            }
        }
    }
}

impl Unit {
    /// A value that somebody has chosen: as [`Self::show`] does, but to six digits where three would change it.
    pub fn show_given(self, value: f64) -> String {
        let shown = self.show(value);
        let is_same = |read: f64| (read - value).abs() <= 1e-9 * value.abs();
        if !value.is_finite() || self.read(&shown).is_ok_and(is_same) {
            return shown;
        }
        let (symbol, factor) = fitting(self.def().scales, value);
        with_symbol(trimmed(&digits(value / factor, 6)), symbol)
    }
}

/// A figure in a unit that a file names: one of the table if its name or a symbol is said, any other as it is.
pub fn show_in(unit: &str, value: f64) -> String {
    let known = Unit::named(unit).map(|unit| (unit, 1.0)).or_else(|| {
        let mut all = Unit::ALL.iter().filter(|unit| !unit.is_plain());
        all.find_map(|known| Some((*known, known.factor(unit)?)))
    });
    match known {
        Some((known, factor)) => known.show(value * factor),
        None => with_symbol(&significant(value), unit),
    }
}

/// Whole minutes and seconds, or hours and minutes; `value`: finite and not negative.
fn clock(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, finite")]
    let whole = value.round() as u64;
    if whole < 7200 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{} h {:02} min", whole / 3600, whole % 3600 / 60)
    }
}

/// Four decimals, of a small number three digits: an accuracy of 0.88, a count of 12, a loss of 0.00123.
fn plain(value: f64) -> String {
    let text = if value.abs() < 0.01 { significant(value) } else { format!("{value:.4}") };
    trimmed(&text).to_lowercase()
}

/// Seconds for a reader: `12.3 ms`, `4.50 s`, `2 min 05 s`.
pub fn seconds(value: f64) -> String {
    Unit::Seconds.show(value)
}

/// Bytes for a reader: `512 MiB`.
pub fn bytes(value: f64) -> String {
    Unit::Bytes.show(value)
}

/// A rate for a reader: `12.3 k/s`.
pub fn rate(value: f64) -> String {
    Unit::RequestsPerSecond.show(value)
}

/// Time that has passed, for a reader who waits: whole seconds from 10 s, minutes from one minute.
pub fn elapsed(value: f64) -> String {
    match value {
        short if (9.95..59.5).contains(&short) => format!("{short:.0} s"),
        some if (59.5..7199.5).contains(&some) => clock(some),
        _ => seconds(value),
    }
}

/// [`elapsed`] of what is estimated: one digit, two below 2 of it.
pub fn rough_elapsed(value: f64) -> String {
    let (unit, factor) = match value {
        short if short < 95.0 => ("s", 1.0),
        some if some < 5700.0 => ("min", 60.0),
        _ => ("h", 3600.0),
    };
    let value = value / factor;
    let digit = 10.0_f64.powf(value.abs().max(1e-9).log10().floor());
    let step = if value < 2.0 * digit { digit / 10.0 } else { digit };
    let rounded = (value / step).round() * step;
    format!("{} {unit}", trimmed(&digits(rounded, 2)))
}

/// [`elapsed`], rounded down: for what is claimed to be the least.
pub fn elapsed_down(value: f64) -> String {
    if !value.is_finite() || value <= 0.0 {
        return elapsed(value);
    }
    let step = match value {
        short if short < 9.95 => 10.0_f64.powf(short.log10().floor() - 2.0),
        some if some < 7199.5 => 1.0,
        _ => 60.0,
    };
    elapsed((value / step).floor() * step)
}

/// Bytes that are not exceeded, for a reader: two digits, rounded up, `3.1 MiB`.
pub fn bytes_up(value: f64) -> String {
    let scales = Unit::Bytes.def().scales;
    let scale = scales.iter().find(|(_, factor)| value >= *factor);
    let (unit, factor) = scale.unwrap_or(&scales[scales.len() - 1]);
    let size = value.max(0.0) / factor;
    let step = if size < 10.0 && *factor > 1.0 {
        0.1
    } else if size < 100.0 {
        1.0
    } else {
        10.0
    };
    // A hair below: what is exact but for rounding stays itself. Adding 0 takes the sign from a negative one.
    let rounded = (size / step - 1e-9).ceil() * step + 0.0;
    let decimals = usize::from(step < 1.0);
    format!("{rounded:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn readers_get_three_digits_and_a_scale() {
        for (shown, expected) in [
            (seconds(0.0123), "12.3 ms"),
            (seconds(0.999_96), "1.00 s"),
            (seconds(125.0), "2 min 05 s"),
            (seconds(9000.0), "2 h 30 min"),
            (elapsed(3.25), "3.25 s"),
            (elapsed(59.7), "1 min 00 s"),
            (elapsed(91.2), "1 min 31 s"),
            (elapsed(9000.0), "2 h 30 min"),
            (elapsed_down(0.0), "0 s"),
            (elapsed_down(0.012_39), "12.3 ms"),
            (elapsed_down(3.259), "3.25 s"),
            (elapsed_down(9.96), "9.00 s"),
            (elapsed_down(59.7), "59 s"),
            (elapsed_down(245.9), "4 min 05 s"),
            (elapsed_down(9059.0), "2 h 30 min"),
            (rough_elapsed(9.92), "10 s"),
            (rough_elapsed(0.43), "0.4 s"),
            (rough_elapsed(1.46), "1.5 s"),
            (rough_elapsed(93.0), "90 s"),
            (rough_elapsed(125.0), "2 min"),
            (rough_elapsed(100.0), "1.7 min"),
            (rough_elapsed(9000.0), "3 h"),
            (bytes(536_870_912.0), "512 MiB"),
            (bytes(0.0), "0 B"),
            (bytes_up(3.0 * 1_048_576.0 + 1.0), "3.1 MiB"),
            (bytes_up(3.1 * 1_048_576.0), "3.1 MiB"),
            (bytes_up(310.5 * 1024.0), "320 KiB"),
            (bytes_up(31.2 * 1024.0), "32 KiB"),
            (bytes_up(9.96 * 1024.0), "10.0 KiB"),
            (bytes_up(0.0), "0 B"),
            (bytes_up(0.2), "1 B"),
            (rate(12_345.0), "12.3 k/s"),
            (rate(0.0), "0 /s"),
            (Unit::Seconds.show_given(0.01), "10.0 ms"),
            (Unit::Seconds.show_given(0.000_011_237), "11.237 us"),
            (Unit::Seconds.show_given(125.5), "125.5 s"),
            (Unit::Percent.show(12.0), "12.0%"),
            (Unit::Joules.show(4500.0), "4.50 kJ"),
            (Unit::Joules.show(0.0), "0 J"),
            (Unit::Grams.show(0.0123), "12.3 mg"),
            (Unit::Watts.show(1500.0), "1500 W"),
            (Unit::Ratio.show(0.88), "0.88"),
            (Unit::Ratio.show(0.000_123), "0.000123"),
            (Unit::One.show(1_234_567.0), "1234567"),
            (Unit::One.show(f64::NAN), "nan"),
            (show_in("J", 4500.0), "4.50 kJ"),
            (show_in("kJ", 4.5), "4.50 kJ"),
            (show_in("ms", 0.5), "500 us"),
            (show_in("percent", 12.0), "12.0%"),
            (show_in("tokens", 12.0), "12.0 tokens"),
            (show_in("", 12.0), "12.0"),
            (significant(9.996), "10.0"),
            (significant(1234.0), "1234"),
            (significant(0.05), "0.0500"),
        ] {
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn shares_are_short_and_changes_have_a_sign() {
        for (share, shown, changed) in [
            (0.05, "5%", "+5.0%"),
            (0.0731, "7.31%", "+7.3%"),
            (1.0, "100%", "+100%"),
            (0.9995, "99.95%", "+100%"),
            (0.0005, "0.05%", "+0.1%"),
            (-0.0001, "-0.01%", "+0.0%"),
            (-0.2, "-20%", "-20.0%"),
            (0.0, "0%", "+0.0%"),
            (f64::INFINITY, "inf%", "+inf%"),
        ] {
            assert_eq!((percent(share), change(share)), (shown.to_owned(), changed.to_owned()));
        }
        for (share, shown) in [
            (0.123, "12%"),
            (0.0712, "7.1%"),
            (0.002, "0.2%"),
            (0.996, "99.6%"),
            (1.234, "123%"),
            (0.0, "0%"),
        ] {
            assert_eq!(rough_percent(share), shown);
        }
    }

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

    proptest! {
        #[test]
        fn what_is_shown_reads_back_within_its_digits(
            unit in proptest::sample::select(Unit::ALL),
            digits in 1.0..10.0_f64,
            power in -9..12_i32,
        ) {
            let value = digits * 10_f64.powi(power);
            let shown = unit.show(value);
            let read = unit.read(&shown).unwrap();
            let smallest = unit.def().scales.iter().map(|(_, factor)| *factor).reduce(f64::min);
            // Half of the third digit; what has less than nine decimals of the smallest unit is 0; a clock shows whole seconds,
            // then whole minutes.
            let clock = unit == Unit::Seconds && value >= 119.5;
            let within = match value {
                long if clock && long >= 7199.5 => 60.5,
                _ if clock => 0.5,
                _ => value * 0.0051 + smallest.unwrap_or(1.0) * 1e-9,
            };
            prop_assert!((read - value).abs() <= within, "{value} as {shown} is {read}");
            prop_assert_eq!(unit.show(unit.read(&unit.show(read)).unwrap()), unit.show(read));
        }
    }
}
