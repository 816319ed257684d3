//! Kustomizations, with what `kubectl kustomize` 5.5 makes of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::read;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::files::Files;
use crate::scenario::node::{Node, Span, parse_path};
use crate::scenario::object::to_json;
use crate::scenario::source::InMemory;

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      tolerations: [{key: a}]
      containers:
      - {name: a, image: 'r.io:5000/a:1', env: [{name: X, value: '1'}, {name: V, value: '2'}]}
      - {name: b, image: 'b@sha256:00'}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: web}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  resourcePolicy: {containerPolicies: [{containerName: a, mode: 'Off'}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
";

pub(super) struct Made {
    nodes: Vec<Node>,
    pub(super) diagnostics: Diagnostics,
}

pub(super) fn made<const N: usize>(files: [(&str, &str); N]) -> Made {
    let mut all: Vec<(&str, &str)> = files.to_vec();
    all.push(("k/web.yaml", WEB));
    let all: [(&str, &str); 8] =
        std::array::from_fn(|place| all.get(place).copied().unwrap_or(("unused", "")));
    let provider = InMemory::new(all);
    let mut files = Files {
        provider: &provider,
        folder: "",
        documents: Vec::new(),
        read: BTreeMap::new(),
        traces: BTreeMap::new(),
        histories: BTreeMap::new(),
        actions: BTreeMap::new(),
        contents: BTreeMap::new(),
        rules: Vec::new(),
        named: BTreeSet::new(),
        strangers: Vec::new(),
        complete: true,
    };
    let mut diagnostics = Diagnostics::default();
    let path = "k/kustomization.yaml";
    read(&mut files, path, Span::at(0, 0), &mut diagnostics);
    assert_eq!(files.complete, !diagnostics.has_errors());
    let nodes = files
        .documents
        .into_iter()
        .map(|one| (*one.node).clone())
        .collect();
    Made { nodes, diagnostics }
}

impl Made {
    /// The value at a path of the object of a kind.
    pub(super) fn at(&self, kind: &str, path: &str) -> Json {
        assert_eq!(self.diagnostics.list, []);
        let is_meant = |node: &&Node| node.get("kind").and_then(Node::text) == Some(kind);
        let node = self.nodes.iter().find(is_meant);
        let mut node = node.unwrap_or_else(|| panic!("no {kind}"));
        for step in parse_path(path) {
            let Some(next) = node.child(&step) else {
                return Json::Null;
            };
            node = next;
        }
        to_json(node)
    }

    /// The first error, and the text that it is about.
    pub(super) fn error(&self) -> (&str, &str) {
        let one = self.diagnostics.list.first().expect("an error");
        let span = one.span.expect("a place");
        let text = &self.diagnostics.files[span.file].text;
        (
            &one.title,
            text[span.start..span.end].lines().next().unwrap_or(""),
        )
    }
}

pub(super) fn kustomized(text: &str) -> Made {
    made([("k/kustomization.yaml", text)])
}

const CONTAINERS: &str = "spec.template.spec.containers";

#[test]
fn what_a_patch_names_comes_first_in_merged_lists() {
    let made = kustomized(
        "resources: [web.yaml]\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec:\n      template:\n        spec:\n          tolerations: [{key: b}]\n          containers:\n          - {name: side, image: s}\n          - {name: b, args: [z]}\n          - {name: a, env: [{name: Z, value: '3'}, {name: V, value: '9'}]}\n",
    );
    let containers = made.at("Deployment", CONTAINERS);
    let names: Vec<&Json> = (0..3).map(|n| &containers[n]["name"]).collect();
    assert_eq!(names, ["side", "b", "a"]);
    assert_eq!(containers[1]["image"], "b@sha256:00");
    let env: Vec<&Json> = (0..3).map(|n| &containers[2]["env"][n]["name"]).collect();
    assert_eq!(env, ["Z", "V", "X"]);
    let tolerations = made.at("Deployment", "spec.template.spec.tolerations");
    assert_eq!(tolerations, json!([{"key": "b"}]));
}

#[test]
fn values_keep_the_places_of_what_they_were_made_of() {
    let made = made([
        (
            "k/kustomization.yaml",
            "resources: [web.yaml]\npatches: [{path: p.yaml}]\n",
        ),
        (
            "k/p.yaml",
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: {maxReplicas: 9}\n",
        ),
    ]);
    let hpa = &made.nodes[1];
    let of = |path: &str| {
        let mut node = hpa;
        for step in parse_path(path) {
            node = node.child(&step).expect("a value");
        }
        let file = &made.diagnostics.files[node.span.file];
        (
            file.path.clone(),
            file.text[node.span.start..node.span.end].to_owned(),
        )
    };
    assert_eq!(of("spec.maxReplicas"), ("k/p.yaml".into(), "9".into()));
    assert_eq!(
        of("spec.scaleTargetRef.name"),
        ("k/web.yaml".into(), "web".into())
    );
}

#[test]
fn targets_are_patterns_of_whole_names() {
    let made = kustomized(
        "resources: [web.yaml]\npatches:\n- target: {kind: .*Autoscaler, name: we.}\n  patch: |\n    - {op: add, path: /metadata/labels, value: {a: b}}\n- target: {kind: Horizontal, labelSelector: a=b}\n  patch: |\n    - {op: remove, path: /spec/maxReplicas}\n- target: {labelSelector: 'a in (b)', group: autoscaling}\n  patch: |\n    - op: replace\n      path: /spec/maxReplicas\n      value: 7\n",
    );
    assert_eq!(made.at("VerticalPodAutoscaler", "metadata.labels.a"), "b");
    assert_eq!(made.at("HorizontalPodAutoscaler", "spec.maxReplicas"), 7);
    assert_eq!(made.at("Deployment", "metadata.labels"), Json::Null);
}

#[test]
fn an_hpa_finds_its_target_by_the_new_name_and_a_vpa_does_not() {
    let made =
        kustomized("resources: [web.yaml]\nnamePrefix: a-\nnameSuffix: -b\nnamespace: shop\n");
    assert_eq!(made.at("Deployment", "metadata.name"), "a-web-b");
    let target = made.at("HorizontalPodAutoscaler", "spec.scaleTargetRef.name");
    assert_eq!(target, "a-web-b");
    let target = made.at("VerticalPodAutoscaler", "spec.targetRef.name");
    assert_eq!(target, "web");
    assert_eq!(made.at("PodDisruptionBudget", "metadata.namespace"), "shop");
}

#[test]
fn a_namespace_gives_its_name_to_namespaces_and_makes_no_two_of_a_name() {
    let part = |name: &str| format!("namespace: {name}\ncomponents: [../of]\n");
    let component = "kind: Component\nresources: [namespace.yaml]\n";
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: _}\n";
    let of = |second: &str| {
        made([
            ("k/kustomization.yaml", "resources: [one, two]\n"),
            ("k/one/kustomization.yaml", &part("shop")),
            ("k/two/kustomization.yaml", &part(second)),
            ("k/of/kustomization.yaml", component),
            ("k/of/namespace.yaml", namespace),
        ])
    };
    let both = of("bank");
    assert_eq!(both.diagnostics.list, []);
    let name = |node: &Node| to_json(node)["metadata"]["name"].clone();
    let names: Vec<Json> = both.nodes.iter().map(name).collect();
    assert_eq!(names, ["shop", "bank"]);
    assert_eq!(
        of("shop").error().0,
        "kustomize refuses a second Namespace shop"
    );

    let two = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: a}\n---\n\
               apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: b}\n";
    let made = made([
        (
            "k/kustomization.yaml",
            "resources: [two.yaml]\nnamespace: c\n",
        ),
        ("k/two.yaml", two),
    ]);
    assert_eq!(made.error().0, "kustomize refuses a second Service web");
}

