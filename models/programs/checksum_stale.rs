//! Mistake: a value has a block with its checksum, and that is written and made durable before the value itself: after a crash
//! in between the checksum is one of bytes that are not there. Mend: the value first, and then its checksum. Values take two
//! places in turn, so that the one before is not overwritten.
//! Its files are in the folder `data` of the current folder. `checksum_stale VARIANT` sets the value twice, and
//! `checksum_stale VARIANT recover` shows it; VARIANT is broken or mended.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// The size of a block; each place is one with a checksum, and one with the value.
const BLOCK: u64 = 4096;

/// So much of a block is used.
const USED: usize = 32;

fn checksum(value: &[u8; USED]) -> u64 {
    value.iter().fold(1, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

fn read(file: &File, block: u64) -> io::Result<[u8; USED]> {
    let mut bytes = [0; USED];
    file.read_exact_at(&mut bytes, block * BLOCK)?;
    Ok(bytes)
}

/// The number and the checksum of the last value.
fn last(file: &File) -> io::Result<(u64, u64)> {
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let headers = [read(file, 0)?, read(file, 2)?];
    let headers = headers.map(|header| (number(&header[..8]), number(&header[8..16])));
    Ok(headers[0].max(headers[1]))
}

fn show() -> io::Result<()> {
    let file = match File::open("data/value") {
        Ok(file) if file.metadata()?.len() == 4 * BLOCK => file,
        _ => return Ok(println!("no value")),
    };
    let (nth, sum) = last(&file)?;
    let value = read(&file, nth % 2 * 2 + 1)?;
    if nth > 0 && checksum(&value) != sum {
        return Err(io::Error::other("the checksum of data/value is wrong"));
    }
    Ok(println!("{}", if nth > 0 { String::from_utf8_lossy(&value) } else { "no value".into() }))
}

fn set(file: &File, mended: bool) -> io::Result<()> {
    let nth = last(file)?.0 + 1;
    let (mut value, mut header) = ([b' '; USED], [0; USED]);
    write!(&mut value[..], "value {nth}")?;
    header[..8].copy_from_slice(&nth.to_le_bytes());
    header[8..16].copy_from_slice(&checksum(&value).to_le_bytes());
    let (first, second) = ((header, nth % 2 * 2), (value, nth % 2 * 2 + 1));
    let order = if mended { [second, first] } else { [first, second] };
    for (bytes, block) in order {
        file.write_all_at(&bytes, block * BLOCK)?;
        file.sync_all()?;
    }
    let mut out = io::stdout();
    writeln!(out, "ok {nth}")?;
    out.flush()
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(2).is_some_and(|word| word == "recover") {
        return show();
    }
    let file = File::options().read(true).write(true).create(true).truncate(false).open("data/value")?;
    file.set_len(4 * BLOCK)?;
    file.sync_all()?;
    File::open("data")?.sync_all()?;
    let mended = arguments.get(1).is_some_and(|word| word == "mended");
    set(&file, mended)?;
    set(&file, mended)
}
