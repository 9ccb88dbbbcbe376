//! What the nodes say to each other, and how it looks as bytes behind the head that `format.rs` draws.
//!
//! A body is the fields of its message in the order in which they are declared: numbers as u16, u32 or u64, names of pages as 14
//! bytes, tenures as 2 + 8, truth as one byte, lists behind their length as u16, contents as they are.

use super::format::{ConfigId, Head};
use super::page::{Age, Incarnation, PAGE, Page, Partition, Tenure, Uid, Version};
use crashcheck::NodeId;

/// What is asked of the node that holds a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Give it away (cases 1 and 2).
    Move,
    /// Share it (case 4).
    Copy,
    /// Show it; nothing changes hands.
    Peek,
}

/// A page that a node holds, as it tells the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Which page.
    pub uid: Uid,
    /// By which right.
    pub tenure: Tenure,
    /// Whether it is in the global part of the node's memory.
    pub global: bool,
}

/// A node that takes part in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which node.
    pub node: NodeId,
    /// Which of its lives.
    pub life: Incarnation,
    /// It has just booted, so that it holds no page.
    pub fresh: bool,
}

/// What an epoch of the replacement algorithm goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The least age among the oldest pages (GM-10).
    pub min_age: Age,
    /// How many of the oldest pages each node has: its weight, in pages.
    pub oldest: Vec<(NodeId, u32)>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "most of the messages that travel carry a page")]
pub enum Message {
    /// Who takes part in the configuration of the head?
    Invite,
    /// I do; fresh if I have booted since the last one, so that my memory is empty.
    Accept { fresh: bool },
    /// I know a later one, that of the head.
    Reject,
    /// The configuration of the head begins: its members, and the page ownership directory.
    Commit { members: Vec<Member>, pod: Vec<NodeId> },
    /// Nothing: it only asks for an acknowledgement.
    Ping,
    /// Nothing: it only acknowledges.
    Ack,
    /// To the directory: all that I hold of your part.
    Register { copies: Vec<Copy> },
    /// To the directory: where is the page? The number becomes part of my tenure.
    Get { uid: Uid, number: u64, peek: bool },
    /// The directory to a holder: answer that node.
    Forward { uid: Uid, tenure: Tenure, to: NodeId, number: u64, how: How },
    /// A holder to who asked: here it is.
    Page { uid: Uid, number: u64, version: Version, shared: bool, page: Page },
    /// The directory to who asked: nobody has it, but for what may be on its way to you under this tenure.
    Absent { uid: Uid, number: u64, coming: Option<Tenure> },
    /// Who was said to hold it to who asked: I do not.
    Missing { uid: Uid, number: u64, shared: bool },
    /// To the directory: I want to be the only one to hold the page, as I shall write to it.
    Own { uid: Uid, tenure: Tenure },
    /// The directory: you are.
    Granted { uid: Uid, tenure: Tenure },
    /// The directory: you do not hold it; ask again.
    Denied { uid: Uid, tenure: Tenure },
    /// The directory to a holder: let go of it.
    Discard { uid: Uid, tenure: Tenure },
    /// It is gone.
    Discarded { uid: Uid, tenure: Tenure },
    /// To a node with old pages: take this one into your global part.
    Put { uid: Uid, tenure: Tenure, age: Age, version: Version, page: Page },
    /// To the directory: it went from me to there.
    Moved { uid: Uid, from: Tenure, to: NodeId, tenure: Tenure },
    /// To the directory: these are no longer in my memory.
    Dropped { pages: Vec<(Uid, Tenure)> },
    /// To the home: read it from the disk.
    Load { uid: Uid, number: u64 },
    /// What the disk holds.
    Loaded { uid: Uid, number: u64, version: Version, page: Page },
    /// The disk does not have it.
    Unreadable { uid: Uid, number: u64 },
    /// To the home: write it to the disk.
    Store { uid: Uid, version: Version, page: Page },
    /// It is durable.
    Stored { uid: Uid, version: Version },
    /// The disk holds a later version, so that you cannot be its owner.
    Outdated { uid: Uid, version: Version },
    /// The initiator of an epoch: how old are your pages?
    Census { epoch: u64 },
    /// That old.
    Ages { epoch: u64, ages: Vec<Age> },
    /// The initiator: the epoch goes by this plan.
    Weights { epoch: u64, plan: Plan },
    /// To the initiator: the epoch should end.
    Spent { epoch: u64 },
}

