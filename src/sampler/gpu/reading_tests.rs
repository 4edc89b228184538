//! What becomes of answers, good and bad.

use proptest::prelude::*;

use super::*;

fn raw() -> Raw {
    Raw {
        identity: Identity {
            index: 1,
            device: "GPU-b".to_owned(),
            pci: "0000:65:00.0".to_owned(),
            ..Identity::default()
        },
        t_ns: 77,
        utilisation: Ok(37),
        memory: Ok((9000, 80_000)),
        processes: Ok(vec![(10, Some(300)), (11, Some(50)), (99, Some(8000))]),
        shares: Ok(vec![(10, 20), (11, 5), (99, 60)]),
        power: Ok(61_500),
        energy: Ok(123_456),
        clock: Ok(1980),
        memory_clock: Ok(2619),
        throttle: Ok(0x24),
        received: Ok(12),
        sent: Ok(34),
        activity: Activity { sm: Ok(61.5), tensor: Ok(12.0), dram: Ok(100.2) },
    }
}

fn read(raw: &Raw, pids: &[u32], shared_ids: bool) -> (GpuReading, Vec<String>) {
    let mut gaps = GapLedger::default();
    let tree = Tree { pids, shared_ids };
    let reading = map(raw, tree, &mut Counters::default(), &mut gaps);
    let said = gaps.current();
    let said = said.iter().map(|gap| format!("{}: {}", gap.field, gap.reason));
    (reading, said.collect())
}

#[test]
fn everything_that_answers_is_read() {
    let (reading, gaps) = read(&raw(), &[10, 11, 12], true);
    let expected = GpuReading {
        index: 1,
        device: "GPU-b".to_owned(),
        pci: "0000:65:00.0".to_owned(),
        t_ns: Some(77),
        own: Some(true),
        utilisation_percent: Some(37.0),
        own_utilisation_percent: Some(25.0),
        memory_bytes: Some(350),
        memory_is_own: true,
        memory_total_bytes: Some(80_000),
        power_watts: Some(61.5),
        energy_mj: Some(123_456),
        clock_mhz: Some(1980),
        memory_clock_mhz: Some(2619),
        throttle: Some(vec!["sw_power_cap".to_owned(), "sw_thermal_slowdown".to_owned()]),
        pcie_rx_bytes_s: Some(12_000),
        pcie_tx_bytes_s: Some(34_000),
        sm_active_percent: Some(61.5),
        tensor_active_percent: Some(12.0),
        // Rounded by the driver.
        dram_active_percent: Some(100.0),
        ..GpuReading::default()
    };
    assert_eq!(reading, expected);
    assert!(gaps.is_empty(), "{gaps:?}");
}

