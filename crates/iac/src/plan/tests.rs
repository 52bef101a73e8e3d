//! Plans to subjects, alone and with their configuration: one `check` that compares addresses and values in a short form.

use std::sync::Arc;

use probity_core::{CollectOptions, Collected, Level, Scope, Source as _, Tree as _};
use probity_testkit::MapTree;
use probity_value::SourceMap;
use proptest::prelude::*;

use super::PlanSource;
use crate::terraform::tests::show;

fn collect<B: AsRef<[u8]>>(files: &[(&str, B)]) -> (Collected, SourceMap) {
    let tree = MapTree::new(files.iter().map(|(path, bytes)| (*path, bytes.as_ref())));
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let (sources, options) = (SourceMap::new(), CollectOptions::default());
    let collected = PlanSource.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options });
    (collected, sources)
}

/// `root:id value` of each subject; the root is left out where it is the top.
fn shown(collected: &Collected) -> Vec<String> {
    let name = |root: &str| if root.is_empty() { String::new() } else { format!("{root}:") };
    collected.subjects.iter().map(|subject| format!("{}{} {}", name(&subject.root), subject.id, show(&subject.value))).collect()
}

#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str], messages: &[&str]) {
    let (collected, _) = collect(files);
    assert_eq!(shown(&collected), expected);
    let said: Vec<String> = collected.diagnostics.iter().map(|one| format!("{}: {}", one.code, one.message)).collect();
    assert_eq!(said, messages);
}

/// A plan of these resources (`planned_values`), changes and configuration.
fn plan(resources: &str, changes: &str, configuration: &str) -> String {
    format!(
        r#"{{"format_version":"1.2","terraform_version":"1.9.0","planned_values":{{"root_module":{{"resources":[{resources}]}}}},"resource_changes":[{changes}],"configuration":{{"root_module":{configuration}}}}}"#
    )
}

/// A resource of `planned_values`: type, name, index as JSON (or empty), values.
fn resource(kind: &str, name: &str, index: &str, values: &str) -> String {
    let key = if index.is_empty() { String::new() } else { format!("[{index}]").replace('"', "\\\"") };
    format!(
        r#"{{"address":"{kind}.{name}{key}","mode":"managed","type":"{kind}","name":"{name}","values":{values},"sensitive_values":{{}}}}"#
    )
}

/// A change: address, action, unknown and sensitive parts.
fn change(address: &str, action: &str, unknown: &str, sensitive: &str) -> String {
    let kind = address.split('.').next().unwrap_or_default();
    let address = address.replace('"', "\\\"");
    format!(
        r#"{{"address":"{address}","mode":"managed","type":"{kind}","change":{{"actions":["{action}"],"after":{{}},"after_unknown":{unknown},"after_sensitive":{sensitive}}}}}"#
    )
}

