//! GET, as much HTTP as the status socket and the coordinator need.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);
/// For programs that are not ours and may have a lot to say on a slow machine.
const LONG: Duration = Duration::from_secs(120);

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

/// Fetches `path` from a TCP address, whatever the body is.
///
/// # Errors
/// When nobody listens or the answer is not 200.
pub fn fetch(address: &str, path: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).with_context(|| address.to_owned())?;
    stream.set_read_timeout(Some(LONG))?;
    stream.write_all(question(path).as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("the answer has no end of its head")?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer);
    let first = head.lines().next().unwrap_or_default();
    if first.split(' ').nth(1) != Some("200") {
        bail!("GET {path}: {first}");
    }
    Ok(body)
}

fn ask(mut stream: impl Read + Write, path: &str) -> Result<Value> {
    stream.write_all(question(path).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    body(&answer).with_context(|| format!("GET {path}"))
}

/// Sent in one piece. HTTP/1.0 forbids chunks, so the body is what comes after the empty line.
fn question(path: &str) -> String {
    format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")
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
    fn any_body_is_fetched() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap().to_string();
        let answers = std::thread::spawn(move || {
            for answer in [
                &b"HTTP/1.1 200 OK\r\n\r\n\x93\0\r\n\r\n"[..],
                b"HTTP/1.1 500 No\r\n\r\n",
            ] {
                let (mut stream, _) = server.accept().unwrap();
                let mut question = [0; 256];
                assert!(stream.read(&mut question).unwrap() > 0);
                stream.write_all(answer).unwrap();
            }
        });
        assert_eq!(fetch(&address, "/m").unwrap(), b"\x93\0\r\n\r\n");
        assert!(format!("{:#}", fetch(&address, "/m").unwrap_err()).contains("500"));
        answers.join().unwrap();
    }

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
