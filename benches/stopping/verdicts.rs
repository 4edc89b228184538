//! Verdicts on constraints over series of known truth: a limit that the truth keeps by 3 or 10%, and one that it breaks.

use perftune::control::{Constraint, Op, StopPolicy};
use perftune::event::{Feasibility, StopReason};

use super::truth::{Draw, STEP_S, kinds, play, steady_quantile};

pub(crate) fn run(seeds: u64) {
    println!(
        "\nverdicts on `<= limit`, {seeds} seeds each: wrong (at most 1%), right, undecided after 60 s, in %; median time of the right ones"
    );
    for (metric, level) in
        [("train.step_latency_mean", None), ("train.step_latency_p95", Some(0.95))]
    {
        println!("  {metric}");
        for (name, draw) in kinds() {
            let truth = level.map_or(STEP_S, |level| STEP_S * steady_quantile(draw(0), level));
            let mut line = format!("    {name:<34}");
            for margin in [-0.10, -0.03, 0.03, 0.10] {
                let limit = truth * (1.0 + margin);
                line += &outcome(seeds, draw, (metric, limit, margin > 0.0));
            }
            println!("{line}");
        }
    }
}

fn outcome(seeds: u64, draw: fn(u64) -> Draw, (metric, limit, kept): (&str, f64, bool)) -> String {
    let (mut wrong, mut right, mut times) = (0u32, 0u32, Vec::new());
    for seed in 0..seeds {
        let policy = StopPolicy {
            metrics: vec![metric.into()],
            max_time_s: 60.0,
            constraints: vec![Constraint { metric: metric.into(), op: Op::AtMost, limit }],
            ..StopPolicy::default()
        };
        let (controller, record, at_s) = play(seed, draw(seed), policy);
        let rows = controller.rows(Some(&record));
        let verdict = controller.feasibility(&rows, &record);
        let verdict = verdict.map(|verdict| verdict.verdict);
        let infeasible =
            record.reason == StopReason::Infeasible || verdict == Some(Feasibility::Infeasible);
        let feasible = verdict == Some(Feasibility::Feasible);
        if (infeasible && kept) || (feasible && !kept) {
            wrong += 1;
        } else if infeasible || feasible {
            right += 1;
            times.push(at_s);
        }
    }
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied();
    let share = |count: u32| 100.0 * f64::from(count) / seeds as f64;
    let undecided = u32::try_from(seeds).unwrap() - wrong - right;
    let sign = if kept { "kept" } else { "broken" };
    format!(
        "  {sign} {:.1}/{:.0}/{:.0} {:>5}",
        share(wrong),
        share(right),
        share(undecided),
        median.map_or("-".to_owned(), |s| format!("{s:.1}s"))
    )
}
