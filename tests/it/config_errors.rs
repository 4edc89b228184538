//! Grid files with a mistake, each with the whole message that a user sees; and some without, each with its plan.
//!
//! `tests/configs/invalid/NAME.toml` has its message in `NAME.snap` beside it. Lines `#: --set ...` in a file are the
//! command line that goes with it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use perftune::config::plan::{Plan, PlannedRun, WorkerProgram};
use perftune::config::{
    ConfigError, DatasetCatalogue, DatasetFacts, GridSource, MachineFacts, Request, ScriptFacts,
    load,
};
use perftune::dataset::DataError;
use perftune::engine::{Ground, Lanes, LanesError, lanes};
use perftune::event::{
    AXES, AxisDef, AxisList, AxisValue, Lane, MemoryGuard, Processor, ScriptHolds, Work,
};
use perftune::gate::GatePolicy;
use perftune::sampler::LimitMeans;
use perftune::schedule::Repeats;
use proptest::prelude::*;

/// Three data sets, and one more in a folder.
struct Catalogue;

impl DatasetCatalogue for Catalogue {
    fn resolve(&self, name_or_path: &str) -> Result<DatasetFacts, DataError> {
        let train_rows = match name_or_path {
            "digits" => 1347,
            "satellite" => 4435,
            "fashion-mnist" => 60_000,
            path if path.ends_with("other/digits") => 500,
            path => {
                let path = Path::new(path).file_name().unwrap().into();
                return Err(DataError::NoManifest { path });
            }
        };
        let name = name_or_path.rsplit('/').next().unwrap();
        Ok(DatasetFacts {
            name: name.to_owned(),
            dir: Path::new("/datasets").join(name_or_path),
            train_rows,
            shape: [1, 8, 8],
            guessed: Vec::new(),
        })
    }

    fn names(&self) -> Vec<String> {
        ["digits", "fashion-mnist", "satellite"].map(str::to_owned).into()
    }

    fn script(&self, path: &Path) -> Result<ScriptFacts, String> {
        let trainable = match path.file_name().and_then(std::ffi::OsStr::to_str) {
            Some("net.pt") => 100,
            Some("fixed.pt") => 0,
            _ => return Err("it is not a file of TorchScript".to_owned()),
        };
        let holds = Some(ScriptHolds { parameters: 100, trainable });
        Ok(ScriptFacts { sha256: "0".repeat(64), holds })
    }
}

#[derive(Default)]
struct Arguments {
    set: Vec<String>,
    only: Vec<String>,
    seed: Option<u64>,
    repeat: Option<u32>,
    full: bool,
    max_cells: Option<u64>,
    jobs: Option<Lanes>,
    /// The machine lets nobody make control groups.
    without_groups: bool,
}

impl Arguments {
    fn of(text: &str) -> Self {
        let mut arguments = Self::default();
        for line in text.lines().filter_map(|line| line.strip_prefix("#: ")) {
            let (flag, value) = match line {
                "without groups" => (line, ""),
                _ => line.split_once(' ').unwrap_or((line, "")),
            };
            match flag {
                "--set" => arguments.set.push(value.to_owned()),
                "--only" => arguments.only.push(value.to_owned()),
                "--seed" => arguments.seed = Some(value.parse().unwrap()),
                "--repeat" => arguments.repeat = Some(value.parse().unwrap()),
                "--jobs" => arguments.jobs = Some(value.parse().unwrap()),
                "--full" => arguments.full = true,
                "--max-cells" => arguments.max_cells = Some(value.parse().unwrap()),
                "without groups" => arguments.without_groups = true,
                other => panic!("{other} is no argument of this test"),
            }
        }
        arguments
    }

    /// Four CPUs, of which this process may not use the second, and 8 GiB.
    fn machine(&self) -> MachineFacts {
        let why = "the control group /sys/fs/cgroup is not given the controller `cpu`";
        let groups = !self.without_groups;
        MachineFacts {
            usable_cores: 4,
            limits: LimitMeans {
                cpus: Ok(vec![0, 2, 3, 4]),
                memory: Ok(if groups { MemoryGuard::Cgroup } else { MemoryGuard::Watched }),
                why_watched: self.without_groups.then(|| why.to_owned()),
                quota: if groups { Ok(()) } else { Err(why.to_owned()) },
                memory_bytes: Some(8 << 30),
                base: None,
            },
        }
    }

