//! What the kernel announces through files: pressure triggers and changes of `memory.events`.
