//! Gives back memory that only the start needed: the code that parses kernel types and optimises the
//! model, the tables that go with it, and the free parts of the heap. What is needed again comes back from
//! the page cache.

use std::fs;

use nix::libc;

use super::allocator;

/// Drops the pages of this program's file that nobody has written from its resident set, and free heap
/// pages with them. The kernel maps the same pages again when they are needed.
pub fn startup_memory() {
    let Ok(mappings) = fs::read_to_string("/proc/self/smaps") else {
        return;
    };
    let own = fs::read_link("/proc/self/exe").ok();
    let Some(own) = own.as_deref().and_then(|path| path.to_str()) else {
        return;
    };
    for (start, end) in unwritten(&mappings, own) {
        // SAFETY: the range is a private mapping that cannot be written, and no page of it has been (what
        // the dynamic linker has is left out): all are those of the file, and the kernel reads them again
        // on the next access.
        let refused =
            unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
        if refused != 0 {
            tracing::debug!(error = %std::io::Error::last_os_error(), "code stays resident");
        }
    }
    allocator::return_free_memory();
}

/// Start and end of the mappings of `own` that cannot be written and of which no page has been: its code
/// and its constants.
fn unwritten(mappings: &str, own: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut range = None;
    for line in mappings.lines() {
        if let Some(of) = mapping(line) {
            range = of.filter(|_| line.ends_with(own));
        } else if let Some(written) = line.strip_prefix("Anonymous:")
            && written.trim() == "0 kB"
        {
            found.extend(range.take());
        }
    }
    found
}

/// Is this the first line of a mapping? Its start and end then, if it is private and cannot be written.
fn mapping(line: &str) -> Option<Option<(usize, usize)>> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    let constant = rest.starts_with("r-xp ") || rest.starts_with("r--p ");
    Some(constant.then_some((start, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSTANTS: &str = "\
55d0c8000000-55d0c8600000 r--p 00000000 08:01 77 /usr/bin/agent
Size: 6144 kB
Anonymous: 0 kB
VmFlags: rd mr mw me sd
";
    const CODE: &str = "\
55d0c8a00000-55d0c8b00000 r-xp 00600000 08:01 77 /usr/bin/agent
Size: 1024 kB
Anonymous:         0 kB
VmFlags: rd ex mr mw me sd
";

    #[test]
    fn own_code_and_constants_are_dropped() {
        let ranges = unwritten(&format!("{CONSTANTS}{CODE}"), "/usr/bin/agent");
        let constants = (0x55d0_c800_0000, 0x55d0_c860_0000);
        assert_eq!(ranges, [constants, (0x55d0_c8a0_0000, 0x55d0_c8b0_0000)]);
    }

    #[test]
    fn what_was_written_or_is_of_another_file_stays() {
        let none = |text: &str| assert_eq!(unwritten(text, "/usr/bin/agent"), [], "{text}");
        none(&CODE.replace("/usr/bin/agent", "/usr/bin/other"));
        none(&CODE.replace("r-xp", "rw-p"));
        // As the dynamic linker leaves what it has moved.
        none(&CONSTANTS.replace("mous: 0", "mous: 908"));
        // One without a count, before another mapping.
        none(
            "55d0c8000000-55d0c8600000 r--p 0 08:01 77 /usr/bin/agent\n7f0-7f1 rw-p 0 0:0 0\nAnonymous: 0 kB\n",
        );
        none("garbage");
    }

    #[test]
    fn the_program_runs_on_afterwards() {
        startup_memory();
        let numbers: Vec<u32> = (0..1000).rev().collect();
        assert_eq!(numbers.iter().sum::<u32>(), 499_500);
    }
}
