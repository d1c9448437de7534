//! The kernels of the virtual machines: found in Debian's releases, kept under `target/vm`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::modules::{self, ORDER};
use crate::apt::Suites;
use crate::paths;

/// A kernel series and the Debian suite that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The series as people say it, such as `6.1`.
    pub series: &'static str,
    /// The Debian release whose kernel it is.
    pub suite: &'static str,
}

/// The series under test: the oldest that is promised to work, the long-term one after it, and the
/// newest that Debian has, whichever 7.x that is.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        series: "6.1",
        suite: "bookworm",
    },
    Kernel {
        series: "6.12",
        suite: "bookworm-backports",
    },
    Kernel {
        series: "7",
        suite: "trixie-backports",
    },
];

/// Modules that a machine needs which boots from a disk: the disk, its file system, and what containers
/// are stacked with.
const MODULES: &[&str] = &["virtio_pci", "virtio_blk", "ext4", "overlay"];

/// The package that always depends on the newest cloud kernel of a suite.
const META: &str = "linux-image-cloud-amd64";

impl Kernel {
    /// The one of this series.
    ///
    /// # Errors
    /// When it is not among those under test.
    pub fn of(series: &str) -> Result<Self> {
        let found = KERNELS.iter().find(|kernel| kernel.series == series);
        found
            .copied()
            .with_context(|| format!("kernel {series} is not among those under test"))
    }

    /// The bootable image on this machine.
    pub fn image(self) -> PathBuf {
        self.folder().join("vmlinuz")
    }

    /// The series as a heading: `7.x` for the one that is open at its end.
    pub fn heading(self) -> String {
        if self.series.contains('.') {
            self.series.to_owned()
        } else {
            format!("{}.x", self.series)
        }
    }

    /// The exact release that is kept here, for reports.
    pub fn release(self) -> String {
        let text = std::fs::read_to_string(self.folder().join("release")).unwrap_or_default();
        text.trim().to_owned()
    }

    /// The folder with the modules that are kept. They are fetched with the image when there are none
    /// yet, since the two have to be of one build.
    pub fn modules(self) -> Result<PathBuf> {
        let folder = self.folder().join("modules");
        if !folder.join(ORDER).is_file() {
            self.get(Some(&folder))?;
        }
        Ok(folder)
    }

    fn folder(self) -> PathBuf {
        paths::target().join("vm/kernels").join(self.series)
    }

    /// Fetches the image, and into this folder the modules of the same build.
    fn get(self, modules: Option<&Path>) -> Result<()> {
        let lists = Suites::fetch(&[self.suite])?;
        let versions = lists.versions(META)?;
        let (package, version) = find(&versions, self.series)
            .with_context(|| format!("{} has no {META} of {}", self.suite, self.series))?;
        let folder = self.folder();
        let unpacked = folder.join("unpacked");
        lists.unpack(&package, &version, &unpacked)?;
        let release = package.trim_start_matches("linux-image-").to_owned();
        let mut image = boots_from(&unpacked, &release);
        if image.is_none() {
            let split = format!("linux-binary-{release}");
            lists.unpack(&split, &version, &unpacked)?;
            image = boots_from(&unpacked, &release);
        }
        let image = image.with_context(|| format!("{package} {version} has no vmlinuz"))?;
        if let Some(into) = modules {
            modules::keep(&unpacked, &release, MODULES, into)?;
        }
        // The image goes last: it is the mark that the rest is complete.
        std::fs::write(folder.join("release"), &release)?;
        std::fs::rename(image, self.image())?;
        std::fs::remove_dir_all(&unpacked)?;
        Ok(())
    }
}

/// The image in an unpacked package: in `/boot`, or, where Debian splits packages finer, beside the
/// modules.
fn boots_from(unpacked: &Path, release: &str) -> Option<PathBuf> {
    [
        format!("boot/vmlinuz-{release}"),
        format!("usr/lib/modules/{release}/vmlinuz"),
    ]
    .iter()
    .map(|path| unpacked.join(path))
    .find(|path| path.is_file())
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
        .try_for_each(|kernel| kernel.get(None))
}

/// The image package that the meta package of this series depends on, and its version.
fn find(versions: &[(String, String)], series: &str) -> Option<(String, String)> {
    let (version, depends) = versions
        .iter()
        .find(|(version, _)| version.starts_with(&format!("{series}.")))?;
    let package = depends.split([',', ' ', '(']).find(|word| {
        word.strip_prefix("linux-image-")
            .is_some_and(|rest| rest.starts_with(&format!("{series}.")))
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

    #[test]
    fn series_7_is_whichever_7_there_is() {
        let depends = "linux-base-c (= 7.4.1-1), linux-image-7.4.1+c (= 7.4.1-1), linux-modules-c";
        let all = [("7.4.1-1".to_owned(), depends.to_owned())];
        assert_eq!(find(&all, "7").unwrap().0, "linux-image-7.4.1+c");
        assert_eq!(find(&all, "7.3"), None);
    }

    #[test]
    fn the_image_is_found_in_both_layouts() {
        let folder = std::env::temp_dir().join(format!("llmos-kernel-{}", std::process::id()));
        for (at, name) in [("boot", "vmlinuz-1"), ("usr/lib/modules/1", "vmlinuz")] {
            assert_eq!(boots_from(&folder, "1"), None);
            std::fs::create_dir_all(folder.join(at)).unwrap();
            std::fs::write(folder.join(at).join(name), "").unwrap();
            assert_eq!(boots_from(&folder, "1"), Some(folder.join(at).join(name)));
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
}
