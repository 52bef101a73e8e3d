//! Whole configurations to subjects: one `check` that compares addresses and values in a short form.

use std::fmt::Write as _;
use std::sync::Arc;

use probity_core::{CollectOptions, Collected, Level, Scope, Source as _, Subject, SuppressionReach, Tree as _};
use probity_testkit::MapTree;
use probity_value::{Data, SourceMap, Value};

use super::TerraformSource;

fn collect_with(files: &[(&str, &str)], options: &CollectOptions) -> (Collected, SourceMap) {
    let tree = MapTree::new(files.iter().copied());
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let sources = SourceMap::new();
    let collected = TerraformSource.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options });
    (collected, sources)
}

fn collect(files: &[(&str, &str)]) -> (Collected, SourceMap) {
    collect_with(files, &CollectOptions::default())
}

/// A value in a short form.
pub(crate) fn show(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

fn write_value(value: &Value, out: &mut String) {
    if value.sensitive {
        out.push('!');
    }
    match &value.data {
        Data::Null => out.push_str("null"),
        Data::Bool(truth) => write!(out, "{truth}").unwrap(),
        Data::Number(number) => write!(out, "{number}").unwrap(),
        Data::String(text) => write!(out, "{text:?}").unwrap(),
        Data::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Data::Map(map) => {
            out.push('{');
            for (index, (key, entry)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write!(out, "{key}=").unwrap();
                write_value(&entry.value, out);
            }
            out.push('}');
        }
        Data::Unknown(unknown) => {
            write!(out, "?{:?}", unknown.kind).unwrap();
            if unknown.set {
                out.push('+');
            }
            if !unknown.prefix.is_empty() {
                write!(out, "{:?}", unknown.prefix).unwrap();
            }
            if let Some(decoded) = &unknown.decoded {
                out.push_str("=>");
                write_value(decoded, out);
            }
        }
    }
    let references: Vec<String> =
        value.references().iter().map(|reference| format!("{}.{}", reference.subject, reference.attribute)).collect();
    if !references.is_empty() {
        write!(out, "<{}>", references.join(",")).unwrap();
    }
}

/// Subjects but `terraform`, as `root:id{...}`; the root is left out where it is the top.
fn shown(collected: &Collected) -> Vec<String> {
    let label = |subject: &Subject| {
        if subject.root.is_empty() { subject.id.to_string() } else { format!("{}:{}", subject.root, subject.id) }
    };
    collected.subjects.iter().map(|subject| format!("{} {}", label(subject), show(&subject.value))).collect()
}

#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let (collected, _) = collect(files);
    let errors: Vec<_> = collected.diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(shown(&collected), expected);
}

/// One file, and the value of the argument `x` of its resource `t.r`.
#[track_caller]
fn check_value(text: &str, expected: &str) {
    let (collected, _) = collect(&[("main.tf", text)]);
    let subject = collected.subjects.iter().find(|subject| &*subject.id == "t.r").expect("the resource");
    let value = subject.value.get("x").map_or_else(|| "absent".to_owned(), show);
    assert_eq!(value, expected, "{text}\n{:?}", collected.diagnostics);
}

#[track_caller]
fn check_expr(expr: &str, expected: &str) {
    check_value(
        &format!(
            "variable \"u\" {{}}\nlocals {{\n  l = [1, 2, 3]\n  m = {{ a = 1, b = 2 }}\n  s = \"text\"\n}}\nresource \"t\" \"r\" {{\n  x = {expr}\n}}\n"
        ),
        expected,
    );
}

#[track_caller]
fn check_codes(files: &[(&str, &str)], expected: &[&str]) {
    let (collected, _) = collect(files);
    let codes: Vec<&str> = collected.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, expected, "{:?}", collected.diagnostics);
}

#[test]
fn subjects_and_their_addresses() {
    check(
        &[(
            "main.tf",
            "terraform {\n required_version = \"> 1\"\n}\nprovider \"aws\" {\n region = \"eu-central-1\"\n}\nprovider \"aws\" {\n alias = \"us\"\n}\nresource \"aws_s3_bucket\" \"b\" {\n bucket = \"x\"\n}\ndata \"aws_ami\" \"a\" {\n owners = [\"self\"]\n}",
        )],
        &[
            "terraform {required_version=\"> 1\"}",
            "provider.aws {region=\"eu-central-1\"}",
            "provider.aws.us {alias=\"us\"}",
            "aws_s3_bucket.b {bucket=\"x\"}",
            "data.aws_ami.a {owners=[\"self\"]}",
        ],
    );
    check(&[("a/main.tf", "resource \"t\" \"r\" {}"), ("b/main.tf", "resource \"t\" \"r\" {}")], &["a:t.r {}", "b:t.r {}"]);
    check(
        &[("main.tf", "resource \"t\" \"r\" {\n  a { b = 1 }\n  a { b = 2 }\n  provisioner \"local-exec\" {\n    command = \"x\"\n  }\n}")],
        &["t.r {a=[{b=1} {b=2}] provisioner=[{local-exec=[{command=\"x\"}]}]}"],
    );
    check(
        &[(
            "main.tf",
            "resource \"t\" \"r\" {\n provider = aws.us\n depends_on = [t.q, module.m]\n lifecycle {\n  ignore_changes = [tags[\"a\"], b]\n }\n}\nresource \"t\" \"q\" {}\n",
        )],
        &[
            "t.r {provider=\"aws.us\" depends_on=[?Reference+<t.q.> ?Reference+<module.m.>] lifecycle=[{ignore_changes=[\"tags[\\\"a\\\"]\" \"b\"]}]}",
            "t.q {}",
        ],
    );
}

