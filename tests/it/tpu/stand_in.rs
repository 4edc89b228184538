//! A stand-in for the metrics service of a TPU's runtime: real HTTP/2, and messages written byte by byte, so that nothing
//! is shared with the client that reads them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as Listener, TcpStream as Stream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use h2::server::SendResponse;
use h2::{RecvStream, server};
use http::{HeaderMap, Request, Response};
use prost::bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const METHOD: &str = "/tpu.monitoring.runtime.RuntimeMetricService/GetRuntimeMetric";

/// One device: its number, what the gauges say.
#[derive(Clone, Copy)]
pub(super) struct Device {
    pub(super) id: i64,
    pub(super) duty: f64,
    pub(super) used: i64,
    pub(super) total: i64,
}

/// What a service does.
#[derive(Clone)]
pub(super) enum Play {
    /// These devices; so many of them on each chip, which has one duty cycle.
    Devices(Vec<Device>, usize),
    /// The same, but for what this gives another body for.
    But(Vec<Device>, fn(&str) -> Option<Vec<u8>>),
    /// Every call ends with this status and message, without an answer.
    Status(&'static str, &'static str),
    /// The same for the metric whose name ends so.
    Unknown(Vec<Device>, &'static str),
    /// This body, as it is, and a good end.
    Body(Vec<u8>),
    /// This status of HTTP.
    Http(u16),
    /// Takes the request and says nothing.
    Silent,
    /// Takes the connection and says nothing, not even of HTTP/2.
    Mute,
    /// Speaks another protocol.
    Http1,
    /// Takes the request and hangs up.
    HangUp,
    /// The data, and then nothing.
    NoEnd(Vec<Device>),
}

#[derive(Clone)]
struct Shared {
    play: Arc<Mutex<Play>>,
    calls: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

/// A service that listens until it is dropped.
pub(super) struct StandIn {
    pub(super) port: u16,
    shared: Shared,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    pub(super) fn new(play: Play) -> Self {
        Self::at(0, play)
    }

