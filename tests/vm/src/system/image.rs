//! Container images made on the spot: one layer with a program of ours and the libraries that it loads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::unit::say;

/// An image.
#[derive(Clone, Copy)]
pub struct Image {
    /// Under which name containerd keeps it.
    pub name: &'static str,
    /// The program, which lies at the same path in both.
    pub program: &'static str,
}

/// The one of workloads.
pub const WORKLOAD: Image = Image {
    name: "example.test/llmos/workload:1",
    program: "/usr/bin/vm-workload",
};
/// The one of the agent.
pub const AGENT: Image = Image {
    name: "example.test/llmos/agent:1",
    program: "/usr/bin/llmos-agent",
};
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
const FOLDER: &str = "/tmp/oci";

/// Makes an image and gives it to containerd.
///
/// # Errors
/// When a program of the system fails; the error says which and what it said.
pub fn import(made: Image) -> Result<()> {
    let folder = Path::new(FOLDER);
    let (tree, image) = (folder.join("tree"), folder.join("image"));
    fs::create_dir_all(image.join("blobs/sha256"))?;
    for file in [vec![PathBuf::from(made.program)], loaded_by(made.program)?].concat() {
        let to = tree.join(file.strip_prefix("/")?);
        let above = to.parent().context("a file lies in a folder")?;
        fs::create_dir_all(above)?;
        fs::copy(&file, &to).with_context(|| file.display().to_string())?;
    }
    let layer = folder.join("layer.tar");
    tar(&tree, &layer)?;
    let layer = blob(&image, &layer, "application/vnd.oci.image.layer.v1.tar")?;
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": { "Env": ["PATH=/usr/bin"] },
        // Not compressed, so the layer's digest is that of its content as well.
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
    });
    let config = json_blob(&image, &config, "application/vnd.oci.image.config.v1+json")?;
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer],
    });
    let mut manifest = json_blob(&image, &manifest, kind)?;
    manifest["platform"] = json!({ "architecture": "amd64", "os": "linux" });
    manifest["annotations"] = json!({ "io.containerd.image.name": made.name });
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(image.join("index.json"), index.to_string())?;
    let layout = json!({ "imageLayoutVersion": "1.0.0" });
    fs::write(image.join("oci-layout"), layout.to_string())?;
    let all = folder.join("image.tar");
    tar(&image, &all)?;
    say("ctr", &["images", "import", &all.to_string_lossy()])?;
    fs::remove_dir_all(folder)?;
    Ok(())
}

/// The libraries and the loader of a program, each under the path that the program asks for.
fn loaded_by(program: &str) -> Result<Vec<PathBuf>> {
    let text = say(LOADER, &["--list", program])?;
    let words = text.lines().filter_map(|line| {
        let word = line.split_whitespace().find(|word| word.starts_with('/'))?;
        Some(PathBuf::from(word))
    });
    Ok(words.collect())
}

fn tar(folder: &Path, to: &Path) -> Result<()> {
    let (folder, to) = (folder.to_string_lossy(), to.to_string_lossy());
    say(
        "tar",
        &["--create", "--file", &to, "--directory", &folder, "."],
    )?;
    Ok(())
}

fn json_blob(image: &Path, content: &Value, kind: &str) -> Result<Value> {
    let file = Path::new(FOLDER).join("blob.json");
    fs::write(&file, content.to_string())?;
    blob(image, &file, kind)
}

/// Moves a file under its digest; the descriptor that points at it.
fn blob(image: &Path, file: &Path, kind: &str) -> Result<Value> {
    let text = say("sha256sum", &[&file.to_string_lossy()])?;
    let digest = text.split_whitespace().next().context("no digest")?;
    let size = fs::metadata(file)?.len();
    fs::rename(file, image.join("blobs/sha256").join(digest))?;
    Ok(json!({ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": size }))
}
