//! What is said of every flush of the correct journal, against leaving it out by hand and trying every crash.

use crashcheck::outcome::{Need, Verdict};
use crashcheck::trace::{Device, Event, Image, Trace};
use crashcheck::{Bytes, Disk, History, Recording, System, Window, explore, record_after};
use crashcheck_models::fs::{Fill, FsOp, Path, View};
use crashcheck_models::journal::{Journal, Ordered};
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

type Sys = Journal<Ordered>;

fn create(number: u32) -> [FsOp; 2] {
    [FsOp::Create(Path::root().join(&format!("small-{number}"))), FsOp::Sync]
}

/// Transactions after which the log has to be freed before there can be another.
fn workload() -> (Vec<FsOp>, Vec<FsOp>) {
    let data = Path::root().join("small-0");
    let append = FsOp::Append { path: data, len: Bytes(100), fill: Fill(7) };
    let frees = |setup: &[FsOp]| {
        let recording = record_after(&Sys::default(), setup, create(99).to_vec()).expect("it works");
        let is_superblock =
            |event: &Event| event.label().is_some_and(|label| label.as_str() == "journal superblock");
        recording.trace.events.iter().any(is_superblock)
    };
    let setup = (1..20).map(|count| (0..count).flat_map(create).collect::<Vec<FsOp>>());
    let setup = setup.into_iter().find(|setup| frees(setup)).expect("the log ends at some time");
    (setup, [create(99).to_vec(), vec![append, FsOp::Sync]].concat())
}

/// What recovery from an image shows, and whether it goes on from there; or why not.
fn recovered(image: &Image) -> Result<View, String> {
    let system = Sys::default();
    let words = |error: crashcheck::Error| error.to_string();
    let disk = Disk::plain(&[Device::block("disk", Bytes(4096), image.clone())]);
    let mut live = system.open(disk.clone()).map_err(words)?;
    system.check(&mut live).map_err(words)?;
    let view = system.view(&mut live).map_err(words)?;
    let mut again = system.open(disk).map_err(words)?;
    if system.view(&mut again).map_err(words)? != view {
        return Err("a second recovery shows something else".to_owned());
    }
    let mut expected = view.clone();
    for op in system.probe(&view) {
        system.apply(&mut again, &op).map_err(words)?;
        system.model(&mut expected, &op);
    }
    match system.view(&mut again).map_err(words)? == expected {
        true => Ok(view),
        false => Err("it cannot be used".to_owned()),
    }
}

/// Every crash of a trace in which any of the writes in flight may be lost: how many images there are, and what is wrong
/// with the first bad one.
fn try_every_crash(trace: &Trace, recording: &Recording<Sys>) -> (usize, Option<String>) {
    let (mut durable, mut pending) = (trace.devices[0].base.clone(), Vec::<(usize, &Event)>::new());
    let mut flushes = 0;
    let mut window = Window { durable: 0, begun: 0 };
    // What recovery shows, by how many flushes there were and which writes survived that came later.
    let mut known: HashMap<(usize, Vec<usize>), Result<View, String>> = HashMap::new();
    for index in 0..=trace.events.len() {
        for subset in 0..1usize << pending.len() {
            let alive = pending.iter().enumerate().filter(|(nth, _)| subset >> nth & 1 == 1);
            let alive: Vec<(usize, &Event)> = alive.map(|(_, event)| *event).collect();
            let key = (flushes, alive.iter().map(|(index, _)| *index).collect());
            let shown = known.entry(key).or_insert_with(|| {
                let mut image = durable.clone();
                alive.iter().for_each(|(_, event)| write(&mut image, event));
                recovered(&image)
            });
            let history = History::new(&recording.ops, &recording.states, window);
            let judged = shown.clone().and_then(|view| {
                Sys::default().judge(&view, &history).map_err(|violation| violation.to_string())
            });
            if let Err(why) = judged {
                return (known.len(), Some(why));
            }
        }
        let Some(event) = trace.events.get(index) else { break };
        match event {
            Event::Begin { op, .. } => window.begun = op.index() + 1,
            Event::Ack { op, durable: true } => window.durable = op.index() + 1,
            Event::Flush { .. } => {
                flushes += 1;
                pending.drain(..).for_each(|(_, event)| write(&mut durable, event));
            }
            Event::Write { fua, .. } => {
                assert!(fua.is_none(), "the journal flushes");
                pending.push((index, event));
            }
            _ => {}
        }
    }
    (known.len(), None)
}

fn write(image: &mut Image, event: &Event) {
    if let Event::Write { at, data, .. } = event {
        image.write(*at, data.as_slice());
    }
}

#[test]
fn a_flush_of_the_journal_is_redundant_if_and_only_if_no_crash_without_it_shows_anything() {
    let (setup, ops) = workload();
    let recording = record_after(&Sys::default(), &setup, ops.clone()).expect("it works");
    let explorer = explore(Sys::default()).workload(ops).after(setup);
    let advice = explorer.advise(&AtomicBool::new(false), |_| ()).expect("it works");
    assert_eq!(advice.exploration.verdict, Verdict::Survived, "none is missing");
    assert_eq!(try_every_crash(&recording.trace, &recording).1, None);
    let flushes: Vec<usize> = (0..recording.trace.events.len())
        .filter(|index| matches!(recording.trace.events[*index], Event::Flush { .. }))
        .collect();
    let advised: Vec<usize> = advice.flushes.iter().map(|flush| flush.flush.event as usize).collect();
    assert_eq!(advised, flushes);
    let (mut needed, mut redundant) = (0, 0);
    for flush in advice.flushes {
        let mut without = recording.trace.clone();
        without.events.remove(flush.flush.event as usize);
        let (images, wrong) = try_every_crash(&without, &recording);
        println!("without {}: {images} images, {wrong:?}; {:?}", flush.flush, flush.need);
        match flush.need {
            Need::Needed { .. } => needed += u32::from(wrong.is_some()),
            Need::Redundant { .. } => redundant += u32::from(wrong.is_none()),
            Need::Unknown { left_out } => panic!("{left_out}"),
        }
    }
    assert_eq!(needed + redundant, flushes.len() as u32, "by hand it is the same");
    // Otherwise one of the two says nothing.
    assert!(needed > 0 && redundant > 0, "{needed} needed, {redundant} redundant");
}
