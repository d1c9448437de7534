//! The file system of the virtual machine, as one cpio archive.
//!
//! It is not compressed: the emulated processor would need longer to unpack it than QEMU needs to
//! copy it.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cmd, paths};

const DIRECTORY: u32 = 0o040_755;
const LINK: u32 = 0o120_777;
const REGULAR: u32 = 0o100_000;

/// An archive in the "newc" format that the kernel unpacks (described in the kernel's
/// Documentation/driver-api/early-userspace/buffer-format.rst).
pub struct Archive {
    bytes: Vec<u8>,
    folders: BTreeSet<PathBuf>,
    inode: u32,
}

impl Archive {
    /// An empty archive.
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            folders: BTreeSet::new(),
            inode: 0,
        }
    }

    /// Adds a folder and those above it.
    pub fn folder(&mut self, path: &Path) {
        if let Some(parent) = path.parent().filter(|parent| *parent != Path::new("/")) {
            self.folder(parent);
        }
        if self.folders.insert(path.to_path_buf()) {
            self.entry(path, DIRECTORY, &[]);
        }
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &Path, to: &str) {
        self.parent(path);
        self.entry(path, LINK, to.as_bytes());
    }

    /// Adds a file of this machine under another path.
    pub fn file(&mut self, path: &Path, from: &Path) -> Result<()> {
        let content =
            std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        let mode = std::fs::metadata(from)?.permissions().mode() & 0o777;
        self.parent(path);
        self.entry(path, REGULAR | mode, &content);
        Ok(())
    }

    /// Adds a program, without its debug information, together with the libraries it loads.
    pub fn program(
        &mut self,
        path: &Path,
        from: &Path,
        libraries: &mut BTreeSet<PathBuf>,
    ) -> Result<()> {
        let stripped = paths::target().join("vm/stripped");
        std::fs::create_dir_all(&stripped)?;
        let name = from
            .file_name()
            .with_context(|| format!("{} has no name", from.display()))?;
        let to = stripped.join(name);
        cmd::run(Command::new("strip").arg("-o").args([to.as_path(), from]))?;
        self.file(path, &to)?;
        libraries.extend(loaded_by(from)?);
        Ok(())
    }

    /// Adds a folder of this machine with everything in it.
    pub fn tree(&mut self, path: &Path, from: &Path) -> Result<()> {
        self.folder(path);
        let entries =
            std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
        for entry in entries {
            let entry = entry?;
            let inside = path.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.tree(&inside, &entry.path())?;
            } else {
                self.file(&inside, &entry.path())?;
            }
        }
        Ok(())
    }

    /// Ends the archive and writes it.
    pub fn write(mut self, to: &Path) -> Result<()> {
        self.entry(Path::new("TRAILER!!!"), 0, &[]);
        std::fs::File::create(to)
            .and_then(|mut file| file.write_all(&self.bytes))
            .with_context(|| format!("cannot write {}", to.display()))
    }

    fn parent(&mut self, path: &Path) {
        if let Some(parent) = path.parent().filter(|parent| *parent != Path::new("/")) {
            self.folder(parent);
        }
    }

    fn entry(&mut self, path: &Path, mode: u32, content: &[u8]) {
        self.inode += 1;
        let name = path.to_string_lossy();
        let name = name.trim_start_matches('/');
        let size = content.len();
        let fields = [
            self.inode,
            mode,
            0, // owner
            0, // group
            1, // links
            0, // time of change
            u32::try_from(size).unwrap_or(u32::MAX),
            0,
            0,
            0,
            0, // device numbers
            u32::try_from(name.len() + 1).unwrap_or(u32::MAX),
            0, // checksum, unused in this format
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// The shared libraries and the loader of a program; none for a static one.
fn loaded_by(program: &Path) -> Result<Vec<PathBuf>> {
    Ok(parse_ldd(
        &cmd::output(Command::new("ldd").arg(program)).or_else(|error| {
            // ldd calls a static program an error.
            if format!("{error:#}").contains("not a dynamic executable") {
                Ok(String::new())
            } else {
                Err(error)
            }
        })?,
    ))
}

fn parse_ldd(text: &str) -> Vec<PathBuf> {
    text.lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(PathBuf::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ldd_output_gives_libraries_and_loader() {
        let text = "\tlinux-vdso.so.1 (0x00)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x01)\n\t/lib64/ld.so.2 (0x02)\n";
        assert_eq!(
            parse_ldd(text),
            [Path::new("/lib/x/libc.so.6"), Path::new("/lib64/ld.so.2")]
        );
    }

    #[test]
    fn entries_are_aligned_and_parents_come_once() {
        let mut archive = Archive::new();
        archive.folder(Path::new("/a/b"));
        archive.link(Path::new("/a/b/c"), "to");
        let text = String::from_utf8_lossy(&archive.bytes).into_owned();
        assert_eq!(text.matches("070701").count(), 3);
        assert_eq!(archive.bytes.len() % 4, 0);
        // The link's content follows its name after padding to four bytes.
        assert!(text.ends_with("a/b/c\0to\0\0"), "{text:?}");
    }
}
