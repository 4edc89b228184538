//! Whatever is written after `perftune`, it says something and ends as it promises to.

use proptest::prelude::*;

use crate::support::Lab;

const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 5 }
[grid]
model = ["one", "two"]
dataset = "made-up"
[train]
epochs = 2
[serve]
enabled = false
"#;

fn words() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "run",
        "report",
        "list",
        "doctor",
        "completions",
        "grid.toml",
        "results/t",
        "models",
        "datasets",
        "metrics",
        "bash",
        "--dry-run",
        "--full",
        "--resume",
        "--fresh",
        "--set",
        "--only",
        "--out",
        "--seed",
        "--repeat",
        "--shard",
        "--format",
        "json",
        "csv",
        "table",
        "-q",
        "-v",
        "--progress",
        "plain",
        "none",
        "1/2",
        "3",
        "model=one",
        "train.epochs=1",
        "grid.batch_size=[8]",
        "stop.metrics=[\"throughput\"]",
        "--help",
        "--version",
        "--",
        "-",
        "=",
        "results",
        "worker.options={}",
        "repeat=2",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[ -~]{0,12}", 1 => "\\PC{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_arguments_make_it_panic(mut words in prop::collection::vec(words(), 0..8), run in any::<bool>()) {
        let lab = Lab::new(GRID);
        if run {
            words.splice(0..0, ["run".to_owned(), "grid.toml".to_owned()]);
        }
        // What is no argument of a shell is none here.
        words.retain(|word| !word.contains('\0'));
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        let shown = lab.call(&args);
        prop_assert!(matches!(shown.code, Some(0 | 2 | 3)), "{words:?}: {shown:#?}");
        prop_assert!(!shown.stderr.contains("panicked"), "{words:?}: {shown:#?}");
        prop_assert!(shown.code != Some(2) || !shown.stderr.is_empty(), "{words:?}: {shown:#?}");
        if shown.code == Some(3) {
            prop_assert!(shown.stdout.contains("failed"), "{words:?}: {shown:#?}");
        }
    }
}
