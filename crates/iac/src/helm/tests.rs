//! Templates to text, and charts to subjects, suppressions and coverage.

use super::*;
use probity_core::{CollectOptions, SuppressionReach, Tree as _};
use probity_testkit::MapTree;
use probity_value::{Data, SourceMap, Value};

/// What a chart of these files renders, by template, and what is said.
fn rendered(files: &[(&str, &str)]) -> (Vec<(String, String)>, Vec<String>) {
    let files: Vec<(String, Vec<u8>)> = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let tree = MapTree::new(files);
    let (sources, options) = (SourceMap::new(), CollectOptions::default());
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let scope = Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options };
    std::thread::scope(|threads| {
        let work = std::thread::Builder::new().stack_size(STACK).spawn_scoped(threads, || {
            let mut notes = Notes::default();
            let mut chart = Loader { scope: &scope, notes: &mut notes, charts: 0 }.folder("").unwrap();
            values::process(&mut chart).unwrap();
            let outputs = render::render(&chart, &scope, false, &mut notes);
            let texts =
                outputs.outputs.iter().map(|output| (output.source.name.clone(), output.rendered.text.as_str().to_owned())).collect();
            let said = notes.diagnostics.iter().map(|said| {
                let place = sources
                    .locate(said.span)
                    .map_or_else(|| "nowhere".to_owned(), |(_, start, _)| format!("{}:{}", start.line, start.column));
                format!("{} at {place}: {}", said.code, said.message)
            });
            (texts, said.collect())
        });
        work.unwrap().join().unwrap()
    })
}

const CHART: &str = "apiVersion: v2\nname: c\nversion: 1.2.3\nappVersion: \"9\"\n";

/// One template with values to its text, or to what is said of it.
fn text_of(template: &str, values: &str) -> String {
    let (texts, said) = rendered(&[("Chart.yaml", CHART), ("values.yaml", values), ("templates/a.yaml", template)]);
    texts.into_iter().next().map_or_else(|| said.join("; "), |(_, text)| text)
}

#[track_caller]
fn check(template: &str, expected: &str) {
    check_with(template, "a: x\nnum: 8080\nm: {k: v}\nl: [1, 2]\nt: true\nnothing: null\n", expected);
}

#[track_caller]
fn check_with(template: &str, values: &str, expected: &str) {
    assert_eq!(text_of(template, values), expected, "for {template}");
}

#[test]
fn actions_and_control() {
    check("{{ .Values.a }}-{{ .Values.num }}", "x-8080");
    check("{{ .Values.missing }}|{{ .Values.nothing }}", "|");
    check("{{ if .Values.l }}a{{ else }}b{{ end }}", "a");
    check("{{ if and .Values.t (eq .Values.a \"x\") }}a{{ end }}", "a");
    check("{{ with .Values.m }}{{ .k }}{{ $.Values.a }}{{ end }}", "vx");
    check("{{ range $i, $x := .Values.l }}{{ $i }}{{ $x }},{{ end }}", "01,12,");
    check("{{ range $k, $x := .Values.m }}{{ $k }}={{ $x }}{{ end }}", "k=v");
    check("{{ $x := 1 }}{{ range .Values.l }}{{ $x = add $x . }}{{ end }}{{ $x }}", "4");
    check("{{ define \"x\" }}[{{ . }}]{{ end }}{{ template \"x\" .Values.a }}{{ include \"x\" 1 | upper }}", "[x][1]");
    check("{{ (.Values.missing).deep }}{{ $v := .Values.missing }}{{ $v.deep }}", "");
    check("{{ (.Values.m).k }}{{ (dict \"a\" (list 1 2)).a }}", "v[1 2]");
    check("{{- /* nothing */ -}}  a", "a");
    check("{{ .Values.m }} {{ .Values.l }} {{ .Values.t }} {{ nil | default \"d\" }}", "helm-template at 1:52: `nil` is no command");
}

