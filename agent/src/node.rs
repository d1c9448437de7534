//! The node as the agent knows it: sensor, engine, model, applier and board, and what a tick does
//! with them: sense, forecast and decide, apply, show, report.

mod fast;
mod status;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use llmos_engine::forecast::{Forecast, Standing};
use llmos_engine::policy::Policy;
use llmos_engine::sample::Limits;
use llmos_engine::units::{Bytes, CgroupId, Timestamp};
use llmos_engine::{Engine, TickInput, TickReport, WorkloadInput};
use llmos_forecaster::TractModel;
use llmos_proto::status::Workload;

use crate::apply::Applier;
use crate::board::{Board, Made, Published};
use crate::config::Config;
use crate::cost::{Act, Sampler, Shedder};
use crate::fast::FastPath;
use crate::forecast_state::{ForecastState, ModelId, Owner};
use crate::freeze::Freeze;
use crate::host::{clock, facts, self_cost, trim};
use crate::identity::Identity;
use crate::links::Links;
use crate::pace::Pace;
use crate::probes::{KernelEvent, ProbeHealth};
use crate::report::{Reporter, convert};
use crate::sense::{Sensed, Sensor};
use crate::show;
use crate::tally::Tally;
use crate::watch::{WatchEvent, Watches};

/// Ticks after the start, and between two times, that memory is given back that is not needed.
const TRIM_AFTER: u64 = 5;
const TRIM_EVERY: u64 = 300;
/// Ticks between two times that the files to watch are dealt anew.
const WATCHES_EVERY: u64 = 30;
/// Ticks between two looks at the links' counters.
const LINKS_EVERY: u64 = 10;

/// All parts of a running agent.
pub struct Node {
    /// Configuration.
    pub config: Arc<Config>,
    /// What does not change.
    pub identity: Identity,
    /// Reads the workloads.
    pub sensor: Sensor,
    /// The node's network links.
    pub links: Links,
    /// The model, if there is one.
    pub model: Option<TractModel>,
    /// How the model is.
    pub model_health: ProbeHealth,
    /// Writes limits, in enforce mode.
    pub applier: Applier,
    /// Says when none may be written.
    pub freeze: Freeze,
    /// Sends reports to the coordinator.
    pub reporter: Reporter,
    /// What the status socket shows.
    pub board: Arc<Board>,
    engine: Engine,
    fast: FastPath,
    forecast_state: ForecastState,
    pace: Pace,
    sampler: Sampler,
    shedder: Shedder,
    tally: Tally,
    watch_health: Vec<ProbeHealth>,
    model_error: Option<String>,
    scan_error: Option<String>,
    busy: Option<(Timestamp, f64)>,
    busy_cores: Option<f64>,
    /// `MemAvailable` at this tick.
    free: Option<Bytes>,
    /// Workloads whose memory limits are raised when they are reached.
    memory_served: HashSet<CgroupId>,
    /// What this tick has read; its memory serves the next one.
    sensed: Vec<Sensed>,
}

/// The parts that [`Node::new`] puts together.
pub struct Parts {
    /// Configuration.
    pub config: Arc<Config>,
    /// What does not change.
    pub identity: Identity,
    /// Reads the workloads.
    pub sensor: Sensor,
    /// The node's network links.
    pub links: Links,
    /// The model and how it is.
    pub model: (Option<TractModel>, ProbeHealth),
    /// Writes limits, in enforce mode.
    pub applier: Applier,
    /// Says when none may be written.
    pub freeze: Freeze,
    /// Sends reports to the coordinator.
    pub reporter: Reporter,
    /// What the status socket shows.
    pub board: Arc<Board>,
}

