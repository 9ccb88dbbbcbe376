//! Devices as image files, sparse in both directions: what holds only zeros is neither written nor read.

use crate::disk::Disk;
use crashcheck_trace::{Bytes, Image};
use rustix::fs::{SeekFrom as Sparse, seek};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

const CHUNK: usize = 1 << 20;
const PAGE: usize = 4096;

/// An image file that was given to a command.
pub(super) struct ImageFile {
    pub(super) path: PathBuf,
    /// Which file it was, and how long.
    inode: u64,
    len: u64,
}

impl ImageFile {
    /// Writes what a device holds to a file.
    pub(super) fn of_device(device: &Disk, path: PathBuf) -> std::io::Result<ImageFile> {
        let len = device.len().map_err(std::io::Error::other)?;
        let mut file = File::create(&path)?;
        file.set_len(len.0)?;
        read_device(device, |at, part| {
            if part.iter().all(|byte| *byte == 0) {
                return Ok(());
            }
            file.seek(SeekFrom::Start(at.0))?;
            file.write_all(part)
        })?;
        ImageFile::written(&file, path)
    }

    /// Writes an image to a file.
    pub(super) fn of_image(image: &Image, path: PathBuf) -> std::io::Result<ImageFile> {
        ImageFile::written(&image.write_new(&path)?, path)
    }

    fn written(file: &File, path: PathBuf) -> std::io::Result<ImageFile> {
        let metadata = file.metadata()?;
        Ok(ImageFile { path, inode: metadata.ino(), len: metadata.len() })
    }

    /// What a command did to the file that it cannot do to a device: in words that follow its name. The length may change
    /// only if that of the device can.
    pub(super) fn misused(&self, resizable: bool) -> std::io::Result<Option<String>> {
        let metadata = match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Some("deleted the image".to_owned()));
            }
            metadata => metadata?,
        };
        let kind = metadata.file_type();
        let turned = |what: &str| Ok(Some(format!("turned the image into {what}")));
        match () {
            () if kind.is_symlink() => turned("a symbolic link"),
            () if kind.is_dir() => turned("a directory"),
            () if kind.is_fifo() => turned("a named pipe"),
            () if !kind.is_file() => turned("something that is not a file"),
            () if metadata.ino() != self.inode => {
                Ok(Some("put another file in the place of the image".to_owned()))
            }
            () if metadata.len() != self.len && !resizable => {
                let what = if metadata.len() < self.len { "shrank" } else { "grew" };
                let (from, to) = (Bytes(self.len), Bytes(metadata.len()));
                Ok(Some(format!("{what} the image from {from} to {to}, which a device cannot do")))
            }
            () => Ok(None),
        }
    }

    /// Reads the file as an image that shares what it can with the base.
    pub(super) fn read(&self, base: &Image) -> std::io::Result<Image> {
        let mut file = File::open(&self.path)?;
        let len = file.metadata()?.len();
        let mut image = base.clone();
        image.resize(Bytes(len));
        let (mut new, mut old) = (vec![0; CHUNK], vec![0; CHUNK]);
        let mut here = 0;
        while here < len {
            let data = sparse(&file, Sparse::Data(here))?.unwrap_or(len).min(len);
            image.zero(Bytes(here), Bytes(data - here));
            let end = sparse(&file, Sparse::Hole(data))?.unwrap_or(len).min(len);
            file.seek(SeekFrom::Start(data))?;
            here = data;
            while here < end {
                let part = CHUNK.min((end - here) as usize);
                file.read_exact(&mut new[..part])?;
                image.read(Bytes(here), &mut old[..part]);
                for start in (0..part).step_by(PAGE) {
                    let page = start..part.min(start + PAGE);
                    if new[page.clone()] != old[page.clone()] {
                        image.write(Bytes(here) + Bytes::of(start), &new[page]);
                    }
                }
                here += part as u64;
            }
        }
        Ok(image)
    }
}

/// Reads all of a device that may hold something other than zeros.
pub(super) fn read_device(
    device: &Disk,
    mut take: impl FnMut(Bytes, &[u8]) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    for (mut at, end) in device.occupied() {
        while at < end {
            let part = &mut chunk[..CHUNK.min((end - at).index())];
            device.read(at, part).map_err(std::io::Error::other)?;
            take(at, part)?;
            at += Bytes::of(part.len());
        }
    }
    Ok(())
}

/// Where the next data or the next hole of a file begins; `None` if there is none.
fn sparse(file: &File, what: Sparse) -> std::io::Result<Option<u64>> {
    match seek(file, what) {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
