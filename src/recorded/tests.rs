//! Tables as they are written, and what is read of them.

use std::sync::Arc;

use proptest::prelude::*;

use super::read::read_from;
use super::{Answer, Table};
use crate::event::AxisValue;
use crate::metric;
use crate::units::Unit;

fn read(text: &str) -> Result<Table, String> {
    read_from(text.as_bytes(), &[]).map_err(|error| {
        let hint = error.to_do().map(|hint| format!(" [{hint}]")).unwrap_or_default();
        error.to_string() + &hint
    })
}

/// What each seed says of the configuration of these values.
fn visits(table: &Arc<Table>, labels: &[&str]) -> Vec<Vec<Option<f64>>> {
    let codes = table.axes.iter().zip(labels).map(|(axis, label)| axis.code(label).unwrap());
    let row = table.find(&codes.collect::<Vec<_>>()).unwrap();
    let answer = Answer { table: Arc::clone(table), row, cost: None };
    let visit = |seed| answer.visit(seed).figures().map(|(_, value)| value).collect();
    (0..u64::from(table.seeds)).map(visit).collect()
}

#[test]
fn columns_are_axes_or_figures_of_seeds() {
    let text = "\u{feff}width,loss@1,lr,command.time,loss@0,act\n8,0.5,1e-3,2 s,0.25,relu\n16.0,,1E-2,3,nan,\n";
    let table = Arc::new(read(text).unwrap());
    let keys: Vec<&str> = table.axes.iter().map(|axis| &*axis.key).collect();
    assert_eq!(keys, ["width", "lr", "act"]);
    assert_eq!(table.axes[0].values, [AxisValue::Whole(8), AxisValue::Number(16.0)]);
    assert_eq!(table.axes[2].values, [AxisValue::Text("relu".into()), AxisValue::Unset]);
    assert_eq!((table.len(), table.seeds), (2, 2));
    let shown: Vec<_> = table.figures.iter().map(|f| (&*f.metric, &*f.phase, f.by_seed)).collect();
    assert_eq!(shown, [("loss", "run", true), ("command.time", "run", false)]);
    let first = [vec![Some(0.25), Some(2.0)], vec![Some(0.5), Some(2.0)]];
    assert_eq!(visits(&table, &["8", "0.001", "relu"]), first);
    assert_eq!(visits(&table, &["16", "0.01", "default"]), [[None, Some(3.0)], [None, Some(3.0)]]);
    // Packed or not, it is the same table.
    assert_eq!(table.sha256.len(), 64);
}

#[test]
fn a_metric_of_the_users_own_is_a_figure_in_its_unit_and_needs_no_seeds() {
    let said = r#"{"name":"wait","unit":"ms","better":"lower"}"#;
    let wait = metric::declare(serde_json::from_str(said).unwrap()).unwrap();
    let table = read_from(&b"a,wait,f1@0\n1,250,0.5\n2,3 s,-1\n"[..], &[wait]).unwrap();
    let shown: Vec<_> = table.figures.iter().map(|f| (&*f.metric, f.unit, f.by_seed)).collect();
    assert_eq!(shown, [("wait", Unit::Seconds, false), ("f1", Unit::One, true)]);
    let table = Arc::new(table);
    assert_eq!(visits(&table, &["1"]), [[Some(0.25), Some(0.5)]]);
    assert_eq!(visits(&table, &["2"]), [[Some(3.0), Some(-1.0)]]);
}

#[test]
fn a_visit_beyond_the_seeds_is_one_of_them_and_one_without_figures_has_failed() {
    let table = Arc::new(read("a,f@0,f@1,command.time\n1,2,,9\n").unwrap());
    let answer = Answer { row: 0, cost: table.figure("command.time"), table };
    let seeds: Vec<_> = (0..4).map(|seed| answer.visit(seed).seed).collect();
    assert_eq!(seeds, [0, 1, 0, 1]);
    assert_eq!((answer.visit(0).failed(), answer.visit(1).failed()), (false, true));
    assert!((answer.visit(1).cost_s() - 9.0).abs() < 1e-12);
    assert!((answer.visit(u64::MAX).cost_s() - 9.0).abs() < 1e-12);
}

