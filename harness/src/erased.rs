//! A system, its operations, its views and what it did, whatever their types: the one seam at which the types of a system end.
//! Recording, lives, judging, the walk and shrinking stand on it, and are compiled once for all systems.

use crate::disk::Disk;
use crate::judge::{History, Violation};
use crate::system::{Ack, Result, System};
use crate::window::Window;
use crashcheck_outcome::Difference;
use crashcheck_trace::Device;
use rustc_hash::FxBuildHasher;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use std::any::Any;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::{Deref, RangeInclusive};
use std::sync::Arc;

/// The opened system.
pub(crate) type Live = Box<dyn Any>;

/// A [`System`] of any type.
pub(crate) trait AnySystem: Send + Sync {
    fn devices(&self) -> Vec<Device>;
    fn format(&self, disk: &Disk) -> Result<()>;
    fn open(&self, disk: Disk) -> Result<Live>;
    fn apply(&self, live: &mut Live, op: &dyn AnyOp) -> Result<Ack>;
    fn view(&self, live: &mut Live) -> Result<View>;
    fn check(&self, live: &mut Live) -> Result<()>;
    fn audit(&self, live: &mut Live) -> Result<()>;
    fn remark(&self, live: &Live) -> Option<String>;
    fn probe(&self, view: &dyn AnyView) -> Vec<Op>;
    /// What a life goes on with that shows this; what is left of the workload begins at an operation of the course.
    fn go_on(&self, view: &dyn AnyView, course: &dyn Course, from: usize) -> Vec<Op>;
    fn is_stable(&self) -> bool;
    /// Judges what is shown; `known` are the states of the course that it equals, if that has been looked up.
    fn judge(
        &self,
        view: &dyn AnyView,
        course: &dyn Course,
        window: Window,
        known: Option<&[usize]>,
    ) -> Result<(), Violation>;
    fn tell_apart(&self, before: &dyn AnyView, after: &dyn AnyView, course: &dyn Course) -> String;
    fn differences(&self, expected: &dyn AnyView, recovered: &dyn AnyView) -> Vec<Difference>;
    fn simpler(&self, op: &dyn AnyOp) -> Vec<Op>;
    /// An operation that was written as JSON.
    fn parse(&self, json: &str) -> serde_json::Result<Op>;
    /// A course that begins with what is shown.
    fn begin(&self, shown: &dyn AnyView) -> Box<dyn Course>;
    /// An operation was done: the model says what is seen after it. Nothing changes with one that was refused.
    fn step(&self, course: &mut dyn Course, op: &dyn AnyOp, refused: bool);
    /// What the model says after some operations of a course, one after the other, on what a user sees.
    fn after(&self, view: &dyn AnyView, course: &dyn Course, ops: RangeInclusive<usize>) -> View;
}

/// An operation of any type.
pub(crate) trait AnyOp: Any + fmt::Debug + Send + Sync {
    fn json(&self) -> serde_json::Result<String>;
    fn shared(&self) -> Op;
}

/// What a user sees, of any type.
pub(crate) trait AnyView: Any + fmt::Debug + Send + Sync {
    fn equals(&self, other: &dyn AnyView) -> bool;
    fn digest(&self) -> u64;
    fn shared(&self) -> View;
}

/// What a life did: operations, and what a user should see before, between and after them.
pub(crate) trait Course: Any + Send + Sync {
    /// How many operations there are.
    fn len(&self) -> usize;
    fn op(&self, nth: usize) -> &dyn AnyOp;
    /// What a user should see after so many operations.
    fn state(&self, nth: usize) -> &dyn AnyView;
    /// Whether an operation was refused.
    fn is_refused(&self, nth: usize) -> bool;
    /// The last operation once more, after which all is seen as before it.
    fn undo(&mut self);
    /// The same after something else: states, each with the operation that came next.
    fn behind(&self, before: &[(View, Op)]) -> Box<dyn Course>;
}

