//! CPU amounts: requests and limits in millicores, usage rates in nanocores, consumed
//! time in nanoseconds of one core.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// A CPU amount in thousandths of a core, the unit of requests and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millicores(pub i64);

impl Millicores {
    /// No CPU at all.
    pub const ZERO: Self = Self(0);

    /// The amount as a number of cores.
    pub fn cores(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl fmt::Display for Millicores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}m", self.0)
    }
}

impl Add for Millicores {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Millicores {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Millicores {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl SubAssign for Millicores {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Sum for Millicores {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// A CPU usage rate in billionths of a core, as metrics-server reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanocores(pub i64);

impl Nanocores {
    /// Millicores rounded up, as `Quantity.MilliValue` reads a value finer than milli.
    #[inline]
    pub fn to_millicores_ceil(self) -> Millicores {
        Millicores(self.0.div_euclid(1_000_000) + i64::from(self.0.rem_euclid(1_000_000) != 0))
    }
}

/// CPU time consumed since some start, in nanoseconds of one core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CpuTime(pub i64);

impl CpuTime {
    /// The amount in core-seconds.
    pub fn core_seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}
