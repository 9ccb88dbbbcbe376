//! One crash state, made up while it is read.
//!
//! What it holds is a stack: what the running life wrote, over what every earlier life left at its crash, over what the
//! devices held when the recording began. What nobody reads is never decided, whichever life left it open.

mod devices;
mod reads;
mod whole;
mod writes;

use super::account::{Account, Deed, Stage};
pub(crate) use whole::Kept;

use super::cell::CellId;
use super::cluster::Script;
use super::contents::ContentId;
use super::group::GroupState;
use super::life::{Life, Log};
use super::overlay::Overlay;
use super::timeline::Timeline;
use crate::choice::{Choices, EPOCHS, Path, Plan, Question};
use crate::lent::Lent;
use crate::profile::{Profile, When};
use crate::supervise::Trail;
use crate::window::Window;
use crate::wire::Wire;
use crashcheck_trace::{BlockNo, Bytes, Device, DeviceId};
use num_bigint::BigUint;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;
use whole::Written;

/// One crash state. What nobody reads is never decided, so that it stands for all states that read alike.
pub(crate) struct LazyImage {
    /// What each life left at its crash, the recorded workload first.
    left: Vec<Left>,
    choices: Choices,
    /// What the running life was told by the devices, in order.
    observed: Vec<Observed>,
    /// What was asked, and when last.
    known: FxHashMap<Asked, Known>,
    /// How many bytes were lent since what is known of them was forgotten.
    kept_bytes: usize,
    /// The number of this run.
    run: u64,
    /// How often one has begun in which what the devices tell is noted.
    turn: u64,
    /// How often that has changed which the running life writes over.
    lower: u64,
    /// The lengths of devices that no life changes, by device, valid where the number is that of this turn.
    lengths: Vec<(u64, Bytes)>,
    /// By device: so many lives have left what the running one finds on it.
    below: Vec<usize>,
    /// What the running life wrote, by device.
    written: Vec<Overlay>,
    /// The devices that the running life has made.
    made: Vec<Device>,
    /// The same in order; kept only if the power may fail once more.
    log: Option<Log>,
    /// That of a life that is over, while the devices are looked at once more as recovery had left them.
    ended: Option<Log>,
    /// What is done, if somebody wants to tell of it.
    account: Option<Account>,
    /// Whether another crash can end what is running: a life of its own.
    is_life: bool,
    /// How often the blocks of flash chips have been erased that the running life has erased.
    erases: FxHashMap<(DeviceId, BlockNo), u32>,
    trail: Option<Trail>,
    /// Whether recovery is over, and what it gave is in use.
    in_service: bool,
    /// Whether a device has failed since then.
    failed_in_service: bool,
    /// Whether somebody wants the devices as whole images.
    is_kept: bool,
    /// What recovery had written when it came to its end, if somebody does.
    kept: Option<Written>,
    scratch: Vec<u8>,
    /// Ranges of the recorded workload that are not stored in one piece, by the contents of their cells.
    put_together: FxHashMap<Pieces, Lent>,
    /// Zeros, as many as were lent last.
    zeros: Lent,
}

/// What is known of something that is asked.
#[derive(Default)]
struct Known {
    /// The turn in which it was noted last.
    noted: u64,
    /// What was lent, and for how long it is valid.
    lent: Option<(Valid, Lent)>,
}

/// How long what was lent is what lies there.
#[derive(Clone)]
enum Valid {
    /// As long as this is the number of what the running life writes over.
    Lower(u64),
    /// After a crash of the recorded workload in one of these epochs, in which nothing of it is open.
    Epochs(Range<u32>),
}

/// A range of a device, its length in bytes, and what the cells in it hold.
type Pieces = (DeviceId, Bytes, usize, Vec<ContentId>);

/// What one life left at its crash.
struct Left {
    timeline: Arc<Timeline>,
    /// The epoch in which the power failed.
    epoch: u32,
    /// What is decided of it.
    states: FxHashMap<u32, GroupState>,
    /// What each cell was found to hold, valid where the number is that of this run.
    found: Vec<(u64, ContentId)>,
}