#[test]
fn count_and_for_each() {
    check(
        &[("main.tf", "resource \"t\" \"r\" {\n count = 2\n x = count.index\n}\nresource \"t\" \"none\" {\n count = 0\n}\n")],
        &["t.r[0] {x=0}", "t.r[1] {x=1}"],
    );
    check(
        &[(
            "main.tf",
            "resource \"t\" \"r\" {\n for_each = { b = { n = 1 }, a = { n = 2 } }\n x = each.value.n\n y = each.key\n}\nresource \"t\" \"s\" {\n for_each = toset([\"q\", \"p\"])\n x = each.value\n}\nresource \"t\" \"e\" {\n for_each = {}\n}\n",
        )],
        &["t.r[\"a\"] {x=2 y=\"a\"}", "t.r[\"b\"] {x=1 y=\"b\"}", "t.s[\"p\"] {x=\"p\"}", "t.s[\"q\"] {x=\"q\"}"],
    );
    check(
        &[(
            "main.tf",
            "variable \"n\" {}\nvariable \"m\" {}\nresource \"t\" \"r\" {\n count = var.n\n x = count.index\n y = 1\n}\nresource \"t\" \"s\" {\n for_each = var.m\n x = each.key\n y = each.value.z\n}\n",
        )],
        &["t.r {x=?Variable+ y=1}", "t.s {x=?Variable+ y=?Variable}"],
    );
    check(
        &[(
            "main.tf",
            "resource \"t\" \"q\" {\n count = 2\n n = \"n${count.index}\"\n}\nresource \"t\" \"r\" {\n a = t.q[1].n\n b = t.q[*].id\n c = t.q[0].id\n d = t.q.*.n\n e = length(t.q)\n}\n",
        )],
        &[
            "t.q[0] {n=\"n0\"}",
            "t.q[1] {n=\"n1\"}",
            "t.r {a=\"n1\"<t.q[1].n> b=[?Reference+<t.q[0].id> ?Reference+<t.q[1].id>] c=?Reference+<t.q[0].id> d=[\"n0\"<t.q[0].n> \"n1\"<t.q[1].n>] e=2}",
        ],
    );
    check(
        &[(
            "main.tf",
            "resource \"t\" \"q\" {\n for_each = toset([\"a\", \"b\"])\n}\nresource \"t\" \"r\" {\n x = { for k, v in t.q : k => v.id }\n y = t.q[\"a\"].arn\n}\nresource \"t\" \"s\" {\n for_each = t.q\n z = each.value.id\n}\n",
        )],
        &[
            "t.q[\"a\"] {}",
            "t.q[\"b\"] {}",
            "t.r {x={a=?Reference+<t.q[\"a\"].id> b=?Reference+<t.q[\"b\"].id>} y=?Reference+<t.q[\"a\"].arn>}",
            "t.s[\"a\"] {z=?Reference+<t.q[\"a\"].id>}",
            "t.s[\"b\"] {z=?Reference+<t.q[\"b\"].id>}",
        ],
    );
    let (collected, _) = collect(&[("main.tf", "resource \"t\" \"r\" {\n count = 5000\n}")]);
    assert_eq!(collected.subjects.len(), 1_000);
    assert_eq!((collected.diagnostics[0].code, collected.diagnostics[0].level), ("instance-limit", Level::Error));
}

