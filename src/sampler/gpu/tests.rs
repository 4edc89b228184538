//! The stand-in for the driver's library, loaded by path, and what ticks make of its answers.

use std::path::{Path, PathBuf};

use fs_err as fs;
use tempfile::TempDir;

use super::nvml::{library_at, look_through};
use super::*;
use crate::event::ResourceSample;
use crate::sampler::probe::GapLedger;

/// The stand-in, which `cargo test` leaves beside the tests' own executables.
fn built() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().unwrap().join("libstand_in_nvml.so")
}

/// A copy of it that plays this, and its folder.
fn playing(play: &str) -> (&'static ::nvml_wrapper::Nvml, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libnvidia-ml.so.1");
    fs::copy(built(), &path).unwrap();
    replay(&path, play);
    (library_at(path.as_os_str()).unwrap(), folder)
}

fn replay(library: &Path, play: &str) {
    let mut path = library.as_os_str().to_owned();
    path.push(".play");
    fs::write(path, play).unwrap();
}

fn probe(source: Result<Arc<Background<Result<Answers, Reason>>>, Reason>) -> GpuProbe {
    GpuProbe {
        source: GpuSource(source),
        shared_ids: true,
        counters: Counters::default(),
        counted_ns: None,
        only: None,
    }
}

/// A tick, and what it says is missing.
fn tick(probe: &mut GpuProbe, pids: &[u32]) -> (ResourceSample, Vec<String>) {
    let (mut sample, mut gaps) = (ResourceSample::default(), GapLedger::default());
    probe.read(&mut Tick {
        now_ns: MonotonicClock.now_ns(),
        thorough: false,
        sample: &mut sample,
        gaps: &mut gaps,
        pids: &mut pids.to_vec(),
        looked: &mut false,
    });
    let said = gaps.current().into_iter();
    let said = said.map(|gap| format!("{}: {}", gap.field, gap.reason));
    (sample, said.collect())
}

/// What one reading of all devices comes to.
fn read_once(
    library: &'static ::nvml_wrapper::Nvml,
    pids: &[u32],
) -> (ResourceSample, Vec<String>) {
    let answers = NvmlReader::new(library).ask(&MonotonicClock).unwrap();
    let mut probe = probe(Err("".into()));
    let (mut sample, mut gaps) = (ResourceSample::default(), GapLedger::default());
    probe.take(
        &answers,
        &mut Tick {
            now_ns: 0,
            thorough: true,
            sample: &mut sample,
            gaps: &mut gaps,
            pids: &mut pids.to_vec(),
            looked: &mut false,
        },
    );
    let said = gaps.current().into_iter();
    let said = said.map(|gap| format!("{}: {}", gap.field, gap.reason));
    (sample, said.collect())
}

const PLAIN: &str = "
count = 1
gpu0.uuid = GPU-aa
gpu0.pci = 00000000:65:00.0
gpu0.utilisation = 40
gpu0.memory_used = 5000
gpu0.memory_total = 9000
gpu0.power = 61500
gpu0.energy = 777
gpu0.clock = 1980
gpu0.memory_clock = 2619
gpu0.throttle = 516
gpu0.sent = 3
gpu0.received = 4
gpu0.processes = 10:300, 11:50, 99:8000
gpu0.shares = 10:20, 99:60
";

/// Of the plain device.
const PARTS: &str = "
gpu0.mig = 1
gpu0.mig_places = 7
gpu0.mig1.uuid = MIG-one
gpu0.mig1.memory_used = 100
gpu0.mig1.memory_total = 1000
gpu0.mig1.processes = 10:64
gpu0.mig1.power = 5
gpu0.mig1.utilisation = 0
gpu0.mig4.uuid = MIG-four
gpu0.mig4.memory_used = 200
gpu0.mig4.memory_total = 2000
gpu0.mig4.processes =
";

#[test]
fn a_library_that_is_loaded_by_path_is_asked_for_everything() {
    let (library, _folder) = playing(PLAIN);
    let (sample, gaps) = read_once(library, &[10, 11]);
    let [gpu] = &sample.gpus[..] else {
        panic!("{sample:?}");
    };
    assert_eq!((&*gpu.device, &*gpu.pci, gpu.own), ("GPU-aa", "0000:65:00.0", Some(true)));
    assert_eq!((gpu.memory_bytes, gpu.memory_total_bytes), (Some(350), Some(9000)));
    assert_eq!((gpu.clock_mhz, gpu.memory_clock_mhz), (Some(1980), Some(2619)));
    assert_eq!((gpu.pcie_rx_bytes_s, gpu.pcie_tx_bytes_s), (Some(4000), Some(3000)));
    // 512 is a bit that the wrapper does not know.
    assert_eq!(gpu.throttle.as_deref().unwrap(), ["sw_power_cap", "bit_9"]);
    assert_eq!(
        (gpu.utilisation_percent, gpu.power_watts, gpu.energy_mj),
        (Some(40.0), Some(61.5), Some(777))
    );
    // What the driver had before it was asked is of an unknown time.
    let says = "gpu[0].own_utilisation_percent: the driver has no sample of the run's processes";
    assert!(gaps.iter().any(|gap| gap == says), "{gaps:?}");
    let no_counters = gaps.iter().filter(|gap| gap.contains("no such counters (GPM)"));
    assert_eq!((no_counters.count(), gaps.len()), (3, 4), "{gaps:?}");
}

