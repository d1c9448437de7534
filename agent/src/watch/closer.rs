//! Closes triggers beside the event loop.
//!
//! The kernel waits for an RCU grace period (8 to 60 ms) when a live trigger goes. In the event
//! loop that would hold up everything else, once for each.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

/// Closes files one after the other, on the runtime's pool for things that block.
#[derive(Debug, Clone, Default)]
pub(super) struct Closer(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    files: Vec<File>,
    running: bool,
}

impl Closer {
    /// Closes a file soon; outside of an event loop at once.
    pub(super) fn close(&self, file: File) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut queue = self.queue();
        queue.files.push(file);
        if !std::mem::replace(&mut queue.running, true) {
            let closer = self.clone();
            drop(queue);
            runtime.spawn_blocking(move || closer.run());
        }
    }

    fn run(&self) {
        loop {
            let mut queue = self.queue();
            let Some(file) = queue.files.pop() else {
                queue.running = false;
                return;
            };
            drop(queue);
            drop(file);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
