//! The calls of `org.freedesktop.systemd1.Manager`.

use std::sync::{Arc, Mutex};

use zbus::zvariant::{OwnedObjectPath, OwnedValue};
use zbus::{DBusError, interface};

use crate::state::{Call, State, object};

pub const PATH: &str = "/org/freedesktop/systemd1";

#[derive(Debug, DBusError)]
#[zbus(prefix = "org.freedesktop.systemd1")]
pub enum Error {
    #[zbus(error)]
    ZBus(zbus::Error),
    NoSuchUnit(String),
}

pub struct Manager(Arc<Mutex<State>>);

impl Manager {
    pub fn new(state: &Arc<Mutex<State>>) -> Self {
        Self(Arc::clone(state))
    }

    fn find(&self, name: &str) -> Result<OwnedObjectPath, Error> {
        if !self.0.lock().unwrap().units.contains_key(name) {
            return Err(Error::NoSuchUnit(format!("Unit {name} not loaded.")));
        }
        let path = OwnedObjectPath::try_from(object(name));
        path.map_err(|error| Error::ZBus(error.into()))
    }
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn get_unit(&self, name: &str) -> Result<OwnedObjectPath, Error> {
        self.find(name)
    }

    fn load_unit(&self, name: &str) -> Result<OwnedObjectPath, Error> {
        self.find(name)
    }

    fn set_unit_properties(
        &self,
        name: &str,
        runtime: bool,
        properties: Vec<(String, OwnedValue)>,
    ) -> Result<(), Error> {
        self.find(name)?;
        let number = |value: OwnedValue| u64::try_from(value).map_err(|e| Error::ZBus(e.into()));
        let properties: Result<Vec<_>, Error> = properties
            .into_iter()
            .map(|(name, value)| Ok((name, number(value)?)))
            .collect();
        let mut state = self.0.lock().unwrap();
        state.take(Call {
            unit: name.to_owned(),
            runtime,
            properties: properties?,
        });
        if state.lost > 0 {
            state.lost -= 1;
            let lost = zbus::Error::Failure("the answer was lost".to_owned());
            return Err(Error::ZBus(lost));
        }
        Ok(())
    }
}