#[test]
fn a_base_twice_is_two_of_all_and_each_hpa_has_its_own() {
    let made = made([
        (
            "k/kustomization.yaml",
            "resources: [one, two]\ncommonLabels: {of: both}\n",
        ),
        (
            "k/one/kustomization.yaml",
            "resources: [../base]\nnamePrefix: x-\n",
        ),
        (
            "k/two/kustomization.yaml",
            "bases: [../base]\nnamePrefix: y-\n",
        ),
        ("k/base/kustomization.yaml", "resources: [../web.yaml]\n"),
    ]);
    assert_eq!(made.diagnostics.list, []);
    let text = |node: &Node, path: &str| {
        let steps = parse_path(path);
        let found = steps.iter().try_fold(node, |node, step| node.child(step));
        found.and_then(Node::text).unwrap_or_default().to_owned()
    };
    let hpas = made
        .nodes
        .iter()
        .filter(|node| text(node, "kind").starts_with("Hor"));
    let targets: Vec<String> = hpas
        .map(|node| text(node, "spec.scaleTargetRef.name"))
        .collect();
    assert_eq!(targets, ["x-web", "y-web"]);
    for path in [
        "spec.selector.matchLabels.of",
        "spec.template.metadata.labels.of",
    ] {
        assert_eq!(text(&made.nodes[0], path), "both", "{path}");
    }
    assert_eq!(text(&made.nodes[3], "spec.selector.matchLabels.of"), "both");
}

