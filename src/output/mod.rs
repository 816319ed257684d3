//! What is made of a recording for people and for other programs.

pub mod chart;
