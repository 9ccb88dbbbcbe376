//! A recorded program on its crash states.

use super::given::Given;
use super::golden::Golden;
use super::ops::How;
use super::record::acknowledging;
use super::tree::{Owners, Tree, owners_of};
use super::view::View;
use crate::command::words::Words;
use crate::command::{CommandError, Commands, Folder, Trouble, lock};
use crate::disk::Disk;
use crate::explore::{Broken, Compared, Instance, Kind, Lived, Past, Recovered, Shown, Shows};
use crate::judge::{Violation, Window};
use crate::media::Stage;
use crashcheck_trace::Trace;
use regex_lite::Regex;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A program whose crash states are recovered by a command, in the folder where it was recorded.
pub(in crate::command) struct Program {
    recover: Words,
    checks: Vec<Words>,
    go_on: Option<Words>,
    ack: Option<Regex>,
    timeout: Duration,
    owners: Arc<Owners>,
    /// Whether the calls of a recovery are seen in their order.
    sees_calls: bool,
    /// What there is to know of the folder.
    note: Option<String>,
    /// `None` when the exploration is over.
    served: Mutex<Option<Given>>,
    golden: Golden,
    /// What going on with the first states of the recording comes to.
    gone_on: Mutex<Vec<(View, GoneOn)>>,
    trouble: Trouble,
}

/// What going on comes to without a crash, or why it fails.
type GoneOn = Result<Arc<Golden>, Arc<str>>;

/// What a life did after its recovery.
struct Continued {
    shown: View,
    /// What should be seen, if it went on.
    golden: Option<Arc<Golden>>,
}

impl Program {
    /// # Errors
    /// If a command is none, or the folder cannot be served.
    pub(in crate::command) fn new(
        trace: &Trace,
        commands: &Commands,
        folder: &Folder,
        trouble: &Trouble,
    ) -> Result<Program, CommandError> {
        let words = |text: &String| {
            let words = Words::new(text, 0)?;
            words.can_start().map(|()| words)
        };
        let served = Given::new(&folder.at, folder.fuse)?;
        // Nothing is crashed after recovery.
        let go_on = folder.go_on.as_ref().filter(|_| served.sees_calls());
        Ok(Program {
            recover: words(&commands.recover)?,
            checks: commands.checks.iter().map(words).collect::<Result<_, _>>()?,
            go_on: go_on.map(words).transpose()?,
            ack: folder.ack.as_deref().map(acknowledging).transpose()?,
            timeout: commands.timeout,
            owners: Arc::new(owners_of(trace)),
            sees_calls: served.sees_calls(),
            note: served.note(),
            served: Mutex::new(Some(served)),
            golden: Golden::of(trace.clone()),
            gone_on: Mutex::default(),
            trouble: Arc::clone(trouble),
        })
    }

    /// What recovery shows of a tree.
    fn view(&self, served: &Given, disk: &Disk) -> io::Result<View> {
        let (ended, tree) = self.run(served, &self.recover, disk, How::Uncounted)?;
        Ok(match ended {
            Ok(()) => View::Printed(tree.printed.into()),
            Err(why) => View::Failed(why.into()),
        })
    }

    fn run(
        &self,
        served: &Given,
        words: &Words,
        disk: &Disk,
        how: How,
    ) -> io::Result<(Result<(), String>, Tree)> {
        served.run(words, disk, Arc::clone(&self.owners), how, self.timeout)
    }

    fn recover(&self, served: &Given, disk: &Disk) -> io::Result<Lived> {
        let view = self.view(served, disk)?;
        let kind = Kind { found: None, shows: Shows::Words(view.told().into()) };
        if let View::Failed(_) = view {
            return Ok(Lived::last(Recovered { shown: Ok(Shown::new(view)), after: Ok(()), kind }));
        }
        disk.enter(Stage::Look);
        for check in &self.checks {
            if let (Err(why), _) = self.run(served, check, disk, How::Uncounted)? {
                return Ok(Lived::last(Recovered::failed(Violation::new("checked", why))));
            }
        }
        disk.note_recovered();
        let recovered = disk.as_recovered();
        let mut past = Continued { shown: view.clone(), golden: None };
        let gone_on = self.go_on(served, disk, &mut past)?;
        let again = match recovered {
            None => Ok(()),
            Some(recovered) => {
                disk.return_to(recovered);
                disk.enter(Stage::Again);
                self.again(served, disk, &view)?
            }
        };
        let after = again.and(gone_on).map_err(Broken::from);
        Ok(Lived {
            recovered: Recovered { shown: Ok(Shown::new(view)), after, kind },
            past: self.sees_calls.then(|| Past::new(past)),
        })
    }

    /// Recovers once more without a crash in between.
    fn again(&self, served: &Given, disk: &Disk, view: &View) -> io::Result<Result<(), Violation>> {
        let again = self.view(served, disk)?;
        Ok(match &again {
            again if again.is(view) => Ok(()),
            View::Failed(why) => {
                Err(Violation::new("idempotent", format!("recovering a second time: {why}")))
            }
            View::Printed(_) => {
                let (first, second) = (view.told(), again.told());
                let what = "a second recovery shows something else than the first";
                Err(Violation::new("idempotent", format!("{what}: {second}, but before {first}")))
            }
        })
    }

