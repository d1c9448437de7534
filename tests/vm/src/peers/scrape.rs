//! Asks for metrics once a second, as a Prometheus server would.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::subject::Subject;

const PERIOD: Duration = Duration::from_secs(1);

/// What the answers were like.
#[derive(Debug, Clone, Default)]
pub struct Scraped {
    /// Answers that came.
    pub answers: usize,
    /// Size of the last one.
    pub bytes: usize,
    /// Why the last question without an answer had none.
    pub error: String,
    took_ms: Vec<f64>,
    stamps: BTreeSet<u64>,
}

impl Scraped {
    /// The median time to an answer.
    pub fn median_ms(&self) -> Option<f64> {
        crate::scenario::verdict::median(self.took_ms.iter().copied())
    }

    /// Different readings of one cgroup among the answers, where answers say when each was made.
    /// Fewer than answers means that the subject could not keep its own pace.
    pub fn readings(&self) -> Option<usize> {
        (!self.stamps.is_empty()).then_some(self.stamps.len())
    }
}

/// A thread that asks.
pub struct Scraper {
    stop: Arc<AtomicBool>,
    scraped: Arc<Mutex<Scraped>>,
    thread: JoinHandle<()>,
}

impl Scraper {
    /// Starts to ask.
    pub fn start(subject: &'static Subject) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let scraped = Arc::new(Mutex::new(Scraped::default()));
        let (stopped, seen) = (Arc::clone(&stop), Arc::clone(&scraped));
        let thread = std::thread::spawn(move || {
            let mut due = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                ask(subject, &seen);
                // A question that took longer than a period leaves out those that were due.
                due = (due + PERIOD).max(Instant::now());
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        Self {
            stop,
            scraped,
            thread,
        }
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        *self.scraped.lock().unwrap_or_else(PoisonError::into_inner) = Scraped::default();
    }

    /// Ends the thread; what came since the last [`Self::forget`].
    pub fn stop(self) -> Scraped {
        let scraped = self
            .scraped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.stop.store(true, Ordering::Relaxed);
        // It holds nothing that a panic could spoil.
        let _ = self.thread.join();
        scraped
    }
}

fn ask(subject: &Subject, seen: &Mutex<Scraped>) {
    let start = Instant::now();
    let answer = subject.fetch();
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    match answer {
        Ok(body) => {
            seen.answers += 1;
            seen.bytes = body.len();
            seen.took_ms.push(start.elapsed().as_secs_f64() * 1e3);
            let stamp = subject.stamped.and_then(|metric| stamp(&body, metric));
            seen.stamps.extend(stamp);
        }
        Err(error) => seen.error = format!("{error:#}"),
    }
}

/// When the reading behind the first sample of a metric of the crowd was made: the third column of
/// the text format, in milliseconds.
fn stamp(body: &[u8], metric: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(body);
    let line = text
        .lines()
        .find(|line| line.starts_with(metric) && line.contains("llmos-crowd-0007"))?;
    let (_, numbers) = line.rsplit_once('}')?;
    numbers.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::stamp;

    #[test]
    fn a_sample_may_say_when_it_was_read() {
        let body = b"# TYPE x counter\nx{id=\"/\"} 1 5\nx{id=\"/crowd/llmos-crowd-0007\"} 2.5 1700000000123\n";
        assert_eq!(stamp(body, "x{"), Some(1_700_000_000_123));
        assert_eq!(stamp(b"x{id=\"llmos-crowd-0007\"} 2.5\n", "x{"), None);
    }
}
