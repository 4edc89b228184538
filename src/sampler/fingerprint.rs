//! The machine's fingerprint: what two machines must have in common for their figures to be compared.

use std::collections::BTreeMap;

pub use self::platform::boot_id;
use super::gpu::Accelerator;
use super::machine::{self, Machine};
use super::tpu::{counted, named};
use crate::event::fingerprint::one_or_all;
use crate::event::{Fingerprint, GapKind};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What of it is not in [`Machine`]. Absent where the system does not tell.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Details {
    pub(super) cpu_vendor: Option<String>,
    pub(super) cpu_signature: Option<String>,
    pub(super) microcode: Option<String>,
    /// Whether a hypervisor says that it is there.
    pub(super) hypervisor: Option<bool>,
    /// The product that the firmware names.
    pub(super) product: Option<String>,
    pub(super) governor: Option<String>,
    pub(super) huge_pages: Option<String>,
    /// Cores that the process is bound to.
    pub(super) affinity: Option<usize>,
    /// Cores that the tightest quota grants; absent: no quota.
    pub(super) quota: Option<f64>,
}

impl Machine {
    /// Its fingerprint: neither a host's name, nor a clock rate, nor anything else that differs between two looks.
    pub fn fingerprint(&self) -> Fingerprint {
        let details = Details {
            affinity: machine::affinity(),
            quota: machine::quota_cores(),
            ..platform::details()
        };
        fingerprint(self, &details)
    }
}

fn fingerprint(machine: &Machine, details: &Details) -> Fingerprint {
    let quota = details.quota.map(|cores| format!("{cores} cores"));
    let limit = machine.memory_limit_bytes.map(memory_class);
    let none = || Some("none".to_owned());
    // Of a driver that does not answer it is not known that it has no device.
    let hangs = machine.no_accelerators.as_ref().is_some_and(|why| why.kind == GapKind::Hanging);
    let no_gpu = || none().filter(|_| !hangs);
    let hard = [
        ("arch", Some(std::env::consts::ARCH.to_owned())),
        ("system", Some(std::env::consts::OS.to_owned())),
        ("cpu.vendor", details.cpu_vendor.clone()),
        ("cpu.model", machine.cpu_model.clone()),
        ("cpu.signature", details.cpu_signature.clone()),
        ("cpu.cores", machine.logical_cores.map(|cores| cores.to_string())),
        ("cpu.usable", details.affinity.map(|cores| cores.to_string())),
        ("cpu.quota", quota.or_else(none)),
        ("memory.class", machine.memory_bytes.map(memory_class)),
        ("memory.limit", limit.or_else(none)),
        ("virtualisation", virtualisation(details)),
        ("gpu", devices(&machine.accelerators).or_else(no_gpu)),
        ("gpu.driver", of_all(&machine.accelerators, |device| device.driver.clone())),
        (
            "gpu.power_limit",
            of_all(&machine.accelerators, |device| {
                device.power_limit_mw.map(|mw| format!("{} W", mw / 1000))
            }),
        ),
        // Only of machines that have them, so that the keys of others stay what they were.
        ("tpu", named(&machine.tpus)),
    ];
    let soft = [
        ("kernel", machine.kernel.clone()),
        ("distribution", machine.system.clone()),
        ("cpu.microcode", details.microcode.clone()),
        ("cpu.governor", details.governor.clone()),
        ("memory.huge_pages", details.huge_pages.clone()),
    ];
    Fingerprint { hard: told(hard), soft: told(soft) }
}