#[test]
fn errors_say_where() {
    check("a\n  {{ .Values.missing.deep }}", "helm-template at 2:6: `.missing` is nil, so it has no `.deep`");
    check("{{ .Values.a.b }}", "helm-template at 1:4: a string has no field `b`");
    check("{{ .Chart.Nope }}", "helm-template at 1:4: a chart.Metadata has no field `Nope`");
    check("{{ upper .Values.missing }}", "helm-template at 1:4: `upper`: argument 1 must be a string, not nil");
    check("{{ upper .Values.num }}", "helm-template at 1:4: `upper`: argument 1 must be a string, not float64");
    check("{{ eq .Values.num 8080 }}", "helm-template at 1:4: `eq`: a float64 cannot be compared with a int");
    check("{{ include \"nope\" . }}", "helm-template at 1:4: template `nope` does not exist");
    check("{{ index .Values.l 5 }}", "helm-template at 1:4: `index`: index 5 is out of range of a list of 2");
    check("{{ trunc 3 }}", "helm-template at 1:4: `trunc` takes 2 arguments, not 1");
    check("x: {{ if }}", "helm-template at 1:10: a value is missing in `if`");
    check("x: {{ nope }}", "helm-template at 1:7: function `nope` does not exist");
    check("{{ div 1 0 }}", "helm-template at 1:4: `div`: division by zero");
    check(
        "{{ tpl \"{{ nope }}\" . }}",
        "helm-template at 1:4: text given to `tpl` is not a template: function `nope` does not exist at `nope`",
    );
    check("{{ tpl \"{{ .Values.a.b }}\" . }}", "helm-template at 1:4: a string has no field `b`");
    check("{{ range .Values.a }}{{ end }}", "helm-template at 1:10: `range` cannot go over a string");
}

#[test]
fn what_a_chart_asks_for_is_said_and_the_rest_goes_on() {
    let check = |template: &str, text: &str, expected: &[&str]| {
        let (texts, said) = rendered(&[("Chart.yaml", CHART), ("values.yaml", "a: x\n"), ("templates/a.yaml", template)]);
        let shown = texts.first().map(|(_, text)| text.replace(|letter: char| ('\u{e000}'..='\u{f8ff}').contains(&letter), "?"));
        assert_eq!((shown.as_deref().unwrap_or("none"), said), (text, expected.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()));
    };
    check("a{{ fail \"no luck\" }}b", "ab", &["helm-needs-values at 1:5: the chart asks for other values: no luck"]);
    check("{{ .Values.a | fail }}", "", &["helm-needs-values at 1:16: the chart asks for other values: x"]);
    check("{{ required \"no a\" .Values.a }}", "x", &[]);
    check("[{{ required \"no b\" .Values.b | quote }}]", "[\"??\"]", &["helm-needs-values at 1:5: the chart asks for other values: no b"]);
    check(
        "{{ $b := required \"no b\" .Values.b }}{{ .Values.b.c }}",
        "none",
        &[
            "helm-needs-values at 1:10: the chart asks for other values: no b",
            "helm-template at 1:41: `.b` is nil, so it has no `.c`, after the chart asked for other values",
        ],
    );
}

#[test]
fn what_does_not_end_is_ended() {
    check(
        "{{ define \"x\" }}{{ include \"x\" . }}{{ end }}{{ include \"x\" . }}",
        "helm-limit at 1:20: templates call each other more than 150 deep",
    );
    check(
        "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}",
        "helm-limit at 1:17: templates call each other more than 150 deep",
    );
    check("{{ range until 900000 }}{{ range until 900000 }}a{{ end }}{{ end }}", "helm-limit at 1:49: more than 3000000 steps");
    check("{{ until 100000000 }}", "helm-limit at 1:4: a list of more than 1000000 numbers");
    check("{{ repeat 100000000 \"abc\" }}", "helm-limit at 1:4: `repeat` would make a text of more than 8388608 bytes");
    check("{{ range 300 }}{{ repeat 1000000 \"a\" }}{{ end }}", "helm-limit at 1:16: more than 8388608 bytes of output");
    check(
        "{{ $x := repeat 1000000 \"a\" }}{{ range 300 }}{{ $y := upper $x }}{{ end }}",
        "helm-limit at 1:55: more than 134217728 bytes of text on the way",
    );
    check("{{ $d := dict }}{{ $_ := set $d \"self\" $d }}{{ toYaml $d }}.{{ len (toJson $d) }}", ".0");
    check(
        "{{ $d := dict }}{{ range until 40 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ toYaml $d }}",
        "helm-limit at 1:78: `toYaml` is given more than 300000 values",
    );
    check("{{ $l := list }}{{ range until 100000 }}{{ $l = list $l }}{{ end }}{{ len $l }}", "1");
    check("{{ $l := list 1 }}{{ range until 60 }}{{ $l = concat $l $l }}{{ end }}", "helm-limit at 1:47: more than 3000000 steps");
    check("{{ tpl .Values.x . }}", "helm-template at 1:4: `tpl`: argument 1 must be a string, not nil");
    check_with("{{ tpl .Values.x . }}", "x: '{{ tpl .Values.x . }}'", "helm-limit at 1:4: templates call each other more than 150 deep");
}

