//! The points of a sweep in the form in which charts take them.

/// The points of a sweep, as charts need them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SweepTable {
    /// Short names of the parameters.
    pub parameters: Vec<String>,
    /// Names of the figures that are drawn.
    pub metrics: Vec<String>,
    /// The points.
    pub points: Vec<SweepPoint>,
}

/// A point of a sweep.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SweepPoint {
    /// A value per parameter.
    pub values: Vec<String>,
    /// Mean, 5th and 95th percentile over the seeds per figure.
    pub figures: Vec<[f64; 3]>,
}
