//! What must hold in all nodes together when nothing is on its way.
//!
//! Disks are read by the drawing in `format.rs`, and who keeps the entry of a page is computed from the POD, by nothing that
//! the nodes themselves do it with. Nothing is written; but the nodes are first asked for a sign of life, so that all know
//! who is up.

use super::cluster::Cluster;
use super::directory::{Holder, Pod};
use super::format::{ConfigId, FormatError, SECTOR};
use super::frames::{Frame, State};
use super::message::{Member, Plan};
use super::node::Node;
use super::page::{PAGE, Partition, Tenure, Uid};
use super::{Geometry, GmsError};
use crate::le::{u16_at, u32_at, u64_at};
use crashcheck::{Bytes, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

impl Cluster {
    /// Checks everything; see the functions of this file.
    ///
    /// # Errors
    /// Says which check is violated, and by what.
    pub fn check(&mut self) -> Result<(), GmsError> {
        self.find_each_other()?;
        self.disks_are_theirs()?;
        self.memory_is_divided()?;
        self.global_pages_are_alone()?;
        self.rights_are_given_once()?;
        self.pages_are_those_of_the_disk()?;
        let pod = self.ownership_is_agreed()?;
        self.directory_is_exact(&pod)?;
        self.epoch_is_agreed()
    }

    fn frames(&self) -> impl Iterator<Item = (&Node, &Frame)> {
        self.live().flat_map(|node| node.frames().iter().map(move |frame| (node, frame)))
    }

    /// GM-02, GM-15: local, global and free frames make up the memory, a page has one frame, and its state is a legal
    /// one.
    fn memory_is_divided(&self) -> Result<(), GmsError> {
        for node in self.live() {
            let frames = node.frames();
            let pages: BTreeSet<Uid> = frames.iter().map(|frame| frame.uid).collect();
            let used = frames.iter().count();
            violated(used > frames.count(), "GM-02", node.id, "has more pages than frames")?;
            violated(pages.len() < used, "GM-15", node.id, "has a page in two frames")?;
            let changed = |frame: &&Frame| frame.dirty && frame.state != State::Private;
            if let Some(frame) = frames.iter().find(changed) {
                violated(true, "GM-15", node.id, format!("has changed {}, which is not private", frame.uid))?;
            }
        }
        Ok(())
    }

    /// GM-02: a page that is global or private is in the memory of one node only.
    fn global_pages_are_alone(&self) -> Result<(), GmsError> {
        let mut copies = BTreeMap::<Uid, usize>::new();
        self.frames().for_each(|(_, frame)| *copies.entry(frame.uid).or_default() += 1);
        let is_alone = |frame: &Frame| frame.state == State::Shared || copies[&frame.uid] == 1;
        match self.frames().find(|(_, frame)| !is_alone(frame)) {
            None => Ok(()),
            Some((node, frame)) => {
                let detail = format!("has {} as {:?}, and so has another", frame.uid, frame.state);
                violated(true, "GM-02", node.id, detail)
            }
        }
    }

    /// GM-19: no two copies are held by one right, so that what is said of one cannot be taken for news of another.
    fn rights_are_given_once(&self) -> Result<(), GmsError> {
        let mut held = BTreeMap::<Tenure, Uid>::new();
        for (node, frame) in self.frames() {
            if let Some(other) = held.insert(frame.tenure, frame.uid) {
                let detail = format!("has {} by the right by which {other} is held", frame.uid);
                violated(true, "GM-19", node.id, detail)?;
            }
        }
        Ok(())
    }

    /// GM-21: a node that is up has written to its disk which of its lives this is, so that no later one is taken for it; and it
    /// has lived none before that was as late.
    fn disks_are_theirs(&self) -> Result<(), GmsError> {
        for node in self.live() {
            let found = superblock_of(&self.disk_of(node.id).lend(Bytes::ZERO, SECTOR)?);
            let Geometry { nodes, file_pages, swap_pages, .. } = self.geometry;
            let expected = (node.id.0, nodes, file_pages, swap_pages, node.life().0);
            violated(
                found != Some(expected),
                "GM-21",
                node.id,
                format!("is in life {}, which its superblock does not say: {found:?}", node.life().0),
            )?;
            let again = self.lives.get(&node.id).is_some_and(|(_, again)| *again);
            violated(again, "GM-21", node.id, format!("has booted into life {} again", node.life().0))?;
        }
        Ok(())
    }

    /// GM-01, GM-05, GM-23: what was not changed is equal to its copy on disk, and what was changed was made from it, as far
    /// as the home is up: no memory is older than the disk, and none newer but for changes that it knows of.
    fn pages_are_those_of_the_disk(&self) -> Result<(), GmsError> {
        for (node, frame) in self.frames() {
            let home = frame.uid.home();
            if self.nodes.get(home.index()).is_none_or(Option::is_none) {
                continue;
            }
            let sector = self.disk_of(home).lend(self.slot(frame.uid)?, SECTOR)?;
            let (version, page) = slot_of(frame.uid, &sector)?;
            let (kept, on_disk) = (frame.version.0, version);
            // Of a change that was written back, the home may have gone down before it could say so.
            let is_its_own = frame.dirty && on_disk == kept + 1;
            violated(
                kept != on_disk && !is_its_own,
                "GM-23",
                node.id,
                format!("has version {kept} of {}, of which version {on_disk} is on the disk", frame.uid),
            )?;
            violated(
                !frame.dirty && *page != frame.page,
                "GM-01",
                node.id,
                format!("has a clean {} that differs from the disk", frame.uid),
            )?;
        }
        Ok(())
    }

    /// Where a page lies on the disk of its home.
    fn slot(&self, uid: Uid) -> Result<Bytes, GmsError> {
        let (before, pages) = match uid.partition {
            Partition::Files => (1, self.geometry.file_pages),
            Partition::Swap => (1 + self.geometry.file_pages, self.geometry.swap_pages),
        };
        let exists = uid.inode == 1 && uid.offset < pages;
        violated(!exists, "GM-14", uid.home(), format!("has no {uid}"))?;
        Ok(Bytes(u64::from(before + uid.offset) * SECTOR as u64))
    }

    /// GM-17, GM-21: all nodes that are up are in one configuration, with the same POD, which names none that is down.
    fn ownership_is_agreed(&self) -> Result<Pod, GmsError> {
        let mut seen: Option<(ConfigId, &Pod)> = None;
        for node in self.live() {
            let Some(config) = node.config() else {
                return Err(GmsError::violated("GM-17", node.id, "takes part in no configuration"));
            };
            let differs = seen.is_some_and(|first| first != (config.id, &config.pod));
            violated(differs, "GM-17", node.id, "has another POD than its peers")?;
            let alive = |member: &Member| {
                let known = self.nodes.get(member.node.index()).and_then(Option::as_ref);
                known.is_some_and(|known| known.life() == member.life)
            };
            let ghost = config.members.iter().find(|member| !alive(member));
            if let Some(Member { node: ghost, life, .. }) = ghost {
                violated(
                    true,
                    "GM-21",
                    node.id,
                    format!("counts on life {} of {ghost}, which is over", life.0),
                )?;
            }
            let dead = config.pod.parts().iter().find(|keeper| self.nodes[keeper.index()].is_none());
            if let Some(dead) = dead {
                violated(true, "GM-21", node.id, format!("looks for pages at {dead}, which is down"))?;
            }
            seen = Some((config.id, &config.pod));
        }
        Ok(seen.map_or_else(|| Pod::over(&[NodeId(0)]), |(_, pod)| pod.clone()))
    }

    /// GM-16, GM-21: the GCD is the union of the PFDs, but for drops that were not reported yet (GM-19).
    fn directory_is_exact(&self, pod: &Pod) -> Result<(), GmsError> {
        let mut entries = BTreeMap::<(NodeId, Uid, Tenure), (NodeId, bool)>::new();
        for keeper in self.live() {
            for (uid, entry) in keeper.gcd().iter() {
                for Holder { node, tenure, global } in entry.holders.iter().copied() {
                    violated(keeper_of(pod, uid) != keeper.id, "GM-17", keeper.id, format!("keeps {uid}"))?;
                    entries.insert((node, uid, tenure), (keeper.id, global));
                }
            }
        }
        for (node, frame) in self.frames() {
            let found = entries.remove(&(node.id, frame.uid, frame.tenure)).map(|(_, global)| global);
            let is_right = found == Some(frame.state == State::Global);
            let detail = format!("has {} as {:?}, of which the GCD has {found:?}", frame.uid, frame.state);
            violated(!is_right, "GM-16", node.id, detail)?;
        }
        for ((holder, uid, tenure), (keeper, _)) in entries {
            let node = self.nodes[holder.index()].as_ref();
            let is_late = node.is_some_and(|node| node.unreported().contains(&(uid, tenure)));
            violated(
                !is_late,
                "GM-16",
                keeper,
                format!("looks for {uid} at {holder}, which does not have it"),
            )?;
        }
        Ok(())
    }

    /// GM-10, GM-11: all nodes go by the same plan, and so expect the same next initiator. The weights add up to one.
    fn epoch_is_agreed(&self) -> Result<(), GmsError> {
        let mut seen: Option<(u64, &Plan)> = None;
        for node in self.live() {
            let epoch = node.epoch();
            let differs = seen.is_some_and(|first| first != (epoch.number, &epoch.plan));
            violated(differs, "GM-11", node.id, "goes by another plan than its peers")?;
            let total: u32 = epoch.plan.oldest.iter().map(|(_, pages)| pages).sum();
            let frames = self.geometry.frames * epoch.plan.oldest.len();
            let expected = self.geometry.bounds.replacements.min(frames);
            let planned: BTreeSet<NodeId> = epoch.plan.oldest.iter().map(|(node, _)| *node).collect();
            let members = node.config().into_iter().flat_map(|config| &config.members);
            let members: BTreeSet<NodeId> = members.map(|member| member.node).collect();
            violated(planned != members, "GM-10", node.id, "goes by a plan of others than the members")?;
            let is_first = epoch.number == 0;
            violated(
                !is_first && total as usize != expected,
                "GM-10",
                node.id,
                "has weights that are not one",
            )?;
            seen = Some((epoch.number, &epoch.plan));
        }
        Ok(())
    }
}

/// The node that keeps the entry of a page: its home if no other node uses it, or else who has its part (GM-17, GM-18).
fn keeper_of(pod: &Pod, uid: Uid) -> NodeId {
    let parts = pod.parts();
    let part = (u64::from(uid.ip) + u64::from(uid.inode) + u64::from(uid.offset)) % parts.len() as u64;
    match uid.partition {
        Partition::Swap => uid.home(),
        Partition::Files => parts[part as usize],
    }
}

/// What a superblock of version 1 says: the node, nodes, pages of the file, anonymous pages, how often booted.
fn superblock_of(sector: &[u8]) -> Option<(u16, u16, u32, u32, u32)> {
    let whole = sector[..8] == *b"GMSSUPER" && u32_at(sector, 8) == 1;
    let whole = whole && u32_at(sector, 28) == crc32fast::hash(&sector[..28]);
    let numbers = (u16_at(sector, 12), u16_at(sector, 14), u32_at(sector, 16), u32_at(sector, 20));
    whole.then_some((numbers.0, numbers.1, numbers.2, numbers.3, u32_at(sector, 24)))
}

/// The version of a page, and the page, as its slot has them.
fn slot_of(uid: Uid, sector: &[u8]) -> Result<(u64, &[u8]), FormatError> {
    let page = &sector[SECTOR - PAGE..];
    if sector.iter().all(|byte| *byte == 0) {
        return Ok((0, page));
    }
    let mut sum = crc32fast::Hasher::new();
    [&sector[..4], &[0; 4], &sector[8..]].iter().for_each(|bytes| sum.update(bytes));
    let partition = match uid.partition {
        Partition::Files => 0,
        Partition::Swap => 1,
    };
    let named = (u32_at(sector, 8), u16_at(sector, 12), u32_at(sector, 14), u32_at(sector, 18));
    // Version 0 is that of a page that was never written.
    let right = sector[..4] == *b"PAGE"
        && u64_at(sector, 24) > 0
        && u32_at(sector, 4) == sum.finalize()
        && named == (uid.ip, partition, uid.inode, uid.offset);
    if right { Ok((u64_at(sector, 24), page)) } else { Err(FormatError::Damaged(uid)) }
}

fn violated(is: bool, check: &'static str, node: NodeId, detail: impl Display) -> Result<(), GmsError> {
    if is { Err(GmsError::violated(check, node, detail)) } else { Ok(()) }
}
