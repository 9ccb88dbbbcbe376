//! A whole trace in memory.

use crate::cluster::Cluster;
use crate::files::{Entry, NameChange, Owner};
use crate::{Bytes, DeviceId, Event, EventId, GeometryError, Image, NandChip, NodeId};
use thiserror::Error;

/// The longest device, 4 EiB: positions on it can be added without care.
pub const DEVICE_LEN_MAX: Bytes = Bytes(1 << 62);

/// What kind of device it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceKind {
    /// A disk: any range can be written at any time.
    #[default]
    Block,
    /// A raw NAND flash chip.
    Nand(NandChip),
    /// A file: a disk that a write can make longer.
    File,
    /// A directory: names, and what they stand for.
    Directory,
    /// A symbolic link, which never changes.
    Link,
}

impl DeviceKind {
    /// In words.
    fn told(&self) -> &'static str {
        match self {
            DeviceKind::Block => "a block device",
            DeviceKind::Nand(_) => "a flash chip",
            DeviceKind::File => "a file",
            DeviceKind::Directory => "a directory",
            DeviceKind::Link => "a symbolic link",
        }
    }
}

/// One device of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// What to call it: `disk`, `member 3`, `wal`.
    pub name: String,
    /// The logical block size: the alignment the recorder saw, 1 for files.
    pub block: Bytes,
    /// Its content when the recording began; its length is the device's size.
    pub base: Image,
    /// What kind of device it is.
    pub kind: DeviceKind,
    /// The node of a cluster that it belongs to; `None` on a machine that stands alone.
    pub node: Option<NodeId>,
    /// The mode and the owner of an inode, if they are known. They are not part of what a crash decides.
    pub owner: Option<Owner>,
}

impl Device {
    /// A device full of zeros.
    pub fn zeroed(name: &str, block: Bytes, len: Bytes) -> Self {
        Device::block(name, block, Image::zeroed(len))
    }

    /// A block device or a file with the given content.
    pub fn block(name: &str, block: Bytes, base: Image) -> Self {
        Device { name: name.to_owned(), block, base, kind: DeviceKind::Block, node: None, owner: None }
    }

    /// The same device, belonging to a node of a cluster. Either all devices of a machine belong to nodes, or none.
    #[must_use]
    pub fn of(self, node: NodeId) -> Self {
        Device { node: Some(node), ..self }
    }

    /// How many nodes the cluster has that these devices belong to: nodes are numbered from 0. 0 if it is no cluster.
    pub fn nodes(devices: &[Device]) -> u16 {
        devices
            .iter()
            .filter_map(|device| device.node)
            .map(|node| node.0.saturating_add(1))
            .max()
            .unwrap_or(0)
    }
}

/// What happened: devices as they were at the beginning, then events in the order in which they were issued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The devices, indexed by [`DeviceId`](crate::DeviceId).
    pub devices: Vec<Device>,
    /// The events, indexed by [`EventId`].
    pub events: Vec<Event>,
}

