//! Debian packages: installing them, and fetching single ones without touching the machine's apt.
//!
//! Kernels and rust-src come from Debian releases that the machine itself may not be set up for.
//! They are fetched with lists, cache and source list of their own under `target/apt`, from the
//! mirror and with the keyring that the machine already trusts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cmd, paths};

/// Names the mirror when the machine's own apt sources have no Debian mirror.
const MIRROR: &str = "XTASK_DEBIAN_MIRROR";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A source of Debian packages as the machine's own configuration names it.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    uri: String,
    keyring: Option<String>,
}

/// Installs packages, as root or through a sudo that needs no password.
pub fn install(packages: &[&str]) -> Result<()> {
    if cmd::find("apt-get").is_none() {
        bail!("no apt-get here; install by hand: {}", packages.join(" "));
    }
    // An archive folder of our own: machines set up for containers empty the shared one after
    // every installation, also one that runs beside this one.
    let archives = paths::target().join("apt/archives");
    std::fs::create_dir_all(archives.join("partial"))?;
    let mut options = vec![
        "-y".to_owned(),
        "-q".to_owned(),
        "--no-install-recommends".to_owned(),
        format!("-oDir::Cache::archives={}", archives.display()),
        "-oDPkg::Lock::Timeout=300".to_owned(),
        "-oAPT::Sandbox::User=root".to_owned(),
    ];
    let by_hand = format!("sudo apt-get install -y {}", packages.join(" "));
    let mut install = as_root("apt-get").with_context(|| format!("run: {by_hand}"))?;
    options.push("install".to_owned());
    install.args(&options).args(packages);
    if cmd::run(&mut install).is_ok() {
        return Ok(());
    }
    // The usual reason is a package list that is missing or old.
    let mut update = as_root("apt-get")?;
    cmd::run(update.args(["-q", "-oDPkg::Lock::Timeout=300", "update"]))?;
    let mut install = as_root("apt-get")?;
    cmd::run(install.args(&options).args(packages)).with_context(|| format!("run: {by_hand}"))
}

/// A command that runs as root: directly, or through sudo where it asks for no password.
pub fn as_root(program: &str) -> Result<Command> {
    let mut command = if nix::unistd::geteuid().is_root() {
        Command::new(program)
    } else if cmd::succeeds(Command::new("sudo").args(["-n", "true"])) {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "DEBIAN_FRONTEND=noninteractive", program]);
        sudo
    } else {
        bail!("not root, and sudo wants a password");
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

/// Lines of a source list for `suites`, from the mirror that this machine uses.
pub fn source_list(suites: &[&str]) -> Result<String> {
    let source = machine_source()?;
    let keyring = source.keyring.as_deref().unwrap_or(KEYRING);
    Ok(suites
        .iter()
        .map(|suite| format!("deb [signed-by={keyring}] {} {suite} main\n", source.uri))
        .collect())
}

/// Package lists of some Debian suites, apart from the machine's own.
pub struct Suites {
    folder: PathBuf,
}

impl Suites {
    /// Fetches the lists of `suites` (about 10 MB for a whole release, less for backports).
    pub fn fetch(suites: &[&str]) -> Result<Self> {
        let list = source_list(suites)?;
        let folder = paths::target().join("apt").join(suites.join("+"));
        for part in ["lists/partial", "cache/archives/partial", "parts"] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        std::fs::write(folder.join("sources.list"), list)?;
        let lists = Self { folder };
        cmd::run(lists.apt("apt-get").args(["-q", "update"]))?;
        Ok(lists)
    }

    /// The versions of a package with what each depends on, as `(version, depends)`.
    pub fn versions(&self, package: &str) -> Result<Vec<(String, String)>> {
        let text = cmd::output(self.apt("apt-cache").args(["show", "--", package]))?;
        Ok(parse_versions(&text))
    }

    /// Fetches one package and unpacks it into `into`; installs nothing.
    pub fn unpack(&self, package: &str, version: &str, into: &Path) -> Result<()> {
        let inbox = self.folder.join("inbox");
        // Left-overs would make it unclear which archive is the one asked for.
        if inbox.exists() {
            std::fs::remove_dir_all(&inbox)?;
        }
        std::fs::create_dir_all(&inbox)?;
        let wanted = format!("{package}={version}");
        cmd::run(
            self.apt("apt-get")
                .current_dir(&inbox)
                .args(["-q", "download", "--", &wanted]),
        )?;
        let archive = std::fs::read_dir(&inbox)?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| path.extension().is_some_and(|end| end == "deb"))
            .with_context(|| format!("apt-get download left no archive of {wanted}"))?;
        std::fs::create_dir_all(into)?;
        cmd::run(
            Command::new("dpkg-deb")
                .arg("-x")
                .args([archive.as_path(), into]),
        )?;
        std::fs::remove_dir_all(&inbox)?;
        Ok(())
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let folder = self.folder.display();
        for option in [
            format!("Dir::State::lists={folder}/lists"),
            format!("Dir::Cache={folder}/cache"),
            format!("Dir::Etc::sourcelist={folder}/sources.list"),
            format!("Dir::Etc::sourceparts={folder}/parts"),
            "Dir::State::status=/dev/null".to_owned(),
            "APT::Architecture=amd64".to_owned(),
            "APT::Architectures=amd64".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
        ] {
            command.arg(format!("-o{option}"));
        }
        command
    }
}

