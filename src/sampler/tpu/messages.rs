//! The messages of `tpu.monitoring.runtime.RuntimeMetricService`, as far as they are used: what is left out is skipped.

use prost::{Message, Oneof};

use super::reading::{Answer, Entry, Value};

/// What a metric is asked for with.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MetricRequest {
    #[prost(string, tag = "1")]
    pub(super) metric_name: String,
}

#[derive(Clone, PartialEq, Message)]
struct MetricResponse {
    #[prost(message, optional, tag = "1")]
    metric: Option<TpuMetric>,
}

#[derive(Clone, PartialEq, Message)]
struct TpuMetric {
    #[prost(message, repeated, tag = "3")]
    metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(message, optional, tag = "1")]
    attribute: Option<Attribute>,
    #[prost(oneof = "Measure", tags = "3, 4")]
    measure: Option<Measure>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(message, optional, tag = "2")]
    value: Option<AttributeValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeValue {
    // A member of a oneof: 0 is written, and only one of them.
    #[prost(int64, optional, tag = "3")]
    int_attr: Option<i64>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Measure {
    #[prost(message, tag = "3")]
    Gauge(Gauge),
    #[prost(message, tag = "4")]
    Counter(Counter),
}

#[derive(Clone, PartialEq, Message)]
struct Gauge {
    #[prost(oneof = "GaugeValue", tags = "1, 2")]
    value: Option<GaugeValue>,
}

#[derive(Clone, PartialEq, Oneof)]
enum GaugeValue {
    #[prost(double, tag = "1")]
    AsDouble(f64),
    #[prost(int64, tag = "2")]
    AsInt(i64),
}

#[derive(Clone, PartialEq, Message)]
struct Counter {
    #[prost(oneof = "CounterValue", tags = "1, 2")]
    value: Option<CounterValue>,
}

#[derive(Clone, PartialEq, Oneof)]
enum CounterValue {
    #[prost(double, tag = "1")]
    AsDouble(f64),
    #[prost(uint64, tag = "2")]
    AsInt(u64),
}

/// What an answer says.
pub(super) fn parse(message: &[u8]) -> Answer {
    let response = MetricResponse::decode(message)
        .map_err(|error| format!("the service's answer is damaged: {error}"))?;
    let metrics = response.metric.map(|metric| metric.metrics);
    Ok(metrics.unwrap_or_default().iter().map(Metric::entry).collect())
}

impl Metric {
    fn entry(&self) -> Entry {
        let attribute = self.attribute.as_ref();
        let value = attribute.and_then(|attribute| attribute.value.as_ref());
        Entry {
            device: value.and_then(|value| value.int_attr),
            value: self.measure.as_ref().and_then(Measure::value),
        }
    }
}

impl Measure {
    fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Gauge(gauge) => match gauge.value.as_ref()? {
                GaugeValue::AsDouble(real) => Value::Real(*real),
                GaugeValue::AsInt(whole) => Value::Whole(*whole),
            },
            Self::Counter(counter) => match counter.value.as_ref()? {
                CounterValue::AsDouble(real) => Value::Real(*real),
                CounterValue::AsInt(whole) => match i64::try_from(*whole) {
                    Ok(whole) => Value::Whole(whole),
                    Err(_) => Value::Real(*whole as f64),
                },
            },
        })
    }
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
