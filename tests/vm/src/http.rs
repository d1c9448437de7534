//! GET, as much HTTP as the status socket and the coordinator need.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);

/// Fetches `path` from a unix socket and parses the answer's body.
///
/// # Errors
/// When nobody listens, the answer is not 200, or its body is no JSON.
pub fn get(socket: &Path, path: &str) -> Result<Value> {
    let stream = UnixStream::connect(socket).with_context(|| format!("{}", socket.display()))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    ask(stream, path)
}

/// Fetches `path` from a TCP address and parses the answer's body.
///
/// # Errors
/// When nobody listens, the answer is not 200, or its body is no JSON.
pub fn get_tcp(address: &str, path: &str) -> Result<Value> {
    let stream = TcpStream::connect(address).with_context(|| address.to_owned())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    ask(stream, path)
}

fn ask(mut stream: impl Read + Write, path: &str) -> Result<Value> {
    // HTTP/1.0 forbids chunks, so the body is what comes after the empty line.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    body(&answer).with_context(|| format!("GET {path}"))
}

fn body(answer: &str) -> Result<Value> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the answer has no end of its head")?;
    let first = head.lines().next().unwrap_or_default();
    if first.split(' ').nth(1) != Some("200") {
        bail!("{first}: {body}");
    }
    serde_json::from_str(body).context("the body is no JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_200_with_json_is_an_answer() {
        assert_eq!(
            body("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"a\":1}").unwrap()["a"],
            1
        );
        assert!(body("HTTP/1.0 404 Not Found\r\n\r\n{}").is_err());
        assert!(body("HTTP/1.0 200 OK\r\n\r\nhello").is_err());
        assert!(body("HTTP/1.0 200 OK").is_err());
    }
}
