//! What the nodes say to each other. As bytes it stands behind the head that `format.rs` draws.
//!
//! A body is the fields of its message in the order in which they are declared: numbers as u16, u32 or u64, names of
//! pages as 14 bytes, tenures as 2 + 8, truth as one byte, lists behind their length as u16, contents as they are.

use super::body::Fields;
use super::format::{ConfigId, Head};
use super::page::{Age, Incarnation, Page, Tenure, Uid, Version};
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

/// A message. Wherever they occur, `uid` is the page, `tenure` the right by which it is held, `number` that of the
/// request that is answered or made, `version` and `page` what the page holds, and `epoch` the number of the epoch
/// that is spoken of.
#[allow(missing_docs, reason = "the fields are described above or by their message")]
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
        // Most are no longer than this.
        let mut body = Vec::with_capacity(64);
        let kind = self.write(&mut body);
        (kind, body)
    }

    /// The message of this kind with this body; `None` if there is none.
    pub fn decode(kind: u16, body: &[u8]) -> Option<Message> {
        let mut fields = Fields(body);
        let message = fields.message(kind)?;
        fields.0.is_empty().then_some(message)
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