impl Node {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let (model, model_health) = parts.model;
        let mut engine = Engine::new(parts.config.tick.as_secs_f64());
        engine.set_node_policy(parts.config.node);
        let owner = Owner {
            boot_id: parts.identity.boot_id.clone(),
            tick: parts.config.tick,
            model: model.as_ref().map(|model| ModelId {
                name: model.contract().name.clone(),
                sha256: model.contract().sha256.clone(),
            }),
        };
        let save_every = parts.config.forecast.save_every;
        Self {
            forecast_state: ForecastState::new(parts.config.state_dir.clone(), save_every, owner),
            pace: Pace::new(parts.config.tick),
            sampler: Sampler::default(),
            tally: Tally::default(),
            watch_health: Vec::new(),
            shedder: Shedder::new(parts.config.budget.cpu_cores),
            config: parts.config,
            identity: parts.identity,
            sensor: parts.sensor,
            links: parts.links,
            model,
            model_health,
            applier: parts.applier,
            freeze: parts.freeze,
            reporter: parts.reporter,
            board: parts.board,
            engine,
            fast: FastPath::default(),
            model_error: None,
            scan_error: None,
            busy: None,
            busy_cores: None,
            free: None,
            memory_served: HashSet::new(),
            sensed: Vec::new(),
        }
    }

    /// Puts back what an earlier run knew of the series; before the first tick.
    pub fn restore_forecasts(&mut self) {
        if let Ok(now) = clock::monotonic() {
            self.forecast_state.restore(now, self.engine.series());
        }
    }

    /// Takes in what the kernel side reported.
    pub fn kernel_events(&mut self, events: &[KernelEvent]) {
        let Ok(now) = clock::monotonic() else { return };
        for event in events {
            self.tally.kernel(event);
            self.sensor.event(event, now);
        }
        self.raise_quotas(events);
    }

    /// Takes in what the kernel announced through a file.
    pub fn announced(&mut self, event: &WatchEvent) {
        if let WatchEvent::LimitFile { cgroup, knob, at } = *event {
            self.applier.look(at, cgroup, knob);
            return;
        }
        self.tally.watch(event);
        tracing::debug!(?event, "announced");
        self.raise_memory(event);
    }

    /// Events come no more: the tree is scanned more often from now on.
    pub fn ring_failed(&mut self, cause: &str) {
        tracing::error!(cause, "events are lost; the tree is scanned instead");
        self.sensor.probes.events_failed(cause);
    }

    /// Watches the workloads that are there; those that opted in have the first claim on what is
    /// scarce.
    pub fn choose_watches(&mut self, watches: &mut Watches) {
        let tree = self.sensor.tree();
        for known in tree.iter() {
            watches.add(known.id, &known.path);
        }
        if self.pace.ticks() % WATCHES_EVERY == 1 {
            watches.retain(|id| tree.get(id).is_some());
            let opted_in = tree.iter().filter(|k| self.config.policy_for(&k.path).1);
            watches.prefer(opted_in.map(|known| known.id));
        }
        watches.hold_limits(self.applier.held_files());
        self.settle_memory(watches);
        self.watch_health = watches.health().into();
        self.watch_health.extend(watches.limits_health());
    }

    /// One tick of the loop.
    pub fn tick(&mut self) {
        let now = match clock::monotonic() {
            Ok(now) => now,
            Err(error) => {
                tracing::error!(%error, "no monotonic clock; the tick is left out");
                return;
            }
        };
        self.pace.begin(now, self_cost::cpu_time());
        self.applier.tick(now);
        if self.pace.ticks() % LINKS_EVERY == 1 {
            self.links.refresh();
        }
        self.scan(now);
        self.measure_node(now);

        let before = clock::thread_cpu();
        let mut sensed = std::mem::take(&mut self.sensed);
        self.sensor.sense(now, &mut sensed);
        if let (Ok(before), Ok(after)) = (before, clock::thread_cpu()) {
            self.pace.read(after.saturating_sub(before));
        }
        self.keep_budget(now);
        self.settle_leases(now);
        self.keep_still(now);
        let report = self.decide(now, &sensed);
        let at_unix_ms = clock::wall_ms();
        let (workloads, decisions) = self.apply(now, &sensed, &report);
        self.engine.recycle(report);
        self.sensed = sensed;
        self.show(at_unix_ms, workloads, decisions);

        self.forecast_state.tick(now, self.engine.series());

        if self.pace.ticks() % TRIM_EVERY == TRIM_AFTER {
            trim::startup_memory();
        }
        if let Ok(end) = clock::monotonic() {
            let work = end.0.saturating_sub(now.0);
            self.pace.end(std::time::Duration::from_nanos(work));
        }
    }

    /// Looks for cgroups; that they cannot be listed is told once.
    fn scan(&mut self, now: Timestamp) {
        match self.sensor.scan_if_due(now) {
            Ok(false) => {}
            Ok(true) => {
                if self.scan_error.take().is_some() {
                    tracing::info!("the tree of cgroups can be scanned again");
                }
            }
            Err(error) => {
                if self.scan_error.is_none() {
                    tracing::warn!(%error, "the tree of cgroups cannot be scanned");
                }
                self.scan_error = Some(error.to_string());
            }
        }
    }

    /// Before the tick decides: what may not be written.
    fn keep_still(&mut self, now: Timestamp) {
        let lost = self.sensor.lost();
        let sum = lost.iter().map(|(_, count)| *count).sum();
        let lost = (!lost.is_empty()).then_some(sum);
        self.applier.obey(self.freeze.tick(now, lost));
    }

    /// Measures what the kernel side costs, and gives up or takes back probes.
    fn keep_budget(&mut self, now: Timestamp) {
        self.sampler.tick(now, &self.sensor.probes);
        let (Some(own), Some(kernel)) = (self.pace.cpu_cores(), self.sampler.cores()) else {
            return;
        };
        let probes = &self.sensor.probes;
        let sampler = &self.sampler;
        let cost = |probe| {
            probes
                .runs(probe)
                .then(|| sampler.cores_of(probe))
                .flatten()
        };
        match self.shedder.look(now, own + kernel, cost) {
            Some(Act::Shed(probe)) => {
                let budget = self.shedder.budget_cores();
                let cause = format!("shed: over the budget of {budget} cores");
                tracing::warn!(probe = probe.name(), used = own + kernel, "{cause}");
                self.sensor.probes.shed(probe, &cause);
            }
            Some(Act::Restore(probe)) => match self.sensor.probes.restore(probe) {
                Ok(()) => tracing::info!(probe = probe.name(), "taken back: there is room again"),
                Err(cause) => tracing::warn!(probe = probe.name(), cause, "cannot be taken back"),
            },
            None => {}
        }
    }

    /// Restores the originals of all limits, says how it went, and saves what is known of the
    /// series.
    pub fn stop(&mut self) {
        self.applier.stop();
        self.forecast_state.stop(self.engine.series());
    }

    fn decide(&mut self, now: Timestamp, sensed: &[Sensed]) -> TickReport {
        let tree = self.sensor.tree();
        let workloads = sensed
            .iter()
            .map(|s| {
                let path = tree.get(s.id).map_or("", |known| known.path.as_str());
                let (policy, _) = self.config.policy_for(path);
                WorkloadInput {
                    id: s.id,
                    sample: &s.sample,
                    // The root has no limits, and the use of all others is in its own: it would
                    // claim the whole node.
                    limits: if path.is_empty() {
                        Limits::default()
                    } else {
                        s.limits
                    },
                    memory_served: self.memory_served.contains(&s.id),
                    policy,
                }
            })
            .collect();
        let input = TickInput {
            now,
            node: self.identity.size,
            workloads,
        };
        let model = self
            .model
            .as_mut()
            .map(|m| m as &mut dyn llmos_engine::forecast::Model);
        self.engine.set_free_memory(self.free);
        let report = self.engine.tick(input, model);
        if report.model_error != self.model_error {
            match &report.model_error {
                Some(error) => tracing::warn!(error, "the model failed; the baseline forecasts"),
                None => tracing::info!("the model works again"),
            }
            self.model_error.clone_from(&report.model_error);
        }
        report
    }

    /// Applies what was decided and dresses the workloads for people.
    fn apply(
        &mut self,
        now: Timestamp,
        sensed: &[Sensed],
        report: &TickReport,
    ) -> (Vec<Workload>, Made) {
        let shown = |forecast: &Option<Forecast>, standing: &Option<Standing>| {
            let forecast = forecast.as_ref()?;
            Some(show::forecast(forecast, standing.as_ref()))
        };
        let mut workloads = Vec::with_capacity(sensed.len());
        let mut decisions = Made::for_workloads(sensed.len());
        for (s, r) in sensed.iter().zip(&report.workloads) {
            let Some(known) = self.sensor.tree().get(s.id) else {
                continue;
            };
            let policy = self.managed_by(&known.path).cloned();
            let managed = policy.is_some();
            let policy = policy.as_ref();
            let outcomes = self
                .applier
                .apply(now, &known.path, policy, &s.limits, &r.decisions);
            for (decision, outcome) in r.decisions.iter().zip(outcomes) {
                decisions.push(decision, outcome);
            }
            workloads.push(Workload {
                id: s.id.0.to_string(),
                cgroup: known.path.clone(),
                name: known.name.clone(),
                container: known.container.clone(),
                managed,
                actuator: Cow::Borrowed(self.applier.actuator(&known.path)),
                seen_s: now.seconds_since(s.first_seen),
                usage: show::usage(&r.usage, &s.sample, &s.limits),
                limits: show::limits(&s.limits),
                targets: show::targets(&r.decisions),
                cpu_forecast: shown(&r.cpu, &r.standings.cpu),
                memory_forecast: shown(&r.memory, &r.standings.memory),
                network_forecast: shown(&r.network, &r.standings.network),
            });
        }
        (workloads, decisions)
    }

    fn show(&mut self, at_unix_ms: u64, workloads: Vec<Workload>, decisions: Made) {
        let status = self.status(at_unix_ms, &workloads);
        let changes = self.board.publish(Published {
            status,
            at_unix_ms,
            workloads,
            decisions,
            between: self.fast.take_shown(),
        });
        if self.reporter.is_on() {
            let status = self.board.status();
            let node = convert::NodeFacts {
                machine_id: self.identity.machine_id.clone(),
                boot_id: self.identity.boot_id.clone(),
                cpu_used_cores: status.node_cpu_used_cores,
                memory_used_bytes: status.node_memory_used_bytes,
            };
            let changes = changes.iter().map(AsRef::as_ref);
            let report = convert::node_report(&node, &status, &self.board.workloads(), changes);
            self.reporter.offer(report);
        }
    }

    /// The policy of a workload that may be written to: a rule opts it in, and it is neither the agent
    /// nor its watchdog.
    fn managed_by(&self, path: &str) -> Option<&Policy> {
        let (policy, opted_in) = self.config.policy_for(path);
        let own = [
            self.identity.own_cgroup.as_deref(),
            self.applier.watchdog_cgroup(),
        ];
        (opted_in && !own.contains(&Some(path))).then_some(policy)
    }

    /// The node's own use: CPU as a rate over the last tick, and what memory is free.
    fn measure_node(&mut self, now: Timestamp) {
        self.free = facts::memory_available().map(Bytes);
        let Some(busy) = facts::busy_cpu_seconds() else {
            return;
        };
        if let Some((then, before)) = self.busy {
            let seconds = now.seconds_since(then);
            self.busy_cores = (seconds > 0.0).then(|| (busy - before).max(0.0) / seconds);
        }
        self.busy = Some((now, busy));
    }
}
