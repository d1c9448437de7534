//! How the tables of the engine grow.

/// Makes room for `more` items in small steps: doubling would leave megabytes unused.
pub(crate) fn grow<T>(items: &mut Vec<T>, more: usize) {
    if items.capacity() < items.len() + more {
        items.reserve_exact(more.max(items.len() / 16));
    }
}
