//! The block device that a translation layer exports: any range of bytes, made of logical pages.

use super::FtlError;
use super::format::{Lpn, PAGE};
use crashcheck::{BlockDevice, Bytes, DiskError, Label};

/// What differs between translation layers: logical pages, read, written and discarded one by one.
pub trait Translation: Send {
    /// How many logical pages there are.
    fn capacity(&self) -> u32;

    /// The content of a logical page; zeros if it was never written, or discarded since.
    ///
    /// # Errors
    /// If it cannot be read.
    fn load(&mut self, lpn: Lpn) -> Result<Vec<u8>, FtlError>;

    /// Writes a logical page; durable after the next [`settle`](Translation::settle).
    ///
    /// # Errors
    /// If the chip fails or has no room left.
    fn store(&mut self, lpn: Lpn, data: &[u8], label: Option<&Label>) -> Result<(), FtlError>;

    /// Discards logical pages: they read as zeros from now on, and after the next settle for ever.
    ///
    /// # Errors
    /// As [`store`](Translation::store).
    fn trim(&mut self, lpn: Lpn, count: u32) -> Result<(), FtlError>;

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// As [`store`](Translation::store).
    fn settle(&mut self) -> Result<(), FtlError>;

    /// One step of the work that a controller does when nobody waits for it.
    ///
    /// # Errors
    /// As [`store`](Translation::store).
    fn maintain(&mut self, step: u8) -> Result<(), FtlError>;

    /// Whether the chip holds what the format says, and what is in memory is what the chip says.
    ///
    /// # Errors
    /// Says what is not.
    fn check(&mut self) -> Result<(), FtlError>;
}

/// A translation layer as a block device.
pub struct Exported<T>(pub T);

/// The part of a range that lies in one logical page.
struct Part {
    lpn: Lpn,
    /// Where in the page.
    within: std::ops::Range<usize>,
    /// Where in the range.
    of: std::ops::Range<usize>,
}

fn parts(at: Bytes, len: usize) -> impl Iterator<Item = Part> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = at.0 + done as u64;
        let from = (at % PAGE as u64) as usize;
        let take = (PAGE - from).min(len - done);
        let of = done..done + take;
        done += take;
        let lpn = Lpn((at / PAGE as u64) as u32);
        (take > 0).then_some(Part { lpn, within: from..from + take, of })
    })
}

impl<T: Translation> BlockDevice for Exported<T> {
    fn len(&mut self) -> Result<Bytes, DiskError> {
        Ok(Lpn(self.0.capacity()).at())
    }

    fn read(&mut self, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        for Part { lpn, within, of } in parts(at, buf.len()) {
            buf[of].copy_from_slice(&self.0.load(lpn)?[within]);
        }
        Ok(())
    }

    /// A part of a logical page is read, changed and written as a whole (FT-05).
    fn write(&mut self, at: Bytes, data: &[u8], fua: bool, label: Option<&Label>) -> Result<(), DiskError> {
        for Part { lpn, within, of } in parts(at, data.len()) {
            if within.len() == PAGE {
                self.0.store(lpn, &data[of], label)?;
            } else {
                let mut page = self.0.load(lpn)?;
                page[within].copy_from_slice(&data[of]);
                self.0.store(lpn, &page, label)?;
            }
        }
        if fua {
            self.0.settle()?;
        }
        Ok(())
    }

    /// Whole pages are discarded, which reads the same.
    fn write_zeroes(&mut self, at: Bytes, len: Bytes, label: Option<&Label>) -> Result<(), DiskError> {
        let end = at + len;
        let whole_from = Bytes(at.0.next_multiple_of(PAGE as u64)).min(end);
        let whole_to = Bytes(end.0 - end.0 % PAGE as u64).max(whole_from);
        self.discard(whole_from, whole_to - whole_from)?;
        for (from, to) in [(at, whole_from), (whole_to, end)] {
            self.write(from, &vec![0; (to - from).index()], false, label)?;
        }
        Ok(())
    }

    /// A logical page that lies in the range only in part keeps its content.
    fn discard(&mut self, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        let first = at.0.div_ceil(PAGE as u64) as u32;
        let end = ((at + len).0 / PAGE as u64) as u32;
        if end > first {
            self.0.trim(Lpn(first), end - first)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        Ok(self.0.settle()?)
    }
}
