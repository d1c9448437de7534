//! The counters of a namespace's IP layer, as the truth for what passed through it.
//!
//! Which counters, and why:
//! - Bytes: `InOctets` and `OutOctets` of IPv4 (`/proc/net/netstat`, `IpExt`) and IPv6
//!   (`/proc/net/snmp6`). They add the length from the network header on of what passes the IP
//!   layer, which is the same buffer that a cgroup program sees: a large segment that the device
//!   splits later has one header in both.
//! - Packets in: `In{NoECT,ECT0,ECT1,CE}Pkts`. These add the number of segments of a merged one;
//!   `InReceives`, `InDelivers` and TCP's `InSegs` count a merged one once.
//! - Packets out: TCP's `OutSegs`, which adds segments too but leaves out repeated ones, plus its
//!   `RetransSegs`, plus the datagrams of UDP. `OutRequests` of IP counts a large segment once.
//! - What has no socket (a reset, an answer to a connection in TIME_WAIT, ICMP) is in these
//!   counters and belongs to no cgroup. The loads avoid it.

use std::fs;
use std::ops::{Add, Sub};

use anyhow::{Context as _, Result};

/// Traffic of a namespace or a cgroup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes received, from the network header on.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
}

impl Traffic {
    /// Of the calling thread's network namespace, since it was made.
    ///
    /// # Errors
    /// When a counter is not there.
    pub fn of_this_namespace() -> Result<Self> {
        let read = |file: &str| {
            let path = format!("/proc/thread-self/net/{file}");
            fs::read_to_string(&path).with_context(|| path.clone())
        };
        parse(&read("netstat")?, &read("snmp")?, &read("snmp6")?)
    }
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            rx_bytes: self.rx_bytes - before.rx_bytes,
            rx_packets: self.rx_packets - before.rx_packets,
            tx_bytes: self.tx_bytes - before.tx_bytes,
            tx_packets: self.tx_packets - before.tx_packets,
        }
    }
}

impl Add for Traffic {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            rx_bytes: self.rx_bytes + other.rx_bytes,
            rx_packets: self.rx_packets + other.rx_packets,
            tx_bytes: self.tx_bytes + other.tx_bytes,
            tx_packets: self.tx_packets + other.tx_packets,
        }
    }
}

fn parse(netstat: &str, snmp: &str, snmp6: &str) -> Result<Traffic> {
    let v4 = |name: &str| in_rows(netstat, "IpExt:", name);
    let v6 = |name: &str| in_list(snmp6, name);
    let mut traffic = Traffic {
        rx_bytes: v4("InOctets")? + v6("Ip6InOctets")?,
        rx_packets: 0,
        tx_bytes: v4("OutOctets")? + v6("Ip6OutOctets")?,
        tx_packets: in_rows(snmp, "Tcp:", "OutSegs")?
            + in_rows(snmp, "Tcp:", "RetransSegs")?
            + in_rows(snmp, "Udp:", "OutDatagrams")?
            + v6("Udp6OutDatagrams")?,
    };
    for marks in ["InNoECTPkts", "InECT0Pkts", "InECT1Pkts", "InCEPkts"] {
        traffic.rx_packets += v4(marks)? + v6(&format!("Ip6{marks}"))?;
    }
    Ok(traffic)
}

/// A value of a table whose first row has the names and whose second row has the values.
fn in_rows(text: &str, table: &str, name: &str) -> Result<u64> {
    let mut rows = text.lines().filter_map(|line| line.strip_prefix(table));
    let value = rows.next().zip(rows.next()).and_then(|(names, values)| {
        let at = names.split_whitespace().position(|n| n == name)?;
        values.split_whitespace().nth(at)?.parse().ok()
    });
    value.with_context(|| format!("no {table} {name} in the counters of the network"))
}

/// A value of a list with one name and value on each line.
fn in_list(text: &str, name: &str) -> Result<u64> {
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(char::is_whitespace)?;
        (key == name).then(|| value.trim().parse().ok())?
    });
    value.with_context(|| format!("no {name} in the counters of IPv6"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_name() {
        let netstat = "TcpExt: A InOctets\nTcpExt: 1 2\nIpExt: InOctets OutOctets\nIpExt: 30 40\n";
        assert_eq!(in_rows(netstat, "IpExt:", "OutOctets").unwrap(), 40);
        assert!(in_rows(netstat, "IpExt:", "A").is_err());
        let snmp6 = "Ip6InOctets                     \t12\nIp6OutOctets \t13\n";
        assert_eq!(in_list(snmp6, "Ip6OutOctets").unwrap(), 13);
        assert!(in_list(snmp6, "Ip6In").is_err());
    }

    #[test]
    fn this_machine_has_all_counters() {
        Traffic::of_this_namespace().unwrap();
    }
}
