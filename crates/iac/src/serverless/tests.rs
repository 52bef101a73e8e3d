//! Services to subjects, variables, and coverage.
#![allow(clippy::disallowed_methods, reason = "a test that something ends soon looks at the clock")]

use std::sync::Arc;
use std::time::Instant;

use probity_core::{CollectOptions, Collected, Scope, Source as _, Tree as _};
use probity_testkit::MapTree;
use probity_value::{Data, SourceMap, Span, Value};
use proptest::prelude::*;

use super::ServerlessSource;

fn collect<B: AsRef<[u8]>>(files: &[(&str, B)]) -> (Collected, SourceMap) {
    let tree = MapTree::new(files.iter().map(|(path, bytes)| (*path, bytes.as_ref().to_vec())));
    let (sources, options) = (SourceMap::new(), CollectOptions::default());
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let scope = Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options };
    (ServerlessSource.collect(&scope), sources)
}

fn shown(value: &Value) -> String {
    match &value.data {
        Data::String(text) => format!("{text:?}"),
        Data::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Data::Map(map) => {
            format!("{{{}}}", map.iter().map(|(key, entry)| format!("{key}: {}", shown(&entry.value))).collect::<Vec<_>>().join(", "))
        }
        Data::Unknown(unknown) if unknown.prefix.is_empty() => "?".to_owned(),
        Data::Unknown(unknown) => format!("?{:?}", unknown.prefix),
        Data::Null => "null".to_owned(),
        Data::Bool(truth) => truth.to_string(),
        Data::Number(number) => number.to_string(),
    }
}

/// What a value becomes in a service that has things to refer to.
fn check(expression: &str, expected: &str) {
    let text = format!(
        "service: pay\nprovider: {{name: aws, stage: prod}}\ncustom:\n  name: ledger\n  list: [a, b]\n  prod: {{size: 3}}\n  again: ${{self:custom.name}}\n  x: {expression}\nfunctions: {{}}\n"
    );
    let (collected, _) = collect(&[
        ("a/serverless.yml", text.as_str()),
        ("a/more.yml", "k: {v: 1, self: '${self:custom.name}'}"),
        ("a/note.txt", "hello"),
        ("b.yml", "top: 2"),
        ("a/p.js", "x"),
    ]);
    let service = &collected.subjects.iter().find(|subject| &*subject.type_name == "serverless.service").unwrap().value;
    assert_eq!(shown(service.get("custom").unwrap().get("x").unwrap()), expected, "for {expression}");
}