/// The Debian mirror that this machine uses for its own packages.
fn machine_source() -> Result<Source> {
    if let Ok(uri) = std::env::var(MIRROR) {
        return Ok(Source { uri, keyring: None });
    }
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = std::fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(folder.filter_map(|entry| entry.ok().map(|entry| entry.path())));
    }
    files.sort();
    files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .find_map(|text| find_source(&text))
        .with_context(|| {
            format!(
                "no Debian mirror in this machine's apt sources; set {MIRROR} to the URI of one"
            )
        })
}

/// Finds the mirror of a whole Debian release in a source list of either format.
fn find_source(text: &str) -> Option<Source> {
    // A security mirror carries no backports, and other vendors' paths end differently.
    let is_debian = |uri: &str| uri.trim_end_matches('/').ends_with("/debian");
    for line in text
        .lines()
        .filter(|line| line.trim_start().starts_with("deb "))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let uri = words
            .iter()
            .find(|word| word.contains("://") && is_debian(word));
        if let Some(uri) = uri {
            let signed = words.iter().find_map(|word| {
                let word = word.trim_matches(['[', ']']);
                word.strip_prefix("signed-by=").map(str::to_owned)
            });
            return Some(Source {
                uri: (*uri).to_owned(),
                keyring: signed,
            });
        }
    }
    text.split("\n\n").find_map(|paragraph| {
        let field = |name: &str| {
            paragraph
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
        };
        let uri = field("URIs:")?
            .split_whitespace()
            .find(|uri| is_debian(uri))?
            .to_owned();
        let keyring = field("Signed-By:")
            .filter(|path| path.starts_with('/'))
            .map(str::to_owned);
        Some(Source { uri, keyring })
    })
}

fn parse_versions(text: &str) -> Vec<(String, String)> {
    text.split("\n\n")
        .filter_map(|paragraph| {
            let field = |name: &str| {
                paragraph
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(str::trim)
            };
            let depends = field("Depends:").unwrap_or_default();
            Some((field("Version:")?.to_owned(), depends.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_is_found_in_the_one_line_format() {
        let text = "# comment\ndeb http://a.example/debian-security x main\n\
                    deb [signed-by=/k.gpg] http://a.example/debian bookworm main\n";
        let source = find_source(text).unwrap();
        assert_eq!(source.uri, "http://a.example/debian");
        assert_eq!(source.keyring.as_deref(), Some("/k.gpg"));
    }

    #[test]
    fn mirror_is_found_in_the_paragraph_format() {
        let text = "Types: deb\nURIs: http://a.example/debian-security\nSuites: x\n\n\
                    Types: deb\n# note\nURIs: http://a.example/debian/\nSigned-By: /k.gpg\n";
        let source = find_source(text).unwrap();
        assert_eq!(source.uri, "http://a.example/debian/");
        assert_eq!(source.keyring.as_deref(), Some("/k.gpg"));
    }

    #[test]
    fn other_vendors_are_no_debian_mirror() {
        assert_eq!(
            find_source("deb http://a.example/ubuntu noble main\n"),
            None
        );
        assert_eq!(
            find_source("Types: deb\nURIs: https://deb.a.example/node_20.x\n"),
            None
        );
    }

    #[test]
    fn versions_come_with_their_dependencies() {
        let text = "Package: p\nVersion: 2-1\nDepends: a (= 2)\n\nPackage: p\nVersion: 1-1\n";
        let versions = parse_versions(text);
        assert_eq!(versions[0], ("2-1".to_owned(), "a (= 2)".to_owned()));
        assert_eq!(versions[1], ("1-1".to_owned(), String::new()));
    }
}
