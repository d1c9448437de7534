//! The folder with a picture of each family.

use std::path::{Path, PathBuf};

use llmos_replay::control::picture;
use llmos_replay::control::score::Family;

use crate::error::CtlError;

/// See the module.
#[derive(Debug)]
pub struct Pictures(PathBuf);

impl Pictures {
    /// Makes the folder, so that one that cannot be made is known at once.
    pub fn create(dir: &Path) -> Result<Self, CtlError> {
        std::fs::create_dir_all(dir).map_err(|source| CtlError::Create {
            path: dir.to_owned(),
            source,
        })?;
        Ok(Self(dir.to_owned()))
    }

    /// Writes `FAMILY-RESOURCE.svg` for each family; one that is there is replaced.
    pub fn write(&self, families: &[Family]) -> Result<(), CtlError> {
        for family in families {
            let name = format!("{}-{}.svg", family.name, family.resource.name());
            let path = self.0.join(name);
            let drawn = picture::svg(family)?;
            std::fs::write(&path, drawn).map_err(|source| CtlError::File {
                path,
                step: "write",
                source,
            })?;
        }
        Ok(())
    }
}
