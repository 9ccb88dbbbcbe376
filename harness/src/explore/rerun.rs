//! Recovery of a cluster: the workload is run again, the crash comes, and whoever survives goes on; if more crashes are to
//! come, through the lives between as well.

use super::continued::Continued;
use super::evidence::{Broken, Evidence};
use super::instance::{Lived, Recorded, Recovered};
use super::seen::Seen;
use super::shown::{Past, Shown};
use crate::disk::Disk;
use crate::erased::{Live, Op, View};
use crate::judge::Violation;
use crate::media::Stage;
use crate::record::performed;
use crate::system::{Ack, Error};
use crashcheck_trace::{Event, OpId};

/// What is seen when all nodes have returned is compared with this.
const WITHOUT: &str = "what it showed while nodes were down";

/// A run that has gone through crashes.
struct Passed {
    /// The system; `None` if a crash came before it was open.
    live: Option<Live>,
    /// By crash: so many operations of the life that it ended were acknowledged as durable, by nodes that it spared if after
    /// the crash.
    acked: Vec<usize>,
    /// What the crash allows, the oldest first, each state with the operation that came next: a system which does not promise that what it
    /// has shown is stable may show it later.
    allowed: Vec<(View, Op)>,
}

impl Recorded {
    /// Runs the workload up to the crash and beyond, from one crash to the next.
    pub(super) fn rerun(&self, disk: &Disk) -> Lived {
        let lived = self.go_through_crash(disk).and_then(|passed| self.go_through_lives(disk, passed));
        if let Some(event) = disk.astray() {
            let detail = format!("run again, the system does something else than before, from {event} on");
            return Lived::last(Recovered::failed(Violation::new("deterministic", detail)));
        }
        lived.unwrap_or_else(|violation| Lived::last(Recovered::failed(violation)))
    }

    /// Runs the workload until the operation in which the crash comes has ended in one way or another.
    fn go_through_crash(&self, disk: &Disk) -> Result<Passed, Violation> {
        let failed = |what: &str, error: &Error| {
            let detail = format!("run again, the system fails {what} before any crash: {error}");
            Err(Violation::new("deterministic", detail))
        };
        let mut live = match self.system.open(disk.power_on()) {
            Ok(live) => live,
            Err(_) if disk.crashes() > 0 => return Ok(self.passed(None, 0, 0)),
            Err(error) => return failed("to open", &error),
        };
        // Recording looks before the first operation, too. What it shows is known.
        if disk.crashes() == 0
            && let Err(error) = self.system.view(&mut live)
            && disk.crashes() == 0
        {
            return failed("to be read", &error);
        }
        let (mut begun, mut acked) = (0, 0);
        for index in 0..self.course.len() {
            let op = self.course.op(index);
            if disk.crashes() > 0 {
                break;
            }
            let id = OpId(index as u32);
            disk.machine().note(Event::Begin { op: id, text: format!("{op:?}") });
            begun = index + 1;
            let ack = performed(&*self.system, disk, &mut live, op);
            let durable = matches!(ack, Ok(Ack::Durable));
            acked = if durable { begun } else { acked };
            match ack {
                _ if disk.crashes() > 0 => {}
                Err(error) => return failed(&format!("in operation {begun}"), &error),
                Ok(_) => disk.machine().note(Event::Ack { op: id, durable }),
            }
        }
        if disk.crashes() == 0
            && let Err(error) = self.system.view(&mut live)
            && disk.crashes() == 0
        {
            return failed("to be read", &error);
        }
        Ok(self.passed(Some(live), begun, acked))
    }

    /// The run has gone through the first crash.
    fn passed(&self, live: Option<Live>, begun: usize, acked: usize) -> Passed {
        Passed { live, acked: vec![acked], allowed: self.course.with_next(acked, begun) }
    }

