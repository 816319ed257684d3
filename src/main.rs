//! The `nlsim` binary.

fn main() -> std::process::ExitCode {
    nlsim::cli::main()
}
