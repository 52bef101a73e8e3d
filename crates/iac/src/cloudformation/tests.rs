//! Templates to subjects, values, suppressions and coverage.

#![allow(clippy::disallowed_methods, reason = "a test that something ends soon looks at the clock")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use probity_core::{CollectOptions, Collected, Scope, Source as _, SuppressionReach, Tree as _};
use probity_testkit::MapTree;
use probity_value::{Data, SourceMap, Span, Value};
use proptest::prelude::*;

use super::CloudFormationSource;

fn collect<B: AsRef<[u8]>>(files: &[(&str, B)]) -> (Collected, SourceMap) {
    let tree = MapTree::new(files.iter().map(|(path, bytes)| (*path, bytes.as_ref().to_vec())));
    let (sources, options) = (SourceMap::new(), CollectOptions::default());
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let scope = Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options };
    (CloudFormationSource.collect(&scope), sources)
}

/// A value in one line: unknowns as `?`, `!` where sure to be set, the known beginning, references.
fn shown(value: &Value) -> String {
    let mut out = String::new();
    show(value, &mut out);
    out
}

fn show(value: &Value, out: &mut String) {
    match &value.data {
        Data::Null => out.push_str("null"),
        Data::Bool(truth) => out.push_str(&truth.to_string()),
        Data::Number(number) => out.push_str(&number.to_string()),
        Data::String(text) => write!(out, "{text:?}").unwrap(),
        Data::List(items) => {
            let parts: Vec<String> = items.iter().map(shown).collect();
            write!(out, "[{}]", parts.join(", ")).unwrap();
        }
        Data::Map(map) => {
            let parts: Vec<String> = map.iter().map(|(key, entry)| format!("{key}: {}", shown(&entry.value))).collect();
            write!(out, "{{{}}}", parts.join(", ")).unwrap();
        }
        Data::Unknown(unknown) => {
            out.push_str(if unknown.set { "?!" } else { "?" });
            if !unknown.prefix.is_empty() {
                write!(out, "{:?}", unknown.prefix).unwrap();
            }
            let references: Vec<String> =
                value.references().iter().map(|reference| format!("{}.{}", reference.subject, reference.attribute)).collect();
            if !references.is_empty() {
                write!(out, "({})", references.join(", ")).unwrap();
            }
            if let Some(decoded) = &unknown.decoded {
                write!(out, "={}", shown(decoded)).unwrap();
            }
        }
    }
}

/// The head of a template most tests share.
const HEAD: &str = "\
Parameters:
  Given: {Type: String, Default: dev}
  Open: {Type: String}
  Policy: {Type: String, AllowedValues: [ELB-a, ELB-b]}
  Ids: {Type: CommaDelimitedList, Default: 'a, b'}
  Secret: {Type: String, NoEcho: true, Default: hunter2}
  Ami: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /x}
Mappings:
  Sizes:
    dev: {size: small, flag: true}
    prod: {size: smart, flag: true}
Conditions:
  IsDev: !Equals [!Ref Given, dev]
  IsProd: !Equals [!Ref Given, prod]
  IsOdd: !Equals [!Ref Policy, other]
  IsOpen: !Equals [!Ref Open, yes]
  Both: !And [!Condition IsDev, !Condition IsOpen]
  Either: !Or [!Condition IsDev, !Condition IsOpen]
  Neither: !Not [!Or [!Condition IsDev, !Condition IsOpen]]
";

/// The value of property `X` of a resource, written as `expression`.
fn check(expression: &str, expected: &str) {
    let template = format!(
        "{HEAD}Resources:\n  Other: {{Type: 'AWS::S3::Bucket'}}\n  Topic: {{Type: 'AWS::SNS::Topic'}}\n  R:\n    Type: AWS::X::Y\n    Properties:\n      X: {expression}\n"
    );
    let (collected, _) = collect(&[("t.yaml", &template)]);
    let subject = collected.subjects.iter().find(|subject| &*subject.id == "R").expect("a resource");
    let value = subject.value.get("Properties").and_then(|value| value.get("X"));
    assert_eq!(value.map_or_else(|| "nothing".to_owned(), shown), expected, "for {expression}");
}

