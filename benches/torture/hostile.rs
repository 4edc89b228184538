//! Workers that say anything at all and end in any way.

use std::fs;
use std::time::Duration;

use perftune::metric::{MetricDef, find};
use serde_json::{Value, json};

use super::attack::Place;
use super::dice::{Dice, mutate};
use super::toll::{Harm, Toll, deal};

/// Runs of one grid.
const BATCH: u64 = 20;

/// More than the limits of a run add up to: its time limit, silence, two periods of grace.
const A_RUN: Duration = Duration::from_secs(10);

/// A figure beyond it cannot be: samples a second, bytes, seconds.
const ABSURD: f64 = 1e13;

/// Reads its job, and says what is prepared for the seed in it: `@T` is now, `@S` when the line before was said.
const WORKER: &str = r#"
import json, os, signal, sys, time
job = json.loads(sys.stdin.buffer.readline())["data"]
here = os.path.join(sys.argv[1], str(job["seed"]))
out = sys.stdout.buffer
try:
    now = time.monotonic_ns()
    for line in open(here + ".said", "rb"):
        before = now
        while now < before + 50000:
            now = time.monotonic_ns()
        out.write(line.replace(b"@T", b"%d" % now).replace(b"@S", b"%d" % before))
        out.flush()
    end = open(here + ".end").read()
    if end.startswith("signal"):
        os.kill(os.getpid(), int(end[6:]))
    elif end == "linger":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
    elif end == "flood":
        while True:
            out.write(b"x" * 65536 + b"\n")
    elif end == "endless":
        while True:
            out.write(b"x" * 65536)
    elif end == "big":
        event = {"type": "failed", "data": {"kind": "big", "message": "z" * 15_000_000}}
        line = {"seq": 14, "t_ns": time.monotonic_ns(), "event": event}
        out.write(json.dumps(line).encode() + b"\n")
    elif end == "metrics":
        n = 9
        while True:
            now = time.monotonic_ns()
            out.write(b'{"seq":%d,"t_ns":%d,"event":{"type":"metric","data":{"name":"m%d","value":1}}}\n' % (n, now, n))
            n += 1
    elif end == "log":
        while True:
            sys.stderr.write("y" * 5000 + "\n")
    else:
        os._exit(int(end))
except BrokenPipeError:
    os._exit(1)
"#;

const ENDS: [&str; 12] = [
    "0", "0", "0", "7", "signal9", "signal11", "linger", "flood", "endless", "big", "metrics",
    "log",
];

/// So many runs of a worker whose stream was changed in one to four places.
pub(crate) fn hostile(seed: u64, cases: u64) -> Toll {
    let mut toll = deal(cases.div_ceil(BATCH), place, |place, batch, toll| {
        let first = batch * BATCH + 1;
        let runs = BATCH.min(cases - batch * BATCH);
        for run in first..first + runs {
            let mut dice = Dice::new(seed, run);
            let mut text = said();
            for _ in 0..dice.below(5) {
                mutate(&mut text, &mut dice);
            }
            place.write(&format!("said/{run}.said"), text);
            place.write(&format!("said/{run}.end"), dice.pick(&ENDS));
        }
        let what = format!("hostile runs from {first} on");
        let (first, repeat) = (first.to_string(), runs.to_string());
        let flags = ["run", "grid.toml", "--fresh", "--seed", &first, "--repeat", &repeat, "-q"];
        let running = place.start(place.perftune(&flags));
        let ended = place.end(running, A_RUN * u32::try_from(runs).unwrap(), toll, &what);
        ended.exits(&[0, 3], toll, &what);
        place.nobody_is_left(toll, &what);
        place.nothing_is_torn("results/t", toll, &what);
        judge(place, runs, toll, &what);
    });
    toll.cases = cases;
    toll
}

