//! Files to subjects, suppressions and coverage.

use std::collections::BTreeMap;

use super::*;
use probity_core::{CollectOptions, Digest, SuppressionReach, Tree, TreeFile};
use probity_value::SourceMap;

/// A tree in memory.
pub(crate) struct MapTree {
    files: Vec<TreeFile>,
    bytes: BTreeMap<Arc<str>, Arc<[u8]>>,
}

impl MapTree {
    pub(crate) fn new(files: &[(&str, &str)]) -> MapTree {
        MapTree::of_bytes(&files.iter().map(|(path, text)| (*path, text.as_bytes())).collect::<Vec<_>>())
    }

    fn of_bytes(files: &[(&str, &[u8])]) -> MapTree {
        let bytes: BTreeMap<Arc<str>, Arc<[u8]>> = files.iter().map(|(path, bytes)| (Arc::from(*path), Arc::from(*bytes))).collect();
        let files = bytes.iter().map(|(path, bytes)| TreeFile { path: Arc::clone(path), size: bytes.len() as u64 }).collect();
        MapTree { files, bytes }
    }
}

impl Tree for MapTree {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        self.bytes.get(path).cloned().ok_or(TreeError::Missing)
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        BTreeMap::new()
    }
}

pub(crate) fn scope_of<'a>(tree: &'a MapTree, sources: &'a SourceMap, options: &'a CollectOptions, unclaimed: &'a [Arc<str>]) -> Scope<'a> {
    Scope { tree, sources, unclaimed, options }
}

fn collect(tree: &MapTree, max_file_size: u64) -> (Collected, SourceMap) {
    let (sources, options) = (SourceMap::new(), CollectOptions { max_file_size, ..CollectOptions::default() });
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    (KubernetesSource.collect(&scope_of(tree, &sources, &options, &unclaimed)), sources)
}

/// One line for each subject, suppression, diagnostic and skipped file.
fn shown(files: &[(&str, &str)]) -> Vec<String> {
    lines(&collect(&MapTree::new(files), 1 << 20))
}

