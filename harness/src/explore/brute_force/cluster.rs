//! The walk over a cluster against brute force: nodes whose next step depends on all that they have read and heard are
//! run through every crash on a plain simulation, where everything is decided beforehand, and on the engine, where
//! nothing is decided before somebody asks.

use super::plain_cluster::{CELLS, Decided, Down, Engine, GRAIN, Happens, Open, Plain, World};
use crate::disk::Disk;
use crate::erased::Typed;
use crate::explore::{Budget, Context, Naming, Options, Recorded};
use crate::judge::{History, Violation, Window};
use crate::media::census;
use crate::profile::{Cluster, Fate, Profile};
use crate::record::Recording;
use crate::strategy::StrategyKind;
use crate::system::{Ack, Result as SystemResult, System};
use crashcheck_trace::Event;
use crashcheck_trace::{Bytes, Device, NodeId, OpId};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// The nodes: what each has in memory, a number that depends on all that it has met.
struct Live<W: World> {
    world: W,
    memory: Vec<Option<u32>>,
    /// How often nodes went down.
    downs: usize,
    /// What was shown since, first: that is what is told, so that no life ends because it shows something else.
    shown: Option<(usize, View)>,
    /// What there was to be seen, each time when somebody looked.
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
        let (memory, looks) = (vec![None; usize::from(nodes)], Vec::new());
        let mut live = Live { world, memory, downs: 0, shown: None, looks, met };
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
                    self.downs += 1;
                    Ok(())
                }
            };
        }
    }

    fn apply(&mut self, op: u8) -> Result<Ack, Down> {
        let node = u16::from(op) % self.memory.len() as u16;
        self.handle(node, [op, 0, op % 3])?;
        self.settle();
        let up = self.world.is_up(node);
        match self.memory[usize::from(node)].filter(|_| up) {
            Some(memory) if memory.is_multiple_of(2) => Ok(Ack::Durable),
            _ => Ok(Ack::Volatile),
        }
    }

    fn view(&mut self) -> View {
        self.settle();
        (0..self.memory.len() as u16).for_each(|node| _ = self.world.is_up(node));
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
        let downs = self.downs;
        let (_, shown) = self.shown.take_if(|(at, _)| *at == downs).unwrap_or((downs, view));
        self.shown = Some((downs, shown.clone()));
        shown
    }
}

/// The nodes as a system.
struct Gossip {
    nodes: u16,
    met: Met,
    judged: Arc<Mutex<BTreeSet<Judged>>>,
}

/// What was shown, by what the life had shown that it was judged by, and what the crash of that life allows.
type Judged = (View, View, Window);

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
        let judged = (view.clone(), history.states[0].clone(), history.window);
        self.judged.lock().expect("no panic").insert(judged);
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

/// What comes of some crashes, or of none.
struct Simulated {
    looks: Looks,
    /// What was shown after the last crash, and by what it is judged.
    judged: Judged,
    /// What was open before every event of the last life, and at its end.
    opens: Vec<Open>,
}

/// By what is judged what a crash leaves: what the life had shown, and what is allowed.
type Standard = (View, Window);

/// The operations of one life.
struct Life<'a> {
    live: &'a mut Live<Plain>,
    /// So many crashes came before it.
    crashes: usize,
    /// What it had shown, when its recovery was over.
    shown: Option<View>,
    window: Window,
}

