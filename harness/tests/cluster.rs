//! A cluster as a user plugs it in: a pair of nodes, of which one repeats what the other does.

use crashcheck::outcome::{Exploration, Timing, Verdict};
use crashcheck::trace::{Event, Trace};
use crashcheck::{
    Ack, Budget, Bytes, Cluster, Commands, Device, DeviceId, Disk, DiskError, Envelope, NodeId, Options,
    Profile, ReplayId, Result, Step, System, explore, explore_trace, record, summary,
};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

/// Two nodes with a disk each. The primary writes a number down, sends it to its backup, and acknowledges it when the
/// backup has written it down as well. When the primary is down, the backup takes over, with a new term; what comes
/// from older terms is not listened to.
#[derive(Clone, Copy, Debug)]
struct Pair {
    /// Acknowledges only what the backup has.
    waits: bool,
    /// Makes what it has written durable before it goes on.
    flushes: bool,
    /// Does so even when the backup has once taken over.
    flushes_later: bool,
    /// Does not listen to messages of older terms.
    has_terms: bool,
}

const CORRECT: Pair = Pair { waits: true, flushes: true, flushes_later: true, has_terms: true };

/// What a node knows, all of which is on its disk, in one block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    term: u8,
    /// In this term it is the one that is asked.
    primary: bool,
    log: Vec<u8>,
    /// The backup has so many entries.
    backed_up: usize,
}

struct Live {
    pair: Pair,
    disk: Disk,
    /// `None` while a node is down.
    nodes: [Option<Node>; 2],
}

/// The first byte of a message: here is the log; I have the log; who is primary?
const LOG: u8 = 1;
const HAVE: u8 = 2;
const HELLO: u8 = 3;

fn other(node: NodeId) -> NodeId {
    NodeId(1 - node.0)
}

impl Live {
    fn boot(&mut self, id: NodeId) -> Result<(), DiskError> {
        let mut block = [0; 512];
        self.disk.device(DeviceId(id.0)).read(Bytes(0), &mut block)?;
        let log = block[3..3 + usize::from(block[2])].to_vec();
        let primary = if block[0] == 0 { id == NodeId(0) } else { block[1] == 1 };
        self.nodes[id.index()] = Some(Node { term: block[0], primary, log, backed_up: 0 });
        self.tell(id, HELLO)
    }

    fn save(&self, id: NodeId) -> Result<(), DiskError> {
        let Some(node) = &self.nodes[id.index()] else { return Ok(()) };
        let mut block = [0; 512];
        block[..3].copy_from_slice(&[node.term, u8::from(node.primary), node.log.len() as u8]);
        block[3..3 + node.log.len()].copy_from_slice(&node.log);
        let disk = self.disk.device(DeviceId(id.0)).labelled("log");
        disk.write(Bytes(0), &block)?;
        let flushes = self.pair.flushes && (node.term == 0 || self.pair.flushes_later);
        if flushes { disk.flush() } else { Ok(()) }
    }

    fn tell(&self, id: NodeId, kind: u8) -> Result<(), DiskError> {
        let Some(node) = &self.nodes[id.index()] else { return Ok(()) };
        let mut message = vec![kind, node.term, node.log.len() as u8];
        message.extend_from_slice(&node.log);
        let label = ["", "log", "have", "hello"][usize::from(kind)];
        self.disk.network().send(id, other(id), &message, label)
    }

    fn receive(&mut self, Envelope { to, message, .. }: Envelope) -> Result<(), DiskError> {
        let has_terms = self.pair.has_terms;
        let Some(node) = &mut self.nodes[to.index()] else { return Ok(()) };
        let [kind, term, len, ref log @ ..] = message[..] else { return Ok(()) };
        let stale = has_terms && (term < node.term || (term == node.term && log.len() < node.log.len()));
        match kind {
            LOG if !(stale || node.primary && term == node.term) => {
                *node = Node { term, primary: false, log: log.to_vec(), backed_up: 0 };
                self.save(to)?;
                self.tell(to, HAVE)
            }
            HAVE if term == node.term => {
                node.backed_up = node.backed_up.max(usize::from(len));
                Ok(())
            }
            HELLO if node.primary && term <= node.term => self.tell(to, LOG),
            // The other has taken over while this node was down, and was down itself when it returned.
            HELLO if node.primary => {
                node.primary = false;
                self.tell(to, HELLO)
            }
            _ => Ok(()),
        }
    }

