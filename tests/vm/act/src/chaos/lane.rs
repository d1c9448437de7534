//! A lane: control groups, a state directory and an agent of its own. Several run side by side, because
//! much of what happens in a run is waiting for a lease.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use llmos_vm_tests::cgroup::Group;
use llmos_vm_tests::scenario::Load;
use serde_json::{Value, json};

use super::tally::{FILES, Tally};
use llmos_vm_tests::tracer::Tracer;

/// The parent of all groups.
const TOP: &str = "chaos";
/// Bytes of a page: each run has originals of its own, a page apart.
const PAGE: u32 = 4_096;
const MIB: u32 = 1 << 20;
const CONFIG: &str = include_str!("agent.toml");
/// Pages of the smallest file system that a state directory lies on.
const TINY: &str = "size=64k,mode=700";

/// Where the state directory lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In memory.
    Memory,
    /// On a file system of 64 KiB.
    Tiny,
    /// On a disk, where a record takes a while to be safe.
    Disk,
}

/// What an agent is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To start fast and tick often.
    Fast,
    /// Thousands of groups, which it sees with its kernel side.
    Large,
}

/// Makes the parent of all groups, before several lanes want it at once.
///
/// # Errors
/// When the kernel refuses.
pub fn top() -> Result<()> {
    Group::create(&format!("{TOP}/out-none"))?;
    Ok(())
}

/// See the module.
pub struct Lane {
    /// Its number, which is in the names of its groups.
    pub number: u32,
    /// Opted in.
    pub busy: Group,
    /// Opted in.
    pub calm: Group,
    other: Group,
    mark: Group,
    /// State directory of its agents.
    pub state: PathBuf,
    /// Socket of its agents.
    pub socket: PathBuf,
    originals: Vec<(Group, [String; 5])>,
    tracer: Arc<Tracer>,
    random: u64,
    _loads: Vec<Load>,
}