/// With a grid whose worker is hostile; a good one of its kind completes there, so that what fails is the attack's doing.
fn place() -> Place {
    let place = Place::new();
    fs::create_dir(place.path("said")).unwrap();
    place.write("worker.py", WORKER);
    let words = ["python3", "-S", "-E", "worker.py", "said"];
    let words = words.map(|word| match word {
        "worker.py" | "said" => place.path(word).display().to_string(),
        _ => word.to_owned(),
    });
    place.write(
        "grid.toml",
        format!(
            "name = \"t\"\n[worker]\ncommand = {}\nhang_timeout = \"1s\"\ngrace = \"50ms\"\n\
             [grid]\nmodel = \"one\"\ndataset = \"made-up\"\nbatch_size = 64\n[train]\nepochs = 2\n\
             [serve]\nbatch_size = [1]\nmax_time = \"1s\"\n[stop]\nenabled = false\nmax_run_time = \"2s\"\n",
            serde_json::to_string(&words).unwrap()
        ),
    );
    place.write("said/7.said", said());
    place.write("said/7.end", "0");
    let patient = ["--set", "worker.hang_timeout=1min", "--set", "stop.max_run_time=1min"];
    let flags = [&["run", "grid.toml", "--seed", "7"][..], &patient].concat();
    let mut toll = Toll::default();
    let running = place.start(place.perftune(&flags));
    place.end(running, Duration::from_mins(2), &mut toll, "a good worker").exits(
        &[0],
        &mut toll,
        "",
    );
    assert!(toll.harms.is_empty(), "{:?}", toll.harms);
    place
}

/// Every run has its row, and no figure of one that passes is beyond belief.
fn judge(place: &Place, runs: u64, toll: &mut Toll, what: &str) {
    let text = fs::read_to_string(place.path("results/t/report.csv")).unwrap_or_default();
    let rows: Vec<_> = csv::Reader::from_reader(text.as_bytes()).records().flatten().collect();
    if rows.len() as u64 != runs {
        toll.add(Harm::Lost, format!("{what}: {} rows of {runs}", rows.len()));
    }
    let text = fs::read_to_string(place.path("results/t/metrics.csv")).unwrap_or_default();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().cloned().unwrap_or_default();
    let column = |name: &str| header.iter().position(|column| column == name);
    let (Some(metric), Some(estimate), Some(status), Some(said_by)) =
        (column("metric"), column("estimate"), column("status"), column("said_by"))
    else {
        toll.add(Harm::Torn, format!("{what}: metrics.csv lacks columns"));
        return;
    };
    for row in reader.records().flatten() {
        // What a worker calls a metric of its own may be anything, and so may a loss.
        let measured = !find(&row[metric]).is_some_and(MetricDef::is_of_model);
        let ours = measured && row[said_by].is_empty() && &row[status] == "completed";
        if ours && row[estimate].parse().is_ok_and(|figure: f64| figure.abs() > ABSURD) {
            toll.add(Harm::Silent, format!("{what}: {}", row.iter().collect::<Vec<_>>().join(",")));
        }
    }
}

/// What a worker says that is at its work for two epochs.
fn said() -> Vec<u8> {
    let phase = |phase: &str| json!({"type": "phase", "data": {"phase": phase}});
    let steps = |phase: &str, items: u32| {
        json!({"type": "steps", "data": {"phase": phase, "items": items, "start_ns": "@S",
               "dur_ns": vec![1000; 50]}})
    };
    let epoch = |epoch: u32| {
        json!({"type": "epoch", "data": {"epoch": epoch, "samples": 3200, "train_loss": 0.5,
               "validation_loss": 0.6, "validation_accuracy": 0.9}})
    };
    let events = [
        json!({"type": "hello", "data": {"protocol": perftune::event::PROTOCOL_VERSION,
               "worker": "hostile", "pid": 1, "facts": {"a": "b"}}}),
        phase("load"),
        json!({"type": "metric", "data": {"name": "epoch_samples", "value": 3200.0}}),
        phase("warmup"),
        phase("serve[1]"),
        steps("serve[1]", 1),
        phase("train"),
        steps("train", 64),
        phase("validate"),
        epoch(1),
        phase("train"),
        steps("train", 64),
        epoch(2),
        phase("test"),
        json!({"type": "finished", "data": {"stopped": false, "epochs": 2, "test_loss": 0.4,
               "test_accuracy": 0.95, "usage": {"cpu_ns": 1_000_000, "vm_hwm_bytes": 10_000_000}}}),
    ];
    let line = |(seq, event): (usize, Value)| json!({"seq": seq, "t_ns": "@T", "event": event});
    let lines = events.into_iter().enumerate().map(line);
    let text: String = lines.map(|line| line.to_string() + "\n").collect();
    text.replace("\"@T\"", "@T").replace("\"@S\"", "@S").into_bytes()
}
