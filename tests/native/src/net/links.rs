//! Links between two ends: the loopback device of one namespace, or a pair of virtual devices
//! between two.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result};
use rtnetlink::{Handle, LinkUnspec, LinkVeth};

use super::Netns;

/// Names of the two devices of a pair, and their hardware addresses (locally administered).
const DEVICES: [&str; 2] = ["llmos0", "llmos1"];
const HARDWARE: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];

/// How two ends reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Both in one namespace, over its loopback device.
    Loopback,
    /// Each in a namespace of its own, over a pair of virtual devices.
    Veth,
}

/// Two ends: where each is, and the address of the second.
#[derive(Debug)]
pub struct Ends {
    /// One namespace or two.
    pub namespaces: Vec<Netns>,
    /// Address of the second end.
    pub address: IpAddr,
}

impl Ends {
    /// The namespace of the first end.
    #[must_use]
    pub fn first(&self) -> &Netns {
        &self.namespaces[0]
    }

    /// The namespace of the second end.
    #[must_use]
    pub fn second(&self) -> &Netns {
        &self.namespaces[self.namespaces.len() - 1]
    }
}

/// Makes two ends that reach each other by IPv4 or IPv6, and waits until they are quiet.
///
/// # Errors
/// When namespaces or links cannot be made here.
pub fn ends(path: Path, ipv6: bool) -> Result<Ends> {
    let ends = match path {
        Path::Loopback => loopback(ipv6)?,
        Path::Veth => veth(ipv6)?,
    };
    for namespace in &ends.namespaces {
        namespace.settle()?;
    }
    Ok(ends)
}

fn loopback(ipv6: bool) -> Result<Ends> {
    let namespace = Netns::new()?;
    namespace.inside(|| netlink(async |handle| up(&handle, "lo", None).await.map(|_| ())))?;
    Ok(Ends {
        namespaces: vec![namespace],
        address: if ipv6 {
            Ipv6Addr::LOCALHOST.into()
        } else {
            Ipv4Addr::LOCALHOST.into()
        },
    })
}

fn veth(ipv6: bool) -> Result<Ends> {
    let namespaces = vec![Netns::new()?, Netns::new()?];
    let addresses: [IpAddr; 2] = if ipv6 {
        [1, 2].map(|host| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host).into())
    } else {
        [1, 2].map(|host| Ipv4Addr::new(10, 99, 0, host).into())
    };
    let other = namespaces[1].fd();
    namespaces[0].inside(|| {
        netlink(async |handle| {
            let pair = LinkVeth::new(DEVICES[0], DEVICES[1]).build();
            handle.link().add(pair).execute().await?;
            let moved = LinkUnspec::new_with_name(DEVICES[1])
                .setns_by_fd(other)
                .build();
            handle.link().set(moved).execute().await?;
            Ok(())
        })
    })?;
    for (end, namespace) in namespaces.iter().enumerate() {
        let (address, peer) = (addresses[end], addresses[1 - end]);
        let prefix = if ipv6 { 64 } else { 24 };
        namespace.inside(|| {
            netlink(async |handle| {
                let index = up(&handle, DEVICES[end], Some(HARDWARE[end])).await?;
                handle
                    .address()
                    .add(index, address, prefix)
                    .execute()
                    .await?;
                // Known for good: asking for it would be a packet of nobody.
                let neighbour = handle.neighbours().add(index, peer);
                neighbour
                    .link_layer_address(&HARDWARE[1 - end])
                    .execute()
                    .await?;
                Ok(())
            })
        })?;
    }
    Ok(Ends {
        namespaces,
        address: addresses[1],
    })
}

/// Switches a device on, with this hardware address; its index.
async fn up(handle: &Handle, device: &str, hardware: Option<[u8; 6]>) -> Result<u32> {
    let mut link = LinkUnspec::new_with_name(device).up();
    if let Some(hardware) = hardware {
        link = link.address(hardware.to_vec());
    }
    let set = handle.link().set(link.build()).execute().await;
    set.with_context(|| format!("switching {device} on"))?;
    let path = format!("/proc/thread-self/net/dev_snmp6/{device}");
    let list = fs::read_to_string(&path).with_context(|| path.clone())?;
    let index = list.lines().find_map(|line| line.strip_prefix("ifIndex"));
    let index = index.with_context(|| format!("{path} has no ifIndex"))?;
    Ok(index.trim().parse()?)
}

/// Talks to the kernel inside the calling thread's namespace.
fn netlink(work: impl AsyncFnOnce(Handle) -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        work(handle).await
    })
}