impl Message {
    /// What it is called in a trace.
    pub fn label(&self) -> String {
        let (name, uid) = self.name();
        uid.map_or_else(|| name.to_owned(), |uid| format!("{name} {uid}"))
    }

    /// Whether it makes configurations, and is therefore not on a link.
    pub fn is_datagram(&self) -> bool {
        use Message::{Accept, Commit, Invite, Reject};
        matches!(self, Invite | Accept { .. } | Reject | Commit { .. })
    }

    fn name(&self) -> (&'static str, Option<Uid>) {
        match self {
            Message::Invite => ("invite", None),
            Message::Accept { .. } => ("accept", None),
            Message::Reject => ("reject", None),
            Message::Commit { .. } => ("commit", None),
            Message::Ping => ("ping", None),
            Message::Ack => ("ack", None),
            Message::Register { .. } => ("register", None),
            Message::Get { uid, peek: false, .. } => ("get", Some(*uid)),
            Message::Get { uid, peek: true, .. } => ("peek", Some(*uid)),
            Message::Forward { uid, how: How::Move, .. } => ("forward move", Some(*uid)),
            Message::Forward { uid, how: How::Copy, .. } => ("forward copy", Some(*uid)),
            Message::Forward { uid, how: How::Peek, .. } => ("forward peek", Some(*uid)),
            Message::Page { uid, .. } => ("page", Some(*uid)),
            Message::Absent { uid, .. } => ("absent", Some(*uid)),
            Message::Missing { uid, .. } => ("missing", Some(*uid)),
            Message::Own { uid, .. } => ("own", Some(*uid)),
            Message::Granted { uid, .. } => ("granted", Some(*uid)),
            Message::Denied { uid, .. } => ("denied", Some(*uid)),
            Message::Discard { uid, .. } => ("discard", Some(*uid)),
            Message::Discarded { uid, .. } => ("discarded", Some(*uid)),
            Message::Put { uid, .. } => ("put", Some(*uid)),
            Message::Moved { uid, .. } => ("moved", Some(*uid)),
            Message::Dropped { .. } => ("dropped", None),
            Message::Load { uid, .. } => ("load", Some(*uid)),
            Message::Loaded { uid, .. } => ("loaded", Some(*uid)),
            Message::Unreadable { uid, .. } => ("unreadable", Some(*uid)),
            Message::Store { uid, .. } => ("store", Some(*uid)),
            Message::Stored { uid, .. } => ("stored", Some(*uid)),
            Message::Outdated { uid, .. } => ("outdated", Some(*uid)),
            Message::Census { .. } => ("census", None),
            Message::Ages { .. } => ("ages", None),
            Message::Weights { .. } => ("weights", None),
            Message::Spent { .. } => ("spent", None),
        }
    }

    /// The number of the kind, and the body.
    pub fn encode(&self) -> (u16, Vec<u8>) {
        let mut body = Vec::new();
        let kind = self.write(&mut body);
        (kind, body)
    }

    /// The message of this kind with this body; `None` if there is none.
    pub fn decode(kind: u16, body: &[u8]) -> Option<Message> {
        let mut fields = Fields(body);
        let message = fields.message(kind)?;
        fields.0.is_empty().then_some(message)
    }

