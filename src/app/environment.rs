//! Where and when results were measured: the fingerprint of the environment and the id of the session, for the manifest.
//!
//! Which fields keep results from being compared is decided by `event::fingerprint`. Invariant: results that are known to
//! be of another environment begin a session of their own, and that is said.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::{Clock, MonotonicClock};
use crate::event::fingerprint::{LANES, STATISTICS, one_or_all, session_id};
use crate::event::{Fingerprint, FingerprintDifference, Lane, RunRecord};
use crate::sampler::{self, Machine};
use crate::store::{ManifestHead, Recorded};

/// The field of the compute threads, of which the grid decides.
const THREADS: &str = "threads";

/// The field of the tables that answered in the place of runs: figures that nobody measured here.
const RECORDED: &str = "recorded";

/// What only a worker tells of the environment: its fact, the field, and whether it is a hard one.
const FACTS: [(&str, &str, bool); 3] = [
    ("libtorch", "libtorch", true),
    ("cpu_capability", "libtorch.cpu_capability", false),
    ("thread_environment", "threads.environment", false),
];

/// The session that results belong to, as the manifest has it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionIdentity {
    /// Unique.
    pub id: String,
    /// Absent where a part of the results is from a version that recorded none.
    pub fingerprint: Option<Fingerprint>,
}

/// This machine, or a lane of it where there are several, with this version of perftune: what is known of the environment before
/// any run.
pub fn fingerprint(machine: &Machine, lanes: &[Lane]) -> Fingerprint {
    let mut found = machine.fingerprint();
    if let Some(lane) = lanes.first() {
        let gpu = lane.gpu.as_ref().map_or("", |_| ", each with a GPU");
        let plural = if lane.cpus.len() == 1 { "" } else { "s" };
        let said = format!("{} of {} CPU{plural}{gpu}", lane.of, lane.cpus.len());
        found.hard.insert(LANES.to_owned(), said);
    }
    let own = env!("CARGO_PKG_VERSION");
    found.hard.insert("statistics".to_owned(), STATISTICS.to_owned());
    found.soft.insert("perftune".to_owned(), own.to_owned());
    found
}

/// That of runs of the native worker with the default number of threads; `worker` is what it says of its versions.
pub fn fingerprint_of_defaults(worker: Option<&str>) -> Fingerprint {
    let mut found = fingerprint(&Machine::read(), &[]);
    let threads = sampler::usable_threads().to_string();
    found.hard.insert(THREADS.to_owned(), threads);
    let mut parts = worker.unwrap_or_default().split([',', '\n']);
    let version = parts.find_map(|part| part.trim().strip_prefix("libtorch "));
    if let Some(version) = version {
        found.hard.insert("libtorch".to_owned(), version.to_owned());
    }
    found
}

impl SessionIdentity {
    /// What an earlier manifest says.
    pub fn of(manifest: &ManifestHead) -> Self {
        Self { id: manifest.session.clone(), fingerprint: manifest.fingerprint.clone() }
    }

    /// A session that begins now, or goes on: results of the same environment are added to the session that began them.
    /// With it what the user must know where they are not.
    pub fn begin(now: Fingerprint, before: Option<Self>, created: &str) -> (Self, Option<String>) {
        let id = new_id(created);
        let Some(before) = before else {
            let fingerprint = Some(now);
            return (Self { id, fingerprint }, None);
        };
        let Some(mut then) = before.fingerprint else {
            let warning = "the results that are kept have no fingerprint of their machine, so `perftune check` will not \
                           compare them; --fresh runs all again"
                .to_owned();
            let fingerprint = None;
            return (Self { id, fingerprint }, Some(warning));
        };
        // Of these the runs decide: they are read from them again.
        then.hard.remove(THREADS);
        then.hard.remove(RECORDED);
        then.soft.retain(|field, _| !is_told_by_runs(field));
        let differences = then.differences(&now);
        let differences = differences.iter().filter(|d| !is_told_by_runs(&d.field));
        let (hard, soft): (Vec<_>, Vec<_>) = differences.partition(|d| d.hard);
        let warning = match (&hard[..], &soft[..]) {
            ([], []) => None,
            ([], soft) => Some(format!(
                "since the results that are kept, the environment has changed: {}",
                shown(soft.iter().copied())
            )),
            (hard, _) => Some(format!(
                "the results that are kept are from another environment ({}): `perftune check` will not compare this mixed \
                 session; --fresh runs all again",
                shown(hard.iter().copied())
            )),
        };
        let same = hard.is_empty() && !before.id.is_empty();
        let session =
            Self { id: if same { before.id } else { id }, fingerprint: Some(then.joined(&now)) };
        (session, warning)
    }

