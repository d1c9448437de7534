//! What a recording says about itself: key and text, in the metadata of the Arrow schema.

use arrow_schema::Metadata;
use llmos_proto::status::Status;

const FORMAT: &str = "llmos-recording";
/// A change that breaks readers gets a new one; a new column does not.
const VERSION: u32 = 1;

/// The node and the agent that a recording is of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Info {
    /// Name of the node.
    pub node: String,
    /// Release of its kernel.
    pub kernel: String,
    /// Version of the agent.
    pub agent_version: String,
    /// Length of a tick in milliseconds.
    pub tick_ms: u64,
    /// CPUs of the node.
    pub node_cpu_cores: f64,
    /// Memory of the node in bytes.
    pub node_memory_bytes: u64,
    /// Wall clock when the recording began, milliseconds since 1970.
    pub start_unix_ms: u64,
}

impl Info {
    /// Of the agent that gave this answer; the recording begins now.
    pub fn of(status: &Status) -> Self {
        Self {
            node: status.node.clone(),
            kernel: status.kernel.clone(),
            agent_version: status.agent_version.clone(),
            tick_ms: status.tick_ms,
            node_cpu_cores: status.node_cpu_cores,
            node_memory_bytes: status.node_memory_bytes,
            start_unix_ms: status.now_unix_ms,
        }
    }

    pub(crate) fn metadata(&self) -> Metadata {
        [
            ("format", FORMAT.to_owned()),
            ("format_version", VERSION.to_string()),
            ("node", self.node.clone()),
            ("kernel", self.kernel.clone()),
            ("agent_version", self.agent_version.clone()),
            ("tick_ms", self.tick_ms.to_string()),
            ("node_cpu_cores", self.node_cpu_cores.to_string()),
            ("node_memory_bytes", self.node_memory_bytes.to_string()),
            ("start_unix_ms", self.start_unix_ms.to_string()),
        ]
        .into_iter()
        .map(|(key, text)| (key.to_owned(), text))
        .collect()
    }

    /// The error says why this is no recording, without naming the file.
    pub(crate) fn read(metadata: &Metadata) -> Result<Self, String> {
        if metadata.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(format!(
                "an Arrow stream without \"format: {FORMAT}\" in its metadata"
            ));
        }
        let version: u32 = number(metadata, "format_version")?;
        if version != VERSION {
            return Err(format!(
                "a recording in version {version} of the format, expected version {VERSION}"
            ));
        }
        Ok(Self {
            node: text(metadata, "node")?.to_owned(),
            kernel: text(metadata, "kernel")?.to_owned(),
            agent_version: text(metadata, "agent_version")?.to_owned(),
            tick_ms: number(metadata, "tick_ms")?,
            node_cpu_cores: number(metadata, "node_cpu_cores")?,
            node_memory_bytes: number(metadata, "node_memory_bytes")?,
            start_unix_ms: number(metadata, "start_unix_ms")?,
        })
    }
}

fn text<'a>(metadata: &'a Metadata, key: &str) -> Result<&'a str, String> {
    let text = metadata.get(key).map(String::as_str);
    text.ok_or_else(|| format!("a recording without \"{key}\" in its metadata"))
}

fn number<T: std::str::FromStr>(metadata: &Metadata, key: &str) -> Result<T, String> {
    let text = text(metadata, key)?;
    text.parse()
        .map_err(|_| format!("a recording with {key} {text:?}, expected a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let info = Info {
            node: "node-ü".into(),
            node_cpu_cores: 0.1 + 0.2,
            node_memory_bytes: u64::MAX,
            tick_ms: 500,
            ..Info::default()
        };
        assert_eq!(Info::read(&info.metadata()).unwrap(), info);
    }

    #[test]
    fn what_is_no_recording_is_said() {
        let with = |key: &str, text: &str| {
            let mut metadata = Info::default().metadata();
            metadata.insert(key, text);
            Info::read(&metadata).unwrap_err()
        };
        assert!(with("format", "trace").contains("without \"format: llmos-recording\""));
        assert!(with("format_version", "2").contains("in version 2"));
        assert!(with("tick_ms", "soon").contains("tick_ms \"soon\", expected a number"));
        assert!(Info::read(&Metadata::new()).is_err());
    }
}
