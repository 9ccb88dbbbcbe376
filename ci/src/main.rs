//! The `crashcheck` command.

fn main() -> std::process::ExitCode {
    crashcheck_cli::main()
}