    /// At a port of which it is known that it was free.
    pub(super) fn at(port: u16, play: Play) -> Self {
        let listener = Listener::bind(("127.0.0.1", port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared {
            play: Arc::new(Mutex::new(play)),
            calls: Arc::default(),
            over: Arc::default(),
        };
        let of_thread = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            // With the runtime go the connections.
            runtime.block_on(listen(listener, of_thread));
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::SeqCst)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes it.
        let _ = Stream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn listen(listener: Listener, shared: Shared) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        tokio::spawn(serve(stream, shared.clone()));
    }
}

async fn serve(mut stream: TcpStream, shared: Shared) {
    let play = shared.play.lock().unwrap().clone();
    match play {
        Play::Http1 => {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(answer).await;
            return;
        }
        Play::Mute => std::future::pending().await,
        _ => {}
    }
    let Ok(mut connection) = server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        shared.calls.fetch_add(1, Ordering::SeqCst);
        let play = shared.play.lock().unwrap().clone();
        if matches!(play, Play::HangUp) {
            return;
        }
        tokio::spawn(answer(request, respond, play));
    }
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, play: Play) {
    let (head, mut body) = request.into_parts();
    let mut asked = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        asked.extend_from_slice(&chunk);
    }
    let metric = metric_of(&asked);
    if head.uri.path() != METHOD || head.headers["te"] != "trailers" {
        return fail(&mut respond, "12", "unknown method");
    }
    let body = match play {
        Play::Silent => return std::future::pending().await,
        Play::Status(code, says) => return fail(&mut respond, code, says),
        Play::Http(status) => {
            let response = Response::builder().status(status).body(()).unwrap();
            drop(respond.send_response(response, true));
            return;
        }
        Play::Unknown(_, name) if metric.ends_with(name) => {
            return fail(&mut respond, "3", "Metric not found");
        }
        Play::Devices(devices, per_chip) => said(&metric, &devices, per_chip),
        Play::But(devices, other) => other(&metric).or_else(|| said(&metric, &devices, 1)),
        Play::Unknown(devices, _) => said(&metric, &devices, 1),
        Play::NoEnd(devices) => {
            let body = said(&metric, &devices, 1).unwrap_or_default();
            let mut send = respond.send_response(grpc(), false).unwrap();
            drop(send.send_data(body.into(), true));
            return;
        }
        Play::Body(body) => Some(body),
        Play::Mute | Play::Http1 | Play::HangUp => None,
    };
    let Some(body) = body else {
        return fail(&mut respond, "3", "Metric not found");
    };
    let Ok(mut send) = respond.send_response(grpc(), false) else {
        return;
    };
    let mut end = HeaderMap::new();
    end.insert("grpc-status", http::HeaderValue::from_static("0"));
    // The client may have had enough.
    let _ = send.send_data(body.into(), false);
    let _ = send.send_trailers(end);
}

fn grpc() -> Response<()> {
    let response = Response::builder().header("content-type", "application/grpc");
    response.body(()).unwrap()
}

fn fail(respond: &mut SendResponse<Bytes>, code: &str, says: &str) {
    let response = Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", code)
        .header("grpc-message", says);
    drop(respond.send_response(response.body(()).unwrap(), true));
}

/// The name in a request: a frame of gRPC around `MetricRequest { string metric_name = 1 }`, and whatever follows.
fn metric_of(frame: &[u8]) -> String {
    let message = frame.get(5..).unwrap_or_default();
    match message {
        [0x0a, length, rest @ ..] => {
            let name = rest.get(..usize::from(*length)).unwrap_or_default();
            String::from_utf8_lossy(name).into_owned()
        }
        _ => String::new(),
    }
}

/// The answer to a question; `None`: no such metric.
fn said(metric: &str, devices: &[Device], per_chip: usize) -> Option<Vec<u8>> {
    let real = |value: f64| field(1, 1, &value.to_le_bytes());
    let whole = |value: i64| field(2, 0, &varint(value.cast_unsigned()));
    let gauges: Vec<(i64, Vec<u8>)> = match metric {
        "tpu.runtime.tensorcore.dutycycle.percent" => {
            let chips = devices.chunks(per_chip).zip(0_i64..);
            let by_chip = |(chip, number): (&[Device], i64)| {
                let id = if per_chip > 1 { number } else { chip[0].id };
                (id, real(chip[0].duty))
            };
            chips.map(by_chip).collect()
        }
        "tpu.runtime.hbm.memory.usage.bytes" => {
            devices.iter().map(|one| (one.id, whole(one.used))).collect()
        }
        "tpu.runtime.hbm.memory.total.bytes" => {
            devices.iter().map(|one| (one.id, whole(one.total))).collect()
        }
        _ => return None,
    };
    Some(frame(&message(metric, &gauges)))
}

/// `MetricResponse`, its `TPUMetric` and one `Metric` a gauge, in the order of Google's definitions.
fn message(name: &str, gauges: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut metric = [text(1, name), text(2, "played")].concat();
    for (id, gauge) in gauges {
        let number = field(3, 0, &varint(id.cast_unsigned()));
        let attribute = [text(1, "device-id"), part(2, &number)].concat();
        let time = field(1, 0, &varint(1_700_000_000));
        let one = [part(1, &attribute), part(2, &time), part(3, gauge)].concat();
        metric.extend(part(3, &one));
    }
    part(1, &metric)
}

/// A message as gRPC sends it.
pub(super) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), message].concat()
}

fn part(number: u64, bytes: &[u8]) -> Vec<u8> {
    let length = varint(bytes.len() as u64);
    field(number, 2, &[&length, bytes].concat())
}

fn text(number: u64, text: &str) -> Vec<u8> {
    part(number, text.as_bytes())
}

fn field(number: u64, kind: u64, value: &[u8]) -> Vec<u8> {
    [&varint(number << 3 | kind), value].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
