//! Replacements, with what kustomize's own tests of its filter have.

use serde_json::json;

use super::super::tests::{kustomized, made};
use super::split;

/// A kustomization of the files with one replacement.
fn replaced(text: &str) -> super::super::tests::Made {
    kustomized(&format!("resources: [web.yaml]\nreplacements:\n{text}"))
}

#[test]
fn a_value_goes_to_all_fields_that_are_selected() {
    let made = replaced(
        "- source: {kind: HorizontalPodAutoscaler, fieldPath: spec.maxReplicas}
  targets:
  - select: {kind: Deployment}
    fieldPaths:
    - spec.template.spec.containers.[name=a].env.[name=X].value
    - spec.template.spec.containers.1.image
  - select: {kind: Deployment}
    fieldPaths: [spec.replicas]
    options: {create: true}
",
    );
    assert_eq!(made.diagnostics.list, []);
    let containers = made.at("Deployment", "spec.template.spec.containers");
    // A text stays a text; what is made is read anew.
    assert_eq!(containers[0]["env"][0]["value"], "3");
    assert_eq!(containers[1]["image"], "3");
    assert_eq!(made.at("Deployment", "spec.replicas"), 3);
}

#[test]
fn parts_of_values() {
    let made = replaced(
        "- source:
    {kind: Deployment, fieldPath: 'spec.template.spec.containers.[name=a].image', options: {delimiter: ':', index: 2}}
  targets:
  - select: {kind: Deployment}
    fieldPaths: ['spec.template.spec.containers.[name=b].image']
    options: {delimiter: '@', index: 1}
  - select: {kind: HorizontalPodAutoscaler}
    fieldPaths: ['metadata.annotations.[a.b/c]']
    options: {delimiter: '_', index: 9, create: true}
  - select: {kind: VerticalPodAutoscaler}
    fieldPaths: [spec.targetRef.name]
    options: {delimiter: /, index: -1}
",
    );
    assert_eq!(made.diagnostics.list, []);
    let containers = made.at("Deployment", "spec.template.spec.containers");
    assert_eq!(containers[1]["image"], "b@1");
    let annotations = made.at("HorizontalPodAutoscaler", "metadata.annotations");
    assert_eq!(annotations, json!({"a.b/c": "_1"}));
    assert_eq!(
        made.at("VerticalPodAutoscaler", "spec.targetRef.name"),
        "1/web"
    );
}

#[test]
fn every_item_rejected_targets_and_literals() {
    let made = kustomized(
        "resources: [web.yaml]
configMapGenerator: [{name: sizes, literals: ['TAG=v\"2', 'MAX=\"12\"']}]
replacements:
- source: {kind: ConfigMap, name: sizes, fieldPath: data.MAX}
  targets:
  - select: {name: web}
    reject: [{kind: Deployment}, {kind: VerticalPodAutoscaler}, {kind: PodDisruptionBudget}]
    fieldPaths: [spec.maxReplicas]
- sourceValue: none
  targets:
  - select: {kind: Deployment}
    fieldPaths: ['spec.template.spec.containers.*.image']
",
    );
    assert_eq!(made.diagnostics.list, []);
    assert_eq!(made.at("HorizontalPodAutoscaler", "spec.maxReplicas"), 12);
    let containers = made.at("Deployment", "spec.template.spec.containers");
    assert_eq!(
        (&containers[0]["image"], &containers[1]["image"]),
        (&json!("none"), &json!("none"))
    );
}

#[test]
fn files_hold_one_or_several() {
    let one = "source: {kind: HorizontalPodAutoscaler, fieldPath: spec.maxReplicas}
targets: [{select: {kind: Deployment}, fieldPaths: [spec.replicas], options: {create: true}}]
";
    let several = format!("[{{{}}}]", one.trim_end().replace('\n', ", "));
    for text in [one, several.as_str()] {
        let made = made([
            (
                "k/kustomization.yaml",
                "resources: [web.yaml]\nreplacements: [{path: one.yaml}]\n",
            ),
            ("k/one.yaml", text),
        ]);
        assert_eq!(made.diagnostics.list, [], "{text}");
        assert_eq!(made.at("Deployment", "spec.replicas"), 3);
    }
}

#[test]
fn what_does_not_fit_is_refused_in_kustomizes_words() {
    let to = "  targets: [{select: {kind: Deployment}, fieldPaths: [spec.nothing]}]\n";
    for (text, title) in [
        (
            format!("- source: {{kind: HorizontalPodAutoscaler}}\n{to}"),
            "unable to find field \"spec.nothing\" in replacement target",
        ),
        (
            format!("- source: {{kind: Service}}\n{to}"),
            "nothing is selected by this source",
        ),
        (
            format!("- source: {{name: web}}\n{to}"),
            "multiple matches for this source",
        ),
        (
            format!("- source: {{kind: Deployment, fieldPath: spec.nothing}}\n{to}"),
            "fieldPath `spec.nothing` is missing for replacement source",
        ),
        (
            format!("- source: {{kind: Deployment, options: {{delimiter: '-', index: 1}}}}\n{to}"),
            "options.index 1 is out of bounds for value web",
        ),
        (
            "- source: {kind: Deployment}\n".to_owned(),
            "a replacement has targets",
        ),
        (
            to.replace("  targets", "- targets"),
            "a replacement has one source",
        ),
    ] {
        assert_eq!(replaced(&text).error().0, title);
    }
}

#[test]
fn a_source_that_is_generated_of_files_has_a_way_out() {
    let made = kustomized(
        "resources: [web.yaml]
configMapGenerator: [{name: sizes, envs: [sizes.env]}]
replacements:
- source: {kind: ConfigMap, name: sizes, fieldPath: data.MAX}
  targets: [{select: {kind: Deployment}, fieldPaths: [spec.replicas]}]
",
    );
    let title = "this source is generated of files, which are not read here";
    assert_eq!(made.error().0, title);
    let help = made.diagnostics.list[0].help.as_deref();
    assert_eq!(
        help,
        Some("name what `kubectl kustomize k > all.yaml` writes")
    );
}

#[test]
fn paths_part_at_dots_but_within_brackets() {
    assert_eq!(split("a.[name=x.y].b"), ["a", "[name=x.y]", "b"]);
    assert_eq!(split("a.[b.c/d].e"), ["a", "b.c/d", "e"]);
    assert_eq!(split("a.b\\.c.d"), ["a", "b.c", "d"]);
}
