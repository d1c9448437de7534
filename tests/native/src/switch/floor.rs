//! A program that does nothing at each context switch: what the kernel's statistics say of it is
//! what they cost themselves.

use std::os::fd::{AsRawFd as _, OwnedFd};

use anyhow::{Context as _, Result};

use crate::bpf::{Attributes, PROG_LOAD, RAW_TRACEPOINT_OPEN, open};

/// `BPF_PROG_TYPE_RAW_TRACEPOINT`.
const RAW_TRACEPOINT: u64 = 17;
/// `r0 = 0; exit`.
const RETURN_ZERO: [u64; 2] = [0xb7, 0x95];

/// Loaded and attached to `sched_switch`; dropping it detaches it.
#[derive(Debug)]
pub struct EmptyProgram {
    program: OwnedFd,
    _link: OwnedFd,
}

impl EmptyProgram {
    /// Loads and attaches it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn attach() -> Result<Self> {
        let mut load: Attributes = [0; 16];
        load[0] = RAW_TRACEPOINT | ((RETURN_ZERO.len() as u64) << 32);
        load[1] = RETURN_ZERO.as_ptr() as u64;
        load[2] = c"GPL".as_ptr() as u64;
        // SAFETY: both addresses are of constants of the length that is given.
        let program = unsafe { open(PROG_LOAD, &load) }.context("loading an empty program")?;
        let mut attach: Attributes = [0; 16];
        attach[0] = c"sched_switch".as_ptr() as u64;
        attach[1] = u64::try_from(program.as_raw_fd())?;
        // SAFETY: the address is of a constant string with an end.
        let link = unsafe { open(RAW_TRACEPOINT_OPEN, &attach) };
        Ok(Self {
            program,
            _link: link.context("attaching an empty program to sched_switch")?,
        })
    }

    /// Its descriptor in this process.
    #[must_use]
    pub fn fd(&self) -> i32 {
        self.program.as_raw_fd()
    }
}
