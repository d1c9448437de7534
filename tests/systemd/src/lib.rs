//! A stand-in for systemd, for tests: a real `dbus-daemon` of its own, and on it a service that answers
//! the few calls that LLMOS makes as systemd 252 does. It notes each call, keeps the properties, writes
//! the drop-ins, and writes the files of the unit's cgroup, all of them, at each call and at each
//! `daemon-reload`. Whether the real one does the same is looked at in a virtual machine.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod bus;
mod manager;
mod objects;
mod state;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bus::Bus;
pub use state::Call;
use state::State;
use zbus::blocking::{Connection, connection};

/// What systemd calls no limit.
pub const UNSET: u64 = u64::MAX;

/// The stand-in and its bus; both end with it.
pub struct StandIn {
    bus: Bus,
    state: Arc<Mutex<State>>,
    connection: Connection,
}

impl StandIn {
    /// Starts both. `root` is the root of the cgroup hierarchy whose files it writes.
    pub fn start(root: Option<&Path>) -> Self {
        let bus = Bus::start();
        let state = Arc::new(Mutex::new(State::new(bus.run(), root)));
        let connection = connection::Builder::address(bus.address().as_str())
            .and_then(|builder| builder.serve_at(manager::PATH, manager::Manager::new(&state)))
            .and_then(|builder| builder.name("org.freedesktop.systemd1"))
            .and_then(connection::Builder::build)
            .expect("the stand-in gets its name on its own bus");
        Self {
            bus,
            state,
            connection,
        }
    }

    /// Address of the bus.
    pub fn address(&self) -> String {
        self.bus.address()
    }

    /// What plays `/run/systemd`.
    pub fn run(&self) -> PathBuf {
        self.bus.run()
    }

    /// Loads a unit with no limit of its own, whose cgroup is at this path below the root.
    pub fn add(&self, unit: &str, cgroup: &str) {
        let object = self.state.lock().unwrap().add(unit, cgroup);
        objects::serve(&self.connection, &object, unit, &self.state);
    }

    /// A person sets a property until the next boot.
    pub fn set(&self, unit: &str, property: &str, value: u64) {
        let mut state = self.state.lock().unwrap();
        let unit_state = state.units.get_mut(unit).expect("the unit was added");
        unit_state.values.insert(property.to_owned(), value);
        state.write_drop_in(unit, property, value);
        state.realise(unit);
    }

    /// The value of a property of a unit.
    pub fn value(&self, unit: &str, property: &str) -> u64 {
        self.state.lock().unwrap().units[unit].values[property]
    }

    /// The unit is gone, and systemd has forgotten it.
    pub fn forget(&self, unit: &str) {
        self.state.lock().unwrap().units.remove(unit);
    }

    /// All `SetUnitProperties` so far.
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Writes the files of all units from what it holds, as `systemctl daemon-reload` does.
    pub fn daemon_reload(&self) {
        let state = self.state.lock().unwrap();
        for unit in state.units.keys() {
            state.realise(unit);
        }
    }

    /// Names of the drop-ins that a unit has in the runtime folder.
    pub fn drop_ins(&self, unit: &str) -> Vec<String> {
        self.state.lock().unwrap().drop_ins(unit)
    }

    /// The next so many `SetUnitProperties` are carried out, and answered with an error: as one that
    /// took longer than the caller waited.
    pub fn lose_answers(&self, count: usize) {
        self.state.lock().unwrap().lost = count;
    }

    /// The bus takes connections, but nothing answers any more, until the stand-in ends.
    pub fn hang(&self) {
        self.bus.hang();
    }
}
