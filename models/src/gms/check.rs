//! What must hold in all nodes together when nothing is on its way.

use super::GmsError;
use super::cluster::Cluster;
use super::directory::{Holder, Pod};
use super::format::{ConfigId, Superblock, read_page};
use super::frames::{Frame, State};
use super::message::Plan;
use super::node::Node;
use super::page::{Tenure, Uid};
use crashcheck::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

impl Cluster {
    /// Checks everything; see the functions of this file.
    ///
    /// # Errors
    /// Says which check is violated, and by what.
    pub fn check(&mut self) -> Result<(), GmsError> {
        self.find_each_other()?;
        self.memory_is_divided()?;
        self.global_pages_are_alone()?;
        self.clean_pages_equal_the_disk()?;
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

    /// GM-01: what is in global memory, or private and not changed, is equal to its copy on disk, as far as the home
    /// is up. Of shared copies nothing is said (GM-03).
    fn clean_pages_equal_the_disk(&self) -> Result<(), GmsError> {
        for (node, frame) in self.frames().filter(|(_, frame)| !frame.dirty && frame.state != State::Shared) {
            let home = frame.uid.home();
            if self.nodes.get(home.index()).is_none_or(Option::is_none) {
                continue;
            }
            let disk = self.disk_of(home);
            let (version, page) = read_page(&disk, &Superblock::read(&disk, home)?, frame.uid)?;
            let differs = (version, page) != (frame.version, frame.page);
            violated(
                differs,
                "GM-01",
                node.id,
                format!("has a clean {} that differs from the disk", frame.uid),
            )?;
        }
        Ok(())
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
                    violated(pod.keeper(uid) != keeper.id, "GM-17", keeper.id, format!("keeps {uid}"))?;
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

fn violated(is: bool, check: &'static str, node: NodeId, detail: impl Display) -> Result<(), GmsError> {
    if is { Err(GmsError::violated(check, node, detail)) } else { Ok(()) }
}
