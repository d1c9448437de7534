//! The two files of a model: found, read with bounds, and their checksum.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::LoadError;

/// Largest model that is read. The released ones have a fraction of a MiB.
const MAX_MODEL_BYTES: u64 = 64 * 1024 * 1024;
/// Largest contract that is read.
const MAX_CONTRACT_BYTES: u64 = 1024 * 1024;

/// Where the contract of a folder lies.
pub(crate) fn contract_path(dir: &Path) -> PathBuf {
    dir.join("contract.json")
}

/// Where the model of a folder lies.
pub(crate) fn model_path(dir: &Path) -> PathBuf {
    dir.join("model.onnx")
}

/// Reads a contract.
pub(crate) fn read_contract(path: &Path) -> Result<Vec<u8>, LoadError> {
    read(path, MAX_CONTRACT_BYTES)
}

/// Reads a model.
pub(crate) fn read_model(path: &Path) -> Result<Vec<u8>, LoadError> {
    read(path, MAX_MODEL_BYTES)
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a whole file of bounded size.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    let read_error = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    // A pipe would block for ever when opened, so look first.
    if !std::fs::metadata(path).map_err(read_error)?.is_file() {
        return Err(LoadError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(read_error)?;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(read_error)?;
    if bytes.len() as u64 > limit {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}