fn lines((collected, sources): &(Collected, SourceMap)) -> Vec<String> {
    let place =
        |span: Span| sources.locate(span).map_or_else(|| "nowhere".to_owned(), |(_, start, end)| format!("{}-{}", start.line, end.line));
    let mut out = Vec::new();
    for subject in &collected.subjects {
        out.push(format!("{}:{} {}", subject.root, subject.id, place(subject.span)));
    }
    for suppression in &collected.suppressions {
        let reach = match suppression.reach {
            SuppressionReach::Subject => "subject",
            SuppressionReach::Lines => "lines",
            SuppressionReach::File => "file",
        };
        out.push(format!("allow {} {} {reach} {}", suppression.style.as_str(), suppression.id, place(suppression.target)));
    }
    for diagnostic in &collected.diagnostics {
        out.push(format!("{:?} {} {}", diagnostic.level, diagnostic.code, place(diagnostic.span)));
    }
    for file in &collected.coverage.skipped {
        let marks = format!("{}{}", if file.fails { " fails" } else { "" }, if file.partly { " partly" } else { "" });
        out.push(format!("skipped {}: {}{marks}", file.file, file.why));
    }
    out
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(shown(&[("d/a.yaml", text)]), expected, "for {text:?}");
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";

#[test]
fn objects_and_their_ids() {
    check(POD, &["d:Pod/default/a 1-3"]);
    check("# c\n---\n\napiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: ns\n\n# end\n", &["d:Pod/ns/a 4-8"]);
    check("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r, namespace: n}\n", &["d:ClusterRole/r 1-3"]);
    check(
        "apiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Pod\nmetadata: {generateName: b-}\n",
        &["d:Pod/default/#1 1-2", "d:Pod/default/b-#1 4-6"],
    );
    check("apiVersion: v1\nkind: Pod\nmetadata: {labels: {app: web, tier: 1}}\n", &["d:Pod/default/app-web.tier-1 1-3"]);
    check(&format!("{POD}---\n{POD}"), &["d:Pod/default/a 1-3", "d:Pod/default/a#2 5-7"]);
    check("apiVersion: v1\nkind: Pod\nmetadata: {name: 12}\n", &["d:Pod/default/12 1-3"]);
    assert_eq!(shown(&[("a/x.yaml", POD), ("b/x.yml", POD)]), ["a:Pod/default/a 1-3", "b:Pod/default/a 1-3"]);
    assert_eq!(shown(&[("x.json", "{\n\"apiVersion\": \"v1\", \"kind\": \"Pod\"}")]), [":Pod/default/#1 2-2"]);
}

#[test]
fn lists_are_taken_apart() {
    check(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: a\n- 1\n",
        &["d:Pod/default/a 4-7", "Warning kubernetes-no-object 8-8"],
    );
    check("apiVersion: v1\nkind: PodList\nitems:\n- metadata:\n    name: a\n", &["d:Pod/default/a 4-5"]);
    check("apiVersion: x/v1\nkind: AllowList\nspec: {}\nitems: []\n", &["d:AllowList/default/#1 1-4"]);
}

#[test]
fn other_files_are_left_alone() {
    check("a: 1\n", &[]);
    check("a: {apiVersion: v1, kind: Pod}\n", &[]);
    check("a: [apiVersion kind\n", &[]);
    check("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", &[]);
    assert_eq!(shown(&[("a.txt", POD)]), Vec::<String>::new());
}

#[test]
fn what_cannot_be_read() {
    check("apiVersion: v1\nkind: Pod\nmetadata: [\n", &["Error yaml-syntax 3-4", "skipped d/a.yaml: not valid YAML fails"]);
    check(
        &format!("{POD}---\na: [\n---\n{POD}"),
        &["d:Pod/default/a 1-3", "d:Pod/default/a#2 7-9", "Error yaml-syntax 5-6", "skipped d/a.yaml: not valid YAML fails partly"],
    );
    check("apiVersion: v1\nkind: Pod\nmetadata:\n  {{- if .x }}\n", &["skipped d/a.yaml: template, not rendered"]);
    check("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .x }}\n", &["skipped d/a.yaml: template, not rendered"]);
    check(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  # {{\n  name: [\n",
        &["Error yaml-syntax 5-6", "skipped d/a.yaml: not valid YAML fails"],
    );
    check(&format!("{POD}---\nx: 1\n"), &["d:Pod/default/a 1-3", "Note kubernetes-no-object 5-5"]);
    check("apiVersion: v1\nkind: Pod\nkind: Job\n", &["d:Job/default/#1 1-3", "Warning yaml-duplicate-key 3-3"]);
    let wide: Vec<u8> = POD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let tree = MapTree::of_bytes(&[("a.yaml", b"apiVersion: \xff kind"), ("b.yaml", b"\xff"), ("c.yaml", &wide)]);
    assert_eq!(
        lines(&collect(&tree, 1 << 20)),
        [
            "Error kubernetes-unreadable nowhere",
            "Error kubernetes-unreadable nowhere",
            "skipped a.yaml: not UTF-8 text fails",
            "skipped b.yaml: not UTF-8 text",
            "skipped c.yaml: not UTF-8 text fails",
        ]
    );
    let tree = MapTree::new(&[("a.json", POD), ("a.yaml", POD)]);
    assert_eq!(
        lines(&collect(&tree, 10)),
        [
            "Error kubernetes-unreadable nowhere",
            "skipped a.json: the file has 45 bytes, more than the budget of 10",
            "skipped a.yaml: the file has 45 bytes, more than the budget of 10 fails",
        ]
    );
}

#[test]
fn suppressions() {
    check(&format!("# checkov:skip=A:x\n{POD}"), &["d:Pod/default/a 2-4", "allow checkov A subject 2-4"]);
    check(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    checkov.io/skip1: A=x\n",
        &["d:Pod/default/#1 1-5", "allow checkov A subject 1-5"],
    );
    check(
        &format!("{POD}# probity:allow b\n---\n# probity:allow a\n{POD}"),
        &["d:Pod/default/a 1-3", "d:Pod/default/a#2 7-9", "allow probity b lines 5-5", "allow probity a subject 7-9"],
    );
    check(
        "apiVersion: v1\nkind: Pod\n# trivy:ignore:A\n\n# c\nspec: # probity:allow b\n  x: 'y # kics-scan ignore'\n  # kics-scan ignore-block\n  c:\n  - d: |\n      # kics-scan ignore\n    e: 1\n  f: 1\n",
        &["d:Pod/default/#1 1-13", "allow trivy A lines 6-6", "allow probity b lines 6-6", "allow kics * lines 9-12"],
    );
    check(
        "apiVersion: v1\nkind: List\nitems:\n# checkov:skip=A\n- apiVersion: v1\n  kind: Pod\n- apiVersion: v1\n  # checkov:skip=B\n  kind: Pod\n",
        &[
            "d:Pod/default/#1 5-6",
            "d:Pod/default/#2 7-9",
            "allow checkov A subject 5-6",
            "allow checkov A subject 7-9",
            "allow checkov B subject 7-9",
        ],
    );
    check(&format!("{POD}# kics-scan disable=q\n"), &["d:Pod/default/a 1-3", "allow kics q file 1-5"]);
    check(&format!("# trivy:ignore:A:ws:prod\n{POD}"), &["d:Pod/default/a 2-4", "Warning suppression-condition 1-1"]);
}

/// Whether a file fails closed, or what it is taken for.
fn ends(path: &str, text: &str, expected: &[&str]) {
    assert_eq!(shown(&[(path, text)]).into_iter().filter(|line| !line.contains("no-object")).collect::<Vec<_>>(), expected, "for {text:?}");
}

#[test]
fn what_kubectl_reads_is_not_passed_over() {
    let broken = |path: &str| format!("skipped {path}: not valid YAML fails");
    let last = |path: &str, text: &str| {
        let lines = shown(&[(path, text)]);
        assert_eq!(lines.last(), Some(&broken(path)), "for {text:?}: {lines:?}");
    };
    let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
    last("a.json", &format!(r#"{{"apiVersion":"v1","kind":"Pod","x":{deep}}}"#));
    last("a.yaml", &format!("{{apiVersion: v1, kind: Pod, x: {deep}}}\n"));
    last("a.yaml", &format!("  apiVersion: v1\n  kind: Pod\n  x: {deep}\n"));
    last("a.yaml", &format!("? apiVersion\n: v1\n? kind\n: Pod\n? x\n: {deep}\n"));
    last("a.json", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}\n{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}");
    last("a.yaml", "apiVersion: v1\u{85}kind: Pod\u{85}");
    last("a.yaml", "apiVersion: v1\n!!binary a2luZA==: Pod\n");
    // A template is what can be read without its actions; a word in braces is no way past the reader.
    last("a.yaml", &format!("{POD}y: 'a {{{{ b }}}}'\nx: {deep}\n"));
    last("a.yaml", &format!("{POD}y: a {{{{ b }}}}\nz: [\n"));
    last("a.yaml", &format!("{POD}y: '{{{{'\nx: {deep}\nz: '}}}}'\n"));
    last("a.yaml", &format!("{POD}y: '{{{{'\nx:\tb\nz: '}}}}'\n"));
    last("a.yaml", &format!("{POD}y: '\n  {{{{'\nx:\tb\nz: '\n  }}}}'\n"));
    ends("a.yaml", &format!("{POD}y: {{{{ b }}}}\nz: {{{{ c }}}}-{{{{ d }}}}\n"), &["skipped a.yaml: template, not rendered"]);
    ends("a.yaml", &format!("{{{{- if .x }}}}\n{POD}{{{{ else }}}}{{{{ end }}}}\n"), &["skipped a.yaml: template, not rendered"]);
    ends("a.yaml", &format!("{POD}{{% if x %}}\ny: {{{{ x }}}}-y\n{{% endif %}}\n"), &["skipped a.yaml: template, not rendered"]);
}

#[test]
fn words_written_with_escapes() {
    ends("a.json", r#"{"api\u0056ersion":"v1","k\u0069nd":"Pod","metadata":{"name":"a"}}"#, &[":Pod/default/a 1-1"]);
    ends("a.yaml", "apiVersion: v1\n\"\\x6bind\": Pod\nmetadata: {name: a}\n", &[":Pod/default/a 1-3"]);
    ends("a.json", r#"{"a":"\u003c"}"#, &[]);
}

#[test]
fn items_count_whatever_stands_beside_them() {
    let item = "{apiVersion: v1, kind: Pod, metadata: {name: a}}";
    ends("a.yaml", &format!("apiVersion: v1\nkind: List\nspec: {{}}\nitems: [{item}]\n"), &[":List/default/#1 1-4", ":Pod/default/a 4-4"]);
    ends(
        "a.yaml",
        &format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\nitems: [{item}]\n"),
        &[":ConfigMap/default/c 1-4", ":Pod/default/a 4-4"],
    );
    ends(
        "a.yaml",
        "apiVersion: v1\nkind: PodList\nspec: {}\nitems: [{metadata: {name: a}}]\n",
        &[":PodList/default/#1 1-4", ":Pod/default/a 4-4"],
    );
    ends("a.yaml", "apiVersion: v1\nkind: X\nmetadata: {name: c}\nitems: [{key: a}]\n", &[":X/default/c 1-4"]);
}
