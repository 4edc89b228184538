//! `perftune replay`: what stopping rules would have said of recordings, and how wrong they would have been.

mod output;
mod problems;
mod recorded;
pub(super) mod results;
mod tally;

use std::path::Path;

use self::output::Output;
use self::problems::Problems;
use super::args::ReplayArgs;
use super::diagnostic::Fault;
use super::exit::ExitStatus;
use super::output::Screen;
use crate::config::rule::parse_rule;
use crate::control::rule::{Judgement, RuleSpec};
use crate::report::replay::ReplayRow;
use crate::stats::Interval;
use crate::units::Share;

/// What is asked of every source.
struct Asked {
    /// None: the default of the source.
    rules: Vec<RuleSpec>,
    /// None: all of the source.
    metrics: Vec<String>,
}

/// Replays every source, prints what came of it, and says what could not be judged.
pub fn replay(args: &ReplayArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let asked = Asked::read(args)?;
    let mut output = Output::new(args.format);
    let mut problems = Problems::default();
    for source in &args.sources {
        let readers = (&mut output, &mut problems);
        if !replay_source(source, &asked, readers)? {
            break;
        }
    }
    output.finish(problems.any())?;
    screen.say(&problems.render());
    Ok(if problems.any() { ExitStatus::Usage } else { ExitStatus::Ok })
}

/// Whether somebody still reads.
fn replay_source(
    source: &Path,
    asked: &Asked,
    (output, problems): (&mut Output, &mut Problems),
) -> Result<bool, Fault> {
    if source.is_dir() {
        results::replay(source, asked, (output, problems))
    } else {
        recorded::replay(source, asked, (output, problems))
    }
}

impl Asked {
    fn read(args: &ReplayArgs) -> Result<Self, Fault> {
        let within = share(args.within.as_deref(), "--within", 0.0)?;
        let confidence = share(args.confidence.as_deref(), "--confidence", 0.5)?;
        let asked = |rule| asked_of(rule, within, confidence);
        let mut rules = rules(&args.rule, asked)?;
        if rules.is_empty() && (within.is_some() || confidence.is_some()) {
            rules.push(asked(RuleSpec::default()));
        }
        Ok(Self { rules, metrics: args.metrics.clone() })
    }
}

/// The rules of `--rule`, each completed by `asked`.
pub(super) fn rules(
    texts: &[String],
    asked: impl Fn(RuleSpec) -> RuleSpec,
) -> Result<Vec<RuleSpec>, Fault> {
    let rule = |text: &String| -> Result<RuleSpec, Fault> {
        let rule = parse_rule(text)
            .map_err(|(error, hint)| Fault::new(format!("--rule {text}: {error}")).hint(hint))?;
        Ok(asked(rule))
    };
    let rules = texts.iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    for (at, rule) in rules.iter().enumerate() {
        if rules[..at].contains(rule) {
            return Err(Fault::new(format!("--rule {rule} is given twice")));
        }
    }
    Ok(rules)
}

/// The rule with the precision that is asked of all, where it has such a parameter and was not given it.
fn asked_of(rule: RuleSpec, within: Option<f64>, confidence: Option<f64>) -> RuleSpec {
    let named = [("within", within), ("confidence", confidence)];
    named
        .into_iter()
        .fold(rule, |rule, (name, value)| value.map_or(rule.clone(), |value| rule.or(name, value)))
}

/// A percentage above `least` and below 100%.
fn share(text: Option<&str>, option: &str, least: f64) -> Result<Option<f64>, Fault> {
    let Some(text) = text else {
        return Ok(None);
    };
    let value = if text.ends_with('%') {
        text.parse::<Share>().ok().map(|share| share.0)
    } else {
        text.parse::<f64>().ok()
    };
    match value.filter(|value| *value > least && *value < 1.0) {
        Some(value) => Ok(Some(value)),
        None => Err(Fault::new(format!(
            "{option} must be a percentage between {} and 100%, not `{text}`",
            Share(least)
        ))),
    }
}

/// Which series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Names {
    series: String,
    benchmark: String,
    metric: String,
}

/// Below this, as a share of the figure, two numbers differ by rounding alone.
const ROUNDING: f64 = 1e-12;

/// What a rule says of a series, beside the figure of the whole series.
fn row(names: &Names, rule: &RuleSpec, said: Judgement, full: Option<f64>) -> ReplayRow {
    let (estimate, interval) = (said.estimate, said.interval);
    ReplayRow {
        series: names.series.clone(),
        benchmark: names.benchmark.clone(),
        metric: names.metric.clone(),
        rule: rule.to_string(),
        stop_t_s: said.stop_s,
        used_fraction: said.used,
        estimate,
        // No value of a series is below 0; Student's interval does not know.
        low: interval.map(|interval| interval.low.max(0.0)),
        high: interval.map(|interval| interval.high),
        full_estimate: full,
        relative_error: estimate.zip(full).map(|(estimate, full)| relative_error(estimate, full)),
        covered: interval.zip(full).map(|(interval, full)| covers(interval, full)),
        reason: said.reason,
    }
}

/// `estimate / full - 1`, where rounding alone is no error.
pub(super) fn relative_error(estimate: f64, full: f64) -> f64 {
    if (estimate - full).abs() <= ROUNDING * full.abs() { 0.0 } else { estimate / full - 1.0 }
}

/// Whether the interval holds the figure, up to rounding.
pub(super) fn covers(interval: Interval, full: f64) -> bool {
    let slack = ROUNDING * full.abs();
    interval.low - slack <= full && full <= interval.high + slack
}