    fn load(&self, source: GridSource) -> Result<Plan, ConfigError> {
        let own = matches!(&source, GridSource::Path(path) if path.starts_with("configs"));
        let base_dir = PathBuf::from(if own { "configs" } else { "tests/configs" });
        load(&Request {
            profile: None,
            source,
            set: &self.set,
            set_by: None,
            only: &self.only,
            seed: self.seed,
            repeat: self.repeat.map(Repeats::Fixed),
            budget: None,
            jobs: self.jobs,
            lanes: four_cpus,
            full: self.full,
            max_cells: self.max_cells.unwrap_or(100_000),
            keeps_names: true,
            machine: self.machine(),
            catalogue: &Catalogue,
            base_dir,
        })
    }
}

/// The CPUs of the machine of these tests, each a core of its own; it has no GPU.
fn four_cpus(asked: Lanes) -> Result<Vec<Lane>, LanesError> {
    let processors = [0, 2, 3, 4].map(|cpu| Processor { node: 0, core: cpu, cpu }).to_vec();
    lanes::cut(asked, &Ground { processors, ..Ground::default() })
}

fn load_file(path: &Path) -> Result<Plan, ConfigError> {
    let bytes = std::fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    Arguments::of(&text).load(GridSource::Path(path.to_owned()))
}

fn load_text(text: &str) -> Result<Plan, ConfigError> {
    Arguments::of(text).load(GridSource::Stdin(text.as_bytes().to_vec()))
}

/// Calls `check` with every grid file of a folder, and fails where a file or its expectation stands alone.
fn walk(folder: &str, at_least: usize, check: impl Fn(&Path) -> String) {
    let files = |extension: &str| -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect();
        files.sort();
        files
    };
    let grids = files("toml");
    assert!(grids.len() >= at_least, "{folder}: {} files", grids.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for path in &grids {
        let shown = check(path);
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        settings.bind(|| insta::assert_snapshot!(name, shown));
    }
    for path in files("snap") {
        let grid = path.with_extension("toml");
        assert!(grid.is_file(), "{} has no grid file", path.display());
    }
}

#[test]
fn every_mistake_has_its_message() {
    walk("tests/configs/invalid", 30, |path| {
        let error =
            load_file(path).err().unwrap_or_else(|| panic!("{} was accepted", path.display()));
        error.render()
    });
}

#[test]
fn grids_become_plans() {
    walk("tests/configs/valid", 8, |path| {
        summary(&load_file(path).unwrap_or_else(|error| panic!("{error}")))
    });
}

#[test]
fn the_grids_of_the_repository_are_valid() {
    let mut found = 0;
    for entry in std::fs::read_dir("configs").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "toml") {
            continue;
        }
        let plan = load_file(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(plan.warnings, Vec::<String>::new(), "{}", path.display());
        found += 1;
        if path.ends_with("grid.toml") {
            insta::assert_snapshot!("default_grid", summary(&plan));
        }
    }
    assert!(found >= 7, "{found}");
}

