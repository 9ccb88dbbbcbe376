//! A crash state as whole images: for tools that want files.

use super::super::overlay::Overlay;
use super::{LazyImage, Left};
use crate::choice::{Choices, Path, Plan, Pole};
use crashcheck_trace::{Bytes, DeviceId, Image};
use std::sync::Arc;

/// Of a device so many bytes are read at a time, or a block, if that is longer.
const PART: u64 = 512;

/// What the running life has made of its devices.
#[derive(Clone)]
pub(super) struct Written {
    overlays: Vec<Overlay>,
    /// The disks of the nodes of a cluster that no crash has touched; they are not in the overlays.
    spared: Vec<(DeviceId, Image)>,
}

/// The devices of a crash state at three moments, and when the power failed at the earliest.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// When the last life before the crash began.
    pub(crate) began: Vec<Image>,
    /// When the last crash had come.
    pub(crate) crashed: Vec<Image>,
    /// When recovery from it had come to its end, well or not.
    pub(crate) recovered: Vec<Image>,
    /// By life, the number of events after which its crash can first leave this.
    pub(crate) earliest: Vec<usize>,
}

impl LazyImage {
    /// Keeps what recovery writes, or does not.
    pub(crate) fn be_kept(&mut self, is_kept: bool) {
        self.is_kept = is_kept;
    }

    /// Recovery has come to its end: keeps what it has written, if somebody wants that. What it writes once more stays out.
    pub(super) fn keep(&mut self) {
        if self.is_kept && self.kept.is_none() {
            self.kept = Some(Written { overlays: self.written.clone(), spared: Vec::new() });
        }
    }

    /// The same, and the disks of nodes that no crash has touched.
    pub(crate) fn keep_spared(&mut self, spared: Vec<(DeviceId, Image)>) {
        self.keep();
        if let Some(kept) = self.kept.as_mut().filter(|kept| kept.spared.is_empty()) {
            kept.spared = spared;
        }
    }

    /// Whether somebody wants the devices.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The devices. What was left open is, in each life, as at the end of the tree that is told with it.
    pub(crate) fn kept(&self, nearest: impl Fn(&Path) -> Pole) -> Kept {
        let poles = (1..=self.life()).map(|life| nearest(&self.path().of_life(life)));
        let poles: Vec<Pole> = poles.collect();
        let now = || Written { overlays: self.written.clone(), spared: Vec::new() };
        let Written { overlays, spared } = self.kept.clone().unwrap_or_else(now);
        let mut recovered = LazyImage { written: overlays, ..self.decided(&poles) }.images();
        spared.into_iter().for_each(|(device, image)| recovered[device.index()] = image);
        let began = match poles.len() - 1 {
            0 => self.left[0].timeline.lines.iter().map(|line| line.base.clone()).collect(),
            before => self.whole(&poles[..before]),
        };
        let earliest = (1..=self.life()).map(|life| self.earliest(life)).collect();
        Kept { began, crashed: self.whole(&poles), recovered, earliest }
    }

    /// Every device as the first lives left it, as many as there are ends of trees: what is undecided of a life is as at its
    /// end, and stays undecided.
    pub(crate) fn whole(&self, ends: &[Pole]) -> Vec<Image> {
        self.decided(ends).images()
    }

    /// The crash state of the first lives, in which everything is decided.
    fn decided(&self, ends: &[Pole]) -> LazyImage {
        let mut image = LazyImage::new(Arc::clone(&self.left[0].timeline));
        let copy = |left: &Left| {
            let states = left.states.clone();
            Left { states, ..Left::new(Arc::clone(&left.timeline), left.epoch) }
        };
        image.left = self.left.iter().take(ends.len()).map(copy).collect();
        image.choices = Choices::new(Plan::replay(Vec::new()));
        image.power_on(false);
        for (below, mine) in image.below.iter_mut().zip(&self.below) {
            *below = (*mine).min(ends.len());
        }
        for (nth, end) in ends.iter().enumerate() {
            image.choices.restart(Plan::pole(*end));
            for cell in image.left[nth].timeline.visible() {
                image.look(nth, cell);
            }
        }
        image
    }

    /// What a user of the devices reads. A block that cannot be read is full of zeros.
    fn images(mut self) -> Vec<Image> {
        let devices = (0..self.devices() as u16).map(DeviceId);
        devices.map(|device| self.image_of(device)).collect()
    }

    fn image_of(&mut self, device: DeviceId) -> Image {
        let len = self.len(device);
        let block = self.first().lines.get(device.index()).map_or(Bytes::ZERO, |line| line.block);
        let (mut image, part) = (self.base(device).cloned().unwrap_or_default(), block.0.max(PART));
        image.resize(len);
        let mut spans = self.occupied(device);
        let written = &self.written[device.index()];
        written
            .spans(true)
            .for_each(|(start, end)| image.zero(start.min(len), end.min(len) - start.min(len)));
        spans.extend(written.spans(false));
        let mut bytes = Vec::new();
        for (mut at, end) in spans {
            let end = end.min(len);
            while at < end {
                let next = end.min(Bytes((at.0 / part + 1) * part));
                bytes.resize((next - at).index(), 0);
                match self.read(device, at, &mut bytes) {
                    Ok(()) => image.write(at, &bytes),
                    Err(_) => image.zero(at, next - at),
                }
                at = next;
            }
        }
        image
    }
}
