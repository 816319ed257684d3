//! What a cloud does with requests.

use super::*;
use crate::cluster::spec::{Labels, NodeFailure, ScalingSpec};
use crate::sim::Dist;
use crate::units::{Bytes, Millicores, Usd};

fn spec(count: u32, failure: Option<FailureReason>) -> NodeGroupSpec {
    let failure = failure.map(|reason| NodeFailure {
        share: 1.0,
        reason,
        from: SimTime::ZERO,
        until: Some(at(1000)),
    });
    NodeGroupSpec {
        name: "general".to_owned(),
        count,
        cpu: Millicores(4000),
        memory: Bytes(16 << 30),
        allocatable_cpu: Millicores(4000),
        allocatable_memory: Bytes(16 << 30),
        max_pods: 110,
        daemonset_cpu: Millicores(0),
        daemonset_memory: Bytes(0),
        image_bandwidth: NodeGroupSpec::IMAGE_BANDWIDTH,
        zone: String::new(),
        labels: Labels::new(),
        extended: std::sync::Arc::default(),
        instance_type: None,
        price_per_hour: Usd(0.2),
        prices: Vec::new(),
        list_price: Usd(0.0),
        interruption: None,
        spot: false,
        taints: Vec::new(),
        scaling: ScalingSpec {
            provisioning: Dist::Constant(100.0),
            failure,
            ..ScalingSpec::default()
        },
    }
}

fn cloud(count: u32, failure: Option<FailureReason>) -> Cloud {
    Cloud::new(&[spec(count, failure)], Streams::new(7))
}

fn at(second: i64) -> SimTime {
    SimTime::from_secs(second)
}

#[test]
fn a_request_becomes_an_instance_that_runs_registers_and_is_ready() {
    let mut cloud = cloud(2, None);
    assert_eq!((cloud.target(0), cloud.of_group(0).len()), (2, 2));
    let agenda = cloud.increase(at(10), 0, 1).expect("the cloud agrees");
    let id = InstanceId(2);
    let expected = [
        (at(25), Event::Launched(id)),
        (at(95), Event::Registers(id)),
        (at(110), Event::Ready(id)),
    ];
    assert_eq!(agenda, expected);
    assert_eq!((cloud.target(0), cloud.of_group(0).len()), (3, 3));
    let instance = cloud.instance(id);
    assert_eq!(
        (&*instance.name, instance.stage),
        ("general-3", Stage::Creating)
    );
    assert!(cloud.launch(id));
    assert_eq!(
        cloud.delete(at(200), id),
        [(at(230), Event::Terminated(id))]
    );
    assert_eq!(cloud.delete(at(201), id), [], "it is asked to go already");
    assert_eq!((cloud.target(0), cloud.of_group(0).len()), (2, 3));
    cloud.terminate(id);
    assert_eq!(cloud.of_group(0).len(), 2);
    cloud.increase(at(300), 0, 1).expect("the cloud agrees");
    assert_eq!(
        cloud.all()[3].name,
        "general-4",
        "names are never used twice"
    );
}

#[test]
fn an_instance_that_is_deleted_before_its_launch_never_runs() {
    let mut cloud = cloud(0, None);
    cloud.increase(at(0), 0, 1).expect("the cloud agrees");
    let id = InstanceId(0);
    assert_eq!(cloud.delete(at(5), id), [(at(5), Event::Terminated(id))]);
    cloud.terminate(id);
    assert!(!cloud.launch(id));
}

#[test]
fn the_target_is_lowered_only_as_far_as_instances_are_missing() {
    let mut cloud = cloud(2, None);
    let refused = cloud.decrease_target(0, 1).unwrap_err();
    let expected = "attempt to delete existing nodes targetSize:2 delta:-1 existingNodes: 2";
    assert_eq!(refused, expected);
    cloud.increase(at(0), 0, 1).expect("the cloud agrees");
    cloud.terminate(InstanceId(2));
    assert_eq!(cloud.decrease_target(0, 1), Ok(()));
    assert_eq!(cloud.target(0), 2);
}

#[test]
fn requests_fail_for_the_reason_that_is_stated_and_as_long() {
    let mut throttled = cloud(0, Some(FailureReason::Throttled));
    assert!(throttled.increase(at(0), 0, 1).is_err());
    assert_eq!(throttled.target(0), 0);
    assert!(throttled.increase(at(1000), 0, 1).is_ok());
    let mut stockout = cloud(0, Some(FailureReason::Stockout));
    let agenda = stockout
        .increase(at(0), 0, 2)
        .expect("the call itself is fine");
    let refused = |id| (at(5), Event::Refused(InstanceId(id)));
    assert_eq!(agenda, [refused(0), refused(1)]);
    assert_eq!(stockout.instance(InstanceId(0)).error, None);
    stockout.refuse(InstanceId(0));
    let error = stockout.instance(InstanceId(0)).error;
    assert_eq!(error, Some(FailureReason::Stockout));
    let mut dumb = cloud(0, Some(FailureReason::NeverRegisters));
    let agenda = dumb.increase(at(0), 0, 1).expect("the call itself is fine");
    assert_eq!(agenda, [(at(15), Event::Launched(InstanceId(0)))]);
}

#[test]
fn delays_depend_on_the_group_and_the_number_alone() {
    let mut own = spec(0, None);
    own.scaling.provisioning = ScalingSpec::default().provisioning;
    let ready = |before: u32| {
        let mut cloud = Cloud::new(std::slice::from_ref(&own), Streams::new(7));
        if before > 0 {
            cloud.increase(at(0), 0, before).expect("the cloud agrees");
        }
        let agenda = cloud
            .increase(at(0), 0, 3 - before)
            .expect("the cloud agrees");
        agenda.last().copied()
    };
    assert_eq!(
        ready(0).map(|(time, _)| time),
        ready(2).map(|(time, _)| time)
    );
    let mut cloud = Cloud::new(&[own], Streams::new(7));
    let agenda = cloud.increase(at(0), 0, 4000).expect("the cloud agrees");
    let ready = agenda
        .iter()
        .filter(|(_, event)| matches!(event, Event::Ready(_)));
    let mut ready: Vec<f64> = ready.map(|(time, _)| time.0 as f64 / 1e9).collect();
    ready.sort_by(f64::total_cmp);
    assert!(
        (140.0..160.0).contains(&ready[2000]),
        "median {}",
        ready[2000]
    );
    assert!((255.0..285.0).contains(&ready[3800]), "p95 {}", ready[3800]);
}
