//! A state to look at, and the leaf of the tree of choices that it comes to.

use super::memo::{End, Story};
use super::options::Watched;
use super::shown::Shown;
use super::words::nearest;
use crate::choice::{Path, Plan};
use crate::judge::{Violation, Window};
use crate::media::{Account, Frozen, Kept, LazyImage, Observed, Represented, Timeline};
use crate::profile::Profile;
use num_bigint::BigUint;
use std::sync::Arc;

/// A state to look at.
pub(crate) struct Job {
    /// The life before the crash, if it is not the recorded workload.
    pub(crate) root: Option<Arc<Root>>,
    /// The epoch of the life in which the power failed.
    pub(crate) epoch: u32,
    pub(crate) plan: Plan,
    /// Whether further crashes are asked for in the same run, until so many lives have ended in one.
    pub(crate) through: Option<u8>,
    /// Whether no life is crashed any more that follows, so that nobody wants to know what is done in it.
    pub(crate) is_last: bool,
    /// The number of the job in its walk.
    pub(crate) serial: u64,
    /// Whether somebody looks on who wants the devices, and how.
    pub(crate) watched: Watched,
    /// Whether it is written down what is done, for a finding to be told.
    pub(crate) account: bool,
}

/// A life that another crash can end: the crash states of which recovery has made it, and what it did.
pub(crate) struct Root {
    pub(super) before: Frozen,
    /// The lives since the recorded workload, the last one ends now.
    pub(crate) stories: Vec<Arc<Story>>,
    /// What was asked and answered so far.
    pub(super) path: Path,
    /// So many crash states are behind it, and so many of them that no other epoch has.
    pub(crate) all: BigUint,
    pub(crate) fresh: BigUint,
}

/// A leaf of the tree of choices.
pub(crate) struct Leaf {
    /// What was asked and answered since the life began whose crash was looked at.
    pub(crate) path: Path,
    /// The epochs in which the power failed, by life.
    pub(crate) epochs: Vec<u32>,
    /// The life before the last crash, and that crash, if it was not of the recorded workload.
    pub(super) root: Option<(Arc<Root>, Path)>,
    /// The lives since the recorded workload that ended in a crash.
    pub(crate) stories: Vec<Arc<Story>>,
    /// What recovery was told; empty if it was not run.
    pub(crate) told: Vec<Observed>,
    pub(crate) end: End,
    /// The promise that is broken, and where.
    pub(crate) verdict: Result<(), Failed>,
    /// The windows that were judged.
    pub(crate) judged: Vec<Window>,
    pub(crate) represented: Represented,
    pub(crate) how: How,
    /// A hash of the outcome, if recovery was run.
    pub(crate) outcome: Option<u64>,
    pub(crate) diverged: bool,
    /// What was done, if that was asked for.
    pub(crate) account: Option<Account>,
    /// The state as far as it is decided, for the life that follows.
    pub(super) frozen: Option<Frozen>,
    /// The devices, if somebody wants them.
    pub(crate) kept: Option<Kept>,
}

/// A broken promise.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) violation: Violation,
    /// The crash points by life.
    pub(crate) points: Vec<usize>,
    pub(crate) by: By,
}

/// What shows that a promise is broken.
#[derive(Clone, Debug)]
pub(crate) enum By {
    /// What recovery shows, judged by the life with this number, from 1, and what a crash at its point allows.
    Recovered(u8, Window),
    /// What was seen after recovery had shown something that is allowed; `None` where nothing was to be seen.
    Later(Option<Shown>),
}

/// How the outcome of a leaf was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Recovery was run.
    Ran,
    /// An earlier recovery was told the same.
    Known,
    /// Recovery did not come back.
    Hung,
}

impl Job {
    /// A state of the recorded workload that nobody else looks at.
    pub(crate) fn of_workload(epoch: u32, plan: Plan) -> Job {
        let (through, is_last, serial, watched, account) = (None, false, 0, Watched::Not, false);
        Job { root: None, epoch, plan, through, is_last, serial, watched, account }
    }

    pub(super) fn begin(&self, image: &mut LazyImage, goes_on: bool) {
        image.be_kept(self.watched != Watched::Not);
        match &self.root {
            None => image.restart(self.epoch, self.plan.clone(), goes_on),
            Some(root) => {
                let timeline = root.laid_out(image.profile());
                image.restart_after(&root.before, (&timeline, self.epoch), self.plan.clone(), goes_on);
            }
        }
    }
}

impl Leaf {
    /// The life in which the power failed last: 1 is the recorded workload.
    pub(crate) fn life(&self) -> u8 {
        self.stories.len() as u8 + 1
    }

    /// How it fails. A leaf that does not, and was watched, is told like any other all the same, without a promise; its
    /// workload was crashed after so many events.
    pub(crate) fn failed(&self, point: usize) -> Failed {
        self.verdict.clone().err().unwrap_or_else(|| {
            let mut points = self.kept.as_ref().map(|kept| kept.earliest.clone()).unwrap_or_default();
            points.iter_mut().take(1).for_each(|first| *first = point.max(*first));
            let by = By::Recovered(self.life(), Window { durable: 0, begun: 0 });
            Failed { violation: Violation::new("", ""), points, by }
        })
    }

    /// All that was asked and answered, in all lives.
    pub(crate) fn whole_path(&self) -> Path {
        let Some((root, crash)) = &self.root else { return self.path.clone() };
        [&root.path, crash, &self.path].into_iter().collect()
    }

    /// Whether a life follows that another crash can end.
    pub(crate) fn lives_on(&self) -> bool {
        self.verdict.is_ok() && self.end.lives_on
    }

    /// The life that follows, for another crash to end; `None` if there is none, or nobody wanted to know.
    pub(crate) fn root(&mut self) -> Option<Root> {
        let story = self.end.story.clone().filter(|_| self.verdict.is_ok())?;
        Some(Root {
            before: self.frozen.take()?,
            stories: self.stories.iter().cloned().chain([story]).collect(),
            path: self.whole_path(),
            all: self.represented.all.clone(),
            fresh: self.represented.fresh.clone(),
        })
    }
}

impl Root {
    /// The life that ends, from 2.
    pub(crate) fn life(&self) -> u8 {
        self.stories.len() as u8 + 1
    }

    /// The life that ends, laid out.
    pub(crate) fn laid_out(&self, profile: &Profile) -> Arc<Timeline> {
        let story = self.stories.last().expect("a life that ends");
        story.life.laid_out(profile, self.life())
    }

    /// How many of the answers differ from those of the nearer end of the tree; of a cluster, from those where nothing
    /// happened to it.
    pub(crate) fn deviations(&self) -> usize {
        self.path.deviations(nearest(&self.path))
    }
}
