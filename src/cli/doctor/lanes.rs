//! By how much figures move on a lane beside busy ones, for people.

use crate::app::doctor::{Change, LanesCheck};
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
    let each = check.loops.iter().map(|moved| {
        let apart = if moved.told_apart { "" } else { ": not told apart" };
        format!(
            "{}: {}; alone against alone {}{apart}",
            moved.stresses,
            change(&moved.beside),
            change(&moved.again)
        )
    });
    [head].into_iter().chain(each).collect::<Vec<_>>().join("\n")
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
