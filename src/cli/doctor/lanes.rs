//! By how much figures move on a lane beside busy ones, for people.

use crate::app::doctor::{Change, LanesCheck, Moved};
use crate::event::cpu_list;
use crate::units;

/// What was measured, then a line for each loop.
pub(super) fn said(check: &LanesCheck) -> String {
    let cpus: Vec<String> = check.lanes.iter().map(|lane| cpu_list(&lane.cpus)).collect();
    let head = format!(
        "{} lanes, CPU {}: a loop on the first one while the others run it too, against the same alone; {} blocks in turns, {} intervals",
        check.lanes.len(),
        cpus.join(" | "),
        check.blocks,
        units::percent(check.confidence)
    );
    let each = check.loops.iter().map(|moved| line(moved.stresses, moved));
    let training = match &check.training {
        Some(moved) => {
            let what = format!("training {} ({} blocks)", moved.stresses, check.trainings);
            line(&what, moved)
        }
        None => "training: left out, there is no native worker here".to_owned(),
    };
    [head].into_iter().chain(each).chain([training]).collect::<Vec<_>>().join("\n")
}

fn line(what: &str, moved: &Moved) -> String {
    let apart = if moved.told_apart { "" } else { ": not told apart" };
    let (beside, again) = (change(&moved.beside), change(&moved.again));
    format!("{what}: {beside}; alone against alone {again}{apart}")
}

/// `-12.3% (-13.0% to -11.6%)`.
fn change(found: &Change) -> String {
    let ends = found.low.zip(found.high);
    let ends =
        ends.map(|(low, high)| format!(" ({} to {})", units::change(low), units::change(high)));
    units::change(found.change) + &ends.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::lanes::example;

    #[test]
    fn each_loop_has_a_line_with_its_interval() {
        insta::assert_snapshot!("lanes", said(&example()));
    }
}
