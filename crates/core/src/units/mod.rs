//! Quantities with their units as types.
//!
//! CPU is integer millicores (or nanocores where metrics-server reports them), memory is
//! integer bytes, money is US dollars. Conversions that can lose something are named with
//! their rounding.

mod cpu;
mod memory;
mod money;
mod quantity;

pub use cpu::{CpuTime, Millicores, Nanocores};
pub use memory::Bytes;
pub use money::Usd;
pub use quantity::{Quantity, QuantityError, QuantityFormat};