#[test]
fn variables() {
    check("${self:custom.name}", r#""ledger""#);
    check("a-${self:custom.again}-b", r#""a-ledger-b""#);
    check("${self:service}", r#""pay""#);
    check("${self:custom.list}", r#"["a", "b"]"#);
    check("${self:custom.list.1}", r#""b""#);
    check("${self:custom.none, 'd'}", r#""d""#);
    check("${self:custom.none, self:custom.name}", r#""ledger""#);
    check("${self:custom.none, 4}", "4");
    check("${self:custom.none, true}", "true");
    check("${self:custom.none}", "?");
    check("${self:custom.${self:provider.stage}.size}", "3");
    check("${self:custom.${opt:stage, 'prod'}.size}", "3");
    check("${self:custom.${opt:stage}.size}", "?");
    check("${opt:stage}", "?");
    check("${opt:stage, self:provider.stage}", r#""prod""#);
    check("${opt:stage, ${self:provider.stage}}", r#""prod""#);
    check("${env:HOME}", "?");
    check("pre-${env:HOME}", r#"?"pre-""#);
    check("${env:HOME, 'x'}", r#""x""#);
    check("${sls:stage}", r#""prod""#);
    check("${ssm:/a/b}", "?");
    check("${cf.eu-west-1:stack.out}", "?");
    check("${aws:accountId}", "?");
    check("${strToBool(true)}", "true");
    check("${file(more.yml):k.v}", "1");
    check("${file(./more.yml):k.self}", r#""ledger""#);
    check("${file(../b.yml):top}", "2");
    check("${file(note.txt)}", r#""hello""#);
    check("${file(gone.yml), 'd'}", r#""d""#);
    check("${file(gone.yml)}", "?");
    check("${file(../../out.yml)}", "?");
    check("${file(p.js)}", "?");
    check("'${AWS::Region}-${Bucket.Arn}-${Bucket}'", r#""${AWS::Region}-${Bucket.Arn}-${Bucket}""#);
    check("'${AWS::Region}-${self:service}'", r#""${AWS::Region}-pay""#);
    check("'${open'", r#""${open""#);
}

fn lines<B: AsRef<[u8]>>(files: &[(&str, B)]) -> Vec<String> {
    let (collected, sources) = collect(files);
    let place = |span: Span| {
        sources.locate(span).map_or_else(|| "nowhere".to_owned(), |(file, start, end)| format!("{file}:{}-{}", start.line, end.line))
    };
    let mut out: Vec<String> = collected
        .subjects
        .iter()
        .map(|subject| format!("{} {} {} {}", subject.kind, subject.type_name, subject.id, place(subject.span)))
        .collect();
    out.extend(collected.suppressions.iter().map(|one| format!("allow {} {}", one.id, place(one.target))));
    out.extend(collected.diagnostics.iter().map(|one| format!("{:?} {} {}", one.level, one.code, one.message)));
    out.extend(collected.coverage.read.iter().map(|file| format!("read {} {}", file.file, file.subjects)));
    out.extend(collected.coverage.skipped.iter().map(|file| {
        let marks = format!("{}{}", if file.fails { " fails" } else { "" }, if file.partly { " partly" } else { "" });
        format!("skipped {}: {}{marks}", file.file, file.why)
    }));
    out
}

#[test]
fn services_functions_and_resources() {
    let service = "service: pay
provider:
  name: aws
functions:
  - ${file(functions.yml)}
  - own:
      handler: a.b # checkov:skip=CKV_2:here
resources:
  - ${file(bucket.yml)}
  - Resources:
      Topic:
        Type: AWS::SNS::Topic
        # checkov:skip=CKV_1:why
        Properties: {Name: !Sub '${self:service}-${Bucket}'}
  - ${file(gone.yml)}
";
    assert_eq!(
        lines(&[
            ("serverless.yml", service),
            ("functions.yml", "other:\n  handler: c.d\n"),
            ("bucket.yml", "Resources:\n  Bucket:\n    Type: AWS::S3::Bucket\n"),
            ("left.yml", "Resources: {A: {Type: 'AWS::S3::Bucket'}}"),
        ]),
        [
            "serverless serverless.service service serverless.yml:2-3",
            "serverless serverless.function other functions.yml:1-2",
            "serverless serverless.function own serverless.yml:6-7",
            "cloudformation AWS::S3::Bucket Bucket bucket.yml:2-3",
            "cloudformation AWS::SNS::Topic Topic serverless.yml:11-14",
            "allow CKV_2 serverless.yml:6-7",
            "allow CKV_1 serverless.yml:11-14",
            "Warning serverless-variable there is no file `gone.yml`",
            "read serverless.yml 3",
            "read bucket.yml 1",
            "read functions.yml 1",
            "skipped serverless.yml: a part of `resources` is not known: there is no file `gone.yml` partly",
        ]
    );
}

#[test]
fn what_functions_get_from_the_provider() {
    let text = "service: s
plugins: [PLUGIN]
provider:
  name: aws
  runtime: nodejs22.x
  environment: {A: 1, B: 2}
  iam: {role: {statements: [{Effect: Allow, Action: '*', Resource: '*'}]}}
functions:
  f: {handler: x, environment: {B: 3}}
  g: {handler: x, iamRoleStatements: [{Effect: Deny}]}
  h: {handler: x, role: mine}
";
    let shown_of = |text: &str| {
        let (collected, _) = collect(&[("serverless.yml", text)]);
        let functions = collected.subjects.iter().filter(|subject| &*subject.type_name == "serverless.function");
        functions.map(|subject| shown(&subject.value)).collect::<Vec<_>>()
    };
    let shared = r#"{Effect: "Allow", Action: "*", Resource: "*"}"#;
    assert_eq!(
        shown_of(text),
        [
            format!(r#"{{handler: "x", environment: {{A: 1, B: 3}}, runtime: "nodejs22.x", iamRoleStatements: [{shared}]}}"#),
            format!(
                r#"{{handler: "x", iamRoleStatements: [{{Effect: "Deny"}}, {shared}], runtime: "nodejs22.x", environment: {{A: 1, B: 2}}}}"#
            ),
            r#"{handler: "x", role: "mine", runtime: "nodejs22.x", environment: {A: 1, B: 2}}"#.to_owned(),
        ]
    );
    let reference = shown_of(
        "service: s\nprovider: {name: aws, tracing: {lambda: true}}\nfunctions: {f: {environment: {A: !Ref Table, B: {'Fn::Sub': 'x-${AWS::Region}'}}}}\n",
    );
    assert_eq!(reference, [r#"{environment: {A: ?, B: ?"x-"}, tracing: true}"#]);
    let own = shown_of(&text.replace("PLUGIN", super::OWN_ROLES));
    assert_eq!(own[1], r#"{handler: "x", iamRoleStatements: [{Effect: "Deny"}], runtime: "nodejs22.x", environment: {A: 1, B: 2}}"#);
}

#[test]
fn what_is_claimed() {
    let service = "service: s\nprovider: google\nfunctions: {f: {handler: x}}\nresources: {resources: []}\n";
    assert_eq!(
        lines(&[
            ("a/serverless-api.yml", service),
            ("serverless.js", "x"),
            ("b/serverless.yml", "Resources: {A: {Type: 'AWS::S3::Bucket'}}"),
            ("other.yml", service)
        ]),
        [
            "serverless serverless.service service a/serverless-api.yml:2-2",
            "serverless serverless.function f a/serverless-api.yml:3-3",
            "read a/serverless-api.yml 2",
            "skipped serverless.js: a program, which is not run",
        ]
    );
}

#[test]
fn bad_input() {
    assert_eq!(
        lines(&[("serverless.yml", "service: [\n")]),
        ["Error yaml-syntax while parsing a node, did not find expected node content", "skipped serverless.yml: not valid YAML fails"]
    );
    assert_eq!(
        lines(&[("serverless.yml", "service: s\nprovider: aws\nresources: ${file(r.yml)}\n"), ("r.yml", "a: [")]),
        [
            "serverless serverless.service service serverless.yml:2-2",
            "Error yaml-syntax while parsing a node, did not find expected node content",
            "read serverless.yml 1",
            "skipped r.yml: not valid YAML fails",
            "skipped serverless.yml: a part of `resources` is not known: the file `r.yml` cannot be read: not valid YAML partly",
        ]
    );
    let start = Instant::now();
    for custom in [
        "custom: {a: '${self:custom.b}', b: '${self:custom.a}'}".to_owned(),
        "custom: ${self:}".to_owned(),
        "custom: {a: ['${self:custom.a}', '${self:custom.a}']}".to_owned(),
        "custom: {a: '${file(serverless.yml):custom.a}'}".to_owned(),
        format!("custom: {{a: '{}x{}'}}", "${self:".repeat(500), "}".repeat(500)),
    ] {
        let text = format!("service: s\nprovider: aws\n{custom}\nfunctions: {{}}\n");
        let (collected, _) = collect(&[("serverless.yml", &text)]);
        assert!(!collected.subjects.is_empty(), "{custom}");
        assert!(collected.coverage.skipped.iter().any(|file| file.fails), "{custom}");
    }
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

const SEED: &str = "service: s\nprovider: {name: aws, stage: '${opt:stage, ''dev''}', iam: {role: {statements: [{Effect: Allow}]}}}\ncustom: {a: '${self:custom.b.${sls:stage}, env:X}', b: {dev: 1}, f: '${file(x.yml):a}'}\nfunctions: {f: {handler: h, environment: {A: '${self:custom.a}'}}}\nresources: {Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {N: !Sub '${self:service}-${AWS::Region}'}}}}\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_read(cuts in proptest::collection::vec((any::<u16>(), any::<u8>(), 0..4_u8), 0..8)) {
        let mut bytes = SEED.as_bytes().to_vec();
        for (at, byte, kind) in cuts {
            let at = usize::from(at) % bytes.len().max(1);
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => { let part = bytes[..at].to_vec(); bytes.extend(part); }
            }
            if bytes.is_empty() { break; }
        }
        collect(&[("serverless.yml", bytes.clone()), ("x.yml", bytes)]);
    }
}
