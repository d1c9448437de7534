//! The links of a network namespace of the test's own: what happens there is told, not looked for.

use std::future::Future;
use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use nix::libc;
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, new_connection};

use super::*;

/// Nothing takes this long; a test that waits for it hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs a test on a thread with a network namespace of its own.
fn in_own_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let outcome = thread::spawn(move || {
        // SAFETY: a call without pointers; it changes the namespace of this thread alone.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            let error = std::io::Error::last_os_error();
            println!("skipped: no network namespace can be made here: {error}");
            return;
        }
        run(async move { tokio::time::timeout(DEADLINE, test()).await.unwrap() });
    });
    outcome.join().unwrap();
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Makes and changes links over a connection of its own.
struct Hand(Handle);

impl Hand {
    fn new() -> Self {
        let (connection, handle, _) = new_connection().unwrap();
        tokio::spawn(connection);
        Self(handle)
    }

    async fn pair(&self, name: &str, peer: &str) {
        self.try_pair(name, peer).await.unwrap();
    }

    async fn try_pair(&self, name: &str, peer: &str) -> Result<(), rtnetlink::Error> {
        let pair = LinkVeth::new(name, peer).build();
        self.0.link().add(pair).execute().await
    }

    /// Can pairs be made here? If not, a line says so.
    async fn pairs(&self) -> bool {
        match self.try_pair("probe", "eborp").await {
            Ok(()) => {
                self.delete("probe").await;
                true
            }
            Err(error) => {
                println!("skipped: the kernel makes no pair of links: {error}");
                false
            }
        }
    }

    async fn index(&self, name: &str) -> u32 {
        let mut found = self.0.link().get().match_name(name.to_owned()).execute();
        let found = found.next().await.unwrap().unwrap();
        found.header.index
    }

    async fn set(
        &self,
        name: &str,
        what: impl FnOnce(LinkMessageBuilder<LinkUnspec>) -> LinkMessageBuilder<LinkUnspec>,
    ) {
        let index = self.index(name).await;
        let message: LinkMessage = what(LinkUnspec::new_with_index(index)).build();
        self.0.link().change(message).execute().await.unwrap();
    }

    async fn delete(&self, name: &str) {
        let index = self.index(name).await;
        self.0.link().del(index).execute().await.unwrap();
    }
}

/// Waits for changes until the links are as wanted. Nothing is asked for in between.
async fn until(links: &Links, wanted: impl Fn(&[Link]) -> bool) {
    let mut changes = links.changes();
    while !wanted(&links.now()) {
        changes.changed().await.unwrap();
    }
}

fn is(links: &[Link], name: &str, up: bool) -> bool {
    links.iter().any(|link| link.name == name && link.up == up)
}

#[tokio::test]
async fn sees_the_loopback_link() {
    let links = Links::watch();
    let lo = until(&links, |all| all.iter().any(|link| link.name == "lo"));
    tokio::time::timeout(DEADLINE, lo).await.unwrap();
    assert_eq!(links.health().state, crate::probes::Health::Healthy);
}

#[test]
fn what_happens_to_a_link_is_told() {
    in_own_namespace(|| async {
        let hand = Hand::new();
        if !hand.pairs().await {
            return;
        }
        let links = Links::watch();
        until(&links, |all| is(all, "lo", false)).await;

        hand.pair("left", "right").await;
        until(&links, |all| {
            is(all, "left", false) && is(all, "right", false)
        })
        .await;
        hand.set("left", LinkMessageBuilder::up).await;
        hand.set("right", LinkMessageBuilder::up).await;
        until(&links, |all| {
            is(all, "left", true) && is(all, "right", true)
        })
        .await;
        // An end without the other has no carrier: both are down.
        hand.set("right", LinkMessageBuilder::down).await;
        until(&links, |all| {
            is(all, "left", false) && is(all, "right", false)
        })
        .await;
        hand.set("right", |link| link.name("wrong".to_owned()))
            .await;
        until(&links, |all| is(all, "wrong", false)).await;
        hand.delete("left").await;
        until(&links, |all| all.len() == 1 && is(all, "lo", false)).await;
    });
}

