//! The drop-ins that systemd writes when a property is set until the next boot.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::host::Host;
use crate::property::Property;
use crate::unit::UnitName;

/// Where they are, below systemd's runtime folder: those of transient units beside their unit file.
const FOLDERS: [&str; 2] = ["system.control", "transient"];

/// Which of the properties have a drop-in of the runtime? systemd's own list of drop-ins is no answer: it
/// goes on naming those that have been removed until it is reloaded.
pub(crate) fn present(host: &Host, unit: &UnitName) -> Vec<Property> {
    let is_there = |property: &Property| {
        let mut folders = folders(host, unit).into_iter();
        folders.any(|folder| folder.join(property.drop_in()).exists())
    };
    Property::ALL.into_iter().filter(is_there).collect()
}

fn folders(host: &Host, unit: &UnitName) -> [PathBuf; 2] {
    FOLDERS.map(|folder| host.run.join(folder).join(format!("{unit}.d")))
}

/// Removes those of these properties; how many were there. The folder goes with the last one.
///
/// # Errors
/// The first one that cannot be removed, and why.
pub(crate) fn remove(
    host: &Host,
    unit: &UnitName,
    properties: &[Property],
) -> Result<usize, (PathBuf, io::Error)> {
    let mut removed = 0;
    let mut first: Option<(PathBuf, io::Error)> = None;
    for folder in folders(host, unit) {
        for property in properties {
            let path = folder.join(property.drop_in());
            match fs::remove_file(&path) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => first = first.or(Some((path, error))),
            }
        }
        // Not empty: others have theirs in it.
        let _ = fs::remove_dir(&folder);
    }
    first.map_or(Ok(removed), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_drop_ins_of_the_runtime_that_are_there_count() {
        let run = tempfile::tempdir().unwrap();
        let host = Host::at("unix:path=/none", run.path());
        for path in [
            "system.control/a.service.d/50-MemoryMax.conf",
            "transient/a.service.d/50-CPUQuota.conf",
            "system/a.service.d/50-MemoryHigh.conf",
            "system.control/b.service.d/50-CPUWeight.conf",
        ] {
            let path = run.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let unit = UnitName::parse("a.service").unwrap();
        assert_eq!(
            present(&host, &unit),
            [Property::CpuQuota, Property::MemoryMax]
        );
    }

    #[test]
    fn ours_go_and_the_others_stay() {
        let run = tempfile::tempdir().unwrap();
        let host = Host::at("unix:path=/none", run.path());
        let unit = UnitName::parse("a.service").unwrap();
        let folder = run.path().join("system.control/a.service.d");
        fs::create_dir_all(&folder).unwrap();
        for file in ["50-MemoryMax.conf", "50-CPUQuota.conf", "mine.conf"] {
            fs::write(folder.join(file), "").unwrap();
        }
        let ours = [Property::MemoryMax, Property::CpuWeight];
        assert_eq!(remove(&host, &unit, &ours).unwrap(), 1);
        assert!(!folder.join("50-MemoryMax.conf").exists());
        assert!(folder.join("50-CPUQuota.conf").exists());
        fs::remove_file(folder.join("mine.conf")).unwrap();
        assert_eq!(remove(&host, &unit, &Property::ALL).unwrap(), 1);
        assert!(!folder.exists(), "the empty folder goes, too");
        assert_eq!(remove(&host, &unit, &Property::ALL).unwrap(), 0);
    }
}
