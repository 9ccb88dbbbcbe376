//! [`std::fs`] once more, item for item, for a store that is to be tested: exchange one `use`.
//!
//! ```text
//! #[cfg(not(test))]
//! use std::fs;
//! #[cfg(test)]
//! use crashcheck::fs;
//! ```
//!
//! A path that begins with that of a [`Mount`] is looked up in the tree of files of a machine, whichever thread asks; all others
//! are those of this computer, as ever. Errors are of the kind that Linux gives. What a crash cannot change is simple here: files
//! have no owner, no permissions and no times.
//!
//! ```
//! use crashcheck::{Ack, Device, Disk, Result, System, explore, fs};
//! use std::io::Write;
//!
//! /// A number in a file. As a program it would be given the directory; here a crash state is mounted for it.
//! struct Counter;
//!
//! impl System for Counter {
//!     type Op = u8;
//!     type Live = fs::Mount;
//!     type View = String;
//!
//!     fn devices(&self) -> Vec<Device> {
//!         vec![Device::directory(".")]
//!     }
//!
//!     fn open(&self, disk: Disk) -> Result<fs::Mount> {
//!         Ok(fs::mount(&disk)?)
//!     }
//!
//!     fn apply(&self, data: &mut fs::Mount, number: &u8) -> Result<Ack> {
//!         let mut file = fs::File::create(data.path().join("number.new"))?;
//!         write!(file, "{number}")?;
//!         file.sync_all()?;
//!         fs::rename(data.path().join("number.new"), data.path().join("number"))?;
//!         fs::File::open(data.path())?.sync_all()?; // Without it the name is lost.
//!         Ok(Ack::Durable)
//!     }
//!
//!     fn view(&self, data: &mut fs::Mount) -> Result<String> {
//!         match fs::read_to_string(data.path().join("number")) {
//!             Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
//!             number => Ok(number?),
//!         }
//!     }
//!
//!     fn model(&self, view: &mut String, number: &u8) {
//!         *view = number.to_string();
//!     }
//! }
//!
//! explore(Counter).workload([1, 2, 3]).check();
//! ```

mod file;
mod mount;
mod names;

pub use file::{File, FileExt, OpenOptions};
pub use mount::{Mount, mount};
pub use names::{
    DirEntry, FileType, Metadata, ReadDir, copy, create_dir, create_dir_all, exists, hard_link, metadata,
    read, read_dir, read_link, read_to_string, remove_dir, remove_dir_all, remove_file, rename, symlink,
    symlink_metadata, write,
};
