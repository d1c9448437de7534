//! Work in pieces, dealt out to threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does all jobs on at least one thread; what came of each, in their order. `begin` gives each thread
/// what it works with. `work` gets that and a job.
///
/// # Errors
/// The first error of `begin` or `work`. After one of `work` no thread begins another job.
pub fn deal<Job: Sync, Tool, Found: Send, E: Send>(
    jobs: &[Job],
    threads: usize,
    begin: impl Fn() -> Result<Tool, E> + Sync,
    work: impl Fn(&mut Tool, &Job) -> Result<Found, E> + Sync,
) -> Result<Vec<Found>, E> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::with_capacity(jobs.len()));
    let thread = || -> Result<(), E> {
        let mut tool = begin()?;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(at) else {
                return Ok(());
            };
            let one = work(&mut tool, job).inspect_err(|_| {
                next.store(jobs.len(), Ordering::Relaxed);
            })?;
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.push((at, one));
        }
    };
    thread::scope(|scope| {
        let others = 1..threads.clamp(1, jobs.len().max(1));
        let others: Vec<_> = others.map(|_| scope.spawn(thread)).collect();
        let mine = thread();
        others
            .into_iter()
            .map(|other| {
                other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .fold(mine, Result::and)
    })?;
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_unstable_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, one)| one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_jobs_is_in_their_order_and_an_error_ends_the_work() {
        let jobs: Vec<u32> = (0..100).collect();
        for threads in [0, 1, 2, 200] {
            let double = |_: &mut (), job: &u32| Ok::<_, u32>(2 * job);
            let found = deal(&jobs, threads, || Ok(()), double).unwrap();
            assert!(found.iter().zip(&jobs).all(|(two, one)| *two == 2 * one));
            assert_eq!(found.len(), jobs.len());
        }
        let begun = AtomicUsize::new(0);
        let fails = |_: &mut (), job: &u32| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *job == 3 { Err(*job) } else { Ok(()) }
        };
        assert_eq!(deal(&jobs, 1, || Ok(()), fails), Err(3));
        assert_eq!(begun.load(Ordering::Relaxed), 4);
        assert_eq!(deal(&jobs, 2, || Err::<(), _>(7), |_, _| Ok(())), Err(7));
    }
}
