//! After mysticeti 219 and surrealdb 5001: replay panics on a torn record at the end of the log.

use super::common::{assert_survives, device, explored, found, padded, read, run, sealed, start, unsealed};
use crashcheck::outcome::Verdict;
use crashcheck::{Ack, Device, Disk, Explorer, Profile, Result, System, explore, summary};

/// A log whose record is one write of two blocks: a header that says what the body must be, and the body.
///
/// A header with another body is taken for damage, and replay panics. But a torn write leaves the same behind. The repaired
/// form takes it for the end of the log. A record is durable before the next is written, so that there is never one behind
/// the end that could come back.
struct TornTail {
    repaired: bool,
}

struct Open {
    disk: Disk,
    values: Vec<u8>,
}

/// Where the record with this number begins.
fn block(number: usize) -> u64 {
    2 * number as u64
}

impl System for TornTail {
    type Op = u8;
    type Live = Open;
    type View = Vec<u8>;

    fn devices(&self) -> Vec<Device> {
        vec![device("disk", 32)]
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        let mut values = Vec::new();
        while let Some([value_in_header]) = unsealed(&read(&disk, block(values.len()))?) {
            let [value, ..] = read(&disk, block(values.len()) + 1)?;
            if value != value_in_header {
                assert!(self.repaired, "record {} of the log does not check", values.len());
                break;
            }
            values.push(value);
        }
        Ok(Open { disk, values })
    }

    fn apply(&self, open: &mut Open, value: &u8) -> Result<Ack> {
        let record = [padded(&sealed(&[*value])), padded(&[*value])].concat();
        open.disk.labelled("record").write(start(block(open.values.len())), &record)?;
        open.disk.flush()?;
        open.values.push(*value);
        Ok(Ack::Durable)
    }

    fn view(&self, open: &mut Open) -> Result<Vec<u8>> {
        Ok(open.values.clone())
    }

    fn model(&self, values: &mut Vec<u8>, value: &u8) {
        values.push(*value);
    }
}

const VALUES: [u8; 3] = [1, 2, 3];

fn where_writes_are_torn(repaired: bool) -> Explorer<TornTail> {
    explore(TornTail { repaired }).profile(Profile::named("torn").expect("a built-in profile"))
}

#[test]
fn a_torn_record_that_replay_panics_on_is_found_where_writes_are_torn() {
    let exploration = run(where_writes_are_torn(false), VALUES);
    let finding = found(&exploration, "recovers");
    assert!(finding.detail.contains("record 0 of the log does not check"), "{finding}");
    assert_eq!(finding.writes[0].fate, "torn: bytes 0 to 511 survived, 512 to 1023 lost");
}

#[test]
fn where_writes_are_whole_it_is_said_that_they_were_not_torn() {
    let exploration = explored(TornTail { repaired: false }, VALUES);
    assert_eq!(exploration.verdict, Verdict::Survived, "{:#?}", exploration.findings);
    let says_so = |text: &str| text.contains("none was torn") && text.contains("--profile torn");
    assert!(exploration.notes.iter().any(|note| says_so(note)), "{:?}", exploration.notes);
    assert!(says_so(&summary(&exploration)), "{}", summary(&exploration));
}

#[test]
fn a_replay_that_ends_at_a_torn_record_survives() {
    let exploration = run(where_writes_are_torn(true), VALUES);
    assert_survives(&exploration);
    assert!(!summary(&exploration).contains("none was torn"));
}
