//! What the agent says of itself, of the node, and of its parts.

use llmos_engine::policy::Mode;
use llmos_proto::status::{self, API_VERSION, Component, Status, Workload};

use super::Node;
use crate::host::self_cost;
use crate::probes::{Probe, ProbeHealth};

impl Node {
    /// What the agent says of itself.
    #[must_use]
    pub fn status(&self, now_unix_ms: u64, workloads: &[Workload]) -> Status {
        let lost = self.sensor.lost().iter();
        Status {
            api_version: API_VERSION.to_owned(),
            node: self.config.node_name.clone(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: self.identity.kernel.clone(),
            mode: mode_name(self.config.mode).to_owned(),
            now_unix_ms,
            started_unix_ms: self.identity.started_unix_ms,
            tick_ms: u64::try_from(self.config.tick.as_millis()).unwrap_or(u64::MAX),
            ticks: self.pace.ticks(),
            missed_ticks: self.pace.missed(),
            tick_work_ms_p50: self.pace.work_ms_p50(),
            node_cpu_cores: self.identity.size.cpu.0,
            node_memory_bytes: self.identity.size.memory.0,
            agent_rss_bytes: self_cost::resident_bytes(),
            agent_cpu_cores: self.pace.cpu_cores(),
            kernel_side_cpu_cores: self.sampler.cores(),
            map_memory_bytes: self.sampler.map_bytes(),
            tick_read_ms_p50: self.pace.read_ms_p50(),
            programs: self.programs(),
            shed: self.shedder.gone().map(|p| p.name().to_owned()).collect(),
            budget_cpu_cores: self.shedder.budget_cores(),
            workloads: workloads.len() as u64,
            managed: workloads.iter().filter(|w| w.managed).count() as u64,
            fast_writes: self.fast.writes(),
            fast_event_to_write_ms_p50: self.fast.latency_ms(0.5),
            fast_event_to_write_ms_p99: self.fast.latency_ms(0.99),
            lost: lost
                .map(|(reason, count)| status::Lost {
                    place: reason.name().to_owned(),
                    count: *count,
                })
                .collect(),
            limits_held: self.applier.held() as u64,
            limit_changes_by_others: self.applier.changes_by_others(),
            handed_over: self.applier.handed_over(),
            node_cpu_used_cores: self.busy_cores,
            node_memory_used_bytes: self
                .free
                .map(|free| self.identity.size.memory.0.saturating_sub(free.0)),
            oom_kills_seen: self.sensor.oom_kills(),
            events: self.tally.shown(),
            freeze: self.freeze.shown(),
            links: self.links.now(),
            components: self.components(),
        }
    }

    /// What the agent costs beside what it may cost; nothing before it was measured.
    fn budget_health(&self) -> Option<ProbeHealth> {
        let used = self.pace.cpu_cores()? + self.sampler.cores()?;
        let budget = self.shedder.budget_cores();
        let mut cause = format!("{used:.3} of {budget} cores");
        let gone: Vec<&str> = self.shedder.gone().map(Probe::name).collect();
        if !gone.is_empty() {
            cause = format!("{cause}; given up: {}", gone.join(", "));
        }
        Some(if used > budget || !gone.is_empty() {
            ProbeHealth::degraded("budget", cause)
        } else {
            ProbeHealth::healthy("budget", cause)
        })
    }

    /// A warning while a sched_ext scheduler runs.
    fn sched_ext(&self) -> Option<ProbeHealth> {
        let cause = self.freeze.sched_ext()?;
        Some(ProbeHealth::degraded("sched_ext", cause))
    }

    /// Only while the cgroups cannot be listed.
    fn tree_health(&self) -> Option<ProbeHealth> {
        let cause = self.scan_error.as_ref()?;
        Some(ProbeHealth::degraded("cgroup.tree", cause.clone()))
    }

    fn programs(&self) -> Vec<status::Program> {
        let costs = self.sampler.programs().unwrap_or_default();
        let program = |cost: &crate::cost::ProgramCost| status::Program {
            name: cost.name.to_owned(),
            runs_per_s: cost.runs_per_s,
            ns_per_run: cost.ns_per_run,
        };
        costs.iter().map(program).collect()
    }

    /// All parts and how they are.
    fn components(&self) -> Vec<Component> {
        let mut all: Vec<Component> = self
            .sensor
            .health()
            .iter()
            .map(ProbeHealth::component)
            .collect();
        all.extend(self.watch_health.iter().map(ProbeHealth::component));
        all.extend(self.budget_health().as_ref().map(ProbeHealth::component));
        all.push(self.links.health().component());
        all.push(match &self.model_error {
            Some(error) => {
                ProbeHealth::degraded("model", format!("{error}; the baseline forecasts"))
                    .component()
            }
            None => self.model_health.component(),
        });
        all.push(self.forecast_state.health().component());
        all.push(self.applier.component());
        all.extend(self.applier.watchdog());
        all.push(self.freeze.component());
        all.extend(self.sched_ext().as_ref().map(ProbeHealth::component));
        all.extend(self.tree_health().as_ref().map(ProbeHealth::component));
        all.extend(self.applier.systemd());
        all.push(self.reporter.component());
        all
    }
}

/// Mode as people write it.
fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observe",
        Mode::Enforce => "enforce",
    }
}