/// What a reader needs to judge a plan, without the folders of this machine.
fn summary(plan: &Plan) -> String {
    let here = std::env::current_dir().unwrap();
    let local = |path: &Path| {
        let path = path.strip_prefix(&here).unwrap_or(path);
        path.display().to_string()
    };
    let mut text = format!(
        "name {} seed {} repeats {} varying {:?}\nsampler {:?}\n",
        plan.name, plan.seed, plan.repeats, plan.varying, plan.sampler
    );
    let worker = match &plan.worker.program {
        WorkerProgram::Command { program, args } => {
            let args: Vec<String> = args.iter().map(|arg| local(Path::new(arg))).collect();
            format!("{} {args:?}", local(program))
        }
        other => format!("{other:?}"),
    };
    let (hang, grace) = (plan.worker.hang_timeout_ns, plan.worker.grace_ns);
    writeln!(text, "worker {worker} hang {hang} ns grace {grace} ns").unwrap();
    for objective in &plan.objectives {
        writeln!(text, "{objective}").unwrap();
    }
    if plan.gate != GatePolicy::default() {
        writeln!(text, "gate {:#?}", plan.gate).unwrap();
    }
    for warning in &plan.warnings {
        writeln!(text, "warning {warning}").unwrap();
    }
    let mut shown = Vec::new();
    for run in &plan.runs {
        let (name, cell, repeat) = (&run.run, &run.cell, run.repeat);
        writeln!(text, "\n{name} (cell {cell}, repeat {repeat})").unwrap();
        // Only what is different from the run before, so that a reader sees what matters.
        let lines = details(run, &local);
        for (at, line) in lines.iter().enumerate() {
            if shown.get(at) != Some(line) {
                writeln!(text, "  {line}").unwrap();
            }
        }
        shown = lines;
    }
    text
}

fn details(run: &PlannedRun, local: &dyn Fn(&Path) -> String) -> Vec<String> {
    let setting = |def: &AxisDef| match def.of(&run.job) {
        AxisValue::Unset => format!("{}=-", def.key),
        value => format!("{}={value}", def.key),
    };
    let axes: Vec<String> = AxisList::of([&*run.job]).defs().map(setting).collect();
    let (job, mut stop) = (&run.job, (*run.stop).clone());
    let metrics = std::mem::take(&mut stop.metrics);
    let constraints = std::mem::take(&mut stop.constraints);
    let limits = constraints.iter().map(|constraint| format!("limit {constraint}"));
    let mut lines = vec![
        axes.join(" "),
        format!("seed {} data {}", job.seed, local(&job.dataset_dir)),
        format!(
            "epochs {} held out {} warm-up {}",
            job.train.epochs, job.train.validation_share, job.train.warmup_steps
        ),
        format!("{:?}", job.serve).replace(
            ", confirm: false, pattern: SingleStream, max_requests: None, find_max_rate: None",
            "",
        ),
        match &job.work {
            Work::Protocol { options } => format!("options {options}"),
            _ => "options null".to_owned(),
        },
        format!("{stop:?}")
            .replace(" limits_only: false,", "")
            .replace(", constraints: []", "")
            .replace(", bars: []", "")
            .replace(", target_accuracy: None", ""),
        format!("metrics {}", metrics.join(" ")),
    ];
    lines.extend(limits);
    if !run.limits.is_none() {
        lines.push(format!("{:?}", run.limits));
    }
    lines
}

#[test]
fn files_that_cannot_be_read_are_named() {
    for path in ["tests/configs/nowhere.toml", "tests/configs", "/dev/zero"] {
        let error = Arguments::default().load(GridSource::Path(path.into())).unwrap_err().render();
        assert!(error.starts_with("error: cannot read the file: "), "{error}");
        assert!(error.contains(path), "{error}");
    }
}

#[test]
fn the_command_line_wins_over_the_file_and_is_checked() {
    let grid = "seed = 3\nrepeat = 2\n[grid]\nmodel = 'mlp'\ndataset = 'digits'\n";
    for (line, says) in [
        ("#: --repeat 0", "--repeat must be from 1 to 10000"),
        ("#: --seed 18446744073709551615", "--seed must be"),
    ] {
        let error = load_text(&format!("{line}\n{grid}")).unwrap_err().render();
        assert!(error.contains(says), "{error}");
    }
    let plan = load_text(&format!("#: --repeat 3\n#: --seed 5\n{grid}")).unwrap();
    let seeds: Vec<u64> = plan.runs.iter().map(|run| run.job.seed).collect();
    assert_eq!((plan.seed, plan.repeats, seeds), (5, Repeats::Fixed(3), vec![5, 6, 7]));
}

