//! The `crashcheck` command.

fn main() {}
