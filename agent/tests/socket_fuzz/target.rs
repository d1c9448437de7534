//! A status server with both listeners and a freeze switch, and one request after another at it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use llmos_agent::freeze::Switch;
use llmos_agent::status::StatusServer;
use tokio::runtime::Runtime;

use crate::answer::{self, Answer};
use crate::case::{self, Case};
use crate::common::{board, switch_at};

/// A request that waits for more is ended after that long without an answer.
const PATIENCE: Duration = Duration::from_millis(100);
/// From there on the server has to close. It gives any client ten seconds in all.
const CLOSES: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);
/// Most characters of a cause.
const LONGEST_CAUSE: usize = 200;

/// What came of a case, as words to be counted; the error says which rule was broken.
pub type Outcome = Result<Vec<&'static str>, String>;

/// See the module.
pub struct Target {
    runtime: Runtime,
    server: StatusServer,
    switch: Arc<Switch>,
    socket: PathBuf,
    metrics: SocketAddr,
    _folder: tempfile::TempDir,
}

trait Client: Read + Write {
    fn end(&self);
    fn wait(&self, time: Duration);
}

impl Client for UnixStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
    fn wait(&self, time: Duration) {
        self.set_read_timeout(Some(time)).expect("a timeout");
    }
}

impl Client for TcpStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
    fn wait(&self, time: Duration) {
        self.set_read_timeout(Some(time)).expect("a timeout");
    }
}

impl Target {
    /// Starts one.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("agent.sock");
        let switch = switch_at(&socket);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = runtime
            .block_on(StatusServer::start(
                &socket,
                Some(any),
                board(3),
                Arc::clone(&switch),
            ))
            .expect("starts");
        let metrics = server.metrics_address().expect("an address");
        Self {
            runtime,
            server,
            switch,
            socket,
            metrics,
            _folder: folder,
        }
    }

    /// Stops it.
    pub fn stop(self) {
        self.runtime.block_on(self.server.stop());
    }

    /// Sends the case with this number and looks at what it did.
    pub fn attempt(&self, number: u64) -> Outcome {
        let case = case::make(number);
        let before = self.cause();
        let bytes = if case.over_tcp {
            send(
                TcpStream::connect(self.metrics).map_err(|error| error.to_string())?,
                &case,
            )
        } else {
            send(
                UnixStream::connect(&self.socket).map_err(|error| error.to_string())?,
                &case,
            )
        }?;
        let answer = answer::read(&bytes)?;
        let mut words = vec![match answer {
            Answer::Closed => "closed",
            Answer::Served => "answered",
            Answer::Refused => "refused",
        }];
        let after = self.cause();
        if let Some(cause) = &after {
            let sound = cause.chars().count() <= LONGEST_CAUSE
                && !cause.chars().any(char::is_control)
                && !cause.is_empty();
            if !sound {
                return Err(format!("a cause that is not one short line: {cause:?}"));
            }
        }
        if before != after {
            words.push(if after.is_some() {
                "frozen"
            } else {
                "unfrozen"
            });
            self.may_throw(&case, &answer, after.is_some())?;
        }
        // The server goes on, whatever it was told.
        if number.is_multiple_of(50) {
            self.still_serves()?;
        }
        Ok(words)
    }

    fn cause(&self) -> Option<String> {
        self.switch.frozen().map(|frozen| frozen.cause)
    }

    /// Only a request that asks for it throws the switch, and never one that was refused.
    fn may_throw(&self, case: &Case, answer: &Answer, frozen: bool) -> Result<(), String> {
        let method: &[u8] = if frozen { b"POST" } else { b"DELETE" };
        let has = |word: &[u8]| case.bytes.windows(word.len()).any(|window| window == word);
        if case.over_tcp || *answer == Answer::Refused || !has(method) {
            return Err(format!(
                "the switch was thrown by a request that was {answer:?}: {}",
                String::from_utf8_lossy(&case.bytes)
            ));
        }
        Ok(())
    }

    fn still_serves(&self) -> Result<(), String> {
        let case = Case {
            bytes: b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            over_tcp: false,
            pause_at: None,
        };
        let stream = UnixStream::connect(&self.socket).map_err(|error| error.to_string())?;
        match answer::read(&send(stream, &case)?)? {
            Answer::Served => Ok(()),
            other => Err(format!("a sound request is {other:?} afterwards")),
        }
    }
}

/// Sends and reads until the server closes.
fn send(mut stream: impl Client, case: &Case) -> Result<Vec<u8>, String> {
    let (first, second) = case.bytes.split_at(case.pause_at.unwrap_or(0));
    // It may close before it has read all.
    let _ = stream.write_all(first);
    if case.pause_at.is_some() {
        std::thread::sleep(PAUSE);
    }
    let _ = stream.write_all(second);
    let mut bytes = Vec::new();
    stream.wait(PATIENCE);
    if ended(&mut stream, &mut bytes) {
        return Ok(bytes);
    }
    stream.end();
    stream.wait(CLOSES);
    if ended(&mut stream, &mut bytes) {
        return Ok(bytes);
    }
    Err("the server neither answers nor closes".to_owned())
}

/// Reads what comes; true at the end, false when nothing came for the time that was set.
fn ended(stream: &mut impl Client, bytes: &mut Vec<u8>) -> bool {
    match stream.read_to_end(bytes) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}
