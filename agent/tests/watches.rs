//! The watches on control groups of the running kernel: stalls that are made there, limits of
//! memory that are reached, and groups that come and go. Where a part is missing (no controller,
//! no pressure accounting, no right to make a group) a line says so.
//!
//! The groups are made below the root of the v2 hierarchy and removed at the end. The same program
//! runs on a machine with v1 controllers and in a virtual machine with all of them in v2.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use llmos_agent::probes::Health;
use llmos_agent::watch::{MemoryCounts, Resource, Settings, Stalls, Trigger, WatchEvent, Watches};
use llmos_cgroupfs::Root;
use llmos_engine::units::CgroupId;

/// Nothing takes this long; a test that waits for it hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// A control group that goes with everything in it.
struct Group {
    root: PathBuf,
    path: String,
    id: CgroupId,
    children: Vec<Child>,
}

impl Group {
    /// None, with a line, where this machine lets nobody make one.
    fn new(name: &str) -> Option<Self> {
        let root = match Root::find() {
            Ok(root) => root.path().to_owned(),
            Err(error) => {
                println!("skipped: {error}");
                return None;
            }
        };
        let path = format!("llmos-watch-{name}-{}", std::process::id());
        // Not all hierarchies have one, and none can be had in a hybrid layout.
        let _ = fs::write(root.join("cgroup.subtree_control"), "+cpu +memory");
        if let Err(error) = fs::create_dir(root.join(&path)) {
            println!(
                "skipped: no group can be made in {}: {error}",
                root.display()
            );
            return None;
        }
        let id = id_of(&root.join(&path));
        Some(Self {
            root,
            path,
            id,
            children: Vec::new(),
        })
    }

    fn dir(&self) -> PathBuf {
        self.root.join(&self.path)
    }

    fn has(&self, file: &str) -> bool {
        let there = self.dir().join(file).exists();
        if !there {
            println!("skipped: no {file} in {}", self.dir().display());
        }
        there
    }

    fn set(&self, file: &str, value: &str) {
        fs::write(self.dir().join(file), value).unwrap();
    }

    /// Runs a line of shell inside the group from its first instruction on.
    fn shell(&mut self, line: &str) {
        let procs = self.dir().join("cgroup.procs");
        let child = Command::new("sh")
            .arg("-c")
            .arg(format!("echo $$ > {}; {line}", procs.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.children.push(child);
    }

    /// More tasks that never sleep than there are processors.
    fn contend(&mut self) {
        let processors = std::thread::available_parallelism().unwrap().get();
        for _ in 0..processors + 2 {
            self.shell("while :; do :; done");
        }
    }

    /// Ends all that runs in the group, which is more than the shells that were started.
    fn end_children(&mut self) {
        if let Err(error) = fs::write(self.dir().join("cgroup.kill"), "1") {
            println!("cgroup.kill: {error}");
        }
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.children.clear();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end_children();
        // A killed process leaves its group a moment after it was waited for.
        let until = Instant::now() + DEADLINE;
        while self.dir().exists() && fs::remove_dir(self.dir()).is_err() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        if self.dir().exists() {
            println!("left behind: {}", self.dir().display());
        }
    }
}

fn id_of(dir: &Path) -> CgroupId {
    use std::os::unix::fs::MetadataExt as _;
    CgroupId(fs::metadata(dir).unwrap().ino())
}

fn trigger(stall_ms: u64, window_ms: u64) -> Option<Trigger> {
    let ms = Duration::from_millis;
    Some(Trigger::new(ms(stall_ms), ms(window_ms)).unwrap())
}

fn only_cpu() -> Settings {
    Settings {
        node: Stalls {
            cpu: trigger(50, 500),
            memory: None,
        },
        cgroups: Stalls {
            cpu: trigger(50, 500),
            memory: None,
        },
        memory_events: false,
        ..Settings::default()
    }
}

async fn next(watches: &mut Watches) -> WatchEvent {
    tokio::time::timeout(DEADLINE, watches.next())
        .await
        .unwrap()
}

/// Open files of a group; other tests run in this process at the same time.
fn open_files(path: &str) -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap();
    open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|file| file.to_string_lossy().contains(path))
        .count()
}

/// Lets the watches close what was removed, until so many files of a group are open.
async fn settle(watches: &mut Watches, path: &str, open: usize) {
    let until = Instant::now() + DEADLINE;
    while open_files(path) != open {
        assert!(
            Instant::now() < until,
            "{} files are open",
            open_files(path)
        );
        let _ = tokio::time::timeout(Duration::from_millis(20), watches.next()).await;
    }
}

