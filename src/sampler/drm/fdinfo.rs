//! What the kernel says of one open file of a graphics device: `/proc/PID/fdinfo/FD`, as
//! `Documentation/gpu/drm-usage-stats.rst` of the kernel has it. Pure.

use std::collections::BTreeMap;

/// Names of engines and regions that are kept; a driver has a dozen.
const MOST_NAMES: usize = 64;

/// How long an engine has worked for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Work {
    /// Nanoseconds (`drm-engine-*`: i915, amdgpu).
    pub(super) ns: Option<u64>,
    /// Cycles of this client (`drm-cycles-*`: xe).
    pub(super) cycles: Option<u64>,
    /// Cycles that have passed on the engine (`drm-total-cycles-*`).
    pub(super) total_cycles: Option<u64>,
    /// Engines of this kind (`drm-engine-capacity-*`).
    pub(super) capacity: Option<u64>,
}

/// One client of a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Client {
    /// The PCI bus id of the device.
    pub(super) device: String,
    /// The driver's number of the client: several open files may be the same one.
    pub(super) id: u64,
    pub(super) engines: BTreeMap<String, Work>,
    /// Memory on the device, in bytes; absent where nothing is said of any.
    pub(super) memory_bytes: Option<u64>,
}

/// The client behind an open file; `None` where it is not of a graphics device, or says neither device nor client.
pub(super) fn parse(text: &str) -> Option<Client> {
    let mut client = Client::default();
    let mut id = None;
    let mut resident: BTreeMap<&str, u64> = BTreeMap::new();
    let mut memory: BTreeMap<&str, u64> = BTreeMap::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let (Some(key), value) = (key.strip_prefix("drm-"), value.trim()) else {
            continue;
        };
        if key == "pdev" {
            value.clone_into(&mut client.device);
        } else if key == "client-id" {
            id = value.parse().ok();
        } else if let Some((region, bytes)) = key.strip_prefix("resident-").zip(size(value)) {
            keep(&mut resident, region, bytes);
        } else if let Some((region, bytes)) = key.strip_prefix("memory-").zip(size(value)) {
            keep(&mut memory, region, bytes);
        } else {
            engine(&mut client.engines, key, value);
        }
    }
    client.id = id?;
    client.memory_bytes = local(&resident).or_else(|| local(&memory));
    (!client.device.is_empty()).then_some(client)
}

fn keep<'a>(regions: &mut BTreeMap<&'a str, u64>, region: &'a str, bytes: u64) {
    if regions.len() < MOST_NAMES {
        regions.insert(region, bytes);
    }
}

/// Memory of the device itself; of one that has none, what it uses of the machine's.
fn local(regions: &BTreeMap<&str, u64>) -> Option<u64> {
    let sum = |wanted: &[&str]| {
        let mut found = regions
            .iter()
            .filter(|(name, _)| wanted.iter().any(|begin| name.starts_with(begin)))
            .map(|(_, bytes)| *bytes)
            .peekable();
        found.peek()?;
        Some(found.fold(0, u64::saturating_add))
    };
    sum(&["vram", "local"]).or_else(|| sum(&["system", "gtt", "stolen"]))
}

fn engine(engines: &mut BTreeMap<String, Work>, key: &str, value: &str) {
    type Place = fn(&mut Work) -> &mut Option<u64>;
    // The longer names first, since the shorter ones begin them.
    let kinds: [(&str, Place); 4] = [
        ("engine-capacity-", |work| &mut work.capacity),
        ("engine-", |work| &mut work.ns),
        ("total-cycles-", |work| &mut work.total_cycles),
        ("cycles-", |work| &mut work.cycles),
    ];
    let named = kinds.iter().find_map(|(begin, place)| Some((key.strip_prefix(begin)?, place)));
    let Some((name, place)) = named else {
        return;
    };
    let number = value.strip_suffix("ns").unwrap_or(value).trim();
    let Ok(number) = number.parse() else {
        return;
    };
    if engines.len() < MOST_NAMES || engines.contains_key(name) {
        *place(engines.entry(name.to_owned()).or_default()) = Some(number);
    }
}

/// Bytes, from `123`, `123 KiB` or `123 MiB`.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let factor: u64 = match unit.trim() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const I915: &str = "pos:\t0\nflags:\t02100002\ndrm-driver:\ti915\ndrm-client-id:\t7\ndrm-pdev:\t0000:00:02.0\n\
                        drm-total-system0:\t20 MiB\ndrm-resident-system0:\t12 MiB\ndrm-engine-render:\t9288864723 ns\n\
                        drm-engine-copy:\t2035071108 ns\ndrm-engine-video:\t0 ns\ndrm-engine-capacity-video:\t2\n";
    const AMDGPU: &str = "drm-driver:\tamdgpu\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\t31\ndrm-memory-vram:\t1024 KiB\n\
                          drm-memory-gtt: \t2048 KiB\ndrm-memory-cpu: \t0 KiB\ndrm-engine-compute:\t5 ns\n";
    const XE: &str = "drm-driver:\txe\ndrm-client-id:\t9\ndrm-pdev:\t0000:03:00.0\ndrm-total-gtt:\t192 KiB\n\
                      drm-resident-vram0:\t23992 KiB\ndrm-cycles-rcs:\t28257900\ndrm-total-cycles-rcs:\t7655183225\n";

    #[test]
    fn what_the_drivers_say_is_read() {
        let client = parse(I915).unwrap();
        assert_eq!((&*client.device, client.id), ("0000:00:02.0", 7));
        assert_eq!(client.memory_bytes, Some(12 << 20));
        assert_eq!(client.engines["render"].ns, Some(9_288_864_723));
        assert_eq!(client.engines["video"].capacity, Some(2));
        let client = parse(AMDGPU).unwrap();
        assert_eq!(client.memory_bytes, Some(1 << 20));
        assert_eq!(client.engines["compute"].ns, Some(5));
        let client = parse(XE).unwrap();
        assert_eq!(client.memory_bytes, Some(23_992 << 10));
        let rcs = client.engines["rcs"];
        assert_eq!((rcs.cycles, rcs.total_cycles), (Some(28_257_900), Some(7_655_183_225)));
        for other in [
            "",
            "pos:\t0\nflags:\t02\n",
            "drm-client-id: 7\n",
            "drm-pdev: 0000:00:02.0\n",
            "drm-pdev:\ndrm-client-id: 1\n",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    fn line() -> impl Strategy<Value = String> {
        let key = prop_oneof![
            Just("drm-pdev"),
            Just("drm-client-id"),
            Just("drm-engine-x"),
            Just("drm-engine-capacity-x"),
            Just("drm-cycles-x"),
            Just("drm-total-cycles-x"),
            Just("drm-resident-vram0"),
            Just("drm-memory-gtt"),
            Just("pos"),
        ];
        let value = prop_oneof![
            any::<u64>().prop_map(|n| n.to_string()),
            any::<u64>().prop_map(|n| format!("{n} ns")),
            any::<u64>().prop_map(|n| format!("{n} MiB")),
            "\\PC{0,12}",
        ];
        (key, value).prop_map(|(key, value)| format!("{key}:\t{value}"))
    }

    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            proptest::collection::vec(line(), 0..12).prop_map(|lines| lines.join("\n")),
            "\\PC{0,60}",
        ]
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in texts()) {
            let _ = parse(&text);
        }
    }

    #[test]
    #[ignore = "a million cases"]
    fn no_text_of_a_million_breaks_the_parser() {
        proptest!(ProptestConfig::with_cases(1_000_000), |(text in texts())| {
            let _ = parse(&text);
        });
    }
}
