use super::*;
use crate::event::{Reason, ResourceSample};
use proptest::prelude::*;

const S: u64 = 1_000_000_000;

struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn root(&self) -> SysRoot {
        SysRoot::at(&self.dir.path().join("sys"))
    }

    fn proc(&self) -> std::path::PathBuf {
        self.dir.path().join("proc")
    }

    fn write(&self, card: &str, file: &str, text: impl AsRef<[u8]>) {
        let path = self.dir.path().join("sys/class/drm").join(card).join("device").join(file);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    fn card(&self, card: &str, vendor: &str, driver: &str, bus: &str) {
        self.write(card, "vendor", format!("{vendor}\n"));
        self.write(card, "device", "0x744c\n");
        self.write(
            card,
            "uevent",
            format!("DRIVER={driver}\nPCI_CLASS=30000\nPCI_SLOT_NAME={bus}\n"),
        );
        self.write(card, &format!("drm/{card}/dev"), "226:0\n");
    }

    fn amd(&self) {
        self.card("card0", "0x1002", "amdgpu", "0000:03:00.0");
        for (file, text) in [
            ("gpu_busy_percent", "37\n"),
            ("mem_info_vram_used", "1073741824\n"),
            ("mem_info_vram_total", "25753026560\n"),
            ("hwmon/hwmon4/name", "amdgpu\n"),
            ("hwmon/hwmon4/power1_average", "61500000\n"),
        ] {
            self.write("card0", file, text);
        }
    }

    fn open(&self, pid: u32, node: &str, info: &str) {
        let process = self.proc().join(pid.to_string());
        for folder in ["fd", "fdinfo"] {
            fs_err::create_dir_all(process.join(folder)).unwrap();
        }
        std::os::unix::fs::symlink(node, process.join("fd/3")).unwrap();
        fs_err::write(process.join("fdinfo/3"), info).unwrap();
    }

    fn read(&self, pids: &[u32]) -> Answer {
        DrmReader::new(cards(&self.root()), &self.proc()).read(pids, S)
    }
}

#[test]
fn a_card_of_amd_says_what_it_does() {
    let machine = Machine::new();
    machine.amd();
    // Outputs and render nodes are no cards, nor is what another vendor has made.
    machine.card("card0-DP-1", "0x1002", "amdgpu", "0000:03:00.0");
    machine.card("renderD128", "0x1002", "amdgpu", "0000:03:00.0");
    machine.card("card1", "0x10de", "nvidia", "0000:04:00.0");
    machine.card("card10", "0x1002", "amdgpu", "0000:0a:00.0");
    let found = cards(&machine.root());
    let names: Vec<_> = found.iter().map(|card| (&*card.device, card.index)).collect();
    assert_eq!(names, [("0000:03:00.0", 0), ("0000:0a:00.0", 1)]);
    assert_eq!(found[0].tells, ["utilisation", "memory", "power"]);
    assert_eq!((&*found[0].name, found[0].memory_bytes), ("AMD 0x744c", Some(25_753_026_560)));
    let answer = machine.read(&[]);
    let expected = GpuReading {
        vendor: Vendor::Amd,
        device: "0000:03:00.0".to_owned(),
        utilisation_percent: Some(37.0),
        memory_bytes: Some(1 << 30),
        memory_total_bytes: Some(25_753_026_560),
        power_watts: Some(61.5),
        ..GpuReading::default()
    };
    assert_eq!(answer.readings, [expected]);
    let gaps: Vec<_> = answer.gaps.iter().map(|gap| &*gap.field).collect();
    assert_eq!(gaps, ["amd[0]:energy_mj", "amd[1]"]);
}

#[test]
fn memory_beyond_what_there_is_and_a_broken_sensor_are_gaps_with_their_own_reason() {
    let machine = Machine::new();
    machine.amd();
    machine.write("card0", "mem_info_vram_used", "25753026561\n");
    machine.write("card0", "hwmon/hwmon4/power1_average", "text\n");
    machine.write("card0", "hwmon/hwmon4/power1_input", "61500000\n");
    let answer = machine.read(&[]);
    let card = &answer.readings[0];
    assert_eq!((card.memory_bytes, card.power_watts), (None, None));
    assert_eq!(card.memory_total_bytes, Some(25_753_026_560));
    for (field, says) in [
        ("amd[0]:memory_bytes", "beyond what can be"),
        ("amd[0]:power_watts", "it holds no number"),
    ] {
        let mut gaps = answer.gaps.iter();
        assert!(
            gaps.any(|gap| gap.field == field && gap.reason.detail.contains(says)),
            "{:?}",
            answer.gaps
        );
    }
}

#[test]
fn a_card_of_intel_is_busy_for_its_programs() {
    let machine = Machine::new();
    machine.card("card0", "0x8086", "i915", "0000:00:02.0");
    machine.card("card1", "0x8086", "xe", "0000:03:00.0");
    machine.write("card1", "hwmon/hwmon2/energy1_input", "5000500\n");
    let answer = machine.read(&[]);
    // The integrated one tells nothing: that is no idle card.
    assert_eq!(answer.readings.len(), 1);
    assert_eq!(answer.readings[0].energy_mj, Some(5000));
    assert_eq!(answer.readings[0].index, 1);
    assert_eq!(answer.gaps[0].field, "intel[0]");
    assert!(answer.gaps[0].reason.detail.contains("0000:00:02.0"), "{:?}", answer.gaps);
    let info = "drm-pdev: 0000:00:02.0\ndrm-client-id: 1\ndrm-engine-render: 5 ns\ndrm-resident-system0: 2 MiB\n";
    machine.open(7, "/dev/dri/card0", info);
    let answer = machine.read(&[7]);
    let own: Vec<_> = answer.readings.iter().map(|gpu| (gpu.own, gpu.memory_bytes)).collect();
    assert_eq!(own, [(Some(true), Some(2 << 20)), (Some(false), None)]);
    assert!(answer.readings[0].memory_is_own && answer.readings[0].utilisation_percent.is_none());
}