#[test]
fn what_cannot_be_known_stays_unknown() {
    let unknown = |template: &str| {
        let text = text_of(template, "");
        assert!(text.chars().any(|letter| ('\u{f780}'..='\u{f7ff}').contains(&letter)), "{text} for {template}");
    };
    unknown("{{ randAlphaNum 5 }}");
    unknown("{{ randAlphaNum 5 | b64enc | quote }}");
    unknown("{{ printf \"%s-%d\" (randAlphaNum 5 | lower) 3 }}");
    unknown("{{ (genCA \"a\" 3).Cert | b64enc }}");
    unknown("{{ now | date \"2006\" }}");
    unknown("{{ dict \"a\" (uuidv4) | toYaml }}");
    unknown("{{ define \"x\" }}a{{ randNumeric 3 }}{{ end }}{{ include \"x\" . | sha256sum }}");
    unknown("{{ toJson (list (randInt 1 3)) | fromJsonArray }}");
    check("{{ if randAlphaNum 3 }}a{{ end }}", "a");
    check(
        "{{ if eq (randAlphaNum 1) \"a\" }}a{{ end }}",
        "helm-unknowable at 1:7: a condition depends on something that cannot be known: `randAlphaNum` gives another text each time",
    );
    check(
        "{{ if contains \"a\" (randAlphaNum 9) }}a{{ end }}",
        "helm-unknowable at 1:7: a condition depends on something that cannot be known: `randAlphaNum` gives another text each time",
    );
    check(
        "{{ range until (randInt 1 5) }}a{{ end }}",
        "helm-unknowable at 1:10: a loop depends on something that cannot be known: `randInt` gives another number each time",
    );
    check("{{ env \"HOME\" }}{{ expandenv \"$HOME\" }}{{ getHostByName \"localhost\" }}", "");
}

#[test]
fn functions_of_helm() {
    check("{{ toYaml .Values.m | indent 2 }}", "  k: v");
    check("{{ lookup \"v1\" \"Pod\" \"\" \"\" | toJson }}", "{}");
    check("{{ fromYaml \"a: [1\" | keys }}", "[Error]");
    check("{{ .Release.Name }} {{ .Release.Namespace }} {{ .Release.Service }}", "release-name default Helm");
    check("{{ .Chart.Name }} {{ .Chart.Version }} {{ .Chart.AppVersion }}", "c 1.2.3 9");
    check("{{ .Template.Name }} {{ .Template.BasePath }}", "c/templates/a.yaml c/templates");
    check("{{ toToml (dict \"a\" 1 \"b\" (dict \"c\" \"d\")) }}", "a = 1\n\n[b]\n  c = \"d\"\n");
    check("{{ .Values.num | int | add 1 }} {{ .Values.num }} {{ 10000000.0 }} {{ .Values.num | toString | len }}", "8081 8080 1e+07 4");
    check("{{ mustToJson .Values.l }}{{ mustAppend .Values.l 3 }}", "[1,2][1 2 3]");
}

/// Collects from these files.
fn collect(files: &[(&str, &str)]) -> (Collected, SourceMap) {
    collect_bytes(files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect())
}

fn collect_bytes(files: Vec<(String, Vec<u8>)>) -> (Collected, SourceMap) {
    let tree = MapTree::new(files);
    let (sources, options) = (SourceMap::new(), CollectOptions::default());
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let collected = HelmSource.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options });
    (collected, sources)
}

