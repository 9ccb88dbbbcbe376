//! Recovery of a cluster: the workload is run again, the crash comes, and whoever survives goes on.

use super::instance::{Continued, Recorded, Recovered, Seen};
use super::shown::Shown;
use crate::judge::Violation;
use crate::{Ack, Disk, Error, System};
use crashcheck_trace::{Event, OpId};

/// A run that has gone through the crash.
struct Passed<Live> {
    /// The system; `None` if the crash came before it was open.
    live: Option<Live>,
    /// So many operations were acknowledged as durable after the crash, by nodes that it spared.
    acked: usize,
}

impl<S: System + 'static> Recorded<S> {
    /// Runs the workload up to the crash and beyond, and looks at the cluster twice: as the crash left it, with some of
    /// the nodes down, and when all have returned and the last late message has come.
    pub(super) fn rerun(&self, disk: &Disk) -> Recovered {
        let passed = self.go_through_crash(disk);
        if let Some(event) = disk.astray() {
            let detail = format!("run again, the system does something else than before, from {event} on");
            return Recovered::failed(Violation::new("deterministic", detail));
        }
        let seen = passed.and_then(|passed| self.first_look(disk, passed));
        match seen {
            Err(violation) => Recovered::failed(violation),
            Ok((seen, live)) => {
                let after = self.second_look(disk, live, self.view_of(&seen));
                Recovered { after, kind: self.kind(&seen), shown: Ok(Shown::new(seen)) }
            }
        }
    }

    /// Runs the workload until the operation in which the crash comes has ended in one way or another.
    fn go_through_crash(&self, disk: &Disk) -> Result<Passed<S::Live>, Violation> {
        let failed = |what: &str, error: &Error| {
            let detail = format!("run again, the system fails {what} before any crash: {error}");
            Err(Violation::new("deterministic", detail))
        };
        let mut live = match self.system().open(disk.power_on()) {
            Ok(live) => live,
            Err(_) if disk.has_crashed() => return Ok(Passed { live: None, acked: 0 }),
            Err(error) => return failed("to open", &error),
        };
        // Recording looks before the first operation, too. What it shows is known.
        if !disk.crash_is_due()
            && let Err(error) = self.system().view(&mut live)
            && !disk.has_crashed()
        {
            return failed("to be read", &error);
        }
        for (index, op) in self.ops().iter().enumerate() {
            if disk.crash_is_due() {
                return Ok(Passed { live: Some(live), acked: 0 });
            }
            let id = OpId(index as u32);
            disk.machine().note(Event::Begin { op: id, text: format!("{op:?}") });
            let ack = self.system().apply(&mut live, op);
            let durable = matches!(ack, Ok(Ack::Durable));
            match ack {
                _ if disk.has_crashed() => {
                    let acked = if durable { index + 1 } else { 0 };
                    return Ok(Passed { live: Some(live), acked });
                }
                Err(error) => return failed(&format!("in operation {}", index + 1), &error),
                Ok(_) => disk.machine().note(Event::Ack { op: id, durable }),
            }
        }
        if !disk.crash_is_due()
            && let Err(error) = self.system().view(&mut live)
            && !disk.has_crashed()
        {
            return failed("to be read", &error);
        }
        Ok(Passed { live: Some(live), acked: 0 })
    }

    /// Looks at what the crash has left. If it came while the cluster was booting, and the cluster gave up, all of it is
    /// turned off and on.
    fn first_look(
        &self,
        disk: &Disk,
        passed: Passed<S::Live>,
    ) -> Result<(Seen<S::View>, S::Live), Violation> {
        let mut live = match passed.live {
            Some(live) => live,
            None => {
                let opened = self.system().open(disk.turn_off_and_on());
                opened.map_err(|error| Violation::new("recovers", error.to_string()))?
            }
        };
        self.system().check(&mut live).map_err(|error| Violation::new("well-formed", error.to_string()))?;
        let unreadable = |error| Violation::new("recovers", format!("what it holds cannot be read: {error}"));
        let view = self.system().view(&mut live).map_err(unreadable)?;
        let remark = self.system().remark(&live);
        Ok((self.seen(&view, remark, passed.acked), live))
    }

    /// Lets the nodes return and the late messages come, looks again, and then uses the system.
    fn second_look(&self, disk: &Disk, mut live: S::Live, view: &S::View) -> Result<(), Violation> {
        disk.let_return();
        let unreadable = |error| {
            let detail = format!("when all nodes have returned, what it holds cannot be read: {error}");
            Violation::new("idempotent", detail)
        };
        let again = self.system().view(&mut live).map_err(unreadable)?;
        if again != *view {
            let detail = "when all nodes have returned it shows something else than before";
            return Err(Violation::new("idempotent", detail));
        }
        self.system().check(&mut live).map_err(|error| Violation::new("well-formed", error.to_string()))?;
        self.use_it(disk, &mut live, &mut Continued::from(again))
    }
}
