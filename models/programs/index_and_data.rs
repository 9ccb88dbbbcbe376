//! Mistake: a record goes to a file of data, and its place to an index, and the index is made durable before the data: after a
//! crash in between the index names bytes that are not there. Mend: fsync the data before the index is written.
//! Its files are in the folder `data` of the current folder. `index_and_data VARIANT` adds two records, and
//! `index_and_data VARIANT recover` shows all; VARIANT is broken or mended.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;

/// So long is an entry: `start length` in six digits each, and the end of a line.
const ENTRY: usize = 14;

/// Where each record is. An entry that was not wholly written is none, and the next is written there.
fn entries() -> io::Result<Vec<(u64, usize)>> {
    let bytes = match std::fs::read("data/index") {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        bytes => bytes?,
    };
    let entry = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?;
        Some((text.get(..6)?.parse().ok()?, text.get(7..13)?.parse().ok()?))
    };
    Ok(bytes.chunks(ENTRY).map_while(entry).collect())
}

fn show() -> io::Result<()> {
    let entries = entries()?;
    println!("{} records", entries.len());
    for (start, length) in entries {
        let mut record = vec![0; length];
        File::open("data/records")?.read_exact_at(&mut record, start)?;
        println!("{}", String::from_utf8_lossy(&record).escape_default());
    }
    Ok(())
}

fn add(index: &File, data: &File, mended: bool) -> io::Result<()> {
    let entries = entries()?;
    let start = entries.last().map_or(0, |(start, length)| start + *length as u64);
    let record = format!("record {}", entries.len() + 1);
    data.write_all_at(record.as_bytes(), start)?;
    if mended {
        data.sync_all()?;
    }
    let entry = format!("{start:06} {:06}\n", record.len());
    index.write_all_at(entry.as_bytes(), (entries.len() * ENTRY) as u64)?;
    index.sync_all()?;
    data.sync_all()?;
    let mut out = io::stdout();
    writeln!(out, "ok {}", entries.len() + 1)?;
    out.flush()
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(2).is_some_and(|word| word == "recover") {
        return show();
    }
    let open = |path| File::options().write(true).create(true).truncate(false).open(path);
    let (index, data) = (open("data/index")?, open("data/records")?);
    File::open("data")?.sync_all()?;
    let mended = arguments.get(1).is_some_and(|word| word == "mended");
    add(&index, &data, mended)?;
    add(&index, &data, mended)
}
