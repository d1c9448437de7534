//! Tries cases in other processes, so that a case may crash or hang without ending the test.

use std::env;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, setrlimit};

use crate::case::{self, Outcome};

/// Longest time for one case; a machine that is busy with other things is slow.
const MAX_CASE: Duration = Duration::from_secs(60);
/// Address space of a process that tries cases.
const MAX_MEMORY: u64 = 2 * 1024 * 1024 * 1024;
/// Set in a process that tries cases: the first and the one after the last.
const WORKER: &str = "LLMOS_FUZZ_WORKER";
/// What a worker says before each case; the number of the case follows.
const BEGINS: &str = "fuzz-case ";
/// What it says of a case that was refused in one line, or loaded and ran.
const REFUSED: &str = "fuzz-refused";
const RAN: &str = "fuzz-ran";
/// What it says of a case that was neither; why follows.
const UNSOUND: &str = "fuzz-unsound ";

/// What came of many cases.
#[derive(Default)]
pub struct Tally {
    pub refused: u64,
    pub ran: u64,
    pub failures: Vec<Failure>,
}

/// How a case failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Crash,
    Hang,
    Unsound,
}

/// A case that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    pub case: u64,
    pub kind: Kind,
    pub what: String,
}

impl Tally {
    pub fn cases(&self) -> u64 {
        self.refused + self.ran + self.failures.len() as u64
    }

    pub fn count(&self, kind: Kind) -> usize {
        self.failures.iter().filter(|f| f.kind == kind).count()
    }

    fn fail(&mut self, case: u64, kind: Kind, what: String) {
        self.failures.push(Failure { case, kind, what });
    }
}

/// Tries these cases; where one ends its process, the next process goes on after it.
pub fn supervise(cases: Range<u64>, tally: &mut Tally) {
    let mut next = cases.start;
    while next < cases.end {
        // By this name it is there even when a build has replaced the file meanwhile.
        let mut child = Command::new("/proc/self/exe")
            .args(["broken_models_do_no_harm", "--exact", "--nocapture"])
            .env(WORKER, format!("{next}-{}", cases.end))
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("another process of this program");
        let (tell, told) = mpsc::channel();
        let stdout = child.stdout.take().expect("its output");
        let reader = thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // The supervisor may have stopped listening to a worker that it ended.
                let _ = tell.send(line);
            }
        });
        let (mut current, mut done) = (next, true);
        let hung = loop {
            match told.recv_timeout(MAX_CASE) {
                // The harness writes the test's name before the first line.
                Ok(line) => {
                    if let Some((_, number)) = line.split_once(BEGINS) {
                        (current, done) = (number.parse().unwrap(), false);
                    } else if let Some((_, what)) = line.split_once(UNSOUND) {
                        tally.fail(current, Kind::Unsound, what.to_owned());
                        done = true;
                    } else if line == REFUSED {
                        tally.refused += 1;
                        done = true;
                    } else if line == RAN {
                        tally.ran += 1;
                        done = true;
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break false,
                Err(mpsc::RecvTimeoutError::Timeout) => break true,
            }
        };
        if hung {
            let _ = child.kill();
            tally.fail(current, Kind::Hang, format!("no end within {MAX_CASE:?}"));
        }
        let status = child.wait().expect("its end");
        reader.join().expect("the reader");
        if status.success() {
            break;
        }
        // It must not go round in circles where a process fails between two cases.
        assert!(
            hung || !done,
            "a worker ended with {status} outside of a case"
        );
        if !hung {
            tally.fail(current, Kind::Crash, status.to_string());
        }
        next = current + 1;
    }
}

/// The cases that this process is to try, if it is a worker.
pub fn asked() -> Option<Range<u64>> {
    let cases = env::var(WORKER).ok()?;
    let (first, end) = cases.split_once('-').expect("two numbers");
    Some(first.parse().unwrap()..end.parse().unwrap())
}

/// Tries these cases here, within limits.
pub fn work(cases: Range<u64>) {
    setrlimit(Resource::RLIMIT_AS, MAX_MEMORY, MAX_MEMORY).unwrap();
    setrlimit(Resource::RLIMIT_CORE, 0, 0).unwrap();
    let bases = case::bases();
    for number in cases {
        println!("\n{BEGINS}{number}");
        match case::make(&bases, number).attempt() {
            Ok(Outcome::Refused) => println!("{REFUSED}"),
            Ok(Outcome::Ran) => println!("{RAN}"),
            Err(what) => println!("{UNSOUND}{what}"),
        }
    }
}
