//! The kernels of the virtual machines: found in Debian's releases, kept under `target/vm`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::apt::Suites;
use crate::paths;

/// A kernel series and the Debian suite that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The series as people say it, such as `6.1`.
    pub series: &'static str,
    suite: &'static str,
}

/// The series under test: the oldest that is promised to work, and the long-term one after it.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        series: "6.1",
        suite: "bookworm",
    },
    Kernel {
        series: "6.12",
        suite: "bookworm-backports",
    },
];

/// The package that always depends on the newest cloud kernel of a suite.
const META: &str = "linux-image-cloud-amd64";

impl Kernel {
    /// The bootable image on this machine.
    pub fn image(self) -> PathBuf {
        self.folder().join("vmlinuz")
    }

    /// The exact release that is kept here, for reports.
    pub fn release(self) -> String {
        let text = std::fs::read_to_string(self.folder().join("release")).unwrap_or_default();
        text.trim().to_owned()
    }

    fn folder(self) -> PathBuf {
        paths::target().join("vm/kernels").join(self.series)
    }

    fn get(self) -> Result<()> {
        let lists = Suites::fetch(&[self.suite])?;
        let versions = lists.versions(META)?;
        let (package, version) = find(&versions, self.series)
            .with_context(|| format!("{} has no {META} of {}", self.suite, self.series))?;
        let folder = self.folder();
        let unpacked = folder.join("unpacked");
        lists.unpack(&package, &version, &unpacked)?;
        let release = package.trim_start_matches("linux-image-").to_owned();
        // The image goes last: it is the mark that the rest is complete.
        std::fs::write(folder.join("release"), &release)?;
        std::fs::rename(
            unpacked.join(format!("boot/vmlinuz-{release}")),
            self.image(),
        )?;
        std::fs::remove_dir_all(&unpacked)?;
        Ok(())
    }
}

/// Says which kernels are not here yet.
pub fn missing() -> Option<String> {
    let absent: Vec<&str> = KERNELS
        .iter()
        .filter(|kernel| !kernel.image().is_file())
        .map(|k| k.series)
        .collect();
    (!absent.is_empty()).then(|| format!("no {}", absent.join(", no ")))
}

/// Fetches the kernels that are not here yet (30 MB each).
pub fn get_all() -> Result<()> {
    KERNELS
        .iter()
        .filter(|kernel| !kernel.image().is_file())
        .try_for_each(|kernel| kernel.get())
}

/// The image package that the meta package of this series depends on, and its version.
fn find(versions: &[(String, String)], series: &str) -> Option<(String, String)> {
    let (version, depends) = versions
        .iter()
        .find(|(version, _)| version.starts_with(&format!("{series}.")))?;
    let package = depends.split([',', ' ', '(']).find(|word| {
        word.strip_prefix("linux-image-")
            .is_some_and(|rest| rest.starts_with(series))
    })?;
    Some((package.to_owned(), version.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_6_1_is_not_6_12() {
        let both = [
            (
                "6.12.9-1".to_owned(),
                "linux-base (= 1), linux-image-6.12.9-c-amd64 (= 1)".to_owned(),
            ),
            (
                "6.1.7-1".to_owned(),
                "linux-image-6.1.0-5-c-amd64 (= 6.1.7-1)".to_owned(),
            ),
        ];
        let (package, version) = find(&both, "6.1").unwrap();
        assert_eq!(
            (package.as_str(), version.as_str()),
            ("linux-image-6.1.0-5-c-amd64", "6.1.7-1")
        );
        assert_eq!(find(&both, "6.12").unwrap().0, "linux-image-6.12.9-c-amd64");
        assert_eq!(find(&both, "6.6"), None);
    }
}
