//! Tests of the whole: a small cluster whose messages are written down.

mod cases;
mod check;
mod crashes;
mod ratios;

use super::cluster::{Cluster, Wire};
use super::fault::Task;
use super::frames::State;
use super::page::Uid;
use super::*;
use crashcheck::{Network, Step};
use std::sync::{Arc, Mutex};

/// A network that writes down what is sent.
struct Recorder {
    network: Network,
    labels: Arc<Mutex<Vec<String>>>,
}

impl Wire for Recorder {
    fn send(&mut self, from: NodeId, to: NodeId, message: &[u8], label: &str) -> Result<(), DiskError> {
        self.labels.lock().expect("one thread").push(format!("{}>{} {label}", from.0, to.0));
        Network::send(&self.network, from, to, message, label)
    }

    fn next(&mut self) -> Result<Option<Step>, DiskError> {
        self.network.next()
    }

    fn start(&mut self, node: NodeId) -> Result<(), DiskError> {
        self.network.start(node)
    }

    fn stop(&mut self, node: NodeId) -> Result<(), DiskError> {
        self.network.stop(node)
    }
}

/// A cluster under test.
struct Lab {
    cluster: Cluster,
    disk: Disk,
    labels: Arc<Mutex<Vec<String>>>,
}

impl Lab {
    fn new(geometry: Geometry) -> Lab {
        let disk = Disk::plain(&geometry.devices());
        geometry.format(&disk).expect("room for superblocks");
        let labels = Arc::new(Mutex::new(Vec::new()));
        let wire = Recorder { network: disk.network(), labels: Arc::clone(&labels) };
        let cluster = Cluster::open(geometry, Bugs::NONE, disk.clone(), Box::new(wire)).expect("formatted");
        Lab { cluster, disk, labels }
    }

    /// Does something at a node and lets it come to its end; returns the messages that were sent for it.
    fn at(&mut self, node: u16, task: Task) -> Vec<String> {
        self.labels.lock().expect("one thread").clear();
        self.cluster.tick().expect("time passes");
        self.cluster.run(NodeId(node), task).expect("can be done");
        let labels = self.labels.lock().expect("one thread").clone();
        self.cluster.settle().expect("comes to rest");
        labels
    }

    fn read(&mut self, node: u16, uid: Uid) -> Vec<String> {
        self.at(node, Task::Read(uid))
    }

    fn write(&mut self, node: u16, uid: Uid, fill: u8) -> Vec<String> {
        self.at(node, Task::Write(uid, Fill(fill)))
    }

    fn sync(&mut self) {
        (0..self.cluster.geometry.nodes).for_each(|node| drop(self.at(node, Task::WriteBack)));
    }

    /// In which state a node has a page.
    fn state(&self, node: u16, uid: Uid) -> Option<State> {
        let node = self.cluster.live().find(|running| running.id == NodeId(node)).expect("a node that is up");
        node.frames().find(uid).map(|frame| frame.state)
    }

    /// So many local and global frames.
    fn sizes(&self, node: u16) -> (usize, usize) {
        let node = self.cluster.live().find(|running| running.id == NodeId(node)).expect("a node that is up");
        let global = node.frames().iter().filter(|frame| frame.state == State::Global).count();
        (node.frames().iter().count() - global, global)
    }

    fn stop(&mut self, node: u16) {
        self.disk.network().stop(NodeId(node)).expect("a node");
        self.cluster.find_each_other().expect("comes to rest");
    }

    fn start(&mut self, node: u16) {
        self.disk.network().start(NodeId(node)).expect("a node");
        self.cluster.settle().expect("comes to rest");
    }

    fn shown(&mut self, uid: Uid) -> Shown {
        self.cluster.show(uid).expect("can be read")
    }
}

/// Two nodes with so many frames each, and long files.
fn pair(frames: usize) -> Geometry {
    Geometry { nodes: 2, frames, file_pages: 16, swap_pages: 4, ..Geometry::default() }
}

fn file(home: u16, offset: u32) -> Uid {
    Uid::file(NodeId(home), offset)
}
