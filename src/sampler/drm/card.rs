//! The graphics cards that sysfs lists, and the files in which their drivers say how they are doing.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::event::Vendor;
use crate::sampler::sysfs::{SysRoot, Unreadable, names, number, text};

/// Where they are.
const CLASS: &str = "class/drm";

/// No card draws as many watts: such a reading is garbage.
const MOST_WATTS: f64 = 10_000.0;

/// A graphics card of AMD or Intel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Card {
    /// Whose.
    pub vendor: Vendor,
    /// Counts those of the vendor, in the order of the kernel's numbers.
    pub index: u32,
    /// The PCI bus id: `0000:03:00.0`.
    pub device: String,
    /// The product's name, or its PCI id.
    pub name: String,
    /// The kernel's driver.
    pub driver: Option<String>,
    /// Memory of its own in bytes, where the driver tells.
    pub memory_bytes: Option<u64>,
    /// What can be read of the device as a whole: `utilisation`, `memory`, `power`, `energy`.
    pub tells: Vec<&'static str>,
    #[serde(skip)]
    folder: PathBuf,
    #[serde(skip)]
    hwmon: Option<PathBuf>,
    /// Its device files: `card0`, `renderD128`.
    #[serde(skip)]
    pub(super) nodes: Vec<String>,
}

/// What a card says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figures {
    /// Percent.
    pub(super) utilisation: Result<f64, Unreadable>,
    /// Bytes.
    pub(super) memory_used: Result<u64, Unreadable>,
    /// Bytes.
    pub(super) memory_total: Result<u64, Unreadable>,
    /// Watts.
    pub(super) power: Result<f64, Unreadable>,
    /// Microjoules.
    pub(super) energy: Result<u64, Unreadable>,
}

/// The cards of AMD and Intel below this root. Outputs (`card0-DP-1`) and render nodes are no cards.
pub(super) fn cards(root: &SysRoot) -> Vec<Card> {
    let class = root.join(CLASS);
    let number = |name: &str| name.strip_prefix("card")?.parse::<u32>().ok();
    let mut numbers: Vec<u32> = names(&class).iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    let mut found: Vec<Card> = Vec::new();
    for number in numbers {
        let folder = class.join(format!("card{number}")).join("device");
        let vendor = match text(&folder.join("vendor")).as_deref() {
            Ok("0x1002") => Vendor::Amd,
            Ok("0x8086") => Vendor::Intel,
            _ => continue,
        };
        let before = found.iter().filter(|card| card.vendor == vendor).count();
        let index = u32::try_from(before).unwrap_or(u32::MAX);
        found.push(Card::at(folder, vendor, index));
    }
    found
}

impl Card {
    fn at(folder: PathBuf, vendor: Vendor, index: u32) -> Self {
        let uevent = text(&folder.join("uevent")).unwrap_or_default();
        let said = |key: &str| {
            let mut lines = uevent.lines();
            lines.find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_owned()))
        };
        let linked = || {
            let path = fs_err::canonicalize(&folder).ok()?;
            path.file_name()?.to_str().map(str::to_owned)
        };
        let product = text(&folder.join("product_name")).ok();
        let id = text(&folder.join("device")).unwrap_or_default();
        let mut card = Self {
            vendor,
            index,
            device: said("PCI_SLOT_NAME").or_else(linked).unwrap_or_default(),
            name: product
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| format!("{} {id}", maker(vendor))),
            driver: said("DRIVER"),
            memory_bytes: None,
            tells: Vec::new(),
            hwmon: hwmon(&folder),
            nodes: names(&folder.join("drm")),
            folder,
        };
        let figures = card.read();
        card.memory_bytes = figures.memory_total.ok();
        // What is there may be read later, even if it cannot be now: a card that sleeps answers nothing.
        let there = [
            ("utilisation", figures.utilisation.err()),
            ("memory", figures.memory_used.err()),
            ("power", figures.power.err()),
            ("energy", figures.energy.err()),
        ];
        let told = there.into_iter().filter(|(_, why)| *why != Some(Unreadable::Absent));
        card.tells = told.map(|(what, _)| what).collect();
        card
    }

    /// Asks for everything.
    pub(super) fn read(&self) -> Figures {
        let own = |name: &str| number(&self.folder.join(name));
        let sensor = |name: &str| {
            let hwmon = self.hwmon.as_ref().ok_or(Unreadable::Absent)?;
            number(&hwmon.join(name))
        };
        let beyond = |what: &str| Unreadable::Broken(format!("{what} is beyond what can be"));
        let percent = |busy: u64| match busy {
            0..=100 => Ok(busy as f64),
            _ => Err(beyond("it")),
        };
        let watts = |microwatts: u64| {
            let watts = microwatts as f64 * 1e-6;
            (watts <= MOST_WATTS).then_some(watts).ok_or(beyond("it"))
        };
        let total = own("mem_info_vram_total");
        let within = |used: u64| match total {
            Ok(total) if used > total => Err(beyond("it")),
            _ => Ok(used),
        };
        Figures {
            utilisation: own("gpu_busy_percent").and_then(percent),
            memory_used: own("mem_info_vram_used").and_then(within),
            memory_total: total.clone(),
            // Drivers have the one or the other; one that is there and broken is not made good by the other.
            power: match sensor("power1_average") {
                Err(Unreadable::Absent) => sensor("power1_input"),
                told => told,
            }
            .and_then(watts),
            energy: sensor("energy1_input"),
        }
    }

    /// As gaps name it: `amd[0]`.
    pub(super) fn place(&self) -> String {
        format!("{}[{}]", maker(self.vendor).to_lowercase(), self.index)
    }
}

fn maker(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Amd => "AMD",
        Vendor::Intel => "Intel",
        Vendor::Nvidia => "NVIDIA",
        Vendor::Tpu => "TPU",
    }
}

/// The sensors of the card's own driver.
fn hwmon(folder: &Path) -> Option<PathBuf> {
    let all = folder.join("hwmon");
    let places: Vec<PathBuf> = names(&all).iter().map(|name| all.join(name)).collect();
    let own = |place: &&PathBuf| {
        let name = text(&place.join("name")).unwrap_or_default();
        ["amdgpu", "i915", "xe"].contains(&&*name)
    };
    places.iter().find(own).or(places.first()).cloned()
}
