//! The walk over a cluster against brute force: nodes whose next step depends on all that they have read and heard are
//! run through every crash on a plain simulation, where everything is decided beforehand, and on the engine, where
//! nothing is decided before somebody asks.

use super::plain_cluster::{CELLS, Decided, Down, Engine, GRAIN, Happens, Open, Plain, World};
use crate::explore::{Budget, Context, Naming, Options, Recorded};
use crate::judge::{History, Violation, Window};
use crate::profile::{Cluster, Fate, Profile};
use crate::record::Recording;
use crate::strategy::StrategyKind;
use crate::{Ack, Bytes, Device, Disk, NodeId, OpId, Result as SystemResult, System, census};
use crashcheck_trace::Event;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// The nodes: what each has in memory, a number that depends on all that it has met.
struct Live<W: World> {
    world: W,
    memory: Vec<Option<u32>>,
    /// What was shown, each time when somebody looked.
    looks: Vec<View>,
    met: Option<Met>,
}

type View = Vec<Option<(u32, u8)>>;
type Looks = Vec<View>;
type Met = Arc<Mutex<BTreeSet<Looks>>>;

impl<W: World> Drop for Live<W> {
    fn drop(&mut self) {
        if let Some(met) = &self.met {
            met.lock().expect("no panic").insert(std::mem::take(&mut self.looks));
        }
    }
}

fn mix(memory: u32, with: u32) -> u32 {
    (memory ^ with).wrapping_mul(0x9E37_79B1).rotate_left(7) ^ 0x55
}

impl<W: World> Live<W> {
    fn open(world: W, nodes: u16, met: Option<Met>) -> Self {
        let mut live = Live { world, memory: vec![None; usize::from(nodes)], looks: Vec::new(), met };
        for node in 0..nodes {
            // A node that is down boots later.
            let _ = live.boot(node);
        }
        live.settle();
        live
    }

    fn boot(&mut self, node: u16) -> Result<(), Down> {
        let mut memory = 1;
        for _ in 0..2 {
            memory = mix(memory, u32::from(self.world.read(node, u64::from(memory) % CELLS)?));
        }
        self.memory[usize::from(node)] = Some(memory);
        Ok(())
    }

    /// A node is given something, and may write, flush and send.
    fn handle(&mut self, node: u16, [low, high, hops]: [u8; 3]) -> Result<(), Down> {
        let Some(memory) = self.memory[usize::from(node)] else { return Ok(()) };
        let memory = mix(memory, u32::from(low) << 8 | u32::from(high));
        self.memory[usize::from(node)] = Some(memory);
        if !memory.is_multiple_of(3) {
            self.world.write(node, u64::from(memory / 3) % CELLS, (memory >> 8) as u8)?;
        }
        if memory.is_multiple_of(4) {
            self.world.flush(node)?;
        }
        let copies = if hops == 0 { 0 } else { 1 + memory / 5 % 2 };
        for copy in 0..copies {
            let to = (memory / 7 + copy) as usize % self.memory.len();
            self.world.send(node, to as u16, [memory as u8, (memory >> 16) as u8, hops - 1])?;
        }
        Ok(())
    }

    fn settle(&mut self) {
        while let Some(happens) = self.world.next() {
            // A node that goes down in the middle is told of next.
            let _ = match happens {
                Happens::Message(to, message) => self.handle(to, message),
                Happens::Up(node) => self.boot(node),
                Happens::Down(node) => {
                    self.memory[usize::from(node)] = None;
                    Ok(())
                }
            };
        }
    }

    fn apply(&mut self, op: u8) -> Result<Ack, Down> {
        let node = u16::from(op) % self.memory.len() as u16;
        self.handle(node, [op, 0, 2])?;
        self.settle();
        let up = self.world.is_up(node);
        match self.memory[usize::from(node)].filter(|_| up) {
            Some(memory) if memory.is_multiple_of(2) => Ok(Ack::Durable),
            _ => Ok(Ack::Volatile),
        }
    }

    fn view(&mut self) -> View {
        self.settle();
        let mut view = Vec::new();
        for node in 0..self.memory.len() as u16 {
            let up = self.world.is_up(node);
            let memory = self.memory[usize::from(node)].filter(|_| up);
            let mut held =
                |memory| self.world.read(node, u64::from(memory) % CELLS).map(|held| (memory, held));
            view.push(memory.map(|memory| held(memory).expect("it is up")));
        }
        self.looks.push(view.clone());
        view
    }
}

/// The nodes as a system.
struct Gossip {
    nodes: u16,
    met: Met,
    judged: Arc<Mutex<BTreeSet<(View, Window)>>>,
}

