//! The `nlsim` binary.

/// A run makes and forgets many small things: what it takes to find room for them counts.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    nlsim::cli::main()
}
