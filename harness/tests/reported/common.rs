//! What the protocols share: blocks of a disk, content with a checksum, and what is asserted of an exploration.

use crashcheck::outcome::{Exploration, Finding, Place, Verdict};
use crashcheck::{Bytes, Device, Disk, Explorer, Result, Shrink, System, explore};
use std::ops::Range;

const BLOCK: usize = 512;

pub(crate) type Block = [u8; BLOCK];

/// A disk of so many blocks, all zero.
pub(crate) fn device(name: &str, blocks: u64) -> Device {
    Device::zeroed(name, Bytes::of(BLOCK), start(blocks))
}

/// Where a block begins.
pub(crate) fn start(block: u64) -> Bytes {
    Bytes(block * BLOCK as u64)
}

pub(crate) fn read(disk: &Disk, block: u64) -> Result<Block> {
    let mut content = [0; BLOCK];
    disk.read(start(block), &mut content)?;
    Ok(content)
}

/// Writes one block, which ends with zeros.
pub(crate) fn write(disk: &Disk, block: u64, content: &[u8]) -> Result<()> {
    Ok(disk.write(start(block), &padded(content))?)
}

/// The content of a block that ends with zeros.
pub(crate) fn padded(content: &[u8]) -> Block {
    let mut block = [0; BLOCK];
    block[..content.len()].copy_from_slice(content);
    block
}

/// Sets those of the blocks to zero that are not, and makes that durable.
pub(crate) fn clear(disk: &Disk, blocks: Range<u64>) -> Result<()> {
    for block in blocks {
        if read(disk, block)? != [0; BLOCK] {
            write(&disk.labelled("clear"), block, &[])?;
        }
    }
    Ok(disk.flush()?)
}

/// The content and its checksum.
pub(crate) fn sealed(content: &[u8]) -> Vec<u8> {
    [content, &checksum(content).to_le_bytes()].concat()
}

/// The content of a block that [`sealed`] has made, if it checks.
pub(crate) fn unsealed<const LENGTH: usize>(block: &[u8]) -> Option<[u8; LENGTH]> {
    let content = block.first_chunk::<LENGTH>()?;
    block[LENGTH..].starts_with(&checksum(content).to_le_bytes()).then_some(*content)
}

/// FNV-1a, which is not 0 for zeros.
fn checksum(content: &[u8]) -> u32 {
    content.iter().fold(0x811C_9DC5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Explores with nothing said but the system and its workload, and shrinks what is found.
pub(crate) fn explored<S: System + 'static>(
    system: S,
    operations: impl IntoIterator<Item = S::Op>,
) -> Exploration {
    run(explore(system), operations)
}

/// Explores as it was told to, and shrinks what is found.
pub(crate) fn run<S: System + 'static>(
    explorer: Explorer<S>,
    operations: impl IntoIterator<Item = S::Op>,
) -> Exploration {
    let explorer = explorer.without_regressions().shrink(Shrink::default());
    explorer.workload(operations).run().expect("the system works without a crash")
}

/// Nothing is found in any life, and nothing was left out.
pub(crate) fn assert_survives(exploration: &Exploration) {
    assert_eq!(exploration.verdict, Verdict::Survived, "{:#?}", exploration.findings);
    let coverage = &exploration.coverage;
    assert!(coverage.complete && coverage.later.iter().all(|life| life.complete), "{coverage:#?}");
}

/// The writes that the cause names had been issued when the power failed in the state that is told.
pub(crate) fn assert_cause_is_of_the_state(exploration: &Exploration) {
    let numbers = |text: &str| -> Vec<u32> {
        let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
        text.split('#').skip(1).filter_map(|rest| digits(rest).parse().ok()).collect()
    };
    for finding in exploration.findings.iter().filter(|finding| !finding.lives.is_empty()) {
        let why = finding.cause.as_ref().and_then(|cause| cause.why.as_deref()).unwrap_or_default();
        let failed = finding.lives.last().map(|life| numbers(&life.crash_point)).unwrap_or_default();
        let last = failed.first().copied().unwrap_or_default();
        assert!(numbers(why).iter().all(|named| *named <= last), "{why}\n{finding}");
    }
}

/// What a later life did again, and what was replaced before the crash, did not come back.
pub(crate) fn assert_nothing_comes_back(exploration: &Exploration) {
    let promises: Vec<&str> = exploration.findings.iter().map(|finding| finding.promise.as_str()).collect();
    assert!(!promises.contains(&"no-resurrection"), "{promises:?}");
}

/// The first finding, which breaks this promise.
pub(crate) fn found<'a>(exploration: &'a Exploration, promise: &str) -> &'a Finding {
    assert_eq!(exploration.verdict, Verdict::Lost);
    let finding = &exploration.findings[0];
    assert_eq!(finding.promise, promise, "{finding}");
    finding
}

/// Of each of these pairs of writes, told by their labels, the first should have been durable before the second, which is
/// the same in all; and a flush of the device before that mends it so that nothing is found any more.
pub(crate) fn assert_missing(finding: &Finding, edges: &[(&str, &str)], device: &str) {
    let cause = finding.cause.as_ref().expect("it is looked for by default");
    let missing: Vec<_> =
        cause.missing.iter().map(|order| (label(&order.before), label(&order.after))).collect();
    assert_eq!(missing, edges, "{finding}");
    let fix = cause.fix.as_ref().expect("a flush mends it");
    let flushes: Vec<_> =
        fix.flushes.iter().map(|flush| (flush.device.as_str(), label(&flush.before))).collect();
    assert_eq!(flushes, [(device, edges[0].1)], "{finding}");
    assert!(fix.clean, "{finding}");
}

/// What the system calls a write.
fn label(place: &Place) -> &str {
    place.what.split(", ").next().unwrap_or_default()
}
