//! The Job controller: so many pods at once until enough have succeeded, with a back-off
//! after failures; follows `pkg/controller/job`, and `pkg/controller/ttlafterfinished` for
//! Jobs that go by themselves.

mod adapter;
mod backoff;
mod indexes;
mod policy;
mod spec;
mod sync;
mod view;

#[cfg(test)]
mod tests;

pub use adapter::{Controller, Event};
pub use indexes::Indexes;
pub use policy::{FailureAction, FailureAsks, FailureRule, SuccessRule};
pub use spec::{JobCondition, JobConditionType, JobEnd, JobSpec, JobStatus};
pub use view::PodIndex;
