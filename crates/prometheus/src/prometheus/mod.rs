//! Prometheus without a network: samples, PromQL as Prometheus 3 answers it, and the rules of the
//! Prometheus adapter. Pure: samples and a time in, values out; times are milliseconds, as there.
//!
//! Upstream: `prometheus/prometheus` 3.14 (`promql/`, `model/labels/`) and
//! `kubernetes-sigs/prometheus-adapter` 0.12 (`pkg/naming`, `pkg/custom-provider`,
//! `pkg/external-provider`).

pub mod adapter;
pub mod labels;
pub mod openmetrics;
pub mod promql;
pub mod re2;
pub mod scrape;
pub mod storage;
