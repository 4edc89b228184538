//! Units of the same dimension, for limits that are said in base units.

/// What a value in `unit` is multiplied by to be in `base`; `None` where the one is no multiple of the other.
pub(super) fn to_base(unit: &str, base: &str) -> Option<f64> {
    if unit == base {
        return Some(1.0);
    }
    let factors: &[(&str, f64)] = match base {
        "s" => &[("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("min", 60.0)],
        "bytes" => &[
            ("B", 1.0),
            ("kB", 1e3),
            ("MB", 1e6),
            ("GB", 1e9),
            ("KiB", 1024.0),
            ("MiB", 1_048_576.0),
            ("GiB", 1_073_741_824.0),
        ],
        "percent" => &[("%", 1.0), ("ratio", 100.0)],
        "ratio" => &[("percent", 0.01), ("%", 0.01)],
        "samples/s" | "requests/s" => &[("/s", 1.0), ("k/s", 1e3)],
        "W" => &[("mW", 1e-3), ("kW", 1e3)],
        _ => &[],
    };
    factors.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
}

/// A share for people: `5%`, `12.3%`.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.1}", 100.0 * share);
    let text = text.trim_end_matches(".0");
    format!("{}%", if text == "-0" { "0" } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_multiples_are_taken() {
        for (unit, base, factor) in [
            ("s", "s", Some(1.0)),
            ("ms", "s", Some(1e-3)),
            ("MiB", "bytes", Some(1_048_576.0)),
            ("s", "bytes", None),
            ("", "s", None),
            ("tokens", "tokens", Some(1.0)),
            ("tokens", "1", None),
        ] {
            assert_eq!(to_base(unit, base), factor, "{unit} {base}");
        }
    }

    #[test]
    fn shares_are_short() {
        for (share, text) in [(0.05, "5%"), (0.1234, "12.3%"), (-0.0001, "0%"), (-0.2, "-20%")] {
            assert_eq!(percent(share), text);
        }
    }
}
