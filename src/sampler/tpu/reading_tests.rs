use super::reading::{Answer, Answers, Entry, Service, Value, readings};
use crate::event::{GpuReading, Vendor};

#[expect(clippy::unnecessary_wraps, reason = "an answer may be an error")]
fn list(values: &[(i64, Value)]) -> Answer {
    let entry =
        |(device, value): &(i64, Value)| Entry { device: Some(*device), value: Some(*value) };
    Ok(values.iter().map(entry).collect())
}

fn whole(values: &[(i64, i64)]) -> Answer {
    let values: Vec<_> = values.iter().map(|(id, value)| (*id, Value::Whole(*value))).collect();
    list(&values)
}

fn real(values: &[(i64, f64)]) -> Answer {
    let values: Vec<_> = values.iter().map(|(id, value)| (*id, Value::Real(*value))).collect();
    list(&values)
}

/// Two devices, out of order.
fn two() -> Answers {
    Answers {
        duty: real(&[(1, 75.5), (0, 0.0)]),
        used: whole(&[(1, 11), (0, 10)]),
        total: whole(&[(0, 100), (1, 101)]),
    }
}

fn service(answers: Answers) -> Vec<Service> {
    vec![Service { port: 8431, said: Ok(answers) }]
}

type Shown = (Vec<(u32, Option<f64>, Option<u64>, Option<u64>)>, Vec<String>);

fn shown(services: &[Service], per_chip: Option<u32>) -> Shown {
    let found = readings(services, per_chip);
    let device = |one: &GpuReading| {
        assert_eq!((one.vendor, &one.device), (Vendor::Tpu, &format!("tpu-{}", one.index)));
        let (duty, used) = (one.utilisation_percent, one.memory_bytes);
        (one.index, duty, used, one.memory_total_bytes)
    };
    let devices = found.devices.iter().map(device).collect();
    let gaps = found.gaps.iter();
    let gaps = gaps.map(|gap| format!("{}: {}", gap.field, gap.reason)).collect();
    (devices, gaps)
}

#[test]
fn devices_come_in_the_order_of_their_numbers() {
    let (devices, gaps) = shown(&service(two()), Some(1));
    let expected = [(0, Some(0.0), Some(10), Some(100)), (1, Some(75.5), Some(11), Some(101))];
    assert_eq!(devices, expected);
    assert!(gaps.is_empty(), "{gaps:?}");
    // Either number for either figure.
    let mixed =
        Answers { duty: whole(&[(0, 0), (1, 75)]), used: real(&[(0, 10.0), (1, 11.4)]), ..two() };
    let (devices, gaps) = shown(&service(mixed), None);
    assert_eq!(devices[1], (1, Some(75.0), Some(11), Some(101)));
    assert!(gaps.is_empty(), "{gaps:?}");
}

#[test]
fn a_duty_cycle_of_a_chip_is_that_of_its_devices() {
    let four: Vec<(i64, i64)> = (0..4).map(|id| (id, 7)).collect();
    let answers = |duty| Answers { duty, used: whole(&four), total: whole(&four) };
    let by_chip = real(&[(1, 20.0), (0, 10.0)]);
    let duty = |answers, per_chip| {
        let (devices, gaps) = shown(&service(answers), per_chip);
        let duty: Vec<_> = devices.iter().map(|device| device.1).collect();
        (duty, gaps)
    };
    let (found, gaps) = duty(answers(by_chip.clone()), Some(2));
    assert_eq!(found, [Some(10.0), Some(10.0), Some(20.0), Some(20.0)]);
    assert!(gaps.is_empty());
    let by_device = real(&[(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0)]);
    let (found, _) = duty(answers(by_device), Some(2));
    assert_eq!(found, [Some(1.0), Some(2.0), Some(3.0), Some(4.0)]);
    for (list, per_chip) in [
        (by_chip.clone(), Some(1)),
        (by_chip, None),
        (real(&[(0, 1.0), (1, 2.0), (2, 3.0)]), Some(2)),
        (real(&[(4, 1.0), (5, 2.0), (6, 3.0), (7, 3.0)]), Some(1)),
    ] {
        let (found, gaps) = duty(answers(list), per_chip);
        assert_eq!(found, [None; 4], "{per_chip:?}");
        assert!(
            gaps.len() == 4
                && gaps[3].starts_with("tpu[3].utilisation_percent: ")
                && gaps[3].contains("do not match"),
            "{gaps:?}"
        );
    }
    // Without memory a chip cannot be told from a device.
    let lone = Answers {
        duty: real(&[(0, 1.0)]),
        used: Err("no".to_owned()),
        total: Err("no".to_owned()),
    };
    assert_eq!(shown(&service(lone.clone()), Some(1)).0, [(0, Some(1.0), None, None)]);
    assert!(shown(&service(lone), Some(2)).0.is_empty());
}