/// What the running life had made of its devices when recovery had come to its end.
pub(crate) struct AsRecovered {
    written: Vec<Overlay>,
    erases: FxHashMap<(DeviceId, BlockNo), u32>,
}

/// A crash state as far as it is decided, for another life to begin with.
pub(crate) struct Frozen {
    left: Vec<(Arc<Timeline>, u32, FxHashMap<u32, GroupState>)>,
}

/// A number of crash states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Represented {
    /// All of them.
    pub(crate) all: BigUint,
    /// Those that the epoch before does not have, in any life.
    pub(crate) fresh: BigUint,
}

/// Something that a system asks of its devices, and that is not known from what it wrote itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asked {
    /// What a range holds.
    Read(DeviceId, Bytes, Bytes),
    /// Whether a range of a flash chip holds only ones.
    Ones(DeviceId, Bytes, Bytes),
    /// The length of a device.
    Len(DeviceId),
    /// How often a block of a flash chip was erased.
    Erases(DeviceId, BlockNo),
    /// Which names a directory holds, and what has them.
    Names(DeviceId),
    /// How many devices there are: what is made is the next one.
    Devices,
    /// What a device is that a later life has made: in other states it may be something else.
    Kind(DeviceId),
    /// What holds no bytes.
    Flag(CellId),
}

/// What was asked, and a hash of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) asked: Asked,
    pub(crate) answer: u64,
}

impl Left {
    fn new(timeline: Arc<Timeline>, epoch: u32) -> Left {
        let found = vec![(0, ContentId::ZERO); timeline.cells.len()];
        Left { epoch, states: FxHashMap::default(), found, timeline }
    }
}

impl LazyImage {
    pub(crate) fn new(timeline: Arc<Timeline>) -> LazyImage {
        LazyImage {
            choices: Choices::new(Plan::replay(Vec::new())),
            observed: Vec::new(),
            known: FxHashMap::default(),
            kept_bytes: 0,
            run: 0,
            turn: 0,
            lower: 0,
            lengths: Vec::new(),
            below: vec![1; timeline.lines.len()],
            written: timeline.lines.iter().map(|_| Overlay::default()).collect(),
            made: Vec::new(),
            is_life: true,
            log: None,
            ended: None,
            account: None,
            erases: FxHashMap::default(),
            trail: None,
            in_service: false,
            failed_in_service: false,
            is_kept: false,
            kept: None,
            scratch: Vec::new(),
            put_together: FxHashMap::default(),
            zeros: Vec::new().into(),
            left: vec![Left::new(timeline, 0)],
        }
    }

    /// The recorded workload.
    fn first(&self) -> &Timeline {
        &self.left[0].timeline
    }

    /// The nodes that the devices belong to, all of them up.
    pub(crate) fn wire(&self) -> &Wire {
        &self.first().wire
    }

    /// What a life, counted from 1, is run from if it is one of a cluster whose nodes crash one by one.
    pub(crate) fn script(&self, life: u8) -> Option<&Script> {
        self.left[usize::from(life) - 1].timeline.script.as_ref()
    }

    /// Looks where the crash of a life, counted from 1, comes: the writes that were in flight before the life began, and the
    /// events before the crash.
    pub(crate) fn look_for_crash(&mut self, life: u8) -> (usize, usize) {
        if let Some(cell) = self.first().first_look().filter(|_| life == 1) {
            self.observe(Asked::Flag(cell));
        }
        let Left { timeline, epoch, .. } = &self.left[usize::from(life) - 1];
        (timeline.outlived.writes, timeline.epochs[*epoch as usize].upto)
    }

    /// The node of a device has gone down with the n-th crash, which says what is on it.
    pub(crate) fn go_down(&mut self, device: DeviceId, nth: u8) {
        self.below[device.index()] = usize::from(nth);
        self.lower += 1;
        self.written[device.index()].clear();
    }