/// What is added to the plain device.
const COUNTERS: &str = "
gpu0.gpm = 1
gpu0.sm_active = 62.5
gpu0.tensor_active = 12.25
gpu0.dram_active = 0
";

/// Asks again; how active the device was, and why that is not known.
fn activity(reader: &mut NvmlReader) -> ([Option<f64>; 3], Vec<String>) {
    let answers = reader.ask(&MonotonicClock).unwrap();
    let mut gaps = GapLedger::default();
    let tree = Tree { pids: &[], shared_ids: true };
    let reading = reading::map(&answers.devices[0], tree, &mut Counters::default(), &mut gaps);
    let mut said = gaps.current();
    said.retain(|gap| gap.field.contains("_active_"));
    let said = said.iter().map(|gap| format!("{}: {}", gap.field, gap.reason)).collect();
    let GpuReading { sm_active_percent, tensor_active_percent, dram_active_percent, .. } = reading;
    ([sm_active_percent, tensor_active_percent, dram_active_percent], said)
}

#[test]
fn how_active_a_device_is_is_told_between_two_looks() {
    let (library, folder) = playing(&format!("{PLAIN}{COUNTERS}"));
    let path = folder.path().join("libnvidia-ml.so.1");
    let mut reader = NvmlReader::new(library);
    let (first, why) = activity(&mut reader);
    assert_eq!(first, [None; 3]);
    assert!(why[0].contains("it is told between two looks, from the second on"), "{why:?}");
    let all = [Some(62.5), Some(12.25), Some(0.0)];
    assert_eq!(activity(&mut reader), (all, Vec::new()));
    // One figure fails, then the counters: neither is a zero, and one look later there is something to compare with.
    replay(&path, &format!("{PLAIN}{COUNTERS}").replace("= 12.25", "= error 999"));
    let (two, why) = activity(&mut reader);
    assert_eq!(two, [Some(62.5), None, Some(0.0)]);
    assert!(why[0].starts_with("gpu[0].tensor_active_percent: the driver says: "), "{why:?}");
    replay(&path, &format!("{PLAIN}{COUNTERS}gpu0.gpm_sample = error 15\n"));
    let (lost, why) = activity(&mut reader);
    assert!(lost == [None; 3] && why[0].contains("the device is lost"), "{why:?}");
    replay(&path, &format!("{PLAIN}{COUNTERS}"));
    assert_eq!(activity(&mut reader).0, [None; 3]);
    // The counters of each look are freed: the driver has no more than 64.
    for _ in 0..200 {
        assert_eq!(activity(&mut reader), (all, Vec::new()));
    }
    let sight = look_through(library).unwrap().remove(0);
    assert_eq!(sight.reading.sm_active_percent, Some(62.5), "the doctor looks twice");
}

#[test]
fn without_counters_of_activity_it_is_said_what_has_them() {
    for (play, says) in [
        ("", "unsupported: the device has no such counters (GPM): Hopper and its successors"),
        ("gpu0.gpm = error 4", "unsupported: the driver tells it to the administrator only"),
        ("gpu0.gpm = 1\ngpu0.mig = 1", "unsupported: it is not read where a device is split (MIG)"),
    ] {
        let (library, _folder) = playing(&format!("{PLAIN}{play}\n"));
        let mut reader = NvmlReader::new(library);
        for _ in 0..2 {
            let (none, why) = activity(&mut reader);
            assert_eq!(none, [None; 3], "{play}");
            assert!(why[2].starts_with(&format!("gpu[0].dram_active_percent: {says}")), "{why:?}");
        }
    }
}

#[test]
fn without_a_play_there_are_two_devices_with_names_of_their_own() {
    let library = library_at(built().as_os_str()).unwrap();
    let sights = look_through(library).unwrap();
    assert_eq!(sights.len(), 2);
    assert_ne!(sights[0].reading.device, sights[1].reading.device);
    assert_eq!(sights[1].accelerator.name, "NVIDIA L4");
    assert_eq!(sights[1].accelerator.driver.as_deref(), Some("550.54.15"));
}

