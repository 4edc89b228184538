//! The TPU chips of this machine, as the PCI bus lists them.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::sampler::sysfs::{self, is_number};

/// Google's PCI vendor id. Not enough: its virtual network card (gVNIC) has it too.
const VENDOR: u16 = 0x1ae0;

/// Its network card.
const NETWORK_CARD: u16 = 0x0042;

/// A generation of chips.
struct Generation {
    name: &'static str,
    device: u16,
    /// Where two generations share a device id.
    subsystem: Option<u16>,
    /// Devices that the runtime counts on a chip.
    devices: u32,
    /// Its chips are opened through VFIO.
    vfio: bool,
}

const fn generation(
    name: &'static str,
    device: u16,
    subsystem: Option<u16>,
    devices: u32,
    vfio: bool,
) -> Generation {
    Generation { name, device, subsystem, devices, vfio }
}

/// The ids are those that Google's `tpu-info` 0.14 looks for.
const GENERATIONS: &[Generation] = &[
    generation("v2", 0x0027, Some(0x004e), 2, false),
    generation("v3", 0x0027, Some(0x004f), 2, false),
    generation("v4", 0x005e, None, 1, false),
    generation("v5e", 0x0063, None, 1, true),
    generation("v5p", 0x0062, None, 1, true),
    generation("v6e", 0x006f, None, 1, true),
    generation("7x", 0x0076, None, 2, true),
];

/// A TPU chip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TpuChip {
    /// Its place on the bus: `0000:00:05.0`.
    pub address: String,
    /// `v5e`, ...
    pub generation: &'static str,
    /// Devices that the runtime counts on it.
    pub devices: u32,
    /// What a process opens that works on it; absent where the system does not tell.
    pub node: Option<PathBuf>,
}

/// What of Google's is on the bus.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TpuChips {
    /// In the order of their addresses.
    pub chips: Vec<TpuChip>,
    /// Devices of the vendor that may be chips, each with what is known of it: none of them is read.
    pub unknown: Vec<String>,
}

impl TpuChips {
    /// Looks at this machine.
    pub fn find() -> Self {
        Self::below(&sysfs::root())
    }

    /// Looks below this folder instead of `/`.
    pub(super) fn below(root: &Path) -> Self {
        let bus = root.join("sys/bus/pci/devices");
        let mut found = Self::default();
        // No PCI bus, no chips: the folder is absent on many machines, and other failures leave as little to look at.
        let Ok(entries) = fs_err::read_dir(bus) else {
            return found;
        };
        let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        for folder in &folders {
            found.look_at(root, folder);
        }
        found
    }

    fn look_at(&mut self, root: &Path, folder: &Path) {
        let id = |name: &str| identifier(&folder.join(name));
        // A device that goes away, or whose vendor cannot be told, is no reason to say anything of TPUs.
        if id("vendor") != Ok(VENDOR) {
            return;
        }
        let address = folder.file_name().unwrap_or_default().to_string_lossy();
        let device = match id("device") {
            Ok(NETWORK_CARD) => return,
            Ok(device) => device,
            Err(why) => {
                self.unknown.push(format!("{address} of Google, whose device id {why}"));
                return;
            }
        };
        let subsystem = id("subsystem_device");
        let known = GENERATIONS.iter().find(|generation| {
            let same = |wanted| subsystem.as_ref().is_ok_and(|found| *found == wanted);
            generation.device == device && generation.subsystem.is_none_or(same)
        });
        let Some(generation) = known else {
            let subsystem = match subsystem {
                Ok(id) => format!(", subsystem {id:#06x}"),
                Err(_) => String::new(),
            };
            let unknown =
                format!("{address} of Google, with the unknown device id {device:#06x}{subsystem}");
            self.unknown.push(unknown);
            return;
        };
        self.chips.push(TpuChip {
            address: address.into_owned(),
            generation: generation.name,
            devices: generation.devices,
            node: node(root, folder, generation),
        });
    }

    /// Devices on a chip; `None` without chips, or with chips of several kinds.
    pub(super) fn devices_per_chip(&self) -> Option<u32> {
        let first = self.chips.first()?.devices;
        let same = self.chips.iter().all(|chip| chip.devices == first);
        same.then_some(first)
    }
}

/// `4 x v5e`; nothing without chips.
pub(in crate::sampler) fn named(chips: &[TpuChip]) -> Option<String> {
    counted(chips.iter().map(|chip| chip.generation))
}

/// `2 x NVIDIA H200`; each name once, in the order in which they come.
pub(in crate::sampler) fn counted<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for name in names {
        match counts.iter_mut().find(|(other, _)| *other == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    let said = counts.iter().map(|(name, count)| format!("{count} x {name}"));
    let said: Vec<_> = said.collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// A 16-bit number as sysfs writes it: `0x1ae0`. The error completes "its id ...".
fn identifier(path: &Path) -> Result<u16, String> {
    let bytes = fs_err::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "is not told".to_owned(),
        _ => format!("cannot be read: {error}"),
    })?;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]);
    let text = text.trim();
    let digits = text.strip_prefix("0x").unwrap_or_default();
    // `from_str_radix` would take a sign.
    let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16)
        .ok()
        .filter(|_| hex)
        .ok_or_else(|| format!("is no number: {text:?}"))
}