impl dyn Course {
    /// What a user should see in the end.
    pub(crate) fn shown(&self) -> &dyn AnyView {
        self.state(self.len())
    }

    /// What a user should see after `from` to `to` operations, each state with the operation that comes next, the last one with the
    /// last. A single state is as good as what comes after it.
    pub(crate) fn with_next(&self, from: usize, to: usize) -> Vec<(View, Op)> {
        let states = (from..=to).filter(|_| from < to);
        states.map(|nth| (self.state(nth).shared(), self.op(nth.min(to - 1)).shared())).collect()
    }
}

/// An operation, shared.
#[derive(Clone)]
pub(crate) struct Op(Arc<dyn AnyOp>);

/// What a user sees, shared.
#[derive(Clone)]
pub(crate) struct View(Arc<dyn AnyView>);

impl Op {
    pub(crate) fn new<T: AnyOp>(op: T) -> Op {
        Op(Arc::new(op))
    }
}

impl Deref for Op {
    type Target = dyn AnyOp;
    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.json().map_err(serde::ser::Error::custom)?)
    }
}

impl Deref for View {
    type Target = dyn AnyView;
    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Any + Clone + fmt::Debug + Serialize + DeserializeOwned + Send + Sync> AnyOp for T {
    fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    fn shared(&self) -> Op {
        Op(Arc::new(self.clone()))
    }
}

impl<T: Any + Clone + fmt::Debug + Eq + Hash + Send + Sync> AnyView for T {
    fn equals(&self, other: &dyn AnyView) -> bool {
        *self == *seen::<T>(other)
    }

    fn digest(&self) -> u64 {
        FxBuildHasher.hash_one(self)
    }

    fn shared(&self) -> View {
        View(Arc::new(self.clone()))
    }
}

/// A [`Course`] of a system of a known type.
pub(crate) struct Typed<S: System> {
    pub(crate) ops: Vec<S::Op>,
    /// What a user should see after n operations; one longer than `ops`.
    pub(crate) states: Vec<S::View>,
    /// Those that were refused, in order.
    pub(crate) refused: Vec<usize>,
}

impl<S: System + 'static> Course for Typed<S> {
    fn len(&self) -> usize {
        self.ops.len()
    }

    fn op(&self, nth: usize) -> &dyn AnyOp {
        &self.ops[nth]
    }

    fn state(&self, nth: usize) -> &dyn AnyView {
        &self.states[nth]
    }

    fn is_refused(&self, nth: usize) -> bool {
        self.refused.binary_search(&nth).is_ok()
    }

    fn undo(&mut self) {
        self.states.push(self.states[self.states.len() - 2].clone());
        self.ops.extend(self.ops.last().cloned());
    }

    fn behind(&self, before: &[(View, Op)]) -> Box<dyn Course> {
        let (mut ops, mut states) = (Vec::new(), Vec::new());
        for (view, op) in before {
            states.push(seen::<S::View>(&**view).clone());
            ops.push(done::<S::Op>(&**op).clone());
        }
        ops.extend_from_slice(&self.ops);
        states.extend_from_slice(&self.states);
        let refused = self.refused.iter().map(|nth| before.len() + nth).collect();
        Box::new(Typed::<S> { ops, states, refused })
    }
}

/// What is said when something comes back that another system has made.
const FOREIGN: &str = "a system is given only what it has made itself";

fn done<T: 'static>(op: &dyn AnyOp) -> &T {
    let any: &dyn Any = op;
    any.downcast_ref().expect(FOREIGN)
}

fn seen<T: 'static>(view: &dyn AnyView) -> &T {
    let any: &dyn Any = view;
    any.downcast_ref().expect(FOREIGN)
}

fn course_of<S: System + 'static>(course: &dyn Course) -> &Typed<S> {
    let any: &dyn Any = course;
    any.downcast_ref().expect(FOREIGN)
}

/// A course with its types.
pub(crate) fn typed<S: System + 'static>(course: Box<dyn Course>) -> Typed<S> {
    let any: Box<dyn Any> = course;
    *any.downcast().expect(FOREIGN)
}

