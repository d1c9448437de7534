//! Small cgroup trees in a temporary directory, made from the fixtures.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use llmos_cgroupfs::{CgroupRef, Journal, LimitWriter, WritePermit};
use llmos_engine::policy::Mode;
use tempfile::TempDir;

/// A hierarchy and a state directory.
pub struct Tree {
    dir: TempDir,
}

impl Tree {
    pub fn new() -> Self {
        // In memory where that is possible: some tests wait for thousands of fsyncs.
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let dir = tempfile::tempdir_in(base).unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        fs::write(
            dir.path().join("root/cgroup.controllers"),
            "cpu memory pids\n",
        )
        .unwrap();
        Self { dir }
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Makes a cgroup from a fixture; gives its id.
    pub fn add(&self, path: &str, fixture: &str) -> u64 {
        let target = self.root().join(path);
        fs::create_dir_all(&target).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(fixture);
        for entry in fs::read_dir(source).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
        }
        self.id(path)
    }

    pub fn id(&self, path: &str) -> u64 {
        fs::metadata(self.root().join(path)).unwrap().ino()
    }

    pub fn put(&self, file: &str, text: &str) {
        fs::write(self.root().join(file), text).unwrap();
    }

    pub fn text(&self, file: &str) -> String {
        fs::read_to_string(self.root().join(file)).unwrap()
    }

    /// All files and their content.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut pending = vec![self.root()];
        while let Some(dir) = pending.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    pending.push(path);
                } else {
                    let content = fs::read(&path).unwrap();
                    files.insert(path, content);
                }
            }
        }
        files
    }

    pub fn journal(&self) -> Journal {
        Journal::open(&self.state()).unwrap()
    }

    pub fn writer(&self) -> LimitWriter {
        let permit = WritePermit::of(Mode::Enforce).unwrap();
        LimitWriter::new(permit, self.root(), self.journal())
    }
}

pub fn cgroup(path: &str, id: u64) -> CgroupRef<'_> {
    CgroupRef { path, id }
}