    /// Runs what happens until everything is quiet.
    fn settle(&mut self) -> Result<(), DiskError> {
        let network = self.disk.network();
        while let Some(step) = network.next()? {
            let done = match step {
                Step::Deliver(envelope) => self.receive(envelope),
                Step::Up(node) => self.boot(node),
                Step::Down(node) => {
                    self.nodes[node.index()] = None;
                    Ok(())
                }
            };
            match done {
                Err(DiskError::NodeDown { .. }) => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// The node that is asked. If the primary is down, the other takes over.
    fn primary(&mut self) -> Result<NodeId> {
        loop {
            self.settle()?;
            let network = self.disk.network();
            let mut up = Vec::new();
            for id in [NodeId(0), NodeId(1)] {
                if network.is_up(id)? {
                    up.push(id);
                }
            }
            self.settle()?;
            let is_primary = |id: &&NodeId| self.nodes[id.index()].as_ref().is_some_and(|node| node.primary);
            if let Some(id) = up.iter().find(is_primary) {
                return Ok(*id);
            }
            // When both are down, both return.
            let Some(id) = up.first() else { continue };
            let Some(node) = &mut self.nodes[id.index()] else { continue };
            // No two nodes use the same terms.
            let next = node.term + 1;
            (node.term, node.primary) = (next + u8::from(u16::from(next % 2) != id.0), true);
            self.save(*id)?;
            self.tell(*id, LOG)?;
        }
    }
}

impl System for Pair {
    type Op = u8;
    type Live = Live;
    type View = Vec<u8>;

    fn devices(&self) -> Vec<Device> {
        [0, 1].map(|id| Device::zeroed("disk", Bytes(512), Bytes(4096)).of(NodeId(id))).to_vec()
    }

    fn open(&self, disk: Disk) -> Result<Live> {
        let mut live = Live { pair: *self, disk, nodes: [None, None] };
        for id in [NodeId(0), NodeId(1)] {
            match live.boot(id) {
                Err(DiskError::NodeDown { .. }) => {}
                done => done?,
            }
        }
        live.settle()?;
        Ok(live)
    }

    fn apply(&self, live: &mut Live, number: &u8) -> Result<Ack> {
        let id = live.primary()?;
        let Some(node) = &mut live.nodes[id.index()] else { return Err("the primary is gone".into()) };
        node.log.push(*number);
        let len = node.log.len();
        live.save(id)?;
        // A message may be lost: it is sent again.
        for _ in 0..2 {
            live.tell(id, LOG)?;
            if !self.waits {
                return Ok(Ack::Durable);
            }
            live.settle()?;
            let Some(node) = &live.nodes[id.index()] else { return Err("the primary is gone".into()) };
            if node.backed_up >= len {
                return Ok(Ack::Durable);
            }
        }
        Err("the backup does not answer".into())
    }

    fn view(&self, live: &mut Live) -> Result<Vec<u8>> {
        let id = live.primary()?;
        Ok(live.nodes[id.index()].as_ref().map(|node| node.log.clone()).unwrap_or_default())
    }

    fn model(&self, view: &mut Vec<u8>, number: &u8) {
        view.push(*number);
    }

    fn probe(&self, _: &Vec<u8>) -> Vec<u8> {
        vec![77]
    }

    /// What only one node has written down is seen as long as that node is up.
    fn is_stable(&self) -> bool {
        false
    }
}

fn trace(pair: Pair) -> Trace {
    record(&pair, vec![1, 2]).expect("it works without a crash").trace
}

#[test]
fn the_recording_holds_messages_and_writes_in_order() {
    let trace = trace(CORRECT);
    assert_eq!(trace.nodes(), 2);
    assert_eq!(trace.validate(), Ok(()));
    let begin =
        trace.events.iter().position(|event| matches!(event, Event::Begin { .. })).expect("an operation");
    let kinds = trace.events[begin..].iter().take(9).map(|event| match event {
        Event::Begin { .. } => "begin",
        Event::Write { device: DeviceId(0), .. } => "write 0",
        Event::Write { .. } => "write 1",
        Event::Flush { .. } => "flush",
        Event::Send { from: NodeId(0), .. } => "send 0",
        Event::Send { .. } => "send 1",
        Event::Deliver { .. } => "deliver",
        Event::Ack { durable: true, .. } => "ack",
        _ => "?",
    });
    let expected =
        ["begin", "write 0", "flush", "send 0", "deliver", "write 1", "flush", "send 1", "deliver"];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
}

#[test]
fn a_node_that_is_turned_off_takes_no_part_until_it_is_turned_on() -> Result<()> {
    let disk = Disk::plain(&CORRECT.devices());
    let network = disk.network();
    assert_eq!(network.nodes(), 2);
    network.send(NodeId(0), NodeId(1), b"lost", "")?;
    network.stop(NodeId(1))?;
    assert_eq!(network.next()?, Some(Step::Down(NodeId(1))));
    assert_eq!(network.next()?, None);
    let down = DiskError::NodeDown { node: NodeId(1) };
    assert_eq!(disk.device(DeviceId(1)).flush(), Err(down.clone()));
    assert_eq!(network.send(NodeId(1), NodeId(0), b"", ""), Err(down));
    assert!(network.is_up(NodeId(0))? && !network.is_up(NodeId(1))?);
    network.start(NodeId(1))?;
    network.send(NodeId(0), NodeId(1), b"heard", "")?;
    assert_eq!(network.next()?, Some(Step::Up(NodeId(1))));
    let (from, to, message) = (NodeId(0), NodeId(1), b"heard".to_vec());
    assert_eq!(network.next()?, Some(Step::Deliver(Envelope { from, to, message })));
    assert!(matches!(network.is_up(NodeId(2)), Err(DiskError::NoSuchNode { .. })));
    Ok(())
}

fn explored(pair: Pair) -> Exploration {
    explore(pair).workload([1, 2]).run().expect("it works without a crash")
}

#[test]
fn a_correct_pair_survives_every_crash_of_its_nodes_and_every_fate_of_its_messages() {
    let exploration = explored(CORRECT);
    println!("{}", summary(&exploration));
    for finding in &exploration.findings {
        println!("{finding}\n{}", finding.id);
    }
    assert_eq!(exploration.profile, "cluster");
    assert_eq!(exploration.verdict, Verdict::Survived);
    assert!(exploration.coverage.complete && exploration.coverage.exact);
    assert_eq!(exploration.coverage.represented, exploration.coverage.total);
}

/// What is found in a pair, and that it is found again when its id is replayed.
fn finding(pair: Pair, promise: &str) -> String {
    let exploration = explored(pair);
    assert_eq!(exploration.verdict, Verdict::Lost, "{pair:?}");
    assert!(exploration.coverage.complete);
    assert_eq!(exploration.coverage.represented, exploration.coverage.total);
    let found = exploration.findings.iter().find(|finding| finding.promise == promise);
    let found = found.unwrap_or_else(|| panic!("{promise} in {:?}", exploration.findings));
    let id: ReplayId = found.id.parse().expect("an id");
    let again = explore(pair).workload([1, 2]).replay(&id).expect("it works without a crash");
    assert!(!again.diverged, "{id}");
    let again = again.finding.expect("the same failure");
    assert_eq!((&again.promise, &again.state), (&found.promise, &found.state));
    format!("{found}")
}

#[test]
fn an_acknowledgement_before_the_backup_has_it_is_found_and_told_in_words() {
    let words = finding(Pair { waits: false, ..CORRECT }, "durable");
    println!("{words}");
    assert!(words.contains("node 0 went down"), "{words}");
    assert!(words.contains("message 'log' from node 0 to node 1"), "{words}");
}

#[test]
fn a_write_that_is_not_flushed_is_lost_with_its_node() {
    let words = finding(Pair { flushes: false, ..CORRECT }, "durable");
    println!("{words}");
    assert!(words.contains("went down") && words.contains("log, 512 B at disk 0 B) lost"), "{words}");
}

#[test]
fn a_stale_message_that_is_listened_to_undoes_what_was_promised() {
    let words = finding(Pair { has_terms: false, ..CORRECT }, "idempotent");
    println!("{words}");
    assert!(words.contains("late") || words.contains("twice"), "{words}");
}

fn with(pair: Pair, options: Options) -> Exploration {
    let exploration =
        explore(pair).options(options).workload([1, 2]).run().expect("it works without a crash");
    Exploration { timing: Timing::default(), ..exploration }
}

fn cluster(cluster: Cluster) -> Profile {
    Profile { cluster: Some(cluster), ..Profile::named("cluster").expect("built in") }
}

#[test]
fn threads_make_no_difference() {
    for pair in [CORRECT, Pair { waits: false, ..CORRECT }, Pair { has_terms: false, ..CORRECT }] {
        let profile = || Profile::named("cluster").expect("built in");
        let [one, four] =
            [1, 4].map(|jobs| with(pair, Options { profile: profile(), jobs, ..Options::default() }));
        assert_eq!(one, four);
    }
}

#[test]
fn the_profile_says_what_may_happen_to_nodes_and_messages() {
    let total = |profile| with(CORRECT, Options { profile, ..Options::default() }).coverage.total;
    let all: u32 = total(cluster(Cluster { nodes: None, late: true, twice: true, lost: true }))
        .parse()
        .expect("a number");
    let one_down: u32 = total(cluster(Cluster { nodes: Some(1), late: true, twice: true, lost: true }))
        .parse()
        .expect("a number");
    // Of two nodes, three of four sets have one at most that is down.
    assert_eq!(one_down, all / 4 * 3);
    let only_nodes = with(CORRECT, Options { profile: cluster(Cluster::default()), ..Options::default() });
    let only_nodes: u32 = only_nodes.coverage.total.parse().expect("a number");
    let nothing = cluster(Cluster { nodes: Some(0), ..Cluster::default() });
    let nothing = with(CORRECT, Options { profile: nothing, ..Options::default() });
    assert_eq!(nothing.verdict, Verdict::Survived);
    // A write is in flight before every flush. That of the boot changes nothing, so that it cannot be told from its loss.
    let is_flush = |event: &&Event| matches!(event, Event::Flush { .. });
    let flushes = trace(CORRECT).events.iter().filter(is_flush).count() as u64 - 1;
    assert_eq!(nothing.coverage.total, (nothing.coverage.epochs + flushes).to_string());
    assert_eq!(u64::from(only_nodes), 4 * (nothing.coverage.epochs + flushes));
    // A stale message does no harm where messages are never late.
    let reliable = cluster(Cluster { nodes: None, late: false, twice: false, lost: true });
    let stale =
        with(Pair { has_terms: false, ..CORRECT }, Options { profile: reliable, ..Options::default() });
    assert_eq!(stale.verdict, Verdict::Survived);
}

#[test]
fn under_the_profile_of_a_disk_all_nodes_lose_their_power_together() {
    let exploration = with(CORRECT, Options::default());
    assert_eq!((exploration.profile.as_str(), exploration.verdict), ("reorder", Verdict::Survived));
    assert!(exploration.coverage.complete);
    let exploration = with(Pair { flushes: false, ..CORRECT }, Options { lives: 2, ..Options::default() });
    assert_eq!(exploration.verdict, Verdict::Lost);
    assert_eq!(exploration.findings[0].promise, "durable");
}

/// Every state of so many lives.
fn lives(lives: u8) -> Options {
    let budget = Budget::unlimited();
    Options { profile: Profile::named("cluster").expect("built in"), lives, budget, ..Options::default() }
}

/// Messages that are lost are left out: a primary that has returned greets once, and does not repeat it.
#[test]
fn nodes_crash_again_in_what_follows_a_crash() {
    let profile = cluster(Cluster { nodes: None, late: true, twice: true, lost: false });
    let exploration = with(CORRECT, Options { profile, ..lives(2) });
    println!("{}", summary(&exploration));
    exploration.findings.iter().for_each(|finding| println!("{finding}"));
    let later = &exploration.coverage.later;
    assert_eq!((exploration.verdict, exploration.lives, later.len()), (Verdict::Survived, 2, 1));
    assert!(later[0].complete && later[0].lives > 0 && later[0].begun == later[0].lives, "{later:?}");
    assert_eq!(later[0].represented, later[0].total);
    assert_eq!(exploration.notes, [""; 0]);
}

#[test]
fn what_is_acknowledged_after_a_crash_must_survive_the_next_one() {
    let careless = Pair { flushes_later: false, ..CORRECT };
    assert_eq!(with(careless, lives(1)).verdict, Verdict::Survived);
    let exploration = with(careless, lives(2));
    let finding = exploration.findings.iter().find(|finding| finding.promise == "durable");
    let finding = finding.unwrap_or_else(|| panic!("{:?}", exploration.findings));
    println!("{finding}");
    assert_eq!(finding.lives.len(), 1);
    assert!(finding.lives[0].state.contains("went down"), "{finding}");
    let id: ReplayId = finding.id.parse().expect("an id");
    let again = explore(careless).options(lives(2)).workload([1, 2]).replay(&id).expect("it runs");
    let seen = again.finding.expect("the same failure");
    assert!(!again.diverged, "{id}");
    assert_eq!((&seen.promise, &seen.state, &seen.lives), (&finding.promise, &finding.state, &finding.lives));
}

#[test]
fn commands_recover_from_a_power_failure_of_all_nodes_only() {
    let commands = Commands {
        recover: "true {image0} {image1}".into(),
        checks: Vec::new(),
        timeout: Duration::from_secs(9),
        from: 0,
        folder: None,
    };
    let run = |profile: &str| {
        let options = Options { profile: Profile::named(profile).expect("built in"), ..Options::default() };
        explore_trace(trace(CORRECT), "pair.crash", &commands, &options, &AtomicBool::new(false), &mut |_| ())
    };
    assert_eq!(run("reorder").expect("it runs").verdict, Verdict::Survived);
    let refused = run("cluster").expect_err("the trace has no memory").to_string();
    assert!(refused.contains("'cluster'") && refused.contains("reorder"), "{refused}");
}

#[test]
fn a_single_machine_is_explored_alike_under_both_profiles() {
    let alone = |profile: &str| {
        let options = Options { profile: Profile::named(profile).expect("built in"), ..Options::default() };
        let explored = explore(Alone).options(options).workload([3]).run().expect("it works without a crash");
        (explored.verdict, explored.coverage)
    };
    assert_eq!(alone("cluster"), alone("reorder"));
}

/// A single number on a single disk.
struct Alone;

impl System for Alone {
    type Op = u8;
    type Live = Disk;
    type View = u8;

    fn open(&self, disk: Disk) -> Result<Disk> {
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, number: &u8) -> Result<Ack> {
        disk.write(Bytes(0), &[*number])?;
        Ok(Ack::Volatile)
    }

    fn view(&self, disk: &mut Disk) -> Result<u8> {
        let mut number = [0];
        disk.read(Bytes(0), &mut number)?;
        Ok(number[0])
    }

    fn model(&self, view: &mut u8, number: &u8) {
        *view = *number;
    }
}

/// Two nodes without a disk to speak of, of which one asks the other.
struct Odd {
    /// What it sends differs from run to run.
    varies: Option<AtomicU8>,
    /// It does not open while a node is down.
    needs_all: bool,
}

impl System for Odd {
    type Op = u8;
    type Live = Disk;
    type View = ();

    fn devices(&self) -> Vec<Device> {
        CORRECT.devices()
    }

    fn open(&self, disk: Disk) -> Result<Disk> {
        for node in [0, 1] {
            disk.network().send(NodeId(node), NodeId(1 - node), b"here I am", "hello")?;
            while let Some(step) = disk.network().next()? {
                if self.needs_all && matches!(step, Step::Down(_)) {
                    return Err("a node is missing".into());
                }
            }
        }
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, number: &u8) -> Result<Ack> {
        let number = self.varies.as_ref().map_or(*number, |varies| varies.fetch_add(1, Ordering::Relaxed));
        disk.network().send(NodeId(0), NodeId(1), &[number], "number")?;
        while disk.network().next()?.is_some() {}
        Ok(Ack::Volatile)
    }

    fn view(&self, _: &mut Disk) -> Result<()> {
        Ok(())
    }

    fn model(&self, (): &mut (), _: &u8) {}
}

#[test]
fn a_system_that_does_something_else_when_it_is_run_again_is_told_so() {
    let odd = Odd { varies: Some(AtomicU8::new(0)), needs_all: false };
    let exploration = explore(odd).workload([1]).run().expect("it works without a crash");
    let finding = exploration.findings.iter().find(|finding| finding.promise == "deterministic");
    let finding = finding.unwrap_or_else(|| panic!("{:?}", exploration.findings));
    assert!(finding.detail.contains("from #5 on"), "{}", finding.detail);
    let steady = explore(Odd { varies: None, needs_all: false })
        .workload([1])
        .run()
        .expect("it works without a crash");
    assert_eq!(steady.verdict, Verdict::Survived);
}

#[test]
fn a_cluster_that_gives_up_while_it_boots_is_turned_off_and_on() {
    let exploration =
        explore(Odd { varies: None, needs_all: true }).workload([1]).run().expect("it works without a crash");
    assert_eq!(exploration.verdict, Verdict::Survived, "{:?}", exploration.findings);
    assert!(exploration.coverage.complete);
}

#[test]
fn faults_of_disks_and_crashes_of_nodes_are_not_had_together() {
    let text = "name = 'x'\nabout = ''\n[cluster]\nlost = true\n[faults]\nunreadable = true\n";
    assert!(Profile::from_toml(text).expect_err("a contradiction").to_string().contains("[faults]"));
    let text = "name = 'x'\nabout = ''\n[cluster]\nlose = true\n";
    assert!(Profile::from_toml(text).expect_err("an unknown key").to_string().contains("lose"));
}
