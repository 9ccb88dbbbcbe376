//! Tests.
use super::*;
use crashcheck::{Case, Options, Profile, Subject, subject};
use std::sync::atomic::AtomicBool;

fn look(workload: &str, bugs: &[&str]) {
    let case = Case { workload: workload.into(), bugs: bugs.iter().map(|b| b.to_string()).collect() };
    let options = Options { profile: Profile::named(&std::env::var("PROFILE").unwrap_or("cluster".into())).unwrap(), ..Options::default() };
    let start = std::time::Instant::now();
    match subject::<Gms>().explore(&case, &options, &AtomicBool::new(false), &mut |_| ()) {
        Err(error) => println!("{workload} {bugs:?}: {error}"),
        Ok(found) => {
            let c = &found.coverage;
            println!("== {workload} {bugs:?}: {:?} {:?} {:?} total {} complete {} recoveries {}", found.verdict, found.reason, start.elapsed(), c.total, c.complete, c.recoveries);
            for finding in &found.findings {
                println!("{finding}\n id {} after {}", finding.id, finding.found_after);
            }
            if !found.notes.is_empty() { println!("notes {:?}", found.notes); }
        }
    }
}

#[test]
fn dev() {
    let what = std::env::var("GMS").unwrap_or_default();
    for workload in Gms::workloads() {
        if what.contains("clean") || what.contains(workload.name) { look(workload.name, &[]); }
    }
    if what.contains("gen") { for seed in 0..std::env::var("SEEDS").map_or(20, |s| s.parse().unwrap()) { look(&format!("generated-{seed}"), &[]); } }
    for switch in bugs::SWITCHES {
        if what.contains("bugs") || what.contains(switch.name) { look(switch.workload, &[switch.name]); }
    }
}

#[test]
fn replay_id() {
    let Ok(id) = std::env::var("GMS_ID") else { return };
    let id: crashcheck::ReplayId = id.parse().unwrap();
    let case = Case { workload: id.workload.clone(), bugs: id.bugs.clone() };
    let options = Options { profile: Profile::named(&std::env::var("PROFILE").unwrap_or("cluster".into())).unwrap(), ..Options::default() };
    let replayed = subject::<Gms>().replay(&case, &options, &id).unwrap();
    println!("REPLAYED {} {:?}", replayed.shows, replayed.finding.map(|f| f.to_string()));
}
