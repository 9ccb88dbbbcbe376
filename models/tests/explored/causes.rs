//! Every seeded fault has a cause, and the fix of a flush that was left out is that flush.

use super::common::{case, explored, showing};
use crashcheck::trace::{DeviceId, Event, Trace};

/// Where the flushes are that one trace has and another has not: the device, and the event of the other before which it
/// belongs. `None` if they differ in anything else.
fn missing_flushes(correct: &Trace, faulty: &Trace) -> Option<Vec<(DeviceId, usize)>> {
    let (mut missing, mut here) = (Vec::new(), 0);
    for event in &correct.events {
        match (event, faulty.events.get(here)) {
            (event, Some(same)) if event == same => here += 1,
            (Event::Flush { device, .. }, _) => missing.push((*device, here)),
            _ => return None,
        }
    }
    (here == faulty.events.len()).then_some(missing)
}

#[test]
fn every_fault_has_a_cause() {
    for subject in crashcheck_models::all() {
        for switch in subject.bugs() {
            let (faulty, options) = showing(switch);
            let started = std::time::Instant::now();
            let traces = (subject.record(&case(switch.workload)), subject.record(&faulty));
            let flushes = match traces {
                (Ok(correct), Ok(faulty)) => missing_flushes(&correct, &faulty),
                _ => None,
            };
            println!("== {} {} ({}): {flushes:?}", subject.name(), switch.name, switch.profile);
            let explored = explored(&*subject, &faulty, &options);
            for finding in explored.findings {
                println!("{}", finding.promise);
                let cause = finding.cause.expect("looked for");
                for (name, line) in cause.lines() {
                    println!("   {name}: {line}");
                }
            }
            println!("   {:?} of {}", started.elapsed(), explored.timing.seconds);
        }
    }
}
