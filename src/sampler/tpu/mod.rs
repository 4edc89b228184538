//! TPUs through the metrics service of their runtime: duty cycle and memory of each device.
//!
//! The service is a part of the process that works on the chips: it is there only while one does, and it may be slow, so
//! it is asked on a thread of its own, once a second. Chips are found on the PCI bus. Where there are none, nothing is
//! asked, unless [`PORTS`] says where a service listens.

mod chips;
mod holders;
mod reading;

#[cfg(feature = "tpu")]
mod messages;
#[cfg(feature = "tpu")]
mod service;
#[cfg(not(feature = "tpu"))]
#[path = "without.rs"]
mod service;

#[cfg(test)]
mod reading_tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::chips::{TpuChip, TpuChips};

pub(super) use self::chips::{counted, named};

use self::holders::held;
use self::reading::{Readings, readings};
use self::service::MetricsClient;
use super::background::Background;
use super::probe::{Probe, Tick};
use super::sysfs;
use crate::clock::MonotonicClock;
use crate::event::{GapKind, GpuReading, Reason};

/// Where the runtime's services listen: port numbers with commas between them, one a process.
const PORTS: &str = "TPU_RUNTIME_METRICS_PORTS";

/// Where one listens unless that is set.
const DEFAULT_PORT: u16 = 8431;

/// More processes than work on the chips of one machine.
const MOST_PORTS: usize = 64;

/// Time between two calls. What a runtime publishes is not newer for being asked oftener.
const PERIOD: Duration = Duration::from_secs(1);

/// Shortest time between two looks at who holds the chips, in nanoseconds.
const LOOK_NS: u64 = 1_000_000_000;

/// How a build reads TPUs, as its user types it.
#[cfg(not(feature = "tpu"))]
const HOW_TO_BUILD: &str = "this perftune was built without the feature `tpu`: `make install FEATURES=tpu`, or \
    `cargo build --release --features tpu`";

/// Reads the devices of the runtime.
pub(super) struct TpuProbe {
    /// Why nothing is asked, if nothing is.
    none: Option<Reason>,
    /// Until the second tick: the first may be one that only finds out what the machine can tell.
    client: Option<MetricsClient>,
    asked: Option<Background<Readings>>,
    fresh: bool,
    chips: TpuChips,
    root: PathBuf,
    /// Whether the tree holds the chips, and when that was looked at.
    own: Option<bool>,
    looked_ns: Option<u64>,
}

impl TpuProbe {
    /// `wanted` is the user's switch.
    pub(super) fn new(wanted: bool) -> Self {
        let root = sysfs::root();
        if !wanted {
            let why = Reason::new(GapKind::Off, "switched off in `[sampler] tpu`");
            return Self::of(TpuChips::default(), root, Err(why));
        }
        let chips = TpuChips::below(&root);
        let client =
            ports(&chips, std::env::var(PORTS).ok().as_deref()).and_then(MetricsClient::new);
        Self::of(chips, root, client)
    }

    fn of(chips: TpuChips, root: PathBuf, client: Result<MetricsClient, Reason>) -> Self {
        let (client, none) = match client {
            Ok(client) => (Some(client), None),
            Err(why) => (None, Some(why)),
        };
        Self { none, client, asked: None, fresh: true, chips, root, own: None, looked_ns: None }
    }

    fn begin(&mut self, mut client: MetricsClient) {
        let per_chip = self.chips.devices_per_chip();
        let ask = move || readings(&client.ask(), per_chip);
        match Background::start("tpu", PERIOD, MonotonicClock, ask) {
            Ok(thread) => self.asked = Some(thread),
            Err(error) => {
                self.none = Some(Reason::unsupported(format!("cannot start a thread: {error}")));
            }
        }
    }

