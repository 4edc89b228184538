//! Requests to a server in plain HTTP, each with a deadline, and answers that are not believed to be short.

use std::io::Read;

use minreq::{Error, Method, Request, ResponseLazy};
use serde_json::Value;

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 4 << 20;

/// The longest message of a server that is shown, in characters.
const SHOWN: usize = 300;

/// A server that takes JSON.
pub(super) struct Server<'a> {
    /// Its address, without a `/` at its end.
    pub(super) base: &'a str,
    /// How long one answer is waited for, in seconds.
    pub(super) wait_s: u64,
}

/// Why a request has not been answered as it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// Nobody is there, or the line broke.
    #[error("{base} cannot be reached: {why}")]
    Unreachable { base: String, why: String },
    /// It was silent for too long.
    #[error("{base} has not answered {what} within {wait_s} s")]
    Late { base: String, what: String, wait_s: u64 },
    /// It said no.
    #[error("{base} answers {what} with {status}: {message}")]
    Refused { base: String, what: String, status: u16, message: String },
    /// What it said is not what such a server says.
    #[error("{base} answers {what} with something other than JSON: is it an MLflow server?")]
    Foreign { base: String, what: String },
}

impl HttpError {
    /// Whether the server says that there is no such thing.
    pub(super) const fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

impl Server<'_> {
    /// Asks for something; the name and the value of a parameter.
    pub(super) fn get(&self, path: &str, name: &str, value: &str) -> Result<Value, HttpError> {
        let url = format!("{}{path}?{name}={}", self.base, encoded(value));
        self.json(path, Request::new(Method::Get, url))
    }

    /// Sends a document.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, HttpError> {
        let request = Request::new(Method::Post, format!("{}{path}", self.base));
        let request = request.with_header("Content-Type", "application/json");
        self.json(path, request.with_body(body.to_string()))
    }

    /// Puts a file there.
    pub(super) fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), HttpError> {
        let request = Request::new(Method::Put, format!("{}{path}", self.base));
        let request = request.with_header("Content-Type", "application/octet-stream");
        self.answer(path, request.with_body(bytes)).map(drop)
    }

    fn json(&self, what: &str, request: Request) -> Result<Value, HttpError> {
        let body = self.answer(what, request)?;
        serde_json::from_slice(&body).map_err(|_| self.foreign(what))
    }

    fn foreign(&self, what: &str) -> HttpError {
        HttpError::Foreign { base: self.base.to_owned(), what: what.to_owned() }
    }

    fn answer(&self, what: &str, request: Request) -> Result<Vec<u8>, HttpError> {
        let request = request.with_timeout(self.wait_s).with_follow_redirects(false);
        let answer = request.send_lazy().map_err(|error| self.failed(what, &error))?;
        let status = answer.status_code;
        let body = read(answer).map_err(|error| self.failed(what, &Error::IoError(error)))?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let message = serde_json::from_slice(&body).ok();
        let message = message.and_then(|body: Value| Some(body["message"].as_str()?.to_owned()));
        let message = message.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let message = if message.is_empty() { "no message" } else { &message };
        Err(HttpError::Refused {
            base: self.base.to_owned(),
            what: what.to_owned(),
            status,
            message: message.chars().take(SHOWN).collect(),
        })
    }

    fn failed(&self, what: &str, error: &Error) -> HttpError {
        let base = self.base.to_owned();
        match error {
            Error::IoError(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                HttpError::Late { base, what: what.to_owned(), wait_s: self.wait_s }
            }
            Error::IoError(error) => HttpError::Unreachable { base, why: error.to_string() },
            Error::AddressNotFound => {
                HttpError::Unreachable { base, why: "there is no such host".to_owned() }
            }
            _ => self.foreign(what),
        }
    }
}

fn read(answer: ResponseLazy) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    answer.take(LONGEST).read_to_end(&mut body)?;
    Ok(body)
}

/// A value of a parameter, or a part of a path.
pub(super) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let shown =
        |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    /// What is said of a server that answers so; nothing: it hangs up.
    fn said(answer: Option<&'static str>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            if let Some(answer) = answer {
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let server = Server { base: &base, wait_s: 60 };
        let found = server.post("/x", &Value::Null);
        found.map_or_else(|error| error.to_string(), |value| value.to_string())
    }

    #[test]
    fn what_a_server_says_instead_of_json_is_told() {
        for (answer, says) in [
            (Some("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}"), "{\"a\":1}"),
            (
                Some("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"),
                "something other than JSON",
            ),
            (
                Some("HTTP/1.1 400 Bad\r\nContent-Length: 20\r\n\r\n{\"message\":\"a\\nb c\"}"),
                "with 400: a b c",
            ),
            (Some("HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nnone"), "with 403: none"),
            (Some("HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n"), "with 302"),
            (Some("SSH-2.0-OpenSSH\r\n"), "with 503: no message"),
        ] {
            let found = said(answer);
            assert!(found.contains(says), "{answer:?}: {found}");
        }
        assert!(!said(None).is_empty());
    }

    #[test]
    fn a_server_that_is_down_or_silent_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = Server { base: &base, wait_s: 1 };
        let late = server.get("/x", "name", "a b/ü").unwrap_err().to_string();
        assert!(late.contains("has not answered /x within 1 s"), "{late}");
        drop(listener);
        let down = server.get("/x", "name", "a").unwrap_err().to_string();
        assert!(down.contains("cannot be reached"), "{down}");
        assert_eq!(encoded("a b/ü"), "a%20b%2F%C3%BC");
    }
}
