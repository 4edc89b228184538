//! The client of the metrics services: gRPC by hand, which for a call with one answer is a few bytes around HTTP/2.
//!
//! A service is a part of the process that works on the chips and lives as long, so each poll connects anew.

use std::error::Error;
use std::future::Future;
use std::io;
use std::time::Duration;

use h2::RecvStream;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use prost::Message;
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::messages::{MetricRequest, parse};
use super::reading::{Answer, Answers, Service};
use crate::event::Reason;

/// The longest that a call may take.
const DEADLINE: Duration = Duration::from_millis(500);

/// The largest answer that is read, in bytes; a device takes about 30.
const LARGEST: u32 = 1 << 20;

const METHOD: &str = "/tpu.monitoring.runtime.RuntimeMetricService/GetRuntimeMetric";
const DUTY: &str = "tpu.runtime.tensorcore.dutycycle.percent";
const USED: &str = "tpu.runtime.hbm.memory.usage.bytes";
const TOTAL: &str = "tpu.runtime.hbm.memory.total.bytes";

/// Asks the services of this machine.
pub(super) struct MetricsClient {
    runtime: Runtime,
    ports: Vec<u16>,
}

impl MetricsClient {
    /// `ports`: where the services listen on the loopback.
    pub(super) fn new(ports: Vec<u16>) -> Result<Self, Reason> {
        let runtime =
            Builder::new_current_thread().enable_io().enable_time().build().map_err(|error| {
                Reason::unsupported(format!("no connections can be made: {error}"))
            })?;
        Ok(Self { runtime, ports })
    }

    /// Asks all of them at the same time; takes at most three deadlines.
    pub(super) fn ask(&mut self) -> Vec<Service> {
        self.runtime.block_on(async {
            let asked: Vec<_> =
                self.ports.iter().map(|port| (*port, tokio::spawn(ask(*port)))).collect();
            let mut services = Vec::new();
            for (port, asked) in asked {
                let said = asked.await.unwrap_or_else(|_| Err("the call broke off".to_owned()));
                services.push(Service { port, said });
            }
            services
        })
    }
}

/// Why a call has no answer.
enum ServiceError {
    /// And no other call to this service will have one.
    Service(String),
    /// Others may.
    Metric(String),
}

async fn ask(port: u16) -> Result<Answers, String> {
    let (sender, connection) = within(connect(port)).await?;
    let connection = tokio::spawn(connection);
    let answers = questions(sender, port).await;
    connection.abort();
    answers
}

async fn questions(mut sender: SendRequest<Bytes>, port: u16) -> Result<Answers, String> {
    let mut answers = Vec::new();
    for metric in [DUTY, USED, TOTAL] {
        let called = within(call(&mut sender, port, metric)).await;
        answers.push(match called {
            Ok(entries) => Ok(entries),
            Err(ServiceError::Metric(why)) => Err(why),
            Err(ServiceError::Service(why)) => return Err(why),
        });
    }
    let [duty, used, total] = <[Answer; 3]>::try_from(answers)
        .map_err(|_| "the service was not asked everything".to_owned())?;
    Ok(Answers { duty, used, total })
}

impl From<ServiceError> for String {
    fn from(fault: ServiceError) -> Self {
        match fault {
            ServiceError::Service(why) | ServiceError::Metric(why) => why,
        }
    }
}

async fn within<T>(work: impl Future<Output = Result<T, ServiceError>>) -> Result<T, ServiceError> {
    timeout(DEADLINE, work).await.unwrap_or_else(|_| {
        let why = format!("the service does not answer within {} ms", DEADLINE.as_millis());
        Err(ServiceError::Service(why))
    })
}

type Connection = h2::client::Connection<TcpStream, Bytes>;

async fn connect(port: u16) -> Result<(SendRequest<Bytes>, Connection), ServiceError> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await;
    let stream = stream.map_err(|error| {
        ServiceError::Service(match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                "no workload holds the TPU yet, or it serves no metrics".to_owned()
            }
            _ => format!("no connection to the service: {error}"),
        })
    })?;
    h2::client::Builder::new()
        .initial_window_size(LARGEST)
        .initial_connection_window_size(LARGEST)
        .max_header_list_size(1 << 14)
        .enable_push(false)
        .handshake(stream)
        .await
        .map_err(broken)
}