#[test]
fn variables() {
    check_value("variable \"v\" {\n default = 1\n}\nresource \"t\" \"r\" { x = var.v }", "1");
    check_value("variable \"v\" {\n type = string\n default = 1\n}\nresource \"t\" \"r\" { x = var.v }", "\"1\"");
    check_value("variable \"v\" {}\nresource \"t\" \"r\" { x = var.v }", "?Variable");
    check_value("variable \"v\" {\n default = \"s\"\n sensitive = true\n}\nresource \"t\" \"r\" { x = \"a${var.v}\" }", "!\"as\"");
    check_value(
        "variable \"v\" {\n type = object({ a = string, e = optional(bool, true), n = optional(number) })\n default = { a = \"x\", zz = 1 }\n}\nresource \"t\" \"r\" { x = var.v }",
        "{a=\"x\" e=true n=null}",
    );
    check_value(
        "variable \"v\" {\n type = map(object({ e = optional(object({ on = optional(bool, true) }), {}) }))\n default = { k = {} }\n}\nresource \"t\" \"r\" { x = var.v[\"k\"].e.on }",
        "true",
    );
    check_value(
        "variable \"v\" {\n type = set(string)\n default = [\"b\", \"a\", \"b\"]\n}\nresource \"t\" \"r\" { x = var.v }",
        "[\"a\" \"b\"]",
    );
    check_value("variable \"v\" {\n type = number\n default = \"no\"\n}\nresource \"t\" \"r\" { x = var.v }", "?Invalid");
    check_value("variable \"v\" {\n type = \"list\"\n default = []\n}\nresource \"t\" \"r\" { x = var.v }", "[]");
    check_value("resource \"t\" \"r\" { x = var.v }", "?Reference+<var.v.>");
    let files = |last: &'static str| {
        [
            ("main.tf", "variable \"v\" {\n default = 0\n}\nresource \"t\" \"r\" { x = var.v }"),
            ("terraform.tfvars", "v = 1"),
            (last, "v = 2"),
        ]
    };
    for (name, expected) in [("a.auto.tfvars", "t.r {x=2}"), ("other.tfvars", "t.r {x=1}"), ("sub/a.auto.tfvars", "t.r {x=1}")] {
        check(&files(name), &[expected]);
    }
    check(
        &[("main.tf", "variable \"v\" {}\nresource \"t\" \"r\" { x = var.v }"), ("terraform.tfvars.json", "{\"v\": {\"a\": [1]}}")],
        &["t.r {x={a=[1]}}"],
    );
    let options = CollectOptions { variable_files: vec!["other.tfvars".into()], ..CollectOptions::default() };
    let (collected, _) = collect_with(&files("other.tfvars"), &options);
    assert_eq!(shown(&collected), ["t.r {x=2}"]);
    let options = CollectOptions { variable_files: vec!["missing.tfvars".into()], ..CollectOptions::default() };
    assert_eq!(collect_with(&files("other.tfvars"), &options).0.diagnostics[0].level, Level::Error);
}

#[test]
fn expressions() {
    for (expr, expected) in [
        ("1 + 2 * 3", "7"),
        ("10 / 4", "2.5"),
        ("7 % 4", "3"),
        ("\"5\" + 1", "6"),
        ("!true || 1 < 2 && 2 >= 2", "true"),
        ("1 == 1.0", "true"),
        ("\"1\" == 1", "false"),
        ("[1] == [1]", "true"),
        ("null == null", "true"),
        ("false && var.u", "false"),
        ("true || var.u", "true"),
        ("var.u && false", "false"),
        ("var.u || true", "true"),
        ("true && var.u", "?Variable+"),
        ("var.u == null", "?Variable+"),
        ("t.q.id == null", "false<t.q.>"),
        ("var.u ? 1 : 1", "1"),
        ("var.u ? 1 : 2", "?Variable+"),
        ("var.u ? 1 : null", "?Variable"),
        ("true ? \"a\" : \"b\"", "\"a\""),
        ("local.l[1]", "2"),
        ("local.m.b", "2"),
        ("local.m[\"a\"]", "1"),
        ("local.l[*]", "[1 2 3]"),
        ("local.s[*]", "[\"text\"]"),
        ("null[*]", "[]"),
        ("[for v in local.l : v * 2 if v != 2]", "[2 6]"),
        ("{for k, v in local.m : v => k}", "{1=\"a\" 2=\"b\"}"),
        ("{for v in [\"a\", \"b\", \"a\"] : v => v...}", "{a=[\"a\" \"a\"] b=[\"b\"]}"),
        ("[for i, v in [\"a\", \"b\"] : \"${i}${v}\"]", "[\"0a\" \"1b\"]"),
        ("[for k, v in toset([\"b\", \"a\"]) : k]", "[\"a\" \"b\"]"),
        ("[for v in var.u : v]", "?Variable+"),
        ("[for v in [1, 2] : v if var.u]", "?Variable+"),
        ("{ (local.s) = 1, b = 2 }", "{text=1 b=2}"),
        ("try(local.m.zz, \"d\")", "\"d\""),
        ("try(var.u.a, \"d\")", "?Variable"),
        ("try(local.l[9], local.m.q, 5)", "5"),
        ("can(local.m.zz)", "false"),
        ("can(local.m.a)", "true"),
        ("can(tonumber(\"x\"))", "false"),
        ("local.m.zz", "?Invalid"),
        ("local.zz", "?Invalid"),
        ("merge(local.m, { c = 3 })", "{a=1 b=2 c=3}"),
        ("max([1, 5, 3]...)", "5"),
        ("concat([\"a\"], [var.u])", "[\"a\" ?Variable]"),
        ("\"a-${local.s}-${1}-${true}\"", "\"a-text-1-true\""),
        ("\"a-${var.u}-b\"", "?Variable+\"a-\""),
        ("\"${local.l}\"", "[1 2 3]"),
        ("\"x${local.l}\"", "?Invalid"),
        ("\"%{ if 1 == 1 }yes%{ else }no%{ endif }\"", "\"yes\""),
        ("\"%{ for k, v in local.m }${k}=${v};%{ endfor }\"", "\"a=1;b=2;\""),
        ("<<-EOT\n    %{ if true ~}\n    yes\n    %{ endif ~}\n  EOT", "\"    yes\\n\""),
        ("path.module", "\".\""),
        ("path.cwd", "?Function"),
        ("terraform.workspace", "\"default\""),
        ("each.key", "?Invalid"),
        ("timestamp()", "?Function+"),
        ("nonsense(1)", "?Invalid"),
        ("provider::aws::x(1)", "?Function"),
        ("-local.l[0]", "-1"),
        ("1 / 0", "?Invalid"),
    ] {
        check_expr(expr, expected);
    }
}