    /// Goes on with what has recovered, if it shows something that can be gone on with where nothing crashed.
    fn go_on(&self, served: &Given, disk: &Disk, past: &mut Continued) -> io::Result<Result<(), Violation>> {
        let Some(go_on) = &self.go_on else { return Ok(Ok(())) };
        let Ok(golden) = self.gone_on(served, go_on, &past.shown)? else { return Ok(Ok(())) };
        past.golden = Some(Arc::clone(&golden));
        let how = self.ack.clone().map_or(How::Whole, How::Lines);
        if let (Err(why), _) = self.run(served, go_on, disk, how)? {
            return Ok(Err(Violation::new("usable", format!("going on after recovery fails: {why}"))));
        }
        let recover = |disk: &Disk| self.view(served, disk);
        let (expected, seen) = (golden.view(golden.ops(), &recover)?, self.view(served, disk)?);
        if seen.is(&expected) {
            return Ok(Ok(()));
        }
        let what = "after going on something else is shown than without a crash";
        Ok(Err(Violation::new(
            "usable",
            format!("{what}: {}, and not that {}", seen.told(), expected.told()),
        )))
    }

    /// What going on comes to where the same is shown and nothing crashed.
    fn gone_on(&self, served: &Given, go_on: &Words, view: &View) -> io::Result<GoneOn> {
        let mut known = lock(&self.gone_on);
        if let Some((_, gone_on)) = known.iter().find(|(seen, _)| seen.is(view)) {
            return Ok(gone_on.clone());
        }
        let recover = |disk: &Disk| self.view(served, disk);
        // What was gone on with before shows what the recorded run never did.
        let others = known.iter().filter_map(|(_, gone_on)| gone_on.as_deref().ok());
        let mut devices = None;
        for golden in [&self.golden].into_iter().chain(others) {
            if let Some(ops) = golden.place(view, 0..=golden.ops(), &recover)? {
                devices = Some(golden.after(ops));
                break;
            }
        }
        let Some(devices) = devices else { return Ok(Err("nothing without a crash shows the same".into())) };
        let disk = Disk::recording(&devices);
        let how = self.ack.clone().map_or(How::Calls, How::Lines);
        // Recovery comes first there as well.
        let recovered = self.view(served, &disk)?;
        disk.machine().rebase();
        let (ended, _) = self.run(served, go_on, &disk, how)?;
        let trace = disk.machine().power_off().unwrap_or_default();
        let gone_on = match ended {
            Err(why) => Err(why.into()),
            Ok(()) if !recovered.is(view) => Err("recovery shows something else the next time".into()),
            Ok(()) => Ok(Arc::new(Golden::of(trace))),
        };
        known.push((view.clone(), gone_on.clone()));
        Ok(gone_on)
    }

    /// Whether a crash of the recorded run with this window may show this.
    fn judge_first(&self, served: &Given, view: &View, window: Window) -> io::Result<Result<(), Violation>> {
        let recover = |disk: &Disk| self.view(served, disk);
        if self.golden.place(view, window.durable..=window.begun, &recover)?.is_some() {
            return Ok(Ok(()));
        }
        Ok(Err(match view {
            View::Failed(why) => Violation::new("recovers", why.to_string()),
            View::Printed(_) => {
                let acknowledged = acknowledged(window.durable);
                match self.golden.place(view, 0..=window.durable, &recover)? {
                    Some(ops) => Violation::new(
                        "durable",
                        format!(
                            "what was acknowledged is gone: recovery shows the state after {ops} of the {} operations that \
                             had begun, and {acknowledged}",
                            window.begun
                        ),
                    ),
                    None => Violation::new(
                        "atomic",
                        format!(
                            "recovery shows what no number of operations has left, where {} had begun and {acknowledged}: {}",
                            window.begun,
                            view.told()
                        ),
                    ),
                }
            }
        }))
    }

    /// Whether a crash of a later life with this window may show this.
    fn judge_later(
        &self,
        served: &Given,
        view: &View,
        past: &Continued,
        window: Window,
    ) -> io::Result<Result<(), Violation>> {
        let Continued { shown, golden } = past;
        if window.durable == 0 && view.is(shown) {
            return Ok(Ok(()));
        }
        let recover = |disk: &Disk| self.view(served, disk);
        let allowed = match golden {
            None => None,
            Some(golden) => {
                let ops = match (&self.ack, window.durable) {
                    (Some(_), _) => window.durable..=window.begun,
                    // The whole run is one operation there, of which each call may be the last.
                    (None, 0) => 0..=golden.ops(),
                    (None, _) => golden.ops()..=golden.ops(),
                };
                golden.place(view, ops, &recover)?
            }
        };
        if allowed.is_some() {
            return Ok(Ok(()));
        }
        let told = view.told();
        Ok(Err(match (view, window.durable) {
            (View::Failed(why), _) => Violation::new("recovers", why.to_string()),
            (_, 0) if golden.is_some() => Violation::new(
                "atomic",
                format!(
                    "after a crash while it went on, recovery shows what no number of operations has left: {told}"
                ),
            ),
            (_, 0) => Violation::new(
                "stable",
                format!("what recovery had shown did not survive the next crash: {told}"),
            ),
            (_, durable) => {
                let what = format!("where after recovery {}", acknowledged(durable));
                Violation::new(
                    "durable",
                    format!("{what}, recovery after the next crash shows something else: {told}"),
                )
            }
        }))
    }

