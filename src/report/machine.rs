//! The machine of a manifest, for people.
//!
//! Nothing is looked at here, and nothing is compared by it: for that there is the fingerprint. Invariant: what the manifest
//! does not tell is left out, and never guessed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::layout::counted;
use crate::event::Fingerprint;
use crate::store::MachineHead;
use crate::units;

/// The machine in one line; what it did not tell is left out.
pub fn line(facts: &Value) -> String {
    let text = |name: &str| facts[name].as_str().map(str::to_owned);
    let mut parts = Vec::new();
    parts.extend(text("system"));
    parts.extend(text("kernel").map(|kernel| format!("kernel {kernel}")));
    parts.extend(text("cpu_model"));
    if let Some(usable) = facts["usable_cores"].as_f64() {
        let of = facts["logical_cores"].as_u64().map(|cores| format!(" of {cores}"));
        parts.push(format!("{usable}{} cores usable", of.unwrap_or_default()));
    }
    if let Some(bytes) = facts["memory_bytes"].as_f64() {
        parts.push(format!("{} of memory", units::bytes(bytes)));
    }
    if let Some(bytes) = facts["memory_limit_bytes"].as_f64() {
        parts.push(format!("limited to {}", units::bytes(bytes)));
    }
    let devices = facts["accelerators"].as_array().into_iter().flatten();
    let names: Vec<_> = devices.filter_map(|device| device["name"].as_str()).collect();
    if names.is_empty() {
        parts.push("no accelerator".to_owned());
    } else {
        parts.push(names.join(" and "));
    }
    parts.join(", ")
}

/// What tells several machines apart, a sentence each; nothing of one.
pub fn several(machines: &[MachineHead]) -> Vec<String> {
    if machines.len() < 2 {
        return Vec::new();
    }
    let prints: Vec<&Fingerprint> =
        machines.iter().filter_map(|machine| machine.fingerprint.as_ref()).collect();
    let fields: BTreeSet<&String> = prints.iter().flat_map(|print| print.hard.keys()).collect();
    let differs =
        |field: &&&String| prints.iter().any(|print| print.get(field) != prints[0].get(field));
    let fields: Vec<&String> = fields.iter().filter(differs).copied().collect();
    let count = machines.len();
    let first = format!(
        "the runs are from {count} machines: figures are combined and compared within each of them only"
    );
    let each = (1..).zip(machines).map(|(number, machine)| {
        let told = |field: &&String| {
            let value = machine.fingerprint.as_ref().and_then(|print| print.get(field));
            format!("{field} {}", value.unwrap_or("not told"))
        };
        let told: Vec<String> = fields.iter().map(told).collect();
        let what = if told.is_empty() { line(&machine.machine) } else { told.join(", ") };
        format!("machine {number} ({}): {what}", counted(machine.runs.len(), "run"))
    });
    [first].into_iter().chain(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn several_machines_are_told_apart_by_what_differs() {
        let machine = |cores: &str, runs: usize| MachineHead {
            machine: Value::Null,
            fingerprint: Some(Fingerprint {
                hard: [("arch", "x86_64"), ("cpu.cores", cores)]
                    .map(|(field, value)| (field.to_owned(), value.to_owned()))
                    .into(),
                ..Fingerprint::default()
            }),
            runs: vec![String::new(); runs],
        };
        assert!(several(&[machine("8", 2)]).is_empty());
        assert_eq!(
            several(&[machine("8", 2), machine("4", 1)]),
            [
                "the runs are from 2 machines: figures are combined and compared within each of them only",
                "machine 1 (2 runs): cpu.cores 8",
                "machine 2 (1 run): cpu.cores 4",
            ]
        );
    }

    #[test]
    fn a_machine_is_told_as_far_as_it_is_known() {
        let facts = json!({
            "system": "Linux", "kernel": null, "cpu_model": "X", "logical_cores": 4, "usable_cores": 2.5,
            "memory_bytes": 8_589_934_592_u64, "memory_limit_bytes": null, "accelerators": [],
        });
        assert_eq!(
            line(&facts),
            "Linux, X, 2.5 of 4 cores usable, 8.00 GiB of memory, no accelerator"
        );
        let facts =
            json!({ "accelerators": [{ "name": "H200" }], "memory_limit_bytes": 1_073_741_824 });
        assert_eq!(line(&facts), "limited to 1.00 GiB, H200");
    }
}