    /// Takes in what the runs tell: how many threads they were given, as their recorded settings say, and the worker's
    /// facts. What the user must know where it was not the same in all of them.
    pub fn learn(
        &mut self,
        specs: &BTreeMap<String, Recorded>,
        records: &[RunRecord],
    ) -> Option<String> {
        let fingerprint = self.fingerprint.as_mut()?;
        if let Some(threads) = threads(specs) {
            fingerprint.hard.insert(THREADS.to_owned(), threads);
        }
        let tables: BTreeSet<String> =
            records.iter().filter_map(|run| Some(run.job.work.recorded()?.shown())).collect();
        if !tables.is_empty() {
            let tables = one_or_all(tables.iter().map(String::as_str));
            fingerprint.hard.insert(RECORDED.to_owned(), tables);
        }
        for (fact, field, hard) in FACTS {
            let told = records.iter().filter_map(|record| record.facts.get(fact));
            let told = one_or_all(told.map(String::as_str));
            if !told.is_empty() {
                let fields = if hard { &mut fingerprint.hard } else { &mut fingerprint.soft };
                fields.insert(field.to_owned(), told);
            }
        }
        let torch = fingerprint.get("libtorch")?;
        torch.contains(" | ").then(|| {
            format!(
                "the runs of this folder used different versions of libtorch ({torch}): `perftune check` will not compare \
                 them; --fresh runs all again"
            )
        })
    }
}

/// Whether two fingerprints are of one machine, or of machines that are alike; of one that is not known nobody can say.
pub(super) fn is_same_machine(one: Option<&Fingerprint>, other: Option<&Fingerprint>) -> bool {
    let both = one.zip(other).map(|(one, other)| other_machine(one, other));
    both.is_some_and(|differences| differences.is_empty())
}

/// In what two machines differ so that their figures are not compared; what runs decide of is no part of it.
pub(super) fn other_machine(then: &Fingerprint, now: &Fingerprint) -> Vec<FingerprintDifference> {
    let bare = |print: &Fingerprint| {
        let mut bare = print.clone();
        bare.hard.retain(|field, _| field != THREADS && field != RECORDED);
        bare
    };
    let mut differences = bare(then).differences(&bare(now));
    differences.retain(|difference| difference.hard);
    differences
}

fn is_told_by_runs(field: &str) -> bool {
    FACTS.iter().any(|(_, told, _)| *told == field)
}

/// `cpu.cores was 8, is 4; ...`
pub(super) fn shown<'a>(differences: impl Iterator<Item = &'a FingerprintDifference>) -> String {
    let each = differences.map(|d| format!("{} was {}, is {}", d.field, d.baseline, d.candidate));
    each.collect::<Vec<_>>().join("; ")
}

/// The id of a session that begins now.
pub fn new_session() -> String {
    new_id(&jiff::Timestamp::now().to_string())
}

fn new_id(created: &str) -> String {
    let boot = sampler::boot_id().unwrap_or_default();
    let (now_ns, process) = (MonotonicClock.now_ns(), std::process::id());
    session_id(created, &format!("{boot} {now_ns} {process}"))
}

