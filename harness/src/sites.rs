//! Where in the source of the system the writes of a finding were issued.
//!
//! The workload is recorded once more, and each event with the calls that led to it; only those that a finding names are
//! looked up. Nothing of that is done while states are explored.

use crate::prepared::Prepared;
use crate::record::Run;
use crashcheck_outcome::{Cause, Finding, Site};
use std::collections::BTreeSet;

/// So many calls are told, the innermost first.
const CALLS: usize = 4;

/// Where the harness calls a system of any type.
const SEAM: &str = " as crashcheck::erased::AnySystem>";

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

/// The events of the workload's life that matter.
fn events(finding: &Finding) -> BTreeSet<u32> {
    let mut events: BTreeSet<u32> = finding.writes.iter().map(|write| write.event).collect();
    if let Some(Cause { missing, fix, .. }) = &finding.cause {
        events.extend(missing.iter().flat_map(|order| [order.before.event, order.after.event]));
        events.extend(fix.iter().flat_map(|fix| &fix.flushes).map(|flush| flush.before.event));
    }
    events
}

/// The calls of the system in a backtrace, from the device outwards up to the harness: `src/log.rs:120`.
fn calls(backtrace: &str) -> Vec<String> {
    let mut calls = Vec::new();
    let mut lines = backtrace.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let Some((number, function)) = line.split_once(": ") else { continue };
        if number.parse::<u32>().is_err() {
            continue;
        }
        let is_ours = function.trim_start_matches('<').starts_with("crashcheck::") || function.contains(SEAM);
        let at = lines.peek().and_then(|line| line.strip_prefix("at "));
        match at.and_then(|at| told(at).filter(|_| !is_ours)) {
            Some(call) if calls.last() != Some(&call) => calls.push(call),
            // The harness called the system here.
            None if is_ours && !calls.is_empty() => break,
            _ => {}
        }
        if calls.len() == CALLS {
            break;
        }
    }
    calls
}

/// A place in the source as it is the same on every machine; `None` if it is not of the package that is tested.
fn told(at: &str) -> Option<String> {
    let at = at.strip_prefix("./").unwrap_or(at);
    let is_foreign = at.starts_with("/rustc/") || at.contains("/.cargo/") || at.contains("/library/std/src/");
    let (path, _column) = at.rsplit_once(':').filter(|_| !is_foreign)?;
    if !path.starts_with('/') {
        return Some(path.to_owned());
    }
    let begins = |folder: &&str| path.rfind(folder.trim_end_matches('/'));
    let folder =
        FOLDERS.iter().filter(|folder| path.contains(**folder)).filter_map(|folder| begins(&folder)).max()?;
    let package = path[..folder].rfind('/').map_or(0, |slash| slash + 1);
    Some(path[package..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKTRACE: &str = "\
   0: <crashcheck::disk::recording::Recording as crashcheck::disk::backing::Backing>::note
             at /home/u/.cargo/registry/src/x/crashcheck-0.1.0/src/disk/recording.rs:120:9
   1: crashcheck::disk::Disk::write
   2: store::log::Log::append
             at ./src/log.rs:41:13
   3: core::iter::traits::iterator::Iterator::for_each
             at /rustc/5980/library/core/src/iter/traits/iterator.rs:800:9
   4: <store::Store as crashcheck::system::System>::apply
             at /home/u/store/src/lib.rs:77:9
   5: <store::Store as crashcheck::erased::AnySystem>::apply
             at /home/u/.cargo/registry/src/x/crashcheck-0.1.0/src/erased.rs:9:9
   6: crashcheck::record::recorded
             at /home/u/.cargo/registry/src/x/crashcheck-0.1.0/src/record.rs:9:9
   7: store::tests::main
             at ./src/lib.rs:200:5
";

    #[test]
    fn calls_are_those_of_the_system_alone_and_the_same_on_every_machine() {
        assert_eq!(calls(BACKTRACE), ["src/log.rs:41", "store/src/lib.rs:77"]);
        assert!(calls("disabled backtrace").is_empty());
    }
}