/// One line for each subject, suppression, diagnostic and file.
fn lines((collected, sources): &(Collected, SourceMap)) -> Vec<String> {
    let place = |span: Span| {
        sources.locate(span).map_or_else(|| "nowhere".to_owned(), |(file, start, end)| format!("{file}:{}-{}", start.line, end.line))
    };
    let mut out = Vec::new();
    for subject in &collected.subjects {
        out.push(format!("{}:{} {}", subject.root, subject.id, place(subject.span)));
    }
    for one in &collected.suppressions {
        let reach = match one.reach {
            SuppressionReach::Subject => "subject",
            SuppressionReach::Lines => "lines",
            SuppressionReach::File => "file",
        };
        out.push(format!("allow {} {reach} {}", one.id, place(one.target)));
    }
    for said in &collected.diagnostics {
        out.push(format!("{:?} {} {}", said.level, said.code, place(said.span)));
    }
    for file in &collected.coverage.read {
        out.push(format!("read {} {}", file.file, file.subjects));
    }
    for file in &collected.coverage.skipped {
        let marks = format!("{}{}", if file.fails { " fails" } else { "" }, if file.partly { " partly" } else { "" });
        out.push(format!("skipped {}: {}{marks}", file.file, file.why));
    }
    out
}

#[track_caller]
fn check_chart(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(lines(&collect(files)), expected);
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Chart.Name }}\n";

#[test]
fn a_chart_gives_subjects_in_its_templates() {
    check_chart(
        &[
            ("d/c/Chart.yaml", CHART),
            ("d/c/values.yaml", "a: 1\n"),
            ("d/c/values-prod.yaml", "a: 2\n"),
            ("d/c/values.schema.json", "{}"),
            ("d/c/.helmignore", "*.off.yaml\n"),
            ("d/c/crds/x.yaml", "apiVersion: v1\nkind: X\n"),
            ("d/c/README.md", ""),
            ("d/c/templates/_helpers.tpl", "{{ define \"x\" }}{{ end }}"),
            ("d/c/templates/NOTES.txt", "{{ .Values.nope.deep }}"),
            ("d/c/templates/a.yaml", MAP),
            ("d/c/templates/b.off.yaml", "{{ if"),
            ("d/c/templates/fixed.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: f\n"),
            ("d/other/templates/x.yaml", "{{ .x }}"),
        ],
        &[
            "d/c:Service/default/f d/c/templates/fixed.yaml:1-4",
            "d/c:ConfigMap/default/c d/c/templates/a.yaml:1-4",
            "read d/c/.helmignore 0",
            "read d/c/Chart.yaml 0",
            "read d/c/templates/_helpers.tpl 0",
            "read d/c/templates/a.yaml 1",
            "read d/c/templates/fixed.yaml 1",
            "read d/c/values.yaml 0",
            "skipped d/c/templates/NOTES.txt: text for people, not a manifest",
            "skipped d/c/templates/b.off.yaml: left out of the chart by `.helmignore`",
            "skipped d/c/values-prod.yaml: other values than those of `values.yaml` are not merged",
            "skipped d/c/values.schema.json: values are not checked against their schema",
        ],
    );
}

#[test]
fn a_broken_template_takes_no_other_with_it() {
    check_chart(
        &[
            ("Chart.yaml", CHART),
            ("templates/a.yaml", MAP),
            ("templates/b.yaml", "a: {{ if }}\n"),
            ("templates/c.yaml", &format!("{MAP}data: {{a: {{{{ required \"x\" .Values.x }}}}}}\n")),
            ("templates/d.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: [\n"),
            ("templates/e.yaml", "# nothing\n"),
        ],
        &[
            ":ConfigMap/default/c templates/c.yaml:1-5",
            ":ConfigMap/default/c#2 templates/a.yaml:1-4",
            "Error helm-template templates/b.yaml:1-1",
            "Warning helm-needs-values templates/c.yaml:5-5",
            "Error yaml-syntax templates/d.yaml:3-4",
            "read Chart.yaml 0",
            "read templates/a.yaml 1",
            "read templates/c.yaml 1",
            "read templates/e.yaml 0",
            "skipped templates/b.yaml: not rendered: a value is missing in `if` fails",
            "skipped templates/c.yaml: the chart asks for other values: x partly",
            "skipped templates/d.yaml: what the template gives is not valid YAML fails",
        ],
    );
}

