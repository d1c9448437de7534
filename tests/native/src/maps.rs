//! What a running agent holds: memory, open files, and entries of its kernel maps.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};

use anyhow::{Context as _, Result, ensure};
use aya::maps::MapInfo;
use llmos_cgroupfs::{Root, walk};

use crate::bpf::{Attributes, MAP_GET_NEXT_KEY, call};

/// Map types whose entries come and go (`BPF_MAP_TYPE_*`): hash, per-CPU hash, and both with an
/// order of use. All others have as many entries as they were made for.
const HASHES: [u64; 4] = [1, 5, 9, 10];

/// What a process holds at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Resident memory in bytes.
    pub rss_bytes: u64,
    /// Open files.
    pub files: u64,
    /// Entries by map.
    pub entries: BTreeMap<String, u64>,
    /// Of those, how many are kept for a cgroup that is gone.
    pub stale: u64,
    /// cgroups of the v2 tree, whoever made them.
    pub cgroups: u64,
}

impl Footprint {
    /// Of a process.
    ///
    /// # Errors
    /// When it is gone, or its maps cannot be opened.
    pub fn of(pid: u32) -> Result<Self> {
        let status = format!("/proc/{pid}/status");
        let text = fs::read_to_string(&status).with_context(|| status.clone())?;
        let rss = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss = rss.with_context(|| format!("{status} has no VmRSS"))?;
        let kib: u64 = rss.trim().trim_end_matches("kB").trim().parse()?;
        let mut footprint = Self {
            rss_bytes: kib * 1024,
            ..Self::default()
        };
        let dir = format!("/proc/{pid}/fdinfo");
        let mut maps = BTreeMap::new();
        for entry in fs::read_dir(&dir).with_context(|| dir.clone())? {
            let path = entry?.path();
            footprint.files += 1;
            // A file may be closed meanwhile.
            let Ok(text) = fs::read_to_string(path) else {
                continue;
            };
            if let Some(map) = Map::parse(&text) {
                maps.insert(map.id, map);
            }
        }
        let mut kept = Vec::new();
        for map in maps.values() {
            let (name, keys) = map.keys()?;
            footprint.entries.insert(name, keys.len() as u64);
            kept.extend(keys.into_iter().filter_map(cgroup_id));
        }
        // Looked at last: what came meanwhile has no entry yet, what went is stale either way.
        let alive: HashSet<u64> = walk(Root::find()?.path())?
            .entries
            .iter()
            .map(|cgroup| cgroup.id)
            .collect();
        footprint.cgroups = alive.len() as u64;
        footprint.stale = kept.iter().filter(|id| !alive.contains(id)).count() as u64;
        Ok(footprint)
    }
}

/// Maps by cgroup have its id as key: eight bytes. Others have none of that size.
fn cgroup_id(key: Vec<u8>) -> Option<u64> {
    key.try_into().ok().map(u64::from_ne_bytes)
}

#[derive(Debug, PartialEq, Eq)]
struct Map {
    id: u32,
    key_bytes: usize,
    max_entries: u64,
}

impl Map {
    /// A map with entries that come and go, by the information on its descriptor.
    fn parse(fdinfo: &str) -> Option<Self> {
        let of = |key: &str| -> Option<u64> {
            let line = fdinfo.lines().find_map(|line| line.strip_prefix(key))?;
            line.trim().parse().ok()
        };
        HASHES.contains(&of("map_type:")?).then_some(())?;
        Some(Self {
            id: u32::try_from(of("map_id:")?).ok()?,
            key_bytes: usize::try_from(of("key_size:")?).ok()?,
            max_entries: of("max_entries:")?,
        })
    }

    /// Its name and the keys that it has now.
    fn keys(&self) -> Result<(String, Vec<Vec<u8>>)> {
        let info = MapInfo::from_id(self.id).with_context(|| format!("map {}", self.id))?;
        let name = info.name_as_str().unwrap_or("unnamed").to_owned();
        let fd = info.fd().with_context(|| format!("map {name}"))?;
        let mut keys: Vec<Vec<u8>> = Vec::new();
        loop {
            let mut next = vec![0_u8; self.key_bytes];
            let mut ask: Attributes = [0; 16];
            ask[0] = u64::try_from(fd.as_fd().as_raw_fd())?;
            // No key asks for the first one.
            ask[1] = keys.last().map_or(0, |key| key.as_ptr() as u64);
            ask[2] = next.as_mut_ptr() as u64;
            // SAFETY: both buffers have the size of the map's keys.
            match unsafe { call(MAP_GET_NEXT_KEY, &ask) } {
                Ok(_) => keys.push(next),
                Err(error) if error.raw_os_error() == Some(nix::libc::ENOENT) => break,
                Err(error) => return Err(error).with_context(|| format!("keys of map {name}")),
            }
            // A key that is removed meanwhile sends the walk back to the start.
            ensure!(
                keys.len() as u64 <= 4 * self.max_entries,
                "map {name} changes faster than it can be counted"
            );
        }
        // For the same reason.
        keys.sort_unstable();
        keys.dedup();
        Ok((name, keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_maps_whose_entries_come_and_go_are_counted() {
        let hash = "map_type:\t5\nkey_size:\t8\nmax_entries:\t16\nmap_id:\t3\n";
        let map = Map::parse(hash).unwrap();
        assert_eq!((map.id, map.key_bytes, map.max_entries), (3, 8, 16));
        assert!(Map::parse(&hash.replace("\t5\n", "\t2\n")).is_none());
        assert!(Map::parse("pos:\t0\n").is_none());
        assert_eq!(cgroup_id(7_u64.to_ne_bytes().to_vec()), Some(7));
        assert_eq!(cgroup_id(vec![0; 4]), None);
    }
}