impl Life<'_> {
    fn has_ended(&mut self) -> bool {
        self.live.world.crash();
        self.live.world.crashed > self.crashes
    }

    /// Performs operations until the life ends.
    fn perform(&mut self, ops: &[u8]) {
        for (index, op) in ops.iter().enumerate() {
            if self.has_ended() {
                return;
            }
            self.live.world.event(true);
            self.window.begun = index + 1;
            self.live.world.open.window = self.window;
            let done = self.live.apply(*op);
            if matches!(done, Ok(Ack::Durable)) {
                self.window.durable = index + 1;
            }
            if self.has_ended() {
                return;
            }
            if done.is_err() {
                self.live.view();
                continue;
            }
            self.live.world.event(false);
            self.live.world.open.window = self.window;
        }
    }

    fn workload(&mut self, ops: &[u8]) {
        if !self.has_ended() {
            self.live.view();
        }
        self.perform(ops);
        if !self.has_ended() {
            self.live.view();
        }
    }

    /// What follows a crash: a look, operations, the return of the nodes, and looks again.
    fn later(&mut self, ops: &[u8]) -> View {
        let first = self.live.view();
        if self.has_ended() {
            return first;
        }
        self.live.world.event(false);
        self.shown = Some(first.clone());
        self.perform(&ops[..ops.len().min(4)]);
        if self.has_ended() || (!ops.is_empty() && self.live.view() != first) || self.has_ended() {
            return first;
        }
        self.live.world.let_return();
        if !self.has_ended() && self.live.view() == first {
            // And once more when it was used.
            self.live.view();
        }
        first
    }

    /// By what is judged what the crash leaves that ended it; nothing of its own if it had shown nothing yet.
    fn standard(&mut self) -> Option<Standard> {
        Some((self.shown.take()?, self.window))
    }
}

fn simulate(nodes: u16, ops: &[u8], crashes: &[Decided]) -> Simulated {
    let mut live = Live::open(Plain::new(nodes, crashes.to_vec()), nodes, None);
    let window = Window { durable: 0, begun: 0 };
    let mut life = Life { live: &mut live, crashes: 0, shown: Some(View::new()), window };
    life.workload(ops);
    let (mut by, mut last) = (life.standard().expect("of the workload"), View::new());
    for nth in 1..=crashes.len() {
        let mut life = Life { live: &mut live, crashes: nth, shown: None, window };
        last = life.later(ops);
        if life.has_ended() {
            by = life.standard().unwrap_or(by);
        }
    }
    live.world.event(true);
    let (looks, opens) = (std::mem::take(&mut live.looks), std::mem::take(&mut live.world.opens));
    let (shown, window) = by;
    Simulated { looks, judged: (last, shown, window), opens }
}

