//! The one source of uncertainty.
//!
//! Whatever a crash leaves open is asked of one [`Choices`] at the moment somebody looks. Who answers is a [`Plan`];
//! what was asked and answered is a [`Path`], which is a leaf of the tree of choices, a replay, and the tail of a
//! finding's id.

use crate::profile::Fates;
use crashcheck_trace::{DeviceId, EventId, NodeId, PageNo};
use std::sync::Arc;

/// Something that the crash left open. Outcome 0 is always the newest possibility, the last one the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Question {
    /// Did this write (or this unit of it) reach the medium? 0: yes, 1: no.
    Survived {
        /// The write.
        event: EventId,
        /// Which atomic unit of it, from 0.
        unit: u32,
    },
    /// Was this unit half written when the power went, so that it reads as garbage? 0: yes, 1: no.
    Garbled {
        /// The write.
        event: EventId,
        /// Which atomic unit of it, from 0.
        unit: u32,
    },
    /// Did recovery itself crash? 0: no; n: after its n-th flush interval had begun.
    RecoveryCrashed {
        /// How many intervals it can have crashed in.
        intervals: u8,
    },
    /// Did this write of a recovery that crashed reach the medium? 0: yes, 1: no.
    RecoveryWrite {
        /// Which recovery: 1 is the first that crashed.
        depth: u8,
        /// Which of its writes.
        write: u32,
        /// Which atomic unit of it, from 0.
        unit: u32,
    },
    /// Was this program or erase of a recovery that crashed cut off half-way, so that it reads as garbage? 0: yes, 1: no.
    RecoveryGarbled {
        /// Which recovery: 1 is the first that crashed.
        depth: u8,
        /// Which of its writes.
        write: u32,
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
    /// of it has flipped.
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
    /// Did this write land on a neighbouring block, although it was acknowledged and flushed? 0: no; 1: yes.
    Misdirected {
        /// The write.
        event: EventId,
        /// Which atomic unit of it, from 0.
        unit: u32,
        /// Whether on the block behind it, or on the one before.
        forward: bool,
    },
    /// Does a bit of this page of a flash chip read flipped until it is erased? 0: no, 1: one of the data area, 2: one of
    /// the spare area.
    Flipped {
        /// Of which device.
        device: DeviceId,
        /// Which page.
        page: PageNo,
    },
    /// Did this node of a cluster go down? 0: no, 1: yes.
    NodeDown {
        /// Which.
        node: NodeId,
    },
    /// What became of this message, which was on its way when the crash came? 0: it arrived; the others are those that
    /// the profile allows: it came late, it came twice, it was lost.
    Arrived {
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
            Question::RecoveryCrashed { .. }
            | Question::DeviceLost { .. }
            | Question::Unreadable { .. }
            | Question::Corrupt { .. }
            | Question::WriteLost { .. }
            | Question::Misdirected { .. }
            | Question::Flipped { .. } => true,
            Question::Survived { .. }
            | Question::Garbled { .. }
            | Question::RecoveryWrite { .. }
            | Question::RecoveryGarbled { .. }
            | Question::NodeDown { .. }
            | Question::Arrived { .. } => false,
        }
    }

    /// How many outcomes there are.
    pub fn outcomes(&self) -> u8 {
        match self {
            Question::RecoveryCrashed { intervals } => intervals + 1,
            Question::Corrupt { .. } | Question::Flipped { .. } => 3,
            Question::Arrived { fates, .. } => fates.outcomes(),
            _ => 2,
        }
    }

    /// The write or the message of the trace that is asked about.
    pub fn event(&self) -> Option<EventId> {
        match self {
            Question::Survived { event, .. }
            | Question::Garbled { event, .. }
            | Question::Arrived { event, .. } => Some(*event),
            _ => None,
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
    /// How many questions were asked.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether nothing was asked.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// How many answers differ from those of one end of the tree.
    pub fn deviations(&self, pole: Pole) -> usize {
        let answered = self.questions.iter().zip(&self.answers);
        answered.filter(|(question, answer)| pole.answer(question) != **answer).count()
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
        self.path.questions.push(question);
        self.path.answers.push(answer);
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