    /// From one crash to the next, until none is to come.
    fn go_through_lives(&self, disk: &Disk, passed: Passed) -> Result<Lived, Violation> {
        let Passed { live, mut acked, mut allowed } = passed;
        let mut live = match live {
            Some(live) => live,
            None => {
                let opened = self.system.open(disk.turn_off_and_on());
                opened.map_err(|error| Violation::new("recovers", error.to_string()))?
            }
        };
        loop {
            let crashes = acked.len();
            disk.enter(Stage::Look);
            let seen = self.first_look(&mut live, &acked);
            if disk.crashes() > crashes {
                acked.push(0);
                continue;
            }
            let (seen, view) = seen?;
            disk.note_recovered();
            let mut past = Continued::after(crashes, self.system.begin(&*view));
            if !self.system.is_stable() {
                past.allow(&allowed);
            }
            let after = self.go_on_without(disk, &mut live, &mut past);
            let after = after.and_then(|()| self.go_on_with_all(disk, &mut live, &mut past));
            let after = after.map_err(|broken| past.behind(broken));
            if disk.crashes() > crashes {
                acked.push(past.durable());
                allowed = past.into_allowed();
                continue;
            }
            let recovered = Recovered { after, kind: self.kind(&seen), shown: Ok(Shown::new(seen)) };
            return Ok(Lived { recovered, past: Some(Past::new(past)) });
        }
    }

    /// Looks at what a crash has left, with some of the nodes down.
    fn first_look(&self, live: &mut Live, acked: &[usize]) -> Result<(Seen, View), Violation> {
        self.system.check(live).map_err(|error| Violation::new("well-formed", error.to_string()))?;
        let unreadable = |error| Violation::new("recovers", format!("what it holds cannot be read: {error}"));
        let view = self.system.view(live).map_err(unreadable)?;
        Ok((self.seen(&view, self.system.remark(live), acked.to_vec()), view))
    }

    /// Goes on with the workload while nodes are down.
    fn go_on_without(&self, disk: &Disk, live: &mut Live, past: &mut Continued) -> Result<(), Broken> {
        let first = self.state_shown(past.shown()).unwrap_or(0);
        for op in self.system.go_on(past.shown(), &*self.course, first) {
            let done = self.perform(disk, live, &op, past);
            if past.has_ended(disk) {
                return Ok(());
            }
            if let Err(error) = done {
                self.look_what_failed(disk, live, past, &error)?;
            }
        }
        if past.is_untouched() || past.has_ended(disk) {
            return Ok(());
        }
        self.system.check(live).map_err(|error| Violation::new("well-formed", error.to_string()))?;
        let shown = self.system.view(live).map_err(|error| unreadable(&error))?;
        self.does_as_told(shown, past, "operations while nodes are down")
    }

    /// An operation has failed, because it needs a node that is down or does not apply: whether it is done is for the system
    /// to show.
    fn look_what_failed(
        &self,
        disk: &Disk,
        live: &mut Live,
        past: &mut Continued,
        why: &Error,
    ) -> Result<(), Violation> {
        let shown = self.system.view(live).map_err(|error| unreadable(&error))?;
        if !shown.equals(past.shown()) {
            past.undo(disk, why);
        }
        Ok(())
    }

    /// Lets the nodes return and the late messages come, looks again, and then uses the system.
    fn go_on_with_all(&self, disk: &Disk, live: &mut Live, past: &mut Continued) -> Result<(), Broken> {
        if !past.has_ended(disk) {
            disk.let_return();
        }
        if past.has_ended(disk) {
            return Ok(());
        }
        let unreadable = |error: Error| {
            let detail = format!("when all nodes have returned, what it holds cannot be read: {error}");
            let what = "reading what it holds".to_owned();
            Broken::new("idempotent", detail, Evidence::done(WITHOUT, what, "done", error.to_string()))
        };
        let again = self.system.view(live).map_err(unreadable)?;
        if !again.equals(past.shown()) {
            let detail = "when all nodes have returned it shows something else than before";
            let expected = past.shown().shared();
            let evidence = Evidence::Views { with: WITHOUT, expected, recovered: again };
            return Err(Broken::new("idempotent", detail, evidence));
        }
        self.system.check(live).map_err(|error| Violation::new("well-formed", error.to_string()))?;
        self.use_it(disk, live, past)
    }
}

/// What a cluster with nodes down holds cannot be read.
fn unreadable(error: &Error) -> Violation {
    Violation::new("usable", format!("while nodes are down, what it holds cannot be read: {error}"))
}