#[test]
fn json_text_with_unknown_parts_is_decoded() {
    check_expr(
        "<<EOT\n{\"Statement\": [{\"Effect\": \"Allow\", \"Resource\": \"arn:${var.u}:x\", \"Principal\": ${jsonencode(var.u)}}]}\nEOT",
        "?Variable+\"{\\\"Statement\\\": [{\\\"Effect\\\": \\\"Allow\\\", \\\"Resource\\\": \\\"arn:\"=>{Statement=[{Effect=\"Allow\" Resource=?Variable+\"arn:\" Principal=?Variable+}]}",
    );
}

#[test]
fn references() {
    check(
        &[(
            "main.tf",
            "resource \"aws_s3_bucket\" \"b\" {\n bucket = \"x\"\n rule {\n  n = 1\n }\n}\nresource \"t\" \"r\" {\n a = aws_s3_bucket.b.id\n b = aws_s3_bucket.b.bucket\n c = \"${aws_s3_bucket.b.arn}/*\"\n d = aws_s3_bucket.b.rule[0].n\n e = data.d.d.x\n f = aws_s3_bucket.b.rule[0].computed\n}\ndata \"d\" \"d\" {}\n",
        )],
        &[
            "aws_s3_bucket.b {bucket=\"x\" rule=[{n=1}]}",
            "t.r {a=?Reference+<aws_s3_bucket.b.id> b=\"x\"<aws_s3_bucket.b.bucket> c=?Reference+\"arn:\"<aws_s3_bucket.b.arn> d=1<aws_s3_bucket.b.rule> e=?DataSource+<data.d.d.x> f=?Reference+<aws_s3_bucket.b.rule.computed>}",
            "data.d.d {}",
        ],
    );
    // What is known of how an attribute will begin.
    check(
        &[(
            "main.tf",
            "resource \"google_service_account\" \"a\" {\n account_id = \"app\"\n}\nresource \"t\" \"r\" {\n a = google_service_account.a.email\n b = \"serviceAccount:${google_service_account.a.email}\"\n c = data.google_service_account.d.member\n}\ndata \"google_service_account\" \"d\" {\n account_id = \"x\"\n}\n",
        )],
        &[
            "google_service_account.a {account_id=\"app\"}",
            "t.r {a=?Reference+\"app@\"<google_service_account.a.email> b=?Reference+\"serviceAccount:app@\"<google_service_account.a.email> c=?DataSource+\"serviceAccount:\"<data.google_service_account.d.member>}",
            "data.google_service_account.d {account_id=\"x\"}",
        ],
    );
    // A reference in a circle ends.
    check(
        &[("main.tf", "resource \"t\" \"a\" {\n x = t.b.x\n}\nresource \"t\" \"b\" {\n x = t.a.x\n}\n")],
        &["t.a {x=?Reference+<t.b.x,t.a.x>}", "t.b {x=?Reference+<t.a.x>}"],
    );
    check_value(
        "variable \"n\" {}\nresource \"t\" \"q\" {\n count = var.n\n y = 1\n}\nresource \"t\" \"r\" {\n x = try(t.q[0].y, 2)\n}",
        "?Reference<t.q.y>",
    );
    check_value(
        "variable \"n\" {}\nresource \"t\" \"q\" {\n count = var.n\n}\nresource \"t\" \"r\" {\n x = t.q[*].id\n}",
        "?Variable+<t.q.id>",
    );
}

