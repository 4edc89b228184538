//! What measurements of two things that alternate share: how many, the steps that perftune recorded, a ratio with its interval.

use std::path::Path;

use perftune::event::{Phase, WorkerEvent};
use perftune::store::{Line, read_lines};
use statrs::distribution::{ContinuousCDF, StudentsT};

pub(crate) fn number(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub(crate) fn pairs() -> usize {
    std::env::var("PAIRS").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

/// A ratio over pairs: geometric mean and the 95% t interval of the logarithms.
pub(crate) struct Ratio {
    pub(crate) low: f64,
    pub(crate) middle: f64,
    pub(crate) high: f64,
}

impl Ratio {
    pub(crate) fn of(ratios: &[f64]) -> Self {
        let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let t = StudentsT::new(0.0, 1.0, n - 1.0).unwrap().inverse_cdf(0.975);
        let half = t * (variance / n).sqrt();
        Self { low: (mean - half).exp(), middle: mean.exp(), high: (mean + half).exp() }
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:>8.3} [{:.3}, {:.3}]", self.middle, self.low, self.high))
    }
}

/// A recorded step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) end_ns: u64,
    pub(crate) took_ns: u64,
    #[allow(dead_code, reason = "one of the benchmarks that share this counts them")]
    pub(crate) items: u32,
}

/// The steps of the training, or the requests, that are recorded so far.
pub(crate) fn recorded(run: &Path) -> Vec<Step> {
    let mut steps = Vec::new();
    // Before the run has begun there is no log.
    let Ok(lines) = read_lines(run) else { return steps };
    for line in lines {
        if let Ok(Line::Worker(envelope)) = line
            && let WorkerEvent::Steps(batch) = envelope.event
            && matches!(batch.phase, Phase::Train | Phase::Serve(_))
        {
            let mut end_ns = batch.start_ns;
            for took_ns in batch.dur_ns {
                end_ns += took_ns;
                steps.push(Step { end_ns, took_ns, items: batch.items });
            }
        }
    }
    steps
}
