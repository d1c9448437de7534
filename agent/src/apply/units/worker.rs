//! The thread that talks to systemd, so that the loop never waits for it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use llmos_cgroupfs::FenceView;
use llmos_systemd::{
    BusError, Facts, Host, Manager, Original, Properties, Property, UNSET, UnitName, near, undo,
};

/// Jobs that wait; each unit has at most one.
const LONGEST_QUEUE: usize = 256;
/// The first pause after the bus failed; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is to be done with a unit.
#[derive(Debug)]
pub(super) enum Job {
    /// Ask what it has.
    Learn,
    /// Set all of this in one call, if it still has what is expected.
    Set {
        properties: Properties,
        expected: Properties,
        cgroup: PathBuf,
        fence: FenceView<'static>,
    },
    /// Give it back what it had, if it still has what is expected.
    Undo {
        original: Original,
        expected: Properties,
        cgroup: PathBuf,
        fence: FenceView<'static>,
    },
}

/// What came of a job.
#[derive(Debug)]
pub(super) enum Answer {
    Learnt(Facts),
    /// Set as wanted.
    Set(Properties),
    /// Not set: somebody else changed these.
    Changed(Properties),
    /// As it was before us, but for what people should know.
    Undone(Option<String>),
    /// Not done: `MemoryMax` would be below the memory in use, and kill.
    NoRoom,
    /// Not done: the limits were taken over.
    Fenced,
    Failed(BusError),
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// It waits, in the place of an older job of that unit if there was one.
    Queued,
    /// The unit's job before is being done.
    Busy,
    /// Too many wait.
    Full,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<(UnitName, Job)>,
    doing: Option<UnitName>,
    answers: Vec<(UnitName, Answer)>,
    /// Why the bus cannot be used, if it was tried and failed.
    trouble: Option<String>,
    stop: bool,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread and what waits for it.
#[derive(Debug)]
pub(super) struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(host: Host) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut bus = Bus::new(host);
        let mine = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("systemd".to_owned())
            .spawn(move || run(&mine, &mut bus))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Offers a job. The newest one of a unit counts.
    pub(super) fn offer(&self, unit: &UnitName, job: Job) -> Offered {
        let mut queue = self.shared.lock();
        if queue.doing.as_ref() == Some(unit) {
            return Offered::Busy;
        }
        if let Some(waiting) = queue.jobs.iter_mut().find(|(name, _)| name == unit) {
            waiting.1 = job;
            return Offered::Queued;
        }
        if queue.jobs.len() >= LONGEST_QUEUE {
            return Offered::Full;
        }
        queue.jobs.push_back((unit.clone(), job));
        self.shared.wake.notify_one();
        Offered::Queued
    }

    /// What came of jobs since the last call.
    pub(super) fn answers(&self) -> Vec<(UnitName, Answer)> {
        std::mem::take(&mut self.shared.lock().answers)
    }

    /// Why the bus cannot be used, if so.
    pub(super) fn trouble(&self) -> Option<String> {
        self.shared.lock().trouble.clone()
    }

    /// Drops what waits, and what came of jobs so far.
    pub(super) fn clear(&self) {
        let mut queue = self.shared.lock();
        queue.jobs.clear();
        queue.answers.clear();
    }

