//! A thread that goes on writing after recovery has returned is noticed and said: no crash state holds for certain what it
//! writes.

use crashcheck::outcome::Exploration;
use crashcheck::{Ack, Bytes, Disk, Result, System, explore};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// A block that holds the last number written to it, and one that a thread counts its starts in.
struct Counting {
    /// Whether `open` waits for the thread.
    waits: bool,
}

struct Live {
    disk: Disk,
    thread: Option<(Sender<()>, Receiver<()>)>,
}

impl System for Counting {
    type Op = u8;
    type Live = Live;
    type View = u8;

    fn open(&self, disk: Disk) -> Result<Live> {
        let ((go, gone), (tell, told)) = (channel::<()>(), channel());
        let background = disk.clone();
        let thread = thread::spawn(move || {
            // Nobody may be there any more.
            let _ = gone.recv();
            let done = background.write(Bytes(4096), &[1; 512]);
            let _ = tell.send(());
            done
        });
        if !self.waits {
            return Ok(Live { disk, thread: Some((go, told)) });
        }
        drop(go);
        thread.join().expect("it does not panic")?;
        Ok(Live { disk, thread: None })
    }

    fn apply(&self, live: &mut Live, op: &u8) -> Result<Ack> {
        live.disk.write(Bytes(0), &[*op; 512])?;
        live.disk.flush()?;
        Ok(Ack::Durable)
    }

    fn view(&self, live: &mut Live) -> Result<u8> {
        // The thread writes after `open` has returned, and before anything is judged.
        if let Some((go, told)) = live.thread.take() {
            go.send(())?;
            told.recv()?;
        }
        let mut block = [0; 512];
        live.disk.read(Bytes(0), &mut block)?;
        Ok(block[0])
    }

    fn model(&self, view: &mut u8, op: &u8) {
        *view = *op;
    }
}

fn explored(waits: bool) -> Exploration {
    explore(Counting { waits }).workload([1, 2, 3]).run().expect("works without a crash")
}

fn is_said(exploration: &Exploration) -> bool {
    exploration.notes.iter().any(|note| note.contains("used the devices after recovery had returned"))
}

#[test]
fn a_thread_that_goes_on_after_recovery_is_said() {
    let exploration = explored(false);
    assert!(is_said(&exploration), "{:?}", exploration.notes);
}

#[test]
fn a_thread_that_recovery_waits_for_is_nobodys_business() {
    let exploration = explored(true);
    assert!(exploration.verdict.is_clean(), "{exploration:#?}");
    assert!(!is_said(&exploration), "{:?}", exploration.notes);
}
