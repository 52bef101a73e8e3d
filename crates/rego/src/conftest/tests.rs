use std::sync::Arc;

use probity_core::{Inventory, Limits, NoLookup, Phase, Policy as _, PolicyContext, Request, Status, Timestamp, Tree};
use probity_inputs::{Kind, document, split};
use probity_testkit::MapTree;
use probity_value::{SourceMap, Value};

use super::*;

struct Bench {
    sources: SourceMap,
    tree: Arc<dyn Tree>,
    inventory: Arc<Inventory>,
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Bench {
        Bench { sources: SourceMap::new(), tree: Arc::new(MapTree::new(files.iter().copied())), inventory: Arc::default() }
    }

    fn context(&self) -> PolicyContext<'_> {
        PolicyContext {
            lookup: &NoLookup,
            inventory: &self.inventory,
            limits: Limits::default(),
            now: Timestamp { seconds: 0, nanoseconds: 0 },
            interrupted: &|| false,
        }
    }

    fn compile(&self, options: &Options, data: &[&str]) -> Result<Policies, String> {
        let shown = |problems: Vec<Diagnostic>| problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("; ");
        let gathered = gather(&*self.tree, &self.sources, &["policy"], data).map_err(shown)?;
        Policies::compile(&gathered, options, Some(Arc::clone(&self.tree))).map_err(shown)
    }

    fn read(&self, kind: Kind, text: &str) -> Value {
        let file = self.sources.add("input", text);
        document(kind, text, file).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// Everything the policies say, one line each.
    fn judge(&self, policies: &Policies, kind: Kind, text: &str) -> String {
        let mut lines = Vec::new();
        for document in split(self.read(kind, text)) {
            for check in policies.check(&document, "folder/input", &self.context()) {
                let place = |answer: &Answer| {
                    self.sources.locate(answer.at).map_or(String::new(), |(_, at, _)| format!(" @{}:{}", at.line, at.column))
                };
                for (word, answers) in
                    [("fail", &check.failures), ("warn", &check.warnings), ("except", &check.exceptions), ("error", &check.errors)]
                {
                    lines.extend(answers.iter().map(|answer| format!("{word} {} {}{}", answer.rule.name, answer.message, place(answer))));
                }
                lines.push(format!("{} {}", check.namespace, check.successes));
            }
        }
        lines.join("\n")
    }
}

fn check(policy: &str, kind: Kind, input: &str, expected: &str) {
    let bench = Bench::new(&[("policy/a.rego", policy)]);
    let policies = bench.compile(&Options::default(), &[]).unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(bench.judge(&policies, kind, input), expected);
}

#[test]
fn rules_that_judge() {
    let policy = "package main\n\
        deny contains msg if { input.kind == \"Service\"; msg := \"no services\" }\n\
        deny contains msg if { not input.metadata; msg := \"no metadata\" }\n\
        warn_name contains {\"msg\": msg, \"level\": 3} if { name := input.metadata.name; msg := sprintf(\"name is %s\", [name]) }\n\
        violation_x contains \"never\" if false\n\
        other contains \"not asked\"\n";
    check(policy, Kind::Yaml, "kind: Service\nmetadata:\n  name: a\n", "fail deny no services @1:7\nwarn warn_name name is a @3:9\nmain 2");
    check(
        policy,
        Kind::Yaml,
        "kind: Pod\n---\nkind: Pod\nmetadata: {name: b}\n",
        "fail deny no metadata @1:1\nmain 3\nwarn warn_name name is b @4:18\nmain 3",
    );
}

#[test]
fn exceptions_name_rules() {
    let policy = "package main\n\
        deny_run_as_root contains msg if { input.root; msg := \"root\" }\n\
        deny contains \"plain\" if input.root\n\
        exception contains rules if { input.name == \"can\"; rules := [\"run_as_root\"] }\n";
    check(
        policy,
        Kind::Json,
        "{\"root\": true, \"name\": \"can\"}",
        "fail deny plain @1:10\nexcept deny_run_as_root an exception covers `deny_run_as_root`\nmain 0",
    );
    check(policy, Kind::Json, "{\"root\": true, \"name\": \"not\"}", "fail deny_run_as_root root @1:10\nfail deny plain @1:10\nmain 0");
}