fn shared<T: AnyOp>(ops: Vec<T>) -> Vec<Op> {
    ops.into_iter().map(Op::new).collect()
}

impl<S: System + 'static> AnySystem for S {
    fn devices(&self) -> Vec<Device> {
        System::devices(self)
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        System::format(self, disk)
    }

    fn open(&self, disk: Disk) -> Result<Live> {
        Ok(Box::new(System::open(self, disk)?))
    }

    fn apply(&self, live: &mut Live, op: &dyn AnyOp) -> Result<Ack> {
        System::apply(self, live.downcast_mut().expect(FOREIGN), done(op))
    }

    fn view(&self, live: &mut Live) -> Result<View> {
        Ok(View(Arc::new(System::view(self, live.downcast_mut().expect(FOREIGN))?)))
    }

    fn check(&self, live: &mut Live) -> Result<()> {
        System::check(self, live.downcast_mut().expect(FOREIGN))
    }

    fn audit(&self, live: &mut Live) -> Result<()> {
        System::audit(self, live.downcast_mut().expect(FOREIGN))
    }

    fn remark(&self, live: &Live) -> Option<String> {
        System::remark(self, live.downcast_ref().expect(FOREIGN))
    }

    fn probe(&self, view: &dyn AnyView) -> Vec<Op> {
        shared(System::probe(self, seen(view)))
    }

    fn go_on(&self, view: &dyn AnyView, course: &dyn Course, from: usize) -> Vec<Op> {
        shared(System::go_on(self, seen(view), &course_of::<S>(course).ops[from..]))
    }

    fn is_stable(&self) -> bool {
        System::is_stable(self)
    }

    fn judge(
        &self,
        view: &dyn AnyView,
        course: &dyn Course,
        window: Window,
        known: Option<&[usize]>,
    ) -> Result<(), Violation> {
        let (view, Typed { ops, states, .. }) = (seen::<S::View>(view), course_of::<S>(course));
        let history = History::new(ops, states, window);
        System::judge(
            self,
            view,
            &match known {
                None => history,
                Some(states) => history.knowing(view, states),
            },
        )
    }

    fn tell_apart(&self, before: &dyn AnyView, after: &dyn AnyView, course: &dyn Course) -> String {
        System::tell_apart(self, seen(before), seen(after), &course_of::<S>(course).states)
    }

    fn differences(&self, expected: &dyn AnyView, recovered: &dyn AnyView) -> Vec<Difference> {
        System::differences(self, seen(expected), seen(recovered))
    }

    fn simpler(&self, op: &dyn AnyOp) -> Vec<Op> {
        shared(System::simpler(self, done(op)))
    }

    fn parse(&self, json: &str) -> serde_json::Result<Op> {
        serde_json::from_str::<S::Op>(json).map(Op::new)
    }

    fn begin(&self, shown: &dyn AnyView) -> Box<dyn Course> {
        let (ops, refused) = (Vec::new(), Vec::new());
        Box::new(Typed::<S> { ops, states: vec![seen::<S::View>(shown).clone()], refused })
    }

    fn step(&self, course: &mut dyn Course, op: &dyn AnyOp, refused: bool) {
        let any: &mut dyn Any = course;
        let Typed { ops, states, refused: all_refused } = any.downcast_mut::<Typed<S>>().expect(FOREIGN);
        let op = done::<S::Op>(op);
        let mut next = states[ops.len()].clone();
        match refused {
            true => all_refused.push(ops.len()),
            false => System::model(self, &mut next, op),
        }
        states.push(next);
        ops.push(op.clone());
    }

    fn after(&self, view: &dyn AnyView, course: &dyn Course, ops: RangeInclusive<usize>) -> View {
        let mut view = seen::<S::View>(view).clone();
        course_of::<S>(course).ops[ops].iter().for_each(|op| System::model(self, &mut view, op));
        View(Arc::new(view))
    }
}
