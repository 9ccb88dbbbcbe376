//! Tests.
use super::*;

#[test]
fn smoke() {
    for workload in Gms::workloads() {
        let name = workload.name;
        let recording = crashcheck::record_after(&Gms::default(), &workload.setup, workload.ops);
        match recording {
            Err(error) => println!("{name}: {error}"),
            Ok(recording) => {
                println!("{name}: {} events", recording.trace.events.len());
                for event in &recording.trace.events {
                    use crashcheck::trace::Event;
                    match event {
                        Event::Send { from, to, label, .. } => println!("   {} -> {}: {}", from.0, to.0, label.as_ref().map(|l| l.to_string()).unwrap_or_default()),
                        Event::Begin { text, .. } => println!(" {text}"),
                        Event::Deliver{..} => {}
                        Event::Write{label,..} => println!("   write {label:?}"),
                        e => println!("   {e:?}"),
                    }
                }
            }
        }
    }
}
