//! The domains of RAPL, as the power capping class lists them.

use std::path::PathBuf;

use super::counter::Counter;
use crate::event::Reason;
use crate::sampler::sysfs::{SysRoot, Unreadable, names, number, text};

/// Where they are.
const CLASS: &str = "class/powercap";

/// What the folders of domains begin with. `intel-rapl-mmio:` shows the same packages through another door.
const PREFIX: &str = "intel-rapl:";

/// A part of the machine with an energy counter.
#[derive(Debug)]
pub(super) struct Domain {
    /// `package-0`, `dram-0`, `psys`.
    pub(super) name: String,
    file: PathBuf,
    counter: Counter,
    /// Two folders say that they are this part: neither can be told to be the whole.
    doubtful: bool,
}

impl Domain {
    /// Energy since the first reading, in microjoules; an error breaks the count.
    pub(super) fn read(&mut self, now_ns: u64) -> Result<u64, Unreadable> {
        if self.doubtful {
            return Err(Unreadable::Broken("two counters have this name".to_owned()));
        }
        let raw_uj = number(&self.file).inspect_err(|_| self.counter.lose())?;
        self.counter.push(now_ns, raw_uj).map_err(|why| Unreadable::Broken(why.to_owned()))
    }
}

/// The packages, memories and platforms below this root, or why there are none.
pub(super) fn domains(root: &SysRoot) -> Result<Vec<Domain>, Reason> {
    let class = root.join(CLASS);
    let mut found: Vec<Domain> = Vec::new();
    for folder in names(&class) {
        let Some(place) = folder.strip_prefix(PREFIX) else {
            continue;
        };
        let at = class.join(&folder);
        let Ok(said) = text(&at.join("name")) else {
            continue;
        };
        let parent = place.split_once(':').map(|(parent, _)| parent);
        let package =
            || text(&class.join(format!("{PREFIX}{}", parent.unwrap_or_default())).join("name"));
        let Some(name) = name(&said, parent, package) else {
            continue;
        };
        if let Some(other) = found.iter_mut().find(|other| other.name == name) {
            other.doubtful = true;
            continue;
        }
        found.push(Domain {
            name,
            counter: Counter::new(number(&at.join("max_energy_range_uj")).ok()),
            file: at.join("energy_uj"),
            doubtful: false,
        });
    }
    if found.is_empty() {
        return Err(Reason::unsupported(
            "no RAPL counters in /sys/class/powercap: the processor or the virtual machine has none, or a container hides them",
        ));
    }
    Ok(found)
}

/// What a domain is called here; nothing for what is a part of another.
fn name(
    said: &str,
    parent: Option<&str>,
    package: impl FnOnce() -> Result<String, Unreadable>,
) -> Option<String> {
    let plain = said.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && said.len() < 40;
    match parent {
        None if plain && (said.starts_with("package") || said.starts_with("psys")) => {
            Some(said.to_owned())
        }
        // `dram` of `package-1`, which may have dies: `dram-1`, `dram-1-die-0`.
        Some(number) if said == "dram" => {
            let package = package().unwrap_or_default();
            let suffix = package.strip_prefix("package-").unwrap_or(number);
            Some(format!("dram-{suffix}"))
        }
        _ => None,
    }
}