impl System for Gossip {
    type Op = u8;
    type Live = Live<Engine>;
    type View = View;

    fn devices(&self) -> Vec<Device> {
        let disk = |node| Device::zeroed("disk", Bytes(GRAIN), Bytes(GRAIN * CELLS)).of(NodeId(node));
        (0..self.nodes).map(disk).collect()
    }

    fn open(&self, disk: Disk) -> SystemResult<Self::Live> {
        Ok(Live::open(Engine(disk), self.nodes, Some(Arc::clone(&self.met))))
    }

    fn apply(&self, live: &mut Self::Live, op: &u8) -> SystemResult<Ack> {
        live.apply(*op).map_err(|Down| "the node is down".into())
    }

    fn view(&self, live: &mut Self::Live) -> SystemResult<View> {
        Ok(live.view())
    }

    /// What it shows is nobody's business: nothing is compared.
    fn model(&self, _: &mut View, _: &u8) {}

    fn judge(&self, view: &View, history: &History<'_, Self>) -> Result<(), Violation> {
        self.judged.lock().expect("no panic").insert((view.clone(), history.window));
        Ok(())
    }
}

fn recording(gossip: &Gossip, ops: &[u8]) -> Recording<Gossip> {
    let disk = Disk::recording(&gossip.devices());
    let mut live = gossip.open(disk.power_on()).expect("it opens");
    live.view();
    for (index, op) in (0..).zip(ops) {
        disk.machine().note(Event::Begin { op: OpId(index), text: format!("{op:?}") });
        let durable = live.apply(*op).expect("nobody is down") == Ack::Durable;
        disk.machine().note(Event::Ack { op: OpId(index), durable });
    }
    live.view();
    let trace = disk.machine().power_off().expect("a recording");
    Recording { trace, ops: ops.to_vec(), states: vec![View::new(); ops.len() + 1] }
}

/// What comes of one crash, or of none.
struct Simulated {
    looks: Looks,
    /// The first look after the crash.
    first: View,
    /// So many operations were acknowledged after the crash.
    acked: usize,
    /// What was open before every event before the crash, and at the end.
    opens: Vec<Open>,
}

fn simulate(nodes: u16, ops: &[u8], decided: Option<Decided>) -> Simulated {
    let mut live = Live::open(Plain::new(nodes, decided), nodes, None);
    let is_due = |live: &mut Live<Plain>| {
        live.world.decided.as_ref().is_some_and(|decided| decided.at <= live.world.events)
    };
    let (mut acked, mut first) = (0, View::new());
    if !is_due(&mut live) {
        live.view();
    }
    for (index, op) in ops.iter().enumerate() {
        if is_due(&mut live) {
            break;
        }
        live.world.event(true);
        live.world.open.window.begun = index + 1;
        let durable = matches!(live.apply(*op), Ok(Ack::Durable));
        if live.world.crashed {
            acked = if durable { index + 1 } else { 0 };
            break;
        }
        live.world.event(false);
        if durable {
            live.world.open.window.durable = index + 1;
        }
    }
    if !is_due(&mut live) {
        live.view();
    }
    if live.world.decided.is_some() {
        first = live.view();
        live.world.let_return();
        if live.view() == first {
            // And once more when it was used.
            live.view();
        }
    }
    live.world.crashed = false;
    live.world.event(true);
    let (looks, opens) = (std::mem::take(&mut live.looks), std::mem::take(&mut live.world.opens));
    Simulated { looks, first, acked, opens }
}

/// Every way in which a crash can be decided.
fn all_decided(at: usize, open: &Open, nodes: u16, profile: &Cluster) -> Vec<Decided> {
    let most = profile.nodes.map_or(usize::MAX, usize::from);
    let fates = (0..profile.fates().outcomes()).map(|outcome| profile.fates().of(outcome));
    let fates: Vec<Fate> = fates.collect();
    let mut all = Vec::new();
    for set in 0..1u32 << nodes {
        let down: BTreeSet<u16> = (0..nodes).filter(|node| set >> node & 1 == 1).collect();
        if down.len() > most {
            continue;
        }
        let in_flight =
            |node: &u16| (0..open.writes[usize::from(*node)].len()).map(|nth| (*node, nth)).collect();
        let writes: Vec<(u16, usize)> = down.iter().flat_map(|node| -> Vec<_> { in_flight(node) }).collect();
        for survivors in 0..1u32 << writes.len() {
            for number in 0..fates.len().pow(open.messages as u32) {
                let fate = |nth| fates[number / fates.len().pow(nth as u32) % fates.len()];
                all.push(Decided {
                    at,
                    down: down.clone(),
                    fates: (0..open.messages).map(fate).collect(),
                    survives: (0..)
                        .zip(&writes)
                        .map(|(nth, write)| (*write, survivors >> nth & 1 == 1))
                        .collect(),
                });
            }
        }
    }
    all
}