async fn call(
    sender: &mut SendRequest<Bytes>,
    port: u16,
    metric: &str,
) -> Result<Vec<super::reading::Entry>, ServiceError> {
    let request = Request::post(format!("http://localhost:{port}{METHOD}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", format!("{}m", DEADLINE.as_millis()))
        .body(())
        .map_err(|error| ServiceError::Service(error.to_string()))?;
    let mut ready = sender.clone().ready().await.map_err(broken)?;
    let (response, mut body) = ready.send_request(request, false).map_err(broken)?;
    body.send_data(frame(metric), true).map_err(broken)?;
    let (head, mut body) = response.await.map_err(broken)?.into_parts();
    if head.status != http::StatusCode::OK {
        let why = format!("no metrics service: HTTP status {}", head.status);
        return Err(ServiceError::Service(why));
    }
    // An answer without a message has its status in its only headers.
    if let Some(status) = Status::of(&head.headers) {
        status.check()?;
    }
    let kind = head.headers.get("content-type").map(http::HeaderValue::as_bytes);
    if !kind.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
        return Err(ServiceError::Service("no metrics service: the answer is not gRPC".to_owned()));
    }
    let bytes = read(&mut body).await?;
    let trailers = body.trailers().await.map_err(broken)?;
    let status = trailers.as_ref().and_then(Status::of);
    let Some(status) = status else {
        return Err(ServiceError::Metric("the service's answer has no end".to_owned()));
    };
    status.check()?;
    message(&bytes).and_then(parse).map_err(ServiceError::Metric)
}

/// A request as gRPC sends it: not compressed, its length, the message.
fn frame(metric: &str) -> Bytes {
    let message = MetricRequest { metric_name: metric.to_owned() };
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut frame = vec![0];
    frame.extend(length.to_be_bytes());
    frame.extend(message);
    frame.into()
}

/// The one message of an answer.
pub(super) fn message(bytes: &[u8]) -> Result<&[u8], String> {
    let Some((&[compressed, a, b, c, d], message)) = bytes.split_first_chunk::<5>() else {
        return Err("the service's answer is cut off".to_owned());
    };
    if compressed != 0 {
        return Err("the service's answer is compressed, which nobody asked for".to_owned());
    }
    let length = u32::from_be_bytes([a, b, c, d]);
    if u32::try_from(message.len()) != Ok(length) {
        let has = message.len();
        return Err(format!("the service's answer of {length} bytes has {has}"));
    }
    Ok(message)
}

async fn read(body: &mut RecvStream) -> Result<Vec<u8>, ServiceError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.map_err(broken)?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST as usize {
            let why = format!("the service's answer is longer than {LARGEST} bytes");
            return Err(ServiceError::Metric(why));
        }
        let released = body.flow_control().release_capacity(chunk.len());
        released.map_err(broken)?;
    }
    Ok(bytes)
}

/// How a call ended, in the terms of gRPC.
struct Status {
    code: String,
    says: String,
}

impl Status {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| {
            let value = headers.get(name)?;
            Some(plain(&String::from_utf8_lossy(value.as_bytes())))
        };
        Some(Self { code: text("grpc-status")?, says: text("grpc-message").unwrap_or_default() })
    }

    /// Codes 3 and 5 are what runtimes answer for a metric that they do not know.
    fn check(&self) -> Result<(), ServiceError> {
        let says = match &*self.says {
            "" => String::new(),
            says => format!(" ({says})"),
        };
        let name = match &*self.code {
            "0" => return Ok(()),
            "3" => "INVALID_ARGUMENT",
            "5" => "NOT_FOUND",
            "12" => {
                let why = format!("the runtime has no such service: UNIMPLEMENTED{says}");
                return Err(ServiceError::Service(why));
            }
            "14" => {
                let why = format!("no workload holds the TPU yet: UNAVAILABLE{says}");
                return Err(ServiceError::Service(why));
            }
            code => {
                let why = format!("the service answers with gRPC status {code}{says}");
                return Err(ServiceError::Metric(why));
            }
        };
        let why = format!("the runtime does not publish this metric: {name}{says}");
        Err(ServiceError::Metric(why))
    }
}

/// What somebody else wrote, fit for one line of ours.
fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(160).map(shown).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn broken(error: h2::Error) -> ServiceError {
    let from_io = error.get_io();
    let why = match (from_io, error.reason()) {
        (Some(error), _) => format!("the connection to the service broke off: {error}"),
        (None, Some(h2::Reason::FRAME_SIZE_ERROR | h2::Reason::PROTOCOL_ERROR)) => {
            "no metrics service: what listens there does not speak HTTP/2".to_owned()
        }
        _ => {
            let cause = error.source().map(|cause| format!(": {cause}"));
            format!("the call broke off: {error}{}", cause.unwrap_or_default())
        }
    };
    ServiceError::Service(plain(&why))
}