#[test]
fn what_means_nothing_is_an_error() {
    check("package main\ndeny if input.a", Kind::Json, "{\"a\": 1}", "error deny `deny` is `true` and no set of messages\nmain 0");
    check("package main\ndeny if input.a", Kind::Json, "{}", "main 1");
    check("package main\ndeny contains 1", Kind::Json, "{}", "error deny `deny` gives an empty message or none that is text: `1`\nmain 0");
    check(
        "package main\ndeny contains {\"m\": 1}",
        Kind::Json,
        "{}",
        "error deny `deny` gives an object without `msg`: `{\"m\": 1}`\nmain 0",
    );
    check(
        "package main\ndeny contains \"\"",
        Kind::Json,
        "{}",
        "error deny `deny` gives an empty message or none that is text: `\"\"`\nmain 0",
    );
    check("package main\ndeny := [\"a\"]", Kind::Json, "{}", "fail deny a\nmain 0");
}

#[test]
fn refused_at_load() {
    let refused = |policy: &str, options: Options, expected: &str| {
        let bench = Bench::new(&[("policy/a.rego", policy)]);
        assert_eq!(bench.compile(&options, &[]).map(|_| ()), Err(expected.to_owned()));
    };
    refused("package other\ndeny contains 1", Options::default(), "the namespace `main` has no rule `deny`, `violation` or `warn`");
    refused(
        "package main\ndeny[msg] if { msg := \"x\" }",
        Options::default(),
        "the rule `deny` makes an object, which Conftest takes for a pass",
    );
    let bench = Bench::new(&[("x.txt", "")]);
    assert_eq!(bench.compile(&Options::default(), &[]).map(|_| ()), Err("no `.rego` file is there".to_owned()));
}

#[test]
fn namespaces_and_versions() {
    let files = [
        ("policy/a.rego", "package main\ndeny[msg] { msg = \"a\" }"),
        ("policy/sub/b.rego", "package k8s.pods\nwarn[msg] { msg = \"b\" }"),
        ("policy/sub/c.rego", "package lib\nf(x) = x"),
    ];
    let bench = Bench::new(&files);
    let options = |names: &[&str], all| Options {
        namespaces: names.iter().map(|name| Arc::from(*name)).collect(),
        all_namespaces: all,
        version: Version::V0,
        ..Options::default()
    };
    let judged =
        |options: Options| bench.judge(&bench.compile(&options, &[]).unwrap_or_else(|problem| panic!("{problem}")), Kind::Json, "{}");
    assert_eq!(judged(options(&["main"], false)), "fail deny a\nmain 0");
    assert_eq!(judged(options(&["k8s.*"], false)), "warn warn b\nk8s.pods 0");
    assert_eq!(judged(options(&["main"], true)), "warn warn b\nk8s.pods 0\nlib 0\nfail deny a\nmain 0");
}

#[test]
fn data_and_files() {
    let policy = "package main\n\
        deny contains msg if { some x in data.services.ports; x == input.port; msg := sprintf(\"port %v\", [x]) }\n\
        deny contains msg if { data.deep.er.list[_] == input.port; msg := \"listed\" }\n\
        deny contains msg if { c := parse_config(\"toml\", \"a = 1\"); c.a == 1; msg := \"toml\" }\n\
        deny contains msg if { c := parse_config_file(\"../other/x.yaml\"); c.b == 2; msg := \"file\" }\n\
        deny contains msg if { c := parse_combined_config_files([\"../other/x.yaml\", \"y.json\"]); c[1].path == \"policy/y.json\"; msg := c[1].contents.c }\n\
        deny contains msg if { msg := concat(\" \", [data.conftest.file.name, data.conftest.file.dir]) }\n";
    let bench = Bench::new(&[
        ("policy/a.rego", policy),
        ("policy/y.json", "{\"c\": \"combined\"}"),
        ("other/x.yaml", "b: 2"),
        ("data/services.yaml", "services: {ports: [22, 80]}"),
        ("data/deep/er/x.json", "{\"list\": [80]}"),
    ]);
    let policies = bench.compile(&Options::default(), &["data"]).unwrap_or_else(|problem| panic!("{problem}"));
    let expected = "fail deny combined\nfail deny file\nfail deny input folder\nfail deny listed @1:10\nfail deny port 80 @1:10\nfail deny toml\nmain 0";
    assert_eq!(bench.judge(&policies, Kind::Json, "{\"port\": 80}"), expected);
    let bench = Bench::new(&[("policy/a.rego", "package main\ndeny contains parse_config_file(\"no.yaml\").x")]);
    let policies = bench.compile(&Options::default(), &[]).unwrap_or_else(|problem| panic!("{problem}"));
    let shown = bench.judge(&policies, Kind::Json, "{}");
    assert!(shown.starts_with("error deny parse_config_file: the file `no.yaml` cannot be read: no such file"), "{shown}");
}

