//! The one source of uncertainty.
//!
//! Whatever a crash leaves open is asked of one [`Choices`] at the moment somebody looks. Who answers is a [`Plan`];
//! what was asked and answered is a [`Path`], which is a leaf of the tree of choices, a replay, and the tail of a
//! finding's id.

use crate::profile::{Fates, Landing};
use crashcheck_trace::{DeviceId, EventId, NodeId, PageNo};
use std::sync::Arc;

/// So many epochs of a life are told apart by one question; where there are more, another one says which of them.
pub(crate) const EPOCHS: usize = 128;

/// Something that the crash left open. Outcome 0 is always the newest possibility, the last one the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Question {
    /// Did this write (or this unit of it) reach the medium? 0: yes, 1: no.
    Survived {
        /// The life in which it was issued: 1 is the recorded workload.
        life: u8,
        /// The write.
        event: EventId,
        /// Which atomic unit of it, from 0.
        unit: u32,
    },
    /// Was this unit half written when the power went, so that it reads as garbage? 0: yes, 1: no.
    Garbled {
        /// The life in which it was issued.
        life: u8,
        /// The write.
        event: EventId,
        /// Which atomic unit of it, from 0.
        unit: u32,
    },
    /// Did the power fail once more? 0: no; n: in the n-th stretch of epochs of what was done since it was on.
    PowerFailed {
        /// In which life: 2 is the one after the recorded workload.
        life: u8,
        /// How many stretches there are.
        stretches: u8,
    },
    /// In which epoch of that stretch did it fail?
    FailedIn {
        /// In which life.
        life: u8,
        /// How many epochs it has.
        epochs: u8,
    },
    /// Did this device fail as a whole? 0: no, 1: yes.
    DeviceLost {
        /// Which.
        device: DeviceId,
    },
    /// Is this block unreadable until it is written again? 0: no, 1: yes.
    Unreadable {
        /// Of which device.
        device: DeviceId,
        /// The number of the logical block.
        block: u32,
    },
    /// Does this block hold something that nobody wrote, without a word from the device? 0: no; 1: garbage; 2: one bit
    /// of it has flipped; 3: one of its first bytes is another; 4: one of its last; 5: it holds zeros.
    Corrupt {
        /// Of which device.
        device: DeviceId,
        /// The number of the logical block.
        block: u32,
    },
    /// Did this write never reach the medium, although it was acknowledged and flushed? 0: it did; 1: it did not.
    WriteLost {
        /// The write.
        event: EventId,
        /// Which atomic unit of it, from 0.
        unit: u32,
    },
    /// Did this write land elsewhere, although it was acknowledged and flushed? 0: no; 1: yes.
    Misdirected {
        /// The write.
        event: EventId,
        /// Which atomic unit of it, from 0.
        unit: u32,
        /// Where.
        landing: Landing,
    },
    /// Does a bit of this page of a flash chip read flipped until it is erased? 0: no, 1: one of the data area, 2: one of
    /// the spare area.
    Flipped {
        /// Of which device.
        device: DeviceId,
        /// Which page.
        page: PageNo,
    },
    /// Did this flush, or this write with force unit access, return an error? 0: no. 1: yes, and later flushes do not. 2: yes,
    /// and so does every later one of the device. In both, what was in flight reads as written. 3 and 4: the same, but the
    /// device has dropped what was in flight.
    FlushFailed {
        /// The event of the recording.
        event: EventId,
        /// Whether anything was in flight that could be dropped: otherwise there is no 3 and 4.
        drops: bool,
    },
    /// Did this node of a cluster go down? 0: no, 1: yes.
    NodeDown {
        /// The life that the crash ended.
        life: u8,
        /// Which.
        node: NodeId,
    },
    /// What became of this message, which was on its way when the crash came? 0: it arrived; the others are those that
    /// the profile allows: it came late, it came twice, it was lost.
    Arrived {
        /// The life in which it was sent, and that the crash ended.
        life: u8,
        /// The event that sent it.
        event: EventId,
        /// What may have become of it.
        fates: Fates,
    },
}