    /// Looks whether the tree holds the chips, now and then. What is never due again at the end of a run: a zombie has
    /// nothing open, and what was read was read before.
    fn look(&mut self, tick: &Tick<'_>) {
        let since = self.looked_ns.map(|at| tick.now_ns.saturating_sub(at));
        if since.is_none_or(|since| since >= LOOK_NS) {
            self.looked_ns = Some(tick.now_ns);
            self.own = held(Path::new("/proc"), &self.root, tick.pids).chips(&self.chips);
        }
    }

    /// Fills in the last answer; the error is why there is none.
    fn fill(&mut self, tick: &mut Tick<'_>) -> Result<(), Reason> {
        if let Some(why) = &self.none {
            return Err(why.clone());
        }
        let Some(asked) = &self.asked else {
            return Err(Reason::new(GapKind::Waiting, "no answer yet"));
        };
        let last = asked.last(tick.now_ns);
        self.look(tick);
        let answer = last?;
        for gap in &answer.value.gaps {
            tick.gaps.report(&gap.field, &gap.reason);
        }
        let devices = answer.value.devices.iter().map(|device| GpuReading {
            t_ns: Some(answer.t_ns),
            own: self.own,
            memory_is_own: self.own == Some(true) && device.memory_bytes.is_some(),
            ..device.clone()
        });
        tick.sample.gpus.extend(devices);
        Ok(())
    }
}

impl Probe for TpuProbe {
    fn name(&self) -> &'static str {
        "tpu"
    }

    fn read(&mut self, tick: &mut Tick<'_>) {
        let first = std::mem::replace(&mut self.fresh, false);
        if let Some(client) = self.client.take_if(|_| !first) {
            self.begin(client);
        }
        if let Err(why) = self.fill(tick) {
            tick.gaps.report("tpu", &why);
        }
    }
}

/// Where to ask; the error is why nothing is asked. `set`: what the user says of it.
fn ports(chips: &TpuChips, set: Option<&str>) -> Result<Vec<u16>, Reason> {
    let set = set.map(str::trim).filter(|set| !set.is_empty());
    let Some(set) = set else {
        if chips.chips.is_empty() {
            return Err(nothing_found(chips));
        }
        return Ok(vec![DEFAULT_PORT]);
    };
    let mut ports = Vec::new();
    for text in set.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let port = text.parse().ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| {
            Reason::unsupported(format!(
                "{PORTS} is to be port numbers with commas between them, not `{}`",
                set.escape_debug()
            ))
        })?;
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    if ports.is_empty() || ports.len() > MOST_PORTS {
        return Err(Reason::unsupported(format!(
            "{PORTS} names {} ports; 1 to {MOST_PORTS} can be asked",
            ports.len()
        )));
    }
    Ok(ports)
}

fn nothing_found(chips: &TpuChips) -> Reason {
    let mut why = Reason::unsupported("no TPU found");
    for unknown in &chips.unknown {
        why.detail += "; not taken for one: ";
        why.detail += unknown;
    }
    why
}

/// What can be said of this machine's TPUs at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpuSurvey {
    /// The chips.
    pub found: TpuChips,
    /// Devices that the runtime's services speak of now, or why there are none; absent where there is nobody to ask.
    pub answers: Option<Result<usize, String>>,
    /// Why this build cannot ask, and what to do about it.
    pub cannot_ask: Option<String>,
}

impl TpuSurvey {
    /// The chips in a word, such as `4 x v5e`; nothing without any.
    pub fn named(&self) -> Option<String> {
        named(&self.found.chips)
    }
}

