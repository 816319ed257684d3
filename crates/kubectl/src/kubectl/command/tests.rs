use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::kubectl::jsonpath::JsonPath;
use crate::kubectl::selector::Requirement;
use crate::sim::SimDuration;

fn command(text: &str) -> Command {
    parse(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .command
}

fn names(targets: &Targets) -> Vec<String> {
    let Targets::Named(objects) = targets else {
        panic!("named: {targets:?}");
    };
    let name = |object: &ObjectRef| format!("{}/{}", object.kind.qualified(), object.name);
    objects.iter().map(name).collect()
}

#[test]
fn flags_may_stand_anywhere_and_in_every_spelling() {
    for text in [
        "kubectl scale deployment web --replicas=3 -n shop",
        "kubectl -n shop scale --replicas 3 deploy/web",
        "k --namespace=shop --context prod scale deployments.apps/web --replicas=3",
        "kubectl scale -nshop --replicas=3 --current-replicas=-1 Deployment/web",
        "kubectl scale -n=shop --kubeconfig=x --replicas=3 -- deploy web",
    ] {
        let line = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(line.namespace.as_deref(), Some("shop"), "{text}");
        let Command::Scale(scale) = line.command else {
            panic!("{text}");
        };
        assert_eq!(names(&scale.targets), ["deployment.apps/web"], "{text}");
        assert_eq!((scale.replicas, scale.current_replicas), (3, None));
    }
}

#[test]
fn short_switches_share_a_word() {
    let line = parse("kubectl get po -Aw -owide -lapp=web").expect("a command");
    assert!(line.all_namespaces);
    assert_eq!(line.output, Some(Output::Wide));
    let Command::Get(get) = line.command else {
        panic!("a get");
    };
    assert!(get.watch && !get.watch_only && !get.show_kind);
    let Targets::Selected(selection) = get.targets else {
        panic!("a selection");
    };
    let expected = Requirement::In("app".to_owned(), vec!["web".to_owned()]);
    assert_eq!(selection.labels.0, [expected]);
}

#[test]
fn several_kinds_are_listed_in_the_order_typed() {
    let kinds = |text: &str| match command(text) {
        Command::Get(Get {
            targets: Targets::Selected(selection),
            show_kind: true,
            ..
        }) => {
            let kinds = selection.kinds.iter().map(|kind| kind.plural);
            kinds.collect::<Vec<_>>().join(" ")
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(
        kinds("kubectl get deploy,hpa"),
        "deployments horizontalpodautoscalers"
    );
    assert_eq!(
        kinds("kubectl get all"),
        "pods services daemonsets deployments replicasets statefulsets \
         horizontalpodautoscalers cronjobs jobs"
    );
}

#[test]
fn patches_are_json_or_yaml() {
    let patch = |text: &str| match command(text) {
        Command::Patch(patch) => (patch.patch_type, patch.patch, patch.subresource),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        patch("kubectl patch hpa x --type=json -p='[\n{\"op\":\"remove\",\"path\":\"/a\"}]'"),
        (
            PatchType::Json,
            json!([{"op": "remove", "path": "/a"}]),
            None
        )
    );
    assert_eq!(
        patch("kubectl patch deploy/x -p 'spec:\n  replicas: 3' --subresource=scale --type merge"),
        (
            PatchType::Merge,
            json!({"spec": {"replicas": 3}}),
            Some(Subresource::Scale)
        )
    );
    assert_eq!(
        patch("kubectl patch sts x --patch '{\"spec\":{\"replicas\":null}}'").1,
        json!({"spec": {"replicas": null}})
    );
}

#[test]
fn deletion_gives_the_grace_that_kubectl_sends() {
    let delete = |text: &str| match command(text) {
        Command::Delete(delete) => delete,
        other => panic!("{other:?}"),
    };
    let grace = |flags: &str| delete(&format!("kubectl delete pod x {flags}")).grace_period;
    assert_eq!(grace(""), None);
    assert_eq!(grace("--now"), Some(1));
    assert_eq!(grace("--grace-period=0"), Some(1));
    assert_eq!(grace("--grace-period=0 --force"), Some(0));
    assert_eq!(grace("--force"), Some(0));
    assert_eq!(grace("--grace-period 5"), Some(5));
    assert!(!delete("kubectl delete pod x --wait=false").wait);
    assert!(delete("kubectl delete pod --all").ignore_not_found);
    assert_eq!(
        delete("kubectl delete deploy x --cascade=orphan").cascade,
        Cascade::Orphan
    );
    assert_eq!(
        delete("kubectl delete deploy x --cascade").cascade,
        Cascade::Background
    );
}

#[test]
fn templates_are_changed_by_container() {
    let Command::SetImage(image) = command("kubectl set image deploy/a sts/b *=shop:2") else {
        panic!("an image");
    };
    assert_eq!(
        names(&image.targets),
        ["deployment.apps/a", "statefulset.apps/b"]
    );
    assert_eq!(image.images, [("*".to_owned(), "shop:2".to_owned())]);
    let Command::SetEnv(env) = command("kubectl set env deploy/a A=1 B=x=y C- -e D=2 -c 'w*'")
    else {
        panic!("an env");
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(env.set, [pair("D", "2"), pair("A", "1"), pair("B", "x=y")]);
    assert_eq!(
        (env.remove, env.containers.as_str()),
        (vec!["C".to_owned()], "w*")
    );
    let Command::SetResources(set) = command(
        "kubectl set resources deploy a -c=web --limits=cpu=1,memory=2Gi --requests cpu=0.5",
    ) else {
        panic!("resources");
    };
    assert_eq!(
        (set.limits.len(), set.requests[0].1.to_string()),
        (2, "500m".to_owned())
    );
}

#[test]
fn nodes_are_named_without_their_kind() {
    let Command::Drain(drain) =
        command("kubectl drain d1 node/d2 --ignore-daemonsets --timeout=60s --grace-period=-1")
    else {
        panic!("a drain");
    };
    assert_eq!(names(&drain.nodes), ["node/d1", "node/d2"]);
    assert_eq!(drain.timeout, Some(SimDuration::from_secs(60)));
    assert!(drain.ignore_daemon_sets && drain.grace_period.is_none());
    let Command::Taint(taint) = command("kubectl taint no d1 a=b:NoSchedule c- d:NoExecute-")
    else {
        panic!("a taint");
    };
    let expected = Taint {
        key: "a".to_owned(),
        value: "b".to_owned(),
        effect: TaintEffect::NoSchedule,
    };
    assert_eq!(taint.add, [expected]);
    assert_eq!(
        taint.remove,
        [
            ("c".to_owned(), None),
            ("d".to_owned(), Some(TaintEffect::NoExecute))
        ]
    );
}

#[test]
fn waits_and_roll_outs() {
    let Command::Wait(wait) = command("kubectl wait deploy/x --for condition=Available") else {
        panic!("a wait");
    };
    let (name, status) = ("Available".to_owned(), "True".to_owned());
    assert_eq!(wait.conditions, [WaitFor::Condition { name, status }]);
    assert_eq!(wait.timeout, SimDuration::from_secs(30));
    let Command::Wait(wait) = command("kubectl wait po x --for=jsonpath='{.status.phase}'=Running")
    else {
        panic!("a wait");
    };
    let path = JsonPath::parse("{.status.phase}").expect("a path");
    let value = Some("Running".to_owned());
    assert_eq!(wait.conditions, [WaitFor::JsonPath { path, value }]);
    let Command::Rollout(rollout) = command("kubectl rollout undo deploy/x --to-revision=4") else {
        panic!("a roll-out");
    };
    assert_eq!(
        rollout.action,
        RolloutAction::Undo {
            to_revision: Some(4)
        }
    );
}

#[test]
fn what_concerns_the_connection_changes_nothing() {
    let pods = parse("kubectl get pods -n x").expect("a command line");
    for text in [
        "kubectl get pods -n x --token=abc",
        "kubectl --insecure-skip-tls-verify get pods -n x",
        "kubectl --token abc --v=6 get pods -n x",
        "kubectl --warnings-as-errors -n x get pods",
    ] {
        let line = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(line.namespace, pods.namespace, "{text}");
        assert!(matches!(line.command, Command::Get(_)), "{text}");
    }
    let timed = parse("kubectl apply -f x.yaml --timeout=30s --cascade");
    assert!(matches!(
        timed.expect("a command line").command,
        Command::Apply(_)
    ));
    let Command::Wait(wait) = command("kubectl wait po/x --for=create --for=condition=Ready")
    else {
        panic!("a wait");
    };
    assert_eq!(wait.conditions.len(), 2);
    assert_eq!(wait.conditions[0], WaitFor::Create);
    let Command::Wait(wait) = command(
        "kubectl wait po/x --for=jsonpath='{.status.conditions[?(@.type==\"Ready\")].status}'=True",
    ) else {
        panic!("a wait");
    };
    let path = "{.status.conditions[?(@.type==\"Ready\")].status}";
    let path = JsonPath::parse(path).expect("a path");
    let value = Some("True".to_owned());
    assert_eq!(wait.conditions, [WaitFor::JsonPath { path, value }]);
}

#[test]
fn an_eviction_is_what_is_posted_to_its_path() {
    let text = "kubectl create --raw /api/v1/namespaces/shop/pods/db-0/eviction -f - <<EOF\n\
                {apiVersion: policy/v1, kind: Eviction, metadata: {name: db-0}, \
                deleteOptions: {gracePeriodSeconds: 3}}\nEOF";
    let evict = Evict {
        namespace: "shop".to_owned(),
        pod: "db-0".to_owned(),
        files: Vec::new(),
        options: EvictionOptions {
            grace_period: Some(3),
            ..EvictionOptions::default()
        },
    };
    assert_eq!(command(text), Command::Evict(evict));
    let text = "kubectl create --raw /api/v1/namespaces/shop/pods/db-0/eviction -f evict.json";
    let Command::Evict(evict) = command(text) else {
        panic!("an eviction");
    };
    assert_eq!(evict.files.len(), 1);
    let object = |options| serde_json::json!({"apiVersion": "policy/v1", "kind": "Eviction", "deleteOptions": options});
    let dry = object(serde_json::json!({"dryRun": ["All"], "preconditions": {"uid": "1-2"}}));
    let options = eviction_options(&dry, "db-0").expect("it is fine");
    assert!(options.dry_run);
    assert_eq!(options.uid.as_deref(), Some("1-2"));
    let wrong = object(serde_json::json!({"dryRun": ["Some"]}));
    let told = eviction_options(&wrong, "db-0").expect_err("no such dry run");
    assert!(told.contains("Unsupported value: \"Some\""), "{told}");
}

/// What is said of a command line that is wrong.
fn told(text: &str) -> String {
    let error = match parse(text) {
        Ok(line) => panic!("{text}: {line:?}"),
        Err(error) => error,
    };
    let help = error
        .help
        .map_or_else(String::new, |help| format!("\n  help: {help}"));
    let marks = "^".repeat(error.range.len().max(1));
    format!(
        "{text}\n{:start$}{marks}\n  {}{help}",
        "",
        error.message,
        start = error.range.start
    )
}

#[test]
fn run_may_stay_with_its_pod() {
    let run = |flags: &str| match command(&format!("kubectl run x --image=y {flags}")) {
        Command::Run(run) => (run.attached, run.pod["spec"]["containers"][0].clone()),
        other => panic!("{other:?}"),
    };
    let attached = |remove, prompts| Some(Attached { remove, prompts });
    assert_eq!(run("").0, None);
    assert_eq!(run("--attach").0, attached(false, false));
    let (stays, container) = run("-i --tty --rm --restart=Never");
    assert_eq!(stays, attached(true, true));
    let expected =
        json!({"image": "y", "name": "x", "stdin": true, "stdinOnce": true, "tty": true});
    assert_eq!(container, expected);
    assert_eq!(run("-i --leave-stdin-open").1["stdinOnce"], json!(null));
}

#[test]
fn config_maps_and_secrets_are_manifests() {
    let made = |text: &str| match command(text) {
        Command::Create(files) => match &files[..] {
            [File::Here { text, .. }] => serde_json::from_str::<serde_json::Value>(text),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let map = made(
        "kubectl create cm x --from-literal=a='b=c' --from-literal=d= --from-literal=e='\"f\"'",
    );
    let map = map.expect("JSON");
    assert_eq!(map["data"], json!({"a": "b=c", "d": "", "e": "\"f\""}));
    assert_eq!(map["metadata"], json!({"name": "x"}));
    let secret = made("kubectl create secret generic x --from-literal=a=hello").expect("JSON");
    assert_eq!(secret["data"], json!({"a": "aGVsbG8="}));
    assert_eq!(
        (&secret["kind"], &secret["type"]),
        (&json!("Secret"), &json!("Opaque"))
    );
}

#[test]
fn config_maps_and_secrets_are_made_of_files() {
    let made = |text: &str| match command(text) {
        Command::Create(files) => match files.into_iter().next() {
            Some(File::Config(config)) => config,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let file = |bytes: &[u8]| Content::File(bytes.to_vec());
    let contents = [
        ("conf/app.ini", file(b"a = 1\n")),
        ("raw.bin", file(&[0xff, 0x00])),
        (
            "conf",
            Content::Folder(vec![
                ("one".to_owned(), b"1".to_vec()),
                ("two".to_owned(), b"2".to_vec()),
            ]),
        ),
        ("odd", Content::Folder(vec![("a b".to_owned(), Vec::new())])),
        (
            "app.env",
            file(b"\xef\xbb\xbf# settings\n\n  LEVEL=debug=1\r\nEMPTY=\nALONE\n"),
        ),
        ("bad.env", file(b"1A=b\n")),
        ("twice.env", file(b"A=1\nA=2\n")),
    ];
    let read = |path: &str| {
        let mut contents = contents.iter();
        contents
            .find(|(name, _)| *name == path)
            .map(|(_, content)| content)
    };
    let data = |text: &str| {
        let object = made(text)
            .complete(&read)
            .unwrap_or_else(|error| panic!("{error}"));
        (object["data"].clone(), object["binaryData"].clone())
    };
    let none = json!(null);
    let (map, codes) = data(
        "kubectl create cm x --from-literal=z=1 --from-file=conf/app.ini --from-file=k=raw.bin",
    );
    assert_eq!(map, json!({"app.ini": "a = 1\n", "z": "1"}));
    assert_eq!(codes, json!({"k": "/wA="}));
    let folder = data("kubectl create configmap x --from-file=conf");
    assert_eq!(folder, (json!({"one": "1", "two": "2"}), none.clone()));
    let secret = data("kubectl create secret generic x --from-file=conf --from-literal=three=3");
    assert_eq!(
        secret.0,
        json!({"one": "MQ==", "two": "Mg==", "three": "Mw=="})
    );
    let lines = data("kubectl create cm x --from-env-file=app.env");
    assert_eq!(
        lines.0,
        json!({"LEVEL": "debug=1", "EMPTY": "", "ALONE": ""})
    );
    for (text, message, word) in [
        (
            "cm x --from-file=k=conf",
            "cannot give a key name for a directory path",
            "k=conf",
        ),
        (
            "cm x --from-file=odd",
            "\"a b\" is not a valid key name for a ConfigMap",
            "odd",
        ),
        (
            "cm x --from-env-file=conf",
            "env config file cannot be a directory",
            "conf",
        ),
        (
            "secret generic x --from-env-file=conf",
            "env secret file cannot be a directory",
            "conf",
        ),
        (
            "cm x --from-env-file=bad.env",
            "\"1A\" is not a valid key name",
            "bad.env",
        ),
        (
            "cm x --from-env-file=twice.env",
            "cannot add key \"A\", another key by that name already exists in Data for ConfigMap \"x\"",
            "twice.env",
        ),
        (
            "cm x --from-file=gone",
            "error reading gone: it was not read",
            "gone",
        ),
    ] {
        let text = format!("kubectl create {text}");
        let refused = made(&text).complete(&read).expect_err("a mistake");
        assert_eq!(refused.message, message);
        assert!(text[refused.range].ends_with(word), "{text}");
    }
}

#[test]
fn sources_of_config_maps_are_read_as_typed() {
    for (text, message) in [
        ("--from-file==a", "key name for file path a missing"),
        ("--from-file=a=", "file path for key name a missing"),
        (
            "--from-file=a=b=c",
            "key names or file paths cannot contain '='",
        ),
        (
            "--from-env-file=a --from-literal=b=c",
            "from-env-file cannot be combined with from-file or from-literal",
        ),
    ] {
        let error = parse(&format!("kubectl create cm x {text}")).expect_err("a mistake");
        assert_eq!(error.message, message);
    }
}

#[test]
fn run_makes_a_pod_and_a_service() {
    let Command::Run(run) = command("kubectl run web --image=web:1 -- -v --port 1") else {
        panic!("a pod");
    };
    assert_eq!(run.service, None);
    assert_eq!(
        run.pod,
        serde_json::json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"labels": {"run": "web"}, "name": "web"},
            "spec": {
                "containers": [{"args": ["-v", "--port", "1"], "image": "web:1", "name": "web"}],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
            },
        })
    );
    let exposed = command("kubectl run web --image=web:1 --port=80 --expose -l app=web,tier=front");
    let Command::Run(run) = exposed else {
        panic!("a pod");
    };
    let service = run.service.expect("a Service");
    assert_eq!(service["spec"]["selector"], run.pod["metadata"]["labels"]);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], 80);
}

/// Command lines that kubectl refuses, and some that are not simulated.
const WRONG: &[&str] = &[
    "",
    "helm install x",
    "kubectl",
    "kubectl -n x",
    "kubectl scal deploy/x",
    "kubectl logs x",
    "kubectl rollout restrat deploy/x",
    "kubectl rollout",
    "kubectl top",
    "kubectl create deployment x --image=y",
    "kubectl scale deploy/x",
    "kubectl scale deploy/x --replica=3",
    "kubectl scale deploy/x --replicas=three",
    "kubectl scale deploy/x --replicas",
    "kubectl scale job/x --replicas=3",
    "kubectl scale deploymnet x --replicas=3",
    "kubectl scale deploy/x --replicas=-1",
    "kubectl scale deploy/ --replicas=1",
    "kubectl scale deploy deploy/x --replicas=1",
    "kubectl scale deploy/x y --replicas=1",
    "kubectl scale deploy --replicas=1",
    "kubectl get pods -z",
    "kubectl get pods -l 'app in (x'",
    "kubectl get pods -o custom-columns=A:.a",
    "kubectl get pods x -l app=y",
    "kubectl get pods -w --sort-by=.metadata.name",
    "kubectl patch hpa x -p '{\"spec\":{\"minReplicas\":}}'",
    "kubectl patch hpa x -p {\"spec\":{\"minReplicas\":2}}",
    "kubectl patch hpa x -p '[{\"op\":\"remove\",\"path\":\"/a\"}]'",
    "kubectl patch hpa x --type=json -p '{\"spec\":{}}'",
    "kubectl patch hpa x --type=json -p '[{\"op\":\"delete\",\"path\":\"/a\"}]'",
    "kubectl patch hpa x --type=yaml -p '{}'",
    "kubectl patch vpa x -p '{\"spec\":{}}'",
    "kubectl patch hpa x",
    "kubectl apply x.yaml",
    "kubectl apply -f x.yaml --server-side",
    "kubectl apply -f -",
    "kubectl apply -k .",
    "kubectl get hpa <<EOF\nx\nEOF",
    "kubectl set image deploy/x",
    "kubectl set image deploy/x web=1 y",
    "kubectl set image pdb/x web=1",
    "kubectl set resources deploy/x --limits=cpu",
    "kubectl set resources deploy/x --limits=cpu=1GB",
    "kubectl set env deploy/x 1A=2",
    "kubectl run",
    "kubectl run x",
    "kubectl run x --image=y -t",
    "kubectl run x --image=y --rm",
    "kubectl run x --image=y -it --dry-run=client",
    "kubectl run x --image=y --restart=Sometimes",
    "kubectl run x --image=y --labels=app",
    "kubectl run x --image=y --env=A",
    "kubectl run x --image=y --expose",
    "kubectl run x --image=y --overrides='[]'",
    "kubectl label node x a=b=c",
    "kubectl label node x a=b a-",
    "kubectl label node x",
    "kubectl taint nodes x a=b",
    "kubectl taint nodes x a=b:NoRun",
    "kubectl taint nodes x a=b-",
    "kubectl taint pods x a=b:NoExecute",
    "kubectl drain",
    "kubectl drain x -l a=b",
    "kubectl delete deploy",
    "kubectl delete deploy x --now --grace-period=3",
    "kubectl delete deploy x --now --force",
    "kubectl delete deploy --all --field-selector metadata.name=x",
    "kubectl get pods --all",
    "kubectl top nodes --containers",
    "kubectl scale deploy/x --replicas=1 -A",
    "kubectl rollout restart deploy --all",
    "kubectl delete deploy x --cascade=all",
    "kubectl autoscale deploy --max=5",
    "kubectl autoscale deploy/x --min=3",
    "kubectl autoscale deploy/x --min=3 --max=2",
    "kubectl autoscale deploy/x --max=2 --cpu=60% --cpu-percent=60",
    "kubectl autoscale ds/x --max=2",
    "kubectl rollout pause sts/x",
    "kubectl rollout undo deploy/x --to-revision=-1",
    "kubectl create job x --from=job/y",
    "kubectl create configmap",
    "kubectl create configmap x y",
    "kubectl create cm x --from-literal=a",
    "kubectl create cm x --from-literal=a/b=c",
    "kubectl create cm x --from-literal=a=1 --from-literal=a=2",
    "kubectl create secret",
    "kubectl create secret tls x",
    "kubectl create secret generic",
    "kubectl wait deploy/x --for=ready",
    "kubectl wait deploy/x --for=create --for=ready",
    "kubectl wait deploy/x --for=delete --timeout=60",
    "kubectl wait deploy/x --for=jsonpath=",
    "kubectl wait deploy/x --for=jsonpath='{.a}'=",
    "kubectl wait deploy/x --for=jsonpath='{.a}'=1=2",
    "kubectl wait deploy/x --for=jsonpath='{.a'",
    "kubectl get pods -o jsonpath='{.items[}'",
    "kubectl create --raw /api/v1/namespaces/a/pods/b/binding -f -",
    "kubectl create --raw /api/v1/namespaces/a/pods/b/eviction -f x.yaml -f y.yaml",
    "kubectl create --raw /api/v1/namespaces/a/pods/b/eviction -f - <<EOF\nkind: Pod\nEOF",
];

#[test]
fn wrong_command_lines_point_at_the_word() {
    let told: Vec<String> = WRONG.iter().map(|line| told(line)).collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

proptest! {
    #[test]
    fn no_command_line_panics(text in "\\PC*") {
        let _ = parse(&text);
        for command in ["get", "patch hpa x", "set env deploy/x", "apply -f - <<E\n"] {
            let _ = parse(&format!("kubectl {command} {text}"));
        }
    }

    #[test]
    fn places_lie_in_the_text(text in "kubectl (scale|get|patch|label|taint) [-a-z=:/ '\"\\n<éß]{0,40}") {
        if let Err(error) = parse(&text) {
            prop_assert!(text.get(error.range).is_some());
        }
    }
}
