use std::process::ExitCode;

fn main() -> ExitCode {
    eqcircuit::cli::main(std::env::args_os().collect())
}