#[test]
fn labels_reach_selectors_only_if_they_are_to() {
    let made = kustomized(
        "resources: [web.yaml]\nlabels:\n- {pairs: {a: '1'}}\n- {pairs: {b: '2'}, includeTemplates: true}\n- {pairs: {c: '3'}, includeSelectors: true}\ncommonAnnotations: {note: x}\n",
    );
    let labels = made.at("Deployment", "spec.template.metadata.labels");
    assert_eq!(labels, json!({"app": "web", "b": "2", "c": "3"}));
    let selector = made.at("Deployment", "spec.selector.matchLabels");
    assert_eq!(selector, json!({"app": "web", "c": "3"}));
    let own = made.at("Deployment", "metadata.labels");
    assert_eq!(own, json!({"a": "1", "b": "2", "c": "3"}));
    let note = made.at("Deployment", "spec.template.metadata.annotations.note");
    assert_eq!(note, "x");
}

#[test]
fn images_and_replicas_are_set_by_name() {
    let made = kustomized(
        "resources: [web.yaml]\nreplicas: [{name: web, count: 4}]\nimages:\n- {name: 'r.io:5000/a', newTag: '2'}\n- {name: b, newName: c, digest: 'sha256:11'}\n- {name: a, newTag: no}\n",
    );
    assert_eq!(made.at("Deployment", "spec.replicas"), 4);
    let image = |n: usize| made.at("Deployment", &format!("{CONTAINERS}[{n}].image"));
    assert_eq!(
        (image(0), image(1)),
        (json!("r.io:5000/a:2"), json!("c@sha256:11"))
    );
}

#[test]
fn a_component_changes_what_is_there() {
    let made = made([
        (
            "k/kustomization.yaml",
            "resources: [web.yaml]\ncomponents: [c]\n",
        ),
        (
            "k/c/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatchesStrategicMerge:\n- p.yaml\n- |\n  apiVersion: policy/v1\n  kind: PodDisruptionBudget\n  metadata: {name: web}\n  spec: {minAvailable: null, maxUnavailable: 1, selector: {matchLabels: {zone: z}}}\n",
        ),
        (
            "k/c/p.yaml",
            "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: web}\n$patch: delete\n",
        ),
    ]);
    assert_eq!(made.nodes.len(), 3);
    let spec = made.at("PodDisruptionBudget", "spec");
    let selector = json!({"app": "web", "zone": "z"});
    assert_eq!(spec["selector"]["matchLabels"], selector);
    assert_eq!(spec["maxUnavailable"], 1);
    assert_eq!(spec["minAvailable"], Json::Null);
}

#[test]
fn json_patches_come_after_names_and_namespaces() {
    let made = kustomized(
        "resources: [web.yaml]\nnamePrefix: p-\npatchesJson6902:\n- target: {version: v2, kind: HorizontalPodAutoscaler, name: web}\n  patch: |-\n    - op: replace\n      path: /metadata/name\n      value: other\n",
    );
    assert_eq!(made.at("HorizontalPodAutoscaler", "metadata.name"), "other");
}

