use ::redb as engine;
#[allow(dead_code)]
#[path = "../../../../harness/adapters/src/redb.rs"]
mod adapter;
use adapter::Redb;
fn main() {
    use crashcheck::{Reference, record, explore};
    use crashcheck::trace::Event;
    for w in Redb::workloads() {
        let r = record(&Redb::named("redb@4.1.0"), w.ops.clone()).unwrap();
        let mut n = 0; let mut sizes = vec![];
        let mut resized=0;
        for e in &r.trace.events { match e { Event::Flush{..} => { sizes.push((n,resized)); n=0; resized=0; } Event::Write{..} => n+=1, Event::Resize{len,..} => resized=len.0, _=>{} } }
        println!("{} {} events {:?} base {}", w.name, r.trace.events.len(), sizes, r.trace.devices[0].base.len());
        let t = std::time::Instant::now();
        let mut b = crashcheck::Budget::default();
        b.time = Some(std::time::Duration::from_secs(20));
        match explore(Redb::named("redb@4.1.0")).budget(b).workload(w.ops).run() { Ok(e) => { println!("{} {:?}", crashcheck::trace::outcome::Coverage::clone(&e.coverage).recoveries, t.elapsed());
          for f in &e.findings { println!("{f}\n"); } println!("{:?}", e.notes); } Err(e)=>println!("{e}") }
    }
}
