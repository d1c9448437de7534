//! One broken request, made from its number alone.

use fastrand::Rng;

use crate::common::{CRON, WEB};

/// What is sent, and to which of the two listeners.
pub struct Case {
    pub bytes: Vec<u8>,
    pub over_tcp: bool,
    /// Sent in two parts with a pause between, at this byte.
    pub pause_at: Option<usize>,
}

/// Bytes that mean something to a parser of HTTP, of addresses or of JSON.
const WORDS: [&[u8]; 30] = [
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\0",
    b": ",
    b" HTTP/1.1",
    b" HTTP/1.0",
    b" HTTP/2.0",
    b"GET ",
    b"POST ",
    b"DELETE ",
    b"HEAD ",
    b"Content-Length: 18446744073709551616\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 7\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n",
    b"ffffffffffffffff\r\n",
    b"0\r\n\r\n",
    b"/v1/freeze",
    b"/v1/workloads/",
    b"%00",
    b"%ff%fe",
    b"../../",
    b"{\"cause\":",
    b"\\ud800",
    b"\xff\xfe\xfd",
    b"[[[[[[[[[[[[[[[[",
];

/// The case with this number.
pub fn make(number: u64) -> Case {
    let mut rng = Rng::with_seed(number);
    let mut bytes = match rng.u8(..10) {
        0 => noise(&mut rng),
        1..4 => freeze(&mut rng),
        _ => request(&mut rng),
    };
    // Some go through as they are, so that the answers are held to the rules as well.
    if rng.u8(..3) > 0 {
        for _ in 0..1 + rng.usize(..3) {
            mutate(&mut rng, &mut bytes);
        }
    }
    let pause_at = (rng.u8(..50) == 0 && !bytes.is_empty()).then(|| rng.usize(..bytes.len()));
    Case {
        over_tcp: rng.u8(..5) == 0,
        pause_at,
        bytes,
    }
}

fn noise(rng: &mut Rng) -> Vec<u8> {
    (0..rng.usize(..400)).map(|_| rng.u8(..)).collect()
}

/// A sound request to any address.
fn request(rng: &mut Rng) -> Vec<u8> {
    let paths = [
        "/",
        "/v1/schema",
        "/v1/status",
        "/v1/health",
        "/v1/workloads",
        "/v1/workloads/1",
        "/v1/workloads/18446744073709551615",
        "/v1/decisions",
        "/v1/decisions?limit=-1",
        "/v1/freeze",
        "/metrics",
        "/v2/status",
        "*",
        "http://localhost/v1/status",
    ];
    let path = match rng.usize(..paths.len() + 3) {
        0 => format!("/v1/workloads/{WEB}"),
        1 => format!("/v1/workloads/{CRON}"),
        2 => format!("/v1/workloads/{}", "%2e%2e%2f".repeat(rng.usize(..200))),
        at => paths[at - 3].to_owned(),
    };
    let methods = [
        "GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get",
    ];
    let method = methods[rng.usize(..methods.len())];
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
    for at in 0..rng.usize(..4) {
        let long = if rng.u8(..30) == 0 { 20_000 } else { 20 };
        text += &format!("X-{at}: {}\r\n", "a".repeat(rng.usize(..long)));
    }
    (text + "\r\n").into_bytes()
}

/// Freezing and unfreezing with bodies of all kinds, framed rightly or not.
fn freeze(rng: &mut Rng) -> Vec<u8> {
    if rng.u8(..3) == 0 {
        return b"DELETE /v1/freeze HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    }
    let body = body(rng);
    let mut request = b"POST /v1/freeze HTTP/1.1\r\nHost: localhost\r\n".to_vec();
    match rng.u8(..4) {
        0 => {
            request.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for part in body.chunks(1 + rng.usize(..64)) {
                request.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                request.extend_from_slice(part);
                request.extend_from_slice(b"\r\n");
            }
            request.extend_from_slice(b"0\r\n\r\n");
        }
        kind => {
            // One of them promises more or less than it sends.
            let length = if kind == 1 {
                rng.usize(..2 * body.len() + 2)
            } else {
                body.len()
            };
            request.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
            request.extend_from_slice(&body);
        }
    }
    request
}

fn body(rng: &mut Rng) -> Vec<u8> {
    let letters = |rng: &mut Rng, most: usize| -> String {
        (0..rng.usize(..most)).map(|_| rng.char(..)).collect()
    };
    match rng.u8(..8) {
        0 => Vec::new(),
        1 => noise(rng),
        2 => "[".repeat(rng.usize(..5000)).into_bytes(),
        3 => format!("{{\"cause\": {}}}", "{\"a\":".repeat(rng.usize(..600))).into_bytes(),
        4 => format!("{{\"cause\": {}}}", rng.f64()).into_bytes(),
        5 => b"{\"cause\": null}".to_vec(),
        6 => b"{\"cause\": \"upgrade\", \"cause\": \"twice\", \"other\": 1}".to_vec(),
        _ => {
            let most = if rng.bool() { 150 } else { 2000 };
            let cause = letters(rng, most);
            serde_json::json!({ "cause": cause })
                .to_string()
                .into_bytes()
        }
    }
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let at = rng.usize(..=bytes.len());
    let end = at + rng.usize(..=(bytes.len() - at).min(40));
    match rng.u8(..8) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let again = bytes[at..end].repeat(1 + rng.usize(..30));
            bytes.splice(at..at, again);
        }
        3 => {
            for byte in &mut bytes[at..end] {
                *byte = rng.u8(..);
            }
        }
        4 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.u8(..8);
            }
        }
        5 => {
            if let Some(byte) = bytes[at..end].iter_mut().find(|byte| byte.is_ascii_digit()) {
                *byte = b'0' + rng.u8(..10);
            }
        }
        _ => {
            let word = WORDS[rng.usize(..WORDS.len())];
            bytes.splice(at..at, word.iter().copied());
        }
    }
}