#[test]
fn a_file_may_speak_of_values_that_the_command_line_took_away() {
    let grid = "[grid]\nmodel = ['mlp', 'cnn']\ndataset = 'digits'\n\
                [[exclude]]\nmodel = 'resnet'\n[[override]]\nmatch = { model = 'resnet' }\ntrain.epochs = 1\n";
    assert_eq!(load_text(grid).unwrap().warnings.len(), 2);
    let narrowed = load_text(&format!("#: --set grid.model=mlp\n{grid}")).unwrap();
    assert_eq!(narrowed.warnings, Vec::<String>::new());
    let filtered = load_text(&format!("#: --only model=mlp\n{grid}")).unwrap();
    assert_eq!(filtered.warnings.len(), 2);
}

#[test]
fn an_axis_of_the_file_stays_in_the_names_whatever_part_of_it_is_run() {
    let grid = "[grid]\nmodel = 'mlp'\ndataset = 'digits'\nbatch_size = [32, 64]\nthreads = 1\n";
    let names = |argument: &str| -> Vec<String> {
        let plan = load_text(&format!("{argument}{grid}")).unwrap();
        plan.runs.iter().map(|run| run.run.clone()).collect()
    };
    assert_eq!(names(""), ["mlp-digits-b32", "mlp-digits-b64"]);
    for argument in
        ["--set grid.batch_size=64", "--set grid.batch_size=[64]", "--only batch_size=64"]
    {
        assert_eq!(names(&format!("#: {argument}\n")), ["mlp-digits-b64"], "{argument}");
    }
    assert_eq!(names("#: --set grid.threads=2\n"), names(""));
}

#[test]
fn the_longest_name_fits_into_a_file_name() {
    let name = "n".repeat(64);
    let grid = format!(
        "repeat = 9\n[grid]\nmodel = '{name}'\ndataset = '{name}'\nbatch_size = [1, 16777216]\n\
         learning_rate = [1, 1.2345678901234567e-300]\nweight_decay = [1, 1.2345678901234567e-300]\n\
         optimizer = ['adam', 'adamw']\nthreads = [1, 1024]\ndevice = ['cpu', 'cuda:255']\n\
         flush_denormals = [true, false]\nallocator = ['retain', 'system']\ndepth = [1, 1000]\nwidth = [1, 65536]\n\
         precision = ['fp32', 'bf16']\n\
         [worker]\nprogram = 'scripted'\n"
    );
    let plan = load_text(&grid).unwrap();
    let longest = plan.runs.iter().map(|run| run.run.len()).max().unwrap();
    assert_eq!(plan.runs.len(), 9 * 2048);
    // Room for `-r10000`, where these end in `-r9`.
    assert!((200..=255 - 4).contains(&longest), "{longest}");
    let longer = grid.replace(&name, &"n".repeat(65));
    assert!(load_text(&longer).unwrap_err().render().contains("1 to 64 bytes"));
}

#[test]
fn a_command_can_be_told_of_every_axis() {
    let words: Vec<String> = AXES.iter().map(|def| format!("'{{{}}}'", def.key)).collect();
    let axes = "model = 'mine'\ndataset = ['a', 'b']\nbatch_size = [1, 2]\nlearning_rate = [1, 2]\n\
                optimizer = ['sgd', 'adam']\nweight_decay = [0, 1]\nthreads = [1, 2]\ndevice = ['cpu', 'cuda']\n\
                flush_denormals = [true, false]\nallocator = ['retain', 'system']\ndepth = [1, 2]\nwidth = [1, 2]\n\
                precision = ['fp32', 'bf16']\n";
    let models = format!("[models.mine]\ncommand = ['train', {}]\n", words.join(", "));
    let plan = load_text(&format!("[grid]\n{axes}{models}")).unwrap();
    let commands: std::collections::HashSet<_> =
        plan.runs.iter().map(|run| run.job.work.command().unwrap().words.clone()).collect();
    assert_eq!((plan.runs.len(), commands.len()), (1 << 12, 1 << 12));
}

