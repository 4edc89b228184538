//! Figures as a reader sees them: three significant digits and the unit that fits.

/// Three significant digits, without an exponent in the range that people read.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { value.to_string() };
    }
    let magnitude = value.abs().log10().floor();
    let decimals = (2.0 - magnitude).clamp(0.0, 9.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=9")]
    let text = format!("{value:.*}", decimals as usize);
    // Rounding may have carried into one more digit: 9.996 is 10.0, not 10.00.
    if text.trim_start_matches(['-', '0', '.']).chars().filter(char::is_ascii_digit).count() > 3
        && text.contains('.')
    {
        text[..text.len() - 1].trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn scaled(value: f64, scales: &[(f64, &str)]) -> String {
    // 0.9995: what would print as "1000" takes the next unit instead.
    let found = scales.iter().find(|(factor, _)| value.abs() >= factor * 0.9995);
    match found.or(scales.last()) {
        Some((factor, unit)) => format!("{} {unit}", significant(value / factor)),
        None => significant(value),
    }
}

/// Seconds for a reader: `12.3 ms`, `4.5 s`, `2 min 05 s`.
pub fn seconds(value: f64) -> String {
    if !value.is_finite() || value < 119.5 {
        return match value {
            0.0 => "0 s".to_owned(),
            _ => scaled(value, &[(1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")]),
        };
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, finite")]
    let whole = value.round() as u64;
    if whole < 7200 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{} h {:02} min", whole / 3600, whole % 3600 / 60)
    }
}

/// Joules for a reader: `12.3 mJ`, `4.50 kJ`.
pub fn joules(value: f64) -> String {
    if value == 0.0 {
        return "0 J".to_owned();
    }
    scaled(value, &[(1e6, "MJ"), (1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "uJ")])
}

/// Grams for a reader: `12.3 mg`, `4.50 kg`.
pub fn grams(value: f64) -> String {
    if value == 0.0 {
        return "0 g".to_owned();
    }
    scaled(value, &[(1e3, "kg"), (1.0, "g"), (1e-3, "mg"), (1e-6, "ug")])
}

/// Time that has passed, for a reader who waits: whole seconds from 10 s, minutes from one minute.
pub fn elapsed(value: f64) -> String {
    if !(9.95..7199.5).contains(&value) {
        return seconds(value);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in the range above"
    )]
    let whole = value.round() as u64;
    if whole < 60 {
        format!("{whole} s")
    } else {
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
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

/// Bytes for a reader: `512 MiB`.
pub fn bytes(value: f64) -> String {
    scaled(value, &[(1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1024.0, "KiB"), (1.0, "B")])
}

/// Bytes that are not exceeded, for a reader: two digits, rounded up, `3.1 MiB`.
pub fn bytes_up(value: f64) -> String {
    let scales = [(1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1024.0, "KiB"), (1.0, "B")];
    let scale = scales.iter().find(|(factor, _)| value >= *factor);
    let (factor, unit) = scale.unwrap_or(&scales[3]);
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

/// A rate for a reader: `12.3 k/s`.
pub fn rate(value: f64) -> String {
    match value {
        0.0 => "0 /s".to_owned(),
        _ => scaled(value, &[(1e9, "G/s"), (1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (significant(9.996), "10.0"),
            (significant(1234.0), "1234"),
            (significant(0.05), "0.0500"),
        ] {
            assert_eq!(shown, expected);
        }
    }
}
