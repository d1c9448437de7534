//! Units of systemd in the journal, with a stand-in for systemd on a real bus: what is noted, what comes
//! back, and what happens without a bus.

use std::fs;
use std::time::Duration;

use llmos_cgroupfs::{Journal, LimitWriter, Skip, WritePermit, restore_all_on};
use llmos_engine::decide::Knob;
use llmos_engine::policy::Mode;
use llmos_systemd::{Host, Manager, Original, Properties, Property, UNSET, UnitName};
use llmos_systemd_stand_in::StandIn;

use crate::support::{Tree, cgroup};

const UNIT: &str = "batch.service";
const PATH: &str = "system.slice/batch.service";

/// A tree with one service, and a systemd that writes its files.
struct Machine {
    tree: Tree,
    systemd: StandIn,
    host: Host,
    id: u64,
}

impl Machine {
    fn new() -> Self {
        let tree = Tree::new();
        let id = tree.add(PATH, "service");
        let systemd = StandIn::start(Some(&tree.root()));
        systemd.add(UNIT, PATH);
        let host = Host::at(&systemd.address(), &systemd.run());
        Self {
            tree,
            systemd,
            host,
            id,
        }
    }

    fn writer(&self) -> LimitWriter {
        let mut journal = self.tree.journal();
        journal.set_host(self.host.clone());
        journal.set_patience(Duration::from_millis(100));
        let permit = WritePermit::of(Mode::Enforce).unwrap();
        LimitWriter::new(permit, self.tree.root(), journal)
    }

    /// Writes limits and gives them to systemd, as the agent does.
    fn hold(&self, writer: &mut LimitWriter) -> Properties {
        let batch = cgroup(PATH, self.id);
        writer.set(batch, Knob::CpuMax, 0.5).unwrap();
        writer.set(batch, Knob::MemoryMax, 128e6).unwrap();
        let ours = writer.properties(self.id);
        let manager = Manager::connect(&self.host).unwrap();
        let facts = manager.facts(&name()).unwrap();
        let mut original = Original::default();
        for (property, _) in ours.iter() {
            let bare = !facts.drop_ins.contains(&property);
            original.add(property, facts.values.get(property).unwrap(), bare);
        }
        writer.keep_unit(batch, name(), original).unwrap();
        writer.expect(self.id, &facts.values);
        writer.note_asked(&name(), &ours).unwrap();
        manager.set(&name(), &ours).unwrap();
        writer.expect(self.id, &ours);
        ours
    }

    /// `systemctl set-property` by somebody else.
    fn set_quota(&self, us_per_s: u64) {
        let quota = Properties::from_iter([(Property::CpuQuota, us_per_s)]);
        let manager = Manager::connect(&self.host).unwrap();
        manager.set(&name(), &quota).unwrap();
    }

    fn is_as_it_was(&self) -> bool {
        self.tree.text(&format!("{PATH}/cpu.max")) == "max 100000\n"
            && self.tree.text(&format!("{PATH}/memory.max")) == "max\n"
            && self.systemd.value(UNIT, "MemoryMax") == UNSET
            && self.systemd.value(UNIT, "CPUQuotaPerSecUSec") == UNSET
            && self.systemd.drop_ins(UNIT).is_empty()
    }
}

fn name() -> UnitName {
    UnitName::parse(UNIT).unwrap()
}

#[test]
fn limits_survive_a_daemon_reload_and_a_dead_agent_leaves_none() {
    let machine = Machine::new();
    let mut writer = machine.writer();
    machine.hold(&mut writer);
    machine.systemd.daemon_reload();
    assert_eq!(
        machine.tree.text(&format!("{PATH}/cpu.max")),
        "50000 100000\n"
    );
    assert!(!writer.is_foreign(machine.id, Knob::CpuMax, 0.5));
    drop(writer);
    let report = restore_all_on(&machine.tree.state(), &machine.tree.root(), &machine.host);
    let report = report.unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    assert_eq!(report.units, [UNIT]);
    assert_eq!(
        report.to_string(),
        "2 restored, 0 skipped, 0 failed, 1 systemd unit restored"
    );
    assert!(machine.is_as_it_was());
    machine.systemd.daemon_reload();
    assert!(
        machine.is_as_it_was(),
        "and a reload brings nothing of ours"
    );
    assert!(machine.tree.journal().is_empty());
}