#[test]
fn what_looks_like_a_number_and_is_a_name_stays_one() {
    let table = read("a,f@0\n007,1\ninf,1\n-0.5,1\n.5,1\nnan,1\n1e999,1\ntrue,1\n").unwrap();
    let shown: Vec<String> = table.axes[0].values.iter().map(|v| format!("{v:?}")).collect();
    let text = |text: &str| format!("Text({text:?})");
    let expected = [text("007"), text("inf"), "Number(-0.5)".into(), "Number(0.5)".into()];
    assert_eq!(shown[..4], expected);
    assert_eq!(shown[4..], [text("nan"), text("1e999"), "Flag(true)".into()]);
}

#[test]
fn a_table_that_cannot_be_used_says_where_and_why() {
    for (text, says) in [
        ("", "line 1: it is empty, or has no header [its first line names the columns]"),
        ("a,b\n1,2\n", "line 1: it has no figures: every column is an axis [a figure is"),
        ("a;f@0\n1;2\n", "line 1: it has a single column [its fields are separated by commas]"),
        ("a,,f@0\n", "line 1: column 2 has no name"),
        ("a,f@0,a\n", "line 1: columns 1 and 3 are both named `a`"),
        ("a\u{1b},f@0\n", "line 1: the name of column 1 is longer than 100 bytes, or has control"),
        ("a,f@0,f@2\n", "line 1: there is a `f@2`, and no `f@1` [the seeds count from 0"),
        ("a,f@1\n", "line 1: there is a `f@1`, and no `f@0`"),
        ("a,f@00,f@0\n", "line 1: there is a `f@0`, and no `f@1`"),
        ("a,f@x\n", "line 1: `f@x` names no seed behind its @ [`NAME@0` is"),
        ("a,f@-1\n", "line 1: `f@-1` names no seed"),
        ("a,f@99999999999\n", "line 1: `f@99999999999` names no seed"),
        ("a,@0\n", "line 1: `` cannot be the name of a figure"),
        ("a,command.time,command.time@0\n", "line 1: there are both `command.time` and"),
        ("a,f@0,f@1,g@0\n", "line 1: `f` has 2 seeds, and `g` 1 [each run has all figures"),
        ("a,serve.latency_p99@0\n", "line 1: `serve.latency_p99` does not name its request size"),
        ("a,f@0\n", "it has a header and no rows"),
        ("a,f@0\n1,2\n1,2,3\n", "line 3: it has 3 fields, and the header 2"),
        ("a,f@0\n1,2\n\n2\n", "line 4: it has 1 fields, and the header 2"),
        ("a,f@0\n1,2\n2,3\n1.0,4\n", "line 4: the configuration of line 2 once more [a conf"),
        ("a,f@0\n1,x\n", "line 2, column `f@0`: `x` is not a number [leave the field empty"),
        ("a,f@0\n1,inf\n", "line 2, column `f@0`: a figure is finite, not inf [leave"),
        ("a,memory.peak\n1,3 apples\n", "line 2, column `memory.peak`: `apples` is not a unit"),
        ("a,memory.peak\n1,-3\n", "line 2, column `memory.peak`: memory.peak cannot be -3"),
    ] {
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let error = read(&text).unwrap_err();
            assert!(error.starts_with(says), "{text:?}: {error}");
        }
    }
    let long = format!("a,f@0\n{},1\n", "x".repeat(257));
    assert!(read(&long).unwrap_err().starts_with("line 2, column `a`: a value is longer"));
    let latin = read_from(&b"a,f@0\n\xe4,1\n"[..], &[]).unwrap_err().to_string();
    assert_eq!(latin, "line 2: it is not UTF-8 text");
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        rows in prop::collection::btree_map((0..50i64, "[a-z]{1,3}"), (-1e9..1e9f64, any::<bool>()), 1..40),
    ) {
        let mut text = "n,word,f@0,f@1\n".to_owned();
        for ((n, word), (value, there)) in &rows {
            use std::fmt::Write;
            let second = if *there { value.to_string() } else { String::new() };
            writeln!(text, "{n},{word}x,{value},{second}").unwrap();
        }
        let table = Arc::new(read(&text).unwrap());
        prop_assert_eq!(table.len(), rows.len());
        for ((n, word), (value, there)) in rows {
            let found = visits(&table, &[&n.to_string(), &format!("{word}x")]);
            prop_assert_eq!(found, [[Some(value)], [there.then_some(value)]]);
        }
    }

    #[test]
    fn any_bytes_are_a_table_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_from(&bytes[..], &[]);
        let _ = read_from(&[b"a,f@0\n", &bytes[..]].concat()[..], &[]);
    }
}