/// Looks for chips, and asks the services once where there are any or the environment names them: that takes up to two
/// seconds.
pub fn survey() -> TpuSurvey {
    let found = TpuChips::find();
    let ports = ports(&found, std::env::var(PORTS).ok().as_deref());
    let per_chip = found.devices_per_chip();
    let cannot_ask = MetricsClient::new(Vec::new()).err().map(|why| why.detail);
    let asked = ports.map(|ports| {
        let services = MetricsClient::new(ports).map_err(|why| why.detail)?.ask();
        let said = readings(&services, per_chip);
        if said.devices.is_empty() {
            let reasons: Vec<_> = said.gaps.into_iter().map(|gap| gap.reason.detail).collect();
            return Err(reasons.join("; "));
        }
        Ok(said.devices.len())
    });
    TpuSurvey { answers: asked.ok().filter(|_| cannot_ask.is_none()), found, cannot_ask }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::chips::tests::pci;
    use super::*;
    use crate::event::ResourceSample;
    use crate::sampler::probe::GapLedger;

    fn one_chip() -> TpuChips {
        let root = TempDir::new().unwrap();
        let ids = [("vendor", "0x1ae0"), ("device", "0x0063")];
        pci(root.path(), "0000:00:05.0", &ids);
        TpuChips::below(root.path())
    }

    #[test]
    fn nothing_is_asked_without_a_chip_or_a_port() {
        let (none, one) = (TpuChips::default(), one_chip());
        let many: Vec<String> = (1..=65).map(|port| port.to_string()).collect();
        for (chips, set, expected) in [
            (&none, None, Err("unsupported: no TPU found")),
            (&none, Some("  "), Err("unsupported: no TPU found")),
            (&one, None, Ok(vec![8431])),
            (&none, Some("8431"), Ok(vec![8431])),
            (&one, Some("8431, 8432,,8431"), Ok(vec![8431, 8432])),
            (&one, Some("0"), Err("not `0`")),
            (&one, Some("8431;8432"), Err("not `8431;8432`")),
            (&one, Some("70000"), Err("not `70000`")),
            (&one, Some(","), Err("names 0 ports")),
            (&one, Some(&*many.join(",")), Err("names 65 ports")),
        ] {
            match (ports(chips, set), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(why), Err(says)) => {
                    assert!(why.to_string().contains(says) && why.is_lasting(), "{why}");
                }
                (found, _) => panic!("{set:?}: {found:?}"),
            }
        }
        let unknown = vec!["0000:00:05.0 of Google".to_owned()];
        let why = ports(&TpuChips { unknown, ..none }, None).unwrap_err();
        assert!(why.detail.ends_with("not taken for one: 0000:00:05.0 of Google"), "{why}");
    }

    fn tick(probe: &mut TpuProbe) -> (ResourceSample, Vec<String>) {
        let (mut sample, mut gaps) = (ResourceSample::default(), GapLedger::default());
        probe.read(&mut Tick {
            now_ns: 0,
            thorough: false,
            sample: &mut sample,
            gaps: &mut gaps,
            pids: &mut Vec::new(),
            looked: &mut false,
        });
        let gaps = gaps.current();
        let gaps = gaps.iter().map(|gap| format!("{}: {}", gap.field, gap.reason));
        (sample, gaps.collect())
    }

    #[test]
    fn the_switch_is_respected_and_no_thread_is_started() {
        let mut probe = TpuProbe::new(false);
        for _ in 0..3 {
            let (sample, gaps) = tick(&mut probe);
            assert!(sample.gpus.is_empty());
            assert_eq!(gaps, ["tpu: not read: switched off in `[sampler] tpu`"]);
        }
        assert!(probe.asked.is_none());
    }

    #[cfg(feature = "tpu")]
    #[test]
    fn the_first_tick_asks_nobody() {
        // Nothing listens on the port of nothing.
        let client = MetricsClient::new(vec![1]);
        let mut probe = TpuProbe::of(one_chip(), PathBuf::from("/"), client);
        assert_eq!(tick(&mut probe).1, ["tpu: no answer yet"]);
        assert!(probe.asked.is_none());
        tick(&mut probe);
        assert!(probe.asked.is_some());
    }

    #[cfg(not(feature = "tpu"))]
    #[test]
    fn a_build_that_cannot_ask_says_how_to_make_one_that_can() {
        let mut probe =
            TpuProbe::of(one_chip(), PathBuf::from("/"), MetricsClient::new(vec![8431]));
        let (_, gaps) = tick(&mut probe);
        assert!(
            gaps[0].starts_with("tpu: unsupported: ") && gaps[0].contains("--features tpu"),
            "{gaps:?}"
        );
    }
}
