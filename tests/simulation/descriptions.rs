//! `kubectl describe`, `top` and `rollout history --revision` as actions.

use nlsim::record::ActionRecord;
use nlsim::scenario::{InMemory, Loaded};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const MANIFESTS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {tier: front}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: 'web:1'
        ports: [{containerPort: 8080, name: http}]
        env: [{name: MODE, value: fast}]
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
        readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 5}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: db, image: 'db:1', resources: {requests: {cpu: 200m}}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers: [{name: agent, image: 'agent:1', resources: {requests: {cpu: 10m}}}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tidy}
spec:
  schedule: '*/5 * * * *'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: tidy, image: 'tidy:1', resources: {requests: {cpu: 10m}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: db}
spec: {minAvailable: 1, selector: {matchLabels: {app: db}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: db}
spec:
  targetRef: {apiVersion: apps/v1, kind: StatefulSet, name: db}
  updatePolicy: {updateMode: 'Off'}
";

/// What commands printed, each with the second in which it was typed.
fn typed(commands: &[(u32, &str)]) -> Vec<ActionRecord> {
    let actions = commands.iter().map(|(at, command)| {
        format!("[[action]]\nat = \"{at}s\"\nkubectl = '''kubectl {command}'''\n")
    });
    let toml = format!(
        "name = \"d\"\nmanifests = \"m.yaml\"\n[simulation]\nduration = \"15m\"\nfrom = \"apply\"\n\
         start = \"2026-01-05T10:00:00Z\"\n\
         [[node_group]]\nname = \"n\"\ninstance_type = \"m5.large\"\ncount = 1\n\
         [[service]]\nworkload = \"Deployment/web\"\nrequest = {{ cpu = \"10ms\" }}\n\
         [[load]]\nname = \"users\"\nservice = \"Deployment/web\"\nconstant = {{ rate = 20 }}\n{}",
        actions.collect::<String>()
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("m.yaml", MANIFESTS)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let scenario = built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario;
    let mut cluster = Simulation::new(&scenario, 1);
    cluster
        .step_until(SimTime::from_secs(900))
        .expect("no endless loop");
    cluster.recording().actions.clone()
}

fn text(action: &ActionRecord) -> String {
    assert!(!action.failed, "{:?}", action.printed);
    action.printed.join("\n")
}

#[test]
fn describe_prints_what_kubectl_prints_of_each_kind() {
    let asked = [
        "describe deployment web",
        "describe rs",
        "describe sts db",
        "describe ds/agent",
        "describe cronjob tidy",
        "describe job",
        "describe pdb web",
        "describe hpa web",
        "describe node n-1",
        "describe pod db-0",
        "describe pod web-",
        "describe vpa db",
    ];
    let commands: Vec<(u32, &str)> = asked.iter().map(|one| (420, *one)).collect();
    let actions = typed(&commands);
    let all: Vec<String> = actions
        .iter()
        .zip(asked)
        .map(|(action, asked)| format!("$ kubectl {asked}\n{}\n", text(action)))
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn describe_shows_events_of_one_object_and_says_what_is_not_there() {
    let actions = typed(&[
        (60, "describe deploy web"),
        (60, "describe deploy,sts"),
        (60, "describe deploy,sts --show-events"),
        (60, "describe deploy web --show-events=false"),
        (60, "describe deploy wbe"),
        (60, "describe deploy/we"),
        (60, "describe deploy we"),
        (60, "describe pods -n other"),
        (60, "describe svc"),
    ]);
    let events = |index: usize| {
        let lines = actions[index].printed.iter();
        lines.filter(|line| line.starts_with("Events:")).count()
    };
    assert_eq!([0, 1, 2, 3].map(events), [1, 0, 2, 0]);
    let missing = |name: &str| {
        let text = format!("Error from server (NotFound): deployments.apps \"{name}\" not found");
        (vec![text], true)
    };
    let told = |index: usize| (actions[index].printed.clone(), actions[index].failed);
    assert_eq!(told(4), missing("wbe"));
    assert_eq!(told(5), missing("we"));
    // The beginning of a name will do.
    assert_eq!(events(6), 0);
    assert_eq!(actions[6].printed[0], actions[0].printed[0]);
    let nothing = "No resources found in other namespace.".to_owned();
    assert_eq!(told(7), (vec![nothing], false));
}

#[test]
fn top_prints_what_the_metrics_api_has() {
    let actions = typed(&[
        (1, "top pods"),
        (1, "top nodes"),
        (600, "top pods --sort-by=cpu"),
        (600, "top pod -A --containers -l app=web"),
        (600, "top node --show-capacity"),
        (600, "top pods --sum --no-headers"),
        (600, "top pod none"),
        (600, "top pods -n other"),
    ]);
    let told = |index: usize| (actions[index].printed.clone(), actions[index].failed);
    let early = (vec!["error: metrics not available yet".to_owned()], true);
    assert_eq!(told(0), early);
    assert_eq!(told(1), early);
    let words = |index: usize| -> Vec<Vec<String>> {
        let lines = actions[index].printed.iter();
        let words = |line: &String| line.split_whitespace().map(str::to_owned).collect();
        lines.map(words).collect()
    };
    let pods = words(2);
    assert_eq!(pods[0], ["NAME", "CPU(cores)", "MEMORY(bytes)"]);
    let cpu = |row: &Vec<String>| -> i64 {
        let cell = row.iter().find_map(|cell| cell.strip_suffix('m'));
        cell.and_then(|cell| cell.parse().ok()).expect("millicores")
    };
    let used: Vec<i64> = pods[1..].iter().map(cpu).collect();
    assert!(used.is_sorted_by(|a, b| a >= b), "{used:?}");
    assert!(pods[1][0].starts_with("web-"), "{pods:?}");
    // 20 requests of 10 ms a second are 200 millicores, of two pods.
    let of_web: i64 = pods[1..]
        .iter()
        .filter(|row| row[0].starts_with("web-"))
        .map(cpu)
        .sum();
    assert!((150..250).contains(&of_web), "{of_web}");
    let containers = words(3);
    assert_eq!(containers[0][..3], ["NAMESPACE", "POD", "NAME"]);
    let of_web = pods.iter().filter(|row| row[0].starts_with("web-"));
    assert_eq!(containers.len(), 1 + of_web.count(), "{containers:?}");
    assert_eq!(containers[1][2], "web");
    let nodes = words(4);
    let all: i64 = used.iter().sum();
    assert_eq!(nodes.len(), 2);
    // Cells are rounded up one by one.
    assert!(
        (cpu(&nodes[1]) - all).abs() <= pods.len() as i64,
        "{nodes:?} {all}"
    );
    let sum = words(5);
    assert_eq!(sum.len(), pods.len() + 1);
    let missing = "Error from server (NotFound): pods \"none\" not found".to_owned();
    assert_eq!(told(6), (vec![missing], true));
    let nothing = "No resources found in other namespace.".to_owned();
    assert_eq!(told(7), (vec![nothing], false));
}

#[test]
fn a_revision_has_its_pod_template() {
    let actions = typed(&[
        (100, "set image deploy/web web=web:2"),
        (100, "set image sts/db db=db:2"),
        (100, "set image ds/agent agent=agent:2"),
        (200, "rollout history deploy/web --revision=1"),
        (200, "rollout history deploy/web --revision=2"),
        (200, "rollout history sts/db --revision=1"),
        (200, "rollout history ds/agent --revision=2"),
        (200, "rollout history deploy/web --revision=3"),
    ]);
    let all: Vec<String> = actions[3..7].iter().map(text).collect();
    insta::assert_snapshot!(all.join("\n"));
    let missing = "error: unable to find the specified revision".to_owned();
    assert_eq!(
        (&actions[7].printed, actions[7].failed),
        (&vec![missing], true)
    );
}

#[test]
fn an_eviction_is_posted_and_budgets_are_asked() {
    let evict = |pod: &str| {
        format!(
            "create --raw /api/v1/namespaces/default/pods/{pod}/eviction -f - <<'EOF'\n\
             {{\"apiVersion\": \"policy/v1\", \"kind\": \"Eviction\", \"metadata\": {{\"name\": \"{pod}\"}}}}\n\
             EOF\n"
        )
    };
    let (db, none) = (evict("db-0"), evict("none"));
    let actions = typed(&[
        (100, db.as_str()),
        (101, "delete pdb db"),
        (102, db.as_str()),
        (
            103,
            "wait --for=jsonpath='{.metadata.deletionTimestamp}' pod/db-0",
        ),
        (200, "get pod db-0 --no-headers"),
        (201, none.as_str()),
    ]);
    let told = |index: usize| (actions[index].printed.join("\n"), actions[index].failed);
    let refused = "Error from server (TooManyRequests): Cannot evict pod as it would violate the \
                   pod's disruption budget.";
    assert_eq!(told(0), (refused.to_owned(), true));
    let granted =
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201}"#;
    assert_eq!(told(2), (granted.to_owned(), false));
    assert_eq!(told(3), ("pod/db-0 condition met".to_owned(), false));
    let (row, _) = told(4);
    let age = row
        .split_whitespace()
        .last()
        .and_then(|age| age.strip_suffix('s'));
    let age: u32 = age
        .and_then(|age| age.parse().ok())
        .expect("an age in seconds");
    assert!(age < 98, "{row}");
    let missing = "Error from server (NotFound): pods \"none\" not found";
    assert_eq!(told(5), (missing.to_owned(), true));
}
