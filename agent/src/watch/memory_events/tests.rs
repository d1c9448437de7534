//! A plain file that is written to announces itself like one of the kernel's, so these run
//! anywhere; what only a cgroup's file does is in `agent/tests/watches.rs`.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::PathBuf;
use std::time::Duration;

use super::*;

/// Nothing takes this long; a test that waits for it hangs.
const DEADLINE: Duration = Duration::from_secs(30);

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn cgroup(&self, name: &str, text: &str) -> PathBuf {
        let dir = self.0.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(FILE), text).unwrap();
        dir
    }
}

/// Writes without truncating first, which would be an event of its own.
fn set(dir: &Path, text: &str) {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(dir.join(FILE))
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

async fn next(files: &mut EventFiles) -> (u64, MemoryCounts) {
    let (id, new) = tokio::time::timeout(DEADLINE, files.next()).await.unwrap();
    (id.0, new)
}

/// True when the queue has nothing more to tell.
async fn silent(files: &mut EventFiles) -> bool {
    tokio::time::timeout(Duration::from_millis(200), files.next())
        .await
        .is_err()
}

fn high(count: u64) -> MemoryCounts {
    MemoryCounts {
        high: Some(count),
        ..MemoryCounts::default()
    }
}

#[tokio::test]
async fn what_rose_is_told_and_nothing_else() {
    let dir = Dir::new();
    let a = dir.cgroup("a", "high 3\nmax 1\n");
    let b = dir.cgroup("b", "high 0\nmax 0\n");
    let mut files = EventFiles::new();
    files.add(CgroupId(1), &a).unwrap();
    files.add(CgroupId(2), &b).unwrap();
    assert!(silent(&mut files).await, "what was there before is no news");

    set(&a, "high 5\nmax 1\n");
    let expected = MemoryCounts {
        high: Some(2),
        max: Some(0),
        ..MemoryCounts::default()
    };
    assert_eq!(next(&mut files).await, (1, expected));
    set(&b, "high 0\nmax 0\n");
    assert!(
        silent(&mut files).await,
        "b was written to and did not rise"
    );
    assert_eq!(files.len(), 2);
}

#[tokio::test]
async fn a_burst_is_one_event_with_the_whole_sum() {
    let dir = Dir::new();
    let a = dir.cgroup("a", "high 0\n");
    let mut files = EventFiles::new();
    files.add(CgroupId(1), &a).unwrap();
    for count in 1..=9 {
        set(&a, &format!("high {count}\n"));
    }
    assert_eq!(next(&mut files).await, (1, high(9)));
    assert!(silent(&mut files).await);
    assert_eq!(files.effort(), (1, 0));
}

#[tokio::test]
async fn a_removed_cgroup_is_silent_and_its_watch_is_gone() {
    let dir = Dir::new();
    let a = dir.cgroup("a", "high 0\n");
    let mut files = EventFiles::new();
    files.add(CgroupId(1), &a).unwrap();
    set(&a, "high 1\n");
    files.remove(CgroupId(1));
    assert!(silent(&mut files).await);
    assert_eq!((files.len(), files.owners.len()), (0, 0));
    let source = files.source.as_ref().unwrap().inotify();
    let source = source.as_fd().as_raw_fd();
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{source}")).unwrap();
    assert_eq!(info.matches("inotify wd").count(), 0, "{info}");
}

#[tokio::test]
async fn a_file_that_goes_takes_its_watch_along() {
    let dir = Dir::new();
    let a = dir.cgroup("a", "high 0\n");
    let mut files = EventFiles::new();
    files.add(CgroupId(1), &a).unwrap();
    fs::remove_dir_all(&a).unwrap();
    assert!(silent(&mut files).await);
    assert_eq!((files.len(), files.owners.len()), (0, 0));
}

#[tokio::test]
async fn a_new_cgroup_of_the_same_name_is_not_taken_for_the_old_one() {
    let dir = Dir::new();
    let a = dir.cgroup("a", "high 0\n");
    let mut files = EventFiles::new();
    files.add(CgroupId(1), &a).unwrap();
    set(&a, "high 1\n");
    // The old file stays, under another name, so that its inode is not given out again.
    fs::rename(&a, dir.0.path().join("old")).unwrap();
    dir.cgroup("a", "high 7\n");
    assert!(silent(&mut files).await);
    assert_eq!(files.len(), 0);
}

#[tokio::test]
async fn many_changes_are_paced_and_none_is_lost() {
    let dir = Dir::new();
    let mut files = EventFiles::new();
    let count = FILES_PER_STRETCH * 2 + 10;
    let dirs: Vec<PathBuf> = (0..count)
        .map(|n| dir.cgroup(&n.to_string(), "high 0\n"))
        .collect();
    for (id, dir) in (0..).zip(&dirs) {
        files.add(CgroupId(id), dir).unwrap();
    }
    for dir in &dirs {
        set(dir, "high 1\n");
    }
    let begin = Instant::now();
    let mut seen = Vec::new();
    for _ in &dirs {
        let (id, new) = next(&mut files).await;
        assert_eq!(new, high(1));
        seen.push(id);
    }
    assert!(begin.elapsed() >= STRETCH * 2, "{:?}", begin.elapsed());
    let in_order: Vec<u64> = (0..).take(count).collect();
    assert_eq!(seen, in_order, "first come, first read");
}

#[tokio::test]
async fn an_overflow_of_the_queue_loses_no_count() {
    let dir = Dir::new();
    let (a, b) = (dir.cgroup("a", "high 0\n"), dir.cgroup("b", "high 0\n"));
    let mut files = EventFiles::new();
    files.add(CgroupId(1), &a).unwrap();
    files.add(CgroupId(2), &b).unwrap();
    let bound = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let bound: u64 = bound.trim().parse().unwrap();
    // In turns, since the kernel puts equal events in a row together.
    for count in 1..=bound {
        set(&a, &format!("high {count}\n"));
        set(&b, &format!("high {count}\n"));
    }
    // Each in one piece or in more, as the readings fall between the announcements.
    let mut sums = [0, 0];
    while sums != [bound, bound] {
        let (id, new) = next(&mut files).await;
        sums[usize::try_from(id).unwrap() - 1] += new.high.unwrap();
        assert!(sums.iter().all(|sum| *sum <= bound), "{sums:?}");
    }
    assert!(
        silent(&mut files).await,
        "the rest of the queue has no news"
    );
    assert_eq!(files.effort().1, 1, "{files:?}");
}

#[tokio::test]
async fn a_missing_file_says_why() {
    let dir = Dir::new();
    let mut files = EventFiles::new();
    let refused = files.add(CgroupId(1), dir.0.path()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "no memory.events: no memory controller"
    );
    assert_eq!((files.len(), files.owners.len()), (0, 0));
}

#[test]
fn outside_of_an_event_loop_nothing_is_watched_and_nothing_breaks() {
    let files = EventFiles::new();
    assert_eq!(files.failure(), Some("no event loop runs"));
}
