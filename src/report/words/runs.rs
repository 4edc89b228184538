//! How many more runs would tell, as well as it is known.

/// A range to more than so many times its lower end is no figure that anybody could plan with.
const WIDEST: u32 = 10;

/// Both ends of a number of runs, rounded outward to one digit; the upper one where it is of use.
pub fn rounded_runs(least: u32, most: Option<u32>) -> (u32, Option<u32>) {
    let digit = |runs: u32| 10_u32.pow(runs.max(1).ilog10());
    let least = least / digit(least) * digit(least);
    let most = most.map(|most| most.div_ceil(digit(most)) * digit(most));
    (least, most.filter(|most| *most <= least.saturating_mul(WIDEST)))
}

/// Whether it is known well enough how many runs would tell.
pub fn is_told(least: u32, most: Option<u32>) -> bool {
    rounded_runs(least, most).1.is_some()
}

/// `about 10 to 60`, `at least 10`: a number of runs as well as it is known so far.
pub fn some_runs(least: u32, most: Option<u32>) -> String {
    match rounded_runs(least, most) {
        (least, Some(most)) if most == least => format!("about {least}"),
        (least, Some(most)) => format!("about {least} to {most}"),
        (least, None) => format!("at least {least}"),
    }
}

/// The same with its noun.
pub fn more_runs_a_side(least: u32, most: Option<u32>) -> String {
    let runs = some_runs(least, most);
    let noun = if runs.ends_with(" 1") { "run" } else { "runs" };
    format!("{runs} more {noun} a side")
}