#[test]
fn json_patches_set_what_is_not_there() {
    let patch = |operations: &str| {
        kustomized(&format!(
            "resources: [web.yaml]\npatches:\n- target: {{kind: Deployment}}\n  patch: '[{operations}]'\n"
        ))
    };
    let made = patch(
        "{op: replace, path: /spec/minReadySeconds, value: 5}, \
         {op: add, path: /spec/template/spec/containers/-1, value: {name: c}}",
    );
    let spec = made.at("Deployment", "spec");
    assert_eq!(spec["minReadySeconds"], 5);
    assert_eq!(spec["template"]["spec"]["containers"][2]["name"], "c");
    let metadata = made.at("Deployment", "metadata");
    assert_eq!(metadata, json!({"name": "web"}), "no annotations remain");
    // kustomize's own annotations are there while operations apply.
    let made = patch("{op: add, path: /metadata/annotations/x, value: z}");
    let metadata = made.at("Deployment", "metadata");
    assert_eq!(metadata["annotations"], json!({"x": "z"}));
    // Of patchesJson6902 alone it keeps nothing there.
    let made = kustomized(
        "resources: [web.yaml]\npatchesJson6902:\n- target: {group: apps, version: v1, kind: Deployment, name: web}\n  patch: '[{op: add, path: /metadata/annotations/x, value: z}]'\n",
    );
    assert_eq!(made.error().0, "this operation does not fit Deployment web");
    // Labels have to be there.
    let made = patch("{op: add, path: /metadata/labels/x, value: y}");
    assert_eq!(made.error().0, "this operation does not fit Deployment web");
}

#[test]
fn what_kustomize_refuses_is_an_error_where_it_stands() {
    let error = |text: &str, title: &str, place: &str| {
        let made = kustomized(&format!("resources: [web.yaml]\n{text}"));
        assert_eq!(made.error(), (title, place));
    };
    error(
        "patches:\n- patch: |\n    apiVersion: v1\n    kind: Service\n    metadata: {name: nowhere}\n",
        "no Service (v1) nowhere to patch",
        "nowhere",
    );
    error(
        "patches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: remove, path: /spec/nothing}\n",
        "this operation does not fit Deployment web",
        "",
    );
    error(
        "replicas: [{name: api, count: 2}]",
        "no workload with replicas is called `api`",
        "{name: api, count: 2}",
    );
    error(
        "resourcs: []",
        "unknown field `resourcs` of a kustomization",
        "resourcs",
    );
    error(
        "components: [web.yaml]",
        "there is no kustomization in web.yaml",
        "web.yaml",
    );
    error(
        "patches: [{path: /p.yaml}]",
        "/p.yaml is a path from the root, which a kustomization does not read here",
        "/p.yaml",
    );
    error(
        "bases: [./web.yaml]",
        "kustomize refuses a second Deployment web",
        "web",
    );
}

#[test]
fn what_is_not_applied_says_what_to_do() {
    for (text, title) in [
        (
            "helmCharts: [{name: a}]",
            "`helmCharts` of a kustomization is not applied",
        ),
        ("resources: [github.com/a/b]", "addresses are not fetched"),
        (
            "transformers: [a.yaml]",
            "`transformers` of a kustomization is not applied",
        ),
    ] {
        let made = kustomized(text);
        assert_eq!(made.error().0, title);
        let help = made.diagnostics.list[0].help.as_deref();
        assert_eq!(
            help,
            Some("name what `kubectl kustomize k > all.yaml` writes")
        );
    }
    assert_eq!(
        kustomized("vars: []\nresources: [web.yaml]\n").nodes.len(),
        4
    );
}

#[test]
fn patches_that_are_texts_are_files_as_in_old_kustomizations() {
    let made = made([
        (
            "k/kustomization.yaml",
            "resources: [web.yaml]\npatches:\n- more.yaml\n",
        ),
        (
            "k/more.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 7}\n",
        ),
    ]);
    assert!(!made.diagnostics.has_errors());
    let json = to_json(&made.nodes[0]);
    assert_eq!(json["spec"]["replicas"], 7);
}