    /// Begins another crash state of the recorded workload. With `goes_on`, the power may fail once more.
    pub(crate) fn restart(&mut self, epoch: u32, plan: Plan, goes_on: bool) {
        self.left.truncate(1);
        self.left[0].epoch = epoch;
        self.left[0].states.clear();
        self.choices.restart(plan);
        self.power_on(goes_on);
    }

    /// Begins a crash state of a later life: the power failed in this epoch of what came after `before`.
    pub(crate) fn restart_after(
        &mut self,
        before: &Frozen,
        (life, epoch): (&Arc<Timeline>, u32),
        plan: Plan,
        goes_on: bool,
    ) {
        self.left.truncate(1 + before.left.len());
        for (nth, (timeline, epoch, states)) in before.left.iter().enumerate() {
            self.leave(nth, timeline, *epoch);
            self.left[nth].states.clone_from(states);
        }
        self.leave(before.left.len(), life, epoch);
        self.choices.restart(plan);
        self.power_on(goes_on);
    }

    /// The n-th life, from 0, left this.
    fn leave(&mut self, nth: usize, timeline: &Arc<Timeline>, epoch: u32) {
        match self.left.get_mut(nth).filter(|left| Arc::ptr_eq(&left.timeline, timeline)) {
            Some(left) => {
                left.epoch = epoch;
                left.states.clear();
            }
            None => {
                self.left.truncate(nth);
                self.left.push(Left::new(Arc::clone(timeline), epoch));
            }
        }
    }

    fn power_on(&mut self, goes_on: bool) {
        self.run += 1;
        self.lower += 1;
        self.run_again(goes_on);
    }

    /// Turns the power on in the same crash state, as far as it is decided.
    pub(crate) fn run_again(&mut self, goes_on: bool) {
        self.turn += 1;
        (self.in_service, self.failed_in_service) = (false, false);
        self.observed.clear();
        self.erases.clear();
        self.made.clear();
        self.keep_devices(self.left_devices());
        self.below.fill(self.left.len());
        self.written.iter_mut().for_each(Overlay::clear);
        self.is_life = true;
        (self.log, self.ended) = (goes_on.then(Log::default), None);
        self.kept = None;
        let life = self.life() + 1;
        self.take_down(|_| Deed::PowerOn(life));
    }

    /// Writes down from now on what is done.
    pub(crate) fn keep_account(&mut self) {
        self.account = Some(Account::of_life(self.life() + 1));
    }

    /// What was done since then.
    pub(crate) fn take_account(&mut self) -> Option<Account> {
        self.account.take()
    }

    /// What is done from now on is this.
    pub(crate) fn enter(&mut self, stage: Stage) {
        self.take_down(|_| Deed::Enter(stage));
    }

    /// Writes something down, by the number of the questions that were asked so far, if anything is written down.
    fn take_down(&mut self, deed: impl FnOnce(usize) -> Deed) {
        if let Some(account) = &mut self.account {
            account.push(deed(self.choices.path().len()));
        }
    }

    /// Asks whether the power failed once more in the life that has just ended. If it did, what that life wrote is part
    /// of what is open, and the machine is on again.
    pub(crate) fn fail_again(&mut self, life: &Life, goes_on: bool) -> bool {
        let number = self.life() + 1;
        let timeline = life.laid_out(&self.first().profile, number);
        let epochs = timeline.epochs.len();
        let stretches = epochs.div_ceil(EPOCHS).min(usize::from(u8::MAX) - 1) as u8;
        let stretch = self.choices.ask(Question::PowerFailed { life: number, stretches });
        let Some(stretch) = usize::from(stretch).checked_sub(1) else { return false };
        let within = (epochs - stretch * EPOCHS).min(EPOCHS) as u8;
        let epoch = match within {
            1 => 0,
            epochs => self.choices.ask(Question::FailedIn { life: number, epochs }),
        };
        self.left.push(Left::new(timeline, (stretch * EPOCHS) as u32 + u32::from(epoch)));
        self.power_on(goes_on);
        true
    }