#[test]
fn broken_charts_are_said() {
    check_chart(
        &[("Chart.yaml", CHART), ("values.yaml", "a: [\n"), ("templates/a.yaml", MAP)],
        &[
            "Error helm-yaml values.yaml:1-2",
            "read Chart.yaml 0",
            "skipped templates/a.yaml: not rendered: the chart cannot be read fails",
            "skipped values.yaml: not valid YAML fails",
        ],
    );
    check_chart(
        &[("Chart.yaml", "- a\n"), ("templates/a.yaml", MAP)],
        &[
            "Error helm-yaml Chart.yaml:1-1",
            "skipped Chart.yaml: not valid YAML fails",
            "skipped templates/a.yaml: not rendered: the chart cannot be read fails",
        ],
    );
    check_chart(
        &[
            ("Chart.yaml", CHART),
            ("values.yaml", "b: 1\n"),
            ("charts/b/Chart.yaml", "name: b\nversion: 1.0.0\n"),
            ("templates/a.yaml", MAP),
        ],
        &[
            "Error helm-values values.yaml:1-1",
            "read Chart.yaml 0",
            "read charts/b/Chart.yaml 0",
            "read values.yaml 0",
            "skipped templates/a.yaml: not rendered: the values under `b` must be a map, for they are those of a subchart fails",
        ],
    );
}

#[test]
fn subcharts_are_judged_through_their_parent_only() {
    let packed = archive::pack(&[
        ("p/Chart.yaml", "name: p\nversion: 1.0.0\n"),
        ("p/templates/a.yaml", MAP),
        ("p/templates/b.yaml", "{{ .Values.nope.deep }}"),
        ("p/crds/c.yaml", "apiVersion: v1\nkind: Crd\nmetadata:\n  name: c\n"),
    ]);
    let dependencies =
        "dependencies:\n- {name: b, version: 1.x}\n- {name: spare, version: 1.x, condition: spare.wanted}\n- {name: gone, version: 1.x}\n";
    let mut files: Vec<(String, Vec<u8>)> = [
        ("a/Chart.yaml", format!("{CHART}{dependencies}")),
        ("a/values.yaml", "spare: {wanted: false}\n".to_owned()),
        ("a/charts/b/Chart.yaml", "name: b\nversion: 1.0.0\n".to_owned()),
        ("a/charts/b/templates/a.yaml", MAP.to_owned()),
        ("a/charts/spare/Chart.yaml", "name: spare\nversion: 1.0.0\n".to_owned()),
        ("a/charts/spare/templates/a.yaml", MAP.to_owned()),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), text.into_bytes()))
    .collect();
    files.push(("a/charts/p-1.0.0.tgz".to_owned(), packed));
    files.push(("a/charts/q.tgz".to_owned(), b"no archive".to_vec()));
    assert_eq!(
        lines(&collect_bytes(files)),
        [
            "a:ConfigMap/default/p a/charts/p-1.0.0.tgz/templates/a.yaml:1-4",
            "a:ConfigMap/default/b a/charts/b/templates/a.yaml:1-4",
            "a:Crd/default/c a/charts/p-1.0.0.tgz/crds/c.yaml:1-4",
            "Error helm-archive nowhere",
            "Warning helm-dependency-missing a/Chart.yaml:8-8",
            "Error helm-template a/charts/p-1.0.0.tgz/templates/b.yaml:1-1",
            "read a/Chart.yaml 0",
            "read a/charts/b/Chart.yaml 0",
            "read a/charts/b/templates/a.yaml 1",
            "read a/charts/p-1.0.0.tgz 2",
            "read a/charts/spare/Chart.yaml 0",
            "read a/values.yaml 0",
            "skipped a/Chart.yaml: dependency `gone` is not in `charts/`, so it is not judged partly",
            "skipped a/charts/p-1.0.0.tgz: not rendered: `.nope` is nil, so it has no `.deep` fails partly",
            "skipped a/charts/q.tgz: not a gzip file: invalid gzip header fails",
            "skipped a/charts/spare/templates/a.yaml: the subchart is switched off by these values",
        ]
    );
}