    /// Writes the body; returns the number of the kind.
    #[allow(clippy::too_many_lines, reason = "one line for each message")]
    fn write(&self, to: &mut Vec<u8>) -> u16 {
        match self {
            Message::Invite => 1,
            Message::Accept { fresh } => numbered(2, to, (fresh, &(), &())),
            Message::Reject => 3,
            Message::Commit { members, pod } => {
                list(to, members, |to, member| (member.node.put(to), member.life.put(to), member.fresh.put(to)));
                list(to, pod, |to, node| node.put(to));
                4
            }
            Message::Ping => 5,
            Message::Ack => 6,
            Message::Register { copies } => {
                list(to, copies, |to, copy| (copy.uid.put(to), copy.tenure.put(to), copy.global.put(to)));
                7
            }
            Message::Get { uid, number, peek } => numbered(8, to, (uid, number, peek)),
            Message::Forward { uid, tenure, to: asker, number, how } => {
                numbered(9, to, (uid, tenure, asker));
                numbered(9, to, (number, &(*how as u8), &()))
            }
            Message::Page { uid, number, version, shared, page } => {
                numbered(10, to, (uid, number, version));
                numbered(10, to, (shared, page, &()))
            }
            Message::Absent { uid, number, coming } => {
                numbered(11, to, (uid, number, &coming.is_some()));
                coming.iter().for_each(|tenure| tenure.put(to));
                11
            }
            Message::Missing { uid, number, shared } => numbered(12, to, (uid, number, shared)),
            Message::Own { uid, tenure } => numbered(13, to, (uid, tenure, &())),
            Message::Granted { uid, tenure } => numbered(14, to, (uid, tenure, &())),
            Message::Denied { uid, tenure } => numbered(15, to, (uid, tenure, &())),
            Message::Discard { uid, tenure } => numbered(16, to, (uid, tenure, &())),
            Message::Discarded { uid, tenure } => numbered(17, to, (uid, tenure, &())),
            Message::Put { uid, tenure, age, version, page } => {
                numbered(18, to, (uid, tenure, &age.0));
                numbered(18, to, (version, page, &()))
            }
            Message::Moved { uid, from, to: holder, tenure } => {
                numbered(19, to, (uid, from, holder));
                numbered(19, to, (tenure, &(), &()))
            }
            Message::Dropped { pages } => {
                list(to, pages, |to, (uid, tenure)| (uid.put(to), tenure.put(to)));
                20
            }
            Message::Load { uid, number } => numbered(21, to, (uid, number, &())),
            Message::Loaded { uid, number, version, page } => {
                numbered(22, to, (uid, number, version));
                numbered(22, to, (page, &(), &()))
            }
            Message::Unreadable { uid, number } => numbered(23, to, (uid, number, &())),
            Message::Store { uid, version, page } => numbered(24, to, (uid, version, page)),
            Message::Stored { uid, version } => numbered(25, to, (uid, version, &())),
            Message::Outdated { uid, version } => numbered(26, to, (uid, version, &())),
            Message::Census { epoch } => numbered(27, to, (epoch, &(), &())),
            Message::Ages { epoch, ages } => {
                epoch.put(to);
                list(to, ages, |to, age| age.0.put(to));
                28
            }
            Message::Weights { epoch, plan } => {
                numbered(29, to, (epoch, &plan.min_age.0, &()));
                list(to, &plan.oldest, |to, (node, pages)| (node.put(to), pages.put(to)));
                29
            }
            Message::Spent { epoch } => numbered(30, to, (epoch, &(), &())),
        }
    }
}

/// A field of a body.
trait Field {
    fn put(&self, to: &mut Vec<u8>);
}

macro_rules! little_endian {
    ($($number:ty),*) => {$(
        impl Field for $number {
            fn put(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

little_endian!(u8, u16, u32, u64);

impl Field for () {
    fn put(&self, _: &mut Vec<u8>) {}
}

impl Field for bool {
    fn put(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }
}

impl Field for NodeId {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
    }
}

impl Field for Incarnation {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
    }
}

impl Field for Version {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
    }
}

impl Field for Uid {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.encode());
    }
}

impl Field for Tenure {
    fn put(&self, to: &mut Vec<u8>) {
        self.origin.put(to);
        self.number.put(to);
    }
}

impl Field for Page {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self);
    }
}

fn numbered(kind: u16, to: &mut Vec<u8>, (a, b, c): (&dyn Field, &dyn Field, &dyn Field)) -> u16 {
    a.put(to);
    b.put(to);
    c.put(to);
    kind
}

fn list<T, R>(to: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T) -> R) {
    (items.len() as u16).put(to);
    for item in items {
        put(to, item);
    }
}