impl Question {
    /// Whether this is about something that need not happen at a crash: neither pole has it.
    pub fn is_fault(&self) -> bool {
        match self {
            Question::PowerFailed { .. }
            | Question::FailedIn { .. }
            | Question::DeviceLost { .. }
            | Question::Unreadable { .. }
            | Question::Corrupt { .. }
            | Question::WriteLost { .. }
            | Question::Misdirected { .. }
            | Question::Flipped { .. }
            | Question::FlushFailed { .. } => true,
            Question::Survived { .. }
            | Question::Garbled { .. }
            | Question::NodeDown { .. }
            | Question::Arrived { .. } => false,
        }
    }

    /// How many outcomes there are.
    pub fn outcomes(&self) -> u8 {
        match self {
            Question::PowerFailed { stretches, .. } => stretches + 1,
            Question::FailedIn { epochs, .. } => *epochs,
            Question::Corrupt { .. } => 6,
            Question::Flipped { .. } | Question::FlushFailed { drops: false, .. } => 3,
            Question::FlushFailed { drops: true, .. } => 5,
            Question::Arrived { fates, .. } => fates.outcomes(),
            _ => 2,
        }
    }

    /// The write or the message of the recorded trace that is asked about.
    pub fn event(&self) -> Option<EventId> {
        match self {
            Question::Survived { life: 1, event, .. }
            | Question::Garbled { life: 1, event, .. }
            | Question::Arrived { life: 1, event, .. } => Some(*event),
            _ => None,
        }
    }

    /// The life that left open what is asked about.
    pub fn life(&self) -> u8 {
        match self {
            Question::Survived { life, .. }
            | Question::Garbled { life, .. }
            | Question::PowerFailed { life, .. }
            | Question::FailedIn { life, .. }
            | Question::NodeDown { life, .. }
            | Question::Arrived { life, .. } => *life,
            _ => 1,
        }
    }
}

/// One of the two ends of the tree of choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pole {
    /// Everything that was issued persisted.
    Newest,
    /// Nothing in flight persisted.
    Oldest,
}

impl Pole {
    /// Both ends.
    pub const BOTH: [Pole; 2] = [Pole::Newest, Pole::Oldest];

    /// What this end answers.
    pub fn answer(self, question: &Question) -> u8 {
        match self {
            _ if question.is_fault() => 0,
            Pole::Newest => 0,
            Pole::Oldest => question.outcomes() - 1,
        }
    }
}

/// A rule that answers any question by looking at it.
pub type Rule = dyn Fn(&Question) -> u8 + Send + Sync;

/// How to answer the questions of one run: first from a list, then by a rule.
#[derive(Clone)]
pub struct Plan {
    /// The answers to the first questions.
    pub forced: Vec<u8>,
    /// Who answers the rest.
    pub rest: Rest,
}

/// Who answers when the list of a [`Plan`] has ended.
#[derive(Clone)]
pub enum Rest {
    /// One end of the tree.
    Pole(Pole),
    /// A rule.
    Rule(Arc<Rule>),
}

impl Plan {
    /// The run at one end of the tree.
    pub fn pole(pole: Pole) -> Plan {
        Plan { forced: Vec::new(), rest: Rest::Pole(pole) }
    }

    /// A run that answers from a list. Where the list ends, nothing persisted.
    pub fn replay(answers: Vec<u8>) -> Plan {
        Plan { forced: answers, rest: Rest::Pole(Pole::Oldest) }
    }

    fn answer(&self, nth: usize, question: &Question) -> u8 {
        match (self.forced.get(nth), &self.rest) {
            (Some(answer), _) => *answer,
            (None, Rest::Pole(pole)) => pole.answer(question),
            (None, Rest::Rule(rule)) => rule(question),
        }
    }
}

/// The questions of one run in the order in which they were asked, with their answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path {
    /// What was asked.
    pub questions: Vec<Question>,
    /// What was answered.
    pub answers: Vec<u8>,
}