    /// Is nothing waiting or being done?
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        let queue = self.shared.lock();
        queue.jobs.is_empty() && queue.doing.is_none()
    }

    /// Ends the thread. Waits for the call that is under way, so that nothing is set after this.
    pub(super) fn stop(&mut self) {
        let mut queue = self.shared.lock();
        queue.stop = true;
        queue.jobs.clear();
        drop(queue);
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that talks to systemd has panicked");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(shared: &Shared, bus: &mut Bus) {
    // At once, so that a bus that is missing is known before it is needed.
    let connected = bus.manager().err();
    shared.lock().trouble = connected.map(|error| error.to_string());
    loop {
        let mut queue = shared.lock();
        while queue.jobs.is_empty() && !queue.stop {
            queue = shared
                .wake
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if queue.stop {
            return;
        }
        let Some((unit, job)) = queue.jobs.pop_front() else {
            continue;
        };
        queue.doing = Some(unit.clone());
        drop(queue);
        let answer = bus.work(&unit, job);
        let mut queue = shared.lock();
        queue.doing = None;
        queue.trouble = bus.trouble();
        queue.answers.push((unit, answer));
    }
}

/// The connection, made anew after a pause when it fails.
struct Bus {
    host: Host,
    manager: Option<Manager>,
    down: Option<(BusError, Instant)>,
    pause: Duration,
}

impl Bus {
    fn new(host: Host) -> Self {
        Self {
            host,
            manager: None,
            down: None,
            pause: FIRST_PAUSE,
        }
    }

    fn trouble(&self) -> Option<String> {
        self.down.as_ref().map(|(error, _)| error.to_string())
    }

    fn manager(&mut self) -> Result<&Manager, BusError> {
        if let Some((error, until)) = &self.down
            && Instant::now() < *until
        {
            return Err(error.clone());
        }
        if self.manager.is_none() {
            match Manager::connect(&self.host) {
                Ok(manager) => self.manager = Some(manager),
                Err(error) => return Err(self.failed(error)),
            }
        }
        match &self.manager {
            Some(manager) => Ok(manager),
            None => Err(BusError::Unreachable("not connected".to_owned())),
        }
    }

    fn failed(&mut self, error: BusError) -> BusError {
        if error.is_of_the_bus() {
            self.manager = None;
            self.down = Some((error.clone(), Instant::now() + self.pause));
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        error
    }

    fn work(&mut self, unit: &UnitName, job: Job) -> Answer {
        let host = self.host.clone();
        let done = match self.manager() {
            Ok(manager) => act(&host, manager, unit, job),
            // Failed already, or told just now.
            Err(error) => return Answer::Failed(error),
        };
        match done {
            Err(error) if error.is_of_the_bus() => Answer::Failed(self.failed(error)),
            answered => {
                self.down = None;
                self.pause = FIRST_PAUSE;
                answered.unwrap_or_else(Answer::Failed)
            }
        }
    }
}

fn act(host: &Host, manager: &Manager, unit: &UnitName, job: Job) -> Result<Answer, BusError> {
    match job {
        Job::Learn => Ok(Answer::Learnt(manager.facts(unit)?)),
        Job::Set {
            properties,
            expected,
            cgroup,
            fence,
        } => {
            if let Some(now) = changed(manager, unit, &expected)? {
                return Ok(Answer::Changed(now));
            }
            if would_kill(&cgroup, &properties) {
                return Ok(Answer::NoRoom);
            }
            if fence.check().is_err() {
                return Ok(Answer::Fenced);
            }
            manager.set(unit, &properties)?;
            Ok(Answer::Set(properties))
        }
        Job::Undo {
            original,
            expected,
            cgroup,
            fence,
        } => {
            match changed(manager, unit, &expected) {
                Ok(Some(now)) => return Ok(Answer::Changed(now)),
                // One that is gone may have left drop-ins all the same.
                Ok(None) | Err(BusError::NoSuchUnit(_)) => {}
                Err(error) => return Err(error),
            }
            if would_kill(&cgroup, &original.values) {
                return Ok(Answer::NoRoom);
            }
            if fence.check().is_err() {
                return Ok(Answer::Fenced);
            }
            let left = undo(host, manager, unit, &original, false)?.left;
            Ok(Answer::Undone(left.map(|(path, why)| {
                format!("{} stays until the next boot: {why}", path.display())
            })))
        }
    }
}

/// What a unit has now, if that is not what is expected.
fn changed(
    manager: &Manager,
    unit: &UnitName,
    expected: &Properties,
) -> Result<Option<Properties>, BusError> {
    if expected.is_empty() {
        return Ok(None);
    }
    let now = manager.values(unit, &expected.which())?;
    Ok((!near(expected, &now)).then_some(now))
}

/// systemd writes `memory.max` at once, whatever is in use.
fn would_kill(cgroup: &std::path::Path, properties: &Properties) -> bool {
    let limit = properties
        .get(Property::MemoryMax)
        .filter(|max| *max != UNSET);
    let Some(limit) = limit else { return false };
    // A cgroup that is gone has nothing to kill.
    let current = std::fs::read_to_string(cgroup.join("memory.current")).ok();
    let current = current.and_then(|text| text.trim().parse::<u64>().ok());
    current.is_some_and(|current| current > limit)
}