#[test]
fn a_command_cannot_be_told_of_what_is_left_to_the_model() {
    let grid = "[models.mine]\ncommand = ['train', '{depth}']\n[grid]\nmodel = ['mlp', 'mine']\ndataset = 'digits'\n";
    let error = load_text(grid).unwrap_err().render();
    assert!(error.contains("`{depth}` has no value: [grid] does not name `depth`"), "{error}");
    assert!(error.contains("<stdin>:2:"), "{error}");
    assert!(load_text(&format!("{grid}depth = 3\n")).is_ok());
    assert!(load_text(&grid.replace("'mlp', 'mine'", "'mlp'")).is_ok());
}

#[test]
fn what_the_command_line_leaves_of_an_axis_makes_no_when_a_mistake() {
    let grid = "[grid]\nmodel = 'mlp'\ndataset = 'digits'\noptimizer = ['sgd', 'adam']\n\
                [[when]]\nmatch = { optimizer = 'sgd' }\ngrid.weight_decay = [0, 0.1]\n";
    let names = |text: &str| -> Vec<String> {
        let plan = load_text(&format!("{text}\n{grid}")).unwrap();
        plan.runs.into_iter().map(|run| run.run).collect()
    };
    let all = names("");
    assert_eq!(all, ["mlp-digits-sgd-wd0", "mlp-digits-sgd-wd0.1", "mlp-digits-adam-wd0"]);
    // The names are those of the whole grid.
    assert_eq!(names("#: --set grid.optimizer=adam"), all[2..]);
    assert_eq!(names("#: --only weight_decay=0.1"), all[1..2]);
    let wider = "#: --max-cells 3";
    assert_eq!(names(wider), all);
    let error = load_text(&format!("#: --max-cells 2\n{grid}")).unwrap_err().render();
    assert!(error.contains("has 3 cells") && error.contains("--max-cells 3"), "{error}");
}

#[test]
fn a_model_that_does_not_use_an_axis_is_told_of_unless_the_axis_is_not_for_it() {
    let grid = "[models.mine]\ncommand = ['train', '{dropout}']\n[grid]\nmodel = ['mlp', 'mine']\ndataset = 'digits'\n";
    let warnings = |rest: &str| load_text(&format!("{grid}{rest}")).unwrap().warnings;
    let told = warnings("dropout = [0, 0.5]\n");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the model mlp does not use `dropout`"), "{told:?}");
    assert!(warnings("dropout = 0.5\n").is_empty());
    let when = "[[when]]\nmatch = { model = 'mine' }\ngrid.dropout = [0, 0.5]\n";
    assert!(warnings(when).is_empty());
}