#[test]
fn a_port_that_leaves_its_bridge_stays_a_link() {
    in_own_namespace(|| async {
        let hand = Hand::new();
        if !hand.pairs().await {
            return;
        }
        let links = Links::watch();
        until(&links, |all| is(all, "lo", false)).await;
        hand.pair("port", "far").await;
        let bridge = LinkBridge::new("bridge").build();
        if let Err(error) = hand.0.link().add(bridge).execute().await {
            println!("skipped: no bridge can be made here: {error}");
            return;
        }
        // A bridge that is up turns with its ports; only the port matters here.
        hand.set("bridge", LinkMessageBuilder::down).await;
        until(&links, |all| {
            is(all, "bridge", false) && is(all, "port", false) && is(all, "far", false)
        })
        .await;
        let before = *links.changes().borrow();
        let bridge = hand.index("bridge").await;
        hand.set("port", |link| link.controller(bridge)).await;
        hand.set("port", |link| link.controller(0)).await;
        // News come in order: after these, those of the bridge were taken in.
        hand.pair("fence", "post").await;
        until(&links, |all| {
            is(all, "fence", false) && is(all, "post", false)
        })
        .await;
        assert_eq!(*links.changes().borrow(), before + 2, "{:?}", links.now());
    });
}

#[test]
fn counters_come_when_they_are_asked_for() {
    in_own_namespace(|| async {
        let links = Links::watch();
        let hand = Hand::new();
        hand.set("lo", LinkMessageBuilder::up).await;
        until(&links, |all| is(all, "lo", true)).await;
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let bytes = || links.now()[0].rx_bytes.unwrap();
        let before = bytes();
        socket
            .send_to(&[0; 1000], socket.local_addr().unwrap())
            .unwrap();
        assert_eq!(bytes(), before, "nobody asked");
        links.refresh();
        while bytes() < before + 1000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn after_a_loss_the_links_are_listed_again() {
    const PAIRS: usize = 150;
    /// Makes pairs while nobody listens: the kernel's queue for the listener runs over.
    fn beside(work: impl AsyncFnOnce(Hand) + Send + 'static) {
        thread::spawn(|| run(async { work(Hand::new()).await }))
            .join()
            .unwrap();
    }
    in_own_namespace(|| async {
        if !Hand::new().pairs().await {
            return;
        }
        let links = Links::watch();
        until(&links, |all| is(all, "lo", false)).await;
        beside(async |hand| {
            for n in 0..PAIRS {
                hand.pair(&format!("a{n}"), &format!("b{n}")).await;
            }
        });
        until(&links, |all| all.len() == 2 * PAIRS + 1).await;
        let lost = || links.shared.lost.load(Ordering::Relaxed);
        assert!(lost() > 0, "the queue did not run over");
        let before = lost();
        beside(async |hand| {
            for n in 0..PAIRS {
                hand.delete(&format!("a{n}")).await;
            }
        });
        until(&links, |all| all.len() == 1).await;
        assert!(lost() > before, "the queue did not run over");
        assert!(links.health().cause.contains("after a loss"));
    });
}

#[test]
fn the_last_clone_ends_the_tasks() {
    in_own_namespace(|| async {
        let hand = Hand::new();
        if !hand.pairs().await {
            return;
        }
        let links = Links::watch();
        until(&links, |all| is(all, "lo", false)).await;
        let other = links.clone();
        drop(links);
        hand.pair("a", "b").await;
        until(&other, |all| all.len() == 3).await;
        let mut changes = other.changes();
        let shared = Arc::downgrade(&other.shared);
        drop(other);
        // The sender goes with the task.
        while changes.changed().await.is_ok() {}
        assert_eq!(shared.strong_count(), 0);
    });
}
