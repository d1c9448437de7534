//! What came back, held to the rules that every answer keeps.

use llmos_proto::status::{API_VERSION, ErrorBody};

/// Longest line that says what was wrong with a request, in bytes; it may quote a part of it.
const LONGEST_LINE: usize = 16 * 1024 + 200;

/// An answer, as far as it says what was done.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The connection was closed without one.
    Closed,
    /// The request was served.
    Served,
    /// It was refused.
    Refused,
}

/// Reads the bytes that a server sent until it closed; an error says which rule they break.
pub fn read(bytes: &[u8]) -> Result<Answer, String> {
    let bytes = bytes
        .strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        .unwrap_or(bytes);
    if bytes.is_empty() {
        return Ok(Answer::Closed);
    }
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or("an answer whose headers do not end")?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "headers that are no text")?;
    let body = &bytes[end + 4..];
    let code: u16 = head
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| head.strip_prefix("HTTP/1.0 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| format!("no status line: {head}"))?;
    match code {
        200 => Ok(Answer::Served),
        400..500 => refusal(head, body).map(|()| Answer::Refused),
        _ => Err(format!("status {code}: {}", String::from_utf8_lossy(body))),
    }
}

/// A refusal of ours has one line of JSON; the HTTP library's own has no body.
fn refusal(head: &str, body: &[u8]) -> Result<(), String> {
    if body.is_empty() {
        return Ok(());
    }
    if !head.to_ascii_lowercase().contains("application/json") {
        return Err(format!("a refusal that is no JSON: {head}"));
    }
    let said: ErrorBody = serde_json::from_slice(body)
        .map_err(|error| format!("a refusal not as agreed: {error}"))?;
    let line = &said.error;
    if said.api_version != API_VERSION || line.is_empty() || line.len() > LONGEST_LINE {
        return Err(format!("a refusal without a clear line: {said:?}"));
    }
    if line.chars().any(char::is_control) {
        return Err(format!("a refusal of more than one line: {line:?}"));
    }
    Ok(())
}