/// The threads of all runs; where they are not the same, the names of the cells tell them apart.
fn threads(specs: &BTreeMap<String, Recorded>) -> Option<String> {
    let counts = specs.values().filter_map(|spec| spec.tree()["job"]["threads"].as_u64());
    let mut each: BTreeSet<u64> = counts.collect();
    let first = each.pop_first()?;
    Some(if each.is_empty() { first.to_string() } else { "as each cell says".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T14:15:42Z";

    fn print(cores: &str, kernel: &str) -> Fingerprint {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Fingerprint {
            hard: [field("cpu.cores", cores), field("arch", "x86_64")].into(),
            soft: [field("kernel", kernel)].into(),
        }
    }

    fn before(fingerprint: Option<Fingerprint>) -> SessionIdentity {
        SessionIdentity { id: "first".to_owned(), fingerprint }
    }

    #[test]
    fn a_session_goes_on_while_the_environment_is_the_same() {
        let now = print("8", "6.1");
        let (fresh, warning) = SessionIdentity::begin(now.clone(), None, NOW);
        assert!(fresh.id.starts_with("20261123T141542-"), "{}", fresh.id);
        assert_eq!((fresh.fingerprint, warning), (Some(now.clone()), None));

        // What the runs of the first time told is no change.
        let mut told = now.clone();
        told.hard.insert("libtorch".to_owned(), "2.11.0".to_owned());
        told.hard.insert(THREADS.to_owned(), "2".to_owned());
        let (resumed, warning) = SessionIdentity::begin(now.clone(), Some(before(Some(told))), NOW);
        assert_eq!((&*resumed.id, warning), ("first", None));
        let kept = resumed.fingerprint.unwrap();
        assert_eq!(kept.get("libtorch"), Some("2.11.0"));

        let other_kernel = Some(before(Some(print("8", "6.8"))));
        let (resumed, warning) = SessionIdentity::begin(now, other_kernel, NOW);
        let warning = warning.unwrap();
        assert_eq!(resumed.id, "first");
        assert!(warning.ends_with("kernel was 6.8, is 6.1"), "{warning}");
    }

    #[test]
    fn results_of_two_machines_are_a_session_that_equals_neither() {
        let (then, now) = (print("4", "6.1"), print("8", "6.1"));
        let (mixed, warning) =
            SessionIdentity::begin(now.clone(), Some(before(Some(then.clone()))), NOW);
        let warning = warning.unwrap();
        assert!(warning.contains("(cpu.cores was 4, is 8)"), "{warning}");
        assert_ne!(mixed.id, "first");
        let mixed = mixed.fingerprint.unwrap();
        for one in [then, now] {
            assert!(mixed.differences(&one).iter().any(|d| d.hard));
        }
    }

    #[test]
    fn results_without_a_fingerprint_get_none() {
        let (session, warning) = SessionIdentity::begin(print("8", "6.1"), Some(before(None)), NOW);
        assert_eq!(session.fingerprint, None);
        assert!(warning.unwrap().contains("no fingerprint"));
        let mut learned = session.clone();
        assert_eq!(learned.learn(&BTreeMap::new(), &[]), None);
        assert_eq!(learned, session);
    }

    #[test]
    fn the_runs_tell_threads_and_libtorch() {
        let specs = |threads: &[u32]| -> BTreeMap<String, Recorded> {
            let runs = threads.iter().enumerate();
            runs.map(|(at, threads)| {
                let spec = serde_json::json!({ "job": { "threads": threads } });
                (at.to_string(), Recorded::new(&spec).unwrap())
            })
            .collect()
        };
        for (counts, says) in
            [(&[2, 2][..], Some("2")), (&[1, 2], Some("as each cell says")), (&[], None)]
        {
            assert_eq!(threads(&specs(counts)).as_deref(), says);
        }
        let (mut session, _) = SessionIdentity::begin(print("8", "6.1"), None, NOW);
        assert_eq!(session.learn(&specs(&[2]), &[]), None);
        let learned = session.fingerprint.as_ref().unwrap();
        assert_eq!((learned.get(THREADS), learned.get("libtorch")), (Some("2"), None));
        let record = |facts: serde_json::Value| -> RunRecord {
            serde_json::from_value(serde_json::json!({
                "run": "a", "cell": "a", "repeat": 1, "status": "completed",
                "job": {
                    "protocol": 1, "run": "a", "model": { "name": "mlp" }, "dataset": "digits",
                    "dataset_dir": "digits", "seed": 1, "threads": 2, "device": "cpu", "flush_denormals": true,
                    "allocator": "retain", "work": "native", "serve": null,
                    "train": {
                        "epochs": 1, "batch_size": 1, "optimizer": "adam", "learning_rate": 0.1,
                        "weight_decay": 0.0, "validation_share": 0.1, "warmup_steps": 0,
                    },
                },
                "stop": { "reason": "completed", "detail": { "end": "unknown" } }, "wall_s": 1.0, "epochs": 1, "metrics": [],
                "facts": facts,
            }))
            .unwrap()
        };
        let old = record(serde_json::json!({ "libtorch": "2.9.0", "cpu_capability": "AVX2" }));
        let new = record(serde_json::json!({ "libtorch": "2.11.0", "cpu_capability": "AVX2" }));
        assert_eq!(session.learn(&specs(&[2]), &[old.clone(), old.clone()]), None);
        let learned = session.fingerprint.as_ref().unwrap();
        assert_eq!(learned.hard["libtorch"], "2.9.0");
        assert_eq!(learned.soft["libtorch.cpu_capability"], "AVX2");
        let warning = session.learn(&specs(&[2]), &[old, new]).unwrap();
        assert!(warning.contains("(2.9.0 | 2.11.0)"), "{warning}");
    }

    #[test]
    fn this_environment_is_the_same_at_each_look_and_knows_its_worker() {
        let said = "perftune-worker 0.1.0, libtorch 2.11.0, protocol 1";
        let one = fingerprint_of_defaults(Some(said));
        assert_eq!(one.get("libtorch"), Some("2.11.0"));
        assert_eq!(one.get("statistics"), Some(STATISTICS));
        assert_eq!(one, fingerprint_of_defaults(Some(said)));
        assert_eq!(fingerprint_of_defaults(None).get("libtorch"), None);
    }
}