    /// What is decided so far.
    pub(crate) fn freeze(&self) -> Frozen {
        let left = self.left.iter().map(|left| (Arc::clone(&left.timeline), left.epoch, left.states.clone()));
        Frozen { left: left.collect() }
    }

    /// The life in which the power failed last: 1 is the recorded workload.
    pub(crate) fn life(&self) -> u8 {
        self.left.len() as u8
    }

    /// Leaves a trail of what is looked at, or stops to.
    pub(crate) fn leave_trail(&mut self, trail: Option<Trail>) {
        self.trail = trail;
    }

    /// What was asked so far.
    pub(crate) fn path(&self) -> &Path {
        self.choices.path()
    }

    /// Whether the answers did not fit the questions.
    pub(crate) fn diverged(&self) -> bool {
        self.choices.diverged()
    }

    /// What the devices have told the running life.
    pub(crate) fn observed(&self) -> &[Observed] {
        &self.observed
    }

    /// How many crash states this one stands for so far.
    pub(crate) fn represented(&self) -> Represented {
        let of_life = |Left { timeline, epoch, states, .. }: &Left| {
            let all = timeline.represented(*epoch, states);
            Represented { fresh: &all - timeline.represented_before(*epoch, states), all }
        };
        let lives = self.left.iter().map(of_life);
        let product = lives.reduce(|before, life| Represented {
            all: before.all * life.all,
            fresh: before.fresh * life.fresh,
        });
        product.expect("a crash state has a first life")
    }

    /// The number of events after which a crash of a life, counted from 1, can first leave this state.
    pub(crate) fn earliest(&self, life: u8) -> usize {
        let Left { timeline, epoch, states, .. } = &self.left[usize::from(life) - 1];
        timeline.earliest(*epoch, states)
    }

    /// The epoch of a life, counted from 1, in which the power failed.
    pub(crate) fn epoch(&self, life: u8) -> u32 {
        self.left[usize::from(life) - 1].epoch
    }

    /// In how many epochs of a life, counted from 1, the power could have failed.
    pub(crate) fn epochs(&self, life: u8) -> usize {
        self.left[usize::from(life) - 1].timeline.epochs.len()
    }

    /// What the devices allow.
    pub(crate) fn profile(&self) -> &Profile {
        &self.first().profile
    }

    /// What the crash points of the recorded workload that can leave this state allow, in order.
    pub(crate) fn windows(&self) -> Vec<Window> {
        let upto = self.first().epochs[self.left[0].epoch as usize].upto;
        let mut windows = self.first().windows[self.earliest(1)..=upto].to_vec();
        windows.dedup();
        windows
    }

    /// Looks at every cell, in the order of position: for a recovery that cannot be followed, or needs the whole image.
    pub(crate) fn decide_all(&mut self) {
        for nth in 0..self.left.len() {
            for cell in self.left[nth].timeline.visible() {
                self.look(nth, cell);
            }
        }
    }

    /// Finds out what a cell of the n-th life, from 0, holds.
    pub(crate) fn look(&mut self, nth: usize, cell: CellId) -> ContentId {
        let run = self.run;
        let Left { timeline, epoch, states, found } = &mut self.left[nth];
        let (known, content) = found[cell.0 as usize];
        if known == run {
            return content;
        }
        let content = timeline.find(cell, *epoch, states, &mut self.choices);
        found[cell.0 as usize] = (run, content);
        if let Some(trail) = &mut self.trail {
            trail.look(nth, cell.0);
        }
        content
    }

    /// What a cell of a device holds as the n-th life, from 0, has left it. If the node of the device has outlived that crash,
    /// what was in flight belongs to the next life.
    fn held(&mut self, nth: usize, device: DeviceId, cell: CellId) -> ContentId {
        match self.left.get(nth + 1) {
            Some(next) if next.timeline.outlived.devices.contains(&device) => {
                let Left { timeline, epoch, .. } = &self.left[nth];
                timeline.settled(cell, *epoch)
            }
            _ => self.look(nth, cell),
        }
    }