#[test]
fn names() {
    check("!Ref Given", r#""dev""#);
    check("{Ref: Given}", r#""dev""#);
    check("!Ref Open", "?!");
    check("!Ref Policy", r#"?!"ELB-""#);
    check("!If [IsOdd, 1, 2]", "2");
    check("!Ref Ids", r#"["a", "b"]"#);
    check("!Ref Ami", "?!");
    check("!Ref Other", "?!(Other.Ref)");
    check("!Ref AWS::Region", "?!");
    check("!Ref AWS::NoValue", "nothing");
    check("[1, !Ref AWS::NoValue, 2]", "[1, 2]");
    check("!Ref Nobody", "?!(Nobody.Ref)");
    check("!GetAtt Other.Arn", r#"?!"arn:"(Other.Arn)"#);
    check("!GetAtt Other.Outputs.Name", "?!(Other.Outputs.Name)");
    check("{'Fn::GetAtt': [Other, Arn]}", r#"?!"arn:"(Other.Arn)"#);
    check("{'Fn::GetAtt': Other.Arn}", r#"?!"arn:"(Other.Arn)"#);
    check("!GetAtt [Other, !Ref Open]", "?!(Other.*)");
    check("!GetAtt Nobody.Arn", r#"?!"arn:"(Nobody.Arn)"#);
    check("!Ref Topic", r#"?!"arn:"(Topic.Ref)"#);
    check("!ImportValue x", "?!");
    check("!GetAZs ''", "?!");
    check("!Select [0, !GetAZs '']", "?!");
}

#[test]
fn texts() {
    check("!Sub 'a-${Given}-b'", r#""a-dev-b""#);
    check("!Sub 'a-${Open}-b'", r#"?!"a-""#);
    check("!Sub 'a-${Other}-${Other.Arn}'", r#"?!"a-"(Other.Ref, Other.Arn)"#);
    check("!Sub '${!Literal} ${Given}'", r#""${Literal} dev""#);
    check("!Sub ['${A}/${Given}', {A: !Ref Given}]", r#""dev/dev""#);
    check("!Sub ['${A}']", "?!(A.Ref)");
    check("!Sub 'arn:${AWS::Partition}:s3:::b'", r#"?!"arn:""#);
    check("!Sub 'open ${ end'", r#""open ${ end""#);
    check("!Join ['-', [a, !Ref Given, 1]]", r#""a-dev-1""#);
    check("!Join ['', ['arn:aws:s3:::', !Ref Other, '/*']]", r#"?!"arn:aws:s3:::"(Other.Ref)"#);
    check("!Join [',', !Ref Ids]", r#""a,b""#);
    check("!Split [',', 'a,b']", r#"["a", "b"]"#);
    check("!Split [',', !Ref Open]", "?!");
    check("!Select [1, !Split ['-', 'x-y']]", r#""y""#);
    check("!Select ['1', !Ref Ids]", r#""b""#);
    check("!Select [7, !Ref Ids]", "?");
    check("!Base64 {'Fn::Sub': 'echo ${Given}'}", r#""echo dev""#);
    check("'{{resolve:secretsmanager:x}}'", "?!");
    check("'a{{resolve:ssm:x}}b'", r#"?!"a""#);
    check("!Length [1, 2, 3]", "3");
    check("{'Fn::Length': !Ref Open}", "?!");
    check("!ToJsonString {b: 1, a: [!Ref Given]}", r#""{\"b\":1,\"a\":[\"dev\"]}""#);
    check("!ToJsonString {a: !Ref Other}", "?!(Other.Ref)={a: ?!(Other.Ref)}");
    check(
        r#"!Sub '{"Statement": [{"Effect": "Allow", "Resource": "${Other.Arn}", "Action": "*"}]}'"#,
        r#"?!"{\"Statement\": [{\"Effect\": \"Allow\", \"Resource\": \"arn:"(Other.Arn)={Statement: [{Effect: "Allow", Resource: ?!"arn:"(Other.Arn), Action: "*"}]}"#,
    );
}

#[test]
fn mappings_and_blocks() {
    check("!FindInMap [Sizes, !Ref Given, size]", r#""small""#);
    check("!FindInMap [Sizes, !Ref Open, size]", r#"?!"sma""#);
    check("!FindInMap [Sizes, !Ref Open, flag]", "true");
    check("!FindInMap [Sizes, none, size]", "?");
    check("{'Fn::FindInMap': [Sizes, none, size, {DefaultValue: big}]}", r#""big""#);
    check("!Cidr ['10.0.0.0/16', 2, 8]", r#"["10.0.0.0/24", "10.0.1.0/24"]"#);
    check("!Select [1, !Cidr ['2001:db8::/56', 2, 64]]", r#""2001:db8:0:1::/64""#);
    check("!Cidr ['10.0.0.0/24', 9, 5]", "?");
    check("!Cidr [!GetAtt Other.CidrBlock, 2, 8]", "?!(Other.CidrBlock)");
}

#[test]
fn conditions() {
    check("!If [IsDev, 1, 2]", "1");
    check("!If [IsProd, 1, 2]", "2");
    check("!If [Both, 1, 2]", "?!");
    check("!If [Either, 1, 2]", "1");
    check("!If [Neither, 1, 2]", "2");
    check("!If [IsOpen, same, same]", r#""same""#);
    check("!If [IsOpen, 'pre-a', 'pre-b']", r#"?!"pre-""#);
    check("!If [IsOpen, 1, !Ref AWS::NoValue]", "?");
    check("!If [IsDev, !Ref AWS::NoValue, 1]", "nothing");
    check("!If [IsOpen, {a: 1, b: 2}, {a: 1, c: 3}]", "{a: 1, b: ?, c: ?}");
    check("!If [IsOpen, {a: 1}, !Ref AWS::NoValue]", "{a: 1, $maybe: ?}");
    check("!If [IsOpen, [1, 2], [1, 3]]", "[1, ?!]");
    check("!If [NoSuch, 1, 2]", "?!");
    check("!If [IsOpen, 1]", "?");
}

/// One line for each subject, suppression, diagnostic and skipped file.
fn lines<B: AsRef<[u8]>>(files: &[(&str, B)]) -> Vec<String> {
    let (collected, sources) = collect(files);
    let place =
        |span: Span| sources.locate(span).map_or_else(|| "nowhere".to_owned(), |(_, start, end)| format!("{}-{}", start.line, end.line));
    let mut out = Vec::new();
    for subject in collected.subjects.iter().filter(|subject| !subject.id.starts_with("parameter.")) {
        out.push(format!("{}:{} {} {}", subject.root, subject.type_name, subject.id, place(subject.span)));
    }
    for suppression in &collected.suppressions {
        let reach = match suppression.reach {
            SuppressionReach::Subject => "subject",
            SuppressionReach::Lines => "lines",
            SuppressionReach::File => "file",
        };
        out.push(format!(
            "allow {} {} {:?} {reach} {}",
            suppression.style.as_str(),
            suppression.id,
            suppression.reason,
            place(suppression.target)
        ));
    }
    for diagnostic in &collected.diagnostics {
        out.push(format!("{:?} {} {}: {}", diagnostic.level, diagnostic.code, place(diagnostic.span), diagnostic.message));
    }
    for file in &collected.coverage.skipped {
        let marks = format!("{}{}", if file.fails { " fails" } else { "" }, if file.partly { " partly" } else { "" });
        out.push(format!("skipped {}: {}{marks}", file.file, file.why));
    }
    out
}

fn one(text: &str, expected: &[&str]) {
    assert_eq!(lines(&[("t.yaml", text)]), expected, "for {text}");
}

#[test]
fn what_is_claimed() {
    let nothing: &[&str] = &[];
    one("Resources:\n  A:\n    Type: AWS::S3::Bucket\n", &["t.yaml:AWS::S3::Bucket A 2-3"]);
    one("Resources: {A: {Type: 'Custom::Thing'}}", &["t.yaml:Custom::Thing A 1-1"]);
    one("{\"Resources\": {\n\"A\": {\"Type\": \"AWS::S3::Bucket\"}}}", &["t.yaml:AWS::S3::Bucket A 2-2"]);
    one("{\"R\\u0065sources\": {\"A\": {\"Typ\\u0065\": \"AW\\u0053::S3::Bucket\"}}}", &["t.yaml:AWS::S3::Bucket A 1-1"]);
    one("AWSTemplateFormatVersion: 2010-09-09\nParameters: {}\n", nothing);
    one("Resources: {A: {Type: deployment}}", nothing);
    one("apiVersion: v1\nkind: X\nResources: {A: {Type: 'AWS::S3::Bucket'}}", nothing);
    one("resources: {Resources: {A: {Type: 'AWS::S3::Bucket'}}}", nothing);
    let template = "Resources: {A: {Type: 'AWS::S3::Bucket'}}";
    assert_eq!(lines(&[("a.template", template), ("b.txt", template)]), ["a.template:AWS::S3::Bucket A 1-1"]);
    let (collected, _) = collect(&[("t.yaml", "AWSTemplateFormatVersion: 2010-09-09\n")]);
    assert_eq!(collected.coverage.read.len(), 1);
}

#[test]
fn resources_and_their_conditions() {
    let text = format!(
        "{HEAD}Resources:
  A: {{Type: 'AWS::X::Y', Condition: IsDev}}
  B: {{Type: 'AWS::X::Y', Condition: IsProd}}
  C: {{Type: 'AWS::X::Y', Condition: IsOpen}}
  D: {{Properties: {{}}}}
  E: 7
"
    );
    one(
        &text,
        &[
            "t.yaml:AWS::X::Y A 21-21",
            "t.yaml:AWS::X::Y C 23-23",
            "Error cloudformation-resource 24-24: the resource `D` has no `Type`",
            "Error cloudformation-resource 25-25: the resource `E` is no map",
            "Note cloudformation-condition 20-20: 1 resource is not made with the defaults of the parameters, so it is not judged",
            "skipped t.yaml: the resource `D` has no `Type` fails partly",
        ],
    );
}

#[test]
fn sensitive_parameters_stay_hidden_and_defaults_are_traced() {
    let text =
        format!("{HEAD}Resources:\n  R:\n    Type: AWS::X::Y\n    Properties: {{A: !Ref Secret, B: !Sub 'x${{Secret}}', C: !Ref Given}}\n");
    let (collected, _) = collect(&[("t.yaml", &text)]);
    let resource = collected.subjects.iter().find(|subject| &*subject.id == "R").unwrap();
    let properties = resource.value.get("Properties").unwrap();
    assert!(properties.get("A").unwrap().sensitive && properties.get("B").unwrap().sensitive);
    assert_eq!(properties.get("A").unwrap().as_str(), Some("hunter2"));
    assert!(!properties.get("C").unwrap().sensitive);
    let parameter = collected.subjects.iter().find(|subject| &*subject.id == "parameter.Secret").unwrap();
    assert_eq!(&*parameter.type_name, "cloudformation.parameter");
    assert_eq!(parameter.value.get("Name").and_then(Value::as_str), Some("Secret"));
    assert!(parameter.value.get("Default").unwrap().sensitive);
    let step = &properties.get("C").unwrap().origin.as_ref().unwrap().steps[0];
    assert_eq!(&*step.name, "Given");
}

#[test]
fn loops() {
    let text = "Transform: AWS::LanguageExtensions
Parameters: {Open: {Type: CommaDelimitedList}}
Conditions:
  Fn::ForEach::C:
    - N
    - [A, B]
    - Is${N}: !Equals [!Ref N, A]
Resources:
  Fn::ForEach::Topics:
    - Name
    - [A, B]
    - Topic${Name}:
        Type: AWS::SNS::Topic
        Condition: Is${Name}
        Properties:
          TopicName: !Ref Name
          Other: 'x-${Name}'
          Fn::ForEach::Keys:
            - K
            - [p, q]
            - Key${K}: !Sub '${Name}${K}'
  Fn::ForEach::Nested:
    - O
    - [One]
    - Fn::ForEach::Inner:
        - I
        - ['a.b']
        - R${O}&{I}: {Type: 'AWS::X::Y'}
  Fn::ForEach::Unknown:
    - U
    - !Ref Open
    - Some${U}: {Type: 'AWS::X::Y', Properties: {N: !Ref U}}
";
    let (collected, _) = collect(&[("t.yaml", text)]);
    let found: Vec<String> = collected
        .subjects
        .iter()
        .filter(|subject| !subject.id.starts_with("parameter."))
        .map(|subject| format!("{} {}", subject.id, subject.value.get("Properties").map(shown).unwrap_or_default()))
        .collect();
    assert_eq!(found, [r#"TopicA {TopicName: "A", Other: "x-A", Keyp: "Ap", Keyq: "Aq"}"#, "ROneab ", "Some${U} {N: ?!}",]);
    one(
        "AWSTemplateFormatVersion: x\nResources:\n  Fn::ForEach::A: [x]\n",
        &[
            "Error cloudformation-foreach 3-3: a loop has an identifier, a collection and a map",
            "skipped t.yaml: a loop has an identifier, a collection and a map fails partly",
        ],
    );
}

#[test]
fn macros_are_said() {
    one(
        "Transform: [AWS::Serverless-2016-10-31, Mine]\nResources: {A: {Type: 'AWS::S3::Bucket'}}",
        &["t.yaml:AWS::S3::Bucket A 2-2", "skipped t.yaml: the macro `Mine` is not run; the template is judged as it is written partly"],
    );
    one(
        "Resources:\n  A: {Type: 'AWS::S3::Bucket'}\n  Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://x}}",
        &["t.yaml:AWS::S3::Bucket A 2-2", "skipped t.yaml: resources that `Fn::Transform` adds are not read partly"],
    );
    check("{a: 1, 'Fn::Transform': {Name: 'AWS::Include'}}", "{a: 1, $rest: ?}");
    check("{'Fn::Transform': {Name: 'AWS::Include'}}", "?!");
}

#[test]
fn sam_globals() {
    let text = "Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, Tags: {a: 1}, Layers: [x], Environment: {Variables: {A: !Ref AWS::Region}}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: {Runtime: nodejs22.x, Tags: {b: 2}, Layers: [y], Role: !GetAtt FRole.Arn}
  G: {Type: 'AWS::Serverless::Function'}
  H: {Type: 'AWS::Serverless::Api'}
";
    let (collected, _) = collect(&[("t.yaml", text)]);
    let found: Vec<String> =
        collected.subjects.iter().map(|subject| subject.value.get("Properties").map(shown).unwrap_or_default()).collect();
    assert_eq!(
        found,
        [
            r#"{Runtime: "nodejs22.x", Tags: {a: 1, b: 2}, Layers: ["x", "y"], Environment: {Variables: {A: ?!}}, Role: ?!"arn:"(FRole.Arn)}"#,
            r#"{Runtime: "python3.12", Tags: {a: 1}, Layers: ["x"], Environment: {Variables: {A: ?!}}}"#,
            "",
        ]
    );
    assert!(collected.diagnostics.is_empty(), "{:?}", collected.diagnostics);
}

#[test]
fn silence() {
    one(
        "Resources:
  # checkov:skip=OUTSIDE:no
  A:
    Type: AWS::S3::Bucket
    # checkov:skip=CKV_1:why
    Properties:
      Name: 'x # checkov:skip=TEXT'
    # checkov:skip=CKV_2
  # trivy:ignore:T1
  B:
    # tfsec:ignore:T2
    Type: AWS::S3::Bucket # probity:allow p-1
    Metadata:
      checkov:
        skip:
          - id: CKV_3
            comment: because
  # kics-scan ignore
",
        &[
            "t.yaml:AWS::S3::Bucket A 3-7",
            "t.yaml:AWS::S3::Bucket B 10-17",
            "allow checkov CKV_3 \"because\" subject 10-17",
            "allow checkov OUTSIDE \"no\" lines 2-2",
            "allow checkov CKV_1 \"why\" subject 3-7",
            "allow checkov CKV_2 \"\" subject 3-7",
            "allow trivy T1 \"\" subject 10-17",
            "allow tfsec T2 \"\" lines 12-12",
            "allow probity p-1 \"\" lines 12-12",
            "allow kics * \"\" file 1-19",
        ],
    );
}

#[test]
fn bad_input() {
    one(
        "AWSTemplateFormatVersion: x\nResources:\n  A: [\n",
        &["Error yaml-syntax 3-4: while parsing a node, did not find expected node content", "skipped t.yaml: not valid YAML fails"],
    );
    one(
        "{\"Resources\": {\"A\": {\"Type\": \"AWS::S3::Bucket\"}",
        &["Error yaml-syntax 1-1: while parsing a flow mapping, did not find expected ',' or '}'", "skipped t.yaml: not valid JSON fails"],
    );
    one(
        "Resources:\n  A:\n    Type: AWS::S3::Bucket\n{% if x %}\n  B: {{ y }}\n{% endif %}\n",
        &["skipped t.yaml: template of a template, not rendered"],
    );
    one(
        "Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}\nResources:\n  R: {Type: 'AWS::X::Y', Condition: A}\n",
        &[
            "t.yaml:AWS::X::Y R 3-3",
            "Error cloudformation-cycle 1-1: the condition `A` hangs on itself",
            "skipped t.yaml: the condition `A` hangs on itself fails partly",
        ],
    );
    one(
        "AWSTemplateFormatVersion: x\nResources: 3\n",
        &[
            "Error cloudformation-resources 2-2: `Resources` is a map of resources",
            "skipped t.yaml: `Resources` is a map of resources fails partly",
        ],
    );
    let mut wide = vec![0xff, 0xfe];
    wide.extend("AWSTemplateFormatVersion: x".bytes().flat_map(|byte| [byte, 0]));
    assert_eq!(
        lines(&[("t.yaml", wide)]),
        ["Error cloudformation-unreadable nowhere: not UTF-8 text", "skipped t.yaml: not UTF-8 text fails"]
    );
}

#[test]
fn bombs_end() {
    let fast = |name: &str, text: &str| {
        let start = Instant::now();
        let (collected, _) = collect(&[("t.yaml", text)]);
        assert!(start.elapsed().as_secs() < 20, "{name} took {:?}", start.elapsed());
        let fails = collected.coverage.skipped.iter().any(|file| file.fails);
        assert!(fails, "{name} is said");
    };
    let items: Vec<String> = (0..40).map(|item| item.to_string()).collect();
    let items = items.join(",");
    let mut body = "R${A}${B}${C}${D}${E}: {Type: 'AWS::X::Y', Properties: {A: !Sub '${A}${B}'}}".to_owned();
    for name in ["E", "D", "C", "B", "A"] {
        body = format!("Fn::ForEach::L{name}: [{name}, [{items}], {{{body}}}]");
    }
    fast("loops in loops", &format!("AWSTemplateFormatVersion: x\nResources: {{{body}}}\n"));
    let mut chain = "AWSTemplateFormatVersion: x\nConditions:\n".to_owned();
    for index in 0..20_000 {
        writeln!(chain, "  C{index}: !Not [!Condition C{}]", index + 1).unwrap();
    }
    chain.push_str("  C20000: !Equals [a, a]\nResources: {R: {Type: 'AWS::X::Y', Condition: C0}}\n");
    fast("a chain of conditions", &chain);
    let deep = format!(
        "AWSTemplateFormatVersion: x\nResources: {{R: {{Type: 'AWS::X::Y', Properties: {}x{}}}}}",
        "[".repeat(300),
        "]".repeat(300)
    );
    fast("deep nesting", &deep);
    // As deep as reading allows, and every level a function.
    let depth = 120;
    let nested = format!("{}a{}", "!Join ['', [".repeat(depth), "]]".repeat(depth));
    let start = Instant::now();
    collect(&[("t.yaml", &format!("AWSTemplateFormatVersion: x\nResources: {{R: {{Type: 'AWS::X::Y', Properties: {nested}}}}}"))]);
    assert!(start.elapsed().as_secs() < 20);
}

const SEEDS: &[&str] = &[
    "AWSTemplateFormatVersion: 2010-09-09\nTransform: AWS::Serverless-2016-10-31\nGlobals: {Function: {Tags: {a: b}}}\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {X: !If [C, !Sub '${A}-${F.Arn}', !Ref AWS::NoValue], Y: !Select [0, !Cidr ['10.0.0.0/16', 3, 8]]}\nConditions: {C: !Or [!Equals [!Ref A, b], !Condition D], D: !Not [!Condition C]}\nParameters: {A: {Type: String, Default: x}}\n",
    "{\"Resources\": {\"Fn::ForEach::L\": [\"N\", [\"a\", \"b\"], {\"R${N}\": {\"Type\": \"AWS::S3::Bucket\", \"Properties\": {\"N\": {\"Fn::Join\": [\"-\", [{\"Ref\": \"N\"}, {\"Fn::FindInMap\": [\"M\", \"k\", {\"Ref\": \"AWS::Region\"}]}]]}}}}]}, \"Mappings\": {\"M\": {\"k\": {\"eu\": 1, \"us\": 2}}}}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_read(seed in 0..SEEDS.len(), cuts in proptest::collection::vec((any::<u16>(), any::<u8>(), 0..4_u8), 0..8)) {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
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
        collect(&[("t.yaml", bytes)]);
    }
}
