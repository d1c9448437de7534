//! The object of a unit: its properties as systemd shows them.

use std::sync::{Arc, Mutex};

use zbus::blocking::Connection;
use zbus::interface;

use crate::state::State;

/// A unit, seen through one of its interfaces.
struct Seen {
    unit: String,
    state: Arc<Mutex<State>>,
}

impl Seen {
    fn value(&self, property: &str) -> u64 {
        let state = self.state.lock().unwrap();
        state
            .units
            .get(&self.unit)
            .map_or(0, |unit| unit.values[property])
    }
}

struct Unit(Seen);

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    fn load_state(&self) -> String {
        let known = self
            .0
            .state
            .lock()
            .unwrap()
            .units
            .contains_key(&self.0.unit);
        if known { "loaded" } else { "not-found" }.to_owned()
    }
}

/// An interface with limits; services, scopes and slices have the same ones.
macro_rules! limited {
    ($kind:ident, $name:literal) => {
        struct $kind(Seen);

        #[interface(name = $name)]
        impl $kind {
            #[zbus(property)]
            fn control_group(&self) -> String {
                let state = self.0.state.lock().unwrap();
                let unit = state.units.get(&self.0.unit);
                unit.map_or_else(String::new, |unit| format!("/{}", unit.cgroup))
            }

            #[zbus(property, name = "CPUQuotaPerSecUSec")]
            fn quota(&self) -> u64 {
                self.0.value("CPUQuotaPerSecUSec")
            }

            #[zbus(property, name = "CPUQuotaPeriodUSec")]
            fn period(&self) -> u64 {
                self.0.value("CPUQuotaPeriodUSec")
            }

            #[zbus(property, name = "CPUWeight")]
            fn weight(&self) -> u64 {
                self.0.value("CPUWeight")
            }

            #[zbus(property, name = "MemoryHigh")]
            fn memory_high(&self) -> u64 {
                self.0.value("MemoryHigh")
            }

            #[zbus(property, name = "MemoryMax")]
            fn memory_max(&self) -> u64 {
                self.0.value("MemoryMax")
            }
        }
    };
}

limited!(Service, "org.freedesktop.systemd1.Service");
limited!(Scope, "org.freedesktop.systemd1.Scope");
limited!(Slice, "org.freedesktop.systemd1.Slice");

/// Shows a unit on the bus.
pub fn serve(connection: &Connection, object: &str, unit: &str, state: &Arc<Mutex<State>>) {
    let seen = || Seen {
        unit: unit.to_owned(),
        state: Arc::clone(state),
    };
    let server = connection.object_server();
    let shown = server.at(object, Unit(seen())).and_then(|_| {
        let kind = unit.rsplit('.').next();
        match kind {
            Some("service") => server.at(object, Service(seen())),
            Some("scope") => server.at(object, Scope(seen())),
            _ => server.at(object, Slice(seen())),
        }
    });
    shown.expect("the unit is shown on the bus");
}