impl Lane {
    /// Makes groups with load in them.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn build(number: u32, place: Place, kind: Kind, tracer: Arc<Tracer>) -> Result<Self> {
        let group = |name: &str| {
            let (kind, name) = name.split_once(' ').unwrap_or(("out", name));
            Group::create(&format!("{TOP}/{kind}-{number}-{name}"))
        };
        let (busy, calm) = (group("in busy")?, group("in calm")?);
        let (other, mark) = (group("out other")?, group("out mark")?);
        let state = match place {
            Place::Memory => PathBuf::from(format!("/run/chaos-{number}/state")),
            Place::Tiny => tiny(number)?.join("state"),
            Place::Disk => super::disk::mounted()?.join(format!("state-{number}")),
        };
        let loads: [(&Group, &[&str]); 3] = [
            (&busy, &["bursts", "0.5", "0.06", "100000000", "/dev/null"]),
            (&calm, &["steady", "20"]),
            (&other, &["trickle"]),
        ];
        let loads = loads.map(|(group, args)| Load::start(group.path(), args));
        let lane = Self {
            socket: PathBuf::from(format!("/run/chaos-{number}.sock")),
            originals: Vec::new(),
            random: clock_seed() ^ (u64::from(number) << 32),
            _loads: loads.into_iter().collect::<Result<_>>()?,
            number,
            busy,
            calm,
            other,
            mark,
            state,
            tracer,
        };
        let config = CONFIG
            .replace("LANE", &number.to_string())
            .replace("TICK", if kind == Kind::Large { "1000" } else { "100" })
            .replace("PROBES", if kind == Kind::Large { "true" } else { "false" });
        std::fs::write(lane.config(), config)?;
        Ok(lane)
    }

    /// File of the agents' configuration.
    pub fn config(&self) -> PathBuf {
        PathBuf::from(format!("/etc/chaos-{}.toml", self.number))
    }

    /// What all programs of the lane say.
    pub fn log(&self) -> Result<File> {
        let path = format!("/tmp/chaos-{}.log", self.number);
        let log = File::options().create(true).append(true).open(&path);
        log.context(path)
    }

    /// Gives each limit the original that it has in run `at`.
    ///
    /// # Errors
    /// When the kernel refuses or shows something else.
    pub fn originals(&mut self, at: u32) -> Result<()> {
        let mib = |mib: u32| (mib * MIB + at * PAGE).to_string();
        let max = || "max".to_owned();
        let all = [
            (&self.busy, ["max 100000", "0"], [max(), mib(512)]),
            (&self.calm, ["150000 100000", "5000"], [mib(400), mib(512)]),
            (&self.other, ["50000 100000", "0"], [mib(200), mib(300)]),
        ];
        let mut originals = Vec::new();
        for (group, [quota, burst], [high, most]) in all {
            let texts = [quota, burst, "100", &high, &most].map(str::to_owned);
            set(group, &texts)?;
            originals.push((group.clone(), texts));
        }
        self.originals = originals;
        let differing = self.differing();
        ensure!(differing.is_empty(), "the kernel changed {differing:?}");
        Ok(())
    }

    /// Another original from now on, as one who writes the same files leaves it.
    pub fn expect(&mut self, of: &Group, file: &str, text: &str) {
        for (group, originals) in &mut self.originals {
            if group.name == of.name {
                for (original, _) in originals.iter_mut().zip(FILES).filter(|(_, f)| *f == file) {
                    text.clone_into(original);
                }
            }
        }
    }

    /// An empty state directory that does not exist yet.
    ///
    /// # Errors
    /// When an old one cannot be removed.
    pub fn forget(&self) -> Result<()> {
        match std::fs::remove_dir_all(&self.state) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context(self.state.display().to_string())
            }
            _ => Ok(()),
        }
    }

    /// Limits that are not the originals, in words.
    pub fn differing(&self) -> Vec<String> {
        let mut differing = Vec::new();
        for (group, originals) in &self.originals {
            for (file, original) in FILES.iter().zip(originals) {
                let now = group.read(file).unwrap_or_default();
                if now != *original {
                    differing.push(format!("{}/{file}: {now}, was {original}", group.name));
                }
            }
        }
        differing
    }

    /// Limits of opted-in groups that hold something else than their originals.
    pub fn changed(&self) -> usize {
        self.differing().len()
    }

    /// A random time from zero to below `most`.
    pub fn within(&mut self, most: Duration) -> Duration {
        most.mul_f64(f64::from(self.dice(1 << 20)) / f64::from(1 << 20))
    }

    /// A random number from 0 to below `sides`.
    pub fn dice(&mut self, sides: u32) -> u32 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let high = (self.random >> 33) as u32;
        high % sides.max(1)
    }

    /// What the run came to: what is not as it was, and what the tracer saw. Its own last write proves
    /// that the tracer sees writes and has seen all of the run.
    ///
    /// # Errors
    /// When the tracer missed it.
    pub fn judge(&self, at: u32, members: &mut Value) -> Result<()> {
        members["left"] = json!(self.differing());
        let text = (64 * MIB + at * PAGE).to_string();
        self.mark.write("memory.high", &text)?;
        let name = self.mark.path().file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        self.tracer.wait(&name, "memory.high", &text)?;
        let own = format!("-{}-", self.number);
        let mut writes = self.tracer.take(|group| group.contains(&own));
        // What is in no lane at all is nobody's to write, so it does not matter who tells it.
        writes.extend(self.tracer.take(|group| group.split('-').count() < 3));
        let tally = Tally::of(&writes);
        members["control"] = json!(true);
        members["writes"] = json!(tally.writes);
        members["below_floor"] = json!(tally.below_floor);
        members["unopted"] = json!(tally.unopted);
        Ok(())
    }
}

/// Writes all limits of a group, in an order that the kernel takes.
pub fn set(group: &Group, texts: &[String; 5]) -> Result<()> {
    let [quota, burst, weight, high, most] = texts;
    group.write("cpu.max.burst", "0")?;
    group.write("cpu.max", quota)?;
    group.write("cpu.max.burst", burst)?;
    group.write("cpu.weight", weight)?;
    group.write("memory.max", most)?;
    group.write("memory.high", high)
}

fn tiny(number: u32) -> Result<PathBuf> {
    use nix::mount::{MsFlags, mount};
    let path = PathBuf::from(format!("/run/tiny-{number}"));
    std::fs::create_dir_all(&path)?;
    let none = None::<&Path>;
    mount(none, &path, Some("tmpfs"), MsFlags::empty(), Some(TINY))
        .with_context(|| format!("mount {}", path.display()))?;
    Ok(path)
}

fn clock_seed() -> u64 {
    static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let begun = BEGUN.get_or_init(Instant::now);
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(0) ^ 0x6c6c_6d6f_735f_6368
}
