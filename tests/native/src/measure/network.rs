//! Bytes and packets of known traffic against the counters of the namespace that it passes through.

use std::net::SocketAddr;
use std::path::Path as File;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use llmos_agent::probes::{Probe, Wanted};

use super::{Compared, Kernel};
use crate::cgroup::TestCgroup;
use crate::load::Load;
use crate::net::{Ends, Path, Traffic, ends};

/// The last acknowledgement may be a little later than the end of both programs.
const LAST_PACKET: Duration = Duration::from_millis(100);
/// Bytes a second of a connection and of datagrams: eight flows at once leave room on one CPU.
const TCP_BYTES_PER_S: f64 = 20e6;
const UDP_BYTES_PER_S: f64 = 2e6;

/// A transfer of `bytes` over loopback, in the machine's own namespace, from one cgroup to another.
///
/// # Errors
/// When the probe cannot run or a load fails.
pub fn basic(load: &File, bytes: u64) -> Result<Vec<Compared>> {
    let mut kernel = Kernel::load(
        Wanted {
            network: true,
            ..Wanted::none()
        },
        &[Probe::Network],
    )?;
    let (from, to) = (
        TestCgroup::make(&kernel.root, "send")?,
        TestCgroup::make(&kernel.root, "receive")?,
    );
    let mut receiver = Load::start(load, &to, &["receive", "tcp", "127.0.0.1"])?;
    receiver.begin()?;
    let address = format!("127.0.0.1:{}", receiver.detail());
    let send = ["send", "tcp", &address, &bytes.to_string(), "0"];
    let mut sender = Load::start(load, &from, &send)?;
    sender.begin()?;
    sender.work_done()?;
    sender.finish()?;
    receiver.work_done()?;
    receiver.finish()?;
    Ok(vec![
        Compared::new("bytes sent", kernel.traffic(&from)?.tx_bytes, bytes),
        Compared::new("bytes received", kernel.traffic(&to)?.rx_bytes, bytes),
    ])
}

/// One flow from one cgroup to another in namespaces of its own.
struct Flow {
    name: String,
    path: Path,
    bytes: u64,
    ends: Ends,
    from: TestCgroup,
    to: TestCgroup,
    sender: Load,
    receiver: Load,
    before: Vec<Traffic>,
}

/// TCP and UDP, IPv4 and IPv6, over loopback and between two namespaces, all at once for `seconds`.
///
/// # Errors
/// When the probe cannot run, namespaces cannot be made, or a load fails.
pub fn flows(kernel: &mut Kernel, load: &File, seconds: f64) -> Result<Vec<Compared>> {
    let mut flows = Vec::new();
    for path in [Path::Loopback, Path::Veth] {
        for protocol in ["tcp", "udp"] {
            for ipv6 in [false, true] {
                flows.push(Flow::prepare(kernel, load, path, protocol, ipv6, seconds)?);
            }
        }
    }
    for flow in &mut flows {
        flow.receiver.begin()?;
        flow.sender.begin()?;
    }
    for flow in &mut flows {
        flow.sender.work_done()?;
    }
    sleep(LAST_PACKET);
    let mut compared = Vec::new();
    for flow in flows {
        compared.extend(flow.compare(kernel)?);
    }
    Ok(compared)
}

impl Flow {
    fn prepare(
        kernel: &Kernel,
        load: &File,
        path: Path,
        protocol: &str,
        ipv6: bool,
        seconds: f64,
    ) -> Result<Self> {
        let name = format!(
            "{protocol} over {}, {}",
            if ipv6 { "IPv6" } else { "IPv4" },
            match path {
                Path::Loopback => "loopback",
                Path::Veth => "veth",
            }
        );
        let rate = if protocol == "tcp" {
            TCP_BYTES_PER_S
        } else {
            UDP_BYTES_PER_S
        };
        let bytes = (rate * seconds) as u64;
        let ends = ends(path, ipv6)?;
        let from = TestCgroup::make(&kernel.root, "from")?;
        let to = TestCgroup::make(&kernel.root, "to")?;
        let address = ends.address.to_string();
        let receive = ["receive", protocol, &address];
        let receiver = Load::start_in(load, &to, Some(ends.second()), &receive)?;
        let address = SocketAddr::new(ends.address, receiver.detail().parse()?).to_string();
        let send = [
            "send",
            protocol,
            &address,
            &bytes.to_string(),
            &seconds.to_string(),
        ];
        let sender = Load::start_in(load, &from, Some(ends.first()), &send)?;
        let before = ends
            .namespaces
            .iter()
            .map(|namespace| namespace.traffic())
            .collect::<Result<_>>()?;
        Ok(Self {
            name,
            path,
            bytes,
            ends,
            from,
            to,
            sender,
            receiver,
            before,
        })
    }

    /// Across namespaces each end has counters of its own. On loopback the two ends share them, so
    /// their sum is compared, and what one end sends with what the other receives.
    fn compare(self, kernel: &mut Kernel) -> Result<Vec<Compared>> {
        let mut truth = Vec::new();
        for (namespace, before) in self.ends.namespaces.iter().zip(&self.before) {
            truth.push(namespace.traffic()? - *before);
        }
        let (from, to) = (kernel.traffic(&self.from)?, kernel.traffic(&self.to)?);
        let mut compared = Vec::new();
        match self.path {
            Path::Loopback => {
                self.add(&mut compared, "both ends", from + to, truth[0]);
                let crossed = Traffic {
                    rx_bytes: to.tx_bytes,
                    rx_packets: to.tx_packets,
                    tx_bytes: to.rx_bytes,
                    tx_packets: to.rx_packets,
                };
                self.add(&mut compared, "sender against receiver", from, crossed);
            }
            Path::Veth => {
                self.add(&mut compared, "sender", from, truth[0]);
                self.add(&mut compared, "receiver", to, truth[1]);
            }
        }
        ensure!(
            from.tx_bytes >= self.bytes,
            "{}: {} bytes were sent, and {} counted",
            self.name,
            self.bytes,
            from.tx_bytes
        );
        self.sender.finish()?;
        self.receiver.finish()?;
        Ok(compared)
    }

    fn add(&self, compared: &mut Vec<Compared>, end: &str, counted: Traffic, truth: Traffic) {
        let all = [
            ("bytes in", counted.rx_bytes, truth.rx_bytes),
            ("packets in", counted.rx_packets, truth.rx_packets),
            ("bytes out", counted.tx_bytes, truth.tx_bytes),
            ("packets out", counted.tx_packets, truth.tx_packets),
        ];
        for (what, counted, truth) in all {
            let what = format!("{}, {end}: {what}", self.name);
            compared.push(Compared::new(what, counted, truth));
        }
    }
}
