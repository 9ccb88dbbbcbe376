//! Where in the source of the system the writes of a finding were issued.
//!
//! The workload is recorded once more, and each event with the calls that led to it; only those that a finding names are
//! looked up. Nothing of that is done while states are explored.

use crate::prepared::Prepared;
use crate::record::Run;
use crashcheck_outcome::{Cause, Finding, Site};
use crashcheck_trace::Trace;
use std::collections::BTreeSet;

/// So many calls are told, the innermost first.
const CALLS: usize = 4;

/// The sources of the harness, as debug information names them.
const OURS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");

/// Those of the VFS of SQLite, which calls the harness for the system.
const VFS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/adapters/vfs/src/");

/// What calls a system that is recorded.
const RECORDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/record.rs:");

/// Where the first part of a path begins that says the same on every machine.
const FOLDERS: [&str; 4] = ["/src/", "/tests/", "/examples/", "/benches/"];

/// Tells where the events of a finding were issued that its cause and its state name.
pub(crate) fn tell_sites(workload: &Prepared, finding: &mut Finding) {
    let events = events(finding);
    if events.is_empty() {
        return;
    }
    let Ok(Run { sites, .. }) = workload.record_with_sites() else { return };
    let site = |event: &u32| {
        let calls = calls(&sites.get(*event as usize)?.to_string());
        (!calls.is_empty()).then_some(Site { event: *event, calls })
    };
    finding.sites = events.iter().filter_map(site).collect();
}

/// Tells where the events of a finding were issued, as a recorder has noted it in the labels of a trace.
pub(crate) fn tell_noted_sites(trace: &Trace, finding: &mut Finding) {
    let site = |event: u32| {
        let label = trace.events.get(event as usize)?.label()?;
        let calls: Vec<String> = label.calls().map(str::to_owned).collect();
        (!calls.is_empty()).then_some(Site { event, calls })
    };
    finding.sites = events(finding).into_iter().filter_map(site).collect();
}

/// The events of the workload's life that matter.
fn events(finding: &Finding) -> BTreeSet<u32> {
    let mut events: BTreeSet<u32> = finding.writes.iter().map(|write| write.event).collect();
    if let Some(Cause { missing, fix, .. }) = &finding.cause {
        events.extend(missing.iter().flat_map(|order| [order.before.event, order.after.event]));
        events.extend(fix.iter().flat_map(|fix| &fix.flushes).map(|flush| flush.before.event));
    }
    events
}

/// The calls of the system in a backtrace, from the device outwards up to the harness: `store/src/log.rs:120`.
fn calls(backtrace: &str) -> Vec<String> {
    let here = std::env::current_dir().unwrap_or_default();
    let mut calls = Vec::new();
    for at in backtrace.lines().filter_map(|line| line.trim().strip_prefix("at ")) {
        // The library writes paths below the current folder like that.
        let at = match at.strip_prefix("./") {
            Some(below) => here.join(below).to_string_lossy().into_owned(),
            None => at.to_owned(),
        };
        // The harness called the system here, whose own call may have no line.
        if at.starts_with(RECORDS) {
            break;
        }
        match told(&at) {
            None => {}
            Some(call) if calls.last() == Some(&call) => {}
            Some(call) => calls.push(call),
        }
        if calls.len() == CALLS {
            break;
        }
    }
    calls
}

/// A place in the source as it is the same on every machine; `None` if it is not of the package that is tested.
fn told(at: &str) -> Option<String> {
    let is_foreign =
        at.starts_with(OURS) || at.starts_with(VFS) || at.starts_with("/rustc/") || at.contains("/.cargo/");
    let (path, _column) = at.rsplit_once(':').filter(|_| !is_foreign)?;
    let begins = FOLDERS.iter().filter_map(|folder| path.rfind(folder)).max()?;
    let package = path[..begins].rfind('/').map_or(0, |slash| slash + 1);
    Some(path[package..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_those_of_the_system_alone_and_the_same_on_every_machine() {
        let backtrace = format!(
            "   0: note
             at {OURS}disk/recording.rs:120:9
   1: crashcheck::disk::Disk::write
             at {OURS}disk.rs:90:9
   2: store::log::Log::append
             at ./tests/log.rs:41:13
   3: core::iter::traits::iterator::Iterator::for_each
             at /rustc/5980/library/core/src/iter/traits/iterator.rs:800:9
   4: <store::Store as crashcheck::system::System>::apply
             at /home/u/store/src/lib.rs:77:9
   5: crashcheck::record::recorded
             at {OURS}record.rs:9:9
   6: store::tests::main
             at ./tests/log.rs:200:5
"
        );
        assert_eq!(calls(&backtrace), ["harness/tests/log.rs:41", "store/src/lib.rs:77"]);
        assert!(calls("disabled backtrace").is_empty());
    }
}
