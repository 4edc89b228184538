//! `/proc/cpuinfo`: which processor it is. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// What identifies the processors; absent where the file does not tell. Clock rates and bogomips differ from one boot to the
/// next and are not read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::sampler) struct CpuInfo {
    /// `GenuineIntel`; on ARM the implementer's number.
    pub(in crate::sampler) vendor: Option<String>,
    /// `Intel(R) Xeon(R) Processor`; not told on ARM.
    pub(in crate::sampler) name: Option<String>,
    /// `family 6 model 207 stepping 2`; on ARM `architecture 8 variant 0x3 part 0xd0c revision 1`.
    pub(in crate::sampler) signature: Option<String>,
    /// The microcode's revision.
    pub(in crate::sampler) microcode: Option<String>,
    /// Whether a hypervisor says that it is there; only x86 tells.
    pub(in crate::sampler) hypervisor: Option<bool>,
}

/// The word of a signature, and the field that it is read from.
type Part = (&'static str, &'static str);

const X86: [Part; 3] = [("family", "cpu family"), ("model", "model"), ("stepping", "stepping")];

const ARM: [Part; 4] = [
    ("architecture", "CPU architecture"),
    ("variant", "CPU variant"),
    ("part", "CPU part"),
    ("revision", "CPU revision"),
];

/// Reads the file. Of processors that are not all alike, each kind is named.
pub(in crate::sampler) fn cpuinfo(text: &[u8]) -> CpuInfo {
    let text = String::from_utf8_lossy(text);
    let mut cpus: Vec<BTreeMap<&str, &str>> = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        if key == "processor" {
            cpus.push(BTreeMap::new());
        }
        if let Some(cpu) = cpus.last_mut() {
            cpu.insert(key, value);
        }
    }
    let each = |read: &dyn Fn(&BTreeMap<&str, &str>) -> Option<String>| {
        let kinds: BTreeSet<String> = cpus.iter().filter_map(read).collect();
        let kinds: Vec<String> = kinds.into_iter().collect();
        (!kinds.is_empty()).then(|| kinds.join(" + "))
    };
    let field = |name: &'static str| {
        each(&move |cpu| {
            let value = cpu.get(name)?;
            (!value.is_empty()).then(|| (*value).to_owned())
        })
    };
    let mut flags = cpus.iter().filter_map(|cpu| cpu.get("flags"));
    CpuInfo {
        vendor: field("vendor_id").or_else(|| field("CPU implementer")),
        name: field("model name"),
        signature: each(&|cpu| signature(cpu, &X86).or_else(|| signature(cpu, &ARM))),
        microcode: field("microcode"),
        hypervisor: flags
            .next()
            .map(|flags| flags.split_ascii_whitespace().any(|flag| flag == "hypervisor")),
    }
}

/// `family 6 model 207 stepping 2`; nothing where a part is missing.
fn signature(cpu: &BTreeMap<&str, &str>, parts: &[Part]) -> Option<String> {
    let told = parts.iter().map(|(word, field)| {
        let value = cpu.get(*field)?;
        Some(format!("{word} {value}"))
    });
    let told: Option<Vec<String>> = told.collect();
    Some(told?.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A virtual machine of two processors; the second one's clock differs, as they do.
    const XEON: &str = "\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor
stepping\t: 2
microcode\t: 0x1
cpu MHz\t\t: 2299.998
cache size\t: 266240 KB
flags\t\t: fpu vme de pse tsc msr rdrand hypervisor lahf_lm avx2
bugs\t\t: spectre_v1 spectre_v2
bogomips\t: 4599.99
power management:

processor\t: 1
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor
stepping\t: 2
microcode\t: 0x1
cpu MHz\t\t: 3100.004
flags\t\t: fpu vme de pse tsc msr rdrand hypervisor lahf_lm avx2
bogomips\t: 4600.12
power management:
";

    const EPYC: &str = "\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC 7763 64-Core Processor
stepping\t: 1
microcode\t: 0xa0011d5
cpu MHz\t\t: 2445.426
flags\t\t: fpu vme de pse nohypervisor avx2
";

    const GRAVITON: &str = "\
processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1
";

    /// Two kinds of cores, and a footer without a processor.
    const BIG_LITTLE: &str = "\
processor\t: 0
BogoMIPS\t: 48.00
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd03
CPU revision\t: 4

processor\t: 1
BogoMIPS\t: 48.00
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd09
CPU revision\t: 2

Hardware\t: Hikey 970
";

    const RISC: &str = "processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc\nmmu\t\t: sv39\nuarch\t\t: sifive,u74-mc\n";

    /// Text, vendor, name, signature, microcode, hypervisor.
    type Case = (
        &'static str,
        Option<&'static str>,
        Option<&'static str>,
        Option<&'static str>,
        Option<&'static str>,
        Option<bool>,
    );

    #[test]
    fn processors_are_told_apart_by_what_they_are() {
        let table: [Case; 7] = [
            (
                XEON,
                Some("GenuineIntel"),
                Some("Intel(R) Xeon(R) Processor"),
                Some("family 6 model 207 stepping 2"),
                Some("0x1"),
                Some(true),
            ),
            (
                EPYC,
                Some("AuthenticAMD"),
                Some("AMD EPYC 7763 64-Core Processor"),
                Some("family 25 model 1 stepping 1"),
                Some("0xa0011d5"),
                Some(false),
            ),
            (
                GRAVITON,
                Some("0x41"),
                None,
                Some("architecture 8 variant 0x3 part 0xd0c revision 1"),
                None,
                None,
            ),
            (
                BIG_LITTLE,
                Some("0x41"),
                None,
                Some(
                    "architecture 8 variant 0x0 part 0xd03 revision 4 + architecture 8 variant 0x0 part 0xd09 revision 2",
                ),
                None,
                None,
            ),
            (RISC, None, None, None, None, None),
            ("", None, None, None, None, None),
            ("vendor_id: nobody's\n:::\n", None, None, None, None, None),
        ];
        for (text, vendor, name, signature, microcode, hypervisor) in table {
            let expected = CpuInfo {
                vendor: vendor.map(str::to_owned),
                name: name.map(str::to_owned),
                signature: signature.map(str::to_owned),
                microcode: microcode.map(str::to_owned),
                hypervisor,
            };
            assert_eq!(cpuinfo(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn clock_rates_change_nothing() {
        let later = XEON.replace("2299.998", "1200.001").replace("4599.99", "4601.02");
        assert_ne!(later, XEON);
        assert_eq!(cpuinfo(later.as_bytes()), cpuinfo(XEON.as_bytes()));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: Vec<u8>) {
            let _ = cpuinfo(&text);
        }
    }
}
