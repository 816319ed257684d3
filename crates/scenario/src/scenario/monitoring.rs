//! Prometheus, its adapter and what services export: parameters only.

use std::collections::BTreeMap;

use crate::cluster::spec::Labels;
use crate::prometheus::adapter::KindNames;
use crate::prometheus::adapter::config::Config;
use crate::prometheus::promql::Edition;
use crate::prometheus::scrape::RuleGroup;
use crate::sim::{Dist, SimDuration};

/// Bounds of a client library's histogram where nobody states others (`DefBuckets`), in seconds.
const BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Labels or annotations that kube-state-metrics may export, by resource (`pods`); `*` stands for
/// all resources, and among labels for any text.
pub type LabelAllowlist = BTreeMap<String, Vec<String>>;

/// A Prometheus that scrapes the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct PrometheusSpec {
    /// `global.scrape_interval`.
    pub scrape_interval: SimDuration,
    /// From a target's address to its first scrapes, in seconds: two rounds of 5 s, one of the
    /// discovery's updates and one of the scrapers'.
    pub discovery_delay: Dist,
    /// Whose rules hold at the edges of windows.
    pub edition: Edition,
    /// Queries that something besides the adapter asks from the start.
    pub queries: Vec<String>,
    /// Its recording rules, each group with its interval.
    pub rules: Vec<(RuleGroup, SimDuration)>,
    /// The adapter, if one is installed.
    pub adapter: Option<AdapterSpec>,
    /// `--metric-labels-allowlist` of kube-state-metrics.
    pub allowed_labels: LabelAllowlist,
    /// `--metric-annotations-allowlist` of kube-state-metrics.
    pub allowed_annotations: LabelAllowlist,
}

impl Default for PrometheusSpec {
    fn default() -> Self {
        Self {
            scrape_interval: SimDuration::from_secs(60),
            discovery_delay: Dist::Uniform {
                low: 0.0,
                high: 10.0,
            },
            edition: Edition::Three,
            queries: Vec::new(),
            rules: Vec::new(),
            adapter: None,
            allowed_labels: LabelAllowlist::new(),
            allowed_annotations: LabelAllowlist::new(),
        }
    }
}

/// The Prometheus adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterSpec {
    /// Its rules.
    pub config: Config,
    /// `--metrics-relist-interval`.
    pub relist_interval: SimDuration,
    /// `--metrics-max-age`.
    pub max_age: SimDuration,
    /// The window that the resource metrics API names, with `resourceRules`.
    pub resource_window: SimDuration,
    /// The kinds of the cluster's CustomResourceDefinitions.
    pub kinds: Vec<KindNames>,
}

impl Default for AdapterSpec {
    fn default() -> Self {
        // What chart and manifests set; the binary's own default is ten minutes.
        let minute = SimDuration::from_secs(60);
        Self {
            config: Config::default(),
            relist_interval: minute,
            max_age: minute,
            resource_window: SimDuration::ZERO,
            kinds: Vec::new(),
        }
    }
}

/// What the pods of a service export.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportSpec {
    /// Whether Prometheus scrapes them.
    pub scraped: bool,
    /// The counter of requests, by `code` and `method`.
    pub requests: String,
    /// The gauge of requests in the pod.
    pub in_flight: String,
    /// The histogram of how long requests took, in seconds.
    pub duration: String,
    /// The gauge of requests that wait in the service's shared queue.
    pub queue_depth: String,
    /// The histogram's upper bounds, in seconds.
    pub buckets: Vec<f64>,
    /// Labels of the targets besides those that everyone has, or instead of them.
    pub labels: Labels,
}

impl Default for ExportSpec {
    fn default() -> Self {
        Self {
            scraped: true,
            requests: "http_requests_total".to_owned(),
            in_flight: "http_requests_in_flight".to_owned(),
            duration: "http_request_duration_seconds".to_owned(),
            queue_depth: "queue_depth".to_owned(),
            buckets: BUCKETS.to_vec(),
            labels: Labels::new(),
        }
    }
}