#[test]
fn the_trees_part_is_looked_at_once_a_second() {
    let machine = Machine::new();
    machine.card("card0", "0x8086", "i915", "0000:00:02.0");
    let info =
        |ns: u64| format!("drm-pdev: 0000:00:02.0\ndrm-client-id: 1\ndrm-engine-render: {ns} ns\n");
    machine.open(7, "/dev/dri/renderD128", &info(0));
    let mut reader = DrmReader::new(cards(&machine.root()), &machine.proc());
    let mut found = Vec::new();
    for (tenths, work) in [(0, 0), (5, S), (10, S / 2), (15, S), (20, S)] {
        fs_err::write(machine.proc().join("7/fdinfo/3"), info(work)).unwrap();
        let answer = reader.read(&[7], tenths * S / 10);
        found.push(answer.readings[0].own_utilisation_percent);
    }
    assert_eq!(found, [None, None, Some(50.0), Some(50.0), Some(50.0)]);
}

#[test]
fn a_driver_that_says_nothing_of_clients_still_has_its_file_open() {
    let machine = Machine::new();
    machine.amd();
    machine.open(7, "/dev/dri/card0", "pos: 0\n");
    let answer = machine.read(&[7]);
    assert_eq!(answer.readings[0].own, Some(true));
    assert!(!answer.readings[0].memory_is_own);
}

#[test]
fn garbage_is_a_gap() {
    let machine = Machine::new();
    machine.amd();
    for (file, text) in [
        ("gpu_busy_percent", "101\n"),
        ("mem_info_vram_used", "-1\n"),
        ("hwmon/hwmon4/power1_average", "99999999999999\n"),
    ] {
        machine.write("card0", file, text);
    }
    let answer = machine.read(&[]);
    let reading = &answer.readings[0];
    assert_eq!(
        (reading.utilisation_percent, reading.memory_bytes, reading.power_watts),
        (None, None, None)
    );
    assert_eq!(answer.gaps.len(), 4, "{:?}", answer.gaps);
}

#[test]
fn a_card_that_tells_takes_the_place_of_the_missing_driver_of_another_vendor() {
    let machine = Machine::new();
    machine.amd();
    let tick = |probe: &mut DrmProbe| {
        let mut gaps = GapLedger::default();
        let mut sample = ResourceSample::default();
        gaps.report("gpu", &Reason::unsupported("no NVIDIA driver"));
        probe.read(&mut Tick {
            now_ns: MonotonicClock.now_ns(),
            thorough: true,
            sample: &mut sample,
            gaps: &mut gaps,
            pids: &mut vec![std::process::id()],
            looked: &mut false,
        });
        (sample.gpus, gaps.current())
    };
    let mut probe = DrmProbe::new(true, &machine.root());
    // Nobody waits for the first answer.
    let (mut gpus, gaps) = tick(&mut probe);
    assert!(gaps.iter().all(|gap| gap.field != "gpu"), "{gaps:?}");
    let (_never, wait) = std::sync::mpsc::channel::<()>();
    for _ in 0..1000 {
        if !gpus.is_empty() {
            break;
        }
        let _ = wait.recv_timeout(Duration::from_millis(10));
        gpus = tick(&mut probe).0;
    }
    assert_eq!(gpus[0].utilisation_percent, Some(37.0));
    assert!(gpus[0].t_ns.is_some());
    let (gpus, gaps) = tick(&mut DrmProbe::new(false, &machine.root()));
    assert!(gpus.is_empty() && gaps[0].field == "gpu");
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u64>().prop_map(|n| n.to_string().into_bytes()),
        (0..200_u64).prop_map(|n| format!("{n}\n").into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..30),
    ]
}

const FILES: [&str; 7] = [
    "gpu_busy_percent",
    "mem_info_vram_used",
    "mem_info_vram_total",
    "hwmon/hwmon4/power1_average",
    "hwmon/hwmon4/energy1_input",
    "uevent",
    "device",
];

fn never_breaks(contents: &[(usize, Vec<u8>)]) {
    let machine = Machine::new();
    machine.amd();
    for (file, text) in contents {
        machine.write("card0", FILES[*file], text);
    }
    for reading in machine.read(&[]).readings {
        assert!(reading.utilisation_percent.is_none_or(|busy| (0.0..=100.0).contains(&busy)));
        assert!(reading.power_watts.is_none_or(|watts| (0.0..=10_000.0).contains(&watts)));
    }
}

fn contents() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    proptest::collection::vec((0..FILES.len(), content()), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_content_breaks_the_reader(contents in contents()) {
        never_breaks(&contents);
    }
}

#[test]
#[ignore = "100,000 cases of files: a minute"]
fn no_content_of_many_breaks_the_reader() {
    proptest!(ProptestConfig::with_cases(100_000), |(contents in contents())| {
        never_breaks(&contents);
    });
}