/// A resource of the configuration.
fn written(kind: &str, name: &str, expressions: &str) -> String {
    format!(r#"{{"address":"{kind}.{name}","mode":"managed","type":"{kind}","name":"{name}","expressions":{expressions}}}"#)
}

#[test]
fn values_have_the_shape_of_the_source() {
    let values = r#"{"a":1,"none":null,"empty":[],"tags":{"x":"y","z":null},"block":[{"b":true,"c":null,"inner":[]},{"b":false}],"list":["p",null]}"#;
    let text = plan(
        &resource("t", "r", "", values),
        &change("t.r", "create", r#"{"id":true,"block":[{"d":true},{}],"list":[false,true]}"#, r#"{"a":true,"block":[{},{"b":true}]}"#),
        "{}",
    );
    check(
        &[("p.json", &text)],
        &[r#"p.json:t.r {a=!1 tags={x="y"} block=[{b=true d=?Reference+} {b=!false}] list=["p" ?Reference+] id=?Reference+}"#],
        &[],
    );
}

#[test]
fn what_is_written_decides_which_unknowns_are_there() {
    let configuration = format!(
        r#"{{"resources":[{},{}]}}"#,
        written(
            "t",
            "r",
            r#"{"key":{"references":["t.k.arn","t.k"]},"block":[{"in":{"references":["t.k.id","t.k"]},"known":{"constant_value":1}}]}"#
        ),
        written("t", "k", "{}")
    );
    let text = plan(
        &format!("{},{}", resource("t", "r", "", r#"{"block":[{"known":1}]}"#), resource("t", "k", "", "{}")),
        &format!(
            "{},{}",
            change("t.r", "create", r#"{"id":true,"key":true,"other":true,"block":[{"in":true,"computed":true}]}"#, "{}"),
            change("t.k", "create", r#"{"arn":true,"id":true}"#, "false")
        ),
        &configuration,
    );
    check(&[("p.json", &text)], &["p.json:t.r {block=[{known=1 in=?Reference+<t.k.id>}] key=?Reference+<t.k.arn>}", "p.json:t.k {}"], &[]);
}

#[test]
fn what_will_be_gone_is_not_judged() {
    let text = plan(
        &[resource("t", "kept", "", "{}"), resource("t", "new", "", "{}")].join(","),
        &[
            change("t.kept", "no-op", "{}", "{}"),
            change("t.new", "create", "{}", "{}"),
            change("t.gone", "delete", "{}", "{}"),
            change("t.forgotten", "forget", "{}", "{}"),
            r#"{"address":"t.new","deposed":"abc","mode":"managed","type":"t","change":{"actions":["delete"],"after":null}}"#.to_owned(),
            change("t.only_changed", "update", "{}", "{}"),
        ]
        .join(","),
        "{}",
    );
    check(&[("p.json", &text)], &["p.json:t.kept {}", "p.json:t.new {}", "p.json:t.only_changed {}"], &[]);
}

#[test]
fn references_go_through_modules() {
    let resources = r#"{"format_version":"1.0","planned_values":{"root_module":{
        "resources":[{"address":"t.top","mode":"managed","type":"t","values":{}}],
        "child_modules":[
            {"address":"module.a[\"x\"]","resources":[{"address":"module.a[\"x\"].t.b","type":"t","values":{}},{"address":"module.a[\"x\"].t.c","type":"t","values":{}}]},
            {"address":"module.a[\"y\"]","resources":[{"address":"module.a[\"y\"].t.b","type":"t","values":{}},{"address":"module.a[\"y\"].t.c","type":"t","values":{}}]},
            {"address":"module.z","child_modules":[{"address":"module.z.module.in","resources":[{"address":"module.z.module.in.t.d[0]","type":"t","values":{}}]}]}
        ]}},
        "resource_changes":["#;
    let unknown = |address: &str| {
        format!(
            r#"{{"address":"{address}","type":"t","change":{{"actions":["create"],"after":{{}},"after_unknown":{{"v":true,"w":true}}}}}}"#
        )
    };
    let changes = [unknown("t.top"), unknown(r#"module.a[\"x\"].t.c"#), unknown("module.z.module.in.t.d[0]")].join(",");
    let configuration = r#"],"configuration":{"root_module":{
        "resources":[{"mode":"managed","type":"t","name":"top","expressions":{"v":{"references":["module.a[\"y\"].out","module.a[\"y\"]","module.a"]},"w":{"references":["module.z.deep","module.z","local.l","path.module"]}}}],
        "module_calls":{
            "a":{"expressions":{"given":{"references":["t.top.id","t.top","each.value"]}},"module":{
                "outputs":{"out":{"expression":{"references":["t.b.id","t.b"]}}},
                "variables":{"given":{}},
                "resources":[
                    {"mode":"managed","type":"t","name":"b","expressions":{}},
                    {"mode":"managed","type":"t","name":"c","expressions":{"v":{"references":["t.b.arn","t.b"]},"w":{"references":["var.given"]}}}]}},
            "z":{"source":"./z","expressions":{"p":{"constant_value":5}},"module":{
                "outputs":{"deep":{"expression":{"references":["module.in.all","module.in"]}}},
                "module_calls":{"in":{"source":"example/in/x","version_constraint":"~> 1","expressions":{"up":{"references":["var.p"]}},"module":{
                    "outputs":{"all":{"expression":{"references":["t.d"]}}},
                    "resources":[{"mode":"managed","type":"t","name":"d","expressions":{"v":{"references":["var.up"]},"w":{}}}]}}}}}
        }}}}"#;
    check(
        &[("p.json", &format!("{resources}{changes}{configuration}"))],
        &[
            "p.json:t.top {v=?Reference+<module.a[\"y\"].t.b.id> w=?Reference+<module.z.module.in.t.d[0].>}",
            "p.json:module.a[\"x\"].t.b {}",
            "p.json:module.a[\"x\"].t.c {v=?Reference+<module.a[\"x\"].t.b.arn> w=?Reference+<t.top.id>}",
            "p.json:module.a[\"y\"].t.b {}",
            "p.json:module.a[\"y\"].t.c {}",
            "p.json:module.z.module.in.t.d[0] {v=?Reference+ w=?Reference+}",
            "p.json:module.a {given=?Variable}",
            "p.json:module.z {p=5 source=\"./z\"}",
            "p.json:module.z.module.in {up=?Variable source=\"example/in/x\" version=\"~> 1\"}",
        ],
        &[],
    );
}

#[test]
fn instances_refer_to_their_own() {
    let configuration = format!(
        r#"{{"resources":[{},{}]}}"#,
        written("b", "x", "{}"),
        written("r", "y", r#"{"bucket":{"references":["b.x","each.key"]},"all":{"references":["b.x"]}}"#)
    );
    let all = [
        resource("b", "x", "\"one\"", "{}"),
        resource("b", "x", "\"two\"", "{}"),
        resource("r", "y", "\"two\"", r#"{"bucket":"known","all":["p"]}"#),
    ];
    check(
        &[("p.json", &plan(&all.join(","), "", &configuration))],
        &[
            "p.json:b.x[\"one\"] {}",
            "p.json:b.x[\"two\"] {}",
            "p.json:r.y[\"two\"] {bucket=\"known\"<b.x[\"two\"].> all=[\"p\"<b.x[\"one\"].,b.x[\"two\"].>]<b.x[\"one\"].,b.x[\"two\"].>}",
        ],
        &[],
    );
}

#[test]
fn the_items_of_a_for_each_over_resources_are_these() {
    let block = r#"{"mode":"managed","type":"r","name":"y","expressions":{"bucket":{"references":["each.value.id","each.value"]}},"for_each_expression":{"references":["b.x"]}}"#;
    let configuration = format!(r#"{{"resources":[{},{block}]}}"#, written("b", "x", "{}"));
    let all =
        [resource("b", "x", "\"one\"", "{}"), resource("b", "x", "\"two\"", "{}"), resource("r", "y", "\"two\"", r#"{"bucket":"known"}"#)];
    check(
        &[("p.json", &plan(&all.join(","), "", &configuration))],
        &["p.json:b.x[\"one\"] {}", "p.json:b.x[\"two\"] {}", "p.json:r.y[\"two\"] {bucket=\"known\"<b.x[\"two\"].id>}"],
        &[],
    );
}

#[test]
fn data_sources_and_providers() {
    let text = r#"{"format_version":"1.2","planned_values":{"root_module":{}},
        "prior_state":{"format_version":"1.0","values":{"root_module":{"resources":[
            {"address":"data.t.d","mode":"data","type":"t","values":{"json":"{}","x":null}},
            {"address":"t.old","mode":"managed","type":"t","values":{}}]}}},
        "configuration":{"provider_config":{
            "aws":{"name":"aws","expressions":{"region":{"constant_value":"eu-central-1"},"secret_key":{"references":["var.s"]},"assume_role":[{"role_arn":{"constant_value":"r"}}]}},
            "m:aws.x":{"name":"aws","alias":"x","module_address":"module.m","expressions":{"features":[{}]}},
            "random":{"name":"random","full_name":"registry.terraform.io/hashicorp/random"}},
          "root_module":{}}}"#;
    check(
        &[("p.json", text)],
        &[
            "p.json:data.t.d {json=\"{}\"}",
            "p.json:provider.aws {region=\"eu-central-1\" secret_key=?Variable assume_role=[{role_arn=\"r\"}]}",
            "p.json:module.m.provider.aws.x {features=[{}]}",
        ],
        &[],
    );
}

const SOURCE: &str = "variable \"on\" {}\nresource \"t\" \"r\" {\n  count = var.n\n  on    = var.on\n  size  = 5\n  lifecycle {\n    prevent_destroy = true\n  }\n  block {\n    a = t.k.id\n  }\n}\nresource \"t\" \"k\" {}\nprovider \"p\" {\n  x = 1\n}\nvariable \"n\" {}\n";

/// The plan of `SOURCE` with two instances.
fn planned() -> String {
    let configuration = format!(
        r#"{{"resources":[{},{}]}}"#,
        written(
            "t",
            "r",
            r#"{"on":{"references":["var.on"]},"size":{"constant_value":5},"block":[{"a":{"references":["t.k.id","t.k"]}}]}"#
        ),
        written("t", "k", "{}")
    );
    let values = r#"{"on":true,"size":5,"extra":"default","block":[{"b":1}]}"#;
    let unknown = r#"{"block":[{"a":true}]}"#;
    plan(
        &[resource("t", "r", "0", values), resource("t", "r", "1", values), resource("t", "k", "", r#"{"id":"k-1"}"#)].join(","),
        &[change("t.r[0]", "create", unknown, "{}"), change("t.r[1]", "create", unknown, "{}")].join(","),
        &configuration,
    )
}

#[test]
fn plan_and_source_come_together() {
    let (collected, sources) = collect(&[("env/main.tf", SOURCE), ("env/tfplan.json", &planned())]);
    let value = "{on=true size=5 extra=\"default\" block=[{b=1 a=?Reference+<t.k.id>}] lifecycle=[{prevent_destroy=true}]}";
    assert_eq!(
        shown(&collected),
        [
            "env:provider.p {x=1}".to_owned(),
            format!("env:t.r[0] {value}"),
            format!("env:t.r[1] {value}"),
            "env:t.k {id=\"k-1\"}".to_owned(),
        ]
    );
    assert_eq!(collected.diagnostics, []);
    let place = |span| sources.locate(span).map(|(path, start, _)| format!("{path}:{}", start.line));
    let subject = &collected.subjects[1];
    assert_eq!(place(subject.span).as_deref(), Some("env/main.tf:2"));
    assert_eq!(place(subject.value.get("on").unwrap().span).as_deref(), Some("env/main.tf:4"));
    assert_eq!(place(subject.value.as_map().unwrap().entry("size").unwrap().key).as_deref(), Some("env/main.tf:5"));
    assert_eq!(place(subject.value.get("extra").unwrap().span), None, "nobody wrote it");
    let read: Vec<(&str, usize)> = collected.coverage.read.iter().map(|read| (&*read.file, read.subjects)).collect();
    assert_eq!(read, [("env/tfplan.json", 3), ("env/main.tf", 4)]);
}

#[test]
fn what_the_plan_does_not_show_comes_from_the_source() {
    // A dynamic block over what is known only after apply; an argument the provider works out.
    let source = "resource \"t\" \"r\" {\n  for_each = { a = 1 }\n  key      = t.k[each.key].id\n  dynamic \"rule\" {\n    for_each = t.k[each.key].all\n    content {\n      x = 1\n    }\n  }\n}\nresource \"t\" \"k\" {\n  for_each = { a = 1 }\n}\n";
    let configuration =
        format!(r#"{{"resources":[{},{}]}}"#, written("t", "r", r#"{"key":{"references":["t.k","each.key"]}}"#), written("t", "k", "{}"));
    let resources = ["\"a\"", "\"b\""]
        .iter()
        .flat_map(|key| [resource("t", "r", key, "{}"), resource("t", "k", key, "{}")])
        .collect::<Vec<_>>()
        .join(",");
    let unknown = r#"{"id":true,"key":true,"rule":true}"#;
    let changes = [change("t.r[\"a\"]", "create", unknown, "{}"), change("t.r[\"b\"]", "create", unknown, "{}")].join(",");
    check(
        &[("main.tf", source), ("p.json", &plan(&resources, &changes, &configuration))],
        &[
            "t.r[\"a\"] {key=?Reference+<t.k[\"a\"].id> rule=[{x=1 $maybe=?Reference<t.k[\"a\"].all>}]}",
            "t.k[\"a\"] {}",
            // The places of the other instance, but not what that one refers to.
            "t.r[\"b\"] {key=?Reference+<t.k[\"b\"].> rule=[{x=1 $maybe=?Reference}]}",
            "t.k[\"b\"] {}",
        ],
        &[],
    );
}

#[test]
fn a_plan_finds_its_root() {
    let other = "resource \"x\" \"y\" {}\n";
    // In its own folder, else where it fits best.
    let roots = |files: &[(&str, &str)]| {
        let (collected, _) = collect(files);
        let mut roots: Vec<String> =
            collected.subjects.iter().filter(|one| one.id.starts_with("t.r")).map(|one| one.root.to_string()).collect();
        roots.dedup();
        let said: Vec<String> = collected.diagnostics.iter().filter(|one| one.code == "plan-root").map(|one| one.message.clone()).collect();
        (roots.join(" "), said.join(" "))
    };
    let plan = planned();
    let none = String::new;
    assert_eq!(roots(&[("a/main.tf", SOURCE), ("b/main.tf", SOURCE), ("b/p.json", &plan)]), ("a b".to_owned(), none()));
    assert_eq!(roots(&[("a/main.tf", other), ("b/main.tf", SOURCE), ("p.json", &plan)]), ("b".to_owned(), none()));
    assert_eq!(roots(&[("a/main.tf", other), ("b/main.tf", SOURCE), ("a/p.json", &plan)]), ("b".to_owned(), none()));
    assert_eq!(
        roots(&[("a/main.tf", SOURCE), ("b/main.tf", SOURCE), ("p.json", &plan)]),
        ("a b p.json".to_owned(), "the plan fits `a` and `b` equally well; it is judged by itself, and they are judged too".to_owned())
    );
    assert_eq!(
        roots(&[("a/main.tf", other), ("p.json", &plan)]),
        ("p.json".to_owned(), "no configuration here fits the plan; it is judged by itself".to_owned())
    );
    // Two plans of one root are two environments, and the source is not judged a third time.
    assert_eq!(roots(&[("main.tf", SOURCE), ("dev.json", &plan), ("live.json", &plan)]), ("dev.json live.json".to_owned(), none()));
}

#[test]
fn what_does_not_match_is_said() {
    let source = "resource \"t\" \"r\" {\n  on = false\n}\nresource \"t\" \"new\" {\n  x = 1\n}\n";
    let configuration = format!(r#"{{"resources":[{},{}]}}"#, written("t", "r", "{}"), written("t", "old", "{}"));
    let text = plan(&[resource("t", "r", "", r#"{"on":true}"#), resource("t", "old", "", "{}")].join(","), "", &configuration);
    check(
        &[("main.tf", source), ("tfplan.json", &text)],
        &["t.new {x=1}", "t.r {on=false}", "t.old {}"],
        &[
            "plan-mismatch: in the source in `.` and not in the plan, judged by the source: `t.new`",
            "plan-mismatch: in the plan and not in the source in `.`, judged by the plan: `t.old`",
            "plan-mismatch: other in the plan than in the source in `.`, judged by the source: `t.r.on`",
        ],
    );
    // What the source itself tells Terraform to leave as it is may be another.
    let ignored = "resource \"t\" \"r\" {\n  on = false\n  lifecycle {\n    ignore_changes = [on]\n  }\n}\nresource \"t\" \"old\" {}\n";
    check(&[("main.tf", ignored), ("tfplan.json", &text)], &["t.r {on=true lifecycle=[{ignore_changes=[\"on\"]}]}", "t.old {}"], &[]);
    // What a complete plan has no instance of is not made; of a part of a plan nobody knows.
    let none = |complete: &str| {
        let configuration = format!(r#"{{"resources":[{},{}]}}"#, written("t", "r", "{}"), written("t", "new", "{}"));
        let text = plan(&resource("t", "r", "", "{}"), "", &configuration);
        let (collected, _) =
            collect(&[("main.tf", source), ("tfplan.json", text.replacen('{', &format!("{{\"complete\":{complete},"), 1).as_str())]);
        let ids = collected.subjects.iter().map(|one| one.id.to_string()).collect::<Vec<_>>().join(" ");
        format!("{ids}; {}", collected.diagnostics.first().map_or("", |one| &one.message))
    };
    assert_eq!(none("true"), "t.r; in the source in `.`, and the plan makes none of it, not judged: `t.new`");
    assert_eq!(none("false"), "t.new t.r; in the source in `.` and not in the plan, judged by the source: `t.new`");
}

#[test]
fn modules_that_are_not_here_are_no_mismatch() {
    let source = "module \"m\" {\n  source = \"example/m/x\"\n}\nresource \"t\" \"r\" {}\n";
    let text = r#"{"format_version":"1.2","planned_values":{"root_module":{"resources":[{"address":"t.r","type":"t","values":{}}],
        "child_modules":[{"address":"module.m","resources":[{"address":"module.m.t.x[0]","type":"t","values":{"a":1}}]}]}},
        "configuration":{"root_module":{"resources":[{"mode":"managed","type":"t","name":"r"}],"module_calls":{"m":{"source":"example/m/x","module":{"resources":[{"mode":"managed","type":"t","name":"x"}]}}}}}}"#;
    let (collected, _) = collect(&[("main.tf", source), ("p.json", text)]);
    assert_eq!(shown(&collected), ["module.m {source=\"example/m/x\"}", "t.r {}", "module.m.t.x[0] {a=1}"]);
    let said: Vec<String> = collected.diagnostics.iter().filter(|one| one.code == "plan-mismatch").map(|one| one.message.clone()).collect();
    assert_eq!(said, ["modules of the plan whose source is not here, judged by the plan: `module.m`"]);
    assert!(collected.diagnostics.iter().all(|one| one.level != Level::Error), "{:?}", collected.diagnostics);
}

#[test]
fn suppressions_of_the_source_stay() {
    let source = "# probity:allow some-rule because of this\nresource \"t\" \"r\" {\n  on = false\n}\n";
    let text = plan(&resource("t", "r", "", "{}"), "", "{}");
    let (with, _) = collect(&[("main.tf", source), ("p.json", &text)]);
    assert_eq!(with.suppressions.len(), 1);
    assert_eq!(with.subjects[0].span.file, with.suppressions[0].target.file);
}

#[test]
fn other_files_are_left_alone() {
    let nothing = |path: &str, text: &str| {
        let (collected, _) = collect(&[(path, text), ("main.tf", SOURCE)]);
        assert!(collected.coverage.read.is_empty() && collected.coverage.skipped.is_empty(), "{path} {:?}", collected.coverage);
    };
    nothing("a.json", "{}");
    nothing("a.json", "[1,");
    nothing("a.txt", &planned());
    nothing("a.tf.json", "{}");
    nothing("state.json", r#"{"format_version":"1.0","terraform_version":"1.9.0","values":{}}"#);
    nothing("a.json", r#"{"x":{"format_version":"1.0","planned_values":{}}}"#);
    nothing("k.json", r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"x":"\"format_version\" \"planned_values\""}}"#);
    nothing("p.tfplan", "text");
}

#[test]
fn broken_plans_are_said() {
    let said = |text: &[u8]| {
        let (collected, _) = collect(&[("tfplan.json", text)]);
        assert!(collected.subjects.is_empty());
        let [skipped] = collected.coverage.skipped.as_slice() else { panic!("{:?}", collected.coverage) };
        assert!(skipped.fails && collected.diagnostics.iter().any(|one| one.level == Level::Error));
        skipped.why.clone()
    };
    let whole = planned();
    assert_eq!(said(&whole.as_bytes()[..whole.len() / 2]), "the plan is not valid: an object expected");
    let head = r#"{"format_version":"1.2","terraform_version":"1.9.0","#;
    assert_eq!(said(format!(r#"{head}"resource_changes":{{}}}}"#).as_bytes()), "the plan is not valid: a list expected");
    assert_eq!(
        said(format!(r#"{head}"resource_changes":[{{}}]}}"#).as_bytes()),
        "the plan is not valid: a change with `address`, `type` and `change` expected"
    );
    assert_eq!(
        said(format!(r#"{head}"planned_values":{{"root_module":{{"resources":[1]}}}}}}"#).as_bytes()),
        "the plan is not valid: an object expected"
    );
    let broken_value = plan(&resource("t", "r", "", r#"{"a":tru}"#), "", "{}");
    assert_eq!(said(broken_value.as_bytes()), "the plan is not valid: expected a value, found `t`");
    let mut bytes = planned().into_bytes();
    bytes.push(0xff);
    assert!(said(&bytes).starts_with("it is not UTF-8 from byte"));
    let (collected, _) = collect(&[("x.tfplan", b"PK\x03\x04rest".as_slice())]);
    assert!(!collected.coverage.skipped[0].fails);
}

#[test]
fn deep_and_circular_plans_end() {
    let mut modules = "{}".to_owned();
    for _ in 0..500 {
        modules = format!(r#"{{"child_modules":[{modules}]}}"#);
    }
    let (collected, _) = collect(&[("p.json", &format!(r#"{{"format_version":"1","planned_values":{{"root_module":{modules}}}}}"#))]);
    assert_eq!(collected.coverage.skipped.len(), 1);
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let (collected, _) = collect(&[("p.json", &plan(&resource("t", "r", "", &format!("{{\"a\":{deep}}}")), "", "{}"))]);
    assert_eq!(collected.coverage.skipped.len(), 1);
    // As deep as JSON may be.
    let nested = |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(240), close.repeat(240));
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let depth = if open.len() > 5 && open.starts_with('[') { 2 } else { 1 };
        let part = |inner: &str| format!("{{\"a\":{}}}", nested(open, inner, close));
        let (values, unknown) = (part("1"), part("true"));
        let text = plan(&resource("t", "r", "", &values), &change("t.r", "create", &unknown, &unknown), "{}");
        let (collected, _) = collect(&[("p.json", &text)]);
        assert_eq!(collected.subjects.len(), 2 - depth, "{open}");
    }
    // Outputs that refer to each other in a circle.
    let circle = r#"{"resources":[{"mode":"managed","type":"t","name":"r","expressions":{"a":{"references":["module.m.o"]}}}],
        "module_calls":{"m":{"expressions":{"v":{"references":["module.m.o"]}},"module":{"outputs":{"o":{"expression":{"references":["var.v","var.v","var.v"]}}}}}}}"#;
    let (collected, _) = collect(&[("p.json", &plan(&resource("t", "r", "", "{\"a\":1}"), "", circle))]);
    assert_eq!(collected.subjects.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_change_of_a_plan_ends_well(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut in any::<prop::sample::Index>()) {
        let mut bytes = planned().into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let keep = cut.index(bytes.len() * 4 + 1).min(bytes.len());
        let _ = collect(&[("main.tf", SOURCE.as_bytes()), ("p.json", &bytes[..keep])]);
    }
}