#[test]
fn dynamic_blocks() {
    check(
        &[(
            "main.tf",
            "locals {\n ports = [22, 80]\n}\nresource \"aws_security_group\" \"g\" {\n dynamic \"ingress\" {\n  for_each = local.ports\n  content {\n   from_port = ingress.value\n   cidr_blocks = [\"0.0.0.0/0\"]\n  }\n }\n}\n",
        )],
        &["aws_security_group.g {ingress=[{from_port=22 cidr_blocks=[\"0.0.0.0/0\"]} {from_port=80 cidr_blocks=[\"0.0.0.0/0\"]}]}"],
    );
    check(
        &[(
            "main.tf",
            "resource \"t\" \"r\" {\n a { k = 0 }\n dynamic \"a\" {\n  for_each = { p = [1, 2], q = [] }\n  iterator = it\n  content {\n   k = it.key\n   dynamic \"b\" {\n    for_each = it.value\n    content { v = \"${it.key}${b.value}\" }\n   }\n  }\n }\n dynamic \"none\" {\n  for_each = []\n  content {}\n }\n}\n",
        )],
        &["t.r {a=[{k=0} {k=\"p\" b=[{v=\"p1\"} {v=\"p2\"}]} {k=\"q\"}]}"],
    );
    check(
        &[(
            "main.tf",
            "variable \"r\" {}\nresource \"t\" \"r\" {\n dynamic \"a\" {\n  for_each = var.r\n  content {\n   p = a.value.port\n   c = \"0.0.0.0/0\"\n   n = null\n  }\n }\n}\n",
        )],
        &["t.r {a=[{p=?Variable c=\"0.0.0.0/0\" n=null $maybe=?Variable}]}"],
    );
}

#[test]
fn a_statement_that_may_not_be_there_is_rendered_as_unknown() {
    check_value(
        "variable \"r\" {}\ndata \"aws_iam_policy_document\" \"d\" {\n dynamic \"statement\" {\n  for_each = var.r\n  content {\n   actions = [\"s3:*\"]\n   resources = [\"*\"]\n  }\n }\n}\nresource \"t\" \"r\" {\n x = jsondecode(data.aws_iam_policy_document.d.json).Statement[0].Action\n}\n",
        "?Variable+<data.aws_iam_policy_document.d.json>",
    );
}

#[test]
fn modules() {
    check(
        &[
            (
                "main.tf",
                "module \"m\" {\n source = \"./m\"\n name = \"n\"\n}\nresource \"t\" \"r\" {\n x = module.m.id\n y = module.m.name\n}\n",
            ),
            (
                "m/main.tf",
                "variable \"name\" {}\nresource \"q\" \"q\" {\n name = var.name\n}\noutput \"id\" {\n value = q.q.id\n}\noutput \"name\" {\n value = q.q.name\n}\n",
            ),
        ],
        &[
            "t.r {x=?Reference+<module.m.q.q.id> y=\"n\"<module.m.q.q.name>}",
            "module.m {source=\"./m\" name=\"n\"}",
            "module.m.q.q {name=\"n\"}",
        ],
    );
    check(
        &[
            (
                "env/prod/main.tf",
                "module \"m\" {\n source = \"../../m\"\n for_each = { eu = 1, us = 2 }\n n = each.value\n}\nresource \"t\" \"r\" {\n x = [for k, m in module.m : m.o]\n y = module.m[\"eu\"].o\n}",
            ),
            (
                "m/main.tf",
                "variable \"n\" {}\nresource \"q\" \"q\" {\n n = var.n\n p = path.module\n}\noutput \"o\" {\n value = var.n + 1\n}\n",
            ),
        ],
        &[
            "env/prod:t.r {x=[2 3] y=2}",
            "env/prod:module.m[\"eu\"] {source=\"../../m\" n=1}",
            "env/prod:module.m[\"eu\"].q.q {n=1 p=\"../../m\"}",
            "env/prod:module.m[\"us\"] {source=\"../../m\" n=2}",
            "env/prod:module.m[\"us\"].q.q {n=2 p=\"../../m\"}",
        ],
    );
    check(
        &[(
            "main.tf",
            "module \"m\" {\n source = \"terraform-aws-modules/vpc/aws\"\n version = \"5.0\"\n}\nresource \"t\" \"r\" {\n x = module.m.vpc_id\n}\n",
        )],
        &["t.r {x=?Module<module.m.vpc_id>}", "module.m {source=\"terraform-aws-modules/vpc/aws\" version=\"5.0\"}"],
    );
    check(
        &[
            ("main.tf", "module \"m\" {\n source = \"a/vpc/aws\"\n n = 1\n}\n"),
            (
                ".terraform/modules/modules.json",
                "{\"Modules\":[{\"Key\":\"\",\"Source\":\"\",\"Dir\":\".\"},{\"Key\":\"m\",\"Source\":\"x\",\"Dir\":\".terraform/modules/m\"},{\"Key\":\"m.inner\",\"Source\":\"y\",\"Dir\":\"../../etc\"}]}",
            ),
            (
                ".terraform/modules/m/main.tf",
                "variable \"n\" {}\nresource \"q\" \"q\" {\n n = var.n\n}\nmodule \"inner\" {\n source = \"b/c/d\"\n}\n",
            ),
            (".terraform/modules/unused/main.tf", "resource \"q\" \"q\" {}"),
        ],
        &["module.m {source=\"a/vpc/aws\" n=1}", "module.m.q.q {n=1}", "module.m.module.inner {source=\"b/c/d\"}"],
    );
    // An example that calls the top folder: the top is judged through it alone.
    check(
        &[
            ("main.tf", "variable \"n\" {}\nresource \"q\" \"q\" {\n n = var.n\n}\n"),
            ("examples/x/main.tf", "module \"top\" {\n source = \"../../\"\n n = 5\n}\n"),
        ],
        &["examples/x:module.top {source=\"../../\" n=5}", "examples/x:module.top.q.q {n=5}"],
    );
    check_codes(&[("main.tf", "module \"m\" {\n source = \"../out\"\n}\n")], &["module-not-here"]);
    check_codes(&[("main.tf", "module \"m\" {\n source = \"a/b/c\"\n}\n")], &["module-not-here"]);
    for files in [
        vec![
            ("a/main.tf", "module \"b\" {\n source = \"../b\"\n}\nresource \"t\" \"a\" {}"),
            ("b/main.tf", "module \"a\" {\n source = \"../a\"\n}\n"),
        ],
        vec![("a/main.tf", "module \"a\" {\n source = \"./\"\n}\nresource \"t\" \"a\" {}")],
    ] {
        let (collected, _) = collect(&files);
        assert!(collected.subjects.iter().any(|subject| &*subject.id == "t.a"));
        assert_eq!(collected.diagnostics[0].code, "module-cycle");
    }
}

