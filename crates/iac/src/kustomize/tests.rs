//! Overlays to subjects: what is judged once, where values are said to stand, what is wrong, what is left out.
#![allow(clippy::disallowed_methods, reason = "a test that something ends soon looks at the clock")]

use std::sync::Arc;
use std::time::Instant;

use probity_core::{CollectOptions, Collected, Scope, Source as _, SuppressionReach, Tree as _};
use probity_testkit::MapTree;
use probity_value::{SourceMap, Span, Value, json};
use proptest::prelude::*;

use super::KustomizeSource;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: a\n    image: nginx:1\n";
const OVER: &str = "resources: [../base]\n";

fn collect<B: AsRef<[u8]>>(files: &[(&str, B)]) -> (Collected, SourceMap) {
    let tree = MapTree::new(files.iter().map(|(path, bytes)| (*path, bytes.as_ref().to_vec())));
    let (sources, options) = (SourceMap::new(), CollectOptions::default());
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let scope = Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options };
    (KustomizeSource.collect(&scope), sources)
}

fn place(sources: &SourceMap, span: Span) -> String {
    sources.locate(span).map_or_else(|| "nowhere".to_owned(), |(file, start, _)| format!("{file}:{}", start.line))
}

/// One line for each subject, suppression, diagnostic and file not read.
fn shown(files: &[(&str, &str)]) -> Vec<String> {
    let (collected, sources) = collect(files);
    let mut out = Vec::new();
    for subject in &collected.subjects {
        out.push(format!("{} {} at {}", subject.root, subject.id, place(&sources, subject.span)));
    }
    for suppression in &collected.suppressions {
        let reach = if suppression.reach == SuppressionReach::Subject { "object" } else { "lines" };
        out.push(format!("allow {} {reach} {}", suppression.id, place(&sources, suppression.target)));
    }
    for said in &collected.diagnostics {
        out.push(format!(
            "{} {}:{} {}",
            said.code,
            said.file,
            place(&sources, said.span).rsplit(':').next().unwrap_or_default(),
            said.message
        ));
    }
    for file in &collected.coverage.skipped {
        let marks = format!("{}{}", if file.fails { " fails" } else { "" }, if file.partly { " partly" } else { "" });
        out.push(format!("skipped {}{marks}", file.file));
    }
    out
}

fn check(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(shown(files), expected, "for {files:?}");
}

/// Where the value at a path of the only object stands, what it is, and the steps on its way.
fn check_value(files: &[(&str, &str)], path: &str, expected: &str) {
    let (collected, sources) = collect(files);
    let [subject] = collected.subjects.as_slice() else { panic!("{:?} {:?}", collected.subjects.len(), collected.diagnostics) };
    let value = path.split('/').fold(&subject.value, |value, part| match part.parse::<usize>() {
        Ok(index) => &value.as_list().unwrap()[index],
        Err(_) => value.get(part).unwrap_or_else(|| panic!("no {part}")),
    });
    let steps: Vec<String> = value
        .origin
        .iter()
        .flat_map(|origin| &origin.steps)
        .map(|step| format!(" from {} {}", step.name, place(&sources, step.span)))
        .collect();
    let text = json::write(value).unwrap_or_else(|| "unknown".to_owned());
    assert_eq!(format!("{text} at {}{}", place(&sources, value.span), steps.concat()), expected);
}

#[test]
fn bases_are_judged_through_each_overlay() {
    check(
        &[
            ("base/kustomization.yaml", "resources: [pod.yaml]\n"),
            ("base/pod.yaml", POD),
            ("base/unused.yaml", POD),
            ("dev/kustomization.yaml", "resources: [../base]\nnamespace: dev\n"),
            ("prod/kustomization.yaml", "resources: [../base]\nnamePrefix: p-\n"),
        ],
        &["dev Pod/dev/web at base/pod.yaml:1", "prod Pod/default/p-web at base/pod.yaml:1"],
    );
    let (collected, _) = collect(&[
        ("kustomization.yaml", "resources: [pod.yaml]\nconfigMapGenerator:\n- {name: c, files: [main.tf]}\n"),
        ("pod.yaml", POD),
        ("unused.yaml", POD),
        ("main.tf", ""),
    ]);
    let read: Vec<(&str, usize)> = collected.coverage.read.iter().map(|file| (&*file.file, file.subjects)).collect();
    assert_eq!(read, [("kustomization.yaml", 1), ("pod.yaml", 1)], "files without a kustomization's say stay with others");
}