/// What a process opens to work on the chip in this folder of sysfs.
fn node(root: &Path, folder: &Path, generation: &Generation) -> Option<PathBuf> {
    let dev = root.join("dev");
    if generation.vfio {
        let group = fs_err::read_link(folder.join("iommu_group")).ok()?;
        let number = group.file_name()?.to_str()?;
        return is_number(number).then(|| dev.join("vfio").join(number));
    }
    let entries = fs_err::read_dir(folder.join("accel")).ok()?;
    entries.flatten().find_map(|entry| {
        let name = entry.file_name();
        let name = name.to_str()?;
        is_number(name.strip_prefix("accel")?).then(|| dev.join(name))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    /// Adds a PCI device to a made-up sysfs.
    pub(in crate::sampler::tpu) fn pci(
        root: &Path,
        address: &str,
        ids: &[(&str, &str)],
    ) -> PathBuf {
        let folder = root.join("sys/bus/pci/devices").join(address);
        fs_err::create_dir_all(&folder).unwrap();
        for (name, id) in ids {
            fs_err::write(folder.join(name), format!("{id}\n")).unwrap();
        }
        folder
    }

    fn chip(device: &str, subsystem: &str) -> Vec<(&'static str, String)> {
        vec![
            ("vendor", "0x1ae0".to_owned()),
            ("device", device.to_owned()),
            ("subsystem_device", subsystem.to_owned()),
        ]
    }

    fn find(device: &str, subsystem: &str) -> TpuChips {
        let root = TempDir::new().unwrap();
        let ids = chip(device, subsystem);
        let ids: Vec<_> = ids.iter().map(|(name, id)| (*name, id.as_str())).collect();
        pci(root.path(), "0000:00:05.0", &ids);
        TpuChips::below(root.path())
    }

    #[test]
    fn chips_are_known_by_vendor_and_device() {
        for (device, subsystem, expected) in [
            ("0x0027", "0x004e", Some(("v2", 2))),
            ("0x0027", "0x004f", Some(("v3", 2))),
            ("0x005e", "0x0000", Some(("v4", 1))),
            ("0x0063", "0x0001", Some(("v5e", 1))),
            ("0x0062", "", Some(("v5p", 1))),
            ("0x006F", "0x0001", Some(("v6e", 1))),
            ("0x0076", "0x0001", Some(("7x", 2))),
            ("0x0027", "0x0050", None),
            ("0x0099", "0x0001", None),
            ("text", "0x0001", None),
            ("", "0x0001", None),
            ("0x+27", "0x004e", None),
            ("0x10063", "0x0001", None),
        ] {
            let found = find(device, subsystem);
            let chip = found.chips.first();
            let is = chip.map(|chip| (chip.generation, chip.devices));
            assert_eq!(is, expected, "{device}");
            assert_eq!(found.unknown.len(), usize::from(expected.is_none()), "{device}");
        }
        let said = &find("0x0027", "0x0050").unknown[0];
        assert!(said.contains("0x0027, subsystem 0x0050"), "{said}");
    }

    #[test]
    fn a_network_card_is_no_chip_and_other_vendors_are_not_looked_at() {
        let card = find("0x0042", "0x0058");
        assert_eq!(card, TpuChips::default());
        let root = TempDir::new().unwrap();
        pci(root.path(), "0000:00:01.0", &[("vendor", "0x10de"), ("device", "0x0063")]);
        pci(root.path(), "0000:00:02.0", &[("device", "0x0063")]);
        pci(root.path(), "0000:00:03.0", &[("vendor", "gone"), ("device", "0x0063")]);
        assert_eq!(TpuChips::below(root.path()), TpuChips::default());
        assert_eq!(TpuChips::below(&root.path().join("nowhere")), TpuChips::default());
    }

    #[test]
    fn a_chip_is_opened_by_its_group_or_by_its_number() {
        let root = TempDir::new().unwrap();
        let v5e = [("vendor", "0x1ae0"), ("device", "0x0063")];
        let v4 = [("vendor", "0x1ae0"), ("device", "0x005e")];
        let folder = pci(root.path(), "0000:00:04.0", &v5e);
        symlink("../../../../kernel/iommu_groups/7", folder.join("iommu_group")).unwrap();
        let folder = pci(root.path(), "0000:00:05.0", &v4);
        // A chip that is not opened through VFIO may have a group too.
        symlink("../../../../kernel/iommu_groups/8", folder.join("iommu_group")).unwrap();
        fs_err::create_dir_all(folder.join("accel/accel3")).unwrap();
        pci(root.path(), "0000:00:06.0", &v5e);
        let found = TpuChips::below(root.path());
        let nodes: Vec<_> = found
            .chips
            .iter()
            .map(|chip| chip.node.as_deref().map(|node| node.strip_prefix(root.path()).unwrap()))
            .collect();
        let expected = [Some("dev/vfio/7"), Some("dev/accel3"), None];
        assert_eq!(nodes, expected.map(|node| node.map(Path::new)));
        assert_eq!(named(&found.chips).unwrap(), "2 x v5e, 1 x v4");
        assert_eq!(found.devices_per_chip(), Some(1));
    }
}