#[test]
fn programs_where_others_fail() {
    // A policy document built with concat.
    check(
        &[(
            "main.tf",
            "data \"aws_iam_policy_document\" \"d\" {\n statement {\n  actions = concat([\"s3:GetObject\"], [\"*\"])\n  resources = [\"*\"]\n }\n}\nresource \"t\" \"r\" {\n x = jsondecode(data.aws_iam_policy_document.d.json).Statement[0].Action\n}\n",
        )],
        &[
            "data.aws_iam_policy_document.d {statement=[{actions=[\"s3:GetObject\" \"*\"] resources=[\"*\"]}]}",
            "t.r {x=[\"s3:GetObject\" \"*\"]<data.aws_iam_policy_document.d.json>}",
        ],
    );
    let template = |name: &'static str, text: &'static str, call: &'static str, expected: &str| {
        let main = format!("resource \"t\" \"r\" {{\n x = {call}\n}}\n");
        let (collected, _) = collect(&[("main.tf", &main), (name, text)]);
        assert_eq!(shown(&collected), [format!("t.r {{x={expected}}}")], "{:?}", collected.diagnostics);
    };
    template(
        "p.json.tpl",
        "{\"a\": \"${name}\"%{ if open }, \"b\": 1%{ endif }}",
        "templatefile(\"${path.module}/p.json.tpl\", { name = \"n\", open = true })",
        "\"{\\\"a\\\": \\\"n\\\", \\\"b\\\": 1}\"",
    );
    template("t.txt", "${nope}", "templatefile(\"t.txt\", {})", "?Invalid");
    template("t.txt", "x", "file(\"../../etc/passwd\")", "?File+");
}

#[test]
fn origins_tell_the_way() {
    let (collected, sources) = collect(&[
        (
            "main.tf",
            "variable \"e\" {\n  default = false\n}\nlocals {\n  on = var.e\n}\nmodule \"m\" {\n  source = \"./m\"\n  enc = local.on\n}\n",
        ),
        ("m/main.tf", "variable \"enc\" {}\nresource \"t\" \"r\" {\n  x = var.enc\n}\n"),
    ]);
    let subject = collected.subjects.iter().find(|subject| &*subject.id == "module.m.t.r").unwrap();
    let value = subject.value.get("x").unwrap();
    let (file, start, _) = sources.locate(value.span).unwrap();
    assert_eq!((&*file, start.line, start.column), ("m/main.tf", 3, 7));
    let way: Vec<String> = value
        .origin
        .as_ref()
        .unwrap()
        .steps
        .iter()
        .map(|step| {
            let (file, start, _) = sources.locate(step.span).unwrap();
            format!("{:?} {} {file}:{}", step.kind, step.name, start.line)
        })
        .collect();
    assert_eq!(way, ["ModuleArgument module.m main.tf:9", "Local local.on main.tf:5", "VariableDefault var.e main.tf:2"]);
    assert_eq!(subject.via.len(), 1);
    assert_eq!(sources.locate(subject.via[0]).unwrap().1.line, 7);
    assert_eq!(sources.snippet(subject.head).unwrap(), "resource \"t\" \"r\"");
}

