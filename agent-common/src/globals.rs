//! Names of the switches that the agent sets in the kernel side before it loads it. Offsets have
//! names of their own, in a table beside the code that finds them in the running kernel's BTF.

/// 1 when debug logs of the kernel side are wanted.
pub const LOG_ENABLED: &str = "LOG_ENABLED";
/// 1 when this kernel's bandwidth control can be watched.
pub const QUOTA_ENABLED: &str = "QUOTA_ENABLED";
/// 1 when this kernel keeps account of run-queue wait.
pub const WAIT_ENABLED: &str = "WAIT_ENABLED";
/// Flags of the parts that the cgroup iterator reads, as in `facts`.
pub const FACTS_ENABLED: &str = "FACTS_ENABLED";
/// CPUs that the kernel may ever have.
pub const CPU_COUNT: &str = "CPU_COUNT";