/// Every way in which a crash can be decided.
fn all_decided(at: usize, open: &Open, nodes: u16, profile: &Cluster) -> Vec<Decided> {
    let most = profile.nodes.map_or(usize::MAX, usize::from);
    let fates = (0..profile.fates().outcomes()).map(|outcome| profile.fates().of(outcome));
    let fates: Vec<Fate> = fates.collect();
    let mut all = Vec::new();
    for set in 0..1u32 << nodes {
        let down: BTreeSet<u16> = (0..nodes).filter(|node| set >> node & 1 == 1).collect();
        if down.len() > most || down.iter().any(|node| !open.up[usize::from(*node)]) {
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

/// What brute force meets.
#[derive(Default)]
struct Expected {
    seen: BTreeSet<Looks>,
    judged: BTreeSet<Judged>,
    /// What crashes can show that come between two events which end epochs.
    within: BTreeSet<Looks>,
    /// The crash states by epoch of the workload.
    totals: Vec<String>,
}

/// Everything that so many lives can show that end in a crash; `None` if it takes more runs than that.
fn brute_force(nodes: u16, ops: &[u8], cluster: &Cluster, lives: usize, most: usize) -> Option<Expected> {
    let (mut met, mut open, mut runs) = (Expected::default(), vec![Vec::new()], 0);
    while let Some(crashes) = open.pop() {
        let Simulated { looks, judged, opens } = simulate(nodes, ops, &crashes);
        runs += 1;
        let down = crashes.last().map(|last: &Decided| !last.down.is_empty());
        if down.is_some() {
            met.seen.insert(looks);
            met.judged.insert(judged);
        }
        if crashes.len() == lives || down == Some(false) {
            continue;
        }
        for (at, moment) in opens.iter().enumerate() {
            let all = all_decided(at, moment, nodes, cluster).into_iter();
            let next = all.map(|decided| [&crashes[..], &[decided]].concat());
            match moment.ends {
                true => open.extend(next),
                false => met.within.extend(next.map(|crashes| simulate(nodes, ops, &crashes).looks)),
            }
            if moment.ends && crashes.is_empty() {
                met.totals.push(count(moment, nodes, cluster).to_string());
            }
        }
        if runs + open.len() > most {
            return None;
        }
    }
    Some(met)
}

/// The walk meets the same.
fn assert_met(
    expected: &Expected,
    (nodes, ops): (u16, &[u8]),
    options: &Options,
) -> Result<(), TestCaseError> {
    let gossip = Gossip { nodes, met: Arc::default(), judged: Arc::default() };
    let (met, by_judge) = (Arc::clone(&gossip.met), Arc::clone(&gossip.judged));
    let recording = recording(&gossip, ops);
    prop_assert_eq!(recording.trace.validate(), Ok(()));
    met.lock().expect("no panic").clear();
    let trace = Arc::new(recording.trace.clone());
    let recorded = recording.trace.clone();
    let Recording { ops, states, .. } = recording;
    let instance = Recorded::new(
        Arc::new(gossip),
        Box::new(Typed::<Gossip> { ops, states, refused: Vec::new() }),
        Arc::default(),
    );
    let context = Arc::new(Context::new(instance, Naming::default(), trace, options));
    let by_epoch: Vec<String> = context.timeline.totals().map(|total| total.to_string()).collect();
    prop_assert_eq!(&by_epoch, &expected.totals);
    let total: u64 = by_epoch.iter().map(|total| total.parse::<u64>().expect("a small number")).sum();
    prop_assert_eq!(census(&recorded, &options.profile).crash_states.to_string(), total.to_string());
    let explored = crate::tasks::explored(&context, options, &AtomicBool::new(false), |_| ());
    prop_assert!(explored.notes.is_empty() && explored.findings.is_empty(), "{:?}", explored);
    prop_assert_eq!(&explored.coverage.represented, &explored.coverage.total);
    for life in &explored.coverage.later {
        prop_assert_eq!((life.complete, &life.represented, life.begun), (true, &life.total, life.lives));
    }
    prop_assert_eq!(&*by_judge.lock().expect("no panic"), &expected.judged);
    prop_assert_eq!(&*met.lock().expect("no panic"), &expected.seen);
    Ok(())
}

fn complete() -> impl Strategy<Value = StrategyKind> {
    prop::sample::select(vec![StrategyKind::Deviations, StrategyKind::Complete])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_crash_of_a_cluster_is_met_as_brute_force_meets_it(
        nodes in 1..=3u16, ops in prop::collection::vec(any::<u8>(), 0..4), profile in profiles(),
        strategy in complete(), jobs in 1..=2usize,
    ) {
        let cluster = profile.cluster.clone().expect("a cluster");
        let expected = brute_force(nodes, &ops, &cluster, 1, 20_000);
        prop_assume!(expected.is_some());
        let expected = expected.expect("it is small");
        prop_assert!(expected.within.is_subset(&expected.seen));
        let budget = Budget::unlimited();
        let options = Options { profile, strategy: strategy.into(), jobs, lives: 1, budget, ..Options::default() };
        assert_met(&expected, (nodes, &ops), &options)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_further_crash_of_a_cluster_is_met_as_brute_force_meets_it(
        nodes in 1..=2u16, ops in prop::collection::vec(any::<u8>(), 0..3), profile in profiles(),
        strategy in complete(), lives in 2..=3u8, jobs in 1..=2usize,
    ) {
        let cluster = profile.cluster.clone().expect("a cluster");
        let expected = brute_force(nodes, &ops, &cluster, lives.into(), 20_000);
        prop_assume!(expected.is_some());
        let budget = Budget::unlimited();
        let options = Options { profile, strategy: strategy.into(), lives, jobs, budget, ..Options::default() };
        assert_met(&expected.expect("it is small"), (nodes, &ops), &options)?;
    }
}
