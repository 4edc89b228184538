//! Metrics of the user's own, from the grid file to the reports.

use std::fs;

use serde_json::Value;

use crate::support::Lab;

/// A command that says its F1 and its lag, the last of which counts.
const SAYS: &str = r#"for f1 in 0.1 "$1"; do
printf '{"metric": {"name": "f1", "value": %s}}\n' "$f1" >> "$PERFTUNE_EVENTS"
done
printf '{"metric": {"name": "lag", "value": 250}}\n{"metric": {"name": "extra", "value": 3}}\n' >> "$PERFTUNE_EVENTS"
"#;

const GRID: &str = r#"name = "t"
repeat = 1
[models.mine]
command = ["sh", "says.sh", "{f}"]
steps = false

[metrics.f1]
better = "higher"
label = "F1"

[metrics.lag]
unit = "ms"
better = "lower"

[grid]
model = "mine"
dataset = "none"
f = [0.5, 0.75]

[constraints]
f1 = ">= 0.6"
lag = "<= 0.3s"

[objectives]
maximize = ["f1"]
minimize = ["lag"]
"#;

fn lab(grid: &str) -> Lab {
    let lab = Lab::new(grid);
    fs::write(lab.path("says.sh"), SAYS).unwrap();
    lab
}

const LOW: &str = "mine-none-f_0.5";
const HIGH: &str = "mine-none-f_0.75";

#[test]
fn one_that_is_declared_is_limited_compared_and_shown_like_a_built_in_one() {
    let lab = lab(GRID);
    let table = lab.run(&[]).exits(0).stdout;
    assert!(table.contains("F1") && table.contains("lag ms"), "{table}");
    assert!(table.contains("f1 >= 0.6 is broken: 0.5"), "{table}");
    let [low, high] = [LOW, HIGH].map(|run| lab.report(run));
    assert_eq!((&*low["f1"], &*low["lag_s"], &*low["verdict"]), ("0.5", "0.25", "infeasible"));
    assert_eq!((&*high["f1"], &*high["verdict"], &*high["pareto"]), ("0.75", "feasible", "front"));
    // What nobody declared is a figure of the run, and no more.
    assert_eq!(lab.figure(LOW, "run", "extra"), Some(3.0));
    assert!(!low.contains_key("extra"));

    // The reports know of it without the grid file.
    fs::remove_file(lab.path("grid.toml")).unwrap();
    fs::remove_file(lab.file("report.csv")).unwrap();
    let again = lab.call(&["report", "results/t"]).exits(0).stdout;
    assert!(
        again.contains("lag ms") && again.contains("front: maximize f1; minimize lag"),
        "{again}"
    );
    assert_eq!(lab.report(HIGH), high);
    let summary = lab.rows("summary.csv");
    assert_eq!(&*summary.iter().find(|row| row["cell"] == HIGH).unwrap()["f1"], "0.75");
    let markdown = lab.call(&["report", "results/t", "--format", "markdown"]).exits(0).stdout;
    assert!(markdown.contains("F1") && markdown.contains("lag ms"), "{markdown}");
    assert!(lab.text("report.html").contains("F1"));
    let json = lab.call(&["report", "results/t", "--format", "json"]).exits(0).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let rows = json["runs"][0]["metrics"].as_array().unwrap();
    let declared = serde_json::json!({"name": "lag", "unit": "ms", "better": "lower"});
    assert!(rows.iter().any(|row| row["metric"] == declared && row["unit"] == "s"), "{rows:?}");
}
