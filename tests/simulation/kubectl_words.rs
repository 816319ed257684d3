//! What kubectl prints of several kinds at once, of changes that change nothing, and of
//! variables from ConfigMaps and Secrets.

use nlsim::scenario::{InMemory, Loaded};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const MANIFESTS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "web:1", resources: {requests: {cpu: 1000m}}, env: [{name: MODE, value: fast}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: api, image: "api:1"}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 5
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {log.level: debug, MODE: slow, theme-of-day: dark}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
data: {TOKEN: eA==}
stringData: {USER: web}
"#;

/// What each of these commands printed, and the scenario's warnings.
fn typed(commands: &[&str]) -> (Vec<Vec<String>>, String) {
    let actions = commands.iter().enumerate().map(|(place, command)| {
        let at = 60 + 10 * place;
        format!("[[action]]\nat = \"{at}s\"\nkubectl = '''kubectl {command}'''\n")
    });
    let toml = format!(
        "name = \"words\"\nmanifests = \"m.yaml\"\n[simulation]\nduration = \"20m\"\n\
         [[node_group]]\nname = \"n\"\ninstance_type = \"m5.large\"\ncount = 2\n{}",
        actions.collect::<String>()
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("m.yaml", MANIFESTS)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let warnings = built.warnings.render(false);
    let mut cluster = Simulation::new(&built.scenario, 1);
    let end = SimTime::from_secs(1200);
    cluster.step_until(end).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
    let actions = &cluster.recording().actions;
    let printed = actions.iter().map(|one| one.printed.clone());
    (printed.collect(), warnings)
}

/// The first word of each line.
fn first_words(lines: &[String]) -> Vec<String> {
    let first = |line: &String| {
        line.split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    lines.iter().map(first).collect()
}

#[test]
fn several_kinds_are_apart_and_have_their_kind_before_the_name() {
    let (printed, _) = typed(&[
        "get deploy,hpa",
        "get deploy,hpa --no-headers",
        "get deploy/web hpa/web deploy/api",
        "get deploy web api nothere",
        "get deploy web api -o name",
        "get hpa,cronjobs",
        "get cronjobs,nodes -l app=none",
        "get cronjobs,jobs -l app=none",
    ]);
    let words: Vec<Vec<String>> = printed.iter().map(|lines| first_words(lines)).collect();
    let (api, web, hpa) = (
        "deployment.apps/api",
        "deployment.apps/web",
        "horizontalpodautoscaler.autoscaling/web",
    );
    assert_eq!(words[0], ["NAME", api, web, "", "NAME", hpa]);
    assert_eq!(words[1], [api, web, hpa], "no blank lines without heads");
    assert_eq!(
        words[2],
        ["NAME", web, "", "NAME", hpa, "", "NAME", api],
        "in the order in which they are named"
    );
    assert_eq!(words[3][..3], ["NAME", "web", "api"]);
    assert_eq!(
        printed[3][3..],
        ["Error from server (NotFound): deployments.apps \"nothere\" not found"]
    );
    assert_eq!(printed[4], [web, api]);
    assert_eq!(words[5], ["NAME", hpa], "what is not there leaves no trace");
    assert_eq!(printed[6], ["No resources found"]);
    assert_eq!(printed[7], ["No resources found in default namespace."]);
}

#[test]
fn what_only_says_a_default_is_no_change() {
    let (printed, _) = typed(&[
        r#"patch deploy web -p '{"spec":{"replicas":1,"minReadySeconds":0,"revisionHistoryLimit":10}}'"#,
        r#"patch deploy web -p '{"spec":{"strategy":{"rollingUpdate":{"maxSurge":"25%"}}}}'"#,
        r#"patch deploy web -p '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":30,"containers":[{"name":"web","resources":{"requests":{"cpu":1}}}]}}}}'"#,
        r#"patch hpa web --type=merge -p '{"spec":{"minReplicas":1}}'"#,
        "set resources deploy web --requests=cpu=1",
        "set image deploy web web=web:1",
        r#"patch deploy web -p '{"spec":{"minReadySeconds":5}}'"#,
        r#"patch deploy web -p '{"spec":{"minReadySeconds":5}}'"#,
        "rollout history deploy web",
    ]);
    let none = ["deployment.apps/web patched (no change)"];
    assert_eq!(printed[0], none);
    assert_eq!(printed[1], none);
    assert_eq!(printed[2], none);
    assert_eq!(
        printed[3],
        ["horizontalpodautoscaler.autoscaling/web patched (no change)"]
    );
    assert_eq!((&*printed[4], &*printed[5]), (&[][..], &[][..]));
    assert_eq!(printed[6], ["deployment.apps/web patched"]);
    assert_eq!(printed[7], none);
    let history = first_words(&printed[8]);
    assert_eq!(history[2..], ["1", ""], "nothing has made a revision");
}

#[test]
fn variables_come_from_config_maps_and_secrets_of_the_folder() {
    let (printed, warnings) = typed(&[
        "set env deploy/web --from=configmap/settings --prefix=APP_ SIZE=3",
        "set env deploy/web --list",
        "set env deploy/web --from=secret/keys --keys=USER,NOTHERE",
        "set env deploy/web --list",
        "set env deploy/web --from=configmap/gone",
        "set env deploy/api --from=configmap/settings --keys=nothere",
        "rollout history deploy web",
    ]);
    let renamed = [
        "Warning: key log.level transferred to LOG_LEVEL",
        "Warning: key theme-of-day transferred to THEME_OF_DAY",
    ];
    assert_eq!(printed[0][..2], renamed);
    assert_eq!(printed[0][2..], ["deployment.apps/web env updated"]);
    assert_eq!(
        printed[1],
        [
            "# Deployment web, container web",
            "MODE=fast",
            "APP_SIZE=3",
            "# APP_MODE from configmap settings, key MODE",
            "# APP_LOG_LEVEL from configmap settings, key log.level",
            "# APP_THEME_OF_DAY from configmap settings, key theme-of-day",
        ]
    );
    assert_eq!(printed[2], ["deployment.apps/web env updated"]);
    assert_eq!(
        printed[3].last().map(String::as_str),
        Some("# USER from secret keys, key USER")
    );
    let missing = "Error from server (NotFound): configmaps \"gone\" not found";
    assert_eq!(printed[4], [missing]);
    assert_eq!(printed[5], [""; 0], "nothing is taken");
    assert_eq!(first_words(&printed[6])[2..], ["1", "2", "3", ""]);
    assert!(
        warnings.contains("there is no ConfigMap gone"),
        "{warnings}"
    );
    assert!(!warnings.contains("ConfigMap settings"), "{warnings}");
}

#[test]
fn changed_objects_are_printed_as_asked_for() {
    let (printed, _) = typed(&[
        "scale deploy web api --replicas=3 -o name",
        "label deploy web api tier=front -o yaml",
        "set image deploy web web=web:2 -o jsonpath={.spec.template.spec.containers[0].image}",
        "patch hpa web --type=merge -p '{\"spec\":{\"maxReplicas\":7}}' -o json",
        "autoscale deploy api --max=4 --cpu=50% --dry-run=client -o yaml",
        "get deploy api -o jsonpath={.spec.replicas}",
    ]);
    assert_eq!(printed[0], ["deployment.apps/web", "deployment.apps/api"]);
    let documents: Vec<Vec<String>> = (printed[1].split(|line| line == "---"))
        .map(first_words)
        .collect();
    assert_eq!(documents.len(), 2);
    for document in &documents {
        assert_eq!(document[0], "apiVersion:");
        assert!(document.contains(&"tier:".to_owned()), "{document:?}");
    }
    assert_eq!(printed[2], ["web:2"]);
    let patched: serde_json::Value = serde_json::from_str(&printed[3].join("\n")).expect("JSON");
    assert_eq!(patched["spec"]["maxReplicas"], 7);
    let begin = [
        "apiVersion: autoscaling/v2",
        "kind: HorizontalPodAutoscaler",
    ];
    assert_eq!(printed[4][..2], begin);
    assert!(printed[4].contains(&"  currentMetrics: null".to_owned()));
    assert_eq!(printed[5], ["3"], "and the HPA is not there");
}