#[test]
fn values_stand_where_they_are_said() {
    let base = [("base/kustomization.yaml", "resources: [pod.yaml]\n"), ("base/pod.yaml", POD)];
    let with = |overlay: &'static str| [base[0], base[1], ("o/kustomization.yaml", overlay)];
    check_value(&with(OVER), "spec/containers/0/image", r#""nginx:1" at base/pod.yaml:8"#);
    check_value(
        &with("resources: [../base]\nimages:\n- name: nginx\n  newTag: '2'\n"),
        "spec/containers/0/image",
        r#""nginx:2" at o/kustomization.yaml:4 from o/kustomization.yaml o/kustomization.yaml:3"#,
    );
    check_value(
        &with("resources: [../base]\nnamespace: prod\n"),
        "metadata/namespace",
        r#""prod" at o/kustomization.yaml:2 from o/kustomization.yaml o/kustomization.yaml:2"#,
    );
    let inline = "resources: [../base]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: Pod\n    metadata: {name: web}\n    spec:\n      hostNetwork: true\n";
    check_value(&with(inline), "spec/hostNetwork", "true at o/kustomization.yaml:8 from o/kustomization.yaml o/kustomization.yaml:3");
    let quoted = "resources: [../base]\npatches:\n- target: {kind: Pod}\n  patch: '[{op: add, path: /spec/hostPID, value: true}]'\n";
    check_value(&with(quoted), "spec/hostPID", "true at o/kustomization.yaml:4 from o/kustomization.yaml o/kustomization.yaml:3");
    let patch =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: a\n    securityContext: {privileged: true}\n";
    check_value(
        &[base[0], base[1], ("o/kustomization.yaml", "resources: [../base]\npatches: [{path: p.yaml}]\n"), ("o/p.yaml", patch)],
        "spec/containers/0/securityContext/privileged",
        "true at o/p.yaml:7 from o/kustomization.yaml o/kustomization.yaml:2",
    );
}

#[test]
fn ids_have_no_hash() {
    let text = "configMapGenerator:\n- name: c\n  literals: [a=b]\n";
    check(&[("kustomization.yaml", text)], &[" ConfigMap/default/c at kustomization.yaml:2"]);
    check_value(
        &[("kustomization.yaml", text)],
        "metadata/name",
        r#""c-4h2mbtbbt6" at kustomization.yaml:2 from kustomization.yaml (configMapGenerator) kustomization.yaml:2"#,
    );
}

#[test]
fn what_is_wrong_is_said_and_the_rest_judged() {
    let one = |text: &'static str| [("kustomization.yaml", text), ("pod.yaml", POD)];
    let pod = " Pod/default/web at pod.yaml:1";
    let skipped = "skipped kustomization.yaml fails partly";
    check(
        &one("resources: [pod.yaml, none.yaml]\n"),
        &[pod, "kustomize-missing kustomization.yaml:1 there is no file or folder `none.yaml`", skipped],
    );
    check(
        &one("resources: [pod.yaml, ../../x.yaml]\n"),
        &[pod, "kustomize-outside kustomization.yaml:1 `../../x.yaml` leads out of the repository", skipped],
    );
    check(
        &one("resources: [pod.yaml, pod.yaml]\n"),
        &[pod, " Pod/default/web#2 at pod.yaml:1", "kustomize-conflict kustomization.yaml:1 there is Pod/web already", skipped],
    );
    check(
        &one("resources: [pod.yaml]\npatches:\n- patch: |-\n    {apiVersion: v1, kind: Pod, metadata: {name: other}}\n"),
        &[pod, "kustomize-failed kustomization.yaml:4 the patch is for Pod/other, which is not here", skipped],
    );
    check(
        &one("resources: [pod.yaml]\npatches:\n- target: {kind: Pod}\n  patch: |-\n    - {op: remove, path: /spec/none}\n"),
        &[pod, "kustomize-failed kustomization.yaml:5 the patch of Pod/web: `remove` of `/spec/none`: there is no `none`", skipped],
    );
    check(
        &one("resources: [pod.yaml]\nresource: []\n"),
        &[pod, "kustomize-field kustomization.yaml:2 `resource` is nothing a kustomization has", skipped],
    );
    check(
        &one("resources: [pod.yaml, 'https://example.com/x?ref=v1']\n"),
        &[
            pod,
            "kustomize-remote kustomization.yaml:1 `https://example.com/x?ref=v1` is not in this repository, so it is not read",
            "skipped kustomization.yaml partly",
        ],
    );
    check(
        &one("resources: [pod.yaml]\nsecretGenerator:\n- {name: s, envs: [.env]}\n"),
        &[
            " Secret/default/s at kustomization.yaml:3",
            pod,
            "kustomize-missing kustomization.yaml:3 the file `.env` cannot be read: no such file",
            skipped,
        ],
    );
    check(
        &[("kustomization.yaml", "")],
        &["kustomize-field kustomization.yaml:nowhere a kustomization is a map, and not empty", "skipped kustomization.yaml fails"],
    );
    check(
        &[("kustomization.yaml", "resources: [bad.yaml, pod.yaml]\n"), ("bad.yaml", "a: [\n"), ("pod.yaml", POD)],
        &[pod, "yaml-syntax bad.yaml:1 while parsing a node, did not find expected node content", "skipped bad.yaml fails", skipped],
    );
}

#[test]
fn manifests_named_as_something_else_stay_with_others() {
    let claimed = |kustomization: &str| {
        let (collected, _) = collect(&[("kustomization.yaml", kustomization), ("a.yaml", POD), ("b.yaml", &POD.replace("web", "other"))]);
        let read = collected.coverage.read.iter().map(|file| file.file.to_string());
        (read.collect::<Vec<_>>().join(" "), collected.diagnostics.iter().map(|said| said.code).collect::<Vec<_>>().join(" "))
    };
    let check = |text: &str, read: &str, said: &str| assert_eq!(claimed(text), (read.to_owned(), said.to_owned()), "for {text}");
    check("resources: [a.yaml]\nconfigurations: [b.yaml]\n", "a.yaml kustomization.yaml", "");
    check("resources: [a.yaml]\npatches: [{path: b.yaml, target: {kind: No}}]\n", "a.yaml kustomization.yaml", "kustomize-patch-unused");
    check("resources: [a.yaml]\npatches: [{path: b.yaml, target: {kind: Pod}}]\n", "a.yaml b.yaml kustomization.yaml", "");
    let deletes =
        "resources: [a.yaml, b.yaml]\npatches:\n- patch: |-\n    {apiVersion: v1, kind: Pod, metadata: {name: web}, $patch: delete}\n";
    check(deletes, "a.yaml b.yaml kustomization.yaml", "kustomize-gone");
}

#[test]
fn circles_end_and_are_judged_once() {
    check(
        &[("a/kustomization.yaml", "resources: [../b, pod.yaml]\n"), ("a/pod.yaml", POD), ("b/kustomization.yaml", "resources: [../a]\n")],
        &[
            "a Pod/default/web at a/pod.yaml:1",
            "kustomize-cycle b/kustomization.yaml:1 the folder `../a` is reached from itself",
            "skipped b/kustomization.yaml fails partly",
        ],
    );
}

#[test]
fn flux_objects_and_lonely_components_are_no_roots() {
    let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: x}\n";
    check(&[("x/kustomization.yaml", flux)], &[]);
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [pod.yaml]\npatches: [{path: p.yaml}]\n";
    check(&[("c/kustomization.yaml", component), ("c/pod.yaml", POD), ("c/p.yaml", POD)], &["skipped c/kustomization.yaml"]);
}

