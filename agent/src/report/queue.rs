//! Reports that the coordinator has not acknowledged: bounded in count and bytes, oldest dropped
//! first and counted. Pure: no clock, no network.

use std::collections::VecDeque;

use llmos_proto::fleet::NodeReport;
use prost::Message;

/// Bytes of all waiting reports, as they go over the wire: a node with a thousand workloads must not
/// fill its memory while the coordinator is away.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Waiting reports in order of their numbers; the first [`Queue::in_flight`] are sent.
#[derive(Debug)]
pub struct Queue {
    reports: VecDeque<(NodeReport, usize)>,
    in_flight: usize,
    bytes: usize,
    most_reports: usize,
    most_bytes: usize,
    next_sequence: u64,
    dropped: u64,
    delivered: u64,
}

impl Queue {
    /// An empty queue for at most `most_reports` reports (at least one) and `most_bytes` bytes.
    pub fn new(most_reports: usize, most_bytes: usize) -> Self {
        Self {
            reports: VecDeque::new(),
            in_flight: 0,
            bytes: 0,
            most_reports: most_reports.max(1),
            most_bytes,
            next_sequence: 1,
            dropped: 0,
            delivered: 0,
        }
    }

    /// Numbers the report and appends it; drops the oldest where there is no room. The newest always
    /// stays, whatever its size.
    pub fn push(&mut self, mut report: NodeReport) {
        report.sequence = self.next_sequence;
        self.next_sequence += 1;
        if let Some(node) = &mut report.node {
            node.reports_dropped = self.dropped;
        }
        let size = report.encoded_len();
        self.bytes += size;
        self.reports.push_back((report, size));
        while self.reports.len() > 1
            && (self.reports.len() > self.most_reports || self.bytes > self.most_bytes)
        {
            // One that was sent may have arrived without its acknowledgement; it counts as dropped
            // all the same, for nobody can know.
            self.pop();
            self.dropped += 1;
        }
    }

    /// The next report to send, if any, which is then in flight.
    pub fn take_next(&mut self) -> Option<NodeReport> {
        let (report, _) = self.reports.get(self.in_flight)?;
        let report = report.clone();
        self.in_flight += 1;
        Some(report)
    }

    /// Removes all reports up to number `sequence`; gives back how many. A number that was never
    /// sent removes nothing that was not sent.
    pub fn acknowledge(&mut self, sequence: u64) -> u64 {
        let mut removed = 0;
        while self.in_flight > 0
            && self
                .reports
                .front()
                .is_some_and(|(report, _)| report.sequence <= sequence)
        {
            self.pop();
            removed += 1;
        }
        self.delivered += removed;
        removed
    }

    /// The connection is gone: all that was not acknowledged is to be sent again.
    pub fn rewind(&mut self) {
        self.in_flight = 0;
    }

    fn pop(&mut self) {
        if let Some((_, size)) = self.reports.pop_front() {
            self.bytes -= size;
            self.in_flight = self.in_flight.saturating_sub(1);
        }
    }

    /// True when there is something to send.
    pub fn has_next(&self) -> bool {
        self.in_flight < self.reports.len()
    }

    /// Reports sent and not acknowledged.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Reports that wait, sent ones included.
    pub fn len(&self) -> usize {
        self.reports.len()
    }

    /// Reports dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Reports acknowledged since the start.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use llmos_proto::fleet::Node;

    fn report() -> NodeReport {
        NodeReport {
            node: Some(Node::default()),
            ..NodeReport::default()
        }
    }

    fn queue(reports: u64, most: usize) -> Queue {
        let mut queue = Queue::new(most, MOST_BYTES);
        (0..reports).for_each(|_| queue.push(report()));
        queue
    }

    fn sequences(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.take_next().map(|r| r.sequence)).collect()
    }

    #[test]
    fn the_oldest_are_dropped_and_counted() {
        let mut queue = queue(5, 3);
        assert_eq!((queue.len(), queue.dropped()), (3, 2));
        assert_eq!(sequences(&mut queue), [3, 4, 5]);
        queue.push(report());
        let next = queue.take_next().expect("the new one");
        assert_eq!(next.sequence, 6);
        assert_eq!(next.node.expect("node").reports_dropped, 2);
        assert_eq!(queue.in_flight(), 3, "a dropped one is no longer in flight");
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again() {
        let mut queue = queue(4, 10);
        assert_eq!(sequences(&mut queue), [1, 2, 3, 4]);
        assert_eq!(queue.acknowledge(2), 2);
        queue.rewind();
        assert_eq!(sequences(&mut queue), [3, 4]);
        assert_eq!(queue.acknowledge(2), 0, "an old number changes nothing");
        assert_eq!(queue.acknowledge(9), 2);
        assert_eq!(queue.len(), 0);
        assert_eq!(queue.delivered(), 4);
    }

    #[test]
    fn a_number_ahead_of_what_was_sent_removes_only_what_was_sent() {
        let mut queue = queue(3, 10);
        assert_eq!(queue.take_next().map(|r| r.sequence), Some(1));
        assert_eq!(queue.acknowledge(u64::MAX), 1);
        assert_eq!(sequences(&mut queue), [2, 3]);
    }

    #[test]
    fn bytes_are_bounded_but_the_newest_stays() {
        let mut queue = Queue::new(100, 64);
        let mut big = report();
        big.workloads
            .resize_with(100, || llmos_proto::fleet::WorkloadSample {
                cgroup: "a".repeat(100),
                ..Default::default()
            });
        queue.push(report());
        queue.push(big);
        assert_eq!((queue.len(), queue.dropped()), (1, 1));
        queue.push(report());
        assert_eq!((queue.len(), queue.dropped()), (1, 2));
        assert!(queue.bytes <= 64);
    }
}
