//! What the stand-in knows, and what it writes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::UNSET;

/// Properties and the names of their settings in a unit file.
const SETTINGS: [(&str, &str); 5] = [
    ("CPUQuotaPerSecUSec", "CPUQuota"),
    ("CPUQuotaPeriodUSec", "CPUQuotaPeriodSec"),
    ("CPUWeight", "CPUWeight"),
    ("MemoryHigh", "MemoryHigh"),
    ("MemoryMax", "MemoryMax"),
];

/// One `SetUnitProperties`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The unit.
    pub unit: String,
    /// Until the next boot only?
    pub runtime: bool,
    /// The properties in the order of the call.
    pub properties: Vec<(String, u64)>,
}

pub struct Unit {
    pub cgroup: String,
    pub values: BTreeMap<String, u64>,
}

pub struct State {
    run: PathBuf,
    root: Option<PathBuf>,
    pub units: BTreeMap<String, Unit>,
    pub calls: Vec<Call>,
    /// So many calls get an error for an answer, although they are carried out.
    pub lost: usize,
}

impl State {
    pub fn new(run: PathBuf, root: Option<&Path>) -> Self {
        Self {
            run,
            root: root.map(Path::to_owned),
            units: BTreeMap::new(),
            calls: Vec::new(),
            lost: 0,
        }
    }

    /// Adds a unit; gives the path of its object.
    pub fn add(&mut self, unit: &str, cgroup: &str) -> String {
        let values = SETTINGS.map(|(name, _)| (name.to_owned(), UNSET));
        let new = Unit {
            cgroup: cgroup.to_owned(),
            values: values.into(),
        };
        self.units.insert(unit.to_owned(), new);
        object(unit)
    }

    pub fn take(&mut self, call: Call) {
        let unit = call.unit.clone();
        for (name, value) in &call.properties {
            if let Some(known) = self.units.get_mut(&unit) {
                known.values.insert(name.clone(), *value);
            }
            self.write_drop_in(&unit, name, *value);
        }
        self.calls.push(call);
        self.realise(&unit);
    }

    /// Writes the files of the unit's cgroup from what is held.
    pub fn realise(&self, unit: &str) {
        let (Some(root), Some(unit)) = (&self.root, self.units.get(unit)) else {
            return;
        };
        let dir = root.join(&unit.cgroup);
        let value = |name: &str| unit.values[name];
        let period = match value("CPUQuotaPeriodUSec") {
            UNSET => 100_000,
            period => period,
        };
        let quota = match value("CPUQuotaPerSecUSec") {
            UNSET => "max".to_owned(),
            quota => (quota * period / 1_000_000).to_string(),
        };
        let weight = match value("CPUWeight") {
            UNSET => 100,
            weight => weight,
        };
        let memory = |name: &str| match value(name) {
            UNSET => "max\n".to_owned(),
            bytes => format!("{bytes}\n"),
        };
        for (file, text) in [
            ("cpu.max", format!("{quota} {period}\n")),
            ("cpu.weight", format!("{weight}\n")),
            ("memory.high", memory("MemoryHigh")),
            ("memory.max", memory("MemoryMax")),
        ] {
            // A kernel makes these files, systemd does not.
            if dir.join(file).exists() {
                replace(&dir.join(file), &text);
            }
        }
    }

    pub fn write_drop_in(&self, unit: &str, property: &str, value: u64) {
        let setting = SETTINGS.iter().find(|(name, _)| *name == property);
        let (_, setting) = setting.expect("a property that systemd has");
        let folder = self.folder(unit);
        fs::create_dir_all(&folder).unwrap();
        let text = format!("# This is a drop-in unit file extension\n{setting}={value}\n");
        fs::write(folder.join(format!("50-{setting}.conf")), text).unwrap();
    }

    pub fn drop_ins(&self, unit: &str) -> Vec<String> {
        let Ok(found) = fs::read_dir(self.folder(unit)) else {
            return Vec::new();
        };
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> = found
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn folder(&self, unit: &str) -> PathBuf {
        self.run.join("system.control").join(format!("{unit}.d"))
    }
}

/// The path of a unit's object, escaped as systemd does it.
pub fn object(unit: &str) -> String {
    let escaped: String = unit
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("_{byte:02x}")
            }
        })
        .collect();
    format!("/org/freedesktop/systemd1/unit/{escaped}")
}

/// Writes a file whole, as the kernel does it: whoever reads it meanwhile finds the old text or the new one,
/// but for empty lines behind it.
fn replace(file: &Path, text: &str) {
    let file = fs::File::options().write(true).open(file).unwrap();
    let longer = file.metadata().unwrap().len() as usize;
    let padded = format!("{text}{}", "\n".repeat(longer.saturating_sub(text.len())));
    file.write_all_at(padded.as_bytes(), 0).unwrap();
    file.set_len(text.len() as u64).unwrap();
}