#[test]
fn memory_is_the_trees_own_only_where_the_driver_can_tell() {
    type Processes = FieldResult<Vec<(u32, Option<u64>)>>;
    type Case<'a> = (Processes, &'a [u32], bool, (Option<u64>, bool, Option<bool>));
    let list = raw().processes;
    let (none, not) = (Ok(vec![(10, None)]), Err("not supported".into()));
    let largest = Ok(vec![(10, Some(u64::MAX))]);
    let overflow = Ok(vec![(10, Some(u64::MAX - 1)), (10, Some(u64::MAX - 1))]);
    let cases: [Case<'_>; 8] = [
        (list.clone(), &[10], true, (Some(300), true, Some(true))),
        (list.clone(), &[5], true, (Some(0), true, Some(false))),
        (list, &[10], false, (Some(9000), false, None)),
        (none.clone(), &[10], true, (Some(9000), false, Some(true))),
        (largest, &[10], true, (Some(9000), false, Some(true))),
        (none, &[99], true, (Some(0), true, Some(false))),
        (not, &[10], true, (Some(9000), false, None)),
        (overflow, &[10], true, (Some(9000), false, Some(true))),
    ];
    for (processes, tree, shared, expected) in cases {
        let case = format!("{processes:?} {tree:?} {shared}");
        let (reading, _) = read(&Raw { processes, ..raw() }, tree, shared);
        let found = (reading.memory_bytes, reading.memory_is_own, reading.own);
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn what_does_not_answer_is_a_gap_with_its_reason() {
    fn no<T>() -> FieldResult<T> {
        Err("no".into())
    }
    let nothing = Raw {
        utilisation: no(),
        memory: no(),
        processes: no(),
        shares: no(),
        power: no(),
        energy: no(),
        clock: no(),
        memory_clock: no(),
        throttle: no(),
        received: no(),
        sent: no(),
        activity: Reason::from("no").into(),
        ..raw()
    };
    let (reading, gaps) = read(&nothing, &[1], true);
    let blank = GpuReading {
        index: 1,
        device: "GPU-b".to_owned(),
        pci: "0000:65:00.0".to_owned(),
        t_ns: Some(77),
        ..GpuReading::default()
    };
    assert_eq!(reading, blank);
    assert_eq!(gaps.len(), 15, "{gaps:?}");
    assert!(gaps.iter().all(|gap| gap.starts_with("gpu[1].") && gap.ends_with(": no")));
}

#[test]
fn numbers_that_cannot_be_are_gaps() {
    let odd = Raw {
        utilisation: Ok(101),
        memory: Ok((9000, 8000)),
        processes: Ok(Vec::new()),
        shares: Ok(vec![(10, 60), (11, 60)]),
        power: Ok(u32::MAX),
        energy: Ok(u64::MAX),
        clock: Ok(u32::MAX),
        memory_clock: Ok(0),
        throttle: Ok(0x8000_0000_0000_0001),
        received: Ok(u32::MAX),
        sent: Ok(0),
        activity: Activity { sm: Ok(100.6), tensor: Ok(-0.1), dram: Ok(f64::NAN) },
        ..raw()
    };
    let (reading, gaps) = read(&odd, &[10, 11], false);
    assert_eq!(
        (reading.memory_clock_mhz, reading.pcie_tx_bytes_s, reading.throttle.unwrap()),
        (Some(0), Some(0), vec!["gpu_idle".to_owned(), "bit_63".to_owned()])
    );
    for says in [
        "utilisation_percent: the driver says 101%",
        "memory_bytes: the driver says that 9000 of 8000 bytes are in use",
        "memory_total_bytes: the driver says that 9000 of 8000",
        "own_utilisation_percent: unsupported: process ids are counted anew here",
        "own: unsupported: process ids",
        "power_watts: the driver says 4294967295 mW",
        "energy_mj: the driver says that it is not available",
        "clock_mhz: the driver says 4294967295 MHz",
        "pcie_rx_bytes_s: the driver says that it is not available",
        "sm_active_percent: the driver says 100.6%",
        "tensor_active_percent: the driver says -0.1%",
        "dram_active_percent: the driver says NaN%",
    ] {
        assert!(
            gaps.iter().any(|gap| gap.starts_with(&format!("gpu[1].{says}"))),
            "{says}: {gaps:?}"
        );
    }
    assert_eq!(gaps.len(), 12, "{gaps:?}");
    let (_, gaps) = read(&odd, &[10, 11], true);
    let says = "gpu[1].own_utilisation_percent: the driver's shares add up to 120%";
    assert!(gaps.contains(&says.to_owned()), "{gaps:?}");
}

#[test]
fn a_split_device_does_not_say_whose_it_is_and_a_part_has_no_power_of_its_own() {
    let mut split = raw();
    split.identity.split = true;
    let (reading, gaps) = read(&split, &[10], true);
    assert_eq!(
        (reading.own, reading.memory_bytes, reading.memory_is_own),
        (None, Some(9000), false)
    );
    assert!(reading.power_watts.is_some() && reading.energy_mj.is_some());
    assert!(
        gaps.iter().any(|gap| gap.contains("own: unsupported: the device is split")),
        "{gaps:?}"
    );
}

#[test]
fn a_counter_that_falls_is_not_believed_again_in_this_run() {
    let mut counters = Counters::default();
    let mut take = |device: &str, energy| {
        let mut gaps = GapLedger::default();
        let tree = Tree { pids: &[], shared_ids: true };
        let mut raw = Raw { energy: Ok(energy), ..raw() };
        raw.identity.device = device.to_owned();
        let reading = map(&raw, tree, &mut counters, &mut gaps);
        let why = gaps.current().into_iter().find(|gap| gap.field == "gpu[1].energy_mj");
        (reading.energy_mj, why.map(|gap| gap.reason))
    };
    assert_eq!(take("a", 500), (Some(500), None));
    assert_eq!(take("a", 500), (Some(500), None));
    let (none, why) = take("a", 20);
    assert!(none.is_none() && why.as_ref().unwrap().detail.contains("fell from 500 mJ to 20 mJ"));
    // It has passed where it was: still another counter. The reason stays the same.
    assert_eq!(take("a", 900), (None, why));
    assert_eq!(take("b", 7), (Some(7), None));
}

/// Few values that often meet, the ends of the range, and any.
fn number<T: Arbitrary + Clone + std::fmt::Debug + 'static>(
    odd: Vec<T>,
) -> BoxedStrategy<FieldResult<T>> {
    prop_oneof![
        3 => proptest::sample::select(odd).prop_map(Ok),
        3 => any::<T>().prop_map(Ok),
        1 => Just(Err("no".into())),
    ]
    .boxed()
}

fn word() -> BoxedStrategy<FieldResult<u32>> {
    number(vec![0, 1, 99, 100, 101, 1000, 99_999, 100_000_000, u32::MAX - 1, u32::MAX])
}

