//! A cluster as a user plugs it in: a pair of nodes, of which one repeats what the other does.

use crashcheck::trace::outcome::{Exploration, Verdict};
use crashcheck::trace::{Event, Trace};
use crashcheck::{
    Ack, Bytes, Device, DeviceId, Disk, DiskError, Envelope, NodeId, ReplayId, Result, Step, System, explore,
    record, summary,
};

/// Two nodes with a disk each. The primary writes a number down, sends it to its backup, and acknowledges it when the
/// backup has written it down as well. When the primary is down, the backup takes over, with a new term; what comes
/// from older terms is not listened to.
#[derive(Clone, Copy, Debug)]
struct Pair {
    /// Acknowledges only what the backup has.
    waits: bool,
    /// Makes what it has written durable before it goes on.
    flushes: bool,
    /// Does not listen to messages of older terms.
    has_terms: bool,
}

const CORRECT: Pair = Pair { waits: true, flushes: true, has_terms: true };

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
        if self.pair.flushes { disk.flush() } else { Ok(()) }
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
            LOG if !stale && !(node.primary && term == node.term) => {
                *node = Node { term, primary: false, log: log.to_vec(), backed_up: 0 };
                self.save(to)?;
                self.tell(to, HAVE)
            }
            HAVE if term == node.term => {
                node.backed_up = node.backed_up.max(usize::from(len));
                Ok(())
            }
            HELLO if node.primary && term <= node.term => self.tell(to, LOG),
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
            (node.term, node.primary) = (node.term + 1, true);
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
