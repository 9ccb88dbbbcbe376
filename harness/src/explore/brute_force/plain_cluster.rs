//! A cluster and its crashes as a plain simulation, in which everything is decided beforehand, and the engine's behind
//! the same face. A crash ends a life; events are counted from the beginning of each.

use crate::disk::Disk;
use crate::error::DiskError;
use crate::judge::Window;
use crate::profile::Fate;
use crate::wire::Step;
use crashcheck_trace::{Bytes, DeviceId, NodeId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(super) const CELLS: u64 = 4;
pub(super) const GRAIN: u64 = 256;

/// What a node with its disk sees of the world, and what whoever runs the nodes does.
pub(super) trait World: Send {
    fn read(&mut self, node: u16, cell: u64) -> Result<u8, Down>;
    fn write(&mut self, node: u16, cell: u64, value: u8) -> Result<(), Down>;
    fn flush(&mut self, node: u16) -> Result<(), Down>;
    fn send(&mut self, from: u16, to: u16, message: [u8; 3]) -> Result<(), Down>;
    fn next(&mut self) -> Option<Happens>;
    fn is_up(&mut self, node: u16) -> bool;
}

#[derive(Debug)]
pub(super) struct Down;

pub(super) enum Happens {
    Message(u16, [u8; 3]),
    Down(u16),
    Up(u16),
}

/// The engine's disks and network.
pub(super) struct Engine(pub(super) Disk);

impl Engine {
    fn disk(&self, node: u16) -> Disk {
        self.0.device(DeviceId(node))
    }
}

fn down<T>(result: Result<T, DiskError>) -> Result<T, Down> {
    match result {
        Err(DiskError::NodeDown { .. }) => Err(Down),
        result => Ok(result.expect("nothing else fails")),
    }
}

impl World for Engine {
    fn read(&mut self, node: u16, cell: u64) -> Result<u8, Down> {
        let mut bytes = [0; GRAIN as usize];
        down(self.disk(node).read(Bytes(cell * GRAIN), &mut bytes)).map(|()| bytes[0])
    }

    fn write(&mut self, node: u16, cell: u64, value: u8) -> Result<(), Down> {
        down(self.disk(node).write(Bytes(cell * GRAIN), &[value; GRAIN as usize]))
    }

    fn flush(&mut self, node: u16) -> Result<(), Down> {
        down(self.disk(node).flush())
    }

    fn send(&mut self, from: u16, to: u16, message: [u8; 3]) -> Result<(), Down> {
        down(self.0.network().send(NodeId(from), NodeId(to), &message, ""))
    }

    fn next(&mut self) -> Option<Happens> {
        Some(match self.0.network().next().expect("power")? {
            Step::Deliver(sent) => Happens::Message(sent.to.0, sent.message.try_into().expect("three bytes")),
            Step::Down(node) => Happens::Down(node.0),
            Step::Up(node) => Happens::Up(node.0),
        })
    }

    fn is_up(&mut self, node: u16) -> bool {
        self.0.network().is_up(NodeId(node)).expect("a node")
    }
}

/// Everything that a crash decides.
#[derive(Clone, Debug, Default)]
pub(super) struct Decided {
    /// So many events of the life that it ends come before it.
    pub(super) at: usize,
    pub(super) down: BTreeSet<u16>,
    /// By message of this life on its way, in the order of sending.
    pub(super) fates: Vec<Fate>,
    /// By node and write in flight: whether it survives.
    pub(super) survives: BTreeMap<(u16, usize), bool>,
}

/// What is open when a crash comes.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// The messages of this life on their way.
    pub(super) messages: usize,
    pub(super) up: Vec<bool>,
    /// By node: the writes in flight, as cell and value, and what was there before.
    pub(super) writes: Vec<Vec<(u64, u8)>>,
    pub(super) durable: Vec<[u8; CELLS as usize]>,
    pub(super) window: Window,
    /// Whether an epoch ends here.
    pub(super) ends: bool,
}

#[derive(Clone)]
pub(super) struct Letter {
    to: u16,
    message: [u8; 3],
    /// Its number among all that were sent.
    number: usize,
    fated: Fated,
}

/// Who decides what becomes of a letter.
#[derive(Clone, Copy, PartialEq)]
enum Fated {
    /// The crash that comes while it is on its way.
    Later,
    /// The n-th crash, where it is one of those that were on their way.
    By(usize, usize),
    /// Nobody: it has been late already.
    Never,
}

/// The plain simulation.
pub(super) struct Plain {
    crashes: Vec<Decided>,
    /// So many crashes have come.
    pub(super) crashed: usize,
    /// So many events of the running life have happened.
    events: usize,
    over: bool,
    up: Vec<bool>,
    news: VecDeque<Happens>,
    letters: VecDeque<Letter>,
    sent: usize,
    /// Late ones, and those whose receiver was down, by their number.
    late: BTreeMap<usize, Letter>,
    missed: BTreeMap<usize, Letter>,
    pub(super) open: Open,
    /// What was open before each event of the last life.
    pub(super) opens: Vec<Open>,
}

impl Plain {
    pub(super) fn new(nodes: u16, crashes: Vec<Decided>) -> Plain {
        let all = usize::from(nodes);
        let (writes, durable) = (vec![Vec::new(); all], vec![[0; CELLS as usize]; all]);
        let (up, window) = (vec![true; all], Window { durable: 0, begun: 0 });
        let open = Open { messages: 0, up: up.clone(), writes, durable, window, ends: true };
        Plain {
            crashes,
            crashed: 0,
            events: 0,
            over: false,
            up,
            news: VecDeque::new(),
            letters: VecDeque::new(),
            sent: 0,
            late: BTreeMap::new(),
            missed: BTreeMap::new(),
            open,
            opens: Vec::new(),
        }
    }

