//! What the parsers make of texts, shown in a short form.

use super::*;
use probity_value::FileId;

fn show(expr: &Expr) -> String {
    let list = |items: &[Expr]| items.iter().map(show).collect::<Vec<_>>().join(" ");
    match &expr.kind {
        ExprKind::Null => "null".into(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Float(value) => value.to_string(),
        ExprKind::String(text) => format!("{text:?}"),
        ExprKind::Template(parts) => format!("T[{}]", show_parts(parts)),
        ExprKind::Interpolation(inner) => format!("${}", show(inner)),
        ExprKind::Name(name) => name.to_string(),
        ExprKind::Member(base, name) => format!("{}.{name}", show(base)),
        ExprKind::Index(base, key) => format!("{}[{}]", show(base), show(key)),
        ExprKind::Splat(base, follow) => {
            let mut text = format!("{}[*]{{", show(base));
            for step in follow {
                match step {
                    Follow::Member(name) => text.push_str(&format!(".{name}")),
                    Follow::Index(key) => text.push_str(&format!("[{}]", show(key))),
                }
            }
            text + "}"
        }
        ExprKind::List(items) => format!("[{}]", list(items)),
        ExprKind::Object(items) => {
            format!("{{{}}}", items.iter().map(|(key, value)| format!("{}={}", show(key), show(value))).collect::<Vec<_>>().join(" "))
        }
        ExprKind::Call(call) => format!("({} {}{})", call.name, list(&call.arguments), if call.spread { "..." } else { "" }),
        ExprKind::For(inner) => format!(
            "(for {:?} {} {} {}{}{}{})",
            inner.key.as_deref().unwrap_or(""),
            inner.value,
            show(&inner.collection),
            inner.result_key.as_ref().map(|key| show(key) + "=>").unwrap_or_default(),
            show(&inner.result),
            if inner.group { "..." } else { "" },
            inner.condition.as_ref().map(|condition| format!(" if {}", show(condition))).unwrap_or_default()
        ),
        ExprKind::Conditional(parts) => format!("(? {})", list(&parts[..])),
        ExprKind::Binary(operator, pair) => format!("({operator:?} {} {})", show(&pair.0), show(&pair.1)),
        ExprKind::Not(inner) => format!("(! {})", show(inner)),
        ExprKind::Negate(inner) => format!("(- {})", show(inner)),
        ExprKind::Broken => "BROKEN".into(),
    }
}

fn show_parts(parts: &[Part]) -> String {
    let show_part = |part: &Part| match part {
        Part::Text(text) => format!("{text:?}"),
        Part::Value(expr) => show(expr),
        Part::If { condition, then, otherwise } => format!("(if {} [{}] [{}])", show(condition), show_parts(then), show_parts(otherwise)),
        Part::For { key, value, collection, body } => {
            format!("(for {} {value} {} [{}])", key.as_deref().unwrap_or("-"), show(collection), show_parts(body))
        }
    };
    parts.iter().map(show_part).collect::<Vec<_>>().join(" ")
}

fn show_body(body: &Body) -> String {
    let mut out: Vec<String> = body.attributes.iter().map(|attribute| format!("{}={}", attribute.name, show(&attribute.expr))).collect();
    for block in &body.blocks {
        let labels: String = block.labels.iter().map(|label| format!(" {}", label.text)).collect();
        out.push(format!("{}{labels}{{{}}}", block.kind, show_body(&block.body)));
    }
    out.join("; ")
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let parsed = parse_body(text, FileId(0));
    assert_eq!(parsed.problems.iter().filter(|problem| problem.fatal).collect::<Vec<_>>(), Vec::<&Problem>::new(), "{text}");
    assert_eq!(show_body(&parsed.body), expected, "{text}");
}

#[track_caller]
fn check_expr(text: &str, expected: &str) {
    check(&format!("x = {text}\n"), &format!("x={expected}"));
}

#[track_caller]
fn check_broken(text: &str, expected: &str, messages: &[&str]) {
    let parsed = parse_body(text, FileId(0));
    assert_eq!(show_body(&parsed.body), expected, "{text}");
    let found: Vec<&str> = parsed.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(found.len(), messages.len(), "{text}: {found:?}");
    for (found, wanted) in found.iter().zip(messages) {
        assert!(found.contains(wanted), "{text}: {found:?}");
    }
}

#[test]
fn bodies() {
    check("a = 1\nb = 2", "a=1; b=2");
    check("\u{feff}a = 1", "a=1");
    check("a = 1\r\nb = 2\r\n", "a=1; b=2");
    check("resource \"t\" \"n\" {\n  a = 1\n  b {\n    c = 2\n  }\n}\n", "resource t n{a=1; b{c=2}}");
    check("variable \"e\" { type = bool } resource \"t\" \"d\" { s = var.e }", "variable e{type=bool}; resource t d{s=var.e}");
    check("locals {} # c\n// d\n/* e\n f */ terraform {}", "locals{}; terraform{}");
    check("a b c {}", "a b c{}");
    check("", "");
    check("é-1 = true", "é-1=true");
}

#[test]
fn expressions() {
    check_expr("1 + 2 * 3 - 4", "(Subtract (Add 1 (Multiply 2 3)) 4)");
    check_expr("!a && b || c == d", "(Or (And (! a) b) (Equal c d))");
    check_expr("-1.5e3", "-1500");
    check_expr("a ? b : c ? d : e", "(? a b (? c d e))");
    check_expr("a.b[0].c[\"k\"].0", "a.b[0].c[\"k\"].0");
    check_expr("a[*].b[0].c", "a[*]{.b[0].c}");
    check_expr("a.*.b[0]", "a[*]{.b}[0]");
    check_expr("f(1, [2, 3,]...,)", "(f 1 [2 3]...)");
    check_expr("{ a = 1, \"b\": 2, (c) = 3\n d.e = 4 }", "{\"a\"=1 \"b\"=2 c=3 d.e=4}");
    check_expr("[for a in b : a.c if a.d]", "(for \"\" a b a.c if a.d)");
    check_expr("{for k, v in b : k => v...}", "(for \"k\" v b k=>v...)");
    check_expr("{ for = 1 }", "{\"for\"=1}");
    check_expr("provider::aws::arn_parse(x)", "(provider::aws::arn_parse x)");
    check_expr("(\n a\n + b\n)", "(Add a b)");
    check_expr("[for k, v in x : k\n ? 1\n : 2]", "(for \"k\" v x (? k 1 2))");
    check_expr("{for k, v in x : k => v.a && v.b\n ? {a = 1}\n : null}", "(for \"k\" v x k=>(? (And v.a v.b) {\"a\"=1} null))");
    check_expr("anytrue([x &&\n y])", "(anytrue [(And x y)])");
    check_expr("a\n  # comment\n", "a");
    check_expr("9223372036854775808", "9223372036854776000");
}

#[test]
fn templates() {
    check_expr(r#""a${b}c""#, r#"T["a" b "c"]"#);
    check_expr(r#""${b}""#, "$b");
    check_expr(r#""$${b} %%{c} \n\u00e9 100% $5""#, r#""${b} %{c} \né 100% $5""#);
    check_expr(r#""${f("x${y}")}-""#, r#"T[(f T["x" y]) "-"]"#);
    check_expr(r#""%{ if a }x%{ else }y%{ endif }""#, r#"T[(if a ["x"] ["y"])]"#);
    check_expr(r#""%{ for k, v in m ~} ${v} %{~ endfor }""#, r#"T[(for k v m [v])]"#);
    check_expr("<<EOT\na ${b}\n  c\nEOT", "T[\"a \" b \"\\n  c\\n\"]");
    check_expr("<<-EOT\n    a\n\n      b\n  EOT", "\"a\\n\\n  b\\n\"");
    check_expr("<<-EOT\n  ${a}\n    b\n  EOT", "T[a \"\\n  b\\n\"]");
    check_expr("<<EOT\n%{ if a ~}\nx\n%{ endif ~}\nEOT", "T[(if a [\"x\\n\"] [])]");
    check_expr("<<EOT\n${a}\nEOT", "T[a \"\\n\"]");
    check_expr("<<EOT\nEOT", "\"\"");
    check_expr("f(<<EOT\nx\nEOT\n, 1)", "(f \"x\\n\" 1)");
    check_expr("{\n a = <<-EOT\n  x\n EOT\n b = 1\n}", "{\"a\"=\"x\\n\" \"b\"=1}");
}

#[test]
fn problems_do_not_stop_the_reading() {
    check_broken("a = \nb = 2", "a=BROKEN; b=2", &["a value is expected"]);
    check_broken("r {\n a = [1, 2\n b = 3\n}\nc = 1", "c=1; r{a=BROKEN; b=3}", &["`,` or `]`"]);
    check_broken(
        "resource \"a\" \"b\" {\n x = 1\n\nresource \"c\" \"d\" {\n y = 2\n}\n",
        "resource a b{x=1}; resource c d{y=2}",
        &["not closed"],
    );
    check_broken("a = \"x\nb = 1", "a=BROKEN; b=1", &["ends on its line"]);
    check_broken("}\na = 1", "a=1", &["closes nothing"]);
    check_broken("a = 1 2\nb = 1", "a=1; b=1", &["new line"]);
    check_broken("a = 1\na = 2", "a=1; a=2", &["given twice"]);
    check_broken("r {\n a = true }\nb = 1", "b=1; r{a=true}", &[]);
    check_broken("a = <<EOF\nx\nEOF\"\nb = 1", "a=BROKEN; b=1", &["no end", "expected", "ends on its line"]);
    check_broken("r {\n a = { b = [1 2]\n c = 3 }\n d = 4\n}", "r{a=BROKEN; d=4}", &["`,` or `]`"]);
    check_broken("= 1\n\u{1F600}\nb = 1", "b=1", &["expected", "expected"]);
    check_broken("a {\n b = {\n  c = 1\n}\nresource \"x\" \"y\" {\n d = 1\n}", "a{b={\"c\"=1}}; resource x y{d=1}", &["not closed"]);
}

#[test]
fn depth_is_limited() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{a=", "}"), ("!", ""), ("-", ""), ("\"${", "}\""), ("f(", ")"), ("a ? b : ", "")] {
        let text = format!("x = {}1{}\ny = 2\n", open.repeat(50_000), close.repeat(50_000));
        let parsed = parse_body(&text, FileId(0));
        assert!(parsed.problems.iter().any(|problem| problem.fatal), "{open}");
        assert!(parsed.body.attribute("x").is_some());
    }
    for chain in ["a + ", "a.", "a[0]."] {
        let text = format!("x = {}b\ny = 2\n", chain.repeat(50_000));
        assert!(parse_body(&text, FileId(0)).body.attribute("y").is_some());
    }
    let blocks = "b {\n".repeat(50_000);
    assert!(!parse_body(&blocks, FileId(0)).problems.is_empty());
}

#[test]
fn spans_are_bytes_of_the_file() {
    let text = "\u{feff}é {\n  b = \"x${var.y}\"\n}\n";
    let parsed = parse_body(text, FileId(3));
    let block = &parsed.body.blocks[0];
    let cut = |span: probity_value::Span| text.get(span.start as usize..span.end as usize).unwrap();
    assert_eq!(cut(block.head), "é");
    assert_eq!(cut(block.span), "é {\n  b = \"x${var.y}\"\n}");
    assert_eq!(cut(block.body.attributes[0].name_span), "b");
    assert_eq!(cut(block.body.attributes[0].expr.span), "\"x${var.y}\"");
    let ExprKind::Template(parts) = &block.body.attributes[0].expr.kind else { unreachable!() };
    let Part::Value(inner) = &parts[1] else { unreachable!() };
    assert_eq!(cut(inner.span), "var.y");
}

#[test]
fn json_form() {
    let text = r#"{"//": "c", "resource": {"t": {"n": {"a": "x${var.y}", "tags": {"k": 1}, "dynamic": {"b": {"for_each": "${var.z}", "content": {"c": 1}}}}}},
      "locals": [{"l": [true, null]}], "variable": {"v": {"type": "list(string)"}}}"#;
    let parsed = json::parse_body(text, FileId(0));
    assert_eq!(parsed.problems, []);
    assert_eq!(
        show_body(&parsed.body),
        "resource t n{a=T[\"x\" var.y]; tags={\"k\"=1}; dynamic b{for_each=$var.z; content{c=1}}}; locals{l=[true null]}; variable v{type=\"list(string)\"}"
    );
    let broken = json::parse_body("{\"resource\": 1}", FileId(0));
    assert_eq!(broken.problems.len(), 1);
    assert_eq!(json::parse_body("{", FileId(0)).problems.len(), 1);
    // Terraform has both, so what is read here is not all of it.
    let twice = json::parse_body(r#"{"resource": {"a": {"b": {}}}, "resource": {"c": {"d": {}}}}"#, FileId(0));
    assert!(matches!(twice.problems.as_slice(), [problem] if problem.fatal && problem.code == "hcl-duplicate-attribute"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_to_its_end(text in "[a-c{}()\\[\\]\"$%~=.,:?!<>\\\\ \n#/*0-9-]{0,80}") {
        let parsed = parse_body(&text, FileId(0));
        for comment in parsed.comments {
            proptest::prop_assert!(comment.end as usize <= text.len());
        }
        let _ = parse_template(&text, probity_value::Span::new(FileId(0), 0..text.len()), true);
        let _ = json::parse_body(&text, FileId(0));
    }
}
