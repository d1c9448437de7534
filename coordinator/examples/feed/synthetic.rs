//! A synthetic node: its workloads, forecasts that look at the true future with some error, and a
//! simple rule in the place of the engine.

use llmos_proto::fleet as wire;

use crate::demand::{Shape, noise};

const MIB: f64 = 1_048_576.0;
const HORIZONS: [u32; 2] = [5, 30];

/// Name, cgroup, managed, CPU shape in cores, memory shape in MiB, network shape in kB/s.
type Kind = (
    &'static str,
    &'static str,
    bool,
    [f64; 6],
    [f64; 6],
    [f64; 2],
);

const KINDS: [Kind; 9] = [
    (
        "checkout",
        "kubepods.slice/burstable/pod-checkout",
        true,
        [0.25, 0.3, 600.0, 1.1, 95.0, 18.0],
        [420.0, 160.0, 900.0, 90.0, 95.0, 30.0],
        [900.0, 2400.0],
    ),
    (
        "postgres",
        "system.slice/postgresql.service",
        true,
        [0.4, 0.5, 1200.0, 0.6, 210.0, 40.0],
        [1500.0, 500.0, 2400.0, 120.0, 210.0, 60.0],
        [3100.0, 5200.0],
    ),
    (
        "llm-server",
        "kubepods.slice/guaranteed/pod-llm",
        true,
        [0.9, 0.5, 420.0, 0.8, 70.0, 25.0],
        [2600.0, 300.0, 1800.0, 200.0, 140.0, 70.0],
        [240.0, 610.0],
    ),
    (
        "report-batch",
        "kubepods.slice/besteffort/pod-report",
        false,
        [0.05, 0.1, 800.0, 1.4, 300.0, 120.0],
        [180.0, 60.0, 800.0, 700.0, 300.0, 140.0],
        [40.0, 12.0],
    ),
    (
        "ingress",
        "kubepods.slice/burstable/pod-ingress",
        false,
        [0.12, 0.2, 600.0, 0.2, 60.0, 10.0],
        [96.0, 20.0, 600.0, 0.0, 60.0, 10.0],
        [5200.0, 5100.0],
    ),
    (
        "redis",
        "system.slice/redis-server.service",
        true,
        [0.04, 0.05, 500.0, 0.1, 45.0, 6.0],
        [310.0, 90.0, 2000.0, 0.0, 60.0, 10.0],
        [800.0, 760.0],
    ),
    (
        "<img src=x onerror=alert(1)>",
        "user.slice/<b>not markup</b>",
        false,
        [0.01, 0.01, 300.0, 0.02, 50.0, 5.0],
        [24.0, 4.0, 300.0, 0.0, 60.0, 10.0],
        [0.4, 0.1],
    ),
    (
        "ssh",
        "system.slice/ssh.service",
        false,
        [0.001, 0.002, 300.0, 0.03, 120.0, 3.0],
        [7.0, 1.0, 300.0, 0.0, 60.0, 10.0],
        [1.2, 2.8],
    ),
    (
        "systemd-journald",
        "system.slice/systemd-journald.service",
        false,
        [0.006, 0.008, 300.0, 0.05, 90.0, 4.0],
        [42.0, 10.0, 1200.0, 0.0, 60.0, 10.0],
        [0.0, 0.0],
    ),
];

/// A synthetic node.
pub struct Node {
    index: usize,
    tick_ms: u32,
    sequence: u64,
    workloads: Vec<Workload>,
}

struct Workload {
    id: u64,
    name: String,
    cgroup: String,
    managed: bool,
    cpu: Shape,
    memory: Shape,
    network: [f64; 2],
    cpu_target: Target,
    memory_target: Target,
}

/// What the rule wants, and when it last went down.
#[derive(Clone, Copy, Default)]
struct Target {
    value: Option<f64>,
    lowered_s: f64,
}

fn shape(
    [base, wave, period_s, burst, burst_every_s, burst_s]: [f64; 6],
    scale: f64,
    seed: u64,
) -> Shape {
    Shape {
        base: base * scale,
        wave: wave * scale,
        period_s,
        burst: burst * scale,
        burst_every_s,
        burst_s,
        noise: if scale > 1.0 { 0.01 } else { 0.22 },
        seed,
    }
}

