//! `nlsim` simulates Kubernetes autoscaling: the user's own manifests on a simulated
//! cluster, under the load tools they know, through controllers that decide exactly as
//! the real ones do.
//!
//! # Drive a cluster by hand
//!
//! [`world::Simulation`] is a cluster with a clock. Step it, look at its objects, type kubectl
//! commands, go on.
//!
//! ```
//! use nlsim::scenario::{InMemory, Loaded};
//! use nlsim::sim::SimTime;
//! use nlsim::world::Simulation;
//!
//! let files = InMemory::new([
//!     ("web.toml", r#"
//! name = "web"
//! manifests = ["web.yaml"]
//! simulation.duration = "30m"
//!
//! [[service]]
//! workload = "Deployment/web"
//! request = { cpu = "20ms" }
//!
//! [[load]]
//! name = "users"
//! service = "Deployment/web"
//! constant = { rate = 60 }
//! "#),
//!     ("web.yaml", "
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: {name: web}
//! spec:
//!   replicas: 2
//!   selector: {matchLabels: {app: web}}
//!   template:
//!     metadata: {labels: {app: web}}
//!     spec:
//!       containers:
//!         - {name: web, image: web, resources: {requests: {cpu: 500m}}}
//! ---
//! apiVersion: autoscaling/v2
//! kind: HorizontalPodAutoscaler
//! metadata: {name: web}
//! spec:
//!   scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
//!   minReplicas: 2
//!   maxReplicas: 10
//!   metrics:
//!     - type: Resource
//!       resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
//! "),
//! ]);
//! let loaded = Loaded::load("web.toml", &files).expect("files without a mistake");
//! let scenario = loaded.build(&[]).expect("a valid scenario").scenario;
//!
//! let mut cluster = Simulation::new(&scenario, 42);
//! cluster.step_until(SimTime::from_secs(12 * 60))?;
//! let (_, hpa) = cluster.store().hpas().next().expect("an HPA");
//! // 1.2 cores are asked for, and a pod at the target gives 350m.
//! assert_eq!(hpa.status.desired_replicas, 4);
//!
//! let patch = r#"kubectl patch hpa web -p '{"spec": {"minReplicas": 6}}'"#;
//! let printed = cluster.kubectl(patch)?;
//! assert_eq!(printed, ["horizontalpodautoscaler.autoscaling/web patched"]);
//! cluster.step_until(SimTime::from_secs(15 * 60))?;
//! assert_eq!(cluster.store().workloads()[0].counts.ready, 6);
//!
//! let finished = cluster.finish()?;
//! assert_eq!(finished.recording.actions.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where what is
//!
//! ```text
//! scenario ─► [apply] ─► store ──changes──► controllers, scheduler, autoscalers ──writes──┐
//! actions  ─► [apply] ─►   ▲  └──changes──► machines: kubelet, traffic, metrics ──────────┤
//!                          └───────────────────────────────────────────────────────◄──────┘
//!                             changes ─► record ─► analysis ─► output
//! ```
//!
//! - [`api`] holds the objects, as the API server does. [`api::Store::commit`] is the one way to
//!   write them; the log of writes gives the state of any time.
//! - [`controller`], [`scheduler`] and [`kubelet`] are the components, under upstream's names.
//! - [`autoscaler`] has the cores of the HPA and the VPA: pure state machines, observation and
//!   clock in, decision out. [`conformance`] replays recorded decisions through them.
//! - [`scenario`] reads TOML and manifests; [`kubectl`] reads commands and prints objects.
//! - [`load`] sends requests; [`workload`] is what a pod does with them.
//! - [`world`] drives it all; [`record`], [`analysis`] and [`output`] tell what happened.
//! - [`sweep`] runs many settings and seeds.
//!
//! Time and randomness are injected. Nothing in the library reads the wall clock or global state,
//! so the same scenario and seed give the same bytes on every run.
//!
//! Two features, both on by default: `cli`, the command line and the binary, and `charts`, the
//! pictures. A program that embeds the simulator leaves them out with
//! `default-features = false` and compiles neither's libraries.
//!
//! `ARCHITECTURE.md` has the table of which module may use which; a test holds the
//! imports to it.

#[doc(inline)]
pub use nlsim_autoscaler::autoscaler;
#[doc(inline)]
pub use nlsim_cluster::{api, cloud, cluster, controller, kubelet, metrics, scheduler};
#[doc(inline)]
pub use nlsim_core::{sim, units};
#[doc(inline)]
pub use nlsim_kubectl::kubectl;
#[doc(inline)]
pub use nlsim_output::output;
#[doc(inline)]
pub use nlsim_prometheus::prometheus;
#[doc(inline)]
pub use nlsim_record::{analysis, record};
#[doc(inline)]
pub use nlsim_scenario::scenario;
#[doc(inline)]
pub use nlsim_workload::{load, workload};
#[doc(inline)]
pub use nlsim_world::world;

#[cfg(feature = "cli")]
pub mod cli;
pub mod conformance;
pub mod sweep;
