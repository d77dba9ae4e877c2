//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    hybridctl::cli::run(std::env::args_os())
}
