//! Every seeded fault is found, by the promise it says it breaks.
mod common;
use common::{case, explored, under};
use crashcheck::Options;
use std::collections::BTreeMap;
#[test]
fn survey() {
    for subject in crashcheck_models::all() {
        for switch in subject.bugs() {
            let options = Options { nested: switch.nested, ..under(switch.profile) };
            let e = explored(&*subject, &case(switch.workload, &[switch.name]), &options);
            let mut p = BTreeMap::<String, u64>::new();
            for f in &e.findings { *p.entry(f.promise.clone()).or_default() += f.leaves; }
            println!("{} {} breaks {:?} finds {p:?} recoveries {} {:.2}s", subject.name(), switch.name, switch.breaks, e.coverage.recoveries, e.timing.seconds);
        }
    }
}