impl Node {
    /// The node with this number.
    pub fn new(index: usize, tick_ms: u32, extra: usize) -> Self {
        let mut workloads = Vec::new();
        for number in 0..KINDS.len() + extra {
            let (name, cgroup, managed, cpu, memory, network) = KINDS[number % KINDS.len()];
            let suffix = match number / KINDS.len() {
                0 => String::new(),
                copy => format!("-{copy}"),
            };
            let seed = (index * 1_000 + number + 1) as u64;
            workloads.push(Workload {
                id: 4_000 + seed,
                name: format!("{name}{suffix}"),
                cgroup: format!("{cgroup}{suffix}"),
                managed,
                cpu: shape(cpu, 1.0, seed),
                memory: shape(memory, MIB, seed),
                network: network.map(|kb| kb * 1_000.0),
                cpu_target: Target::default(),
                memory_target: Target::default(),
            });
        }
        Self {
            index,
            tick_ms,
            sequence: 0,
            workloads,
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        format!("node-{}", self.index + 1)
    }

    /// The report of one tick; `None` in a stretch of the past in which the first node was away.
    pub fn report(&mut self, at_unix_ms: u64, ticks_back: u64) -> Option<wire::NodeReport> {
        if self.index == 0 && (140..165).contains(&ticks_back) {
            return None;
        }
        self.sequence += 1;
        let enforce = self.index != 1;
        let t = at_unix_ms as f64 / 1_000.0;
        let mut decisions = Vec::new();
        let workloads: Vec<_> = self
            .workloads
            .iter_mut()
            .map(|one| one.sample(t, enforce, &mut decisions))
            .collect();
        let used = |of: fn(&wire::WorkloadSample) -> f64| workloads.iter().map(of).sum::<f64>();
        let cpu = used(|one| one.cpu_cores.unwrap_or(0.0)) + 0.15;
        let memory = used(|one| one.memory_bytes.unwrap_or(0) as f64) + 700.0 * MIB;
        Some(wire::NodeReport {
            sequence: self.sequence,
            node: Some(wire::Node {
                name: self.name(),
                machine_id: format!("5eed{:028x}", self.index + 1),
                boot_id: "feeder".to_owned(),
                agent_version: "0.1.0".to_owned(),
                kernel: "6.12.48-synthetic".to_owned(),
                mode: if enforce { "enforce" } else { "observe" }.to_owned(),
                cpu_cores: 8.0,
                memory_bytes: (16_384.0 * MIB) as u64,
                tick_ms: self.tick_ms,
                agent_cpu_cores: 0.006 + 0.002 * noise(7, t),
                agent_rss_bytes: (31.0 * MIB) as u64,
                reports_dropped: 0,
                cpu_used_cores: Some(cpu.min(8.0)),
                memory_used_bytes: Some(memory as u64),
            }),
            at_unix_ms,
            workloads,
            decisions,
            components: self.components(),
        })
    }

    fn components(&self) -> Vec<wire::Component> {
        let component = |name: &str, state: &str, cause: &str| wire::Component {
            name: name.to_owned(),
            state: state.to_owned(),
            cause: cause.to_owned(),
        };
        let mut all = vec![
            component(
                "probe.cpu",
                "healthy",
                "sched_switch and sched_stat_runtime attached",
            ),
            component("probe.network", "healthy", "cgroup_skb on the root"),
            component("model", "healthy", "synthetic"),
        ];
        if self.index == 1 {
            all.push(component(
                "cgroup.memory",
                "degraded",
                "memory.high is not delegated to user.slice",
            ));
            all.push(component(
                "probe.pressure",
                "unsupported",
                "the kernel was built without CONFIG_PSI",
            ));
        }
        all
    }
}

impl Workload {
    fn sample(
        &mut self,
        t: f64,
        enforce: bool,
        decisions: &mut Vec<wire::Decision>,
    ) -> wire::WorkloadSample {
        let source = if self.id.is_multiple_of(4) {
            "baseline"
        } else {
            "model"
        };
        let (cpu, memory) = (self.cpu.at(t), self.memory.at(t));
        let cpu_forecast = forecast(&self.cpu, t, source);
        let memory_forecast = forecast(&self.memory, t, source);
        let acts = enforce && self.managed;
        let outcome = if acts { "applied" } else { "observed" };
        let before = (self.cpu_target.value, self.memory_target.value);
        let step =
            |knob: &str, unit: (&str, f64), target: &mut Target, q95: f64, floor: f64, now: f64| {
                target
                    .step(t, q95, floor)
                    .map(|(from, to, action)| wire::Decision {
                        cgroup_id: self.id,
                        cgroup: self.cgroup.clone(),
                        at_unix_ms: (t * 1_000.0) as u64,
                        knob: knob.to_owned(),
                        action: action.to_owned(),
                        from,
                        to,
                        reasons: vec![
                            format!(
                                "forecast q95 of the peak in 30 ticks is {:.2} {}",
                                q95 / unit.1,
                                unit.0
                            ),
                            format!(
                                "use is {:.2} {}, so the recent peak does not lead",
                                now / unit.1,
                                unit.0
                            ),
                            format!("margin 15 % gives {:.2} {}", to / unit.1, unit.0),
                        ],
                        outcome: outcome.to_owned(),
                    })
            };
        let q95 = |one: &wire::Forecast| one.horizons.last().map_or(0.0, |horizon| horizon.q95);
        decisions.extend(step(
            "cpu.max",
            ("cores", 1.0),
            &mut self.cpu_target,
            q95(&cpu_forecast),
            0.05,
            cpu,
        ));
        decisions.extend(step(
            "memory.high",
            ("MiB", MIB),
            &mut self.memory_target,
            q95(&memory_forecast),
            16.0 * MIB,
            memory,
        ));
        let bytes = |value: f64| Some(value as u64);
        let memory_target = self.memory_target.value.map(|value| value as u64);
        let rate = |scale: f64, seed: u64| {
            scale * (0.6 + 0.4 * cpu / (self.cpu.base + 0.1)) * (0.7 + 0.6 * noise(seed, t))
        };
        let network_shape = Shape {
            base: self.network[0] + self.network[1],
            noise: 0.3,
            wave: 0.0,
            burst: 0.0,
            ..self.cpu
        };
        wire::WorkloadSample {
            cgroup_id: self.id,
            cgroup: self.cgroup.clone(),
            name: self.name.clone(),
            managed: self.managed,
            cpu_cores: Some(if acts {
                cpu.min(before.0.unwrap_or(cpu))
            } else {
                cpu
            }),
            memory_bytes: bytes(memory),
            working_set_bytes: bytes(memory * 0.86),
            rx_bytes_per_s: Some(rate(self.network[0], self.id + 1)),
            tx_bytes_per_s: Some(rate(self.network[1], self.id + 2)),
            throttled_share: Some(0.0),
            cpu_limit_cores: if acts {
                before.0
            } else {
                self.managed.then_some(2.0)
            },
            memory_high_bytes: if acts {
                before.1.map(|value| value as u64)
            } else {
                None
            },
            memory_max_bytes: acts.then(|| (before.1.unwrap_or(memory) * 1.12) as u64),
            cpu_forecast: Some(cpu_forecast),
            memory_forecast: Some(memory_forecast),
            network_forecast: (self.network[0] > 0.0).then(|| forecast(&network_shape, t, source)),
            memory_stall_share: Some(0.0),
            oom_kills: Some(0),
            cpu_target_cores: self.cpu_target.value,
            memory_high_target_bytes: memory_target,
            memory_max_target_bytes: memory_target.map(|value| value + value / 8),
        }
    }
}

fn forecast(shape: &Shape, t: f64, source: &str) -> wire::Forecast {
    let horizons = HORIZONS.map(|ticks| {
        let peak = shape.peak(t, ticks);
        let seen = 0.45 * shape.at(t) + 0.55 * peak;
        let error = 1.0 + 0.06 * (noise(shape.seed + 99, t / 7.0) - 0.5);
        let spread = 0.05 + shape.noise * 0.5 + 0.003 * f64::from(ticks);
        wire::HorizonForecast {
            ticks,
            q50: seen * error,
            q90: seen * error * (1.0 + spread),
            q95: seen * error * (1.0 + 1.4 * spread),
            q99: seen * error * (1.0 + 2.3 * spread),
        }
    });
    wire::Forecast {
        horizons: horizons.to_vec(),
        source: source.to_owned(),
    }
}

impl Target {
    /// Up at once, down at most every 20 s and by at most a third.
    fn step(&mut self, t: f64, q95: f64, floor: f64) -> Option<(Option<f64>, f64, &'static str)> {
        let wanted = (q95 * 1.15).max(floor);
        let from = self.value;
        let (to, action) = match from {
            None => (wanted, "raise"),
            Some(now) if wanted > now * 1.04 => (wanted, "raise"),
            Some(now) if wanted < now * 0.8 && t - self.lowered_s > 20.0 => {
                self.lowered_s = t;
                (wanted.max(now * 0.66), "lower")
            }
            Some(_) => return None,
        };
        self.value = Some(to);
        Some((from, to, action))
    }
}
