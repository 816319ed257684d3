//! CSV, JSON, charts and terminal tables.
//!
//! A part of `nlsim`, whose front page says how the parts fit together.

pub mod output;

use nlsim_core::{sim, units};
use nlsim_record::{analysis, record};
