//! The C library's allocator, told to keep little.

/// Blocks of this size and above are mapped each for itself and go back when they are freed. Left alone, the
/// bound follows the largest block that was ever freed: then tables that grow by copying leave holes as large
/// as themselves in the heap, which nothing else fills. A tenth of the memory at a thousand workloads.
#[cfg(target_env = "gnu")]
const MAPPED_FROM: i32 = 256 * 1024;
/// Free memory at the heap's end above which it is given back; a tick must not do that each time.
#[cfg(target_env = "gnu")]
const KEPT: i32 = 16 * 1024 * 1024;

/// To be called once, before anything of size is allocated.
pub fn settle() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [
        (nix::libc::M_MMAP_THRESHOLD, MAPPED_FROM),
        (nix::libc::M_TRIM_THRESHOLD, KEPT),
        // Threads that hardly allocate need no heaps of their own.
        (nix::libc::M_ARENA_MAX, 1),
    ] {
        // SAFETY: sets a number of the allocator; a value that it does not take changes nothing.
        unsafe {
            nix::libc::mallopt(parameter, value);
        }
    }
}

/// Gives memory that start-up needed (the kernel's types above all) back to the system.
pub fn return_free_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: a call without preconditions; it touches only free memory of the allocator.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
