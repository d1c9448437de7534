//! What an rtnetlink message says of a link: a pure function of the message.

use rtnetlink::packet_route::link::{
    InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage, Stats64,
};
use rtnetlink::packet_route::stats::{StatsAttribute, StatsMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

/// Counters of a link since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) rx_bytes: u64,
    pub(super) tx_bytes: u64,
    pub(super) rx_dropped: u64,
    pub(super) tx_dropped: u64,
}

impl From<&Stats64> for Counters {
    fn from(stats: &Stats64) -> Self {
        Self {
            rx_bytes: stats.rx_bytes,
            tx_bytes: stats.tx_bytes,
            rx_dropped: stats.rx_dropped,
            tx_dropped: stats.tx_dropped,
        }
    }
}

/// A link as a message describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) up: bool,
    /// One end of a pair inside this machine, or loopback: without a line that has a speed.
    pub(super) inner: bool,
    pub(super) counters: Option<Counters>,
}

/// What a message tells; links by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    Link(u32, Described),
    Gone(u32),
    Counters(u32, Counters),
}

/// Reads a message; none for one that is not about a link as a whole. A bridge tells of its ports
/// by messages of the same type and another family: a port that leaves its bridge is not gone.
pub(super) fn news(message: &RouteNetlinkMessage) -> Option<News> {
    match message {
        RouteNetlinkMessage::NewLink(message) => link(message),
        RouteNetlinkMessage::DelLink(message) => {
            whole(message).then_some(News::Gone(message.header.index))
        }
        RouteNetlinkMessage::NewStats(message) => counters(message),
        _ => None,
    }
}

fn whole(message: &LinkMessage) -> bool {
    message.header.interface_family == AddressFamily::Unspec
}

fn link(message: &LinkMessage) -> Option<News> {
    if !whole(message) {
        return None;
    }
    let mut described = Described {
        name: String::new(),
        up: message
            .header
            .flags
            .contains(LinkFlags::Up | LinkFlags::LowerUp),
        inner: message.header.link_layer_type == LinkLayerType::Loopback,
        counters: None,
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => described.name.clone_from(name),
            LinkAttribute::Stats64(stats) => described.counters = Some(stats.into()),
            LinkAttribute::LinkInfo(infos) => {
                described.inner |= infos.contains(&LinkInfo::Kind(InfoKind::Veth));
            }
            _ => {}
        }
    }
    (!described.name.is_empty()).then_some(News::Link(message.header.index, described))
}

fn counters(message: &StatsMessage) -> Option<News> {
    let counters = message.attributes.iter().find_map(|a| match a {
        StatsAttribute::Link64(stats) => Some(stats.into()),
        _ => None,
    })?;
    Some(News::Counters(message.header.ifindex, counters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(family: AddressFamily) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.interface_family = family;
        message.header.index = 7;
        message.header.flags = LinkFlags::Up | LinkFlags::LowerUp;
        let mut stats = Stats64::default();
        stats.rx_dropped = 3;
        message.attributes = vec![
            LinkAttribute::IfName("eth0".to_owned()),
            LinkAttribute::Stats64(stats),
        ];
        message
    }

    #[test]
    fn a_link_has_its_name_state_and_counters() {
        let described = match news(&RouteNetlinkMessage::NewLink(message(
            AddressFamily::Unspec,
        ))) {
            Some(News::Link(7, described)) => described,
            other => panic!("{other:?}"),
        };
        assert_eq!(described.name, "eth0");
        assert!(described.up && !described.inner);
        assert_eq!(described.counters.map(|c| c.rx_dropped), Some(3));
    }

    #[test]
    fn a_link_without_a_carrier_is_down() {
        let mut down = message(AddressFamily::Unspec);
        down.header.flags = LinkFlags::Up;
        let news = news(&RouteNetlinkMessage::NewLink(down));
        assert!(matches!(news, Some(News::Link(7, d)) if !d.up));
    }

    #[test]
    fn a_message_of_a_bridge_about_its_port_says_nothing_of_the_link() {
        let port = || message(AddressFamily::Bridge);
        assert_eq!(news(&RouteNetlinkMessage::NewLink(port())), None);
        assert_eq!(news(&RouteNetlinkMessage::DelLink(port())), None);
        let gone = RouteNetlinkMessage::DelLink(message(AddressFamily::Unspec));
        assert_eq!(news(&gone), Some(News::Gone(7)));
    }
}
