//! The content of a device: sparse, and shared between copies until written.

use crate::Bytes;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

const PAGE: usize = 4096;

type Page = [u8; PAGE];

/// The content of a device. A page that was never written reads as zeros and takes no memory; a clone costs pointers.
#[derive(Clone, Debug, Default)]
pub struct Image {
    len: Bytes,
    pages: BTreeMap<u64, Arc<Page>>,
}

impl Image {
    /// An image of `len` zero bytes.
    pub fn zeroed(len: Bytes) -> Self {
        Image { len, pages: BTreeMap::new() }
    }

    /// An image of `len` bytes of `FF`, as an erased flash chip is. Its pages share their memory until written.
    pub fn ones(len: Bytes) -> Self {
        let mut image = Image::zeroed(len);
        let page = Arc::new([0xFF; PAGE]);
        let whole = len.0 / PAGE as u64;
        image.pages.extend((0..whole).map(|number| (number, Arc::clone(&page))));
        image.write(Bytes(whole * PAGE as u64), &page[..(len.0 % PAGE as u64) as usize]);
        image
    }

    /// An image with the given content.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut image = Image::zeroed(Bytes::of(bytes.len()));
        image.write(Bytes::ZERO, bytes);
        image
    }

    /// How many bytes the image has.
    pub fn len(&self) -> Bytes {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == Bytes::ZERO
    }

    /// Copies `buf.len()` bytes from `at`.
    ///
    /// # Panics
    /// If the range ends beyond the image.
    pub fn read(&self, at: Bytes, buf: &mut [u8]) {
        self.check(at, buf.len());
        for (page, within, span) in pages(at, buf.len()) {
            let (out, from) = (&mut buf[span.clone()], within);
            match self.pages.get(&page) {
                Some(data) => out.copy_from_slice(&data[from..from + out.len()]),
                None => out.fill(0),
            }
        }
    }

    /// Replaces `data.len()` bytes at `at`. Zeros written to a page that holds nothing take no memory.
    ///
    /// # Panics
    /// If the range ends beyond the image.
    pub fn write(&mut self, at: Bytes, data: &[u8]) {
        self.check(at, data.len());
        for (page, within, span) in pages(at, data.len()) {
            let from = &data[span];
            if !self.pages.contains_key(&page) && from.iter().all(|byte| *byte == 0) {
                continue;
            }
            let to = self.pages.entry(page).or_insert_with(|| Arc::new([0; PAGE]));
            Arc::make_mut(to)[within..within + from.len()].copy_from_slice(from);
        }
    }

    /// Sets a range to zeros.
    ///
    /// # Panics
    /// If the range ends beyond the image.
    pub fn zero(&mut self, at: Bytes, len: Bytes) {
        let end = at.checked_add(len).filter(|end| *end <= self.len);
        assert!(end.is_some(), "{len} at {at} end beyond an image of {}", self.len);
        if len == Bytes::ZERO {
            return;
        }
        let present: Vec<u64> = self.pages.range(span(at, len)).map(|(page, _)| *page).collect();
        for page in present {
            let start = (page * PAGE as u64).max(at.0);
            let end = ((page + 1) * PAGE as u64).min(at.0 + len.0);
            if end - start == PAGE as u64 {
                self.pages.remove(&page);
            } else {
                let within = (start % PAGE as u64) as usize;
                let to = self.pages.get_mut(&page).expect("a page just listed");
                Arc::make_mut(to)[within..within + (end - start) as usize].fill(0);
            }
        }
    }

    /// Whether a range holds only zeros. Takes as long as there are pages in it that were written.
    ///
    /// # Panics
    /// If the range ends beyond the image.
    pub fn is_zero(&self, at: Bytes, len: Bytes) -> bool {
        self.check(at, len.index());
        if len == Bytes::ZERO {
            return true;
        }
        let end = at + len;
        self.pages.range(span(at, len)).all(|(page, data)| {
            let start = page * PAGE as u64;
            let from = at.0.saturating_sub(start).min(PAGE as u64) as usize;
            let upto = end.0.saturating_sub(start).min(PAGE as u64) as usize;
            data[from..upto].iter().all(|byte| *byte == 0)
        })
    }

    /// Changes the length. What lay beyond a shorter length is gone; what is new reads as zeros.
    pub fn resize(&mut self, len: Bytes) {
        if len < self.len {
            self.zero(len, self.len - len);
            // The last page of the old length may have been zeroed only in part, and so is still there.
            self.pages.split_off(&len.0.div_ceil(PAGE as u64));
        }
        self.len = len;
    }

    /// The pages that hold something other than zeros, in order: their position and their 4096 bytes (fewer at the
    /// end of the image).
    pub fn pages(&self) -> impl Iterator<Item = (Bytes, &[u8])> {
        self.pages.iter().filter_map(|(page, data)| {
            let at = page * PAGE as u64;
            let len = PAGE.min((self.len.0 - at) as usize);
            let data = &data[..len];
            data.iter().any(|byte| *byte != 0).then_some((Bytes(at), data))
        })
    }

    /// The whole content.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = vec![0; self.len.index()];
        self.read(Bytes::ZERO, &mut all);
        all
    }

    /// Writes the content to a file that must not be there yet: sparse, what holds only zeros takes no room.
    ///
    /// # Errors
    /// If there is such a file, or it cannot be written.
    pub fn write_new(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let mut file = File::create_new(path)?;
        file.set_len(self.len.0)?;
        for (at, page) in self.pages() {
            file.seek(SeekFrom::Start(at.0))?;
            file.write_all(page)?;
        }
        Ok(file)
    }

    fn check(&self, at: Bytes, len: usize) {
        let end = at.checked_add(Bytes::of(len));
        assert!(
            end.is_some_and(|end| end <= self.len),
            "{len} bytes at {at} end beyond an image of {}",
            self.len
        );
    }
}

impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.pages().eq(other.pages())
    }
}

impl Eq for Image {}

/// The pages that a range has a part of, which is not empty.
fn span(at: Bytes, len: Bytes) -> RangeInclusive<u64> {
    at.0 / PAGE as u64..=(at.0 + len.0 - 1) / PAGE as u64
}

/// Cuts a range into pages: page number, first byte within the page, span within the range.
fn pages(at: Bytes, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let here = at.0 + done as u64;
        let within = (here % PAGE as u64) as usize;
        let span = done..done + (PAGE - within).min(len - done);
        done = span.end;
        Some((here / PAGE as u64, within, span))
    })
}

#[cfg(test)]
mod tests;
