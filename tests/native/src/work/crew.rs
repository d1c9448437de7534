//! Threads that begin together and stay after their work, so that their accounts can be read.

use std::sync::mpsc::channel;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};

use super::{done, ready};

/// The work of one thread.
pub type Job = Box<dyn FnOnce() -> Result<()> + Send>;

/// Runs each job in a thread of its own, from the word to begin on, and lets the threads go when
/// the input ends.
///
/// # Errors
/// When nobody talks to this program, or the first error of a job.
pub fn run(jobs: Vec<Job>) -> Result<()> {
    let (start, leave) = (Gate::default(), Gate::default());
    let (worked, at_work) = channel();
    thread::scope(|scope| {
        // Whatever goes wrong here, no thread waits for ever.
        let _opened = (OpenOnDrop(&start), OpenOnDrop(&leave));
        let threads: Vec<_> = jobs
            .into_iter()
            .map(|job| {
                let (start, leave, worked) = (&start, &leave, worked.clone());
                scope.spawn(move || {
                    start.pass();
                    let result = job();
                    drop(worked);
                    leave.pass();
                    result
                })
            })
            .collect();
        drop(worked);
        ready("")?;
        start.open();
        // Ends when the last thread has dropped its end.
        let _: Result<(), _> = at_work.recv();
        done("")?;
        leave.open();
        for thread in threads {
            thread.join().ok().context("a thread panicked")??;
        }
        Ok(())
    })
}

/// Closed until it is opened for good.
#[derive(Default)]
struct Gate {
    opened: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        while !*opened {
            opened = self
                .changed
                .wait(opened)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct OpenOnDrop<'a>(&'a Gate);

impl Drop for OpenOnDrop<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}