#[test]
fn a_figure_that_cannot_be_is_a_gap_of_this_device_and_field() {
    for (value, says) in [
        (Value::Real(f64::NAN), "NaN%"),
        (Value::Real(f64::INFINITY), "inf%"),
        (Value::Real(-0.5), "-0.5%"),
        (Value::Real(100.5), "100.5%"),
        (Value::Whole(250), "250%"),
        (Value::Whole(-3), "-3%"),
    ] {
        let duty = list(&[(0, value), (1, Value::Real(5.0))]);
        let (devices, gaps) = shown(&service(Answers { duty, ..two() }), Some(1));
        assert_eq!((devices[0].1, devices[1].1), (None, Some(5.0)));
        assert_eq!(devices[0].2, Some(10), "the memory is known all the same");
        assert_eq!(gaps, [format!("tpu[0].utilisation_percent: the service says {says}")]);
    }
    for value in [
        Value::Whole(-1),
        Value::Real(-1.0),
        Value::Real(f64::NAN),
        Value::Real(1e300),
        Value::Whole(101),
    ] {
        let used = list(&[(0, value), (1, Value::Whole(0))]);
        let (devices, gaps) = shown(&service(Answers { used, ..two() }), Some(1));
        assert_eq!((devices[0].2, devices[1].2), (None, Some(0)), "{value:?}");
        assert!(gaps.len() == 1 && gaps[0].starts_with("tpu[0].memory_bytes: "), "{gaps:?}");
    }
    let total = whole(&[(0, 0), (1, 101)]);
    let (devices, gaps) = shown(&service(Answers { total, ..two() }), Some(1));
    assert_eq!(devices[0], (0, Some(0.0), Some(10), None));
    assert_eq!(gaps, ["tpu[0].memory_total_bytes: the service says 0"]);
}

#[test]
fn what_is_no_list_of_devices_is_no_reading() {
    let none = || Err("not published".to_owned());
    for (duty, says) in [
        (Ok(Vec::new()), "names no device"),
        (none(), "not published"),
        (real(&[(0, 1.0), (0, 2.0)]), "two values for device 0"),
        (real(&[(-1, 1.0)]), "the number -1"),
        (real(&[(1 << 40, 1.0)]), "the number 1099511627776"),
        (Ok(vec![Entry { device: None, value: Some(Value::Real(1.0)) }]), "of which device"),
        (
            Ok(vec![
                Entry { device: Some(0), value: None },
                Entry { device: Some(1), value: None },
            ]),
            "gives no number",
        ),
        (real(&(0..2000).map(|id| (id, 1.0)).collect::<Vec<_>>()), "names 2000 devices"),
    ] {
        let (devices, gaps) = shown(&service(Answers { duty, ..two() }), Some(1));
        let duty: Vec<_> = devices.iter().map(|device| (device.1, device.2)).collect();
        assert_eq!(duty, [(None, Some(10)), (None, Some(11))], "{says}");
        assert!(gaps.len() == 2 && gaps[0].contains(says), "{says}: {gaps:?}");
    }
    let nothing = Answers { duty: none(), used: none(), total: Ok(Vec::new()) };
    let (devices, gaps) = shown(&service(nothing), Some(1));
    assert!(devices.is_empty());
    assert_eq!(gaps, ["tpu: not published; the runtime names no device (no program is loaded?)"]);
    let partly = Answers { used: whole(&[(0, 1)]), ..two() };
    let (_, gaps) = shown(&service(partly), Some(1));
    assert_eq!(gaps, ["tpu[1].memory_bytes: the service leaves this device out"]);
}

#[test]
fn several_services_are_one_machine() {
    let of = |port, ids: &[i64]| Service {
        port,
        said: Ok(Answers {
            duty: real(&ids.iter().map(|id| (*id, 5.0)).collect::<Vec<_>>()),
            used: whole(&ids.iter().map(|id| (*id, 5)).collect::<Vec<_>>()),
            total: Err("gone".to_owned()),
        }),
    };
    let silent = |port| Service { port, said: Err("no answer".to_owned()) };
    let (devices, gaps) = shown(&[of(1, &[2]), of(2, &[0]), silent(3), silent(4)], Some(1));
    assert_eq!(devices.iter().map(|device| device.0).collect::<Vec<_>>(), [0, 2]);
    assert!(gaps.contains(&"tpu: port 3: no answer; port 4: no answer".to_owned()), "{gaps:?}");
    let (devices, gaps) = shown(&[of(1, &[0, 1]), of(2, &[1, 2]), of(3, &[1])], Some(1));
    assert_eq!(devices.iter().map(|device| device.0).collect::<Vec<_>>(), [0, 2]);
    let of_one: Vec<_> = gaps.iter().filter(|gap| gap.starts_with("tpu[1]")).collect();
    assert_eq!(of_one, ["tpu[1]: two services speak of this device"]);
    assert_eq!(shown(&[], None), (Vec::new(), Vec::new()));
}
