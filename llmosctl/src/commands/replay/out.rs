//! The file for the figures. It is made before the work begins, so that a path that cannot be
//! written is known at once; what was there before stays until the figures are complete.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::CtlError;

/// A file beside its final place. Dropped without being written, it leaves nothing behind.
#[derive(Debug)]
pub struct OutFile {
    path: PathBuf,
    beside: PathBuf,
    file: File,
    done: bool,
}

impl OutFile {
    /// Makes an empty file beside `path`.
    pub fn create(path: &Path) -> Result<Self, CtlError> {
        let failed = |source| CtlError::Create {
            path: path.to_owned(),
            source,
        };
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let beside = path.with_file_name(name);
        Ok(Self {
            file: File::create_new(&beside).map_err(failed)?,
            path: path.to_owned(),
            beside,
            done: false,
        })
    }

    /// Writes it as people can read it and puts it in its place.
    pub fn write(mut self, value: &impl Serialize) -> Result<(), CtlError> {
        let written = serde_json::to_string_pretty(value)
            .map_err(io::Error::from)
            .and_then(|text| self.file.write_all((text + "\n").as_bytes()))
            .and_then(|()| std::fs::rename(&self.beside, &self.path));
        self.done = written.is_ok();
        written.map_err(|source| CtlError::File {
            path: self.path.clone(),
            step: "write",
            source,
        })
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        if !self.done {
            // It was empty or broken; one that stays is only untidy.
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}