#[test]
fn what_somebody_sets_of_a_unit_while_no_agent_answers_stays() {
    let machine = Machine::new();
    let mut writer = machine.writer();
    machine.hold(&mut writer);
    machine.set_quota(200_000);
    drop(writer);
    let report = restore_all_on(&machine.tree.state(), &machine.tree.root(), &machine.host);
    let report = report.unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    let skipped = "batch.service/CPUQuotaPerSecUSec".into();
    assert_eq!(report.skipped, [(skipped, Skip::SetByOthers)]);
    assert_eq!(machine.systemd.value(UNIT, "CPUQuotaPerSecUSec"), 200_000);
    assert_eq!(machine.systemd.value(UNIT, "MemoryMax"), UNSET);
    assert_eq!(machine.systemd.drop_ins(UNIT), ["50-CPUQuota.conf"]);
    let quota = machine.tree.text(&format!("{PATH}/cpu.max"));
    assert_eq!(quota, "20000 100000\n", "its file, too");
    assert_eq!(machine.tree.text(&format!("{PATH}/memory.max")), "max\n");
    assert!(machine.tree.journal().is_empty());
}

#[test]
fn calls_are_noted_in_bounded_room_and_only_the_last_ones_count() {
    let call = |quota| Properties::from_iter([(Property::CpuQuota, quota)]);
    // One of the last is ours, one long ago is what somebody else may mean.
    for (quota, left) in [(300_000 + 10_000 * 1_998, UNSET), (300_000, 300_000)] {
        let machine = Machine::new();
        let mut writer = machine.writer();
        machine.hold(&mut writer);
        for step in 0..2_000 {
            let asked = call(300_000 + 10_000 * step);
            writer.note_asked(&name(), &asked).unwrap();
        }
        let bytes = fs::metadata(machine.tree.state().join("journal")).unwrap();
        assert!(bytes.len() < 128 << 10, "{} bytes", bytes.len());
        machine.set_quota(quota);
        drop(writer);
        let report = restore_all_on(&machine.tree.state(), &machine.tree.root(), &machine.host);
        assert!(report.unwrap().failed.is_empty());
        let now = machine.systemd.value(UNIT, "CPUQuotaPerSecUSec");
        assert_eq!(now, left, "{quota}");
    }
}

#[test]
fn a_journal_that_does_not_say_what_was_asked_for_gives_all_back() {
    let machine = Machine::new();
    let mut writer = machine.writer();
    machine.hold(&mut writer);
    machine.set_quota(200_000);
    drop(writer);
    let path = machine.tree.state().join("journal");
    let text = fs::read_to_string(&path).unwrap();
    let older = text.lines().map(|line| {
        let body = line.split_once('\t').unwrap().1;
        let body = match body.split('\t').next() {
            Some("llmos-journal") => "llmos-journal\t2",
            Some("unit") => body.rsplit_once('\t').unwrap().0,
            _ => body,
        };
        format!("{:08x}\t{body}\n", crc32fast::hash(body.as_bytes()))
    });
    let older: String = older.collect();
    fs::write(&path, older).unwrap();
    let report = restore_all_on(&machine.tree.state(), &machine.tree.root(), &machine.host);
    let report = report.unwrap();
    assert!(report.damage.is_empty(), "{report:?}");
    assert!(machine.is_as_it_was());
}

#[test]
fn what_systemd_puts_back_is_nobody_elses_change() {
    let machine = Machine::new();
    let mut writer = machine.writer();
    machine.hold(&mut writer);
    let batch = cgroup(PATH, machine.id);
    writer.set(batch, Knob::CpuMax, 2.0).unwrap();
    machine.systemd.daemon_reload();
    let found = |knob| match knob {
        Knob::CpuMax => Some(0.5),
        Knob::MemoryMax => Some(128e6),
        _ => None,
    };
    assert!(writer.is_reset(machine.id, found));
    assert!(!writer.is_foreign(machine.id, Knob::CpuMax, 0.5));
    assert!(writer.is_foreign(machine.id, Knob::CpuMax, 1.0));
    let alone = |knob| {
        if knob == Knob::CpuMax {
            Some(0.5)
        } else {
            Some(1e6)
        }
    };
    assert!(
        !writer.is_reset(machine.id, alone),
        "systemd writes all files of a unit, not one"
    );
    writer.write_again(batch).unwrap();
    assert_eq!(
        machine.tree.text(&format!("{PATH}/cpu.max")),
        "200000 100000"
    );
    // What was found is ours, so it has not become the original.
    let report = writer.restore_all().unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    assert!(machine.is_as_it_was());
}

