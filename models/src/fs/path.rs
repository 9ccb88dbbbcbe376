//! Paths: absolute, without `.` and `..`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// The longest name of a directory entry, in bytes.
pub const NAME_LEN_MAX: usize = 55;

/// An absolute path without `.`, `..`, empty components or a slash at its end; the root is `/`.
///
/// In the order of paths a directory comes before what it holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path(Arc<str>);

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathError {
    /// It does not begin with a slash.
    #[error("'{0}' does not begin with '/'")]
    Relative(String),
    /// A component is empty, `.`, `..`, too long, or holds a NUL.
    #[error("'{name}' in '{path}' is no name: 1 to {NAME_LEN_MAX} bytes, not '.' or '..', without NUL")]
    BadName {
        /// The component.
        name: String,
        /// The whole text.
        path: String,
    },
}

impl TryFrom<String> for Path {
    type Error = PathError;

    fn try_from(text: String) -> Result<Path, PathError> {
        Path::parse(&text)
    }
}

impl From<Path> for String {
    fn from(path: Path) -> String {
        path.as_str().to_owned()
    }
}

impl Path {
    /// The root directory.
    pub fn root() -> Path {
        Path(Arc::from("/"))
    }

    /// The path that the text spells.
    ///
    /// # Errors
    /// If it is relative or holds something that is not a name.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        let Some(rest) = text.strip_prefix('/') else { return Err(PathError::Relative(text.to_owned())) };
        if let Some(name) = rest.split('/').find(|name| !rest.is_empty() && !is_name(name)) {
            return Err(PathError::BadName { name: name.to_owned(), path: text.to_owned() });
        }
        Ok(Path(Arc::from(text)))
    }

    /// The path that a literal spells.
    ///
    /// # Panics
    /// If it spells none.
    pub fn of(text: &'static str) -> Path {
        Path::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root directory.
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// The names on the way from the root.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// The directory and the name within it; `None` for the root.
    pub fn split(&self) -> Option<(Path, &str)> {
        if self.is_root() {
            return None;
        }
        let (dir, name) = self.0.rsplit_once('/')?;
        let dir = if dir.is_empty() { Path::root() } else { Path(Arc::from(dir)) };
        Some((dir, name))
    }

    /// The path of an entry of this directory.
    #[must_use]
    pub fn join(&self, name: &str) -> Path {
        let dir = if self.is_root() { "" } else { &*self.0 };
        Path([dir, "/", name].concat().into())
    }

    /// Whether this path lies below `dir`, at any depth.
    pub fn is_below(&self, dir: &Path) -> bool {
        match self.0.strip_prefix(&*dir.0) {
            Some(rest) => !rest.is_empty() && (dir.is_root() || rest.starts_with('/')),
            None => false,
        }
    }

    /// The same path after the directory `from` above it (or it itself) was renamed to `to`.
    pub(crate) fn moved(&self, from: &Path, to: &Path) -> Path {
        let rest = self.0.strip_prefix(&*from.0).unwrap_or_default();
        Path(format!("{to}{rest}").into())
    }
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= NAME_LEN_MAX && !name.contains('\0')
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_knows_its_directory_and_its_name() {
        let path = Path::of("/d/e/f");
        assert_eq!(path.split(), Some((Path::of("/d/e"), "f")));
        assert_eq!(Path::of("/d").split(), Some((Path::root(), "d")));
        assert_eq!(Path::root().split(), None);
        assert_eq!(path.components().collect::<Vec<_>>(), ["d", "e", "f"]);
        assert_eq!(Path::root().components().count(), 0);
    }

    #[test]
    fn a_sibling_whose_name_begins_alike_is_not_below() {
        assert!(Path::of("/a/b").is_below(&Path::of("/a")));
        assert!(Path::of("/a").is_below(&Path::root()));
        assert!(!Path::of("/ab").is_below(&Path::of("/a")));
        assert!(!Path::of("/a").is_below(&Path::of("/a")));
    }

    #[test]
    fn text_that_is_no_path_is_refused() {
        assert_eq!(Path::parse("a"), Err(PathError::Relative("a".into())));
        for bad in [
            "//",
            "/a/",
            "/a//b",
            "/.",
            "/a/../b",
            "/\0",
            "/0123456789012345678901234567890123456789012345678901234x",
        ] {
            assert!(matches!(Path::parse(bad), Err(PathError::BadName { .. })), "{bad:?} was taken");
        }
    }
}
