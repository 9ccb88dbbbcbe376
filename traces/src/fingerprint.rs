//! A short number that tells traces apart.

use crate::files::NameChange;
use crate::{Bytes, DeviceKind, Event, NandChip, NandGeometry, Pairing, Reach, Trace};
use crc32fast::Hasher;

impl Trace {
    /// The CRC-32 of what decides which crash states there are: the lengths and contents of the devices, what flash chips
    /// are made of, and the events.
    /// Names of devices and labels of writes do not count. The number is part of replay ids and so never changes.
    pub fn fingerprint(&self) -> u32 {
        let mut crc = Crc(Hasher::new());
        crc.number(self.devices.len() as u64);
        for device in &self.devices {
            crc.number(device.base.len().0);
            for (at, page) in device.base.pages() {
                crc.number(at.0);
                crc.bytes(page);
            }
            if let Some(chip) = device.chip() {
                crc.chip(chip);
            }
            match device.kind {
                DeviceKind::Block | DeviceKind::Nand(_) => {}
                DeviceKind::File => crc.number(0x40),
                DeviceKind::Directory => crc.number(0x41),
                DeviceKind::Link => crc.number(0x42),
            }
            if let Some(node) = device.node {
                crc.numbers(&[0x30, u64::from(node.0)]);
            }
        }
        self.events.iter().for_each(|event| crc.event(event));
        crc.0.finalize()
    }
}

struct Crc(Hasher);

impl Crc {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn numbers(&mut self, numbers: &[u64]) {
        numbers.iter().for_each(|number| self.number(*number));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn chip(&mut self, chip: &NandChip) {
        let NandGeometry { page, spare, pages_per_block, blocks, endurance, paired } = chip.geometry;
        let distance = match paired {
            Pairing::None => 0,
            Pairing::Mlc { distance } => distance,
        };
        self.numbers(&[page.0, spare.0]);
        self.numbers(&[pages_per_block, blocks, endurance, distance].map(u64::from));
        for (block, erases) in &chip.erases {
            self.numbers(&[u64::from(block.0), u64::from(*erases)]);
        }
    }

    fn event(&mut self, event: &Event) {
        let range = |kind, at: &Bytes, len: Bytes| [kind, at.0, len.0];
        self.number(event.device().map_or(0, |device| u64::from(device.0) + 1));
        match event {
            Event::Write { at, data, fua, .. } => {
                self.numbers(&[1, at.0, forced(*fua)]);
                self.bytes(data.as_slice());
            }
            Event::WriteZeroes { at, len, fua, .. } => {
                self.numbers(&range(2, at, *len));
                self.number(forced(*fua));
            }
            Event::Discard { at, len, .. } => self.numbers(&range(3, at, *len)),
            Event::Resize { len, .. } => self.numbers(&[4, len.0]),
            Event::Program { at, data, .. } => {
                self.numbers(&[9, at.0]);
                self.bytes(data.as_slice());
            }
            Event::Erase { at, len, .. } => self.numbers(&range(10, at, *len)),
            Event::Names { changes, .. } => {
                self.numbers(&[0x40, changes.len() as u64]);
                for NameChange { directory, name, inode } in changes {
                    self.numbers(&[directory.0.into(), inode.map_or(0, |inode| u64::from(inode.0) + 1)]);
                    self.bytes(name.as_bytes());
                }
            }
            Event::Flush { except, reach, .. } => {
                let kind = match reach {
                    Reach::All => 5,
                    Reach::Data => 0x41,
                };
                self.numbers(&[kind, except.len() as u64]);
                except.iter().for_each(|id| self.number(u64::from(id.0)));
            }
            Event::FlushFailed { writes, dropped, .. } => {
                self.numbers(&[11, u64::from(*dropped), writes.len() as u64]);
                writes.iter().for_each(|id| self.number(u64::from(id.0)));
            }
            Event::Begin { op, text } => {
                self.numbers(&[6, u64::from(op.0)]);
                self.bytes(text.as_bytes());
            }
            Event::Ack { op, durable } => self.numbers(&[7, u64::from(op.0), u64::from(*durable)]),
            Event::Mark { text } => {
                self.number(8);
                self.bytes(text.as_bytes());
            }
            Event::Send { message, from, to, data, .. } => {
                self.numbers(&[0x30, u64::from(message.0), u64::from(from.0), u64::from(to.0)]);
                self.bytes(data.as_slice());
            }
            Event::Deliver { message } => self.numbers(&[0x31, u64::from(message.0)]),
            Event::Down { node } => self.numbers(&[0x32, u64::from(node.0)]),
            Event::Up { node } => self.numbers(&[0x33, u64::from(node.0)]),
        }
    }
}

/// Whether a write makes itself durable, and how much of a file.
fn forced(fua: Option<Reach>) -> u64 {
    match fua {
        None => 0,
        Some(Reach::All) => 1,
        Some(Reach::Data) => 2,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::any_trace;
    use crate::{Bytes, Device, DeviceId, Event, Label, Payload, Trace};
    use proptest::prelude::*;

    fn one_write(fill: u8, label: Option<Label>) -> Trace {
        let (device, at, data) = (DeviceId(0), Bytes(512), Payload::from(vec![fill; 512]));
        let events = vec![Event::Write { device, at, data, fua: None, label }];
        Trace { devices: vec![Device::zeroed("disk", Bytes(512), Bytes(4096))], events }
    }

    #[test]
    fn the_fingerprint_of_a_trace_never_changes() {
        assert_eq!(one_write(7, None).fingerprint(), 0x4b86_86f3);
    }

    #[test]
    fn contents_count_and_names_do_not() {
        let trace = one_write(7, None);
        assert_ne!(trace.fingerprint(), one_write(8, None).fingerprint());
        let mut renamed = one_write(7, Some(Label::from("inode")));
        renamed.devices[0].name = "other".into();
        assert_eq!(trace.fingerprint(), renamed.fingerprint());
    }

    proptest! {
        #[test]
        fn a_missing_event_changes_the_fingerprint(mut trace in any_trace()) {
            let whole = trace.fingerprint();
            if trace.events.pop().is_some() {
                prop_assert_ne!(trace.fingerprint(), whole);
            }
        }
    }
}
