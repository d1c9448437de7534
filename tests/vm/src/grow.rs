//! A program whose memory grows when it is told to, at a given speed, in anonymous pages or in pages
//! of a file.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::load::PAGE;

/// It grows in steps of this size: as a program that fills buffers, not page by page.
const STEP: usize = 256 << 10;
const MIB: usize = 1 << 20;
/// Between two looks at what is due.
const PACE: Duration = Duration::from_millis(1);

/// Where pages come from.
enum Pages {
    /// Fresh zero pages: none is there before it is touched.
    Anonymous(Vec<u8>),
    /// A file of the temporary folder, which in a test machine is memory.
    File(File),
}

impl Pages {
    fn new(kind: &str, bytes: usize) -> Result<Self> {
        match kind {
            "anon" => Ok(Self::Anonymous(vec![0; bytes])),
            "file" => {
                let path = std::env::temp_dir().join(format!("grow-{}", std::process::id()));
                let file = File::create(&path).with_context(|| path.display().to_string())?;
                // It goes with the process.
                std::fs::remove_file(&path)?;
                Ok(Self::File(file))
            }
            _ => bail!("{kind} is neither anon nor file"),
        }
    }

    /// Takes what lies between two numbers of bytes.
    fn take(&mut self, from: usize, to: usize) -> Result<()> {
        match self {
            Self::Anonymous(block) => {
                let step = block.get_mut(from..to).context("beyond the end")?;
                step.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
                black_box(&step);
            }
            // A byte of each page: an emulated machine copies whole pages very slowly.
            Self::File(file) => {
                for at in (from..to).step_by(PAGE) {
                    file.write_all_at(&[1], u64::try_from(at)?)?;
                }
            }
        }
        Ok(())
    }
}

/// Takes `first` MiB, says `ready`, waits for a line on standard input, grows to `last` MiB with
/// `mib_per_s` (0: as fast as it can), says `done` with the milliseconds that it took, and stays until
/// standard input ends.
///
/// # Errors
/// When a file cannot be written, or nobody listens.
pub fn run(kind: &str, first: usize, last: usize, mib_per_s: f64) -> Result<()> {
    let (first, last) = (first * MIB, last * MIB);
    let mut pages = Pages::new(kind, last)?;
    pages.take(0, first)?;
    println!("ready");
    let mut lines = std::io::stdin().lines();
    lines.next().context("nobody said go")??;
    let begun = Instant::now();
    let mut have = first;
    while have < last {
        let due = if mib_per_s > 0.0 {
            first + (begun.elapsed().as_secs_f64() * mib_per_s * MIB as f64) as usize
        } else {
            last
        };
        while have < due.min(last) {
            let next = (have + STEP).min(last);
            pages.take(have, next)?;
            have = next;
        }
        if have < last {
            std::thread::sleep(PACE);
        }
    }
    println!("done {:.3}", begun.elapsed().as_secs_f64() * 1e3);
    lines.for_each(drop);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_pages_can_be_taken_in_steps() {
        for kind in ["anon", "file"] {
            let mut pages = Pages::new(kind, MIB).unwrap();
            pages.take(0, STEP).unwrap();
            pages.take(STEP, MIB).unwrap();
            if let Pages::File(file) = pages {
                let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
                assert_eq!(length, MIB - PAGE + 1, "the last page has its byte");
            }
        }
        assert!(Pages::new("disk", 1).is_err());
    }
}
