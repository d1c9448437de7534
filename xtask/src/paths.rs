//! Where things lie in the repository and under `target/`.

use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo's output folder.
pub fn target() -> PathBuf {
    let asked = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(asked)
}

/// Numbers that benches and runs leave behind.
pub fn bench() -> PathBuf {
    target().join("bench")
}

/// A program built by cargo, in the profile that is asked for.
pub fn binary(name: &str, release: bool) -> PathBuf {
    target()
        .join(if release { "release" } else { "debug" })
        .join(name)
}

/// The path as people write it: relative to the root of the checkout where that is possible.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}