/// What is left of a body.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn truth(&mut self) -> Option<bool> {
        match self.bytes()? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    fn node(&mut self) -> Option<NodeId> {
        self.u16().map(NodeId)
    }

    fn version(&mut self) -> Option<Version> {
        self.u64().map(Version)
    }

    fn age(&mut self) -> Option<Age> {
        self.u64().map(Age)
    }

    fn page(&mut self) -> Option<Page> {
        self.bytes::<PAGE>()
    }

    fn uid(&mut self) -> Option<Uid> {
        let ip = self.u32()?;
        let partition = Partition::of(self.u16()?)?;
        Some(Uid { ip, partition, inode: self.u32()?, offset: self.u32()? })
    }

    fn tenure(&mut self) -> Option<Tenure> {
        Some(Tenure { origin: self.node()?, number: self.u64()? })
    }

    fn how(&mut self) -> Option<How> {
        let [number] = self.bytes()?;
        [How::Move, How::Copy, How::Peek].into_iter().find(|how| *how as u8 == number)
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.u16()?).map(|_| item(self)).collect()
    }

    fn coming(&mut self) -> Option<Option<Tenure>> {
        if self.truth()? { self.tenure().map(Some) } else { Some(None) }
    }

    fn member(&mut self) -> Option<Member> {
        Some(Member { node: self.node()?, life: Incarnation(self.u32()?), fresh: self.truth()? })
    }

    fn copy(&mut self) -> Option<Copy> {
        Some(Copy { uid: self.uid()?, tenure: self.tenure()?, global: self.truth()? })
    }

    #[allow(clippy::too_many_lines, reason = "one line for each message")]
    fn message(&mut self, kind: u16) -> Option<Message> {
        Some(match kind {
            1 => Message::Invite,
            2 => Message::Accept { fresh: self.truth()? },
            3 => Message::Reject,
            4 => Message::Commit {
                members: self.list(Self::member)?,
                pod: self.list(Self::node)?,
            },
            5 => Message::Ping,
            6 => Message::Ack,
            7 => Message::Register { copies: self.list(Self::copy)? },
            8 => Message::Get { uid: self.uid()?, number: self.u64()?, peek: self.truth()? },
            9 => Message::Forward {
                uid: self.uid()?,
                tenure: self.tenure()?,
                to: self.node()?,
                number: self.u64()?,
                how: self.how()?,
            },
            10 => Message::Page {
                uid: self.uid()?,
                number: self.u64()?,
                version: self.version()?,
                shared: self.truth()?,
                page: self.page()?,
            },
            11 => Message::Absent { uid: self.uid()?, number: self.u64()?, coming: self.coming()? },
            12 => Message::Missing { uid: self.uid()?, number: self.u64()?, shared: self.truth()? },
            13 => Message::Own { uid: self.uid()?, tenure: self.tenure()? },
            14 => Message::Granted { uid: self.uid()?, tenure: self.tenure()? },
            15 => Message::Denied { uid: self.uid()?, tenure: self.tenure()? },
            16 => Message::Discard { uid: self.uid()?, tenure: self.tenure()? },
            17 => Message::Discarded { uid: self.uid()?, tenure: self.tenure()? },
            18 => Message::Put {
                uid: self.uid()?,
                tenure: self.tenure()?,
                age: self.age()?,
                version: self.version()?,
                page: self.page()?,
            },
            19 => Message::Moved {
                uid: self.uid()?,
                from: self.tenure()?,
                to: self.node()?,
                tenure: self.tenure()?,
            },
            20 => Message::Dropped { pages: self.list(|f| Some((f.uid()?, f.tenure()?)))? },
            21 => Message::Load { uid: self.uid()?, number: self.u64()? },
            22 => Message::Loaded {
                uid: self.uid()?,
                number: self.u64()?,
                version: self.version()?,
                page: self.page()?,
            },
            23 => Message::Unreadable { uid: self.uid()?, number: self.u64()? },
            24 => Message::Store { uid: self.uid()?, version: self.version()?, page: self.page()? },
            25 => Message::Stored { uid: self.uid()?, version: self.version()? },
            26 => Message::Outdated { uid: self.uid()?, version: self.version()? },
            27 => Message::Census { epoch: self.u64()? },
            28 => Message::Ages { epoch: self.u64()?, ages: self.list(Self::age)? },
            29 => Message::Weights {
                epoch: self.u64()?,
                plan: Plan { min_age: self.age()?, oldest: self.list(|f| Some((f.node()?, f.u32()?)))? },
            },
            30 => Message::Spent { epoch: self.u64()? },
            _ => return None,
        })
    }
}

/// A message with its head, as bytes.
pub fn encode(message: &Message, head: Head) -> Vec<u8> {
    let (kind, body) = message.encode();
    Head { kind, ..head }.encode(&body)
}

/// The head for a message outside of any link.
pub fn datagram(from: NodeId, to: NodeId, life: Incarnation, config: ConfigId) -> Head {
    Head { kind: 0, from, to, life, config, sequence: 0, acknowledged: 0 }
}
