//! What happened in one life, laid out once under one profile.

use super::block::pieces;
use super::cell::CellId;
use super::cluster::{Outlived, Script, raise_cluster};
use super::date::date;
use super::fault::{self, Faults};
use super::layout::Layout;
use super::phases::Phases;
use super::silent::Silent;
use super::sweep::Sweep;
use crate::profile::{self, Profile};
use crate::window::Window;
use crate::wire::Wire;
use crashcheck_trace::{Device, DeviceKind, Event, Image, NandChip, OpId, Trace};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

/// What happened in one life, laid out once under one profile.
pub(crate) struct Timeline {
    layout: Layout,
    pub(super) faults: Faults,
    /// The groups of all epochs.
    pub(super) phases: Phases,
    /// The devices as later lives record on them: what they hold is below.
    pub(crate) blank: Arc<[Device]>,
    /// What a crash after n events allows; one longer than the trace.
    pub(crate) windows: Vec<Window>,
    /// The nodes of the cluster before the first event, if it is one.
    pub(crate) wire: Wire,
    /// The crash before the first event, if there was one.
    pub(crate) outlived: Outlived,
    /// What crash states are made from if nodes crash one by one.
    pub(crate) script: Option<Script>,
}

impl Deref for Timeline {
    type Target = Layout;

    fn deref(&self) -> &Layout {
        &self.layout
    }
}

impl Timeline {
    pub(crate) fn new(trace: &Trace, profile: &Profile) -> Timeline {
        Timeline::of_life(trace, profile, 1, Outlived::default())
    }

    /// Lays out a later life. What fails beside the power does so in the first.
    pub(crate) fn later(trace: &Trace, usual: &Profile, life: u8, outlived: Outlived) -> Timeline {
        let profile = Profile { faults: profile::Faults::default(), ..usual.clone() };
        Timeline::of_life(trace, &profile, life, outlived)
    }

    /// The cell to look at before anything else.
    pub(crate) fn first_look(&self) -> Option<CellId> {
        self.script.as_ref().map(Script::first_look)
    }

    fn of_life(trace: &Trace, profile: &Profile, life: u8, outlived: Outlived) -> Timeline {
        let mut layout = Layout::new(trace, pieces(trace, profile, life), profile, life);
        let wire = Wire::new(&trace.devices);
        let spans = date(&mut layout, trace, &wire);
        let (flags, script) = raise_cluster(&mut layout, trace, &spans, &outlived.down);
        let sites = fault::sites(trace, profile);
        let first = layout.add_flags(&sites);
        layout.add_silent(|layout, first| Silent::new(layout, trace, first));
        let faults = Faults::new(&mut layout, first, sites);
        // A crash of a cluster comes at the end of an epoch.
        let at_end = script.is_some();
        layout.contents.finish();
        layout.begin_epochs(spans.iter().map(|span| (if at_end { span.upto } else { span.from }, span.upto)));
        let mut phases = Sweep::run(&layout, spans.len() as u32, flags);
        faults.add_phases(&layout, &mut phases);
        Timeline {
            phases: phases.finish(spans.len()),
            layout,
            faults,
            blank: trace.devices.iter().map(blank).collect(),
            windows: windows(trace),
            wire,
            outlived,
            script,
        }
    }
}

/// A device as a later life finds it: as long and of the same kind, holding nothing of its own.
fn blank(device: &Device) -> Device {
    let kind = match &device.kind {
        DeviceKind::Nand(chip) => DeviceKind::Nand(NandChip { erases: BTreeMap::new(), ..chip.clone() }),
        other => other.clone(),
    };
    Device { base: Image::zeroed(device.base.len()), kind, ..device.clone() }
}

/// What a crash after n events allows. Where the first mark is not the begin of the first operation, the trace begins in
/// the middle of a workload, and the marks before its first other event say where.
fn windows(trace: &Trace) -> Vec<Window> {
    let mut window = Window { durable: 0, begun: 0 };
    let mut windows = vec![window];
    let is_mark = |event: &&Event| event.device().is_none();
    let mut marks =
        trace.events.iter().filter(|event| matches!(event, Event::Begin { .. } | Event::Ack { .. }));
    let in_the_middle = !matches!(marks.next(), None | Some(Event::Begin { op: OpId(0), .. }));
    let leading = trace.events.iter().take_while(is_mark).count();
    for (index, event) in trace.events.iter().enumerate() {
        match event {
            Event::Begin { op, .. } => window.begun = window.begun.max(op.index() + 1),
            Event::Ack { op, durable: true } => window.durable = window.durable.max(op.index() + 1),
            Event::Write { .. }
            | Event::WriteZeroes { .. }
            | Event::Discard { .. }
            | Event::Resize { .. }
            | Event::Names { .. }
            | Event::Program { .. }
            | Event::Erase { .. }
            | Event::Flush { .. }
            | Event::FlushFailed { .. }
            | Event::Ack { .. }
            | Event::Mark { .. }
            | Event::Send { .. }
            | Event::Deliver { .. }
            | Event::Down { .. }
            | Event::Up { .. } => {}
        }
        window.begun = window.begun.max(window.durable);
        windows.push(window);
        if in_the_middle && index + 1 == leading {
            windows.fill(window);
        }
    }
    windows
}