#[test]
fn suppressions_of_bases_and_patches_count_where_they_are_rendered() {
    let pod = format!("# checkov:skip=CKV_1:why\n{}", POD.replace("image: nginx:1", "image: nginx:1 # trivy:ignore:X"));
    let patch = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations: {checkov.io/skip1: CKV_2=why}\n";
    let files = [
        ("base/kustomization.yaml", "resources: [pod.yaml]\n"),
        ("base/pod.yaml", pod.as_str()),
        ("dev/kustomization.yaml", OVER),
        ("prod/kustomization.yaml", "resources: [../base]\npatches: [{path: p.yaml}]\n"),
        ("prod/p.yaml", patch),
    ];
    check(
        &files,
        &[
            "dev Pod/default/web at base/pod.yaml:2",
            "prod Pod/default/web at base/pod.yaml:2",
            "allow CKV_2 object prod/p.yaml:1",
            "allow CKV_1 object base/pod.yaml:2",
            "allow X lines base/pod.yaml:9",
        ],
    );
    let (collected, sources) = collect(&files);
    let via = |root: &str| {
        let subject = collected.subjects.iter().find(|subject| &*subject.root == root).unwrap();
        subject.via.iter().map(|span| place(&sources, *span)).collect::<Vec<_>>()
    };
    assert_eq!(via("dev"), ["dev/kustomization.yaml:1", "base/kustomization.yaml:1"]);
    assert_eq!(via("prod"), ["prod/kustomization.yaml:1", "base/kustomization.yaml:1", "prod/p.yaml:1"]);
}