    /// Finds out what came of something that holds no bytes; 0 if nothing can be amiss with it. A system that asks knows it
    /// from then on.
    pub(crate) fn flag(&mut self, question: Question) -> u8 {
        if let Some(cell) = self.first().flag(&question) {
            self.observe(Asked::Flag(cell));
        }
        self.raised(question)
    }

    /// The same, noticed only by what it does to what is read.
    fn raised(&mut self, question: Question) -> u8 {
        let nth = usize::from(question.life()) - 1;
        let Some(cell) = self.left[nth].timeline.flag(&question) else { return 0 };
        let content = self.look(nth, cell);
        self.left[nth].timeline.contents.get(content).map_or(0, |bytes| bytes[0])
    }

    /// Asks the devices as the running life does, whether or not anything new is learned; a hash of the answer.
    pub(crate) fn observe(&mut self, asked: Asked) -> u64 {
        let answer = match asked {
            Asked::Read(device, at, len) => match self.lend_noted(device, at, len.index()) {
                Some(lent) => return lent.hash(),
                None => self.hash_read(device, at, len),
            },
            Asked::Ones(device, at, len) => u64::from(self.holds_ones(device, at, len)),
            Asked::Len(device) => self.length(device).0,
            Asked::Erases(device, block) => u64::from(self.count_erases(device, block)),
            Asked::Kind(device) => self.kind(device).map_or(0, devices::number),
            Asked::Devices => self.left_devices() as u64,
            Asked::Names(device) => hash_of_slots(&self.slots_left(device)),
            Asked::Flag(cell) => u64::from(self.look(0, cell).0),
        };
        self.note_answer(asked, answer);
        answer
    }

    /// A hash of what is read where something may fail, or lies in pieces.
    fn hash_read(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> u64 {
        let mut buf = std::mem::take(&mut self.scratch);
        buf.resize(len.index(), 0);
        let read = self.read_left(self.below[device.index()], true, device, at, &mut buf);
        let hash = hash_of(&read.map(|()| &*buf));
        self.scratch = buf;
        hash
    }

    /// Takes note of what the running life was told, once.
    fn note_answer(&mut self, asked: Asked, answer: u64) -> &mut Known {
        let known = self.known.entry(asked).or_default();
        if known.noted != self.turn {
            known.noted = self.turn;
            self.observed.push(Observed { asked, answer });
        }
        known
    }

    /// From now on what recovered is in use, and what may fail in service may fail.
    pub(crate) fn begin_service(&mut self) -> bool {
        self.in_service = true;
        self.first().fails_in_service()
    }

    /// Whether a device has failed as a whole.
    pub(crate) fn is_lost(&mut self, device: DeviceId) -> bool {
        let may = match self.first().profile.faults.device_lost {
            When::Never => false,
            When::AtCrash => true,
            When::InService => self.in_service,
        };
        let lost = may && self.flag(Question::DeviceLost { device }) > 0;
        self.failed_in_service |= lost && self.in_service;
        lost
    }

    /// Whether a device has failed while what recovered was in use. That is one fault already: the power does not fail on
    /// top of it.
    pub(crate) fn failed_in_service(&self) -> bool {
        self.failed_in_service && self.first().fails_in_service()
    }
}

/// The length that the content of a length cell says.
fn length_of(bytes: &[u8]) -> Bytes {
    Bytes(u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")))
}

fn hash_of_slots(slots: &BTreeMap<u64, Lent>) -> u64 {
    FxBuildHasher.hash_one(slots.iter().map(|(at, slot)| (*at, slot.hash())).collect::<Vec<_>>())
}

fn hash_of(read: &Result<&[u8], Bytes>) -> u64 {
    match read {
        Ok(bytes) => FxBuildHasher.hash_one(bytes),
        Err(at) => FxBuildHasher.hash_one((u64::MAX, at)),
    }
}