/// Why a trace cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Invalid {
    /// An event names a device that the trace does not have.
    #[error("event {event} names device {device}, but the trace has {devices}")]
    NoSuchDevice {
        /// Which event.
        event: EventId,
        /// The device it names.
        device: u16,
        /// How many there are.
        devices: usize,
    },
    /// A device is longer than [`DEVICE_LEN_MAX`].
    #[error("device {device} is longer than {DEVICE_LEN_MAX}")]
    DeviceTooLong {
        /// Which.
        device: usize,
    },
    /// An event reaches beyond the end of its device.
    #[error("event {event} ends at byte {end}, but its device ends at {len}")]
    OutOfRange {
        /// Which event.
        event: EventId,
        /// One beyond its last byte.
        end: u64,
        /// The length of the device at that moment.
        len: u64,
    },
    /// A device that is a flash chip contradicts its geometry.
    #[error("device {device} is no flash chip: {why}")]
    Geometry {
        /// Which.
        device: usize,
        /// Why.
        #[source]
        why: GeometryError,
    },
    /// A flash chip and its content have different lengths.
    #[error("device {device} is a flash chip of {len}, but its content has {base}")]
    ChipLen {
        /// Which.
        device: usize,
        /// The length by its geometry.
        len: Bytes,
        /// The length of its content.
        base: Bytes,
    },
    /// An event that the device does not understand: a write to a flash chip, or a program or erase of another device.
    #[error("event {event} is for {wanted}, but device {device} is {found}")]
    WrongKind {
        /// Which event.
        event: EventId,
        /// Its device.
        device: u16,
        /// What the event is for.
        wanted: &'static str,
        /// What the device is.
        found: &'static str,
    },
    /// A program that is not one whole page, or an erase that is not one whole block.
    #[error("event {event} is {len} at byte {}, which is not one whole {unit} of its chip", at.0)]
    NotWhole {
        /// Which event.
        event: EventId,
        /// Where it begins.
        at: Bytes,
        /// How long it is.
        len: Bytes,
        /// What it should be one of.
        unit: &'static str,
    },
    /// A change of names that changes none, or gives something a name that nothing can have.
    #[error("event {event} cannot change {name:?}: it is no name")]
    NoName {
        /// Which event.
        event: EventId,
        /// The name.
        name: String,
    },
    /// A flush of a flash chip excludes something: what was issued to a chip is waited for as a whole.
    #[error("flush {event} of a flash chip excludes events")]
    ChipExcept {
        /// Which event.
        event: EventId,
    },
    /// A flush names something that is not an earlier event.
    #[error("flush {event} names {except}, which is not before it")]
    BadExcept {
        /// Which event.
        event: EventId,
        /// What it names.
        except: EventId,
    },
    /// The events that a flush names are not in order, or one stands twice.
    #[error("the events that flush {event} names are not ascending")]
    ExceptOrder {
        /// Which event.
        event: EventId,
    },
    /// Some devices belong to nodes of a cluster, and this one does not, or to one beyond the last.
    #[error("device {device} belongs to no node, but others do")]
    NoOwner {
        /// Which.
        device: usize,
    },
    /// An event names a node that the trace does not have.
    #[error("event {event} names {node}, but the trace has {nodes} nodes")]
    NoSuchNode {
        /// Which event.
        event: EventId,
        /// The node it names.
        node: NodeId,
        /// How many there are.
        nodes: usize,
    },
    /// A node acts that is down, or is turned on while it is up.
    #[error("event {event} cannot be, because {node} is {state}")]
    NodeState {
        /// Which event.
        event: EventId,
        /// The node.
        node: NodeId,
        /// What it is: up or down.
        state: &'static str,
    },
    /// Messages are not numbered in the order in which they were sent.
    #[error("event {event} sends message {message}, but the next one is message {expected}")]
    MessageOrder {
        /// Which event.
        event: EventId,
        /// The message it names.
        message: u32,
        /// The message that should be next.
        expected: u32,
    },
    /// A message is delivered that was not sent, or was delivered or lost before.
    #[error("event {event} delivers message {message}, which is not in flight")]
    NotInFlight {
        /// Which event.
        event: EventId,
        /// The message.
        message: u32,
    },
}

impl Trace {
    /// How many nodes the cluster has that was recorded; 0 if it was none.
    pub fn nodes(&self) -> u16 {
        Device::nodes(&self.devices)
    }

    /// Checks that every event fits its device and its node.
    ///
    /// # Errors
    /// Names the first event that does not.
    pub fn validate(&self) -> Result<(), Invalid> {
        for (index, device) in self.devices.iter().enumerate() {
            validate_device(index, device)?;
        }
        let mut extents = extents(&self.devices);
        let mut cluster = Cluster::of(&self.devices)?;
        for (index, event) in self.events.iter().enumerate() {
            let id = EventId(index as u32);
            validate_event(id, event, &mut extents)?;
            cluster.follow(id, event)?;
        }
        Ok(())
    }
}

/// Checks one device.
pub(crate) fn validate_device(index: usize, device: &Device) -> Result<(), Invalid> {
    let base = device.base.len();
    if base > DEVICE_LEN_MAX {
        return Err(Invalid::DeviceTooLong { device: index });
    }
    let Some(chip) = device.chip() else { return Ok(()) };
    chip.geometry.validate().map_err(|why| Invalid::Geometry { device: index, why })?;
    if let Some(block) = chip.erases.keys().find(|block| block.0 >= chip.geometry.blocks) {
        let why = GeometryError::NoSuchBlock { block: *block, blocks: chip.geometry.blocks };
        return Err(Invalid::Geometry { device: index, why });
    }
    let len = chip.geometry.len();
    if base == len { Ok(()) } else { Err(Invalid::ChipLen { device: index, len, base }) }
}

/// What decides whether an event fits a device: its length now, and what it is.
#[derive(Clone)]
pub(crate) struct Extent {
    pub(crate) len: Bytes,
    kind: DeviceKind,
}

impl Extent {
    /// Where a write can end.
    pub(crate) fn reach(&self) -> Bytes {
        if self.kind == DeviceKind::File { DEVICE_LEN_MAX } else { self.len }
    }
}

/// The devices as they are when the recording begins.
pub(crate) fn extents(devices: &[Device]) -> Vec<Extent> {
    let extent = |device: &Device| Extent { len: device.base.len(), kind: device.kind.clone() };
    devices.iter().map(extent).collect()
}

