//! Models that are files of TorchScript, made by `tests/nets/make.py`.

use std::path::{Path, PathBuf};

use crate::support::Lab;

fn net(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nets").join(name)
}

/// A grid of this model on the digits; `rest` comes behind it.
fn lab(model: &str, rest: &str) -> Lab {
    let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/digits");
    let digits = digits.to_str().unwrap();
    Lab::new(&format!(
        "name = \"t\"\nrepeat = 1\n[models.mine]\n{model}\n[grid]\nmodel = \"mine\"\ndataset = {digits:?}\nthreads = 1\n\
         [stop]\nmax_time = \"1s\"\n{rest}"
    ))
}

fn file(name: &str) -> String {
    format!("torchscript = {:?}", net(name).to_str().unwrap())
}

#[test]
fn a_file_is_served_in_each_pattern_and_trained_to_the_end() {
    for (name, more) in [("mlp.pt", ""), ("residual.pt", ""), ("flat.pt", "input = [64]")] {
        let lab = lab(
            &format!("{}\n{more}", file(name)),
            "[train]\nepochs = 4\nlearning_rate = 1e-2\n[serve]\nbatch_size = [1, 7]\nmax_time = \"200ms\"\n",
        );
        let rate = "serve.rate=\"50/s\"";
        for (pattern, more) in [("single-stream", None), ("server", Some(rate))] {
            let pattern = format!("serve.pattern={pattern}");
            let mut args = vec!["--full", "--fresh", "--set", &pattern];
            args.extend(more.into_iter().flat_map(|more| ["--set", more]));
            lab.run(&args).exits(0);
            for phase in ["serve[1]", "serve[7]"] {
                assert!(lab.figure("mine-digits", phase, "serve.throughput").unwrap() > 0.0);
            }
        }
        assert!(lab.figure("mine-digits", "run", "model.flops").unwrap() > 2000.0);
        assert!(lab.figure("mine-digits", "train", "train.flops_per_s").unwrap() > 0.0);
        let accuracy = lab.figure("mine-digits", "run", "test_accuracy").unwrap();
        assert!(accuracy > 0.8, "{name}: {accuracy}");
    }
}

#[test]
fn what_cannot_be_a_model_is_told_before_anything_is_run() {
    let short = tempfile::tempdir().unwrap();
    let whole = std::fs::read(net("mlp.pt")).unwrap();
    std::fs::write(short.path().join("short.pt"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(short.path().join("empty.pt"), "").unwrap();
    std::fs::write(short.path().join("text.pt"), "a text").unwrap();
    for (name, says) in [
        ("none.pt", "No such file or directory"),
        (
            "pickle.pt",
            "it holds objects of Python, as torch.save writes them, and these are never unpacked",
        ),
        (
            "old-pickle.pt",
            "it holds objects of Python, as torch.save writes them, and these are never unpacked",
        ),
        ("newer.pt", "it is cut short or damaged, or a newer one wrote it"),
        ("foreign.pt", "Unknown builtin op: mine::twice"),
        ("short.pt", "it is cut short or damaged"),
        ("empty.pt", "it is empty"),
        ("text.pt", "it is not a file of TorchScript"),
    ] {
        let path = Some(short.path().join(name)).filter(|path| path.exists());
        let path = path.unwrap_or_else(|| net(name));
        let lab = lab(&format!("torchscript = {:?}", path.to_str().unwrap()), "");
        let shown = lab.run(&[]).exits(2);
        assert!(shown.stderr.contains(says), "{name}: {}", shown.stderr);
        assert!(shown.stderr.contains("grid.toml:4:15"), "{name}: {}", shown.stderr);
        assert_eq!(lab.files(), ["grid.toml"], "{name}");
    }
    for (name, more, says) in [
        ("flat.pt", "", "the model mine cannot be used: it fails on samples of shape [1, 8, 8]"),
        (
            "mlp.pt",
            "input = [8, 9]",
            "`input` has 72 values, and a sample of digits 64 (1 x 8 x 8)",
        ),
        (
            "mlp.pt",
            "input = [2, 32]\ncommand = [\"true\"]",
            "`command` is of another kind of model",
        ),
        ("named.pt", "", "its result is a Dict[str, Tensor]: it must be a tensor"),
        ("one.pt", "", "the first side must be the number of samples"),
        ("mlp.pt", "input = [0]", "`input` must be a whole number"),
    ] {
        let lab = lab(&format!("{}\n{more}", file(name)), "");
        let shown = lab.run(&[]).exits(2);
        assert!(shown.stderr.contains(says), "{name}: {}", shown.stderr);
        assert_eq!(lab.files(), ["grid.toml"], "{name}");
    }
}

#[test]
fn one_without_parameters_is_served_and_not_trained() {
    let lab = lab(&file("fixed.pt"), "[train]\nepochs = 4\n[serve]\nmax_time = \"200ms\"\n");
    let shown = lab.run(&["--full"]).exits(0);
    let says =
        "the model mine has no parameters that require gradients: it is served, and not trained";
    assert!(shown.stderr.contains(says), "{}", shown.stderr);
    assert!(lab.figure("mine-digits", "serve[1]", "serve.latency_p50").unwrap() > 0.0);
    let metrics = lab.text("metrics.csv");
    assert!(!metrics.lines().any(|line| line.contains(",train,")), "{metrics}");
    let shown = lab.run(&["--fresh", "--set", "serve.enabled=false"]).exits(2);
    assert!(shown.stderr.contains("there is nothing to do for the model mine"), "{}", shown.stderr);
}

#[test]
fn of_several_results_the_first_is_taken_and_that_is_said() {
    let lab = lab(&file("two.pt"), "[train]\nepochs = 1\n[serve]\nmax_time = \"200ms\"\n");
    let shown = lab.run(&["--full"]).exits(0);
    let says = "the model mine returns 2 results: the first one is used";
    assert!(shown.stderr.contains(says), "{}", shown.stderr);
    assert!(lab.figure("mine-digits", "run", "test_accuracy").is_some());
}

#[test]
fn results_are_of_a_file_and_not_of_its_place() {
    let lab =
        lab("torchscript = \"net.pt\"", "[train]\nepochs = 0\n[serve]\nmax_time = \"100ms\"\n");
    std::fs::copy(net("mlp.pt"), lab.path("net.pt")).unwrap();
    lab.run(&["--full"]).exits(0);
    std::fs::rename(lab.path("net.pt"), lab.path("moved.pt")).unwrap();
    let moved = ["--full", "--resume", "--set", "models.mine.torchscript=\"moved.pt\""];
    let made = lab.text("runs/mine-digits/done.json");
    lab.run(&moved).exits(0);
    assert_eq!(lab.text("runs/mine-digits/done.json"), made, "it is kept");
    std::fs::copy(net("two.pt"), lab.path("moved.pt")).unwrap();
    let shown = lab.run(&moved);
    assert_ne!(shown.code, Some(0), "another file is another model: {}", shown.stderr);
}
