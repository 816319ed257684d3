//! The `nlsim` binary: parses the command line and hands over to [`nlsim::cli`].
fn main() {}