#[test]
fn a_grid_has_no_more_axes_of_its_own_than_a_job_can_hold() {
    let grid = |axes: usize| {
        let mut text = "[grid]\nmodel = 'mlp'\ndataset = 'digits'\n".to_owned();
        for axis in 0..axes {
            writeln!(text, "env.A{axis} = {axis}").unwrap();
        }
        load_text(&text)
    };
    assert_eq!(grid(100).unwrap().runs[0].job.own.iter().count(), 100);
    let error = grid(101).unwrap_err().render();
    assert!(error.contains("at most 100 axes of its own") && error.contains(":104:5"), "{error}");
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_mistake() {
    let grid = "\u{feff}[grid]\r\nmodel = 'mlp'\r\ndataset = 'digits'\r\n";
    assert_eq!(load_text(grid).unwrap().runs.len(), 1);
}

#[test]
fn what_only_narrows_keeps_the_names_of_the_cells() {
    let grid = "[grid]\nmodel = ['mlp', 'cnn']\ndataset = 'digits'\nbatch_size = [32, 64]\n";
    let names = |text: &str| -> Vec<String> {
        let plan = load_text(text).unwrap();
        plan.runs.into_iter().map(|run| run.run).collect()
    };
    let all = names(grid);
    assert_eq!(all, ["mlp-digits-b32", "mlp-digits-b64", "cnn-digits-b32", "cnn-digits-b64"]);
    let some = names(&format!("#: --only batch_size=64\n#: --only model=cnn\n{grid}"));
    assert_eq!(some, ["cnn-digits-b64"]);
}

#[test]
fn a_large_grid_has_every_cell_once_and_in_order() {
    let values = |count: usize| (1..=count).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let grid = format!(
        "[grid]\nmodel = ['mlp', 'cnn']\ndataset = 'fashion-mnist'\nbatch_size = [{}]\nwidth = [{}]\n\
         [[exclude]]\nbatch_size = [1, 2]\nwidth = 1\n\
         [[override]]\nmatch = {{ width = [2, 4] }}\ntrain.epochs = 1\n",
        values(100),
        values(50)
    );
    let plan = load_text(&grid).unwrap();
    assert_eq!(plan.runs.len(), 10_000 - 4);
    assert_eq!(plan.runs[0].run, "mlp-fashion-mnist-b1-w2");
    assert_eq!(plan.runs[0].job.train.epochs, 1);
    assert_eq!(plan.runs[9995].run, "cnn-fashion-mnist-b100-w50");
    assert_eq!(plan.runs[9995].job.train.epochs, 10);
    let names: std::collections::HashSet<_> = plan.runs.iter().map(|run| &run.run).collect();
    assert_eq!(names.len(), plan.runs.len());
}

/// Lines that are nearly a grid file, so that the readers behind the parser are reached.
fn near_grid() -> impl Strategy<Value = String> {
    let keys = "name|seed|repeat|model|dataset|batch_size|threads|device|learning_rate|epochs|metrics|within|\
                max_time|interval|command|program|options|match|train\\.epochs|confidence|depth|test_accuracy|memory\\.peak|maximize|minimize|\
                alpha|floor|draws|subject|direction|role|at_least|fallback|retired";
    let header = "\\[(grid|train|serve|stop|constraints|objectives|sampler|worker|gate|gate\\.metrics|gate\\.metrics\\.memory\\.peak|gate\\.retired)\\]|\\[\\[(exclude|include|override)\\]\\]";
    let value = "-?[0-9]{1,20}|[0-9]\\.[0-9]|nan|true|\"(mlp|digits|5%|10s|throughput|cpu|<= 1MiB|>= 0.5|\\PC{0,5})\"|\
                 \\[([0-9]{1,3}, ?){0,3}\\]|\\[(\"(mlp|cnn|digits)\",){0,3}\\]|\\{ ?\\}|\\{ model = \"mlp\" \\}";
    let pair = (keys, value).prop_map(|(key, value)| format!("{key} = {value}"));
    let header = proptest::string::string_regex(header).unwrap();
    let line = prop_oneof![3 => pair.boxed(), 1 => header.boxed()];
    let lines = proptest::collection::vec(line, 0..12);
    (any::<bool>(), lines).prop_map(|(whole, lines)| {
        let start = if whole { "[grid]\nmodel = \"mlp\"\ndataset = \"digits\"\n" } else { "" };
        format!("{start}{}", lines.join("\n"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = Arguments::default().load(GridSource::Stdin(bytes)) {
            prop_assert!(error.render().starts_with("error: "));
        }
    }

    #[test]
    fn no_text_that_is_nearly_a_grid_panics(text in near_grid()) {
        match Arguments::default().load(GridSource::Stdin(text.into_bytes())) {
            Ok(plan) => prop_assert!(!plan.runs.is_empty()),
            Err(error) => prop_assert!(!error.diagnostics().is_empty()),
        }
    }

    #[test]
    fn no_argument_panics(set in "(grid|train|x)?[.=]?(model|epochs|\\PC{0,4})=?\\PC{0,12}", only in "(model|dataset|depth|\\PC{0,4})=?\\PC{0,8}") {
        let arguments = Arguments { set: vec![set], only: vec![only], ..Arguments::default() };
        let grid = b"[grid]\nmodel = 'mlp'\ndataset = 'digits'\n".to_vec();
        if let Err(error) = arguments.load(GridSource::Stdin(grid)) {
            prop_assert!(error.render().starts_with("error: "));
        }
    }
}
