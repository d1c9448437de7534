//! PID 1 over D-Bus. Each call waits a bounded time, whatever the bus or systemd do.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use async_io::{Timer, block_on};
use futures_lite::future::or;
use zbus::names::ErrorName;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, connection};

use crate::dropin;
use crate::error::BusError;
use crate::host::Host;
use crate::property::{Properties, Property};
use crate::unit::UnitName;

/// How long a call may take; under load systemd needs some tenths of a second.
const PATIENCE: Duration = Duration::from_secs(5);
const DESTINATION: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const GET: (&str, &str) = ("org.freedesktop.DBus.Properties", "Get");
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// What systemd says of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Path of its cgroup below the root, without a leading slash; empty if it has none now.
    pub cgroup: String,
    /// All that LLMOS may ever set, as it is.
    pub values: Properties,
    /// The properties that have a drop-in of the runtime.
    pub drop_ins: Vec<Property>,
}

/// A connection to the system manager.
#[derive(Debug)]
pub struct Manager {
    connection: Connection,
    host: Host,
    patience: Duration,
}

impl Manager {
    /// Connects.
    ///
    /// # Errors
    /// [`BusError::Unreachable`], [`BusError::TimedOut`].
    pub fn connect(host: &Host) -> Result<Self, BusError> {
        Self::connect_within(host, PATIENCE)
    }

    /// The same with another bound for this and each later call.
    ///
    /// # Errors
    /// As [`Manager::connect`].
    pub fn connect_within(host: &Host, patience: Duration) -> Result<Self, BusError> {
        let builder = match &host.bus() {
            Some(address) => connection::Builder::address(address.as_str()),
            None => connection::Builder::system(),
        };
        let building = async { builder?.build().await };
        let connection = within(patience, "connecting to the system bus", building)?
            .map_err(|error| BusError::Unreachable(error.to_string()))?;
        Ok(Self {
            connection,
            host: host.clone(),
            patience,
        })
    }

    /// What systemd says of a unit that it has loaded.
    ///
    /// # Errors
    /// [`BusError::NoSuchUnit`] is normal; see [`BusError`] for the rest.
    pub fn facts(&self, unit: &UnitName) -> Result<Facts, BusError> {
        let path = self.object(unit, "GetUnit")?;
        let interface = unit.kind().interface();
        let cgroup = self.get(&path, interface, "ControlGroup")?;
        Ok(Facts {
            cgroup: text(cgroup, "ControlGroup")?
                .trim_start_matches('/')
                .to_owned(),
            values: self.values_at(&path, unit, &Property::ALL)?,
            drop_ins: dropin::present(&self.host, unit),
        })
    }

    /// Some properties of a unit, which is loaded for that if it is there at all.
    ///
    /// # Errors
    /// As [`Manager::facts`].
    pub fn values(&self, unit: &UnitName, of: &[Property]) -> Result<Properties, BusError> {
        let path = self.object(unit, "LoadUnit")?;
        let state = self.get(&path, UNIT, "LoadState")?;
        if text(state, "LoadState")? == "not-found" {
            return Err(BusError::NoSuchUnit(unit.to_string()));
        }
        self.values_at(&path, unit, of)
    }

    /// Sets properties until the next boot, all in one call: systemd writes every file of the
    /// unit's cgroup from what it holds at each call.
    ///
    /// # Errors
    /// As [`Manager::facts`]. After [`BusError::TimedOut`] they may be set or not.
    pub fn set(&self, unit: &UnitName, properties: &Properties) -> Result<(), BusError> {
        let values: Vec<(&str, Value<'_>)> = properties
            .iter()
            .map(|(property, value)| (property.name(), Value::U64(value)))
            .collect();
        let runtime = true;
        let body = (unit.as_str(), runtime, values);
        self.call(PATH, MANAGER, "SetUnitProperties", unit, &body)
            .map(drop)
    }

    fn object(&self, unit: &UnitName, method: &str) -> Result<OwnedObjectPath, BusError> {
        let reply = self.call(PATH, MANAGER, method, unit, &(unit.as_str(),))?;
        reply
            .body()
            .deserialize()
            .map_err(|_| answer(method, "an object path"))
    }

    fn values_at(
        &self,
        path: &OwnedObjectPath,
        unit: &UnitName,
        of: &[Property],
    ) -> Result<Properties, BusError> {
        let interface = unit.kind().interface();
        of.iter()
            .map(|property| {
                let value = self.get(path, interface, property.name())?;
                let value = u64::try_from(value)
                    .map_err(|_| answer(property.name(), "an unsigned 64-bit number"))?;
                Ok((*property, value))
            })
            .collect()
    }

    fn get(
        &self,
        path: &OwnedObjectPath,
        interface: &str,
        name: &str,
    ) -> Result<OwnedValue, BusError> {
        let (properties, get) = GET;
        let reply = self.call(path.as_str(), properties, get, &name, &(interface, name))?;
        reply
            .body()
            .deserialize()
            .map_err(|_| answer(name, "a value"))
    }

    fn call<B>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        about: &dyn Display,
        body: &B,
    ) -> Result<zbus::Message, BusError>
    where
        B: zbus::export::serde::Serialize + zbus::zvariant::DynamicType,
    {
        let what = format!("{method} of {about}");
        let calling =
            self.connection
                .call_method(Some(DESTINATION), path, Some(interface), method, body);
        within(self.patience, &what, calling)?.map_err(|error| refused(what, about, error))
    }
}

fn within<T>(
    patience: Duration,
    what: &str,
    doing: impl Future<Output = T>,
) -> Result<T, BusError> {
    let done = async { Some(doing.await) };
    let late = async {
        Timer::after(patience).await;
        None
    };
    block_on(or(done, late)).ok_or_else(|| BusError::TimedOut(what.to_owned(), patience.as_secs()))
}

fn refused(what: String, about: &dyn Display, error: zbus::Error) -> BusError {
    match error {
        zbus::Error::MethodError(name, text, _) => {
            if name == NO_SUCH_UNIT {
                return BusError::NoSuchUnit(about.to_string());
            }
            let name = ErrorName::from(name);
            let why = match text {
                Some(text) => format!("{text} ({name})"),
                None => name.to_string(),
            };
            BusError::Refused { what, why }
        }
        error => BusError::Unreachable(error.to_string()),
    }
}

fn answer(what: &str, expected: &'static str) -> BusError {
    BusError::Answer {
        what: what.to_owned(),
        expected,
    }
}

fn text(value: OwnedValue, what: &str) -> Result<String, BusError> {
    String::try_from(value).map_err(|_| answer(what, "a text"))
}
