//! How the cost of a state grows with the trace that it is one of: not at all.

use super::instance::{Instance, Kind, Lived, Recovered, Shows};
use super::leaf::Job;
use super::memo::Memo;
use super::naming::Naming;
use super::options::Options;
use super::run::{Context, Runner};
use super::shown::{Past, Shown};
use crate::choice::{Plan, Pole};
use crate::disk::Disk;
use crate::judge::{Violation, Window};
use crate::media::steps;
use crashcheck_trace::{Bytes, Device, DeviceId, Event, Payload, Reach, Trace};
use std::sync::{Arc, RwLock};

const SECTOR: u64 = 512;

/// A recovery that looks at a few of so many sectors.
struct Glance(u64);

impl Instance for Glance {
    fn live(&self, disk: &Disk) -> Lived {
        let (disk, mut shown, mut sector) = (disk.power_on(), Vec::new(), [0; SECTOR as usize]);
        for nth in [0, 1, self.0 / 2, self.0 - 1] {
            disk.read(Bytes(nth * SECTOR), &mut sector).expect("power");
            shown.push(sector[0]);
        }
        let kind = Kind { found: None, shows: Shows::Words("".into()) };
        Lived::last(Recovered { shown: Ok(Shown::new(shown)), after: Ok(()), kind })
    }

    fn judge(&self, _: &Shown, _: Option<&Past>, _: Window) -> Result<(), Violation> {
        Ok(())
    }

    fn promises(&self) -> Vec<&'static str> {
        vec!["recovers"]
    }
}

/// Writes that wait, and as many that are durable at once.
fn context(n: u64) -> Arc<Context> {
    let write = |nth: u64| {
        let (at, data) = (Bytes(nth * SECTOR), Payload::from(&[nth as u8 | 1; SECTOR as usize][..]));
        Event::Write { device: DeviceId(0), at, data, fua: (nth >= n).then_some(Reach::All), label: None }
    };
    let disk = Device::zeroed("disk", Bytes(SECTOR), Bytes(2 * n * SECTOR));
    let trace = Trace { devices: vec![disk], events: (0..2 * n).map(write).collect() };
    Arc::new(Context::new(Glance(2 * n), Naming::default(), Arc::new(trace), &Options::default()))
}

#[test]
fn a_state_costs_what_is_read_of_it_however_long_the_trace_is() {
    let cost = |n| {
        let context = context(n);
        let last = context.timeline.epochs.len() as u32 - 1;
        let mut runner = Runner::new(Arc::clone(&context), Arc::new(RwLock::new(Memo::new())));
        steps::of(|| {
            for (epoch, pole) in [0, last / 2, last].into_iter().zip(Pole::BOTH.into_iter().cycle()) {
                let leaf = runner.run(&Job::of_workload(epoch, Plan::pole(pole)), false);
                assert!(!leaf.expect("nobody watches").path.is_empty());
            }
        })
    };
    assert!(cost(100) > 0, "no step is counted");
    assert_eq!(cost(100), cost(1000));
}
