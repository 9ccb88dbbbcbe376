//! atomic-write-file: a value that is replaced, and is durable then.

use atomic_write_file::AtomicWriteFile;
use std::io::{self, Write};
use std::path::Path;

const FILE: &str = "data/value";

fn recover() -> io::Result<()> {
    if Path::new(FILE).exists() {
        println!("{}", std::fs::read_to_string(FILE)?);
    }
    Ok(())
}

fn run() -> io::Result<()> {
    for number in [1, 2] {
        let mut file = AtomicWriteFile::open(FILE)?;
        write!(file, "value {number}")?;
        file.commit()?;
        println!("ok {number}");
    }
    Ok(())
}

fn main() -> io::Result<()> {
    if std::env::args().nth(1).is_some_and(|argument| argument == "recover") { recover() } else { run() }
}