impl Path {
    /// A crash in an epoch of a later life that has so many.
    pub(crate) fn of_crash(life: u8, epochs: usize, epoch: u32) -> Path {
        let (stretch, within) = (epoch as usize / EPOCHS, epoch as usize % EPOCHS);
        let mut path = Path::default();
        let stretches = epochs.div_ceil(EPOCHS) as u8;
        path.push(Question::PowerFailed { life, stretches }, stretch as u8 + 1);
        let epochs = (epochs - stretch * EPOCHS).min(EPOCHS) as u8;
        if epochs > 1 {
            path.push(Question::FailedIn { life, epochs }, within as u8);
        }
        path
    }

    /// What is about one life, as if there were no other.
    pub(crate) fn of_life(&self, life: u8) -> Path {
        let mut path = Path::default();
        for (question, answer) in self.questions.iter().zip(&self.answers) {
            match *question {
                Question::PowerFailed { .. } | Question::FailedIn { .. } => {}
                Question::Survived { life: of, event, unit } if of == life => {
                    path.push(Question::Survived { life: 1, event, unit }, *answer);
                }
                Question::Garbled { life: of, event, unit } if of == life => {
                    path.push(Question::Garbled { life: 1, event, unit }, *answer);
                }
                Question::NodeDown { life: of, node } if of == life => {
                    path.push(Question::NodeDown { life: 1, node }, *answer);
                }
                Question::Arrived { life: of, event, fates } if of == life => {
                    path.push(Question::Arrived { life: 1, event, fates }, *answer);
                }
                question if question.life() == life => path.push(question, *answer),
                _ => {}
            }
        }
        path
    }

    fn push(&mut self, question: Question, answer: u8) {
        self.questions.push(question);
        self.answers.push(answer);
    }

    /// How many questions were asked.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether nothing was asked.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// How many answers differ from those of the nearer end of the tree.
    pub(crate) fn deviates(&self) -> usize {
        Pole::BOTH.map(|pole| self.deviations(pole)).into_iter().min().unwrap_or(0)
    }

    /// How many answers differ from those of one end of the tree.
    pub fn deviations(&self, pole: Pole) -> usize {
        let answered = self.questions.iter().zip(&self.answers);
        answered.filter(|(question, answer)| pole.answer(question) != **answer).count()
    }
}

impl<'a> FromIterator<&'a Path> for Path {
    /// One run after the other.
    fn from_iter<T: IntoIterator<Item = &'a Path>>(paths: T) -> Path {
        paths.into_iter().fold(Path::default(), |mut all, path| {
            all.questions.extend_from_slice(&path.questions);
            all.answers.extend_from_slice(&path.answers);
            all
        })
    }
}

/// The one source of uncertainty: asked by whoever looks, answered by the plan of this run.
pub struct Choices {
    plan: Plan,
    path: Path,
    diverged: bool,
}

impl Choices {
    /// Choices that follow a plan.
    pub fn new(plan: Plan) -> Choices {
        Choices { plan, path: Path::default(), diverged: false }
    }

    /// Begins another run, keeping the memory of the last one.
    pub(crate) fn restart(&mut self, plan: Plan) {
        self.plan = plan;
        self.path.questions.clear();
        self.path.answers.clear();
        self.diverged = false;
    }

    /// Asks which outcome it was. An answer that the question does not have counts as the oldest outcome, and the run
    /// as [diverged](Choices::diverged).
    pub fn ask(&mut self, question: Question) -> u8 {
        let mut answer = self.plan.answer(self.path.len(), &question);
        if answer >= question.outcomes() {
            self.diverged = true;
            answer = question.outcomes() - 1;
        }
        self.path.push(question, answer);
        answer
    }

    /// What was asked and answered so far.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many answers the plan forces.
    pub(crate) fn forced(&self) -> usize {
        self.plan.forced.len()
    }

    /// Whether the list of answers does not fit the questions: one was out of range, or some were never asked for.
    pub fn diverged(&self) -> bool {
        self.diverged || self.plan.forced.len() > self.path.len()
    }
}
