//! Capacities of the maps, once for both sides.

/// cgroups counted at the same time. Further ones are counted as lost, not silently dropped.
pub const MAX_CGROUPS: u32 = 16_384;

/// Bytes of the ring buffer that carries events; a power of two and a multiple of the page size.
pub const EVENT_RING_BYTES: u32 = 256 * 1024;

/// Bytes of a cgroup's path in an event; a longer one is cut, and the agent looks it up by id.
pub const PATH_BYTES: usize = 256;

/// Tasks that free memory at the same time and whose time is followed.
pub const MAX_RECLAIMING: u32 = 4096;

/// Levels of the hierarchy, from a task upwards, whose quota is looked at.
pub const QUOTA_LEVELS: usize = 8;

/// CPUs that the cgroup iterator adds up; a machine with more reads the maps instead.
pub const MAX_ITERATED_CPUS: u32 = 512;

/// Tasks whose last look is kept; a power of two. Thread ids beyond it share slots.
pub const TASK_SLOTS: u32 = 65_536;