#[test]
fn cycles_and_limits_end() {
    check_value("locals {\n a = local.b\n b = local.a\n}\nresource \"t\" \"r\" { x = local.a }", "?Invalid");
    check_codes(&[("main.tf", "locals {\n a = local.a\n}\nresource \"t\" \"r\" { x = local.a }")], &["cyclic-local"]);
    check(&[("main.tf", "resource \"t\" \"r\" {\n count = length(t.r)\n x = 1\n}\n")], &["t.r {x=1}"]);
    let shared: String = (0..60).map(|index| format!(" a{} = [local.a{index}, local.a{index}]\n", index + 1)).collect();
    check_value(&format!("locals {{\n a0 = 1\n{shared}}}\nresource \"t\" \"r\" {{ x = local.a60 }}"), "?Limit");
    check_value(
        "locals {\n a = true ? local.b : local.b\n b = false ? local.a : toset(local.a)\n}\nresource \"t\" \"r\" { x = [for v in local.a : v] }",
        "?Invalid+",
    );
    let deep: String = (0..5_000).map(|index| format!(" a{} = [local.a{index}]\n", index + 1)).collect();
    check_value(&format!("locals {{\n a0 = 1\n{deep}}}\nresource \"t\" \"r\" {{ x = length(local.a5000) }}"), "1");
    let options = CollectOptions { max_steps: 100_000, ..CollectOptions::default() };
    let text = "resource \"t\" \"r\" {\n x = [for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c]]]\n y = 1 + 1\n}";
    let (collected, _) = collect_with(&[("main.tf", text)], &options);
    assert_eq!(show(collected.subjects[0].value.get("y").unwrap()), "?Limit");
    assert_eq!((collected.diagnostics[0].code, collected.diagnostics[0].level), ("step-limit", Level::Error));
    let doubling: String = (0..60).map(|index| format!(" a{} = \"${{local.a{index}}}${{local.a{index}}}\"\n", index + 1)).collect();
    check_value(&format!("locals {{\n a0 = \"x\"\n{doubling}}}\nresource \"t\" \"r\" {{ x = local.a60 }}"), "?Limit+");
}

#[test]
fn files_that_cannot_be_read_are_said() {
    let tree: Vec<(&str, &[u8])> = vec![
        ("a.tf", b"resource \"t\" \"r\" {}\nresource \"t\" \"s\" {\n x = [1\n}\nresource \"t\" \"u\" {}\n"),
        ("b.tf", b"\xff\xfe"),
        ("c.tf", b"x\0"),
        ("d.tf", b"\xef\xbb\xbfresource \"t\" \"bom\" {}"),
        ("e.tfvars", b"a = 1"),
        ("f.tf", b"resource \"t\" \"f\" {}"),
        ("f.tofu", b"resource \"t\" \"tofu\" {}"),
        ("g.tf.json", b"{\"resource\": {\"t\": {\"json\": {\"a\": \"${1 + 1}\"}}}}"),
        ("h.txt", b"x"),
    ];
    let tree = MapTree::new(tree);
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let sources = SourceMap::new();
    let options = CollectOptions { max_file_size: 150, ..CollectOptions::default() };
    let collected = TerraformSource.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options });
    let mut ids: Vec<&str> = collected.subjects.iter().map(|subject| &*subject.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["t.bom", "t.json", "t.r", "t.s", "t.tofu", "t.u"]);
    let read: Vec<&str> = collected.coverage.read.iter().map(|file| &*file.file).collect();
    assert_eq!(read, ["d.tf", "f.tofu", "g.tf.json"]);
    let mut skipped: Vec<(&str, bool, bool)> =
        collected.coverage.skipped.iter().map(|file| (&*file.file, file.fails, file.partly)).collect();
    skipped.sort_unstable();
    assert_eq!(
        skipped,
        [("a.tf", true, true), ("b.tf", true, false), ("c.tf", true, false), ("e.tfvars", false, false), ("f.tf", false, false)]
    );
    let json = collected.subjects.iter().find(|subject| &*subject.id == "t.json").unwrap();
    assert_eq!(show(&json.value), "{a=2}");
}

#[test]
fn a_link_written_as_text_is_what_it_points_at() {
    let common = ("shared/common.tf", "variable \"on\" {\n  default = true\n}\n");
    let main = ("env/main.tf", "resource \"t\" \"r\" {\n  on = var.on\n}\n");
    check_codes(&[common, main, ("env/common.tf", "../shared/common.tf")], &["link-as-text"]);
    let (collected, _) = collect(&[common, main, ("env/common.tf", "../shared/common.tf")]);
    assert_eq!(shown(&collected), ["env:t.r {on=true}"]);
    check_codes(&[common, main, ("env/common.tf", "../shared/other.tf")], &["hcl-syntax"]);
    check_codes(&[common, main, ("env/common.tf", "../../shared/common.tf")], &["hcl-syntax"]);
}