#[test]
fn annotations_become_metadata() {
    let policy = "# METADATA\n# custom: {controls: [soc2/CC6.1]}\npackage main\n\n\
        # METADATA\n# title: No root\n# description: Root is all.\n# custom:\n#   severity: critical\n#   id: X-1\n#   controls: [pci-dss-4.0.1/2.2]\n\
        deny contains \"a\" if input.root\n\nwarn contains \"b\" if input.root\n";
    let bench = Bench::new(&[("policy/a.rego", policy)]);
    let policies = bench.compile(&Options::default(), &[]).unwrap_or_else(|problem| panic!("{problem}"));
    let shown: Vec<String> = policies
        .rules()
        .iter()
        .map(|rule| {
            format!(
                "{} {} {} {:?} {:?} {}",
                rule.meta.id, rule.meta.title, rule.meta.severity, rule.meta.controls, rule.meta.aliases, rule.meta.why
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "main/deny No root critical [\"pci-dss-4.0.1/2.2\", \"soc2/CC6.1\"] [\"X-1\"] Root is all.",
            "main/warn main/warn medium [\"soc2/CC6.1\"] [] "
        ]
    );
    let request = Request::document(bench.read(Kind::Json, "{\"root\": true}"));
    let outcomes = policies.evaluate(Phase::Validate, &request, &bench.context());
    let statuses: Vec<Status> = outcomes.iter().map(|outcome| outcome.status).collect();
    assert_eq!(statuses, [Status::Fail, Status::Warn]);
    assert!(policies.evaluate(Phase::Mutate, &request, &bench.context()).is_empty());
}

#[test]
fn tests_of_policies() {
    let policy =
        "package main\n\ndeny contains msg if {\n\tinput.a > 1\n\tmsg := \"big\"\n}\n\nwarn contains \"never\" if {\n\tinput.nothing\n}\n";
    let tests = "package main\n\ntest_big if {\n\tprint(\"hello\", 1)\n\tcount(deny) == 1 with input as {\"a\": 2}\n}\n\ntest_small if {\n\tx := 1\n\tcount(deny) == x with input as {\"a\": 0}\n\tx == 1\n}\n\ntest_big if {\n\tfalse\n}\n\ntodo_test_later if { false }\n";
    let bench = Bench::new(&[("policy/a.rego", policy), ("policy/a_test.rego", tests)]);
    let gathered = gather(&*bench.tree, &bench.sources, &["policy"], &[]).unwrap();
    let done = verify(&gathered, Version::V1, false, None, &bench.sources, &bench.context()).unwrap();
    let shown: Vec<String> =
        done.expectations.iter().map(|one| format!("{} {} {} {}", one.rule, one.expected, one.actual, one.why)).collect();
    assert_eq!(
        shown,
        [
            "test_big pass pass ",
            "test_small pass fail policy/a_test.rego:10: `count(deny) == x with input as {\"a\": 0}` does not hold",
            "test_big#01 pass fail policy/a_test.rego:15: `false` does not hold",
            "todo_test_later skip skip the test is yet to be done"
        ]
    );
    assert_eq!(done.prints.iter().map(|(test, _, text)| (*test, text.as_str())).collect::<Vec<_>>(), [(0, "hello 1")]);
    let coverage = done.coverage.first().unwrap();
    assert_eq!((coverage.file.as_ref(), coverage.covered_lines, coverage.lines), ("policy/a.rego", 3, 5), "{coverage:?}");
}

#[test]
fn patterns_of_namespaces() {
    let check = |pattern: &str, name: &str, expected: bool| assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
    check("main", "main", true);
    check("main.*", "main.gke.x", true);
    check("main.*", "main", false);
    check("ma?n", "main", true);
    check("[a-m]ain", "main", true);
    check("[^m]ain", "main", false);
    check("[m", "m", false);
}

#[test]
fn names_of_rules() {
    let check = |name: &str, expected: Option<bool>| assert_eq!(judging(name), expected, "{name}");
    check("deny", Some(false));
    check("deny_a1_b", Some(false));
    check("violation", Some(false));
    check("warn_x", Some(true));
    check("deny_", None);
    check("denying", None);
    check("deny__x", None);
    check("deny.x", None);
    check("allow", None);
}
