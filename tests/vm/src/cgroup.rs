//! The scenario's own control groups.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where init mounts the unified hierarchy.
pub const ROOT: &str = "/sys/fs/cgroup";

/// Files whose originals have to come back, in the order in which they are set.
pub const LIMITS: [&str; 3] = ["cpu.max", "memory.high", "memory.max"];

/// One control group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Path below the root, as the agent names it.
    pub name: String,
    path: PathBuf,
}

impl Group {
    /// Makes a group below the root and switches the CPU and memory controllers on above it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn create(name: &str) -> Result<Self> {
        let path = Path::new(ROOT).join(name);
        let mut above = PathBuf::from(ROOT);
        for part in Path::new(name).components() {
            write(&above, "cgroup.subtree_control", "+cpu +memory")?;
            above.push(part);
            if !above.is_dir() {
                std::fs::create_dir(&above)
                    .with_context(|| format!("mkdir {}", above.display()))?;
            }
        }
        Ok(Self {
            name: name.to_owned(),
            path,
        })
    }

    /// A group that somebody else made.
    #[must_use]
    pub fn existing(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: Path::new(ROOT).join(name),
        }
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file without its line end.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, file: &str) -> Result<String> {
        let path = self.path.join(file);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        Ok(text.trim_end().to_owned())
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When the kernel refuses the value.
    pub fn write(&self, file: &str, value: &str) -> Result<()> {
        write(&self.path, file, value)
    }

    /// A value of a `key value` file.
    #[must_use]
    pub fn keyed(&self, file: &str, key: &str) -> Option<u64> {
        let text = self.read(file).ok()?;
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
    }

    /// The three limits as the files show them.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn limits(&self) -> Result<[String; 3]> {
        Ok([
            self.read(LIMITS[0])?,
            self.read(LIMITS[1])?,
            self.read(LIMITS[2])?,
        ])
    }

    /// The cgroup's number, by which the agent knows it.
    ///
    /// # Errors
    /// When the directory is gone.
    pub fn id(&self) -> Result<u64> {
        use std::os::unix::fs::MetadataExt;
        Ok(std::fs::metadata(&self.path)?.ino())
    }

    /// Removes the group; it has to be empty.
    ///
    /// # Errors
    /// When a process is still in it.
    pub fn remove(&self) -> Result<()> {
        std::fs::remove_dir(&self.path).with_context(|| format!("rmdir {}", self.path.display()))
    }
}

/// The quota of a `cpu.max` in cores; `max` is infinite.
#[must_use]
pub fn cores(cpu_max: &str) -> Option<f64> {
    let (quota, period) = cpu_max.split_once(' ')?;
    if quota == "max" {
        return Some(f64::INFINITY);
    }
    Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
}

/// The bytes of a memory limit; `max` is infinite.
#[must_use]
pub fn bytes(limit: &str) -> Option<f64> {
    if limit == "max" {
        Some(f64::INFINITY)
    } else {
        limit.parse().ok()
    }
}

fn write(folder: &Path, file: &str, value: &str) -> Result<()> {
    let path = folder.join(file);
    std::fs::write(&path, value).with_context(|| format!("write {value} to {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_infinite() {
        assert_eq!(cores("50000 100000"), Some(0.5));
        assert_eq!(cores("max 100000"), Some(f64::INFINITY));
        assert_eq!(cores("rubbish"), None);
        assert_eq!(bytes("4096"), Some(4096.0));
        assert_eq!(bytes("max"), Some(f64::INFINITY));
    }
}
