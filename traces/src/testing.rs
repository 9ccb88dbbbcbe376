//! Arbitrary traces, for the tests of every format.

use crate::files::NameChange;
use crate::{
    BlockNo, Bytes, Device, DeviceId, DeviceKind, Event, EventId, Image, Label, MessageId, NandGeometry,
};
use crate::{NodeId, OpId, PageNo, Pairing, Payload, Reach, Trace};
use proptest::prelude::*;

/// The raw material of an event: numbers that [`build`] bends until they fit.
type Seed = (u8, u16, u32, u32, u8, bool);

const TEXTS: [&str; 4] = ["rename /a /b", "", "mkdir \u{00fc}\n", "begin 3 deep"];

/// Traces of up to three devices, of one machine or of a cluster, or of a tree of files, with every kind of event.
pub(crate) fn any_trace() -> impl Strategy<Value = Trace> {
    prop_oneof![4 => any_machine(), 1 => any_tree()]
}

/// Traces of a tree of files.
fn any_tree() -> impl Strategy<Value = Trace> {
    prop::collection::vec(any::<Seed>(), 0..40).prop_map(|seeds| {
        let devices = vec![
            Device::directory("."),
            Device::file("wal"),
            Device::directory("sub"),
            Device::file("sub/data"),
            Device::link("now", "sub/data"),
        ];
        let events = seeds.iter().map(on_tree).collect();
        let trace = Trace { devices, events };
        trace.validate().expect("a valid trace");
        trace
    })
}

fn on_tree(seed: &Seed) -> Event {
    let (kind, device, at, len, fill, flag) = *seed;
    let label = flag.then(|| Label::from("rename"));
    let (file, directory) = (DeviceId(1 + 2 * (device % 2)), DeviceId(2 * (device % 2)));
    let change = |nth: u32| NameChange {
        directory: DeviceId(2 * (nth as u16 % 2)),
        name: format!("name {}", nth % 3),
        inode: (!nth.is_multiple_of(4)).then_some(DeviceId(nth as u16 % 5)),
    };
    match kind % 6 {
        0 => Event::Names { changes: vec![change(at)], label },
        1 => Event::Names { changes: vec![change(at), change(len)], label },
        2 => Event::Flush {
            device: if flag { file } else { directory },
            except: vec![],
            reach: reach(fill, true),
        },
        3 => Event::Resize { device: file, len: Bytes(u64::from(fill) * 300) },
        _ => {
            let data = content(Bytes(u64::from(len % 9000)), fill);
            Event::Write {
                device: file,
                at: Bytes(u64::from(at % 9000)),
                data,
                fua: flag.then(|| reach(fill, true)),
                label,
            }
        }
    }
}

fn any_machine() -> impl Strategy<Value = Trace> {
    let disk = (prop_oneof![Just(1u64), Just(512), Just(4096)], 0u64..70_000, any::<u8>());
    let disk = disk.prop_map(|(block, len, fill)| any_device(block, len, fill));
    let devices = prop::collection::vec(prop_oneof![3 => disk, 1 => any_chip()], 0..4);
    let seeds = prop::collection::vec(any::<Seed>(), 0..40);
    let nodes = prop_oneof![Just(0u16), 1..=3u16];
    (devices, seeds, nodes).prop_map(|(devices, seeds, nodes)| {
        let owned = devices.into_iter().zip(0..).map(|(device, nth)| match nodes {
            0 => device,
            _ => device.of(NodeId(nth % nodes)),
        });
        build(owned.collect(), &seeds, 1, 8)
    })
}