#[test]
fn garbage_lengths_texts_and_codes_are_gaps() {
    let odd = format!(
        "{PLAIN}
count = 2
gpu1.uuid = garbage
gpu1.name = garbage
gpu1.pci = 0000:66:00.0
gpu1.utilisation = 250
gpu1.memory_used = 18446744073709551615
gpu1.memory_total = 18446744073709551615
gpu1.power = error 15
gpu1.energy = error 999
gpu1.process_count = 4294967295
gpu1.processes = 1:2
gpu1.share_count = 4294967295
gpu1.shares = 1:2
gpu1.clock = error 12345
gpu1.mig = error 3
"
    )
    .replacen("count = 1", "", 1);
    let (library, _folder) = playing(&odd);
    let (sample, gaps) = read_once(library, &[10]);
    let gpu = &sample.gpus[1];
    assert_eq!(gpu.device, "0000:66:00.0", "without an id its place is one");
    assert_eq!(
        (gpu.utilisation_percent, gpu.memory_bytes, gpu.power_watts, gpu.own),
        (None, None, None, None)
    );
    for says in [
        "gpu[1].own: the driver says that it wrote 4294967295 entries where there is room for 64",
        "gpu[1].own_utilisation_percent: the driver says that it wrote 4294967295 entries",
        "gpu[1].utilisation_percent: the driver says 250%",
        "gpu[1].memory_bytes: the driver says that it is not available",
        "gpu[1].power_watts: the device is lost",
        "gpu[1].energy_mj: the driver says: ",
        "gpu[1].clock_mhz: the driver says: ",
        "gpu[1].throttle: unsupported: the driver does not tell it of this device",
    ] {
        assert!(gaps.iter().any(|gap| gap.starts_with(says)), "{says}: {gaps:#?}");
    }
    let sights = look_through(library).unwrap();
    assert_eq!(
        (&*sights[1].accelerator.name, sights[1].accelerator.memory_bytes),
        ("unknown", None)
    );
}

#[test]
fn the_parts_of_a_split_device_have_their_own_memory_and_nothing_of_the_whole() {
    let (library, _folder) = playing(&format!("{PLAIN}\n{PARTS}"));
    let (sample, gaps) = read_once(library, &[10]);
    let [whole, one, four] = &sample.gpus[..] else {
        panic!("{sample:?}");
    };
    assert_eq!((whole.own, whole.utilisation_percent, whole.power_watts), (None, None, Some(61.5)));
    assert_eq!((whole.memory_bytes, whole.memory_is_own), (Some(5000), false));
    assert_eq!(
        (&*one.device, &*one.parent, one.index, &*one.pci),
        ("MIG-one", "GPU-aa", 1, "0000:65:00.0")
    );
    assert_eq!(
        (one.own, one.memory_bytes, one.memory_total_bytes),
        (Some(true), Some(64), Some(1000))
    );
    assert_eq!((four.own, four.memory_bytes, four.index), (Some(false), Some(0), 2));
    for part in [one, four] {
        let shared = (part.utilisation_percent, part.power_watts, part.energy_mj, part.clock_mhz);
        assert_eq!(shared, (None, None, None, None), "what is not told is no zero");
    }
    for says in [
        "gpu[0].utilisation_percent: unsupported: the driver does not tell it where a device is split",
        "gpu[1].utilisation_percent: unsupported: the driver does not tell it where a device is split",
        "gpu[1].power_watts: unsupported: told of the whole device alone, GPU-aa",
        "gpu[0].own: unsupported: the device is split",
    ] {
        assert!(gaps.iter().any(|gap| gap.starts_with(says)), "{says}: {gaps:#?}");
    }
}

#[test]
fn a_device_that_cannot_be_opened_does_not_hide_the_others() {
    let lost = format!("{PLAIN}\ngpu1.uuid = GPU-bb\ngpu0.open = error 15\ngpu1.power = 5000\n")
        .replacen("count = 1", "count = 2", 1);
    let (library, _folder) = playing(&lost);
    let (sample, gaps) = read_once(library, &[]);
    assert_eq!(sample.gpus.len(), 1);
    assert_eq!((sample.gpus[0].index, &*sample.gpus[0].device), (1, "GPU-bb"));
    assert!(gaps.iter().any(|gap| gap.starts_with("gpu[0]: the device is lost")), "{gaps:?}");
}