/// The crash states of an epoch: who goes down, what becomes of the messages, what the disks can hold.
fn count(open: &Open, nodes: u16, profile: &Cluster) -> u64 {
    let most = profile.nodes.map_or(u32::MAX, u32::from);
    let sets = (0..1u32 << nodes).filter(|set| set.count_ones() <= most).count() as u64;
    let mut count = sets * u64::from(profile.fates().outcomes()).pow(open.messages as u32);
    for (writes, durable) in open.writes.iter().zip(&open.durable) {
        for (cell, held) in (0..).zip(durable) {
            let values = writes.iter().filter(|(at, _)| *at == cell).map(|(_, value)| value);
            count *= values.chain([held]).collect::<BTreeSet<_>>().len() as u64;
        }
    }
    count
}

fn profiles() -> impl Strategy<Value = Profile> {
    let nodes = prop::sample::select(vec![None, None, Some(0), Some(1)]);
    (nodes, any::<[bool; 3]>()).prop_map(|(nodes, [late, twice, lost])| {
        let cluster = Some(Cluster { nodes, late, twice, lost });
        Profile { name: "cluster".into(), cluster, ..Profile::default() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_crash_of_a_cluster_is_met_as_brute_force_meets_it(
        nodes in 1..=3u16, ops in prop::collection::vec(any::<u8>(), 0..4), profile in profiles(),
        strategy in prop::sample::select(vec![StrategyKind::Deviations, StrategyKind::Complete]), jobs in 1..=2usize,
    ) {
        let cluster = profile.cluster.clone().expect("a cluster");
        let opens = simulate(nodes, &ops, None).opens;
        let ways = |open: &Open| {
            let writes: u32 = open.writes.iter().map(|writes| writes.len() as u32).sum();
            (1u64 << (u32::from(nodes) + writes)) * 4u64.pow(open.messages as u32)
        };
        prop_assume!(opens.iter().map(ways).sum::<u64>() < 20_000);
        let (mut seen, mut judged, mut totals) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        // What a crash can show that comes between two events which end epochs.
        let mut within: BTreeSet<Looks> = BTreeSet::new();
        for (at, open) in opens.iter().enumerate() {
            for decided in all_decided(at, open, nodes, &cluster) {
                let Simulated { looks, first, acked, .. } = simulate(nodes, &ops, Some(decided));
                if open.ends {
                    let Window { durable, begun } = open.window;
                    let window = Window { durable: durable.max(acked), begun: begun.max(acked) };
                    judged.insert((first, window));
                    seen.insert(looks);
                } else {
                    within.insert(looks);
                }
            }
            totals.extend(open.ends.then(|| count(open, nodes, &cluster).to_string()));
        }
        prop_assert!(within.is_subset(&seen));
        let gossip = Gossip { nodes, met: Arc::default(), judged: Arc::default() };
        let (met, by_judge) = (Arc::clone(&gossip.met), Arc::clone(&gossip.judged));
        let recording = recording(&gossip, &ops);
        prop_assert_eq!(recording.trace.validate(), Ok(()));
        met.lock().expect("no panic").clear();
        let options = Options { profile, strategy, jobs, lives: 1, budget: Budget::unlimited(), ..Options::default() };
        let trace = Arc::new(recording.trace.clone());
        let recorded = recording.trace.clone();
        let instance = Recorded::new(gossip, recording);
        let context = Arc::new(Context::new(instance, Naming::default(), trace, &options));
        let by_epoch: Vec<String> = context.timeline.totals().map(|total| total.to_string()).collect();
        prop_assert_eq!(&by_epoch, &totals);
        let total: u64 = totals.iter().map(|total| total.parse::<u64>().expect("a small number")).sum();
        prop_assert_eq!(census(&recorded, &options.profile).crash_states.to_string(), total.to_string());
        let stop = AtomicBool::new(false);
        let explored = crate::explore::explored(&context, &options, &stop, |_| ());
        prop_assert!(explored.notes.is_empty(), "{:?}", explored.notes);
        prop_assert_eq!(&explored.coverage.represented, &explored.coverage.total);
        prop_assert_eq!(&*by_judge.lock().expect("no panic"), &judged);
        prop_assert_eq!(&*met.lock().expect("no panic"), &seen);
    }
}