/// Flash chips of any geometry, some of them in use, worn, and with bad blocks.
fn any_chip() -> impl Strategy<Value = Device> {
    let lens = (1u64..600, 0u64..40, 1u32..5, 1u32..6);
    let wear = (1u32..1000, 0u32..4, prop::collection::btree_map(0u32..6, any::<u32>(), 0..4), any::<u8>());
    (lens, wear).prop_map(|((page, spare, pages_per_block, blocks), (endurance, distance, erases, fill))| {
        let (page, spare) = (Bytes(page), Bytes(spare));
        let paired = if distance == 0 { Pairing::None } else { Pairing::Mlc { distance } };
        let geometry = NandGeometry { page, spare, pages_per_block, blocks, endurance, paired };
        let mut device = Device::nand(&format!("chip {fill}"), geometry);
        if fill > 128 {
            device = device.with_bad_blocks(&[BlockNo(u32::from(fill) % blocks)]);
            device.base.write(geometry.page_at(PageNo(geometry.pages() - 1)), &vec![fill; page.index()]);
        }
        if let DeviceKind::Nand(chip) = &mut device.kind {
            chip.erases.extend(erases.into_iter().map(|(block, erases)| (BlockNo(block % blocks), erases)));
        }
        device
    })
}

/// Traces of one disk with aligned events and without a change of length: what other formats can say too.
pub(crate) fn any_disk_trace(block: u64) -> impl Strategy<Value = Trace> {
    let seeds = prop::collection::vec(any::<Seed>(), 0..40);
    (1u64..17, any::<u8>(), seeds).prop_map(move |(blocks, fill, seeds)| {
        build(vec![any_device(block, blocks * block, fill)], &seeds, block, 7)
    })
}

fn any_device(block: u64, len: u64, fill: u8) -> Device {
    let mut base = Image::zeroed(Bytes(len));
    if fill > 100 && len > 9000 {
        base.write(Bytes(4096 * u64::from(fill % 2)), &[fill; 4904]);
        base.write(Bytes(len - 3), &[fill; 3]);
    }
    Device::block(&format!("disk {fill}"), Bytes(block), base)
}

fn build(devices: Vec<Device>, seeds: &[Seed], align: u64, kinds: u8) -> Trace {
    let kind = |device: &Device| (device.base.len().0, device.chip().map(|chip| chip.geometry));
    let mut lens: Vec<(u64, Option<NandGeometry>)> = devices.iter().map(kind).collect();
    let mut trace = Trace { devices, events: Vec::new() };
    let mut cluster = Cluster { up: vec![true; usize::from(trace.nodes())], sent: 0, in_flight: Vec::new() };
    for seed in seeds {
        if seed.0 >= 192 && !cluster.up.is_empty() {
            trace.events.extend(cluster.event(seed));
            continue;
        }
        let mut after = lens.clone();
        let Some(event) = event(seed, &mut after, align, kinds, &trace.events) else { continue };
        let owner = event.device().and_then(|on| trace.devices[on.index()].node);
        if owner.is_none_or(|node| cluster.up[node.index()]) {
            trace.events.push(event);
            lens = after;
        }
    }
    trace.validate().expect("a valid trace");
    trace
}

/// Who is up, and what is on its way.
struct Cluster {
    up: Vec<bool>,
    sent: u32,
    in_flight: Vec<(MessageId, NodeId)>,
}

impl Cluster {
    fn event(&mut self, seed: &Seed) -> Option<Event> {
        let (kind, from, to, len, fill, _) = *seed;
        let nodes = self.up.len();
        let (from, to) = (usize::from(from) % nodes, to as usize % nodes);
        let node = NodeId(from as u16);
        Some(match kind % 8 {
            0..=3 if self.up[from] => {
                let (message, to) = (MessageId(self.sent), NodeId(to as u16));
                self.sent += 1;
                self.in_flight.extend(self.up[to.index()].then_some((message, to)));
                let label = (fill % 3 == 0).then(|| Label::from("request"));
                let data = content(Bytes(u64::from(len % 9000)), fill);
                Event::Send { message, from: node, to, data, label }
            }
            4 | 5 if !self.in_flight.is_empty() => {
                let (message, _) = self.in_flight.remove(to % self.in_flight.len());
                Event::Deliver { message }
            }
            6 if self.up[from] => {
                self.up[from] = false;
                self.in_flight.retain(|(_, to)| *to != node);
                Event::Down { node }
            }
            7 if !self.up[from] => {
                self.up[from] = true;
                Event::Up { node }
            }
            _ => return None,
        })
    }
}

