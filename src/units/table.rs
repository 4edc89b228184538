//! The table: one row a unit, and all that there is to say of it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A unit in which figures are shown, or in which they may be written: its symbol, and how many of the base unit it is.
pub(super) type Symbol = (&'static str, f64);

/// How a single figure is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Three significant digits, in the scale that fits.
    Scaled,
    /// The same, and from two minutes on whole minutes and seconds, or hours and minutes.
    Clock,
    /// A plain number, without zeros that say nothing: a count is whole, an accuracy has four decimals.
    Plain,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct UnitDef {
    /// The base unit in machine-readable output.
    pub(super) name: &'static str,
    /// What a column of such figures ends in.
    pub(super) column: &'static str,
    /// What is measured in it, as an error names it.
    pub(super) what: &'static str,
    /// A quantity as a user writes it.
    pub(super) example: &'static str,
    /// How a single figure is shown.
    pub(super) style: Style,
    /// The units that figures are shown in, the largest first.
    pub(super) scales: &'static [Symbol],
    /// Units that may be written and are never shown; the second of one size is another spelling.
    pub(super) also: &'static [Symbol],
}

macro_rules! units {
    ($($(#[$about:meta])* $name:ident: $def:expr;)*) => {
        /// The base unit of a metric in machine-readable output.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Unit { $($(#[$about])* $name,)* }

        impl Unit {
            /// Every unit.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            pub(super) const fn def(self) -> &'static UnitDef {
                match self { $(Self::$name => const { &$def },)* }
            }
        }
    };
}

units! {
    /// Seconds.
    Seconds: UnitDef {
        name: "s", column: "_s", what: "duration", example: "10ms", style: Style::Clock,
        scales: &[("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)],
        also: &[("h", 3600.0), ("min", 60.0), ("m", 60.0), ("µs", 1e-6)],
    };
    /// Bytes.
    Bytes: UnitDef {
        name: "bytes", column: "_bytes", what: "size", example: "512MiB", style: Style::Scaled,
        scales: &[("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1024.0), ("B", 1.0)],
        also: &[("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("KB", 1e3)],
    };
    /// Percent.
    Percent: UnitDef {
        name: "percent", column: "_percent", what: "percentage", example: "150%", style: Style::Scaled,
        scales: &[("%", 1.0)], also: &[],
    };
    /// Samples a second.
    SamplesPerSecond: UnitDef { name: "samples/s", column: "_samples_per_s", example: "5000/s", ..RATE };
    /// Requests a second.
    RequestsPerSecond: UnitDef { name: "requests/s", column: "_per_s", example: "100/s", ..RATE };
    /// A share, 0..1.
    Ratio: UnitDef { name: "ratio", example: "0.88", also: &[("%", 0.01)], ..PLAIN };
    /// A plain number: a loss, a count.
    One: UnitDef { name: "1", example: "0.5", ..PLAIN };
    /// Floating-point operations.
    Flops: UnitDef {
        name: "FLOP", column: "_flop", what: "number of operations", example: "2GFLOP", style: Style::Scaled,
        scales: &[
            ("PFLOP", 1e15), ("TFLOP", 1e12), ("GFLOP", 1e9), ("MFLOP", 1e6), ("kFLOP", 1e3), ("FLOP", 1.0),
        ],
        also: &[],
    };
    /// Floating-point operations a second.
    FlopsPerSecond: UnitDef {
        name: "FLOP/s", column: "_flop_per_s", what: "rate of operations", example: "2GFLOP/s", style: Style::Scaled,
        scales: &[
            ("PFLOP/s", 1e15), ("TFLOP/s", 1e12), ("GFLOP/s", 1e9), ("MFLOP/s", 1e6), ("kFLOP/s", 1e3), ("FLOP/s", 1.0),
        ],
        also: &[],
    };
    /// A price, in a currency that is said beside it.
    Money: UnitDef {
        name: "money", column: "", what: "price", example: "0.5", style: Style::Scaled, scales: &[("", 1.0)], also: &[],
    };
    /// Watts.
    Watts: UnitDef {
        name: "W", column: "_w", what: "power", example: "70W", style: Style::Scaled,
        scales: &[("W", 1.0)], also: &[("kW", 1e3), ("mW", 1e-3)],
    };
    /// Joules.
    Joules: UnitDef {
        name: "J", column: "_j", what: "energy", example: "5kJ", style: Style::Scaled,
        scales: &[("MJ", 1e6), ("kJ", 1e3), ("J", 1.0), ("mJ", 1e-3), ("uJ", 1e-6)],
        also: &[("kWh", 3_600_000.0), ("Wh", 3600.0)],
    };
    /// Grams.
    Grams: UnitDef {
        name: "g", column: "_g", what: "mass", example: "10g", style: Style::Scaled,
        scales: &[("kg", 1e3), ("g", 1.0), ("mg", 1e-3), ("ug", 1e-6)], also: &[],
    };
}

const RATE: UnitDef = UnitDef {
    name: "",
    column: "",
    what: "rate",
    example: "",
    style: Style::Scaled,
    scales: &[("G/s", 1e9), ("M/s", 1e6), ("k/s", 1e3), ("/s", 1.0)],
    also: &[],
};

const PLAIN: UnitDef = UnitDef {
    name: "",
    column: "",
    what: "plain number",
    example: "",
    style: Style::Plain,
    scales: &[("", 1.0)],
    also: &[],
};

impl Unit {
    /// The base unit in machine-readable output.
    pub const fn name(self) -> &'static str {
        self.def().name
    }

    /// What a column of such figures ends in; empty for plain numbers.
    pub const fn column_suffix(self) -> &'static str {
        self.def().column
    }

    /// A quantity as a user writes it.
    pub const fn example(self) -> &'static str {
        self.def().example
    }

    /// Whether it is a plain number, which has no symbol.
    pub fn is_plain(self) -> bool {
        self.def().style == Style::Plain
    }

    /// The unit of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|unit| unit.name() == name)
    }

    /// Every symbol of it, of those that are shown and those that are only read.
    pub fn symbols(self) -> impl Iterator<Item = &'static str> {
        self.all().map(|(symbol, _)| symbol)
    }

    pub(super) fn all(self) -> impl Iterator<Item = Symbol> {
        let def = self.def();
        def.scales.iter().chain(def.also).copied()
    }

    /// What a value in `unit`, a name or a symbol, is multiplied by to be in this one; `None` where the one is no multiple
    /// of the other.
    pub fn factor(self, unit: &str) -> Option<f64> {
        match (self, unit) {
            (Self::Percent, "ratio") => Some(100.0),
            (Self::Ratio, "percent") => Some(0.01),
            _ if unit == self.name() => Some(1.0),
            _ => self.all().find(|(symbol, _)| *symbol == unit).map(|(_, factor)| factor),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| de::Error::custom(format!("unknown unit `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_scales_go_down_to_the_base_unit() {
        for unit in Unit::ALL {
            assert_eq!(Unit::named(unit.name()), Some(*unit));
            let scales = unit.def().scales;
            assert!(scales.windows(2).all(|pair| pair[0].1 > pair[1].1), "{unit}");
            assert!(scales.iter().any(|(_, factor)| (factor - 1.0).abs() < 1e-12), "{unit}");
            let json = serde_json::to_string(unit).unwrap();
            assert_eq!(serde_json::from_str::<Unit>(&json).unwrap(), *unit);
        }
        assert!(serde_json::from_str::<Unit>("\"furlong\"").is_err());
    }

    #[test]
    fn only_multiples_are_taken() {
        for (unit, base, factor) in [
            ("s", Unit::Seconds, Some(1.0)),
            ("ms", Unit::Seconds, Some(1e-3)),
            ("MiB", Unit::Bytes, Some(1_048_576.0)),
            ("kJ", Unit::Joules, Some(1e3)),
            ("ratio", Unit::Percent, Some(100.0)),
            ("percent", Unit::Ratio, Some(0.01)),
            ("s", Unit::Bytes, None),
            ("", Unit::Seconds, None),
            ("samples/s", Unit::RequestsPerSecond, None),
            ("tokens", Unit::One, None),
        ] {
            assert_eq!(base.factor(unit), factor, "{unit} {base}");
        }
    }
}
