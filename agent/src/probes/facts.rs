//! What the cgroup iterator wrote, read without a copy: the array of the kernel side is mapped here.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use aya::maps::MapData;
use llmos_common::facts::CgroupFacts;
use llmos_common::limits::MAX_CGROUPS;
use memmap2::{MmapOptions, MmapRaw};

use super::syscall;

/// Rows that are mapped at first. A mapped row counts as resident memory of the agent.
const FIRST_ROWS: usize = 256;

/// Reads the facts of all cgroups in one walk.
pub struct FactsReader {
    link: OwnedFd,
    map: MapData,
    rows: MmapRaw,
    mapped: usize,
    len: MmapRaw,
}

impl FactsReader {
    /// Links the program to the tree at `root` and maps its two arrays.
    ///
    /// # Errors
    /// When the kernel refuses the link or the mapping.
    pub(super) fn open(
        program: BorrowedFd<'_>,
        root: &File,
        facts: MapData,
        facts_len: &MapData,
    ) -> io::Result<Self> {
        let link = syscall::link_cgroup_iterator(program, root)?;
        Ok(Self {
            link,
            rows: map(&facts, FIRST_ROWS * size_of::<CgroupFacts>())?,
            mapped: FIRST_ROWS,
            map: facts,
            len: map(facts_len, size_of::<u64>())?,
        })
    }

    /// Walks over all cgroups; one row for each.
    ///
    /// # Errors
    /// When the walk cannot be started or is broken off.
    pub fn read(&mut self) -> io::Result<&[CgroupFacts]> {
        let len = self.len.as_mut_ptr().cast::<u64>();
        // SAFETY: the mapped value of a one-entry array. The kernel writes it only during the read
        // below, which this thread makes.
        unsafe { len.write_volatile(0) };
        let mut walk = syscall::start_walk(self.link.as_fd())?;
        // The program prints nothing, so the first read is the end of the file.
        while walk.read(&mut [0; 64])? > 0 {}
        // SAFETY: as above.
        let rows = unsafe { len.read_volatile() };
        let rows = usize::try_from(rows)
            .unwrap_or(usize::MAX)
            .min(MAX_CGROUPS as usize);
        if rows > self.mapped {
            let wanted = rows.next_power_of_two().min(MAX_CGROUPS as usize);
            self.rows = map(&self.map, wanted * size_of::<CgroupFacts>())?;
            self.mapped = wanted;
        }
        // SAFETY: that many rows are mapped and were written by the walk. No walk runs while the
        // slice lives, since it borrows the reader. A row is plain integers.
        Ok(unsafe { std::slice::from_raw_parts(self.rows.as_ptr().cast(), rows) })
    }
}

/// Maps the first `bytes` of an array map.
fn map(of: &MapData, bytes: usize) -> io::Result<MmapRaw> {
    MmapOptions::new()
        .len(bytes)
        .map_raw(of.fd().as_fd().as_raw_fd())
}