fn told<const N: usize>(fields: [(&str, Option<String>); N]) -> BTreeMap<String, String> {
    let fields = fields.into_iter();
    fields.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The power of two that is nearest in proportion: what the firmware and the kernel keep for themselves differs between
/// machines that were sold with the same memory.
fn memory_class(bytes: u64) -> String {
    let bytes = bytes.max(1);
    let below = 1_u64 << bytes.ilog2();
    // Above the square root of two it is nearer to the next one.
    let above = u128::from(bytes).pow(2) >= 2 * u128::from(below).pow(2);
    let class = if above { below.saturating_mul(2) } else { below };
    match class {
        GIB.. => format!("{} GiB", class / GIB),
        MIB.. => format!("{} MiB", class / MIB),
        _ => format!("{class} bytes"),
    }
}

/// `virtual machine, QEMU Standard PC`, `none, Dell Inc. PowerEdge R740`; where only the product is known, that.
fn virtualisation(details: &Details) -> Option<String> {
    let words = |there| if there { "virtual machine" } else { "none" };
    let flag = details.hypervisor.map(words);
    let said: Vec<&str> = flag.into_iter().chain(details.product.as_deref()).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// Each product once, whatever the order in which they were found.
fn devices(all: &[Accelerator]) -> Option<String> {
    let mut names: Vec<&str> = all.iter().map(|device| &*device.name).collect();
    names.sort_unstable();
    counted(names)
}

/// What all devices say, or each different answer.
fn of_all(all: &[Accelerator], say: impl Fn(&Accelerator) -> Option<String>) -> Option<String> {
    let mut said: Vec<String> = all.iter().filter_map(say).collect();
    said.sort();
    (!said.is_empty()).then(|| one_or_all(said.iter().map(String::as_str)))
}

#[cfg(target_os = "linux")]
mod platform {
    use std::path::Path;

    use super::Details;
    use crate::sampler::proc::ProcRoot;
    use crate::sampler::proc::cpuinfo::cpuinfo;

    pub(super) fn details() -> Details {
        read(&ProcRoot::system(), Path::new("/sys"))
    }

    /// A number that tells one boot of the machine from another, where the system has one.
    pub fn boot_id() -> Option<String> {
        let text = ProcRoot::system().read("sys/kernel/random/boot_id").ok()?;
        Some(String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// What these two file systems tell.
    pub(super) fn read(proc: &ProcRoot, sys: &Path) -> Details {
        let cpu = cpuinfo(&proc.read("cpuinfo").unwrap_or_default());
        let text = |name: &str| {
            let text = fs_err::read_to_string(sys.join(name)).ok()?;
            // A device tree ends its texts with a zero.
            let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
            (!text.is_empty()).then(|| text.to_owned())
        };
        let (vendor, product) =
            (text("class/dmi/id/sys_vendor"), text("class/dmi/id/product_name"));
        let dmi = match (vendor, product) {
            (Some(vendor), Some(product)) if product.starts_with(&vendor) => Some(product),
            (Some(vendor), Some(product)) => Some(format!("{vendor} {product}")),
            (vendor, product) => product.or(vendor),
        };
        Details {
            cpu_vendor: cpu.vendor,
            cpu_signature: cpu.signature,
            microcode: cpu.microcode,
            hypervisor: cpu.hypervisor,
            product: dmi.or_else(|| text("firmware/devicetree/base/model")),
            governor: text("devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            huge_pages: text("kernel/mm/transparent_hugepage/enabled")
                .and_then(|text| chosen(&text).map(str::to_owned)),
            ..Details::default()
        }
    }

    /// The choice in brackets: `always [madvise] never`.
    pub(super) fn chosen(text: &str) -> Option<&str> {
        let (_, rest) = text.split_once('[')?;
        Some(rest.split_once(']')?.0)
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::Details;

    pub(super) fn details() -> Details {
        Details::default()
    }

    /// A number that tells one boot of the machine from another, where the system has one.
    pub fn boot_id() -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;

    fn machine() -> Machine {
        Machine {
            system: Some("Debian GNU/Linux 12".to_owned()),
            kernel: Some("6.8.0".to_owned()),
            cpu_model: Some("AMD EPYC 7B13".to_owned()),
            logical_cores: Some(8),
            usable_cores: 2.0,
            memory_bytes: Some(33_567_891_456),
            memory_limit_bytes: None,
            page_bytes: 4096,
            accelerators: Vec::new(),
            no_accelerators: Some(Reason::unsupported("no driver")),
            tpus: Vec::new(),
            pressure: true,
            load_1min: Some(0.5),
        }
    }

    fn device(index: u32, name: &str, driver: &str) -> Accelerator {
        Accelerator {
            index,
            name: name.to_owned(),
            uuid: Some(format!("GPU-{index}")),
            memory_bytes: Some(1 << 30),
            driver: Some(driver.to_owned()),
            power_limit_mw: Some(700_000),
            ..Accelerator::default()
        }
    }

    #[test]
    fn equal_memory_is_one_class_whatever_the_kernel_keeps_of_it() {
        for (bytes, class) in [
            (16 * GIB, "16 GiB"),
            (16_384_000_000, "16 GiB"),
            (16_791_990_272, "16 GiB"),
            // As sold with 24, 7, 3.5 and 48 GiB, less what the kernel keeps.
            (25_276_510_208, "32 GiB"),
            (7_282_499_584, "8 GiB"),
            (3_670_016_000, "4 GiB"),
            (49_800_000_000, "64 GiB"),
            (33_567_891_456, "32 GiB"),
            (540_000_000_000, "512 GiB"),
            (512 * MIB, "512 MiB"),
            (400 * MIB, "512 MiB"),
            (1, "1 bytes"),
            (0, "1 bytes"),
            (u64::MAX, "17179869183 GiB"),
        ] {
            assert_eq!(memory_class(bytes), class, "{bytes}");
        }
    }

    #[test]
    fn what_differs_between_two_looks_is_not_in_it() {
        let one = fingerprint(&machine(), &Details::default());
        let later = Machine {
            load_1min: Some(7.0),
            usable_cores: 1.5,
            memory_bytes: Some(33_500_000_000),
            ..machine()
        };
        assert_eq!(one, fingerprint(&later, &Details::default()));
        assert_eq!(one.get("cpu.model"), Some("AMD EPYC 7B13"));
        assert_eq!(one.get("memory.class"), Some("32 GiB"));
        assert_eq!(one.get("cpu.vendor"), None, "what is not told is absent");
        for (field, hard) in [("cpu.quota", "none"), ("memory.limit", "none"), ("gpu", "none")] {
            assert_eq!(one.hard.get(field).map(String::as_str), Some(hard));
        }
        assert_eq!(one.soft.get("kernel").map(String::as_str), Some("6.8.0"));
        let this = Machine::read().fingerprint();
        assert_eq!(this, Machine::read().fingerprint());
    }

    #[test]
    fn limits_of_the_group_and_bound_cores_are_told() {
        let limited = Machine { memory_limit_bytes: Some(2 * GIB), ..machine() };
        let details = Details { affinity: Some(2), quota: Some(1.5), ..Details::default() };
        let found = fingerprint(&limited, &details);
        let fields = ["cpu.cores", "cpu.usable", "cpu.quota", "memory.limit"];
        assert_eq!(
            fields.map(|field| found.get(field).unwrap_or_default()),
            ["8", "2", "1.5 cores", "2 GiB"]
        );
    }

    #[test]
    fn devices_are_counted_by_their_product() {
        let with = |accelerators| {
            let machine = Machine { accelerators, no_accelerators: None, ..machine() };
            fingerprint(&machine, &Details::default())
        };
        let two = with(vec![device(0, "NVIDIA H200", "550.1"), device(1, "NVIDIA H200", "550.1")]);
        assert_eq!(two.get("gpu"), Some("2 x NVIDIA H200"));
        assert_eq!(two.get("gpu.driver"), Some("550.1"));
        assert_eq!(two.get("gpu.power_limit"), Some("700 W"));
        let (a, b) = (device(0, "NVIDIA L4", "550.1"), device(1, "NVIDIA A10", "550.1"));
        let mixed = with(vec![a.clone(), b.clone()]);
        assert_eq!(mixed.get("gpu"), Some("1 x NVIDIA A10, 1 x NVIDIA L4"));
        assert_eq!(mixed, with(vec![b, a]), "in whatever order they were found");
        assert_eq!(with(Vec::new()).get("gpu"), Some("none"));
        let silent = Machine {
            no_accelerators: Some(Reason::new(
                GapKind::Hanging,
                "the NVIDIA driver has not answered for 5 s",
            )),
            ..machine()
        };
        let silent = fingerprint(&silent, &Details::default());
        assert_eq!(silent.get("gpu"), None, "nobody knows whether there are any");
    }

    #[test]
    fn a_hypervisor_and_the_product_tell_the_kind_of_machine() {
        for (hypervisor, product, says) in [
            (Some(true), Some("QEMU Standard PC"), Some("virtual machine, QEMU Standard PC")),
            (Some(true), None, Some("virtual machine")),
            (Some(false), Some("Dell Inc. PowerEdge"), Some("none, Dell Inc. PowerEdge")),
            (Some(false), None, Some("none")),
            (None, Some("Raspberry Pi 4"), Some("Raspberry Pi 4")),
            (None, None, None),
        ] {
            let details =
                Details { hypervisor, product: product.map(str::to_owned), ..Details::default() };
            assert_eq!(virtualisation(&details).as_deref(), says);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_files_of_a_machine_are_read() {
        use crate::sampler::proc::ProcRoot;
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        let read =
            || platform::read(&ProcRoot::at(&dir.path().join("proc")), &dir.path().join("sys"));
        let nothing = read();
        assert_eq!((nothing.product, nothing.hypervisor), (None, None));
        put("proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t: fpu hypervisor\n");
        put("sys/firmware/devicetree/base/model", "Board 4\0");
        put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "schedutil\n");
        let found = read();
        assert_eq!(found.cpu_vendor.as_deref(), Some("AuthenticAMD"));
        assert_eq!(found.hypervisor, Some(true));
        assert_eq!(found.product.as_deref(), Some("Board 4"));
        assert_eq!(found.huge_pages.as_deref(), Some("madvise"));
        assert_eq!(found.governor.as_deref(), Some("schedutil"));
        put("sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
        assert_eq!(read().product.as_deref(), Some("Amazon EC2"));
        put("sys/class/dmi/id/product_name", "m7g.large\n");
        assert_eq!(read().product.as_deref(), Some("Amazon EC2 m7g.large"));
        put("sys/class/dmi/id/product_name", "Amazon EC2 x\n");
        assert_eq!(read().product.as_deref(), Some("Amazon EC2 x"));
        for (text, says) in [("a [b] c", Some("b")), ("a b", None), ("[a", None), ("", None)] {
            assert_eq!(platform::chosen(text), says);
        }
        assert!(boot_id().is_some_and(|id| !id.is_empty()));
    }
}