#[test]
fn a_service_that_was_started_anew_gets_its_own_limits_back() {
    let machine = Machine::new();
    let mut writer = machine.writer();
    machine.hold(&mut writer);
    fs::remove_dir_all(machine.tree.root().join(PATH)).unwrap();
    machine.tree.add(PATH, "service");
    machine.systemd.daemon_reload();
    assert_eq!(
        machine.tree.text(&format!("{PATH}/cpu.max")),
        "50000 100000\n"
    );
    let report = writer.restore_all().unwrap();
    assert_eq!((report.units.len(), report.skipped.len()), (1, 2));
    assert!(machine.is_as_it_was());
}

#[test]
fn a_file_that_was_not_as_its_unit_said_is_again_as_it_was() {
    let machine = Machine::new();
    let file = format!("{PATH}/cpu.max");
    machine.tree.put(&file, "33333 100000\n");
    let mut writer = machine.writer();
    machine.hold(&mut writer);
    let report = writer.restore_all().unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    assert_eq!(machine.tree.text(&file), "33333 100000\n");
    assert_eq!(machine.systemd.value(UNIT, "CPUQuotaPerSecUSec"), UNSET);
}

#[test]
fn an_original_below_use_is_not_given_to_systemd() {
    let machine = Machine::new();
    machine.systemd.set(UNIT, "MemoryMax", 64_000_000);
    let mut writer = machine.writer();
    machine.hold(&mut writer);
    let current = format!("{PATH}/memory.current");
    machine.tree.put(&current, "100000000\n");
    let calls = machine.systemd.calls().len();
    let report = writer.restore_all().unwrap();
    assert_eq!(
        machine.systemd.calls().len(),
        calls,
        "it would kill at once"
    );
    let unit = report
        .failed
        .iter()
        .find(|(path, _)| path.as_os_str() == UNIT);
    let (_, why) = unit.unwrap();
    assert!(
        why.contains("64000000 is below the 100000000 bytes"),
        "{why}"
    );
    machine.tree.put(&current, "1000000\n");
    let report = writer.restore_all().unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    assert_eq!(machine.systemd.value(UNIT, "MemoryMax"), 64_000_000);
    assert_eq!(machine.systemd.drop_ins(UNIT), ["50-MemoryMax.conf"]);
}

#[test]
fn without_a_bus_the_files_have_to_do_and_the_unit_is_named() {
    let machine = Machine::new();
    let mut writer = machine.writer();
    machine.hold(&mut writer);
    drop(writer);
    let nowhere = Host::at("unix:path=/nonexistent/bus", &machine.systemd.run());
    let (state, root) = (machine.tree.state(), machine.tree.root());
    let report = restore_all_on(&state, &root, &nowhere).unwrap();
    assert_eq!(report.restored.len(), 2);
    let (path, why) = &report.failed[0];
    assert_eq!(path.as_os_str(), UNIT);
    assert!(
        why.contains("only the files of its cgroup are restored"),
        "{why}"
    );
    assert_eq!(
        machine.tree.text(&format!("{PATH}/cpu.max")),
        "max 100000\n"
    );
    assert!(machine.systemd.drop_ins(UNIT).is_empty());
    assert!(!machine.tree.journal().is_empty(), "it is tried again");
    let report = restore_all_on(&state, &root, &machine.host).unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    assert!(machine.is_as_it_was());
}

#[test]
fn a_unit_of_another_boot_is_dropped() {
    let machine = Machine::new();
    let mut writer = machine.writer();
    machine.hold(&mut writer);
    drop(writer);
    let mut journal = Journal::open_in_boot(&machine.tree.state(), "another".into()).unwrap();
    journal.set_host(machine.host.clone());
    let calls = machine.systemd.calls().len();
    let report = journal.restore_all(&machine.tree.root()).unwrap();
    assert_eq!((report.skipped.len(), report.units.len()), (3, 0));
    assert_eq!(machine.systemd.calls().len(), calls);
    assert!(journal.is_empty());
}

#[test]
fn a_journal_of_the_first_format_is_read_and_written_anew() {
    let machine = Machine::new();
    let mut writer = machine.writer();
    let batch = cgroup(PATH, machine.id);
    writer.set(batch, Knob::CpuMax, 0.5).unwrap();
    drop(writer);
    let path = machine.tree.state().join("journal");
    let text = fs::read_to_string(&path).unwrap();
    let body = "llmos-journal\t1";
    let header = format!("{:08x}\t{body}\n", crc32fast::hash(body.as_bytes()));
    let (first, rest) = text.split_once('\n').unwrap();
    fs::write(&path, header + rest).unwrap();
    let writer = machine.writer();
    assert_eq!(writer.held(), 1);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().next(), Some(first), "the newer format");
}
