//! Modules of a kernel, kept beside its image with the order in which they have to be loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cmd;

/// Names the kept files, one a line, each behind those that it needs.
pub const ORDER: &str = "order";
const PACKED: &str = ".xz";

/// Copies `wanted` modules of an unpacked kernel package, and those that they need, to `into`.
pub fn keep(unpacked: &Path, release: &str, wanted: &[&str], into: &Path) -> Result<()> {
    let tree = ["lib", "usr/lib"]
        .iter()
        .map(|lib| unpacked.join(lib).join("modules").join(release))
        .find(|tree| tree.join("kernel").is_dir())
        .with_context(|| format!("the package of {release} has no modules"))?;
    let mut files = BTreeMap::new();
    collect(&tree.join("kernel"), &mut files)?;
    let builtin = std::fs::read_to_string(tree.join("modules.builtin")).unwrap_or_default();
    let builtin: BTreeSet<String> = builtin.lines().filter_map(|l| name(Path::new(l))).collect();
    let order = order(wanted, &builtin, |module| {
        let Some(file) = files.get(module) else {
            bail!("kernel {release} has no module {module}, as a file or built in");
        };
        depends(&content(file)?)
            .with_context(|| format!("{} does not say what it needs", file.display()))
    })?;
    if into.exists() {
        std::fs::remove_dir_all(into)?;
    }
    std::fs::create_dir_all(into)?;
    for module in &order {
        std::fs::write(into.join(format!("{module}.ko")), content(&files[module])?)?;
    }
    let list: String = order
        .iter()
        .map(|module| format!("{module}.ko\n"))
        .collect();
    std::fs::write(into.join(ORDER), list)?;
    Ok(())
}

/// All modules below a folder by name.
fn collect(folder: &Path, into: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), into)?;
        } else if let Some(name) = name(&entry.path()) {
            into.insert(name, entry.path());
        }
    }
    Ok(())
}

/// The name of the module in a file; a file may be spelt with dashes where the module has underscores.
fn name(file: &Path) -> Option<String> {
    let file = file.file_name()?.to_str()?;
    let stem = file.strip_suffix(PACKED).unwrap_or(file);
    Some(stem.strip_suffix(".ko")?.replace('-', "_"))
}

/// A module as the kernel loads it: newer releases of Debian pack theirs.
fn content(file: &Path) -> Result<Vec<u8>> {
    if !file.to_string_lossy().ends_with(PACKED) {
        return std::fs::read(file).with_context(|| format!("read {}", file.display()));
    }
    if cmd::find("xz").is_none() {
        bail!("no xz here; install by hand: xz-utils");
    }
    let xz = Command::new("xz").arg("-dc").arg(file).output()?;
    if !xz.status.success() {
        let said = String::from_utf8_lossy(&xz.stderr);
        bail!("xz cannot unpack {}: {}", file.display(), said.trim());
    }
    Ok(xz.stdout)
}

/// `wanted` and what they need, each behind what it needs; what is built in is left out.
fn order(
    wanted: &[&str],
    builtin: &BTreeSet<String>,
    mut needs: impl FnMut(&str) -> Result<Vec<String>>,
) -> Result<Vec<String>> {
    let mut order = Vec::new();
    // A module is looked at twice: to put its needs before it, then to put it itself.
    let mut open: Vec<(String, bool)> = wanted
        .iter()
        .rev()
        .map(|module| ((*module).to_owned(), false))
        .collect();
    while let Some((module, ready)) = open.pop() {
        if builtin.contains(&module) || order.contains(&module) {
            continue;
        }
        if ready {
            order.push(module);
            continue;
        }
        let needed = needs(&module)?;
        open.push((module, true));
        open.extend(needed.into_iter().map(|module| (module, false)));
    }
    Ok(order)
}

/// What a module says it needs: its `.modinfo` section has `depends=a,b` between zero bytes.
fn depends(module: &[u8]) -> Option<Vec<String>> {
    const KEY: &[u8] = b"\0depends=";
    let at = module.windows(KEY.len()).position(|window| window == KEY)?;
    let value = module
        .get(at + KEY.len()..)?
        .split(|byte| *byte == 0)
        .next()?;
    let value = std::str::from_utf8(value).ok()?;
    let names = value.split(',').filter(|name| !name.is_empty());
    Some(names.map(|name| name.replace('-', "_")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_says_what_it_needs() {
        let one = b"\x7fELF..license=GPL\0depends=virtio-ring,virtio\0name=x\0";
        assert_eq!(depends(one).unwrap(), ["virtio_ring", "virtio"]);
        assert_eq!(depends(b"x\0depends=\0").unwrap(), Vec::<String>::new());
        assert_eq!(depends(b"xz compressed"), None);
    }

    #[test]
    fn a_packed_module_has_the_same_name() {
        let of = |file: &str| name(Path::new(file));
        assert_eq!(of("a/virtio-blk.ko").as_deref(), Some("virtio_blk"));
        assert_eq!(of("a/virtio-blk.ko.xz").as_deref(), Some("virtio_blk"));
        assert_eq!(of("a/modules.order"), None);
    }

    #[test]
    fn needs_come_first_and_once() {
        let builtin = BTreeSet::from(["crc".to_owned()]);
        let order = order(&["blk", "net"], &builtin, |module| {
            Ok(match module {
                "blk" | "net" => vec!["ring".to_owned(), "crc".to_owned()],
                "ring" => vec!["virtio".to_owned()],
                _ => Vec::new(),
            })
        });
        assert_eq!(order.unwrap(), ["virtio", "ring", "blk", "net"]);
    }

    #[test]
    fn what_is_nowhere_is_an_error() {
        let order = order(&["gone"], &BTreeSet::new(), |module| bail!("no {module}"));
        assert_eq!(format!("{:#}", order.unwrap_err()), "no gone");
    }
}
