//! How a probe is, in words that people see on the socket and in the log.

use llmos_proto::status::Component;
pub use llmos_proto::status::Health;

/// State of one probe, decided once when it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeHealth {
    /// E.g. `probe.cpu`.
    pub name: &'static str,
    /// How it is.
    pub state: Health,
    /// What it does, or why it cannot.
    pub cause: String,
}

impl ProbeHealth {
    /// A probe that works.
    pub fn healthy(name: &'static str, what: impl Into<String>) -> Self {
        Self {
            name,
            state: Health::Healthy,
            cause: what.into(),
        }
    }

    /// A probe whose metric comes from elsewhere, or in part.
    pub fn degraded(name: &'static str, cause: impl Into<String>) -> Self {
        Self {
            name,
            state: Health::Degraded,
            cause: cause.into(),
        }
    }

    /// A probe that this machine cannot run.
    pub fn unsupported(name: &'static str, cause: impl Into<String>) -> Self {
        Self {
            name,
            state: Health::Unsupported,
            cause: cause.into(),
        }
    }

    /// A probe that the configuration switched off.
    pub fn off(name: &'static str) -> Self {
        Self {
            name,
            state: Health::Off,
            cause: "switched off by configuration".to_owned(),
        }
    }

    /// As the socket shows it.
    #[must_use]
    pub fn component(&self) -> Component {
        Component {
            name: self.name.to_owned(),
            state: self.state,
            cause: self.cause.clone(),
        }
    }
}
