//! The simulation kernel: time, the event queue, named random streams and distributions.
//!
//! It knows nothing of Kubernetes. Three rules make every run repeatable:
//!
//! 1. Time is integer nanoseconds ([`SimTime`], [`SimDuration`]).
//! 2. Events come out of the [`EventQueue`] in a total order: time, then the order in
//!    which they were scheduled.
//! 3. Every source of randomness draws from its own [`Stream`], derived from the
//!    scenario's seed and a stable name, so that a change in one place does not reshuffle
//!    the draws of another.

mod arena;
mod counts;
pub mod cron;
mod dist;
mod queue;
mod random;
mod time;
pub mod work;
mod zone;

pub use arena::{Arena, Key};
pub use counts::{Counts, Group, LONGEST, histogram, place};
pub use dist::{Dist, DistError};
pub use queue::{EventId, EventQueue, MOST_PENDING, Place};
pub use random::{Stream, Streams, fingerprint};
pub use time::{DurationError, SimDuration, SimTime};
pub use zone::Zone;
