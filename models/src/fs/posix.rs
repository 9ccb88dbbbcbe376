//! What every operation should do: a small model of POSIX over a [`View`].
//!
//! The order in which refusals are checked is part of the model, so that a file system can be held to it:
//! the first name of the operation is resolved and examined before the second; a path is resolved from the root, and
//! the first component that fails decides.
//!
//! Symbolic links on the way to the last component are followed, at most [`LINKS_FOLLOWED_MAX`] of them in all. The
//! last component is followed by write, append, truncate and fsync, and by nothing else. Hard links to symbolic links
//! are refused, as POSIX allows.

use super::{Content, Errno, Fill, FsOp, Node, Path, View};
use crashcheck::Bytes;

/// How many symbolic links one path may lead through.
pub const LINKS_FOLLOWED_MAX: usize = 8;

/// No file of the model is larger; the file systems that are held to it run on much smaller devices.
pub const FILE_SIZE_MAX: Bytes = Bytes(16 << 20);

/// Performs an operation.
///
/// # Errors
/// Why it is refused; the view is then as it was.
pub fn apply(view: &mut View, op: &FsOp) -> Result<(), Errno> {
    let unused = view.paths() as u32;
    perform(view, op, unused)?;
    view.renumber();
    Ok(())
}

/// Performs an operation, and leaves every file the number it has, so that files can be followed from state to state.
/// A new one gets the given number.
///
/// # Errors
/// As [`apply`].
pub(crate) fn perform(view: &mut View, op: &FsOp, new_file: u32) -> Result<(), Errno> {
    match op {
        FsOp::Create(path) => {
            let file = Node::File { content: Vec::new().into(), nlink: 1, group: new_file };
            insert(view, path, file)?;
        }
        FsOp::Mkdir(path) => insert(view, path, Node::Dir)?,
        FsOp::Symlink { target, at } => insert(view, at, Node::Symlink(target.clone()))?,
        FsOp::Rmdir(path) => rmdir(view, path)?,
        FsOp::Unlink(path) => unlink(view, path)?,
        FsOp::Link { from, to } => link(view, from, to)?,
        FsOp::Rename { from, to } => rename(view, from, to)?,
        FsOp::Write { path, at, len, fill } => write(view, path, Some(*at), *len, *fill)?,
        FsOp::Append { path, len, fill } => write(view, path, None, *len, *fill)?,
        FsOp::Truncate { path, len } => truncate(view, path, *len)?,
        FsOp::Fsync(path) => {
            resolve(view, path)?;
        }
        FsOp::Sync => {}
    }
    Ok(())
}

fn insert(view: &mut View, path: &Path, node: Node) -> Result<(), Errno> {
    let name = free_name(view, path)?;
    view.tree_mut().insert(name, node);
    Ok(())
}

/// Where a path leads, symbolic links followed to the end.
///
/// # Errors
/// `ENOENT`, `ENOTDIR` or `ELOOP`, whichever comes first on the way.
pub fn resolve(view: &View, path: &Path) -> Result<Path, Errno> {
    let mut budget = LINKS_FOLLOWED_MAX;
    follow(view, path, &mut budget)
}

fn follow(view: &View, path: &Path, budget: &mut usize) -> Result<Path, Errno> {
    let mut here = Path::root();
    for name in path.components() {
        if view.get(&here) != Some(&Node::Dir) {
            return Err(Errno::ENOTDIR);
        }
        let next = here.join(name);
        here = match view.get(&next).ok_or(Errno::ENOENT)? {
            Node::Symlink(target) => {
                *budget = budget.checked_sub(1).ok_or(Errno::ELOOP)?;
                follow(view, target, budget)?
            }
            _ => next,
        };
    }
    Ok(here)
}

/// The path of an entry after every symbolic link before its name was followed; the entry itself need not exist.
/// `None` for the root.
fn entry(view: &View, path: &Path) -> Result<Option<Path>, Errno> {
    let Some((dir, name)) = path.split() else { return Ok(None) };
    let dir = resolve(view, &dir)?;
    if view.get(&dir) == Some(&Node::Dir) { Ok(Some(dir.join(name))) } else { Err(Errno::ENOTDIR) }
}

/// An entry that exists, and what it leads to.
fn existing(view: &View, path: &Path, root: Errno) -> Result<(Path, Node), Errno> {
    let path = entry(view, path)?.ok_or(root)?;
    let node = view.get(&path).ok_or(Errno::ENOENT)?.clone();
    Ok((path, node))
}