#[tokio::test]
async fn contention_in_a_group_fires_its_trigger_and_not_that_of_its_neighbour() {
    let (Some(mut busy), Some(quiet)) = (Group::new("busy"), Group::new("quiet")) else {
        return;
    };
    if !busy.has("cpu.pressure") {
        return;
    }
    let mut watches = Watches::new(busy.root.clone(), only_cpu());
    watches.add(busy.id, &busy.path);
    watches.add(quiet.id, &quiet.path);
    println!("{:?}", watches.health());
    if watches.pressure_coverage().held == 0 {
        println!("skipped: the kernel refuses triggers");
        return;
    }
    busy.contend();
    let mut fired = 0;
    while fired < 2 {
        match next(&mut watches).await {
            WatchEvent::Pressure {
                cgroup: Some(id),
                resource,
                ..
            } => {
                assert_eq!((id, resource), (busy.id, Resource::Cpu));
                fired += 1;
            }
            WatchEvent::Pressure { cgroup: None, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(watches.seen().stalls >= fired);
}

#[tokio::test]
async fn a_removed_group_fires_no_more_and_its_descriptors_close() {
    let Some(mut busy) = Group::new("removed") else {
        return;
    };
    if !busy.has("cpu.pressure") {
        return;
    }
    let mut watches = Watches::new(busy.root.clone(), only_cpu());
    watches.add(busy.id, &busy.path);
    if watches.pressure_coverage().held == 0 {
        println!(
            "skipped: the kernel refuses triggers: {:?}",
            watches.health()
        );
        return;
    }
    assert_eq!(open_files(&busy.path), 1);
    busy.contend();
    while !matches!(next(&mut watches).await, WatchEvent::Pressure { cgroup: Some(id), .. } if id == busy.id)
    {
    }
    watches.remove(busy.id);
    // The node's trigger goes on: the group contends for the whole node.
    for _ in 0..2 {
        match next(&mut watches).await {
            WatchEvent::Pressure { cgroup: None, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    settle(&mut watches, &busy.path, 0).await;
}

#[tokio::test]
async fn a_group_that_goes_unannounced_takes_its_triggers_along() {
    let Some(group) = Group::new("gone") else {
        return;
    };
    if !group.has("cpu.pressure") {
        return;
    }
    let mut watches = Watches::new(group.root.clone(), only_cpu());
    let path = group.path.clone();
    watches.add(group.id, &group.path);
    if watches.pressure_coverage().held == 0 {
        println!(
            "skipped: the kernel refuses triggers: {:?}",
            watches.health()
        );
        return;
    }
    assert_eq!(open_files(&path), 1);
    drop(group);
    settle(&mut watches, &path, 0).await;
    assert_eq!(watches.pressure_coverage().held, 0);
}

#[tokio::test]
async fn triggers_go_to_those_that_are_preferred_and_never_over_the_cap() {
    let groups: Vec<Group> = ["one", "two", "three"]
        .iter()
        .filter_map(|name| Group::new(name))
        .collect();
    if groups.len() < 3 || !groups[0].has("cpu.pressure") {
        return;
    }
    let settings = Settings {
        pressure_cgroups: 2,
        ..only_cpu()
    };
    let mut watches = Watches::new(groups[0].root.clone(), settings);
    for group in &groups {
        watches.add(group.id, &group.path);
    }
    let coverage = |watches: &Watches| {
        let coverage = watches.pressure_coverage();
        (coverage.held, coverage.no_room, coverage.refused)
    };
    if coverage(&watches).2 > 0 {
        println!(
            "skipped: the kernel refuses triggers: {:?}",
            watches.health()
        );
        return;
    }
    assert_eq!(coverage(&watches), (2, 1, 0));
    let ids: Vec<CgroupId> = groups.iter().map(|group| group.id).collect();
    let open = |group: &Group| open_files(&group.path);
    assert_eq!([0, 1, 2].map(|n| open(&groups[n])), [1, 1, 0]);
    // The third takes the place of one of the others, and a stranger takes none.
    watches.prefer([CgroupId(1), ids[2]]);
    assert_eq!(coverage(&watches), (2, 1, 0));
    settle(&mut watches, &groups[2].path, 1).await;
    let until = Instant::now() + DEADLINE;
    while open(&groups[0]) + open(&groups[1]) != 1 {
        assert!(
            Instant::now() < until,
            "both others kept theirs, or none did"
        );
        let _ = tokio::time::timeout(Duration::from_millis(20), watches.next()).await;
    }
    watches.retain(|id| id == ids[0]);
    assert_eq!(coverage(&watches), (1, 0, 0), "the last one got the room");
}

#[tokio::test]
async fn many_groups_that_come_and_go_leave_nothing() {
    let Some(parent) = Group::new("churn") else {
        return;
    };
    let mut watches = Watches::new(parent.root.clone(), Settings::default());
    for n in 0..200 {
        let path = format!("{}/{n}", parent.path);
        let dir = parent.root.join(&path);
        fs::create_dir(&dir).unwrap();
        let id = id_of(&dir);
        watches.add(id, &path);
        fs::remove_dir(&dir).unwrap();
        watches.remove(id);
    }
    settle(&mut watches, &parent.path, 0).await;
    let (pressure, events) = (
        watches.pressure_coverage(),
        watches.memory_events_coverage(),
    );
    assert_eq!(pressure.held + pressure.no_room + pressure.refused, 0);
    assert_eq!(events.held + events.no_room + events.refused, 0);
}

/// Adds what rose until `enough`.
async fn count(
    watches: &mut Watches,
    group: CgroupId,
    enough: impl Fn(&MemoryCounts) -> bool,
) -> MemoryCounts {
    let mut sum = MemoryCounts::default();
    let add = |sum: &mut Option<u64>, new: Option<u64>| {
        *sum = new.map(|new| sum.unwrap_or(0) + new).or(*sum);
    };
    while !enough(&sum) {
        if let WatchEvent::MemoryEvents { cgroup, new, .. } = next(watches).await {
            assert_eq!(cgroup, group);
            assert!(new.any());
            add(&mut sum.high, new.high);
            add(&mut sum.max, new.max);
            add(&mut sum.oom, new.oom);
            add(&mut sum.oom_kill, new.oom_kill);
        }
    }
    sum
}

#[tokio::test]
async fn limits_of_memory_that_are_reached_are_told() {
    let Some(mut group) = Group::new("memory") else {
        return;
    };
    if !group.has("memory.events") {
        return;
    }
    let mut watches = Watches::new(group.root.clone(), Settings::default());
    watches.add(group.id, &group.path);
    let [_, health] = watches.health();
    assert_eq!(health.state, Health::Healthy, "{health:?}");
    // `tail` keeps all of a stream without a line end in memory.
    group.set("memory.high", "8388608");
    group.shell("head -c 12000000 /dev/zero | tail; sleep 600");
    let seen = count(&mut watches, group.id, |sum| sum.high >= Some(1)).await;
    println!("memory.high exceeded: {seen:?}");
    group.end_children();

    group.set("memory.high", "max");
    group.set("memory.max", "16777216");
    if group.dir().join("memory.swap.max").exists() {
        group.set("memory.swap.max", "0");
    }
    group.shell("head -c 64000000 /dev/zero | tail");
    let seen = count(&mut watches, group.id, |sum| sum.oom_kill >= Some(1)).await;
    println!("memory.max reached: {seen:?}");
    assert!(seen.max >= Some(1) && seen.oom >= Some(1), "{seen:?}");
    println!("{:?} {:?}", watches.seen(), watches.health());
}

#[tokio::test]
async fn a_lack_of_memory_in_a_group_fires_its_trigger() {
    let Some(mut group) = Group::new("reclaim") else {
        return;
    };
    if !group.has("memory.high") || !group.has("memory.pressure") {
        return;
    }
    let settings = Settings {
        cgroups: Stalls {
            cpu: None,
            memory: trigger(20, 500),
        },
        memory_events: false,
        ..Settings::default()
    };
    let mut watches = Watches::new(group.root.clone(), settings);
    watches.add(group.id, &group.path);
    println!("{:?}", watches.health());
    if watches.pressure_coverage().held == 0 {
        println!("skipped: the kernel refuses triggers");
        return;
    }
    group.set("memory.high", "8388608");
    group.shell("head -c 64000000 /dev/zero | tail");
    loop {
        if let WatchEvent::Pressure {
            cgroup: Some(id),
            resource,
            ..
        } = next(&mut watches).await
        {
            assert_eq!((id, resource), (group.id, Resource::Memory));
            break;
        }
    }
}
