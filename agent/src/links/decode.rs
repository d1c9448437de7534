//! From an rtnetlink message to a link: what the message holds, and the speed from sysfs, since
//! rtnetlink does not tell it.

use std::fs;

use llmos_proto::status::Link;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

/// The link of a message with its index; `None` for one without a name.
pub fn link(message: &LinkMessage) -> Option<(u32, Link)> {
    let name = message.attributes.iter().find_map(|a| match a {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })?;
    let stats = message.attributes.iter().find_map(|a| match a {
        LinkAttribute::Stats64(stats) => Some(*stats),
        _ => None,
    });
    let link = Link {
        up: message
            .header
            .flags
            .contains(LinkFlags::Up | LinkFlags::LowerUp),
        speed_mbit_per_s: speed(&name),
        rx_bytes: stats.map(|s| s.rx_bytes),
        tx_bytes: stats.map(|s| s.tx_bytes),
        rx_dropped: stats.map(|s| s.rx_dropped),
        tx_dropped: stats.map(|s| s.tx_dropped),
        name,
    };
    Some((message.header.index, link))
}

/// Speed in Mbit/s; `None` where the driver knows none (loopback, most virtual links).
fn speed(name: &str) -> Option<u64> {
    // A link name cannot hold a slash, so this stays inside the directory.
    let text = fs::read_to_string(format!("/sys/class/net/{name}/speed")).ok()?;
    u64::try_from(text.trim().parse::<i64>().ok()?)
        .ok()
        .filter(|speed| *speed > 0)
}
