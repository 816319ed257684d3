//! One sync of an HPA on CPU and memory utilization, over 10 to 1,000 pods.

use divan::Bencher;
use nlsim::autoscaler::hpa::{
    Config, ContainerRequest, ContainerUsage, Controller, HpaSpecInput, KubernetesVersion,
    MetricSpec, Observation, Phase, Pod, PodRequests, PodUsage, ReadyCondition, ReadyStatus,
    Resource, ResourceTarget, Scale,
};
use nlsim::sim::{SimDuration, SimTime};

fn main() {
    divan::main();
}

const NOW: SimTime = SimTime::from_secs(7200);

fn controller(pods: usize) -> Controller {
    let utilization = |resource, percent| MetricSpec::Resource {
        resource,
        target: ResourceTarget::Utilization(percent),
    };
    let spec = HpaSpecInput {
        min_replicas: Some(1),
        max_replicas: 2 * pods as i32,
        metrics: vec![
            utilization(Resource::Cpu, 70),
            utilization(Resource::Memory, 80),
        ],
        behavior: None,
    };
    Controller::new(spec.defaulted(), Config::of(KubernetesVersion::default()))
}

/// A steady sync: what the pods use is within the tolerance.
#[divan::bench(args = [10, 100, 1000])]
fn sync(bencher: Bencher<'_, '_>, count: usize) {
    let requests = PodRequests {
        containers: vec![ContainerRequest {
            name: "api".to_owned(),
            requests: [Some(500), Some(512_000_000_000)],
            restartable: false,
        }],
        ..PodRequests::default()
    };
    let names: Vec<String> = (0..count).map(|number| format!("api-{number}")).collect();
    let ready = ReadyCondition {
        status: ReadyStatus::True,
        last_transition: SimTime::from_secs(60),
    };
    let pods: Vec<Pod<'_>> = names
        .iter()
        .map(|name| Pod {
            name,
            phase: Phase::Running,
            deleting: false,
            start_time: Some(SimTime::from_secs(30)),
            ready: Some(ready),
            requests: &requests,
        })
        .collect();
    let containers = [ContainerUsage {
        name: "api",
        usage: [Some(345), Some(400_000_000_000)],
    }];
    let usage: Vec<PodUsage<'_>> = (0..count)
        .map(|pod| PodUsage {
            pod: Some(pod),
            timestamp: NOW,
            window: SimDuration::from_secs(15),
            containers: &containers,
        })
        .collect();
    let observation = Observation {
        reference: "Deployment/default/api",
        scale: Ok(Scale {
            spec_replicas: count as i32,
            status_replicas: count as i32,
            selector: "app=api",
        }),
        selected_by: &[],
        pods: &pods,
        resource_metrics: Ok(&usage),
        tallies: None,
        custom_metrics: &[Ok(&[]), Ok(&[])],
    };
    let mut controller = controller(count);
    let mut now = NOW;
    bencher.bench_local(|| {
        now += SimDuration::from_secs(15);
        controller.reconcile(&observation, now, |_| Ok(()))
    });
}
