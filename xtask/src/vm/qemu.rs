//! One boot of one kernel in QEMU's software emulation.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What the machine's time is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The host's: two processors, as fast as the emulator can.
    Host,
    /// One processor whose instructions take a nanosecond each and whose idle time takes none.
    /// Costs are then counts of instructions: the load of the host does not change them, and an
    /// instruction that is dear to emulate is not dearer than another.
    Instructions,
}

/// A panic of the kernel with its trace takes about as many lines.
const TAIL: usize = 60;

/// A disk image.
pub struct Disk {
    /// Its file; the file system is there already.
    pub file: PathBuf,
    /// A machine that restarts goes on with the same disk, and ends when it is switched off. Without
    /// this a restart is the end, as it is after a panic.
    pub restarts: bool,
}

/// What to boot and where its output goes.
pub struct Boot<'a> {
    /// Kernel image.
    pub kernel: &'a Path,
    /// cpio archive.
    pub initramfs: &'a Path,
    /// A file with an ext4 file system, for a machine that boots from a disk. What the machine writes
    /// goes to a temporary file and is lost with it.
    pub root_disk: Option<&'a Path>,
    /// Folder for `console.log` and `results.jsonl`.
    pub folder: &'a Path,
    /// The program that init runs, with its arguments after commas.
    pub program: &'a str,
    /// Memory of the machine in MiB.
    pub memory_mib: u32,
    /// What its time is made of.
    pub clock: Clock,
    /// Run before other programs of this machine, as far as we may: for what measures delays.
    pub ahead: bool,
    /// A machine that runs longer than this hangs.
    pub limit: Duration,
    /// A program that says nothing for longer than this hangs.
    pub silence: Duration,
    /// Put the console on this terminal and stay in a shell.
    pub keep: bool,
    /// A disk that outlives the machine.
    pub disk: Option<&'a Disk>,
}

impl Boot<'_> {
    /// The file of the machine's own messages.
    pub fn console(&self) -> PathBuf {
        self.folder.join("console.log")
    }

    /// Boots, hands each line of the result port to `line`, and returns when the machine is off.
    pub fn run(&self, mut line: impl FnMut(&str)) -> Result<()> {
        let results = self.folder.join("results.jsonl");
        std::fs::write(&results, "")?;
        let mut child = self
            .command(&results)
            .spawn()
            .context("cannot start qemu-system-x86_64")?;
        let outcome = self.follow(&mut child, &results, &mut line);
        if outcome.is_err() {
            // It may be gone already; what matters is that it is gone now.
            let _ = child.kill();
            let _ = child.wait();
        }
        outcome.with_context(|| format!("the console's end:\n{}", self.tail()))
    }

    fn follow(&self, child: &mut Child, results: &Path, line: &mut dyn FnMut(&str)) -> Result<()> {
        let start = Instant::now();
        let mut heard = Instant::now();
        let mut reader = Lines::open(results)?;
        loop {
            let ended = child.try_wait()?;
            for text in reader.new_lines()? {
                heard = Instant::now();
                line(&text);
            }
            if let Some(status) = ended {
                if !status.success() {
                    bail!("QEMU ended with {status}");
                }
                return Ok(());
            }
            if !self.keep && start.elapsed() > self.limit {
                bail!("the machine was not done after {} s", self.limit.as_secs());
            }
            if !self.keep && heard.elapsed() > self.silence {
                bail!("the machine said nothing for {} s", self.silence.as_secs());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn command(&self, results: &Path) -> Command {
        let mut qemu = if self.ahead {
            // Where we may not, it says so and runs the program all the same.
            let mut nice = Command::new("nice");
            nice.args(["-n", "-10", "qemu-system-x86_64"]);
            nice
        } else {
            Command::new("qemu-system-x86_64")
        };
        match self.clock {
            // Much of what is tested goes wrong on several processors only.
            Clock::Host => qemu.args(["-accel", "tcg,thread=multi", "-smp", "2"]),
            // Several would share one stream of instructions.
            Clock::Instructions => qemu.args([
                "-accel",
                "tcg,thread=single",
                "-icount",
                "shift=0,sleep=off",
                "-smp",
                "1",
            ]),
        };
        qemu.args(["-m", &format!("{}M", self.memory_mib)]);
        // QEMU 7.2 spoils the flags of cmpxchg16b now and then, and with them the kernel's memory
        // allocator: one boot of 6.12 in five died. Without the instruction none of 33 did.
        qemu.args(["-cpu", "max,cx16=off"]);
        qemu.args(["-display", "none", "-nic", "none", "-monitor", "none"]);
        if self.disk.is_none_or(|disk| !disk.restarts) {
            qemu.arg("-no-reboot");
        }
        if let Some(disk) = self.disk {
            // Debian's cloud kernels have drivers for NVMe built in, for others in modules.
            qemu.arg("-drive").arg(format!(
                "file={},format=raw,if=none,id=disk",
                disk.file.display()
            ));
            qemu.args(["-device", "nvme,drive=disk,serial=llmos"]);
        }
        qemu.arg("-kernel")
            .arg(self.kernel)
            .arg("-initrd")
            .arg(self.initramfs);
        if let Some(disk) = self.root_disk {
            qemu.arg("-drive").arg(format!(
                "if=virtio,format=raw,snapshot=on,file={}",
                disk.display()
            ));
        }
        // A panic reboots at once, and -no-reboot turns that into the end of the run.
        let mut append = format!(
            "console=ttyS0 panic=-1 loglevel=5 cgroup_no_v1=all psi=1 llmos.run={}",
            self.program
        );
        if self.keep {
            append.push_str(" llmos.keep");
            qemu.args(["-serial", "mon:stdio"]);
        } else {
            qemu.stdin(Stdio::null());
            qemu.arg("-serial")
                .arg(format!("file:{}", self.console().display()));
        }
        qemu.arg("-serial")
            .arg(format!("file:{}", results.display()));
        qemu.args(["-append", &append]);
        qemu
    }

    /// The last lines of the machine's own messages: a panic is there, and nowhere else.
    pub fn tail(&self) -> String {
        let bytes = std::fs::read(self.console()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

/// Reads a file that still grows, a whole line at a time.
struct Lines {
    file: std::fs::File,
    offset: u64,
    rest: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        let file = std::fs::File::open(path)?;
        Ok(Self {
            file,
            offset: 0,
            rest: Vec::new(),
        })
    }

    fn new_lines(&mut self) -> Result<Vec<String>> {
        self.file.seek(SeekFrom::Start(self.offset))?;
        self.offset += u64::try_from(self.file.read_to_end(&mut self.rest)?)?;
        let mut lines = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            lines.push(String::from_utf8_lossy(&line).trim().to_owned());
        }
        Ok(lines)
    }
}
