//! The links as they are known, and how messages change that. Pure: no socket, no file.

use std::collections::{BTreeMap, HashSet};

use llmos_proto::status::Link;

use super::decode::{Counters, Described, News};

/// What a message changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that people would call a change; counters may have moved.
    None,
    /// A new link.
    Appeared(String),
    /// A link went.
    Went(String),
    /// A link went up.
    Up(String),
    /// A link went down.
    Down(String),
    /// A link has a new name.
    Renamed(String),
    /// Counters of a link that is not known: messages were lost.
    Stranger,
}

#[derive(Debug)]
struct Entry {
    link: Link,
    inner: bool,
    /// Has its speed to be read?
    speed_due: bool,
    /// The last listing during which the kernel told of it without being asked.
    told_in: u64,
    /// The last listing that named it.
    listed_in: u64,
}

/// All links by index.
#[derive(Debug, Default)]
pub(super) struct Known {
    links: BTreeMap<u32, Entry>,
    changes: u64,
    /// Number of the listing that runs or was the last to run.
    listing: u64,
    /// Links that went while a listing ran, which may still name them.
    went: HashSet<u32>,
}

impl Known {
    pub(super) fn links(&self) -> Vec<Link> {
        self.links
            .values()
            .map(|entry| entry.link.clone())
            .collect()
    }

    /// How many links, and how many of them are up.
    pub(super) fn count(&self) -> (usize, usize) {
        let up = self.links.values().filter(|entry| entry.link.up).count();
        (self.links.len(), up)
    }

    /// Changes since the start.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// A listing begins: what it does not name until its end is gone.
    pub(super) fn begin_listing(&mut self) {
        self.listing += 1;
        self.went.clear();
    }

    /// Takes a link that a listing names. What the kernel told on its own since the listing began
    /// is at least as new, so the listing's word counts only for the counters then.
    pub(super) fn listed(&mut self, news: News) -> Change {
        let News::Link(index, described) = news else {
            return Change::None;
        };
        if self.went.contains(&index) {
            return Change::None;
        }
        let listing = self.listing;
        if let Some(entry) = self.links.get_mut(&index) {
            entry.listed_in = listing;
            if entry.told_in == listing {
                return Change::None;
            }
        }
        self.describe(index, described, 0)
    }

    /// A listing was complete: names of the links that went unnoticed.
    pub(super) fn end_listing(&mut self) -> Vec<String> {
        let listing = self.listing;
        let (stay, gone): (BTreeMap<u32, Entry>, BTreeMap<u32, Entry>) =
            std::mem::take(&mut self.links)
                .into_iter()
                .partition(|(_, e)| e.listed_in == listing || e.told_in == listing);
        self.links = stay;
        self.changes += gone.len() as u64;
        gone.into_values().map(|entry| entry.link.name).collect()
    }

    /// Takes what the kernel told on its own, or counters.
    pub(super) fn told(&mut self, news: News) -> Change {
        match news {
            News::Link(index, described) => {
                self.went.remove(&index);
                self.describe(index, described, self.listing)
            }
            News::Gone(index) => {
                self.went.insert(index);
                match self.links.remove(&index) {
                    Some(entry) => {
                        self.changes += 1;
                        Change::Went(entry.link.name)
                    }
                    None => Change::None,
                }
            }
            News::Counters(index, counters) => match self.links.get_mut(&index) {
                Some(entry) => {
                    count(&mut entry.link, counters);
                    Change::None
                }
                None => Change::Stranger,
            },
        }
    }

    /// Links whose speed has to be read, each told once.
    pub(super) fn speeds_due(&mut self) -> Vec<(u32, String)> {
        let due = self.links.iter_mut().filter(|(_, entry)| entry.speed_due);
        due.map(|(index, entry)| {
            entry.speed_due = false;
            (*index, entry.link.name.clone())
        })
        .collect()
    }

    /// A speed in Mbit/s that was read; none where the driver knows none.
    pub(super) fn speed(&mut self, index: u32, name: &str, mbit_per_s: Option<u64>) {
        if let Some(entry) = self.links.get_mut(&index)
            && entry.link.name == name
            && entry.link.speed_mbit_per_s != mbit_per_s
        {
            entry.link.speed_mbit_per_s = mbit_per_s;
            self.changes += 1;
        }
    }

