//! The bodies of messages as bytes.

use super::message::{Copy, How, Member, Message, Plan};
use super::page::{Age, Incarnation, PAGE, Page, Partition, Tenure, Uid, Version};
use crashcheck::NodeId;

impl Message {
    /// Writes the body; returns the number of the kind.
    pub(super) fn write(&self, to: &mut Vec<u8>) -> u16 {
        let kind = self.write_of_configuration(to).or_else(|| self.write_of_page(to));
        kind.unwrap_or_else(|| self.write_of_rest(to))
    }

    /// The messages about configurations and links.
    fn write_of_configuration(&self, to: &mut Vec<u8>) -> Option<u16> {
        Some(match self {
            Message::Invite => 1,
            Message::Accept { fresh } => numbered(2, to, (fresh, &(), &())),
            Message::Reject => 3,
            Message::Commit { members, pod } => {
                list(to, members, |to, member| {
                    (member.node.put(to), member.life.put(to), member.fresh.put(to))
                });
                list(to, pod, |to, node| node.put(to));
                4
            }
            Message::Ping => 5,
            Message::Ack => 6,
            Message::Register { copies } => {
                list(to, copies, |to, copy| (copy.uid.put(to), copy.tenure.put(to), copy.global.put(to)));
                7
            }
            _ => return None,
        })
    }

    /// The messages about pages in memory.
    fn write_of_page(&self, to: &mut Vec<u8>) -> Option<u16> {
        Some(match self {
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
            _ => return None,
        })
    }

    /// The messages about disks and epochs.
    fn write_of_rest(&self, to: &mut Vec<u8>) -> u16 {
        match self {
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
            // The others have been written.
            _ => 0,
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
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

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

    /// The message of this kind that comes next.
    pub(super) fn message(&mut self, kind: u16) -> Option<Message> {
        match kind {
            ..8 => self.of_configuration(kind),
            8..21 => self.of_page(kind),
            _ => self.of_rest(kind),
        }
    }

    fn of_configuration(&mut self, kind: u16) -> Option<Message> {
        Some(match kind {
            1 => Message::Invite,
            2 => Message::Accept { fresh: self.truth()? },
            3 => Message::Reject,
            4 => Message::Commit { members: self.list(Self::member)?, pod: self.list(Self::node)? },
            5 => Message::Ping,
            6 => Message::Ack,
            7 => Message::Register { copies: self.list(Self::copy)? },
            _ => return None,
        })
    }

    fn of_page(&mut self, kind: u16) -> Option<Message> {
        Some(match kind {
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
            _ => return None,
        })
    }

    fn of_rest(&mut self, kind: u16) -> Option<Message> {
        Some(match kind {
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
