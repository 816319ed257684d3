//! What happened in a run, as it happens.

mod request;

pub use request::{NoRequests, Outcome, RequestSink};
