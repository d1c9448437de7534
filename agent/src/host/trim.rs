//! Gives back memory that only the start needed: the code that parses kernel types and optimises the
//! model, and the free parts of the heap. What is needed again comes back from the page cache.

use std::fs;

use nix::libc;

use super::allocator;

/// Drops the pages of this program's code from its resident set, and free heap pages with them.
/// Code is never written, so the kernel maps the same pages again when they are called.
pub fn startup_memory() {
    let Ok(maps) = fs::read_to_string("/proc/self/maps") else {
        return;
    };
    let own = fs::read_link("/proc/self/exe").ok();
    let Some(own) = own.as_deref().and_then(|path| path.to_str()) else {
        return;
    };
    for (start, end) in maps.lines().filter_map(|line| code_of(line, own)) {
        // SAFETY: the range is a private mapping of code, which nobody writes: all its pages are
        // those of the file, and the kernel reads them again on the next access.
        let refused =
            unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
        if refused != 0 {
            tracing::debug!(error = %std::io::Error::last_os_error(), "code stays resident");
        }
    }
    allocator::return_free_memory();
}

/// Start and end of a mapping that holds code of `own`.
fn code_of(line: &str, own: &str) -> Option<(usize, usize)> {
    let (range, rest) = line.split_once(' ')?;
    if !rest.starts_with("r-xp ") || !rest.ends_with(own) {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    Some((
        usize::from_str_radix(start, 16).ok()?,
        usize::from_str_radix(end, 16).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_code_is_dropped() {
        let line = "55d0c8a00000-55d0c8b00000 r-xp 00100000 08:01 77 /usr/bin/agent";
        assert_eq!(
            code_of(line, "/usr/bin/agent"),
            Some((0x55d0_c8a0_0000, 0x55d0_c8b0_0000))
        );
        assert_eq!(code_of(line, "/usr/bin/other"), None);
        assert_eq!(
            code_of(&line.replace("r-xp", "r--p"), "/usr/bin/agent"),
            None
        );
        assert_eq!(code_of("garbage", "x"), None);
    }

    #[test]
    fn the_program_runs_on_afterwards() {
        startup_memory();
        let numbers: Vec<u32> = (0..1000).rev().collect();
        assert_eq!(numbers.iter().sum::<u32>(), 499_500);
    }
}