    fn describe(&mut self, index: u32, described: Described, told_in: u64) -> Change {
        let Described {
            name,
            up,
            inner,
            counters,
        } = described;
        let listing = self.listing;
        let Some(entry) = self.links.get_mut(&index) else {
            let mut link = Link {
                name: name.clone(),
                up,
                speed_mbit_per_s: None,
                rx_bytes: None,
                tx_bytes: None,
                rx_dropped: None,
                tx_dropped: None,
            };
            if let Some(counters) = counters {
                count(&mut link, counters);
            }
            let entry = Entry {
                link,
                inner,
                speed_due: !inner,
                told_in,
                listed_in: listing,
            };
            self.links.insert(index, entry);
            self.changes += 1;
            return Change::Appeared(name);
        };
        entry.told_in = entry.told_in.max(told_in);
        if let Some(counters) = counters {
            count(&mut entry.link, counters);
        }
        let (turned, renamed) = (entry.link.up != up, entry.link.name != name);
        if !turned && !renamed {
            return Change::None;
        }
        entry.link.up = up;
        entry.link.name.clone_from(&name);
        // A line that comes up may have agreed on another speed.
        entry.speed_due |= !entry.inner;
        self.changes += 1;
        match (turned, up) {
            (false, _) => Change::Renamed(name),
            (true, true) => Change::Up(name),
            (true, false) => Change::Down(name),
        }
    }
}

fn count(link: &mut Link, counters: Counters) {
    link.rx_bytes = Some(counters.rx_bytes);
    link.tx_bytes = Some(counters.tx_bytes);
    link.rx_dropped = Some(counters.rx_dropped);
    link.tx_dropped = Some(counters.tx_dropped);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(name: &str, up: bool) -> Described {
        Described {
            name: name.to_owned(),
            up,
            inner: false,
            counters: None,
        }
    }

    fn link(index: u32, name: &str, up: bool) -> News {
        News::Link(index, described(name, up))
    }

    fn states(known: &Known) -> Vec<(String, bool)> {
        known.links().into_iter().map(|l| (l.name, l.up)).collect()
    }

    #[test]
    fn changes_are_told_and_counted() {
        let mut known = Known::default();
        let eth = || "eth0".to_owned();
        assert_eq!(known.told(link(1, "eth0", false)), Change::Appeared(eth()));
        assert_eq!(known.told(link(1, "eth0", true)), Change::Up(eth()));
        assert_eq!(known.told(link(1, "eth0", true)), Change::None);
        assert_eq!(known.told(link(1, "eth0", false)), Change::Down(eth()));
        let lan = || "lan".to_owned();
        assert_eq!(known.told(link(1, "lan", false)), Change::Renamed(lan()));
        assert_eq!(known.told(News::Gone(1)), Change::Went(lan()));
        assert_eq!(known.told(News::Gone(1)), Change::None);
        assert_eq!((known.changes(), known.count()), (5, (0, 0)));
    }

    #[test]
    fn a_message_without_counters_leaves_those_that_are_known() {
        let mut known = Known::default();
        known.told(link(1, "eth0", true));
        assert_eq!(known.links()[0].rx_dropped, None, "missing is not zero");
        let counters = Counters {
            rx_bytes: 1,
            tx_bytes: 2,
            rx_dropped: 3,
            tx_dropped: 4,
        };
        assert_eq!(known.told(News::Counters(1, counters)), Change::None);
        known.told(link(1, "eth0", false));
        assert_eq!(known.links()[0].rx_dropped, Some(3));
        assert_eq!(known.told(News::Counters(2, counters)), Change::Stranger);
    }

    #[test]
    fn a_listing_drops_what_it_does_not_name() {
        let mut known = Known::default();
        known.told(link(1, "a", true));
        known.told(link(2, "b", true));
        known.begin_listing();
        known.listed(link(2, "b", false));
        known.listed(link(3, "c", true));
        assert_eq!(known.end_listing(), ["a"]);
        assert_eq!(
            states(&known),
            [("b".to_owned(), false), ("c".to_owned(), true)]
        );
    }

    #[test]
    fn what_the_kernel_tells_during_a_listing_is_newer_than_the_listing() {
        let mut known = Known::default();
        known.told(link(1, "a", true));
        known.told(link(2, "b", true));
        known.begin_listing();
        known.told(link(1, "a", false));
        known.told(News::Gone(2));
        known.told(link(3, "new", true));
        known.listed(link(1, "a", true));
        known.listed(link(2, "b", true));
        assert!(known.end_listing().is_empty());
        assert_eq!(
            states(&known),
            [("a".to_owned(), false), ("new".to_owned(), true)]
        );
    }

    #[test]
    fn a_speed_is_read_at_the_start_and_when_a_line_turns() {
        let mut known = Known::default();
        known.told(link(1, "eth0", false));
        let inner = Described {
            inner: true,
            ..described("lo", true)
        };
        known.told(News::Link(2, inner));
        assert_eq!(known.speeds_due(), [(1, "eth0".to_owned())]);
        known.told(link(1, "eth0", false));
        assert_eq!(known.speeds_due(), []);
        known.told(link(1, "eth0", true));
        assert_eq!(known.speeds_due().len(), 1);
        known.speed(1, "eth0", Some(10_000));
        known.speed(1, "another", Some(1));
        assert_eq!(known.links()[0].speed_mbit_per_s, Some(10_000));
    }
}