#[test]
fn what_a_missing_dependency_would_define_does_not_fail() {
    check_chart(
        &[
            ("Chart.yaml", "name: c\nversion: 1.0.0\napiVersion: v2\ndependencies: [{name: common, version: 1.x}]\n"),
            ("templates/a.yaml", "{{ include \"common.names\" . }}"),
        ],
        &[
            "Warning helm-dependency-missing Chart.yaml:4-4",
            "Warning helm-template templates/a.yaml:1-1",
            "read Chart.yaml 0",
            "skipped Chart.yaml: dependency `common` is not in `charts/`, so it is not judged partly",
            "skipped templates/a.yaml: not rendered: template `common.names` does not exist; a dependency that may define it is not in `charts/`",
        ],
    );
}

#[test]
fn a_library_gives_nothing_by_itself() {
    check_chart(
        &[
            ("Chart.yaml", "name: c\nversion: 1.0.0\ntype: library\n"),
            ("templates/_a.tpl", "{{ define \"x\" }}{{ end }}"),
            ("templates/a.yaml", MAP),
        ],
        &[
            "read Chart.yaml 0",
            "read templates/_a.tpl 0",
            "skipped templates/a.yaml: not rendered: a library chart gives nothing by itself",
        ],
    );
}

/// The value at a path of a subject's value.
fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(value, |value, key| match key.parse::<usize>() {
        Ok(index) => &value.as_list().unwrap()[index],
        Err(_) => value.get(key).unwrap(),
    })
}

const POD: &[(&str, &str)] = &[
    ("Chart.yaml", CHART),
    ("values.yaml", "image:\n  name: nginx\n  tag: latest\nsecurity:\n  privileged: true\nhost: yes\n"),
    ("templates/_h.tpl", "{{ define \"limits\" }}\nlimits:\n  cpu: 1\n{{ end }}\n"),
    (
        "templates/pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ randAlphaNum 3 | lower }}-p\n  labels: {app: p}\nspec:\n  hostNetwork: {{ .Values.host }}\n  containers:\n    - name: c\n      image: \"{{ .Values.image.name }}:{{ .Values.image.tag }}\"\n      securityContext:\n        {{- toYaml .Values.security | nindent 8 }}\n      resources: {{- include \"limits\" . | nindent 8 }}\n      env:\n        - {name: A, value: {{ randAlphaNum 3 | quote }}}\n",
    ),
];

#[test]
fn places_are_in_the_templates() {
    let (collected, sources) = collect(POD);
    let [subject] = &collected.subjects[..] else { panic!("{:?}", collected.diagnostics) };
    let check = |path: &str, text: &str, origins: &[&str]| {
        let value = at(&subject.value, path);
        let (file, start, _) = sources.locate(value.span).unwrap();
        let snippet = sources.snippet(value.span).unwrap();
        assert_eq!(format!("{file}:{} {snippet}", start.line), text, "for {path}");
        let steps = value.origin.as_ref().map(|origin| origin.steps.clone()).unwrap_or_default();
        let shown: Vec<String> = steps
            .iter()
            .map(|step| {
                let (file, start, _) = sources.locate(step.span).unwrap();
                format!("{} {file}:{}", step.name, start.line)
            })
            .collect();
        assert_eq!(shown, origins, "for {path}");
    };
    check("kind", "templates/pod.yaml:2 Pod", &[]);
    check("spec.hostNetwork", "templates/pod.yaml:7 {{ .Values.host }}", &[".Values.host values.yaml:6"]);
    check(
        "spec.containers.0.image",
        "templates/pod.yaml:10 \"{{ .Values.image.name }}:{{ .Values.image.tag }}\"",
        &[".Values.image.name values.yaml:2", ".Values.image.tag values.yaml:3"],
    );
    check(
        "spec.containers.0.securityContext.privileged",
        "templates/pod.yaml:12 {{- toYaml .Values.security | nindent 8 }}",
        &[".Values.security.privileged values.yaml:5"],
    );
    check("spec.containers.0.resources.limits.cpu", "templates/_h.tpl:3 1", &[]);
    let place = |span: Span| sources.locate(span).map(|(file, start, end)| format!("{file}:{}-{}", start.line, end.line)).unwrap();
    assert_eq!(place(subject.span), "templates/pod.yaml:1-15");
    assert_eq!(place(at(&subject.value, "spec.containers").span), "templates/pod.yaml:9-15");
    assert_eq!(&*subject.id, "Pod/default/app-p");
    let env = at(&subject.value, "spec.containers.0.env.0.value").as_unknown().unwrap();
    assert_eq!((&*env.reason, env.set), ("`randAlphaNum` gives another text each time", true));
    assert!(at(&subject.value, "metadata.name").is_unknown());
    assert!(matches!(at(&subject.value, "spec.hostNetwork").data, Data::Bool(true)));
}