/// Checks one event against the devices as they are now, and follows a change of length.
pub(crate) fn validate_event(id: EventId, event: &Event, extents: &mut [Extent]) -> Result<(), Invalid> {
    if let Event::Names { changes, .. } = event {
        return validate_names(id, changes, extents);
    }
    let Some(device) = event.device() else { return Ok(()) };
    let devices = extents.len();
    let Some(Extent { len, kind }) = extents.get_mut(device.index()) else {
        return Err(Invalid::NoSuchDevice { event: id, device: device.0, devices });
    };
    validate_kind(id, event, device.0, kind)?;
    match event {
        Event::Resize { len: new, .. } if *new > DEVICE_LEN_MAX => {
            return Err(Invalid::OutOfRange { event: id, end: new.0, len: DEVICE_LEN_MAX.0 });
        }
        Event::Resize { len: new, .. } => *len = *new,
        Event::Flush { except, .. } | Event::FlushFailed { writes: except, .. } => {
            if let Some(bad) = except.iter().find(|other| **other >= id) {
                return Err(Invalid::BadExcept { event: id, except: *bad });
            }
            if !except.is_sorted_by(|a, b| a < b) {
                return Err(Invalid::ExceptOrder { event: id });
            }
        }
        Event::Write { .. }
        | Event::WriteZeroes { .. }
        | Event::Discard { .. }
        | Event::Program { .. }
        | Event::Erase { .. }
        | Event::Names { .. }
        | Event::Begin { .. }
        | Event::Ack { .. }
        | Event::Mark { .. }
        | Event::Send { .. }
        | Event::Deliver { .. }
        | Event::Down { .. }
        | Event::Up { .. } => {
            if let Some((_, at, size)) = event.range() {
                let end = at.0.saturating_add(size.0);
                if *kind == DeviceKind::File && end <= DEVICE_LEN_MAX.0 {
                    *len = Bytes(len.0.max(end));
                } else if end > len.0 {
                    return Err(Invalid::OutOfRange { event: id, end, len: len.0 });
                }
            }
        }
    }
    Ok(())
}

/// Checks that names are changed in directories, to inodes that there are.
fn validate_names(id: EventId, changes: &[NameChange], extents: &[Extent]) -> Result<(), Invalid> {
    let devices = extents.len();
    if changes.is_empty() {
        return Err(Invalid::NoName { event: id, name: String::new() });
    }
    for NameChange { directory, name, inode } in changes {
        let of = |device: DeviceId| {
            let missing = Invalid::NoSuchDevice { event: id, device: device.0, devices };
            extents.get(device.index()).ok_or(missing)
        };
        let found = of(*directory)?.kind.told();
        let wanted = DeviceKind::Directory.told();
        if found != wanted {
            return Err(Invalid::WrongKind { event: id, device: directory.0, wanted, found });
        }
        if !Entry::is_name(name) {
            return Err(Invalid::NoName { event: id, name: name.clone() });
        }
        inode.map(of).transpose()?;
    }
    Ok(())
}

/// Checks that an event is one that the device understands and, on a flash chip, one whole page or block.
fn validate_kind(id: EventId, event: &Event, device: u16, kind: &DeviceKind) -> Result<(), Invalid> {
    let whole = |at: &Bytes, len: Bytes, unit_len: Bytes, unit| {
        if at.0.is_multiple_of(unit_len.0) && len == unit_len {
            return Ok(());
        }
        Err(Invalid::NotWhole { event: id, at: *at, len, unit })
    };
    let wrong = |wanted| Err(Invalid::WrongKind { event: id, device, wanted, found: kind.told() });
    match (event, kind) {
        (Event::Program { at, data, .. }, DeviceKind::Nand(chip)) => {
            whole(at, data.len(), chip.geometry.page_len(), "page")
        }
        (Event::Erase { at, len, .. }, DeviceKind::Nand(chip)) => {
            whole(at, *len, chip.geometry.block_len(), "erase block")
        }
        (Event::Program { .. } | Event::Erase { .. }, _) => wrong("a flash chip"),
        (Event::Flush { except, .. }, DeviceKind::Nand(_)) if !except.is_empty() => {
            Err(Invalid::ChipExcept { event: id })
        }
        (Event::Flush { .. }, _) | (_, DeviceKind::Block | DeviceKind::File) => Ok(()),
        (Event::FlushFailed { .. }, DeviceKind::Directory) => Ok(()),
        (_, DeviceKind::Nand(_)) => wrong("a block device"),
        (_, DeviceKind::Directory | DeviceKind::Link) => wrong("a file"),
    }
}