fn free_name(view: &View, path: &Path) -> Result<Path, Errno> {
    let path = entry(view, path)?.ok_or(Errno::EEXIST)?;
    if view.get(&path).is_some() { Err(Errno::EEXIST) } else { Ok(path) }
}

fn rmdir(view: &mut View, path: &Path) -> Result<(), Errno> {
    let (path, node) = existing(view, path, Errno::EBUSY)?;
    if node != Node::Dir {
        return Err(Errno::ENOTDIR);
    }
    if view.below(&path).next().is_some() {
        return Err(Errno::ENOTEMPTY);
    }
    view.tree_mut().remove(&path);
    Ok(())
}

fn unlink(view: &mut View, path: &Path) -> Result<(), Errno> {
    let (path, node) = existing(view, path, Errno::EISDIR)?;
    if node == Node::Dir {
        return Err(Errno::EISDIR);
    }
    remove_name(view, &path);
    Ok(())
}

/// Takes a name away; the other names of its file learn of it.
fn remove_name(view: &mut View, path: &Path) {
    if let Some(Node::File { group, .. }) = view.tree_mut().remove(path) {
        each_name(view, group, |nlink, _| *nlink -= 1);
    }
}

/// Changes the link count and the content of a file under all its names.
fn each_name(view: &mut View, file: u32, mut change: impl FnMut(&mut u32, &mut Content)) {
    for node in view.tree_mut().values_mut() {
        if let Node::File { content, nlink, group } = node
            && *group == file
        {
            change(nlink, content);
        }
    }
}

fn link(view: &mut View, from: &Path, to: &Path) -> Result<(), Errno> {
    let (_, node) = existing(view, from, Errno::EPERM)?;
    let Node::File { content, nlink, group } = node else { return Err(Errno::EPERM) };
    free_name(view, to)?;
    each_name(view, group, |nlink, _| *nlink += 1);
    insert(view, to, Node::File { content, nlink: nlink + 1, group })
}

fn rename(view: &mut View, from: &Path, to: &Path) -> Result<(), Errno> {
    let (from, moving) = existing(view, from, Errno::EBUSY)?;
    let to = entry(view, to)?.ok_or(Errno::EBUSY)?;
    if from == to {
        return Ok(());
    }
    if moving == Node::Dir && to.is_below(&from) {
        return Err(Errno::EINVAL);
    }
    if let Some(replaced) = view.get(&to) {
        match (&moving, replaced) {
            (Node::Dir, Node::Dir) if view.below(&to).next().is_some() => return Err(Errno::ENOTEMPTY),
            (Node::Dir, Node::Dir) => {}
            (Node::Dir, _) => return Err(Errno::ENOTDIR),
            (_, Node::Dir) => return Err(Errno::EISDIR),
            (Node::File { group: moving, .. }, Node::File { group: replaced, .. }) if moving == replaced => {
                return Ok(());
            }
            _ => {}
        }
    }
    remove_name(view, &to);
    let moved: Vec<Path> = view.below(&from).chain([&from]).cloned().collect();
    let tree = view.tree_mut();
    let nodes: Vec<Option<Node>> = moved.iter().map(|path| tree.remove(path)).collect();
    for (path, node) in moved.iter().zip(nodes) {
        tree.extend(node.map(|node| (path.moved(&from, &to), node)));
    }
    Ok(())
}

/// The file that a path leads to.
fn file(view: &View, path: &Path) -> Result<(u32, Content), Errno> {
    match view.get(&resolve(view, path)?) {
        Some(Node::File { content, group, .. }) => Ok((*group, content.clone())),
        _ => Err(Errno::EISDIR),
    }
}

fn write(view: &mut View, path: &Path, at: Option<Bytes>, len: Bytes, fill: Fill) -> Result<(), Errno> {
    let (group, content) = file(view, path)?;
    let at = at.unwrap_or(content.len());
    let end = at.checked_add(len).filter(|end| *end <= FILE_SIZE_MAX).ok_or(Errno::EFBIG)?;
    if len == Bytes::ZERO {
        return Ok(());
    }
    let new = content.with(content.len().max(end).index(), at.index(), &fill.bytes(at, len));
    set_content(view, group, &new);
    Ok(())
}

fn truncate(view: &mut View, path: &Path, len: Bytes) -> Result<(), Errno> {
    let (group, content) = file(view, path)?;
    if len > FILE_SIZE_MAX {
        return Err(Errno::EFBIG);
    }
    set_content(view, group, &content.with(len.index(), 0, &[]));
    Ok(())
}

fn set_content(view: &mut View, file: u32, new: &Content) {
    each_name(view, file, |_, content| content.clone_from(new));
}

#[cfg(test)]
mod tests;
