//! The catalogue of rules: names, parameters, units, defaults.

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

/// Which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleId {
    /// Ours.
    Perftune,
    /// Student's interval over everything.
    NaiveT,
    /// Three windows that agree.
    PerfAnalyzer,
    /// The spread of all samples, or its own stability.
    NvbenchStdrel,
    /// A 99.9% interval without upper outliers.
    BenchmarkDotnet,
    /// The variation of the last few.
    CovLastK,
    /// So many, whatever they are.
    Fixed,
    /// The earliest time that hindsight allows.
    Oracle,
}

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct RuleDef {
    /// Which.
    pub id: RuleId,
    /// Its name.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// Its parameters, in the order in which they are shown.
    pub params: &'static [ParamDef],
}

const fn share(name: &'static str, default: f64, about: &'static str) -> ParamDef {
    ParamDef {
        name,
        kind: ParamKind::Share,
        default,
        allowed: |value| value > 0.0 && value < 1.0,
        says: "a percentage between 0% and 100%",
        about,
    }
}

const fn confidence(default: f64) -> ParamDef {
    ParamDef {
        name: "confidence",
        kind: ParamKind::Share,
        default,
        allowed: |value| value > 0.5 && value < 1.0,
        says: "a percentage between 50% and 100%",
        about: "nominal confidence of the interval",
    }
}

const fn count(name: &'static str, default: f64, about: &'static str) -> ParamDef {
    ParamDef {
        name,
        kind: ParamKind::Count,
        default,
        allowed: |value| (1.0..=100_000.0).contains(&value),
        says: "a whole number from 1 to 100000",
        about,
    }
}

const fn count_from_0(name: &'static str, default: f64, about: &'static str) -> ParamDef {
    ParamDef {
        allowed: |value| (0.0..=100_000.0).contains(&value),
        says: "a whole number from 0 to 100000",
        ..count(name, default, about)
    }
}

/// A number of intervals whose spread or agreement is asked for, so more than one or two.
const fn count_from_3(name: &'static str, default: f64, about: &'static str) -> ParamDef {
    ParamDef {
        allowed: |value| (3.0..=100_000.0).contains(&value),
        says: "a whole number from 3 to 100000",
        ..count(name, default, about)
    }
}

const fn time(name: &'static str, default: f64, about: &'static str) -> ParamDef {
    ParamDef {
        name,
        kind: ParamKind::Seconds,
        default,
        allowed: |value| (0.0..=31_536_000.0).contains(&value),
        says: "a duration such as 500ms, at most a year",
        about,
    }
}

const WITHIN: ParamDef =
    share("within", 0.05, "half-width of the interval, as a share of the figure");

/// Every rule. The first is the default.
pub const RULES: &[RuleDef] = &[
    RuleDef {
        id: RuleId::Perftune,
        name: "perftune",
        about: "ours: warm-up cut off, batch means that heed correlation, no trend",
        params: &[
            WITHIN,
            confidence(0.95),
            count("looks", 1.0, "looks in a row that must agree"),
            time("min-time", 1.0, "before that no look is taken"),
            time(
                "max-time",
                60.0,
                "then a stage of a run is left as unstable; a file of series goes on",
            ),
        ],
    },
    RuleDef {
        id: RuleId::NaiveT,
        name: "naive-t",
        about: "Student's interval over all intervals so far, looked at after each",
        params: &[
            WITHIN,
            confidence(0.95),
            count_from_3("n", 3.0, "fewest intervals"),
            count_from_0("skip", 0.0, "intervals left out first"),
        ],
    },
    RuleDef {
        id: RuleId::PerfAnalyzer,
        name: "perf-analyzer",
        about: "Triton perf_analyzer: max/min of the last 3 intervals within 1 + s",
        params: &[
            share("s", 0.10, "how far apart the three may be"),
            count_from_3("max-trials", 10.0, "intervals after which it gives up"),
        ],
    },
    RuleDef {
        id: RuleId::NvbenchStdrel,
        name: "nvbench-stdrel",
        about: "NVBench stdrel: relative deviation of all intervals small, or stable",
        params: &[
            share("max-noise", 0.005, "relative standard deviation"),
            time("min-time", 0.5, "before that it does not stop"),
            count_from_3("min-samples", 10.0, "fewest intervals"),
            ParamDef {
                kind: ParamKind::SecondsOrOff,
                allowed: |value| value > 0.0,
                says: "a duration such as 15s, or off",
                ..time("timeout", f64::INFINITY, "after that it stops; 15s in NVBench")
            },
        ],
    },
    RuleDef {
        id: RuleId::BenchmarkDotnet,
        name: "benchmark-dotnet",
        about: "BenchmarkDotNet: pilot warm-up, outliers out, 99.9% interval within 2%",
        params: &[
            share("within", 0.02, "half-width of the interval, as a share of the figure"),
            confidence(0.999),
            count_from_3("min", 15.0, "fewest intervals after the warm-up"),
            count_from_3("max", 100.0, "intervals after the warm-up at which it stops"),
            ParamDef {
                name: "outliers",
                kind: ParamKind::Word(&["upper", "lower", "both", "none"]),
                default: 0.0,
                allowed: |_| true,
                says: "one of upper, lower, both, none",
                about: "which are left out; slow ones are `lower` in a rate",
            },
        ],
    },
    RuleDef {
        id: RuleId::CovLastK,
        name: "cov-last-k",
        about: "Georges et al. 2007: variation of the last k intervals below a threshold",
        params: &[
            count_from_3("k", 10.0, "how many"),
            share("threshold", 0.02, "standard deviation over mean"),
        ],
    },
    RuleDef {
        id: RuleId::Fixed,
        name: "fixed",
        about: "the mean of n intervals after skip",
        params: &[count("n", 20.0, "how many"), count_from_0("skip", 5.0, "how many before them")],
    },
    RuleDef {
        id: RuleId::Oracle,
        name: "oracle",
        about: "hindsight: from when on the running estimate stays within; replay only",
        params: &[WITHIN],
    },
];