#[test]
fn an_annotation_one_overlay_takes_away_counts_in_none() {
    let pod = POD.replace("  name: web\n", "  name: web\n  annotations: {checkov.io/skip1: CKV_2=why}\n");
    let away = "resources: [../base]\npatches:\n- target: {kind: Pod}\n  patch: |-\n    - {op: remove, path: /metadata/annotations}\n";
    check(
        &[
            ("base/kustomization.yaml", "resources: [pod.yaml]\n"),
            ("base/pod.yaml", pod.as_str()),
            ("dev/kustomization.yaml", away),
            ("prod/kustomization.yaml", OVER),
        ],
        &[
            "dev Pod/default/web at base/pod.yaml:1",
            "prod Pod/default/web at base/pod.yaml:1",
            "suppression-overlay base/pod.yaml:5 an overlay takes this annotation away, so it does not count in any",
        ],
    );
}

#[test]
fn what_doubles_and_what_is_deep_ends_soon() {
    let started = Instant::now();
    let mut files: Vec<(String, String)> =
        vec![("k0/kustomization.yaml".to_owned(), "resources: [pod.yaml]\n".to_owned()), ("k0/pod.yaml".to_owned(), POD.to_owned())];
    for level in 1..60 {
        files.push((format!("k{level}/kustomization.yaml"), format!("resources: [../k{0}, ../k{0}/]\n", level - 1)));
    }
    let borrowed: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (collected, _) = collect(&borrowed);
    assert!(collected.diagnostics.iter().any(|said| said.code == "kustomize-limit"));
    let deep = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {}1{}\n", "{a: ".repeat(200), "}".repeat(200));
    let (collected, _) = collect(&[
        ("kustomization.yaml", "resources: [a.yaml]\npatches: [{path: b.yaml}]\nnamespace: x\n"),
        ("a.yaml", &deep),
        ("b.yaml", &deep),
    ]);
    assert_eq!(collected.subjects.len(), 1);
    assert!(started.elapsed().as_secs() < 60);
}

const SEED: &str = "resources: [r.yaml]\nnamePrefix: a-\nnamespace: n\ncommonLabels: {a: b}\nimages: [{name: nginx, newTag: '2'}]\npatches:\n- path: p.yaml\n- target: {kind: Pod}\n  patch: |-\n    - {op: add, path: /spec/x, value: [1]}\nconfigMapGenerator:\n- {name: c, literals: [a=b], files: [p.yaml]}\nreplacements:\n- source: {kind: Pod, name: web}\n  targets:\n  - select: {kind: Pod}\n    fieldPaths: [spec.a.0.b, 'spec.containers.[name=a].image']\n    options: {create: true}\nvars:\n- {name: V, objref: {kind: Pod, name: web, apiVersion: v1}}\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_end_and_are_covered(edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12), in_patch in any::<bool>()) {
        let mut bytes = if in_patch { POD.as_bytes().to_vec() } else { SEED.as_bytes().to_vec() };
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let (seed, patch) = if in_patch { (SEED.as_bytes(), bytes.as_slice()) } else { (bytes.as_slice(), POD.as_bytes()) };
        let (collected, _) = collect(&[("kustomization.yaml", seed), ("p.yaml", patch), ("r.yaml", POD.as_bytes())]);
        let covered = collected.coverage.read.iter().map(|file| &file.file).chain(collected.coverage.skipped.iter().map(|file| &file.file));
        prop_assert!(covered.into_iter().any(|file| &**file == "kustomization.yaml") || collected.subjects.is_empty());
    }
}

#[test]
fn the_seed_is_rendered() {
    let (collected, _) = collect(&[("kustomization.yaml", SEED), ("p.yaml", POD), ("r.yaml", POD)]);
    assert!(collected.diagnostics.iter().all(|said| said.code == "x"), "{:?}", collected.diagnostics);
    let pod = collected.subjects.iter().find(|subject| &*subject.type_name == "Pod").map(|subject| subject.value.clone());
    let pod: Value = pod.unwrap();
    assert_eq!(
        json::write(pod.get("spec").unwrap()).unwrap(),
        r#"{"a":[{"b":"a-web"}],"containers":[{"image":"a-web","name":"a"}],"x":[1]}"#
    );
}