#[test]
fn suppressions_stand_in_the_templates() {
    let map = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n");
    let template = format!(
        "# checkov:skip=CKV_1:why\n{}data:\n  # probity:allow some-rule reason\n  a: {{{{ .Chart.Name }}}}\n---\n{}  annotations:\n    checkov.io/skip1: CKV_2=why\n",
        map("a"),
        map("b"),
    );
    check_chart(
        &[("Chart.yaml", CHART), ("templates/a.yaml", &template)],
        &[
            ":ConfigMap/default/a templates/a.yaml:2-8",
            ":ConfigMap/default/b templates/a.yaml:10-15",
            "allow CKV_2 subject templates/a.yaml:10-15",
            "allow CKV_1 subject templates/a.yaml:2-8",
            "allow some-rule lines templates/a.yaml:8-8",
            "read Chart.yaml 0",
            "read templates/a.yaml 2",
        ],
    );
}

#[test]
fn what_silences_one_object_of_a_loop_leaves_the_others() {
    let template = "{{ range .Values.x }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .name }}\n  annotations: {{ toJson .notes }}\n{{ end }}\n";
    let values = "x:\n- name: a\n  notes: {checkov.io/skip1: CKV_1=why}\n- name: b\n  notes: {}\n";
    let (collected, _) = collect(&[("Chart.yaml", CHART), ("values.yaml", values), ("templates/a.yaml", template)]);
    let [a, b] = &collected.subjects[..] else { panic!("{:?}", collected.subjects) };
    let [one] = &collected.suppressions[..] else { panic!("{:?}", collected.suppressions) };
    assert_eq!(one.target, a.span);
    assert_ne!(one.target.file, b.span.file);
    assert_eq!((a.span.start, b.head.file), (b.span.start, b.span.file));
}

#[test]
fn several_charts_are_roots_of_their_own() {
    check_chart(
        &[("a/Chart.yaml", CHART), ("a/templates/a.yaml", MAP), ("b/Chart.yaml", CHART), ("b/templates/a.yaml", MAP)],
        &[
            "a:ConfigMap/default/c a/templates/a.yaml:1-4",
            "b:ConfigMap/default/c b/templates/a.yaml:1-4",
            "read a/Chart.yaml 0",
            "read a/templates/a.yaml 1",
            "read b/Chart.yaml 0",
            "read b/templates/a.yaml 1",
        ],
    );
}

#[test]
fn a_marker_in_the_chart_is_no_way_to_be_unknown() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"a\u{f780}\u{e100}\"\ndata: {a: \"\\uf781\\ue100\"}\n";
    let (collected, _) = collect(&[("Chart.yaml", CHART), ("templates/a.yaml", template)]);
    assert!(collected.subjects[0].value.find_unknown().is_none());
}

#[test]
fn documents_are_parted_as_helm_parts_them() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n---\n{{- if true }}\n{{- end -}}\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Chart.Name }}\n---\n{{- /* x */ -}}\napiVersion: v1\nkind: Pod\n";
    let found = collect(&[("Chart.yaml", CHART), ("templates/a.yaml", template)]);
    assert_eq!(
        lines(&found)[..3],
        [
            ":ConfigMap/default/a templates/a.yaml:1-4",
            ":ConfigMap/default/c templates/a.yaml:8-11",
            ":Pod/default/#1 templates/a.yaml:14-15"
        ]
    );
}
