//! A first scenario from nothing but manifests: what they say of services, entries and
//! autoscalers, and stated guesses for what they cannot say.

mod demand;
mod entries;
mod keda;
mod lines;
mod metrics;
mod nodes;
mod services;
mod survey;
mod text;

use super::diagnostic::Diagnostics;
use super::loaded::Loaded;
use super::source::{FileProvider, Overlay};
use crate::sim::SimDuration;
use crate::units::Bytes;

use survey::Survey;

/// The name under which a guessed scenario stands in messages and results.
pub const GUESSED: &str = "(guessed scenario)";

/// How long a guessed scenario lasts: one compressed day, from its quietest time to the next.
const DURATION: SimDuration = SimDuration::from_secs(7200);

/// A scenario guessed from manifests.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// Its name.
    pub name: String,
    /// Nodes with room for everything at its largest.
    pub nodes: Vec<NodeGuess>,
    /// What serves, and what is done to it.
    pub services: Vec<ServiceGuess>,
    /// Metrics of the custom and external metrics APIs that HPAs ask for.
    pub metrics: Vec<MetricGuess>,
    /// What triggers of KEDA look at that nothing else answers.
    pub triggers: Vec<TriggerGuess>,
}

/// A group of nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeGuess {
    /// Name of the group.
    pub name: String,
    /// What a node is.
    pub shape: NodeShape,
    /// How many.
    pub count: u32,
    /// Labels that node selectors ask for.
    pub labels: Vec<(String, String)>,
    /// The pods that they have to hold.
    pub pods: u64,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeShape {
    /// A known instance type.
    Instance(&'static str),
    /// Cores and GiB, where a pod fits on no known type.
    Own {
        /// Cores.
        cores: i64,
        /// GiB of memory.
        gib: i64,
    },
}

/// How the pods of a workload behave.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceGuess {
    /// `Kind/name`, or `Kind/namespace/name` where needed.
    pub workload: String,
    /// Name of the service; none if it is the workload's.
    pub name: Option<String>,
    /// The serving container, if it is not the first.
    pub container: Option<String>,
    /// The Kubernetes Services in front of it.
    pub behind: Vec<String>,
    /// Memory held from the start, and where it comes from.
    pub memory: Option<(Bytes, &'static str)>,
    /// What moves it.
    pub demand: Demand,
}

/// What moves the pods of a workload.
#[derive(Debug, Clone, PartialEq)]
pub enum Demand {
    /// Nothing that the manifests tell of.
    None,
    /// A Job of the manifests sends requests.
    Job {
        /// Its name.
        name: String,
        /// CPU time of a request.
        request_cpu: SimDuration,
    },
    /// Requests of clients.
    Load(LoadGuess),
    /// Messages of a queue that a trigger of KEDA names.
    Queue(QueueGuess),
    /// CPU usage without requests: cores of all pods together over the time.
    Usage {
        /// From each time on, in cores.
        cpu: Vec<(SimDuration, f64)>,
        /// Why it is there, and between which numbers of pods.
        why: String,
    },
}

/// Requests that come in over a compressed day.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadGuess {
    /// CPU time of a request.
    pub request_cpu: SimDuration,
    /// Mean of the rate.
    pub mean: f64,
    /// Peak minus mean.
    pub amplitude: f64,
    /// Why it is there, and between which numbers of pods.
    pub why: String,
}

/// A queue and the messages that come into it over a compressed day.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueGuess {
    /// What it is.
    pub kind: QueueKindGuess,
    /// Its name.
    pub name: String,
    /// Partitions of a topic: one for each replica.
    pub partitions: Option<u32>,
    /// CPU time of a task.
    pub cpu: SimDuration,
    /// What a task waits besides.
    pub wait: SimDuration,
    /// Mean of the rate.
    pub mean: f64,
    /// Peak minus mean.
    pub amplitude: f64,
    /// Why it is there, and between which numbers of pods.
    pub why: String,
}

/// What a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueKindGuess {
    /// RabbitMQ.
    RabbitMq,
    /// A list of Redis.
    Redis,
    /// SQS.
    Sqs,
    /// A topic of Kafka.
    Kafka,
}

impl QueueKindGuess {
    /// As a scenario writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RabbitMq => "rabbitmq",
            Self::Redis => "redis",
            Self::Sqs => "sqs",
            Self::Kafka => "kafka",
        }
    }
}

/// What a trigger of KEDA looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerGuess {
    /// `scaled_object` or `scaled_job`.
    pub key: &'static str,
    /// The object's name, with its namespace where needed.
    pub object: String,
    /// How texts call it.
    pub who: String,
    /// The trigger's place.
    pub trigger: usize,
    /// Its type.
    pub kind: String,
    /// Its values.
    pub source: SourceGuess,
}

/// A metric of the custom or external metrics API.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricGuess {
    /// Name.
    pub name: String,
    /// Who asks for it: `HPA web`.
    pub hpa: String,
    /// What it is of.
    pub of: MetricOf,
    /// What matches the HPA's selector.
    pub labels: Vec<(String, String)>,
    /// Its values.
    pub source: SourceGuess,
}

/// What a metric is of.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricOf {
    /// The pods of a workload.
    Pods(String),
    /// An object: kind and name.
    Object(String, String),
    /// Nothing in the cluster.
    External,
}

/// Where a metric's values come from.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceGuess {
    /// Requests a second of a service's pods.
    Requests(String),
    /// Values over the time.
    Series(Vec<(SimDuration, f64)>),
}

impl Guess {
    /// Guesses a scenario of this name for the manifests at these paths. The error holds what
    /// is wrong with the manifests.
    pub fn of(
        name: &str,
        manifests: &[String],
        provider: &dyn FileProvider,
    ) -> Result<Self, Diagnostics> {
        let bare = text::bare(name, manifests);
        let overlay = Overlay::new(provider, GUESSED, &bare);
        let loaded = Loaded::load(GUESSED, &overlay)?;
        let survey = Survey::of(&loaded)?;
        let services = services::guess(&survey);
        Ok(Self {
            name: name.to_owned(),
            nodes: nodes::guess(&survey),
            metrics: metrics::guess(&survey, &services),
            triggers: keda::sources(&survey),
            services,
        })
    }

    /// The scenario as TOML, with its manifests at these paths.
    pub fn toml(&self, manifests: &[String]) -> String {
        text::whole(self, manifests)
    }

    /// What was guessed, a line each.
    pub fn lines(&self) -> Vec<String> {
        lines::lines(self)
    }
}

impl ServiceGuess {
    /// The name under which loads and metrics know it.
    pub fn called(&self) -> &str {
        let own = self.workload.rsplit('/').next().unwrap_or_default();
        self.name.as_deref().unwrap_or(own)
    }
}
