//! Bounds how often files are read, however often the kernel announces changes of them.

use std::time::Duration;

use tokio::time::Instant;

/// So many readings in each stretch of time, then a pause until the next.
///
/// A cgroup under a limit announces a change each 10 ms (the kernel's own bound), so a node full of
/// them could keep a core busy with reading. Changes add up while they wait: none is lost.
#[derive(Debug)]
pub(super) struct Pace {
    each: usize,
    stretch: Duration,
    began: Option<Instant>,
    used: usize,
}

impl Pace {
    /// `each` readings in a `stretch`.
    pub(super) fn new(each: usize, stretch: Duration) -> Self {
        Self {
            each,
            stretch,
            began: None,
            used: 0,
        }
    }

    /// Takes one reading, or says when the next may be.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let end = self.began.map(|began| began + self.stretch);
        if end.is_none_or(|end| now >= end) {
            self.began = Some(now);
            self.used = 0;
        } else if let Some(end) = end
            && self.used >= self.each
        {
            return Err(end);
        }
        self.used += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_has_so_many_and_the_next_begins_anew() {
        let start = Instant::now();
        let ms = |n| start + Duration::from_millis(n);
        let mut pace = Pace::new(2, Duration::from_millis(50));
        assert_eq!(pace.take(ms(0)), Ok(()));
        assert_eq!(pace.take(ms(49)), Ok(()));
        assert_eq!(pace.take(ms(49)), Err(ms(50)));
        assert_eq!(pace.take(ms(50)), Ok(()));
        assert_eq!(pace.take(ms(99)), Ok(()));
        assert_eq!(pace.take(ms(99)), Err(ms(100)));
        assert_eq!(pace.take(ms(500)), Ok(()));
    }
}
