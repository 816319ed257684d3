//! Objects of which the simulation holds no more than the manifest: Services as kubectl shows them,
//! ConfigMaps and Secrets, which pods may miss; and what `apply -o yaml` prints of several objects.

use nlsim::scenario::{FileProvider, InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const WEB: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: 'web:1'
          envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: nobody-speaks-of-it}}]
          env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: token, key: t, optional: true}}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: each}
spec: {clusterIP: None, selector: {app: web}}
";

fn scenario(manifests: &str, more: &str) -> Scenario {
    let toml = format!(
        r#"
name = "held"
manifests = "all.yaml"
[simulation]
duration = "1h"
from = "apply"
[controllers]
kubelet.restart-jitter = 0
[[node_group]]
name = "n"
count = 1
cpu = 4
memory = "8Gi"
{more}
"#
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", manifests)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert_eq!(built.warnings.list, [], "{}", built.warnings.render(false));
    built.scenario
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    cluster
        .step_until(SimTime::from_secs(seconds))
        .expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

fn typed(cluster: &mut Simulation<'_>, text: &str) -> String {
    cluster.kubectl(text).expect("a command line").join("\n")
}

/// The cells of a table's rows, without its head.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().skip(1);
    lines
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

fn told(cluster: &Simulation<'_>, reason: &str) -> Vec<(f64, String)> {
    let events = cluster.recording().events.iter();
    let such = events.filter(|event| event.object.starts_with("Pod/") && event.reason == reason);
    such.map(|event| (event.time.as_secs_f64(), event.message.to_string()))
        .collect()
}

#[test]
fn services_have_an_age_and_addresses() {
    let scenario = scenario(WEB, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 300);
    let yaml = "apiVersion: v1\nkind: Service\nmetadata: {name: late}\nspec: {ports: [{port: 1}]}";
    typed(
        &mut cluster,
        &format!("kubectl apply -f - <<EOF\n{yaml}\nEOF\n"),
    );
    run_until(&mut cluster, 330);
    let table = rows(&typed(&mut cluster, "kubectl get svc"));
    let cells = |name: &str| -> Vec<String> {
        let row = table.iter().find(|row| row[0] == name).expect(name);
        row[1..].to_vec()
    };
    let each = cells("each");
    assert_eq!(each, ["ClusterIP", "None", "<none>", "<none>", "5m30s"]);
    let web = cells("web");
    assert!(
        web[1].starts_with("10.") && web[1] != cells("outside")[1],
        "{web:?}"
    );
    assert_eq!(
        [&web[0], &web[2], &web[3], &web[4]],
        ["ClusterIP", "<none>", "80/TCP", "5m30s"]
    );
    let outside = cells("outside");
    assert_eq!([&outside[0], &outside[2]], ["LoadBalancer", "<pending>"]);
    let port = outside[3]
        .strip_prefix("80:")
        .and_then(|rest| rest.strip_suffix("/TCP"));
    let port: u32 = port
        .and_then(|port| port.parse().ok())
        .expect("a port of nodes");
    assert!((30_000..32_768).contains(&port));
    assert_eq!(cells("late")[4], "30s");
    // The same each time, and in each run.
    let again = typed(
        &mut cluster,
        "kubectl get svc web -o jsonpath={.spec.clusterIP}",
    );
    assert_eq!(again, web[1]);
    let mut other = Simulation::new(&scenario, 9);
    assert_eq!(
        typed(
            &mut other,
            "kubectl get svc web -o jsonpath={.spec.clusterIP}"
        ),
        again
    );
    // What kubectl changes is the manifest.
    let patch = "kubectl patch svc web -p '{\"spec\":{\"type\":\"NodePort\"}}'";
    assert_eq!(typed(&mut cluster, patch), "service/web patched");
    let now = typed(
        &mut cluster,
        "kubectl get svc web -o jsonpath={.spec.type}:{.spec.clusterIP}",
    );
    assert_eq!(now, format!("NodePort:{again}"));
}

#[test]
fn a_pod_waits_for_a_config_map_that_a_command_creates() {
    let scenario = scenario(
        WEB,
        r#"
[[action]]
at = "100s"
kubectl = "kubectl create configmap settings --from-literal=LEVEL=info"
"#,
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let row = rows(&typed(&mut cluster, "kubectl get pods"))[0].clone();
    assert_eq!(row[1..4], ["0/1", "CreateContainerConfigError", "0"]);
    let failed = told(&cluster, "Failed");
    assert!(
        failed
            .iter()
            .all(|(_, text)| text == "Error: configmap \"settings\" not found")
    );
    assert!(
        (3..=6).contains(&failed.len()),
        "every 10 to 15 s: {failed:?}"
    );
    run_until(&mut cluster, 130);
    assert_eq!(
        rows(&typed(&mut cluster, "kubectl get pods"))[0][2],
        "Running"
    );
    let started = told(&cluster, "Started")[0].0;
    assert!((100.0..116.0).contains(&started), "{started}");
    // A change is nothing to those that run; a new pod misses what is deleted.
    typed(
        &mut cluster,
        "kubectl patch cm settings -p '{\"data\":{\"LEVEL\":\"debug\"}}'",
    );
    assert_eq!(
        typed(&mut cluster, "kubectl delete configmap settings"),
        "configmap \"settings\" deleted from default namespace"
    );
    run_until(&mut cluster, 200);
    assert_eq!(told(&cluster, "Started").len(), 1);
    typed(&mut cluster, "kubectl scale deployment web --replicas=2");
    run_until(&mut cluster, 230);
    let table = rows(&typed(&mut cluster, "kubectl get pods"));
    let mut status: Vec<&str> = table.iter().map(|row| row[2].as_str()).collect();
    status.sort_unstable();
    assert_eq!(status, ["CreateContainerConfigError", "Running"]);
}

#[test]
fn a_volume_of_a_missing_secret_is_not_mounted() {
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  volumes: [{name: keys, secret: {secretName: keys}}]
  containers: [{name: reader, image: 'reader:1'}]
";
    let scenario = scenario(
        pod,
        r#"
[[action]]
at = "30s"
kubectl = "kubectl create secret generic keys --from-literal=a=1"
"#,
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 29);
    assert_eq!(
        rows(&typed(&mut cluster, "kubectl get pods"))[0][2],
        "ContainerCreating"
    );
    let failed = told(&cluster, "FailedMount");
    let words = "MountVolume.SetUp failed for volume \"keys\" : secret \"keys\" not found";
    assert!(
        failed.len() > 3 && failed.iter().all(|(_, text)| text == words),
        "{failed:?}"
    );
    run_until(&mut cluster, 120);
    assert_eq!(
        rows(&typed(&mut cluster, "kubectl get pods"))[0][2],
        "Running"
    );
}

#[test]
fn config_maps_and_secrets_are_created_shown_and_deleted() {
    let scenario = scenario(WEB, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let create = "kubectl create configmap settings --from-literal=b=two --from-literal=a=1";
    assert_eq!(typed(&mut cluster, create), "configmap/settings created");
    let again = "Error from server (AlreadyExists): configmaps \"settings\" already exists";
    assert_eq!(typed(&mut cluster, create), again);
    let secret = "kubectl create secret generic token --from-literal=t=hello";
    assert_eq!(typed(&mut cluster, secret), "secret/token created");
    run_until(&mut cluster, 90);
    assert_eq!(
        rows(&typed(&mut cluster, "kubectl get cm")),
        [["settings", "2", "30s"]]
    );
    let secrets = rows(&typed(&mut cluster, "kubectl get secrets"));
    assert_eq!(secrets, [["token", "Opaque", "1", "30s"]]);
    let described = typed(&mut cluster, "kubectl describe configmap settings")
        + "\n"
        + &typed(&mut cluster, "kubectl describe secret token");
    insta::assert_snapshot!(described, @r"
    Name:         settings
    Namespace:    default
    Labels:       <none>
    Annotations:  <none>

    Data
    ====
    a:
    ----
    1

    b:
    ----
    two


    BinaryData
    ====

    Events:  <none>
    Name:         token
    Namespace:    default
    Labels:       <none>
    Annotations:  <none>

    Type:  Opaque

    Data
    ====
    t:  5 bytes
    ");
    let shown = typed(
        &mut cluster,
        "kubectl get secret token -o jsonpath={.data.t}",
    );
    assert_eq!(shown, "aGVsbG8=");
    typed(&mut cluster, "kubectl delete secret token");
    assert_eq!(
        typed(&mut cluster, "kubectl get secrets"),
        "No resources found in default namespace."
    );
}

#[test]
fn several_applied_objects_are_one_list() {
    let map = |name: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\n")
    };
    let apply = |at: &str, output: &str, names: [&str; 2]| {
        let documents = names.map(map).join("---\n");
        format!(
            "[[action]]\nat = \"{at}\"\nkubectl = \"\"\"\nkubectl apply -f - {output} <<EOF\n{documents}EOF\n\"\"\"\n"
        )
    };
    let more = apply("10s", "-o yaml", ["a", "b"])
        + &apply("20s", "-o jsonpath={.items[*].metadata.name}", ["c", "d"])
        + &apply("30s", "-o name", ["e", "f"]);
    let scenario = scenario(WEB, &more);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let printed = |at: usize| cluster.recording().actions[at].printed.join("\n");
    let whole = printed(0);
    assert!(
        whole.starts_with("apiVersion: v1\nitems:\n- apiVersion: v1\n"),
        "{whole}"
    );
    assert!(whole.ends_with("\nkind: List\nmetadata: {}"), "{whole}");
    assert_eq!(whole.matches("kind: ConfigMap\n").count(), 2);
    assert_eq!(printed(1), "c d");
    assert_eq!(printed(2), "configmap/e\nconfigmap/f");
}

#[test]
fn a_pod_waits_for_a_key_that_its_config_map_lacks() {
    let pod = r"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {LEVEL: info}
---
apiVersion: v1
kind: Secret
metadata: {name: token}
stringData: {t: hello}
---
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  volumes:
    - {name: files, configMap: {name: settings, items: [{key: LEVEL, path: level}]}}
    - {name: more, configMap: {name: settings, optional: true, items: [{key: ABSENT, path: a}]}}
  containers:
    - name: reader
      image: 'reader:1'
      env:
        - {name: A, valueFrom: {configMapKeyRef: {name: settings, key: LEVEL}}}
        - {name: B, valueFrom: {configMapKeyRef: {name: settings, key: ABSENT, optional: true}}}
        - {name: C, valueFrom: {secretKeyRef: {name: token, key: t}}}
        - {name: D, valueFrom: {configMapKeyRef: {name: settings, key: MODE}}}
";
    let scenario = scenario(pod, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let row = rows(&typed(&mut cluster, "kubectl get pods"))[0].clone();
    assert_eq!(row[2], "CreateContainerConfigError");
    let words = "Error: couldn't find key MODE in ConfigMap default/settings";
    let failed = told(&cluster, "Failed");
    assert!(
        failed.len() > 2 && failed.iter().all(|(_, text)| text == words),
        "{failed:?}"
    );
    typed(
        &mut cluster,
        "kubectl patch cm settings -p '{\"data\":{\"MODE\":\"fast\"}}'",
    );
    typed(
        &mut cluster,
        "kubectl patch secret token -p '{\"stringData\":null,\"data\":{\"u\":\"aGk=\"}}'",
    );
    run_until(&mut cluster, 90);
    let words = "Error: couldn't find key t in Secret default/token";
    assert_eq!(told(&cluster, "Failed").last().expect("an event").1, words);
    typed(
        &mut cluster,
        "kubectl patch secret token -p '{\"data\":{\"t\":\"aGk=\"}}'",
    );
    run_until(&mut cluster, 120);
    let row = rows(&typed(&mut cluster, "kubectl get pods"))[0].clone();
    assert_eq!(row[2], "Running");
    // Of a volume, a file's.
    let reader = "
apiVersion: v1
kind: Pod
metadata: {name: other}
spec:
  volumes: [{name: files, VOLUME}]
  containers: [{name: other, image: 'other:1'}]
";
    for (volume, words) in [
        (
            "configMap: {name: settings, items: [{key: GONE, path: a}]}",
            "configmap references non-existent config key: GONE",
        ),
        (
            "secret: {secretName: token, items: [{key: gone, path: a}]}",
            "references non-existent secret key: gone",
        ),
    ] {
        let all = pod.replace("MODE", "LEVEL") + "---" + &reader.replace("VOLUME", volume);
        let scenario = self::scenario(&all, "");
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 20);
        let failed = told(&cluster, "FailedMount");
        let words = format!("MountVolume.SetUp failed for volume \"files\" : {words}");
        assert!(
            !failed.is_empty() && failed.iter().all(|(_, text)| *text == words),
            "{failed:?}"
        );
    }
}

/// Files by their paths, and folders of them.
struct Disk(&'static [(&'static str, &'static str)]);

impl FileProvider for Disk {
    fn read(&self, path: &str, _limit: u64) -> Result<Vec<u8>, String> {
        let mut files = self.0.iter();
        let found = files.find(|(name, _)| *name == path);
        found
            .map(|(_, text)| text.as_bytes().to_vec())
            .ok_or_else(|| "no such file or directory".to_owned())
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let folder = pattern.trim_end_matches('*');
        let files = self.0.iter().map(|(name, _)| *name);
        let found = files
            .filter(|name| *name == pattern || pattern.ends_with("/*") && name.starts_with(folder));
        Ok(found.map(str::to_owned).collect())
    }
}

const OF_FILES: &str = r#"
name = "held"
manifests = "all.yaml"
[simulation]
duration = "5m"
[[node_group]]
count = 1
cpu = 4
memory = "8Gi"
[[action]]
at = "10s"
kubectl = "kubectl create cm settings --from-file=conf --from-file=start=app.ini"
[[action]]
at = "20s"
kubectl = "kubectl create secret generic keys --from-env-file=keys.env"
[[action]]
at = "30s"
kubectl = "kubectl describe cm settings"
[[action]]
at = "30s"
kubectl = "kubectl get secret keys -o jsonpath={.data}"
"#;

#[test]
fn config_maps_are_made_of_files_beside_the_scenario() {
    let disk = Disk(&[
        ("here/s.toml", OF_FILES),
        ("here/all.yaml", WEB),
        ("here/conf/b.txt", "second\n"),
        ("here/conf/a.txt", "first"),
        ("here/app.ini", "x = 1\n"),
        ("here/keys.env", "A=1\n# none\nB=two words\n"),
    ]);
    let loaded =
        Loaded::load("here/s.toml", &disk).unwrap_or_else(|all| panic!("{}", all.render(false)));
    let built = loaded
        .build(&[])
        .unwrap_or_else(|all| panic!("{}", all.render(false)));
    let mut cluster = Simulation::new(&built.scenario, 1);
    run_until(&mut cluster, 60);
    let printed = |at: usize| cluster.recording().actions[at].printed.join("\n");
    assert_eq!(
        (printed(0).as_str(), printed(1).as_str()),
        ("configmap/settings created", "secret/keys created")
    );
    let data =
        "Data\n====\na.txt:\n----\nfirst\n\nb.txt:\n----\nsecond\n\n\nstart:\n----\nx = 1\n\n";
    assert!(printed(2).contains(data), "{}", printed(2));
    assert_eq!(printed(3), r#"{"A":"MQ==","B":"dHdvIHdvcmRz"}"#);
    // What is wrong is told where it stands.
    let wrong = Disk(&[
        ("here/s.toml", OF_FILES),
        ("here/all.yaml", WEB),
        ("here/app.ini", "x"),
        ("here/keys.env", "1=2\n"),
        ("here/conf/a.txt", ""),
    ]);
    let loaded =
        Loaded::load("here/s.toml", &wrong).unwrap_or_else(|all| panic!("{}", all.render(false)));
    let refused = loaded.build(&[]).expect_err("a mistake").render(false);
    assert!(
        refused.contains("\"1\" is not a valid key name"),
        "{refused}"
    );
    let missing = Disk(&[
        ("here/s.toml", OF_FILES),
        ("here/all.yaml", WEB),
        ("here/app.ini", "x"),
        ("here/keys.env", ""),
    ]);
    let refused = Loaded::load("here/s.toml", &missing)
        .err()
        .map(|all| all.render(false));
    let refused = refused.expect("a file that is not there");
    assert!(
        refused.contains("error reading conf: no such file or directory"),
        "{refused}"
    );
}