fn long() -> BoxedStrategy<FieldResult<u64>> {
    number(vec![0, 1, 1000, 1 << 40, u64::MAX - 1, u64::MAX])
}

prop_compose! {
    fn any_raw()(
        (index, split, device, parent) in (0..4_u32, any::<bool>(), "[ab]?", "[ab]?"),
        (utilisation, power, clock, memory_clock) in (word(), word(), word(), word()),
        (received, sent, energy, throttle) in (word(), word(), long(), long()),
        (used, total) in (long(), long()),
        processes in proptest::option::of(proptest::collection::vec((0..6_u32, proptest::option::of(any::<u64>())), 0..6)),
        shares in proptest::option::of(proptest::collection::vec((0..6_u32, prop_oneof![0..120_u32, any::<u32>()]), 0..6)),
        t_ns in any::<u64>(),
        active in prop_oneof![any::<f64>().prop_map(Ok), Just(Err("no".into()))],
    ) -> Raw {
        let no = || Reason::from("no");
        Raw {
            identity: Identity { index, device, pci: String::new(), parent, split },
            t_ns, utilisation, power, clock, memory_clock, received, sent, energy, throttle,
            memory: used.and_then(|used| Ok((used, total?))),
            processes: processes.ok_or_else(no),
            shares: shares.ok_or_else(no),
            activity: Activity { sm: active, tensor: Ok(50.0), dram: Err(no()) },
        }
    }
}

/// What no answer may lead to.
fn holds(answers: &[Raw], pids: &[u32], shared_ids: bool) {
    let mut counters = Counters::default();
    let mut energy: BTreeMap<String, u64> = BTreeMap::new();
    for raw in answers {
        let mut gaps = GapLedger::default();
        let reading = map(raw, Tree { pids, shared_ids }, &mut counters, &mut gaps);
        let shares = [reading.utilisation_percent, reading.own_utilisation_percent];
        for percent in shares.into_iter().chain([reading.sm_active_percent]) {
            assert!(percent.is_none_or(|percent| (0.0..=100.0).contains(&percent)));
        }
        assert!(reading.power_watts.is_none_or(|watts| (0.0..100_000.0).contains(&watts)));
        if let Some(now) = reading.energy_mj {
            let before = energy.insert(reading.device.clone(), now);
            assert!(before.is_none_or(|before| before <= now), "energy {before:?} {now}");
        }
        assert!(shared_ids || reading.own.is_none() && !reading.memory_is_own);
        if let (Some(used), Some(total), false) =
            (reading.memory_bytes, reading.memory_total_bytes, reading.memory_is_own)
        {
            assert!(used <= total && total < u64::MAX);
        }
        // Each field is there, or it is said why not.
        let missing = [
            ("own", reading.own.is_none()),
            ("utilisation_percent", reading.utilisation_percent.is_none()),
            ("own_utilisation_percent", reading.own_utilisation_percent.is_none()),
            ("memory_bytes", reading.memory_bytes.is_none()),
            ("memory_total_bytes", reading.memory_total_bytes.is_none()),
            ("power_watts", reading.power_watts.is_none()),
            ("energy_mj", reading.energy_mj.is_none()),
            ("clock_mhz", reading.clock_mhz.is_none()),
            ("memory_clock_mhz", reading.memory_clock_mhz.is_none()),
            ("throttle", reading.throttle.is_none()),
            ("pcie_rx_bytes_s", reading.pcie_rx_bytes_s.is_none()),
            ("pcie_tx_bytes_s", reading.pcie_tx_bytes_s.is_none()),
            ("sm_active_percent", reading.sm_active_percent.is_none()),
            ("tensor_active_percent", reading.tensor_active_percent.is_none()),
            ("dram_active_percent", reading.dram_active_percent.is_none()),
        ];
        let said = gaps.current();
        for (field, missing) in missing {
            let name = format!("gpu[{}].{field}", reading.index);
            let why = said.iter().find(|gap| gap.field == name);
            assert_eq!(missing, why.is_some_and(|gap| !gap.reason.detail.is_empty()), "{name}");
        }
    }
}

proptest! {
    #[test]
    fn no_answer_is_too_odd(
        answers in proptest::collection::vec(any_raw(), 1..4),
        pids in proptest::collection::vec(0..6_u32, 0..4),
        shared_ids: bool,
    ) {
        holds(&answers, &pids, shared_ids);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000_000))]

    /// The same two million times, with two answers each on average: `cargo test -- --ignored millions_of_odd_answers`.
    #[test]
    #[ignore = "takes minutes"]
    fn millions_of_odd_answers(
        answers in proptest::collection::vec(any_raw(), 1..4),
        pids in proptest::collection::vec(0..6_u32, 0..4),
        shared_ids: bool,
    ) {
        holds(&answers, &pids, shared_ids);
    }
}
