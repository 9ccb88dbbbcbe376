//! Processes: what their descriptors are of, where they are, and who they are. What a fork copies is theirs alone; what threads share
//! they share.

use super::call::Call;
use super::paths::Spot;
use crate::disk::Disk;
use crashcheck_trace::Reach;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

/// What is open: the kernel's open file description, which copies of a descriptor share.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) what: What,
    /// Where the next read or write is.
    pub(super) position: u64,
    /// Whether writes go to the end.
    pub(super) appends: bool,
    /// What of a write is durable on return.
    pub(super) through: Option<Reach>,
}

/// What it is.
#[derive(Clone)]
pub(super) enum What {
    /// Something in the folder.
    Inode(Disk),
    /// Something elsewhere.
    Elsewhere(PathBuf),
    /// Where the program prints to.
    Output,
}

pub(super) type Shared<T> = Rc<RefCell<T>>;

/// A descriptor. Those of pipes, sockets and the like are not kept.
#[derive(Clone)]
struct Descriptor {
    opened: Shared<Opened>,
    /// Whether another program does not get it.
    closes: bool,
}

/// A part of memory that is a file.
#[derive(Clone)]
struct Mapping {
    start: u64,
    len: u64,
    inode: Disk,
}

/// Where a process is, and which rights it keeps from what it makes.
#[derive(Clone)]
pub(super) struct Here {
    pub(super) folder: Spot,
    pub(super) umask: u32,
}

/// A process, or a thread of one.
#[derive(Clone)]
pub(super) struct Process {
    descriptors: Shared<FxHashMap<i32, Descriptor>>,
    mappings: Shared<Vec<Mapping>>,
    pub(super) here: Shared<Here>,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// What a new process shares with the one that has made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Birth {
    pub(super) child: u32,
    descriptors: bool,
    here: bool,
    memory: bool,
}

impl Birth {
    /// What a call has made. `None` if it has made nothing.
    pub(super) fn of(call: &Call) -> Option<Birth> {
        let child = call.result.and_then(|child| u32::try_from(child).ok()).filter(|child| *child > 0)?;
        let has = |flag: &str| call.has_anywhere(flag);
        Some(Birth {
            child,
            descriptors: has("CLONE_FILES"),
            here: has("CLONE_FS"),
            memory: has("CLONE_VM") && !has("CLONE_VFORK"),
        })
    }
}

fn copy<T: Clone>(of: &Shared<T>, shares: bool) -> Shared<T> {
    if shares { Rc::clone(of) } else { Rc::new(RefCell::new(of.borrow().clone())) }
}

impl Process {
    /// The first one. Its standard output is what the program prints.
    pub(super) fn first(here: Here, uid: u32, gid: u32) -> Process {
        let process = Process {
            descriptors: Rc::default(),
            mappings: Rc::default(),
            here: Rc::new(RefCell::new(here)),
            uid,
            gid,
        };
        process.open(1, Opened { what: What::Output, position: 0, appends: true, through: None }, false);
        process
    }

    pub(super) fn fork(&self, birth: Birth) -> Process {
        Process {
            descriptors: copy(&self.descriptors, birth.descriptors),
            mappings: copy(&self.mappings, birth.memory),
            here: copy(&self.here, birth.here),
            ..self.clone()
        }
    }

    /// The process becomes another program, or somebody else's.
    pub(super) fn is_now(&mut self, call: &Call) {
        // -1 leaves it as it is.
        let number = |nth| call.number(nth).and_then(|number| u32::try_from(number).ok());
        match call.name.as_str() {
            "execve" | "execveat" => self.exec(),
            "setuid" => self.uid = number(0).unwrap_or(self.uid),
            "setgid" => self.gid = number(0).unwrap_or(self.gid),
            "setreuid" | "setresuid" => self.uid = number(1).unwrap_or(self.uid),
            "setregid" | "setresgid" => self.gid = number(1).unwrap_or(self.gid),
            _ => {}
        }
    }

    fn exec(&mut self) {
        self.descriptors = copy(&self.descriptors, false);
        self.descriptors.borrow_mut().retain(|_, descriptor| !descriptor.closes);
        self.mappings = Rc::default();
    }

    pub(super) fn opened(&self, number: i32) -> Option<Shared<Opened>> {
        self.descriptors.borrow().get(&number).map(|descriptor| Rc::clone(&descriptor.opened))
    }

    /// The number is that of something new.
    pub(super) fn open(&self, number: i32, opened: Opened, closes: bool) {
        let opened = Rc::new(RefCell::new(opened));
        self.descriptors.borrow_mut().insert(number, Descriptor { opened, closes });
    }

    /// The number is that of nothing here.
    pub(super) fn close(&self, number: i32) {
        self.descriptors.borrow_mut().remove(&number);
    }

    /// So is each of these.
    pub(super) fn close_range(&self, first: i64, last: i64) {
        self.descriptors.borrow_mut().retain(|number, _| !(first..=last).contains(&i64::from(*number)));
    }

    /// The number is that of what another number is of.
    pub(super) fn duplicate(&self, from: i32, to: i32, closes: bool) {
        if from == to {
            return;
        }
        match self.opened(from) {
            Some(opened) => {
                self.descriptors.borrow_mut().insert(to, Descriptor { opened, closes });
            }
            None => self.close(to),
        }
    }

    /// Whether another program does not get these.
    pub(super) fn set_closes(&self, first: i64, last: i64, closes: bool) {
        for (number, descriptor) in self.descriptors.borrow_mut().iter_mut() {
            if (first..=last).contains(&i64::from(*number)) {
                descriptor.closes = closes;
            }
        }
    }

    pub(super) fn map(&self, start: u64, len: u64, inode: Disk) {
        self.mappings.borrow_mut().push(Mapping { start, len, inode });
    }

    /// The file that is mapped at an address.
    pub(super) fn mapped(&self, at: u64) -> Option<Disk> {
        let mappings = self.mappings.borrow();
        let holds = |mapping: &&Mapping| mapping.start <= at && at - mapping.start < mapping.len;
        mappings.iter().rev().find(holds).map(|mapping| mapping.inode.clone())
    }
}