#[test]
fn the_same_thing_is_not_said_for_ever() {
    let text: String = (0..120).map(|index| format!("nonsense \"n{index}\" {{}}\n")).collect();
    let (collected, _) = collect(&[("main.tf", &text)]);
    assert_eq!(collected.diagnostics.len(), 51);
    assert_eq!(collected.diagnostics[50].message, "70 more of `unknown-block` in this file");
    let call = |name: &str| format!("module \"{name}\" {{\n source = \"./m\"\n}}\n");
    check_codes(&[("main.tf", &(call("a") + &call("b"))), ("m/main.tf", "resource \"t\" \"r\" {\n x = [][0]\n}")], &["invalid-expression"]);
}

#[test]
fn override_files_take_the_place_of_what_they_name() {
    check(
        &[
            (
                "main.tf",
                "resource \"t\" \"r\" {\n a = 1\n b = 2\n c { d = 1 }\n}\nlocals {\n l = 1\n}\nresource \"t\" \"q\" { x = local.l }",
            ),
            ("x_override.tf", "resource \"t\" \"r\" {\n a = 9\n c { d = 2 }\n}\nlocals {\n l = 5\n}\n"),
        ],
        &["t.r {b=2 a=9 c=[{d=2}]}", "t.q {x=5}"],
    );
}

#[test]
fn suppressions() {
    let text = "# checkov:skip=CKV_1:above\nresource \"t\" \"a\" {\n  # checkov:skip=CKV_2:inside\n  x = 1 # trivy:ignore:AVD-3\n  #tfsec:ignore:four\n  # more\n  y {\n    z = 1\n  }\n}\n\n# trivy:ignore:AVD-5\nresource \"t\" \"b\" {\n  # probity:allow six owner=me reason\n  x = 1\n}\n# kics-scan ignore-line\nresource \"t\" \"c\" {}\n# kics-scan ignore-block\nresource \"t\" \"d\" {\n}\n";
    let (collected, sources) = collect(&[("main.tf", text)]);
    let shown: Vec<String> = collected
        .suppressions
        .iter()
        .map(|suppression| {
            let (_, start, end) = sources.locate(suppression.target).unwrap();
            let reach = match suppression.reach {
                SuppressionReach::Subject => "subject",
                SuppressionReach::Lines => "lines",
                SuppressionReach::File => "file",
            };
            format!("{} {reach} {}-{}", suppression.id, start.line, end.line)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "CKV_1 subject 2-10",
            "CKV_2 subject 2-10",
            "AVD-3 lines 4-4",
            "four lines 7-9",
            "AVD-5 subject 13-16",
            "six lines 15-15",
            "* lines 18-18",
            "* subject 20-21"
        ]
    );
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, ..Default::default() })]
    /// Whatever the text: it ends, and every claimed file is in the coverage.
    #[test]
    fn any_text_ends(text in "(resource \"t\" \"r\" \\{|module \"m\" \\{|locals \\{|\\}|\n|x = |for_each = |count = |local\\.x|var\\.x|t\\.r|\\[\\*\\]|\\[0\\]|\\.a|\\(|\\)|\\[|\\]|\"\\$\\{|\\}\"|for a in |: |1|\"s\"|source = \"./\"|dynamic \"d\" \\{|content \\{){0,30}") {
        let (collected, _) = collect(&[("main.tf", &text)]);
        proptest::prop_assert_eq!(collected.coverage.read.len() + collected.coverage.skipped.len(), 1);
    }
}

#[test]
fn a_merge_with_something_unknown_is_known_in_parts() {
    check_expr("merge(var.u, { a = 1 }).a", "1");
    check_expr("merge(var.u, { a = 1 })[\"a\"]", "1");
    check_expr("lookup(merge(var.u, { a = 1 }), \"a\", 2)", "1");
    check_expr("lookup(merge(var.u, { a = 1 }), \"b\", 2)", "?Variable");
    check_expr("merge({ a = 1 }, var.u).a", "?Variable");
    check_expr("merge(var.u, { a = 1 }).b", "?Variable");
    check_expr("merge(merge(var.u, { a = 1 }), { b = 2 }).b", "2");
    check_expr("merge(merge(var.u, { a = 1 }), { b = 2 }).a", "1");
    check_expr("merge(merge(var.u, { a = 1 }), var.u).a", "?Variable");
    check_expr("merge(var.u, { a = 1 })", "?Variable+=>{a=1 $rest=?Variable}");
    check_expr("length(merge(var.u, { a = 1 }))", "?Variable+");
    check_expr("keys(merge(var.u, { a = 1 }))", "?Variable+");
    check_expr("merge(var.u, { \"$rest\" = 1 })[\"$rest\"]", "?Variable");
}