fn event(
    seed: &Seed,
    lens: &mut [(u64, Option<NandGeometry>)],
    align: u64,
    kinds: u8,
    before: &[Event],
) -> Option<Event> {
    let (kind, device, at, len, fill, flag) = *seed;
    let op = OpId(u32::from(fill));
    let text = TEXTS[usize::from(fill) % TEXTS.len()].to_owned();
    match kind % kinds {
        0 => return Some(Event::Begin { op, text }),
        1 => return Some(Event::Ack { op, durable: flag }),
        2 => return Some(Event::Mark { text }),
        _ if lens.is_empty() => return None,
        _ => {}
    }
    let index = usize::from(device) % lens.len();
    let device = DeviceId(index as u16);
    let label = (fill % 3 == 0).then(|| Label::from(["metadata", "commit"][usize::from(fill % 2)]));
    if let Some(chip) = &lens[index].1 {
        return Some(on_chip(chip, device, kind, (at, fill), label));
    }
    let (at, len) = range(lens[index].0, u64::from(at), u64::from(len), align);
    Some(match kind % kinds {
        3 if kinds > 7 && fill % 8 == 7 => {
            Event::FlushFailed { device, writes: except(before, device, fill), dropped: flag }
        }
        3 => Event::Flush { device, except: except(before, device, fill), reach: reach(fill, kinds > 7) },
        4 => Event::WriteZeroes { device, at, len, fua: flag.then(|| reach(fill, kinds > 7)), label },
        5 => Event::Discard { device, at, len },
        7 => {
            lens[index].0 = u64::from(fill) * 300;
            Event::Resize { device, len: Bytes(lens[index].0) }
        }
        _ => Event::Write {
            device,
            at,
            data: content(len, fill),
            fua: flag.then(|| reach(fill, kinds > 7)),
            label,
        },
    })
}

fn on_chip(
    chip: &NandGeometry,
    device: DeviceId,
    kind: u8,
    (at, fill): (u32, u8),
    label: Option<Label>,
) -> Event {
    match kind % 4 {
        0 => Event::flush(device),
        1 => {
            let at = chip.block_at(BlockNo(at % chip.blocks));
            Event::Erase { device, at, len: chip.block_len(), label }
        }
        _ => {
            let at = chip.page_at(PageNo(at % chip.pages()));
            Event::Program { device, at, data: content(chip.page_len(), fill), label }
        }
    }
}

fn range(size: u64, at: u64, len: u64, align: u64) -> (Bytes, Bytes) {
    let blocks = size / align;
    let at = at % (blocks + 1);
    let len = len % (blocks - at + 1);
    (Bytes(at * align), Bytes(len * align))
}

/// What a sync is for. Only our own container knows of data alone.
fn reach(fill: u8, is_told: bool) -> Reach {
    if is_told && fill.is_multiple_of(2) { Reach::Data } else { Reach::All }
}

/// Some of the volatile writes of this device.
fn except(before: &[Event], device: DeviceId, fill: u8) -> Vec<EventId> {
    let volatile =
        |event: &Event| matches!(event, Event::Write { device: on, fua: None, .. } if *on == device);
    let ids = (0u32..).zip(before).filter(|(_, event)| volatile(event)).map(|(id, _)| EventId(id));
    ids.filter(|id| (id.0 + u32::from(fill)).is_multiple_of(5)).collect()
}

fn content(len: Bytes, fill: u8) -> Payload {
    let byte = |index: u64| if fill.is_multiple_of(2) { fill } else { (index / 100) as u8 ^ fill };
    Payload::from((0..len.0).map(byte).collect::<Vec<u8>>())
}