    /// If it is time, all that a crash decides happens at once.
    pub(super) fn crash(&mut self) {
        while let Some(decided) =
            self.crashes.get(self.crashed).filter(|next| next.at == self.events).cloned()
        {
            let on_their_way = self.letters.iter_mut().filter(|letter| letter.fated == Fated::Later);
            on_their_way.enumerate().for_each(|(nth, letter)| letter.fated = Fated::By(self.crashed, nth));
            for node in &decided.down {
                let index = usize::from(*node);
                self.up[index] = false;
                self.news.push_back(Happens::Down(*node));
                let in_flight = std::mem::take(&mut self.open.writes[index]).into_iter().enumerate();
                for (nth, (cell, value)) in in_flight {
                    if decided.survives[&(*node, nth)] {
                        self.open.durable[index][cell as usize] = value;
                    }
                }
            }
            self.open.window = Window { durable: 0, begun: 0 };
            (self.crashed, self.events, self.over) = (self.crashed + 1, 0, false);
        }
    }

    pub(super) fn event(&mut self, ends: bool) {
        if self.crashed == self.crashes.len() {
            let messages = self.letters.iter().filter(|letter| letter.fated == Fated::Later).count();
            self.opens.push(Open { messages, ends, up: self.up.clone(), ..self.open.clone() });
        }
        self.events += 1;
    }

    fn act(&mut self, node: u16) -> Result<(), Down> {
        self.crash();
        if self.up[usize::from(node)] { Ok(()) } else { Err(Down) }
    }

    fn fate(&self, letter: &Letter) -> Fate {
        match letter.fated {
            Fated::By(crash, nth) => self.crashes[crash].fates[nth],
            Fated::Later | Fated::Never => Fate::Arrived,
        }
    }

    pub(super) fn let_return(&mut self) {
        self.crash();
        if !self.all_up() {
            return;
        }
        for (number, letter) in std::mem::take(&mut self.missed) {
            if matches!(self.fate(&letter), Fate::Late | Fate::Twice) {
                self.late.insert(number, letter);
            }
        }
        let late = std::mem::take(&mut self.late).into_values();
        self.letters.extend(late.map(|letter| Letter { fated: Fated::Never, ..letter }));
        self.over = true;
    }

    /// All that are down come up, unless a crash comes; whether they did.
    fn all_up(&mut self) -> bool {
        let before = self.crashed;
        for node in (0..self.up.len()).filter(|node| !self.up[*node]).collect::<Vec<_>>() {
            self.crash();
            if self.crashed > before {
                return false;
            }
            self.event(true);
            self.up[node] = true;
            self.news.push_back(Happens::Up(node as u16));
        }
        true
    }
}

impl World for Plain {
    fn read(&mut self, node: u16, cell: u64) -> Result<u8, Down> {
        self.act(node)?;
        let newest = self.open.writes[usize::from(node)].iter().rev().find(|(at, _)| *at == cell);
        Ok(newest.map_or(self.open.durable[usize::from(node)][cell as usize], |(_, value)| *value))
    }

    fn write(&mut self, node: u16, cell: u64, value: u8) -> Result<(), Down> {
        self.act(node)?;
        self.event(false);
        self.open.writes[usize::from(node)].push((cell, value));
        Ok(())
    }

    fn flush(&mut self, node: u16) -> Result<(), Down> {
        self.act(node)?;
        self.event(true);
        for (cell, value) in std::mem::take(&mut self.open.writes[usize::from(node)]) {
            self.open.durable[usize::from(node)][cell as usize] = value;
        }
        Ok(())
    }

    fn send(&mut self, from: u16, to: u16, message: [u8; 3]) -> Result<(), Down> {
        self.act(from)?;
        self.event(true);
        if self.up[usize::from(to)] {
            self.letters.push_back(Letter { to, message, number: self.sent, fated: Fated::Later });
        }
        self.sent += 1;
        Ok(())
    }

    fn next(&mut self) -> Option<Happens> {
        loop {
            self.crash();
            if let Some(news) = self.news.pop_front() {
                return Some(news);
            }
            let Some(letter) = self.letters.pop_front() else {
                if self.up.contains(&true) {
                    return None;
                }
                self.all_up();
                continue;
            };
            if !self.up[usize::from(letter.to)] {
                if matches!(letter.fated, Fated::By(..)) {
                    self.missed.insert(letter.number, letter);
                }
                continue;
            }
            let (fate, now) = (self.fate(&letter), Happens::Message(letter.to, letter.message));
            if matches!(fate, Fate::Arrived | Fate::Twice) {
                // It is on its way until it has arrived.
                self.letters.push_front(letter.clone());
                self.event(true);
                self.letters.pop_front();
            }
            let again = Letter { fated: Fated::Never, ..letter };
            match fate {
                Fate::Late | Fate::Twice if self.over => self.letters.push_back(again),
                Fate::Late | Fate::Twice => drop(self.late.insert(again.number, again)),
                Fate::Arrived | Fate::Lost => {}
            }
            if matches!(fate, Fate::Arrived | Fate::Twice) {
                return Some(now);
            }
        }
    }

    fn is_up(&mut self, node: u16) -> bool {
        self.act(node).is_ok()
    }
}
