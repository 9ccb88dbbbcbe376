//! The disks of a cluster whose nodes crash one by one: of those that went down as the crash left them, of the others as
//! they wrote them.

use super::backing::Backing;
use super::run::Run;
use crate::error::DiskError;
use crate::media::LazyImage;
use crashcheck_trace::{Bytes, DeviceId, Event, Label, Payload, Reach};

impl Backing for Run {
    fn devices(&self) -> usize {
        self.disks.len()
    }

    fn len(&mut self, device: DeviceId) -> Result<Bytes, DiskError> {
        Ok(match self.has_crashed(device) {
            true => self.image.len(device),
            false => self.disks[device.index()].len(),
        })
    }

    fn read(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        if self.has_crashed(device) {
            return self.image.read(device, at, buf).map_err(|at| DiskError::Unreadable { device, at });
        }
        self.disks[device.index()].read(at, buf);
        Ok(())
    }

    fn write(
        &mut self,
        device: DeviceId,
        at: Bytes,
        data: &[u8],
        fua: Option<Reach>,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        match self.has_crashed(device) {
            true => self.image.write(device, at, Payload::from(data).into(), fua, label),
            false => {
                self.disks[device.index()].write(at, data);
                let (data, label) = (Payload::from(data), label.cloned());
                self.image.note(Event::Write { device, at, data, fua, label });
            }
        }
        self.follow(|event| {
            let Event::Write { device: on, at: there, data: content, fua: forced, .. } = event else {
                return false;
            };
            (*on, *there, content.as_slice(), *forced) == (device, at, data, fua)
        });
        Ok(())
    }

    fn zero(
        &mut self,
        device: DeviceId,
        at: Bytes,
        len: Bytes,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        match self.has_crashed(device) {
            true => self.image.zero(device, at, len, label),
            false => {
                self.disks[device.index()].zero(at, len);
                let label = label.cloned();
                self.image.note(Event::WriteZeroes { device, at, len, fua: None, label });
            }
        }
        let is_like = |event: &Event| {
            matches!(event, Event::WriteZeroes { .. }) && event.range() == Some((device, at, len))
        };
        self.follow(is_like);
        Ok(())
    }

    fn discard(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> Result<(), DiskError> {
        match self.has_crashed(device) {
            true => self.image.discard(device, at, len),
            false => self.image.note(Event::Discard { device, at, len }),
        }
        self.follow(|event| *event == Event::Discard { device, at, len });
        Ok(())
    }

    fn resize(&mut self, device: DeviceId, len: Bytes) -> Result<(), DiskError> {
        match self.has_crashed(device) {
            true => self.image.resize(device, len),
            false => {
                let disk = &mut self.disks[device.index()];
                self.image.note_length(device, disk.len(), len);
                disk.resize(len);
            }
        }
        self.follow(|event| *event == Event::Resize { device, len });
        Ok(())
    }

    fn flush(&mut self, device: DeviceId, reach: Reach) -> Result<(), DiskError> {
        self.image.flush(device, reach);
        self.follow(|event| *event == Event::Flush { device, except: Vec::new(), reach });
        Ok(())
    }

    fn is_noted(&self) -> bool {
        true
    }

    fn note(&mut self, event: Event) {
        self.note(event);
    }

    fn note_recovered(&mut self) {
        self.note_recovered();
    }

    fn image(&mut self) -> Option<&mut LazyImage> {
        Some(&mut self.image)
    }

    fn into_image(self: Box<Self>) -> Option<Box<LazyImage>> {
        Some((*self).end())
    }

    fn run(&mut self) -> Option<&mut Run> {
        Some(self)
    }
}
