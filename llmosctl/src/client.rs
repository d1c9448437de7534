//! Asks the status socket. One request a connection, all of it within five seconds.

use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use llmos_proto::status::{
    API_VERSION, Decisions, FreezeReport, FreezeRequest, Status, WorkloadDetail, Workloads,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use crate::error::CtlError;

/// Address of the switch.
const FREEZE: &str = "/v1/freeze";
const PATIENCE: Duration = Duration::from_secs(5);
/// Far above the answer of a full node; keeps a foreign server from filling the memory.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// A client of one socket.
pub struct Client {
    socket: PathBuf,
    runtime: Runtime,
}

impl Client {
    /// Makes a client; connects to nothing yet.
    pub fn new(socket: &Path) -> Result<Self, CtlError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(CtlError::Start)?;
        Ok(Self {
            socket: socket.to_owned(),
            runtime,
        })
    }

    /// The runtime, for waiting beside the requests.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The node and the agent.
    pub fn status(&self) -> Result<Status, CtlError> {
        self.get("/v1/status")
    }

    /// All workloads.
    pub fn workloads(&self) -> Result<Workloads, CtlError> {
        self.get("/v1/workloads")
    }

    /// The last changes.
    pub fn decisions(&self) -> Result<Decisions, CtlError> {
        self.get("/v1/decisions")
    }

    /// One workload by its cgroup id.
    pub fn workload(&self, id: &str) -> Result<WorkloadDetail, CtlError> {
        self.get(&format!("/v1/workloads/{id}"))
    }

    /// Freezes all limits; the report as it came.
    pub fn freeze(&self, cause: Option<String>) -> Result<Value, CtlError> {
        let body = serde_json::to_vec(&FreezeRequest { cause }).map_err(std::io::Error::from)?;
        self.change(Method::POST, body)
    }

    /// Unfreezes them; the report as it came.
    pub fn unfreeze(&self) -> Result<Value, CtlError> {
        self.change(Method::DELETE, Vec::new())
    }

    /// The report that [`Client::freeze`] and [`Client::unfreeze`] give.
    pub fn read_freeze(&self, answer: Value) -> Result<FreezeReport, CtlError> {
        serde_json::from_value(answer)
            .map_err(|error| self.not_an_agent(format!("{FREEZE} has another form: {error}")))
    }

    fn change(&self, method: Method, body: Vec<u8>) -> Result<Value, CtlError> {
        let (code, body) = self.patiently(method, FREEZE, body.into())?;
        self.judge(FREEZE, code, &body)
    }

    /// An answer as it came, for `--json`: fields that this release does not know stay in it.
    pub fn raw(&self, path: &str) -> Result<Value, CtlError> {
        let (code, body) = self.ask_patiently(path)?;
        self.judge(path, code, &body)
    }

    /// The bytes of an answer, for who asks each tick and reads them in its own way.
    pub fn body(&self, path: &str) -> Result<Bytes, CtlError> {
        let (code, body) = self.ask_patiently(path)?;
        if code != StatusCode::OK {
            self.judge(path, code, &body)?;
        }
        Ok(body)
    }

    /// What is wrong with the body of an answer that could not be read because of `cause`.
    pub fn unreadable(&self, path: &str, body: &[u8], cause: &dyn std::error::Error) -> CtlError {
        match self.judge(path, StatusCode::OK, body) {
            Ok(_) => self.not_an_agent(format!("{path} has another form: {cause}")),
            Err(error) => error,
        }
    }

    fn ask_patiently(&self, path: &str) -> Result<(StatusCode, Bytes), CtlError> {
        self.patiently(Method::GET, path, Bytes::new())
    }

    fn patiently(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), CtlError> {
        self.runtime.block_on(async {
            match tokio::time::timeout(PATIENCE, self.ask(method, path, body)).await {
                Ok(answer) => answer,
                Err(_) => {
                    Err(self.unreachable(format!("no answer within {} s", PATIENCE.as_secs())))
                }
            }
        })
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CtlError> {
        serde_json::from_value(self.raw(path)?)
            .map_err(|error| self.not_an_agent(format!("{path} has another form: {error}")))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), CtlError> {
        let stream = self.connect().await?;
        let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.not_an_agent(error.to_string()))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .body(Full::new(body))
            .map_err(|error| CtlError::Refused {
                path: path.to_owned(),
                cause: error.to_string(),
            })?;
        let talk = async {
            let answer = send.send_request(request).await?;
            let code = answer.status();
            let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await;
            Ok::<_, hyper::Error>((code, body))
        };
        // The connection must be driven while the answer comes.
        let mut connection = std::pin::pin!(connection);
        let mut talk = std::pin::pin!(talk);
        let answer = tokio::select! {
            answer = &mut talk => answer,
            ended = &mut connection => match ended {
                Ok(()) => talk.await,
                Err(error) => Err(error),
            },
        };
        let (code, body) = answer
            .map_err(|error| self.not_an_agent(format!("it does not speak HTTP ({error})")))?;
        let body =
            body.map_err(|error| self.unreachable(format!("the answer broke off: {error}")))?;
        Ok((code, body.to_bytes()))
    }

    async fn connect(&self) -> Result<UnixStream, CtlError> {
        match std::fs::metadata(&self.socket) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(self.not_an_agent("it is not a socket".to_owned()));
            }
            // The attempt to connect says better what is wrong.
            _ => {}
        }
        UnixStream::connect(&self.socket)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::PermissionDenied => CtlError::Forbidden {
                    socket: self.socket.clone(),
                },
                ErrorKind::NotFound => self.unreachable("no such socket".to_owned()),
                ErrorKind::ConnectionRefused => self.unreachable("nobody listens on it".to_owned()),
                _ => self.unreachable(error.to_string()),
            })
    }

    fn judge(&self, path: &str, code: StatusCode, body: &[u8]) -> Result<Value, CtlError> {
        let answer: Value = serde_json::from_slice(body)
            .map_err(|_| self.not_an_agent(format!("its answer to {path} is not JSON")))?;
        match answer.get("api_version").and_then(Value::as_str) {
            Some(API_VERSION) => {}
            Some(theirs) => {
                return Err(CtlError::Version {
                    socket: self.socket.clone(),
                    theirs: crate::units::plain(theirs),
                });
            }
            None => return Err(self.not_an_agent("its answer has no api_version".to_owned())),
        }
        if code == StatusCode::OK {
            return Ok(answer);
        }
        let cause = answer.get("error").and_then(Value::as_str);
        Err(CtlError::Refused {
            path: path.to_owned(),
            cause: crate::units::plain(cause.unwrap_or(code.as_str())),
        })
    }

    fn unreachable(&self, cause: String) -> CtlError {
        CtlError::Unreachable {
            socket: self.socket.clone(),
            cause,
        }
    }

    fn not_an_agent(&self, cause: String) -> CtlError {
        CtlError::NotAnAgent {
            socket: self.socket.clone(),
            cause,
        }
    }
}