#[test]
fn a_driver_without_devices_or_that_fails_to_begin_says_so() {
    for (play, says) in [
        ("count = 0", "the NVIDIA driver is there, but no device"),
        ("count = 4294967295", "says that it has 4294967295 devices"),
        ("count = error 9", "kernel's part of the NVIDIA driver is not loaded"),
    ] {
        let (library, _folder) = playing(play);
        let why = NvmlReader::new(library).ask(&MonotonicClock).unwrap_err();
        assert!(why.is_lasting() && why.detail.contains(says), "{why}");
    }
    for (code, says) in [(9, "is not loaded"), (18, "different versions"), (4, "NVML: ")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libnvidia-ml.so.1");
        fs::copy(built(), &path).unwrap();
        replay(&path, &format!("init = {code}"));
        let why = library_at(path.as_os_str()).unwrap_err();
        assert!(why.is_lasting() && why.detail.contains(says), "{why}");
    }
}

#[test]
fn a_driver_that_takes_its_time_costs_a_tick_nothing() {
    let (library, _folder) = playing(&format!("{PLAIN}\ngpu0.delay_ms = 2000\n"));
    let period = Duration::from_millis(100);
    let reader = NvmlReader::new(library);
    let source = GpuSource::start(reader, period, MonotonicClock, Duration::ZERO);
    let mut probe = probe(source);
    let began_ns = MonotonicClock.now_ns();
    for _ in 0..100 {
        let (sample, gaps) = tick(&mut probe, &[10]);
        assert!(sample.gpus.is_empty());
        assert_eq!(gaps, ["gpu: no answer yet"]);
    }
    // A hundred ticks within a twentieth of one answer.
    let took_ns = MonotonicClock.now_ns() - began_ns;
    assert!(took_ns < 100_000_000, "{took_ns}");
}

#[test]
fn a_counter_that_falls_in_the_middle_is_a_gap_to_the_end() {
    let (library, folder) = playing(PLAIN);
    let path = folder.path().join("libnvidia-ml.so.1");
    let mut probe = probe(Err("".into()));
    let mut reader = NvmlReader::new(library);
    let mut energy = |play: &str| {
        replay(&path, play);
        let answers = reader.ask(&MonotonicClock).unwrap();
        let (mut sample, mut gaps) = (ResourceSample::default(), GapLedger::default());
        probe.take(
            &answers,
            &mut Tick {
                now_ns: 0,
                thorough: true,
                sample: &mut sample,
                gaps: &mut gaps,
                pids: &mut Vec::new(),
                looked: &mut false,
            },
        );
        sample.gpus[0].energy_mj
    };
    assert_eq!(energy(PLAIN), Some(777));
    let lost = PLAIN.replace("= 777", "= error 15");
    assert_eq!(energy(&lost), None);
    assert_eq!(energy(&PLAIN.replace("= 777", "= 800")), Some(800));
    assert_eq!(energy(&PLAIN.replace("= 777", "= 12")), None);
    assert_eq!(energy(&PLAIN.replace("= 777", "= 5000")), None);
}

#[test]
fn a_machine_without_a_driver_says_so_once() {
    let why = Reason::unsupported("libnvidia-ml.so.1 not found");
    let mut probe = probe(Err(why));
    let mut gaps = GapLedger::default();
    let said: Vec<usize> = (0..4)
        .map(|ms| {
            let mut sample = ResourceSample::default();
            gaps.begin();
            probe.read(&mut Tick {
                now_ns: ms * 100_000_000,
                thorough: false,
                sample: &mut sample,
                gaps: &mut gaps,
                pids: &mut Vec::new(),
                looked: &mut false,
            });
            assert!(sample.gpus.is_empty());
            gaps.end().len()
        })
        .collect();
    assert_eq!(said, [1, 0, 0, 0]);
}

#[test]
fn the_switch_is_respected() {
    let off = SamplerPolicy { gpu: false, ..SamplerPolicy::default() };
    let (_, gaps) = tick(&mut GpuProbe::new(GpuSource::new(off)), &[]);
    assert!(gaps[0].contains("switched off"), "{gaps:?}");
}

#[test]
fn what_one_of_two_devices_tells_can_be_measured() {
    let gap = |field: &str| Gap { field: field.to_owned(), reason: "no".into() };
    let device = |index| GpuReading { index, ..GpuReading::default() };
    let gaps = vec![
        gap("io"),
        gap("gpu[0].power_watts"),
        gap("gpu[1].power_watts"),
        gap("gpu[1].energy_mj"),
    ];
    let left = |devices: &[GpuReading]| -> Vec<String> {
        let left = of_all(&gaps, devices).into_iter();
        left.map(|gap| gap.field).collect()
    };
    let power = ["io", "gpu[0].power_watts", "gpu[1].power_watts"];
    assert_eq!(left(&[device(0), device(1)]), power);
    let tpu = GpuReading { vendor: Vendor::Tpu, ..device(0) };
    assert_eq!(left(&[device(0), device(1), tpu]), power);
    assert_eq!(left(&[device(1)]), [&power[..], &["gpu[1].energy_mj"]].concat());
}