    /// Does something that needs the folder. Trouble with it is not the program's: after it nothing more is run.
    fn unless_in_trouble<T>(&self, run: impl FnOnce(&Given) -> io::Result<T>) -> Result<T, Violation> {
        let failed = || Violation::new("harness", "the folder cannot be handled");
        let served = lock(&self.served);
        let Some(served) = served.as_ref().filter(|_| lock(&self.trouble).is_none()) else {
            return Err(failed());
        };
        run(served).map_err(|error| {
            lock(&self.trouble).get_or_insert(error);
            failed()
        })
    }

    /// Why there is nothing to judge: what fails where nothing is lost.
    pub(in crate::command) fn without_crash(&self) -> Option<String> {
        let last = self
            .unless_in_trouble(|served| self.golden.view(self.golden.ops(), &|disk| self.view(served, disk)));
        match last {
            Ok(View::Failed(why)) => {
                Some(format!("recovery fails at the end of the recording, where nothing is lost: {why}"))
            }
            // Trouble is told by whoever asks for it.
            Ok(View::Printed(_)) | Err(_) => None,
        }
    }

    /// Unmounts the folder: threads that still hold this may outlive the exploration.
    pub(in crate::command) fn end(&self) {
        lock(&self.served).take();
    }

    /// What was not looked at.
    pub(in crate::command) fn notes(&self) -> Vec<String> {
        if let Some(note) = &self.note {
            return vec![note.clone()];
        }
        if self.go_on.is_none() {
            return vec!["nothing goes on after recovery: --go-on names a command that does".to_owned()];
        }
        let gone_on = lock(&self.gone_on);
        let failed: Vec<&Arc<str>> =
            gone_on.iter().filter_map(|(_, gone_on)| gone_on.as_ref().err()).collect();
        let Some(why) = failed.first().map(|why| why.lines().next().unwrap_or_default()) else {
            return Vec::new();
        };
        let (failed, all) = (failed.len(), gone_on.len());
        vec![format!(
            "going on fails without any crash in {failed} of the {all} states that were shown ({why}), and was not looked at \
             there"
        )]
    }
}

fn acknowledged(ops: usize) -> String {
    match ops {
        0 => "nothing was acknowledged".to_owned(),
        1 => "1 operation was acknowledged".to_owned(),
        ops => format!("{ops} operations were acknowledged"),
    }
}

impl Instance for Program {
    fn live(&self, disk: &Disk) -> Lived {
        let disk = disk.power_on();
        let lived = self.unless_in_trouble(|served| self.recover(served, &disk));
        lived.unwrap_or_else(|violation| Lived::last(Recovered::failed(violation)))
    }

    fn judge(&self, shown: &Shown, past: Option<&Past>, window: Window) -> Result<(), Violation> {
        let view = shown.get::<View>();
        self.unless_in_trouble(|served| match past {
            None => self.judge_first(served, view, window),
            Some(past) => self.judge_later(served, view, past.get::<Continued>(), window),
        })?
    }

    fn compare(&self, shown: &Shown, past: Option<&Past>, window: Window) -> Compared {
        let view = shown.get::<View>();
        let compared = self.unless_in_trouble(|served| {
            let recover = |disk: &Disk| self.view(served, disk);
            let golden = match past.map(Past::get::<Continued>) {
                None => Some(&self.golden),
                Some(past) => past.golden.as_deref(),
            };
            let Some(golden) = golden else { return Ok(Compared::default()) };
            // Of what is allowed, the first that recovery succeeds with.
            let ops = window.durable.max(golden.set_up(&recover)?.min(window.begun)).min(golden.ops());
            let expected = golden.view(ops, &recover)?;
            let with = format!("the state after {ops} of {} operations", golden.ops());
            Ok(Compared { differences: expected.differences(view), with: Some(with) })
        });
        compared.unwrap_or_default()
    }

    fn promises(&self) -> Vec<&'static str> {
        let mut promises = vec!["recovers", "durable", "atomic", "idempotent"];
        promises.extend((!self.checks.is_empty()).then_some("checked"));
        promises.extend(self.go_on.as_ref().map(|_| "usable"));
        promises
    }

    fn limits_time(&self) -> bool {
        true
    }

    fn has_later_lives(&self) -> bool {
        self.sees_calls
    }
}
