use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::reading::{Answers, Service, readings};
use super::super::service::message;
use super::*;

fn gauge(device: i64, value: GaugeValue) -> Metric {
    Metric {
        attribute: Some(Attribute { value: Some(AttributeValue { int_attr: Some(device) }) }),
        measure: Some(Measure::Gauge(Gauge { value: Some(value) })),
    }
}

fn encoded(metrics: Vec<Metric>) -> Vec<u8> {
    let metric = Some(TpuMetric { metrics });
    MetricResponse { metric }.encode_to_vec()
}

/// The bytes as a server of Google's protocol buffers writes them, with every field that is skipped here.
#[test]
fn an_answer_is_read_field_by_field() {
    let entry = [
        // attribute { key: "device-id" value { int_attr: 0 } }
        &b"\x0a\x0f\x0a\x09device-id\x12\x02\x18\x00"[..],
        // timestamp { seconds: 1 }
        b"\x12\x02\x08\x01",
        // gauge { as_double: 12.5 }
        b"\x1a\x09\x09\x00\x00\x00\x00\x00\x00\x29\x40",
        // start_timestamp { seconds: 1 }
        b"\x3a\x02\x08\x01",
    ]
    .concat();
    let metric =
        [&b"\x0a\x01n\x12\x01d\x1a"[..], &[u8::try_from(entry.len()).unwrap()], &entry].concat();
    let answer = [&b"\x0a"[..], &[u8::try_from(metric.len()).unwrap()], &metric].concat();
    let expected = Entry { device: Some(0), value: Some(Value::Real(12.5)) };
    assert_eq!(parse(&answer), Ok(vec![expected]));
    let cut = parse(&answer[..answer.len() - 1]).unwrap_err();
    assert!(cut.starts_with("the service's answer is damaged: "), "{cut}");
    assert_eq!(parse(&[]), Ok(Vec::new()));
}

#[test]
fn whole_numbers_zeros_and_counters_survive() {
    let counter = |value| Metric {
        measure: Some(Measure::Counter(Counter { value: Some(value) })),
        ..gauge(3, GaugeValue::AsInt(0))
    };
    let found = parse(&encoded(vec![
        gauge(0, GaugeValue::AsInt(0)),
        gauge(1, GaugeValue::AsDouble(0.0)),
        gauge(2, GaugeValue::AsInt(17_179_869_184)),
        counter(CounterValue::AsInt(u64::MAX)),
        counter(CounterValue::AsInt(5)),
        counter(CounterValue::AsDouble(2.5)),
        Metric::default(),
    ]));
    let found: Vec<_> = found.unwrap().iter().map(|entry| (entry.device, entry.value)).collect();
    let expected = [
        (Some(0), Some(Value::Whole(0))),
        (Some(1), Some(Value::Real(0.0))),
        (Some(2), Some(Value::Whole(17_179_869_184))),
        (Some(3), Some(Value::Real(u64::MAX as f64))),
        (Some(3), Some(Value::Whole(5))),
        (Some(3), Some(Value::Real(2.5))),
        (None, None),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_frame_holds_one_message() {
    for (bytes, expected) in [
        (&b"\0\0\0\0\x02ab"[..], Ok(&b"ab"[..])),
        (b"\0\0\0\0\0", Ok(b"")),
        (b"\x01\0\0\0\x02ab", Err("compressed")),
        (b"\0\0\0\0\x03ab", Err("of 3 bytes has 2")),
        (b"\0\xff\xff\xff\xffab", Err("of 4294967295 bytes has 2")),
        (b"\0\0\0\0\x01ab", Err("of 1 bytes has 2")),
        (b"\0\0\0\0", Err("cut off")),
        (b"", Err("cut off")),
    ] {
        match (message(bytes), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(why), Err(says)) => assert!(why.contains(says), "{why}"),
            (found, _) => panic!("{bytes:?}: {found:?}"),
        }
    }
}

fn number() -> impl Strategy<Value = GaugeValue> {
    prop_oneof![
        any::<i64>().prop_map(GaugeValue::AsInt),
        (0..200_i64).prop_map(GaugeValue::AsInt),
        any::<f64>().prop_map(GaugeValue::AsDouble),
        (-10.0..110.0).prop_map(GaugeValue::AsDouble),
    ]
}

fn valid() -> impl Strategy<Value = Vec<u8>> {
    let device = prop_oneof![4 => 0..4_i64, 1 => any::<i64>()];
    let metrics = vec((device, number()), 0..6);
    metrics.prop_map(|metrics| {
        let metrics = metrics.into_iter();
        encoded(metrics.map(|(device, value)| gauge(device, value)).collect())
    })
}

/// A message, and a few bytes of it changed, left out or put in.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    (valid(), vec(change, 0..4)).prop_map(|(mut bytes, changes)| {
        for (place, byte, how) in changes {
            let at = place.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        bytes
    })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => vec(any::<u8>(), 0..48), 1 => valid(), 3 => damaged()]
}

/// Whatever is answered, there is no panic and no figure that cannot be; whatever is missing has a reason.
fn holds(cases: u32) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let services = vec(([bytes(), bytes(), bytes()], any::<bool>()), 1..3);
    let asked = (services, prop::option::of(1..3_u32));
    let ran = TestRunner::new(config).run(&asked, |(services, per_chip)| {
        let services = services.into_iter().enumerate().map(|(at, (answers, silent))| {
            let [duty, used, total] =
                answers.map(|bytes| message(&bytes).and_then(parse).or_else(|_| parse(&bytes)));
            Service {
                port: u16::try_from(at).unwrap(),
                said: if silent && at > 0 {
                    Err("silent".to_owned())
                } else {
                    Ok(Answers { duty, used, total })
                },
            }
        });
        let services: Vec<_> = services.collect();
        let found = readings(&services, per_chip);
        prop_assert!(!found.devices.is_empty() || !found.gaps.is_empty());
        prop_assert!(found.devices.is_sorted_by(|a, b| a.index < b.index));
        for one in &found.devices {
            let duty = one.utilisation_percent;
            prop_assert!(duty.is_none_or(|duty| (0.0..=100.0).contains(&duty)));
            if let (Some(used), Some(total)) = (one.memory_bytes, one.memory_total_bytes) {
                prop_assert!(used <= total && total > 0);
            }
            for (field, missing) in [
                ("utilisation_percent", duty.is_none()),
                ("memory_bytes", one.memory_bytes.is_none()),
                ("memory_total_bytes", one.memory_total_bytes.is_none()),
            ] {
                let field = format!("tpu[{}].{field}", one.index);
                let said = found.gaps.iter().filter(|gap| gap.field == field).count();
                prop_assert_eq!(said, usize::from(missing), "{}", field);
            }
        }
        prop_assert!(found.gaps.iter().all(|gap| !gap.reason.detail.is_empty()));
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn whatever_is_answered_is_a_figure_or_a_gap() {
    holds(1000);
}

/// `cargo test --release --features tpu whatever_is_answered -- --ignored`
#[test]
#[ignore = "takes minutes"]
fn whatever_is_answered_is_a_figure_or_a_gap_in_three_million_cases() {
    holds(3_000_000);
}
